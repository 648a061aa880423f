// Reading gives way while somebody publishes: behind each page it rests for three times what the page took.
//
// A lower priority alone does not do it. A publish passes from thread to thread a dozen times, and whoever wakes waits until
// the one who has the processor used up its slice, whatever that one's priority is: so what counts is how much of the time
// somebody else is at work at all.

import type { Answering } from "../../api/read-queue.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Database } from "../../ports/database.ts";

/**
 * Times what a page took: a quarter of the time somebody reads, and who pages through a list has a page of 5 ms every 20.
 * Beside four who page without end a publish took 1.17 of its time alone with it, 1.43 without (npm run bench:read, 2026-11-26).
 */
const RESTS = 3;
/** What was slow because its disk was is no reason to wait as long again. */
const LONGEST_REST_MS = 100;
/** Somebody publishes: so long after a request was accepted, and after a head became visible, for bursts and imports are many heads. */
const PUBLISHING_MS = 500;

/** `answering`, for who publishes on the same machine. Where the hints are lost it reads as fast as it can. */
export function givingWay(answering: Answering, database: Pick<Database, "subscribe">, clock: Pick<Clock, "monotonic" | "sleep">): { readonly answering: Answering; readonly stop: () => void } {
  let publishingUntil = Number.NEGATIVE_INFINITY;
  let rested = Number.NEGATIVE_INFINITY;
  const publishing = (): void => { publishingUntil = clock.monotonic() + PUBLISHING_MS; };
  const unsubscribe = [database.subscribe("work", publishing), database.subscribe("visible", publishing)];
  return {
    async answering(question) {
      for (let now = clock.monotonic(); now < rested && now < publishingUntil; now = clock.monotonic()) await clock.sleep(rested - now);
      const began = clock.monotonic();
      try {
        return await answering(question);
      } finally {
        const ended = clock.monotonic();
        rested = ended + Math.min(RESTS * (ended - began), LONGEST_REST_MS);
      }
    },
    stop() {
      for (const end of unsubscribe) end();
    },
  };
}
