// Time and chance that a test moves by hand.

import type { Clock, Random } from "../../src/ports/clock.ts";

export interface FakeClock extends Clock {
  /**
   * Moves both clocks by `ms`, waking each sleeper when its time has come, in order.
   * After every wake the woken code runs until it waits again; so a loop that sleeps an
   * hour wakes 24 times in `advance` of a day. Without sleepers it takes effect at once.
   */
  advance(ms: number): Promise<void>;
  /** The wall clock alone jumps, as when an operator sets it. Sleepers feel nothing. */
  jump(ms: number): void;
  /** How many sleep now. */
  readonly sleepers: number;
  /** Resolves when at least `count` sleep: the code under test came to rest. */
  whenSleeping(count?: number): Promise<void>;
}

interface Sleeper {
  readonly wakesAt: number;
  readonly wake: () => void;
}

/** `rest`: lets what was woken run until it waits again. */
export function createFakeClock(startMs: number, rest = settle): FakeClock {
  let wall = startMs;
  let steady = 0;
  const sleepers = new Set<Sleeper>();
  const waiters = new Set<{ readonly count: number; readonly resolve: () => void }>();

  const move = (ms: number): void => {
    wall += ms;
    steady += ms;
  };

  return {
    now: () => wall,
    monotonic: () => steady,

    sleep(ms, signal) {
      if (signal?.aborted === true || ms <= 0) return Promise.resolve();
      return new Promise((resolve) => {
        const sleeper: Sleeper = {
          wakesAt: steady + ms,
          wake: () => {
            sleepers.delete(sleeper);
            signal?.removeEventListener("abort", sleeper.wake);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal?.addEventListener("abort", sleeper.wake, { once: true });
        for (const waiter of [...waiters]) {
          if (sleepers.size >= waiter.count) {
            waiters.delete(waiter);
            waiter.resolve();
          }
        }
      });
    },

    async advance(ms) {
      const end = steady + ms;
      for (;;) {
        let next: Sleeper | undefined;
        for (const sleeper of sleepers) {
          if (sleeper.wakesAt <= end && (next === undefined || sleeper.wakesAt < next.wakesAt)) next = sleeper;
        }
        if (next === undefined) break;
        move(Math.max(0, next.wakesAt - steady));
        next.wake();
        await rest();
      }
      move(Math.max(0, end - steady));
    },

    jump(ms) {
      wall += ms;
    },

    get sleepers() {
      return sleepers.size;
    },

    whenSleeping(count = 1) {
      if (sleepers.size >= count) return Promise.resolve();
      return new Promise((resolve) => waiters.add({ count, resolve }));
    },
  };
}

/** Lets promise continuations, and what they start without leaving the process, run. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

/** The same seed gives the same sequence (mulberry32). */
export function createFakeRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    hex(bytes) {
      let text = "";
      while (text.length < bytes * 2) text += next().toString(16).padStart(8, "0");
      return text.slice(0, bytes * 2);
    },
    fraction: () => next() / 2 ** 32,
  };
}
