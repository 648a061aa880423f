// The signing event of top-level targets that people sign: begun with the changes of delegations that wait, and the documents
// of roles that teams sign elsewhere which bring theirs along, looked at
// before it is frozen and before it is published, and published in one head with all it takes (rules 24, 25; ADR 0023).

import type { EventEffect, OpenChange, SigningEvent } from "../ports/database.ts";
import { RoleError } from "../roles/errors.ts";
import { noteOf, unitIn, type PendingTargets } from "../roles/pending-edit.ts";
import { belowOf } from "../roles/delegation.ts";
import type { Succession } from "../roles/root-update.ts";
import { namedByTargets } from "../roles/successor.ts";
import { parseEnvelope } from "../tuf/parse.ts";
import { finishedAnswers } from "./answers.ts";
import { refusedEdit } from "./delegate.ts";
import type { PublisherDeps } from "./deps.ts";
import { isComposedOf, stalenessOf } from "./event-check.ts";
import type { EventTurn } from "./event-end.ts";
import type { Head } from "./head.ts";
import { proveNew } from "./head-change.ts";
import { changeOf, changesTargets, isCarried, nextTargets, resultsOf, together, type NextTargets } from "./next-targets.ts";
import { fileOfArrival, raiseCounter, refusedDocument } from "./outside.ts";
import { askedOf, peopleOf } from "./people.ts";
import type { PressedFile } from "./press.ts";
import { eventOf } from "./units.ts";

/**
 * Begins a version if something asks for one; edits that can't be end their tasks. Answers whether anything was done.
 * @param events what people sign now. A version of another role that this one takes, too, gives way; what belongs to a change of
 *        delegations, or has enough signatures, comes first
 */
export async function beginTargets(deps: PublisherDeps, turn: EventTurn, head: Head, events: readonly SigningEvent[], isDue: boolean): Promise<boolean> {
  const { database, policy } = deps;
  const waiting = await database.waitingChanges("targets", { changes: policy.maxBatchChanges, bytes: policy.maxBatchBytes });
  const owed = namedByTargets(head.tree, peopleOf(head), head.handed ?? []).map(({ old, next }) => ({ old, next }));
  const edits = together(waiting.filter(isCarried));
  const asked = waiting.filter(({ kind }) => kind === "refresh");
  if (edits.length + asked.length + owed.length === 0 && !isDue) {
    // Artifacts of a role that was to come with a version nobody signs any more.
    if (waiting.length > 0) await database.resumeWaiting(turn.hold.lease, "targets");
    return waiting.length > 0;
  }
  const more = { owed, asked, isDue, events };
  const all = await begun(deps, turn, head, edits, more);
  return (all === "apart" ? await begun(deps, turn, head, edits.slice(0, 1), more) : all) === "worked";
}

interface Reasons {
  readonly owed: readonly Succession[];
  /** Requests for a new version, whatever it says. */
  readonly asked: readonly OpenChange[];
  readonly isDue: boolean;
  readonly events: readonly SigningEvent[];
}

/** `apart`: the edits can't be together; `later`: something else has to be signed before it. */
async function begun(deps: PublisherDeps, turn: EventTurn, head: Head, edits: readonly OpenChange[], { owed, asked, isDue, events }: Reasons): Promise<"worked" | "later" | "apart"> {
  const { database, clock, random, telemetry } = deps;
  try {
    const made = await nextTargets(deps, head, owed, edits, turn.sealer);
    if (!changesTargets(made) && owed.length + asked.length === 0 && !isDue) {
      await database.endTasks(turn.hold.lease, made.refused);
      if (made.carried.length > 0) await database.resumeWaiting(turn.hold.lease, "targets");
      return "worked";
    }
    // A change of delegations that waits for people whom it would ask no more.
    const people = askedOf(made.next);
    if (events.some((event) => event.kind === "delegated" && event.state !== "cancelled" && event.role !== "targets" && !people.has(event.role) && noteOf(event).edit !== undefined)) return "later";
    const inTheWay = events.filter(({ role, state }) => state !== "cancelled" && made.signs.includes(role));
    if (inTheWay.some((event) => event.state === "frozen" || unitIn(event) !== undefined)) return "later";
    const targets: PendingTargets = { unit: random.hex(16), signs: made.signs, handed: owed, below: Object.fromEntries(belowOf(made.next.tree)) };
    const changes = [...[...made.carried, ...made.arrivals].map(({ change }) => change), ...asked].map(({ id, task }) => ({ id, task }));
    const starts: EventEffect[] = inTheWay.map(({ id }) => ({ giveUp: { event: id, reason: "a later change of delegations took its place" } }));
    for (const role of made.signs) starts.push({ start: await eventOf(deps, turn.hold, made.next, role, made.rehoming.edits.get(role), { targets, ...(role === "targets" ? { changes } : {}) }) });
    await database.endTasks(turn.hold.lease, made.refused, undefined, starts);
    telemetry.log.info({ roles: made.signs, changes: changes.length, handed: owed.length }, "a new version of targets waits for signatures");
    return "worked";
  } catch (error) {
    const [only, ...others] = edits;
    const result = (only?.kind === "document" ? refusedDocument : refusedEdit)(error, clock.now());
    if (result === undefined || edits.length === 0) throw error;
    if (only === undefined || others.length > 0) return "apart";
    await database.endTasks(turn.hold.lease, [{ task: only.task, result }]);
    return "worked";
  }
}

/** What the events of a version make of `head`, or why they can't be carried out as they stand. */
export async function targetsAsSigned(deps: PublisherDeps, head: Head, unit: readonly SigningEvent[], only?: SigningEvent): Promise<NextTargets | string> {
  const carrier = unit.find(({ role }) => role === "targets");
  const targets = carrier === undefined ? undefined : noteOf(carrier).targets;
  if (carrier === undefined || targets === undefined) return "the version of targets it belongs to is gone";
  let made: NextTargets;
  try {
    made = await nextTargets(deps, head, targets.handed, (await deps.database.eventChanges(carrier.id)).filter(isCarried));
  } catch (error) {
    if (error instanceof RoleError) return error.message;
    throw error;
  }
  if (made.refused.length > 0) return made.refused[0]?.result.error ?? "";
  if (made.signs.join() !== targets.signs.join()) return "it takes the signatures of others";
  for (const event of only === undefined ? unit : [only]) {
    const document = parseEnvelope(event.document, "targets");
    const stale = stalenessOf(deps, made.next, event, document);
    if (stale !== undefined) return stale;
    if (!(await isComposedOf(deps, made.next, event, document, made.rehoming.edits.get(event.role)))) return "what it says is no longer what is to be published";
  }
  return made;
}

/** @param files what people signed, one for each of `unit` */
export async function publishTargets(deps: PublisherDeps, turn: EventTurn, head: Head, unit: readonly SigningEvent[], made: NextTargets, files: readonly PressedFile[]): Promise<Head> {
  const nowMs = deps.clock.now();
  const carrier = unit.find(({ role }) => role === "targets");
  const { edits, newRoles, handed, retiredRoles, settings } = changeOf(deps, head, made);
  await proveNew(turn.sealer, made.next, newRoles, handed);
  const changes = carrier === undefined ? [] : await deps.database.eventChanges(carrier.id);
  for (const { document } of made.arrivals) await raiseCounter(deps, turn.hold, document.version);
  const published = await turn.publish({
    head: made.next,
    plan: { changes: changes.map((change) => ({ ...change, outcome: "apply" })), edits, publishes: true },
    nowMs,
    moves: [...made.rehoming.moves, ...made.arrivals.flatMap(({ moves }) => moves)],
    ...(made.source === undefined ? {} : { source: made.source.read }),
    signed: [...files, ...made.arrivals.map(fileOfArrival)],
    ...(carrier === undefined ? {} : { events: [carrier.id] }),
    tasks: [...resultsOf(made, nowMs), ...unit.flatMap((event) => finishedAnswers(event, nowMs))],
    also: { envelopes: [], newRoles, retiredRoles, settings, endsEvents: unit.map(({ id }) => id) },
  });
  turn.lookAgain();
  return published;
}

