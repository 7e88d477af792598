// A bundle's page in a real browser, from the disk as a double-click opens it: it is green, it is
// red for every tampered copy, it says nothing on the console and asks nobody for anything.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { launch } from '../tools/browser.mjs';
import { binary } from '../tools/native.mjs';

const BEGIN = '<script type="application/vnd.adproof.bundle" id="bundle">\n';
const END = '</script>';
// Where screenshots go, for whoever wants to look at them.
const SHOTS = process.env.ADPROOF_SHOTS;

let folder;
let browser;
let html;

const adproof = (...args) => execFileSync(binary(), args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'adproof-bundle-'));
  adproof('demo', '--keep', 'demo');
  adproof('bundle', 'make', 'demo/ledger', '7', '8', '--case', '2026-117', '--for', 'Counsel of B', '--disclosures', 'demo/disclosures.jsonl', '--keys', 'demo/keys',
    '--reveal', 'network.ip', '--reveal', 'billing.amount_micros');
  html = readFileSync(join(folder, '2026-117.html'), 'utf8');
  browser = await launch();
});
after(async () => {
  await browser?.close();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

/** The files in a page, changed by `work`, in the same page. */
function changed(work) {
  const start = html.indexOf(BEGIN) + BEGIN.length;
  const end = html.indexOf(END, start);
  const files = new Map(html.slice(start, end).trimEnd().split('\n').map((line) => {
    const [name, base64] = line.split(' ');
    return [name, Buffer.from(base64, 'base64')];
  }));
  work(files);
  const text = [...files].map(([name, bytes]) => `${name} ${bytes.toString('base64')}\n`).join('');
  return html.slice(0, start) + text + html.slice(end);
}

const edit = (files, name, from, to) => {
  const text = files.get(name).toString();
  assert.ok(text.includes(from), `${name} holds ${from}`);
  files.set(name, Buffer.from(text.replace(from, to)));
};

/** Opens a page from the disk. Afterwards nothing may have been said or asked. */
async function open(name, text, options, work) {
  const path = join(folder, `${name}.html`);
  writeFileSync(path, text);
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints = [];
  const own = pathToFileURL(path).href;
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => { if (request.url() !== own) complaints.push(`asked for ${request.url().slice(0, 80)}`); });
  try {
    await page.goto(own);
    await page.waitForFunction(() => !document.querySelector('#verdict').classList.contains('pending'));
    await work(page);
    if (SHOTS) {
      mkdirSync(SHOTS, { recursive: true });
      await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
    }
    assert.deepEqual(complaints, []);
  } finally {
    await context.close();
  }
}

/** Nothing is wider than the screen. */
async function fits(page) {
  const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.screen.width]);
  assert.ok(wide <= seen, `${wide} px on ${seen}`);
}

const headline = (page) => page.locator('#verdict h1').textContent();
const DESK = { viewport: { width: 1280, height: 900 } };
const PHONE = { viewport: { width: 390, height: 844 }, screen: { width: 390, height: 844 }, isMobile: true, deviceScaleFactor: 2 };

describe('a good bundle', () => {
  test('is green and says who decided what, on which evidence, and what is missing', () => open('good-1280', html, DESK, async (page) => {
    assert.equal(await headline(page), 'Everything in this file fits together');
    assert.match(await page.title(), /^✓/);
    const text = await page.locator('main').innerText();
    for (const part of [
      'Counsel of B', '2026-117', 'demo.example/adproof', 'Record 8', 'recorded the decision about', 'Evidence: ', 'Network: who asked',
      'exist and are not revealed to you', 'this bundle shows 2 of them', 'Each of 2 records', 'No witness: a rewrite by the key holder would not show',
      'The page itself came from the sender', 'adproof bundle verify --key log.pub good-1280.html',
    ]) assert.ok(text.includes(part), `the page says ${part}`);
    assert.match(text, /3fff:[0-9a-f:]+/);
    assert.equal(await page.locator('.checks .bad').count(), 0);
  }));

  test('fits a phone', () => open('good-390', html, PHONE, fits));

  test('is read in the dark and on paper', async () => {
    await open('good-dark-1280', html, { ...DESK, colorScheme: 'dark' }, async (page) => {
      const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      assert.equal(ground, 'rgb(20, 21, 23)');
    });
    await open('good-print', html, DESK, async (page) => {
      await page.emulateMedia({ media: 'print' });
      assert.equal(await page.locator('form').isVisible(), false);
      assert.ok(await page.locator('article').first().isVisible());
    });
  });

  test('has landmarks, one first heading, and names for its tables and fields', () => open('good-parts', html, DESK, async (page) => {
    assert.equal(await page.locator('h1').count(), 1);
    assert.equal(await page.getByRole('main').count(), 1);
    assert.equal(await page.getByRole('alert').count(), 1);
    assert.equal(await page.getByLabel(/operator’s public keys/).count(), 1);
    assert.equal(await page.locator('th:not([scope])').count(), 0);
    assert.equal(await page.locator('html').getAttribute('lang'), 'en');
    // What the colours say is said in words too, and all text is dark enough on its ground.
    const faint = await page.evaluate(() => {
      const channel = (value) => { const share = value / 255; return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4; };
      const light = ([red, green, blue]) => 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
      const rgb = (text) => text.match(/[\d.]+/g).map(Number);
      const ground = (element) => {
        for (let at = element; at; at = at.parentElement) {
          const colour = rgb(getComputedStyle(at).backgroundColor);
          if (colour.length === 3 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
      };
      return [...document.querySelectorAll('main *, header *')].filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
        .map((element) => {
          const [a, b] = [light(rgb(getComputedStyle(element).color)), light(ground(element))];
          return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), element.className || element.tagName];
        }).filter(([ratio]) => ratio < 4.5);
    });
    assert.deepEqual(faint, []);
  }));

  test('is checked again with the keys that the reader brings', () => open('good-keys', html, DESK, async (page) => {
    await page.locator('#own-keys-text').fill(readFileSync(join(folder, 'demo/keys/log.pub'), 'utf8'));
    await page.getByRole('button', { name: 'Check with these keys' }).click();
    await page.waitForFunction(() => document.querySelector('#verdict h1').textContent.startsWith('Verified'));
    assert.equal(await headline(page), 'Verified with the keys that you gave');
    await page.locator('#own-keys-text').fill('nonsense');
    await page.getByRole('button', { name: 'Check with these keys' }).click();
    await page.waitForFunction(() => document.querySelector('#verdict').classList.contains('bad'));
    assert.match(await page.locator('#problems').textContent(), /the keys that you gave/);
  }));
});

describe('a bundle that a witness has seen', () => {
  let witnessed;
  before(async () => {
    // The demo's ledger has a key of a log; its witness is one of the test's own.
    execFileSync('openssl', ['genpkey', '-algorithm', 'ed25519', '-out', 'w.key'], { cwd: folder });
    execFileSync('chmod', ['600', 'w.key'], { cwd: folder });
    const vkey = adproof('ledger', 'witness', 'key', 'w.key', '--name', 'b.example/w1').trim();
    const args = ['ledger', 'witness', 'serve', '--key', 'w.key', '--name', 'b.example/w1', '--log', 'demo/keys/log.pub', '--state', 'witness-state', '--listen', '127.0.0.1:0'];
    const child = spawn(binary(), args, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      let url;
      for await (const line of createInterface({ input: child.stdout })) {
        url = line.match(/listening on (http:\S+)/)?.[1];
        if (url) break;
      }
      writeFileSync(join(folder, 'witnesses'), `witness buyer ${vkey} ${url}\nquorum buyer\n`);
      adproof('ledger', 'witness', 'submit', 'demo/ledger', '--policy', 'witnesses');
    } finally {
      child.kill();
    }
    adproof('bundle', 'make', 'demo/ledger', '7', '--case', 'witnessed', '--policy', 'witnesses');
    witnessed = readFileSync(join(folder, 'witnessed.html'), 'utf8');
  });

  test('says so, and that the list of witnesses is the sender’s word', () => open('witnessed-1280', witnessed, DESK, async (page) => {
    assert.equal(await headline(page), 'Everything in this file fits together');
    const text = await page.locator('main').innerText();
    for (const part of ['The witness “buyer” signed the head of the log on', 'Whether the witnesses are independent of the log', 'by the sender’s word']) {
      assert.ok(text.includes(part), `the page says ${part}`);
    }
    assert.ok(!text.includes('No witness: a rewrite'), 'there is a witness');
    // With keys and witnesses of the reader's own there is nothing left to believe of that.
    await page.locator('#own-keys-text').fill(readFileSync(join(folder, 'demo/keys/log.pub'), 'utf8'));
    await page.locator('#own-policy-text').fill(readFileSync(join(folder, 'witnesses'), 'utf8'));
    await page.getByRole('button', { name: 'Check with these keys' }).click();
    await page.waitForFunction(() => document.querySelector('#verdict h1').textContent.startsWith('Verified'));
    const own = await page.locator('main').innerText();
    assert.match(own, /The policy that you gave is met at \d+ records/);
    assert.ok(!own.includes('independent of the log'));
    // Witnesses who have not signed are a failed check.
    await page.locator('#own-policy-text').fill('witness remora remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2\nquorum remora');
    await page.getByRole('button', { name: 'Check with these keys' }).click();
    await page.waitForFunction(() => document.querySelector('#verdict').classList.contains('bad'));
    assert.match(await page.locator('#problems').textContent(), /meets the policy that you gave/);
  }));

  test('is red where the witness’s line was changed', () => {
    const other = html;
    html = witnessed;
    const text = changed((files) => {
      for (const [name, bytes] of files) {
        const line = bytes.toString().match(/— b\.example\/w1 (\S+)\n$/)?.[1];
        if (!line) continue;
        const flipped = line.slice(0, 40) + (line[40] === 'A' ? 'B' : 'A') + line.slice(41);
        files.set(name, Buffer.from(bytes.toString().replace(line, flipped)));
      }
    });
    html = other;
    return open('witnessed-forged', text, DESK, async (page) => {
      assert.equal(await headline(page), 'Failed: do not rely on this file');
      assert.match(await page.locator('#problems').textContent(), /the line of the witness `buyer` does not fit/);
    });
  });
});

/** The public keys of a second log of the same name. */
function foreignKeys() {
  adproof('keys', 'new', 'foreign', '--log', 'demo.example/adproof', '--no-passphrase');
  return readFileSync(join(folder, 'foreign/log.pub'));
}

const TAMPERED = {
  'an edited record': [(files) => edit(files, 'records/8.json', '"action":"review"', '"action":"block"'), /Record 8: the record beside its envelope is another one/],
  'an edited record and envelope': [(files) => {
    edit(files, 'records/8.json', '"action":"review"', '"action":"block"');
    const envelope = JSON.parse(files.get('records/8.dsse.json'));
    envelope.payload = files.get('records/8.json').toString('base64');
    files.set('records/8.dsse.json', Buffer.from(JSON.stringify(envelope)));
  }, /Record 8: .*signature/],
  'an edited disclosure': [(files) => {
    const opening = JSON.parse(files.get('records/8.disclosures.json'));
    const [salt, name] = JSON.parse(Buffer.from(opening.legs[0].disclosures[0], 'base64url'));
    opening.legs[0].disclosures[0] = Buffer.from(JSON.stringify([salt, name, 'x 3fff::1'])).toString('base64url');
    files.set('records/8.disclosures.json', Buffer.from(JSON.stringify(opening)));
  }, /Record 8: the leg `\w+`: the record does not commit to this disclosure/],
  'a dropped proof': [(files) => files.delete('records/7.tlog-proof'), /Record 7: the file records\/7\.tlog-proof is missing/],
  'a proof of another record': [(files) => files.set('records/7.tlog-proof', files.get('records/8.tlog-proof')), /Record 7: its proof is for place 8/],
  'a swapped checkpoint': [(files) => edit(files, 'checkpoint', '\n412\n', '\n413\n'), /its proof is under another checkpoint/],
  'a foreign key': [(files) => files.set('log.pub', foreignKeys()), /Record 7: .*key/],
  'a forged signature': [(files) => {
    const envelope = JSON.parse(files.get('records/7.dsse.json'));
    const signature = Buffer.from(envelope.signatures[0].sig, 'base64');
    signature[3] ^= 1;
    envelope.signatures[0].sig = signature.toString('base64');
    files.set('records/7.dsse.json', Buffer.from(JSON.stringify(envelope)));
  }, /Record 7: .*signature/],
  'an edited script': [(files) => edit(files, 'verify.sh', 'exit $failed', 'exit 0'), /verify\.sh is not the one that adproof writes/],
  'data that cannot be read': [(files) => { files.set('records/7.json x', Buffer.from('{}')); }, /is not a file/],
};

describe('a tampered bundle', () => {
  for (const [what, [work, told]] of Object.entries(TAMPERED)) {
    test(`with ${what} is red, first, and names it`, async () => {
      const name = what.replaceAll(' ', '-');
      const text = changed(work);
      for (const [size, options] of [['1280', DESK], ['390', PHONE]]) {
        await open(`${name}-${size}`, text, options, async (page) => {
          assert.equal(await headline(page), 'Failed: do not rely on this file');
          assert.match(await page.title(), /^✗ FAILED/);
          assert.match(await page.locator('#problems').textContent(), told);
          const [colour, top] = await page.evaluate(() => {
            const verdict = document.querySelector('#verdict');
            return [getComputedStyle(verdict).backgroundColor, verdict.getBoundingClientRect().top];
          });
          assert.equal(colour, 'rgb(179, 20, 13)');
          assert.ok(top <= 0);
          if (size === '390') await fits(page);
          assert.ok(await page.locator('.checks .bad').first().isVisible());
          // A record that failed is not shown as if it said something.
          if (/Record 8/.test(String(told))) assert.equal(await page.locator('article h3', { hasText: /^Record 8: not proved/ }).count(), 1);
        });
      }
      let code = 0;
      try { adproof('bundle', 'verify', `${name}-1280.html`, '--key', 'demo/keys/log.pub'); } catch (error) { code = error.status; }
      assert.ok(code === 1 || code === 2, `the command line says ${code}`);
    });
  }
});

test('markup in what strangers wrote stays text', () => open('markup', changed((files) => {
  files.set('case.json', Buffer.from('{"case":"<img src=x onerror=alert(1)>","erased":[],"for":"</script><script>document.title=1</script>","v":1}'));
}), DESK, async (page) => {
  assert.equal(await page.locator('main img, main script').count(), 0);
  assert.match(await page.locator('#facts').textContent(), /<img src=x/);
}));

test('a page whose own code was edited is refused by the command line, however green', async () => {
  const path = join(folder, 'painted.html');
  writeFileSync(path, html.replace("say('bad', '✗', 'Failed: do not rely on this file'", "say('good', '✓', 'Verified'"));
  assert.throws(() => adproof('bundle', 'verify', path, '--key', 'demo/keys/log.pub'), (error) => {
    assert.equal(error.status, 1);
    assert.match(error.stdout, /page {5}UNKNOWN/);
    return /the page around the files is not one that adproof writes/.test(error.stdout.replace(/\s+/g, ' '));
  });
  // The browser does not run it either: the policy in the page allows only its own script. An
  // editor can change the policy too, which is why the page alone is never enough.
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(pathToFileURL(path).href);
  assert.equal(await headline(page), 'Not checked yet');
  await context.close();
});
