// In a process of its own: the heap of the one that runs the tests is not ours.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

const url = JSON.stringify(new URL("./tidy.ts", import.meta.url).href);
const run = (script: string, ...flags: readonly string[]): string => execFileSync(process.execPath, [...flags, "--input-type=module", "-e", script], { encoding: "utf8", timeout: 60_000 });

// The engine may get to it by itself, later: here it is told not to. What is free then goes back to the system by its own rules.
test("an idle thread collects what large work left", () => {
  const said = run(`
    import v8 from "node:v8";
    const { tidyWhenIdle } = await import(${url});
    const used = () => v8.getHeapStatistics().used_heap_size;
    let work = Array.from({ length: 1_000_000 }, (_, i) => ({ text: "a" + i }));
    const grown = used();
    work = undefined;
    tidyWhenIdle(100);
    const deadline = Date.now() + 10_000;
    while (used() > grown / 2 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
    console.log(used() <= grown / 2);`, "--no-memory-reducer");
  assert.equal(said.trim(), "true");
});

test("it keeps no process alive, and shows the collector to nobody else", () => {
  assert.equal(run(`
    const { tidyWhenIdle } = await import(${url});
    tidyWhenIdle();
    console.log(typeof globalThis.gc);`).trim(), "undefined");
});

test("threads that start at the same time each find the collector", () => {
  assert.equal(run(`
    import { Worker } from "node:worker_threads";
    const arrived = new Int32Array(new SharedArrayBuffer(4));
    const script = 'import { workerData } from "node:worker_threads"; const { url, arrived, threads } = workerData; const { tidyWhenIdle } = await import(url); Atomics.add(arrived, 0, 1); while (Atomics.load(arrived, 0) < threads); for (let i = 0; i < 50; i++) tidyWhenIdle();';
    const threads = 3;
    const ends = Array.from({ length: threads }, () => new Promise((resolve) => {
      new Worker(script, { eval: true, workerData: { url: ${url}, arrived, threads } }).once("error", (error) => resolve(String(error))).once("exit", () => resolve("ended"));
    }));
    console.log([...new Set(await Promise.all(ends))].join());`).trim(), "ended");
});
