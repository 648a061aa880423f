// Removing files that no client can reach any more (rule 26).
//
// Only names that a commit or a dropped batch recorded, whose version is below the head's
// for that role (a fact that never becomes false), and only after the last timestamp that
// reached them expired, plus what an edge may lag, plus a day. Never root, never by listing.

import type { PublisherDeps } from "./deps.ts";
import type { LeaseHold } from "./lease-hold.ts";

/** Files removed per tick at most; the rest waits for the next one. */
const PER_TICK = 5_000;
const IN_FLIGHT = 16;

export async function collect(deps: PublisherDeps, hold: LeaseHold): Promise<number> {
  const { database, storage, clock, policy } = deps;
  const now = clock.now();
  const due = await database.dueGarbage(now, PER_TICK);
  for (let at = 0; at < due.length; at += IN_FLIGHT) {
    const slice = due.slice(at, at + IN_FLIGHT);
    hold.require();
    await Promise.all(slice.map((garbage) => storage.remove(garbage.name)));
    await database.forgetGarbage(hold.lease, slice.map((garbage) => garbage.name));
  }
  await database.forgetBefore(hold.lease, {
    tasksMs: now - policy.keep.tasksMs,
    committedMs: now - policy.keep.committedMs,
    idempotencyMs: now - policy.keep.idempotencyMs,
    noticesMs: now - policy.keep.noticesMs,
    mostNotices: policy.keep.mostNotices,
  }, PER_TICK);
  if (due.length > 0) deps.telemetry.log.info({ files: due.length }, "collected old metadata");
  return due.length;
}
