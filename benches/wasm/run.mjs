// The linter alone as WebAssembly: its size, and its time in V8 beside the native time.
//
//   cargo xtask wasm-bench        builds both and runs this
//
// Arguments: the module for Node.js as wasm-bindgen writes it, and the native runner.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";

const [glue, native] = process.argv.slice(2);
const { count } = createRequire(import.meta.url)(glue);
const module = readFileSync(glue.replace(/\.js$/, "_bg.wasm"));
const small = gzipSync(module, { level: 9 }).length;
console.log(`module: ${module.length} bytes, ${small} gzipped`);

// The least of many short rounds: what disturbs a run only makes it slower, and what else the
// machine does leaves some of them alone.
function micros(bytes) {
  const repeats = Math.max(1, Math.round(100_000 / bytes.length));
  let least = Infinity;
  // The engine optimises what has run for a while.
  const warm = Date.now() + 1000;
  while (Date.now() < warm) count(bytes);
  for (let round = 0; round < 400; round += 1) {
    const begin = process.hrtime.bigint();
    for (let repeat = 0; repeat < repeats; repeat += 1) count(bytes);
    least = Math.min(least, Number(process.hrtime.bigint() - begin) / repeats / 1000);
  }
  return least;
}

for (const [ads, trackers] of [[1, 2], [1, 10], [1, 128], [60, 10], [345, 10]]) {
  const text = execFileSync(native, ["print", ads, trackers], { maxBuffer: 1 << 28 });
  const bytes = new Uint8Array(text);
  if (count(bytes) !== 0) throw new Error("the input is not clean");
  const own = Number(execFileSync(native, ["time", ads, trackers]).toString());
  const v8 = micros(bytes);
  const size = `${(bytes.length / 1000).toFixed(1)} KB`.padStart(9);
  console.log(`${size}  native ${own.toFixed(1)} µs  V8 ${v8.toFixed(1)} µs  ${(v8 / own).toFixed(2)} times`);
}
