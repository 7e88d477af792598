// The browser's bytes are the binary's bytes: the same tags and feeds through both.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';

import { DATASETS, DIST, run } from '../tools/native.mjs';

const TAGS = join(DATASETS, 'tags');
const tags = readdirSync(TAGS).filter((name) => name.endsWith('.xml')).sort();
const feeds = readdirSync(DATASETS).filter((name) => name.startsWith('ioc-ipv6-')).sort();

let adproof;

before(async () => {
  adproof = await import(join(DIST, 'adproof.js'));
  adproof.initSync({ module: readFileSync(join(DIST, 'adproof_bg.wasm')) });
});

const named = (name) => new adproof.Named(name, readFileSync(join(DATASETS, name)));
const native = async (args, cwd) => (await run([...args, '--output-format', 'json'], cwd)).toString();

describe('lint', () => {
  assert.equal(tags.length, 30);
  for (const name of tags) {
    test(name, async () => {
      const here = adproof.lint(readFileSync(join(TAGS, name)), JSON.stringify({ name }));
      assert.equal(here, await native(['lint', name], TAGS));
    });
  }
});

describe('score', () => {
  assert.equal(feeds.length, 12);
  for (const name of feeds) {
    test(name, async () => {
      assert.equal(adproof.score([named(name)]), await native(['score', name], DATASETS));
    });
  }

  test('all twelve issues', async () => {
    assert.equal(adproof.score(feeds.map(named)), await native(['score', ...feeds], DATASETS));
  });
});

describe('the rest of the module', () => {
  test('rules are the binary’s rules', async () => {
    const rules = JSON.parse(await native(['rules'], DATASETS));
    for (const rule of rules) { delete rule.page; delete rule.examples; }
    assert.deepEqual(JSON.parse(adproof.rules()).rules, rules);
  });

  test('its version is the binary’s', async () => {
    assert.equal(`adproof ${adproof.version()}\n`, (await run(['--version'], DATASETS)).toString());
  });

  test('what it cannot read is an error with words, not a crash', () => {
    assert.throws(() => adproof.score([new adproof.Named('x.xlsx', new Uint8Array([0x25, 0x50, 0x44, 0x46, 0x2d]))]), /x\.xlsx/);
    assert.throws(() => adproof.lint(new Uint8Array([60]), '{"severity":"loud"}'), /severity/);
    assert.throws(() => adproof.lint(new Uint8Array([60]), '{"select":["no-such-rule"]}'), /no-such-rule/);
    assert.match(adproof.lint(new Uint8Array([60]), '{}'), /"adproof\.lint\/1"/);
  });
});
