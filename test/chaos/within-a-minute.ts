// Waiting for what another process brings about.

import { setTimeout as sleep } from "node:timers/promises";

/**
 * What `look` answers as soon as it is not undefined.
 * A `look` that throws, because what it asks is down, has seen nothing.
 * @throws Error naming `what`, and what `look` threw last, after a minute
 */
export async function withinAMinute<T>(what: () => string, look: () => Promise<T | undefined>): Promise<T> {
  const end = performance.now() + 60_000;
  let cause: unknown;
  while (performance.now() < end) {
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      cause = error;
    }
    await sleep(20);
  }
  throw new Error(`not within a minute: ${what()}`, { cause });
}
