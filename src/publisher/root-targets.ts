// Top-level targets beside a root that changes who signs it, or recovers from a compromise, where people sign it (ADR 0023).
//
// It is a signing event of its own that belongs to the root's: begun when the root is, frozen before the root is frozen, and
// published in the head that signs with old and new keys, before the root is shown (rule 20), or in the one that
// recovers (rule 22). Signed by everybody who must agree under either root, so that no client is refused.

import type { EventEffect, SigningEvent } from "../ports/database.ts";
import { noteOf, unitIn } from "../roles/pending-edit.ts";
import { needsPeople, type Authority } from "../roles/people.ts";
import type { Root } from "../tuf/documents.ts";
import { parseEnvelope } from "../tuf/parse.ts";
import type { PublisherDeps } from "./deps.ts";
import { isComposedOf, stalenessOf } from "./event-check.ts";
import { authorityOf, type Head } from "./head.ts";
import type { LeaseHold } from "./lease-hold.ts";
import { eventOf, sameAuthority, unitEvents } from "./units.ts";

/** Whose signatures targets takes before `next` can be shown; the one who signs it from then on first. None: it stays as it is, or is signed online. */
function authoritiesFor(head: Head, next: Root, isRecovery: boolean): readonly Authority[] {
  const [was, is] = [authorityOf({ root: head.root, tree: head.tree }, "targets"), authorityOf({ root: next, tree: head.tree }, "targets")];
  if (isRecovery) return needsPeople(is) ? [is] : [];
  return !sameAuthority(was, is) && (needsPeople(was) || needsPeople(is)) ? [is, was] : [];
}

/** @param next what is in force with that root, as far as targets says it */
export async function targetsBeside(
  deps: PublisherDeps, hold: LeaseHold, head: Head, event: SigningEvent, next: Head, isRecovery: boolean, events: readonly SigningEvent[],
): Promise<SigningEvent | "none" | "waits"> {
  const [authority, also] = authoritiesFor(head, next.root, isRecovery);
  const live = events.filter(({ kind, role, state }) => kind === "delegated" && role === "targets" && state !== "cancelled");
  const own = live.find((each) => noteOf(each).root === event.id);
  if (authority === undefined) return "none";
  const effects: EventEffect[] = [];
  if (own !== undefined) {
    const stale = await whyStale(deps, head, next, own, authority, also);
    if (stale === undefined) return own.state === "frozen" ? own : "waits";
    effects.push({ giveUp: { event: own.id, reason: stale } });
    deps.telemetry.log.warn({ roles: ["targets"], reason: stale, again: 1 }, "gave up what people were signing");
  }
  for (const other of live) {
    if (other === own) continue;
    // What enough people signed is published first; a recovery waits for nothing.
    if (other.state === "frozen" && !isRecovery) return "waits";
    const unit = unitIn(other)?.unit;
    for (const { id } of unit === undefined ? [other] : unitEvents(events, unit)) effects.push({ giveUp: { event: id, reason: "a root that changes who signs targets comes first" } });
  }
  const start = await eventOf(deps, hold, next, "targets", undefined, { root: event.id, authority, ...(also === undefined ? {} : { also }) });
  await deps.database.endTasks(hold.lease, [], undefined, [...effects, { start }]);
  deps.telemetry.log.info({ role: "targets", version: start.version, root: event.version }, "targets waits for signatures beside root");
  return "waits";
}

async function whyStale(deps: PublisherDeps, head: Head, next: Head, own: SigningEvent, authority: Authority, also: Authority | undefined): Promise<string | undefined> {
  const document = parseEnvelope(own.document, "targets");
  const note = noteOf(own);
  const same = sameAuthority(note.authority, authority) && (note.also === undefined) === (also === undefined) && (note.also === undefined || also === undefined || sameAuthority(note.also, also));
  if (!same) return "its keys or its threshold changed";
  return stalenessOf(deps, head, own, document) ?? ((await isComposedOf(deps, next, own, document, undefined)) ? undefined : "what it says is no longer what is to be published");
}
