// Nothing is signed by a clock that is wrong (rule 18).

import type { PublisherDeps } from "./deps.ts";
import { PublisherError } from "./errors.ts";
import type { Head } from "./head.ts";

const MAX_SKEW_MS = 60_000;
/** A step back up to this is absorbed: the head's time is used again. */
const MAX_STEP_BACK_MS = 5 * 60_000;

/**
 * The time, checked: what is signed next is signed as of it, whatever the clock says by then.
 * `head`: the last one, if there is one. @throws PublisherError `clock`
 */
export async function requireSaneClock({ clock, database }: PublisherDeps, head: Head | undefined): Promise<number> {
  const local = clock.now();
  const skew = Math.abs(local - (await database.now()));
  if (skew > MAX_SKEW_MS) {
    throw new PublisherError("clock", `this machine's clock and the database's differ by ${String(Math.round(skew / 1000))} s; nothing is signed until they agree`);
  }
  if (head !== undefined && local < head.pressedAtMs - MAX_STEP_BACK_MS) {
    throw new PublisherError("clock", `the clock reads ${new Date(local).toISOString()}, before the last publish at ${new Date(head.pressedAtMs).toISOString()}; nothing is signed until it is right`);
  }
  return local;
}
