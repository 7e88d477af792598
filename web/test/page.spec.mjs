// The page in a real browser, from a plain static server and from `adproof serve`: it does both
// of its jobs, says nothing on the console and asks nobody else for anything.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { launch } from '../tools/browser.mjs';
import { DATASETS, DIST, serveNative } from '../tools/native.mjs';
import { serveStatic } from '../tools/static.mjs';

const TAG = readFileSync(join(DATASETS, 'tags/creative-broken.xml'), 'utf8');
const MAY = 'ioc-ipv6-2026-05.xlsx';

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

for (const [who, serve] of [['a static server', serveStatic], ['adproof serve', serveNative]]) {
  describe(`from ${who}`, () => {
    let server;
    before(async () => { server = await serve(DIST); });
    after(async () => { await server?.close(); });

    /** A fresh page; afterwards nothing may have been said or asked that should not be. */
    const on = (work) => async () => {
      const context = await browser.newContext();
      const page = await context.newPage();
      const complaints = [];
      page.on('console', (message) => { if (message.type() !== 'log') complaints.push(message.text()); });
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`));
      page.on('request', (request) => {
        const url = request.url();
        if (!url.startsWith(server.url) && !url.startsWith('data:') && !url.startsWith('blob:')) complaints.push(`foreign: ${url}`);
      });
      try {
        await page.goto(server.url);
        await work(page, context);
        assert.deepEqual(complaints, []);
      } finally {
        await context.close();
      }
    };

    test('lints a pasted tag and shows where', on(async (page) => {
      await page.locator('#tag-text').fill(TAG);
      const finding = page.locator('.finding', { hasText: 'bare-ampersand' });
      await finding.waitFor();
      assert.equal(await finding.locator('.place').textContent(), '9:68');
      assert.equal(await page.locator('#backdrop .line').nth(8).locator('mark.error').textContent(), '&');
      assert.match(await page.locator('#tag-facts').textContent(), /VAST.*4\.2/);
      await finding.locator('summary').click();
      assert.match(await finding.locator('.meta').textContent(), /vastlint:/);
      await finding.locator('.place').click();
      const [start, end] = await page.locator('#tag-text').evaluate((text) => [text.selectionStart, text.selectionEnd]);
      assert.equal(TAG.slice(start, end), '&');
    }));

    test('leads from a finding to the page of its rule, and to all rules', on(async (page, context) => {
      await page.locator('#tag-text').fill(TAG);
      const link = page.locator('.finding', { hasText: 'bare-ampersand' }).locator('a.rule');
      const [rule] = await Promise.all([context.waitForEvent('page'), link.click()]);
      await rule.waitForLoadState();
      assert.match(rule.url(), /\/rules\/bare-ampersand\.html$/);
      assert.ok(await rule.locator('h2', { hasText: 'Bad' }).isVisible());
      assert.match(await rule.locator('pre').first().textContent(), /</);
      // The style came through the page's own policy.
      assert.notEqual(await rule.locator('pre').first().evaluate((pre) => getComputedStyle(pre).paddingLeft), '0px');
      await rule.locator('a', { hasText: 'Rules' }).click();
      await rule.waitForURL(/rules\/index\.html$/);
      const { rules } = await page.evaluate(async () => JSON.parse(await (await import('./engine.js')).ask('rules')));
      assert.equal(await rule.locator('tbody tr').count(), rules.length);
    }));

    test('applies a safe fix to the bytes, and the finding is gone', on(async (page) => {
      await page.locator('#tag-sample').click();
      const finding = page.locator('.finding', { hasText: 'bare-ampersand' });
      await finding.getByRole('button', { name: 'Apply' }).click();
      await finding.waitFor({ state: 'detached' });
      assert.notEqual(await page.locator('#tag-text').inputValue(), TAG);
    }));

    test('the listing lies exactly under the text area', on(async (page) => {
      await page.locator('#tag-text').fill(`${TAG}\n<!-- ${'x'.repeat(4000)} -->\n`);
      await page.locator('.finding').first().waitFor();
      const [area, sheet] = await page.locator('#tag-text').evaluate((text) => [text.scrollHeight, document.getElementById('backdrop').offsetHeight]);
      assert.ok(Math.abs(area - sheet) <= 1, `text area ${area}, listing ${sheet}`);
    }));

    test('lints without a network once it is loaded', on(async (page, context) => {
      await page.locator('#version', { hasText: /^\d/ }).waitFor();
      await context.setOffline(true);
      await page.locator('#tag-text').fill('<VAST version="4.2"/>');
      await page.locator('.verdict .headline').waitFor();
      assert.match(await page.locator('#tag-facts').textContent(), /VAST/);
    }));

    test('markup in a tag stays text', on(async (page) => {
      await page.locator('#tag-text').fill('<VAST version="4.2"><img src=x onerror="document.title=1"><script>document.title=1</script></VAST>');
      await page.locator('.finding').first().waitFor();
      assert.equal(await page.locator('#lint img, #lint script').count(), 0);
      assert.notEqual(await page.title(), '1');
    }));

    test('a file in another encoding is linted as its bytes', on(async (page) => {
      await page.locator('#tag-file').setInputFiles(join(DATASETS, 'tags/utf16-title.xml'));
      await page.locator('.verdict .headline').waitFor();
      assert.match(await page.locator('#tag-facts').textContent(), /UTF-16/);
      assert.match(await page.locator('#backdrop').textContent(), /<VAST/);
    }));

    test('scores a dropped workbook and says that one issue ranks nothing', on(async (page) => {
      await page.locator('#tab-score').click();
      const bytes = [...readFileSync(join(DATASETS, MAY))];
      const files = await page.evaluateHandle(([name, data]) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(data)], name));
        return transfer;
      }, [MAY, bytes]);
      await page.dispatchEvent('#feed-drop', 'drop', { dataTransfer: files });
      await page.locator('.block-table').waitFor();
      const figure = (id) => page.locator(`[data-figure="${id}"] strong`).textContent();
      assert.equal(await figure('accepted'), '25');
      assert.equal(await figure('rejected'), '0');
      assert.equal(await figure('ranked'), '0');
      assert.match(await page.locator('.lesson').textContent(), /^Insufficient\. One issue/);
      assert.match(await page.locator('#scored .notice').textContent(), /publisher’s opinion/);
      assert.match(await page.locator('#scored').textContent(), /displayImpressionFraudSIVT21/);
      assert.match(await page.locator('.block-table tbody tr').first().textContent(), /Spectrum.*4.*1 of 1.*insufficient/);
    }));

    test('ranks what comes back over twelve issues, and names what it rejected', on(async (page) => {
      await page.locator('#tab-score').click();
      await page.locator('#feed-twelve').click();
      await page.locator('.block-table').waitFor();
      assert.match(await page.locator('.levels [aria-pressed="true"]').textContent(), /^Ranked[1-9]/);
      const row = page.locator('tr[data-block="3fff:10:42:7::/64"]');
      assert.match(await row.textContent(), /Spectrum.*11 of 12/);
      await row.locator('button').click();
      assert.match(await page.locator('tr.detail:not([hidden])').textContent(), /among the \d+ blocks/);
      assert.match(await page.locator('.rejected').textContent(), /spreadsheet/);
      const [download] = await Promise.all([page.waitForEvent('download'), page.getByText('Download JSON').last().click()]);
      assert.equal(JSON.parse(readFileSync(await download.path(), 'utf8')).schema, 'adproof.score/1');
    }));

    test('says what a file is that is no feed', on(async (page) => {
      await page.locator('#tab-score').click();
      await page.locator('#feed-file').setInputFiles({ name: 'a.xlsx', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.7 not a workbook') });
      assert.match(await page.locator('#scored .bad').textContent(), /a\.xlsx.*PDF/s);
    }));

    test('moves between its tabs by keyboard', on(async (page) => {
      await page.locator('#tab-lint').focus();
      await page.keyboard.press('ArrowRight');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'tab-score');
      assert.ok(await page.locator('#score').isVisible());
      assert.equal(await page.locator('#lint').isVisible(), false);
      assert.equal(new URL(page.url()).hash, '#score');
    }));
  });
}
