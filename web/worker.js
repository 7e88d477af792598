// The work, off the thread that draws. One message asks, one answers, with the same id.

import init, * as adproof from './adproof.js';

const ready = init();

const jobs = {
  version: () => adproof.version(),
  rules: () => adproof.rules(),
  lint: ({ bytes, options }) => adproof.lint(bytes, JSON.stringify(options)),
  score: ({ files }) => adproof.score(files.map(({ name, bytes }) => new adproof.Named(name, bytes))),
};

self.onmessage = async ({ data: { id, job, input } }) => {
  try {
    await ready;
    self.postMessage({ id, ok: jobs[job](input) });
  } catch (error) {
    self.postMessage({ id, error: error instanceof Error ? error.message : String(error) });
  }
};
