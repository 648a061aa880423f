// Following the log of notices: each once, in order, from a place on, as they are written.
//
// The log is the one memory. A follower holds a place in it and reads on from there when something
// may have happened. How slow it is concerns nobody else: nothing is kept for it beside the log.

import type { Clock } from "../ports/clock.ts";
import type { Database, Notice } from "../ports/database.ts";

/** Hints may be late or lost: so long at most goes by until a follower looks by itself. */
const POLL_MS = 1_000;
const PAGE = 100;

export interface Followed {
  readonly notices: readonly Notice[];
  /** Some that came before these were forgotten. */
  readonly missed: boolean;
  /** The place from which to go on after these. */
  readonly place: string;
}

/**
 * What comes after `after`, a page at a time; an empty page when nothing came for `quietMs`. Ends when
 * `signal` aborts. A database that does not answer is asked again.
 */
export async function* followNotices(deps: { readonly database: Database; readonly clock: Clock }, after: string, quietMs: number, signal: AbortSignal): AsyncGenerator<Followed, void> {
  const { database, clock } = deps;
  let place = after;
  let wake: (() => void) | undefined;
  let woken = false;
  const unsubscribe = database.subscribe("visible", () => {
    woken = true;
    wake?.();
  });
  try {
    let last = clock.monotonic();
    while (!signal.aborted) {
      woken = false;
      const found = await read(database, place);
      if (found !== undefined && (found.notices.length > 0 || found.missed)) {
        place = found.place;
        yield found;
        last = clock.monotonic();
        continue;
      }
      if (clock.monotonic() - last >= quietMs) {
        yield { notices: [], missed: false, place };
        last = clock.monotonic();
        continue;
      }
      const over = new AbortController();
      const hinted = new Promise<void>((resolve) => {
        wake = resolve;
        if (woken) resolve();
      });
      await Promise.race([hinted, clock.sleep(Math.min(POLL_MS, quietMs), AbortSignal.any([signal, over.signal]))]);
      over.abort();
      wake = undefined;
    }
  } finally {
    unsubscribe();
  }
}

async function read(database: Database, place: string): Promise<Followed | undefined> {
  try {
    const { rows, missed } = await database.notices(place, PAGE);
    const next = rows.at(-1)?.id ?? (missed ? await database.lastNotice() : place);
    return { notices: rows, missed, place: next };
  } catch {
    return undefined;
  }
}
