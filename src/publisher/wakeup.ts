// Waiting for a hint, or for a while: a hint that came while nobody waited is remembered.

import type { Clock } from "../ports/clock.ts";

export class Wakeup {
  #awake = false;
  #resolve: (() => void) | undefined;

  readonly wake = (): void => {
    this.#awake = true;
    this.#resolve?.();
  };

  async wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const end = (): void => { over.abort(); };
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
    const hinted = new Promise<void>((resolve) => {
      if (this.#awake) resolve();
      else this.#resolve = resolve;
    });
    await Promise.race([hinted, clock.sleep(ms, over.signal)]);
    signal.removeEventListener("abort", end);
    end();
    this.#awake = false;
    this.#resolve = undefined;
  }
}
