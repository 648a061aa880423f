// Giving memory back after large work.
//
// The engine keeps the heap it once needed for as long as nothing asks for more: after a bootstrap of 16,384 bins the service had
// 217 MiB resident, 192 when its three threads had done this, and 152 some eight seconds later, when the engine gave back the
// pages that this freed (2026-11-26). So a thread that has been idle for some seconds, and whose heap grew since the last time,
// collects what it can, once; while it works nothing is done.

import { performance } from "node:perf_hooks";
import v8 from "node:v8";
import vm from "node:vm";

const LOOK_MS = 5_000;
/** The part of its time a thread may be busy and still count as idle. */
const IDLE = 0.05;
/** A heap that grew by less is not worth the 20 to 100 ms this takes. */
const GREW_BYTES = 16 * 1024 * 1024;

/** Looks after the heap of the calling thread, for as long as it lives. Keeps nothing alive. */
export function tidyWhenIdle(everyMs = LOOK_MS): void {
  const collect = collector();
  if (collect === undefined) return;
  let before = performance.eventLoopUtilization();
  let kept = 0;
  const look = (): void => {
    const now = performance.eventLoopUtilization();
    const busy = performance.eventLoopUtilization(now, before).utilization;
    before = now;
    if (busy > IDLE || v8.getHeapStatistics().total_heap_size - kept < GREW_BYTES) return;
    collect();
    kept = v8.getHeapStatistics().total_heap_size;
  };
  setInterval(look, everyMs).unref();
}

/** A word to the engine counts for all threads: one that has found its collector takes it back before another one looks. */
const MOST_TRIES = 1_000;

/** The engine's collector, which it shows to contexts that are made after it was told to. None: memory stays as the engine keeps it. */
function collector(): (() => void) | undefined {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    v8.setFlagsFromString("--expose-gc");
    const gc = vm.runInNewContext("globalThis.gc") as (() => void) | undefined;
    v8.setFlagsFromString("--no-expose-gc");
    if (gc !== undefined) return () => { gc(); };
  }
  return undefined;
}
