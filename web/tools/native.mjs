// The binary that `cargo build` made, or the one that ADPROOF_BIN names.

import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const DATASETS = join(ROOT, 'datasets');
export const DIST = join(ROOT, 'web/dist');

export function binary() {
  const path = process.env.ADPROOF_BIN || resolve(ROOT, process.env.CARGO_TARGET_DIR || 'target', 'debug/adproof');
  if (!existsSync(path)) throw new Error(`no binary at ${path}; run \`cargo build\` first or set ADPROOF_BIN`);
  return path;
}

/** What the binary writes; findings are no failure. */
export function run(args, cwd) {
  return new Promise((done, fail) => {
    execFile(binary(), args, { cwd, encoding: 'buffer', maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      if (error && error.code !== 1) fail(new Error(`adproof ${args.join(' ')}: ${stderr}`));
      else done(stdout);
    });
  });
}

/** `adproof serve` on a free port: `{url, close}`. */
export async function serveNative(folder) {
  const child = spawn(binary(), ['serve', '--listen', '127.0.0.1:0', '--page', folder, '--quiet'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((done) => { child.once('exit', done); });
  for await (const line of createInterface({ input: child.stdout })) {
    const url = line.match(/^listening on (http:\S+)$/)?.[1];
    if (url) return { url, close: () => { child.kill('SIGTERM'); return ended; } };
  }
  throw new Error(`adproof serve ended with ${await ended} before it listened`);
}
