// The machine's clocks, timers and randomness.

import { randomBytes } from "node:crypto";
import type { Clock, Random } from "../../../ports/clock.ts";

/** Node's timers hold 31 bits; a longer wait is several. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),

  async sleep(ms, signal) {
    const end = performance.now() + ms;
    for (let left = ms; left > 0 && signal?.aborted !== true; left = end - performance.now()) {
      await timer(Math.min(left, LONGEST_TIMER_MS), signal);
    }
  },
};

/** Drawn ahead, as for ids of tasks: the engine's way to the source costs more than the rest of accepting one. */
const POOL_BYTES = 4096;
let pool = Buffer.alloc(0);

function drawn(bytes: number): Buffer {
  if (bytes > POOL_BYTES / 16) return randomBytes(bytes);
  if (pool.length < bytes) pool = randomBytes(POOL_BYTES);
  const taken = pool.subarray(0, bytes);
  pool = pool.subarray(bytes);
  return taken;
}

export const systemRandom: Random = {
  hex: (bytes) => drawn(bytes).toString("hex"),
  /** 48 random bits: every value is below 1 and exact. */
  fraction: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
};

function timer(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timeout);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timeout = setTimeout(end, ms);
    signal?.addEventListener("abort", end, { once: true });
  });
}
