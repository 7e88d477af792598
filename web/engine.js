// Questions to the worker, as promises.

const worker = new Worker(new URL('worker.js', import.meta.url), { type: 'module' });
const waiting = new Map();
let last = 0;

worker.onmessage = ({ data: { id, ok, error } }) => {
  const { resolve, reject } = waiting.get(id) ?? {};
  waiting.delete(id);
  if (error === undefined) resolve?.(ok);
  else reject?.(new Error(error));
};

worker.onerror = (event) => {
  event.preventDefault();
  const error = new Error(event.message || 'The worker could not start.');
  for (const { reject } of waiting.values()) reject(error);
  waiting.clear();
};

export function ask(job, input) {
  last += 1;
  const id = last;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    worker.postMessage({ id, job, input });
  });
}
