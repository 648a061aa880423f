// How a signing event of a delegated role ends without being published: given up, begun anew, or stopped.
// What it carried is open again, or ends with the reason; nothing is lost without a word (rule 24).

import type { EventEffect, SigningEvent } from "../ports/database.ts";
import { RoleError } from "../roles/errors.ts";
import { noteOf, unitIn } from "../roles/pending-edit.ts";
import { withSuccessors } from "../roles/successor.ts";
import { TufError } from "../tuf/errors.ts";
import { parseEnvelope } from "../tuf/parse.ts";
import { READ_AT_MOST } from "./adopt-trust.ts";
import { dismiss, finishedAnswers } from "./answers.ts";
import type { CeremonyTurn } from "./ceremony-turn.ts";
import type { PublisherDeps } from "./deps.ts";
import type { Head } from "./head.ts";
import type { PlannedChange } from "./plan.ts";
import { Unpressable } from "./press.ts";
import { endingTasks } from "./publish.ts";
import { eventsOf, unitEvents, unitOf } from "./units.ts";

export interface EventTurn extends CeremonyTurn {
  /** Who waits for whom is to be found anew. */
  readonly lookAgain: () => void;
}

export async function giveUp(deps: PublisherDeps, { hold, lookAgain }: EventTurn, events: readonly SigningEvent[], reason: string, starts: readonly EventEffect[] = []): Promise<void> {
  const effects: EventEffect[] = events.map(({ id }) => ({ giveUp: { event: id, reason } }));
  await deps.database.endTasks(hold.lease, [], undefined, [...effects, ...starts]);
  deps.telemetry.log.warn({ roles: events.map(({ role }) => role), reason, again: starts.length }, "gave up what people were signing");
  lookAgain();
}

/**
 * A history that this database lost, and adopted, published this very document: whoever signed it is told so. Its file is
 * there, and this version or a later one in force. (Also there is a file that was put and never published, and gave way to a later
 * one; who signed that is told a little too much.) Answers whether it was so.
 */
export async function endPublished({ database, storage, clock, telemetry }: PublisherDeps, { hold, lookAgain }: EventTurn, head: Head, event: SigningEvent): Promise<boolean> {
  if (event.state === "cancelled" || event.version > (head.book.version(event.role) ?? 0)) return false;
  const published = await storage.read(`${String(event.version)}.${event.role}.json`, READ_AT_MOST);
  if (published === undefined || !saysTheSame(published.bytes, event.document)) return false;
  // It may have ended with a head of this very turn.
  if (!(await database.signingEvents()).some(({ id, state }) => id === event.id && state !== "cancelled")) return false;
  await database.endTasks(hold.lease, finishedAnswers(event, clock.now()), undefined, [{ giveUp: { event: event.id, reason: "it is published" } }]);
  telemetry.log.info({ role: event.role, version: event.version }, "what people signed was published by a history this database had lost");
  lookAgain();
  return true;
}

function saysTheSame(published: Buffer, document: Buffer): boolean {
  try {
    return parseEnvelope(published, "targets").canonical.equals(parseEnvelope(document, "targets").canonical);
  } catch (error) {
    if (error instanceof TufError) return false;
    throw error;
  }
}

/** Given up; a change of delegations begins anew on what is in force, with the online keys in force, while it can be. */
export async function restart(deps: PublisherDeps, turn: EventTurn, head: Head, event: SigningEvent, events: readonly SigningEvent[], reason: string): Promise<true> {
  const { edit } = noteOf(event);
  if (edit === undefined) {
    const unit = unitIn(event)?.unit;
    await giveUp(deps, turn, unit === undefined ? [event] : unitEvents(events, unit), reason);
    return true;
  }
  const unit = unitEvents(events, edit.unit);
  try {
    const anew = await unitOf(deps, head, withSuccessors({ ...edit, unit: deps.random.hex(16) }, head.handed ?? []));
    const starts = await eventsOf(deps, turn.hold, anew, event.task);
    await giveUp(deps, turn, unit, reason, starts.map((start) => ({ start })));
  } catch (error) {
    if (!(error instanceof RoleError || error instanceof Unpressable)) throw error;
    await giveUp(deps, turn, unit, error.message);
  }
  return true;
}

/** A cancelled one: whoever signed is told. What it carried is open again, or ends when somebody asked for that. */
export async function endCancelled(deps: PublisherDeps, turn: EventTurn, head: Head, event: SigningEvent, events: readonly SigningEvent[]): Promise<Head> {
  const { edit, targets } = noteOf(event);
  let now = head;
  if (event.reason === undefined && targets !== undefined) {
    const others = unitEvents(events, targets.unit);
    const carrier = event.role === "targets" ? event : others.find(({ role }) => role === "targets");
    if (carrier !== undefined) now = await setAside(deps, turn, head, carrier);
    if (others.length > 0) await giveUp(deps, turn, others, `the signing of ${event.role} version ${String(event.version)} was stopped`);
  } else if (event.reason === undefined && edit !== undefined) {
    const others = unitEvents(events, edit.unit);
    if (others.length > 0) await giveUp(deps, turn, others, `the change of role ${edit.name}'s delegation was stopped`);
    deps.telemetry.log.warn({ role: edit.name, action: edit.action }, "a change of delegations was stopped");
  } else if (event.reason === undefined) {
    now = await setAside(deps, turn, head, event);
  }
  await dismiss(deps, turn.hold, event);
  turn.lookAgain();
  return now;
}

/** Nothing is lost without a word: the tasks of a stopped version's changes end with that reason. */
async function setAside(deps: PublisherDeps, turn: EventTurn, head: Head, event: SigningEvent): Promise<Head> {
  const changes = (await deps.database.eventChanges(event.id)).filter(({ held }) => !held)
    .map((change): PlannedChange => ({ ...change, role: event.role, outcome: "set-aside", reason: `the signing of ${event.role} version ${String(event.version)} was stopped` }));
  return await endChanges(deps, turn, head, changes, [event.id]);
}

/** Changes that came to their end without a new version. A task that goes on elsewhere can only end with a batch. */
export async function endChanges(deps: PublisherDeps, turn: EventTurn, head: Head, changes: readonly PlannedChange[], events: readonly string[]): Promise<Head> {
  if (changes.length === 0) return head;
  const nowMs = deps.clock.now();
  const ended = await endingTasks(deps, changes, [], nowMs);
  const tasks = new Set(ended.map(({ task }) => task));
  if (changes.every(({ task }) => tasks.has(task))) {
    await deps.database.endTasks(turn.hold.lease, ended);
    return head;
  }
  return await turn.publish({ head, plan: { changes, edits: new Map(), publishes: true }, nowMs, events });
}
