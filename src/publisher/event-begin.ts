// Which new versions of roles that people sign begin to wait for them (rule 24).

import type { OpenChange, SigningEvent } from "../ports/database.ts";
import { pendingEdits } from "../roles/pending-edit.ts";
import { namedByTargets, stillNamed, successorEdit } from "../roles/successor.ts";
import type { PublisherDeps } from "./deps.ts";
import { endChanges, type EventTurn } from "./event-end.ts";
import { goingFrom } from "./handover.ts";
import type { Head } from "./head.ts";
import { listedOf } from "./listed.ts";
import { askedOf, successorNeededBy } from "./people.ts";
import { planBatch, type Plan } from "./plan.ts";
import { waitsToRecover } from "./root-event.ts";
import { HANDED, handedSetting } from "./rotation.ts";
import { beginTargets } from "./targets-event.ts";
import { eventOf, eventsOf, unitOf } from "./units.ts";

export interface Asked {
  /** Roles that expire before long. */
  readonly due: readonly string[];
  /** Changes of delegations are not looked at yet: those that change targets are to be signed together. */
  readonly edits: boolean;
}

/**
 * Begins a new version of every role that changes wait for, or that is due before it expires, and that nobody signs yet.
 * Answers the head, and whether anything was done. @throws Unpressable whose changes are to be set aside
 */
export async function beginEvents(deps: PublisherDeps, turn: EventTurn, head: Head, events: readonly SigningEvent[], { due, edits }: Asked): Promise<{ readonly head: Head; readonly worked: boolean }> {
  const { database, telemetry } = deps;
  const people = askedOf(head);
  const pending = pendingEdits(events);
  // A version of targets that people sign may name a key that went meanwhile.
  const isSigned = events.some(({ role, state }) => role === "targets" && state !== "cancelled");
  let worked = pending.length > 0 || isSigned ? false : await forgetHanded(deps, turn, head);
  if (people.size === 0 && pending.length === 0) return { head, worked };
  const waiting = await database.waitingRoles();
  const busy = new Set([...events.filter(({ state }) => state !== "cancelled").map(({ role }) => role), ...pending.flatMap(({ signs }) => signs)]);
  for (const role of people) if (!busy.has(role) && (await beginSuccessor(deps, turn, head, role, busy, waiting))) worked = true;
  // While keys change people are not asked beside one that goes: they sign once, with the change of their delegation that
  // follows. A recovery that waits for people holds the change back for as long as they take.
  const going = events.some(waitsToRecover) ? [] : goingFrom(head).map((one) => ({ ...one, lost: false }));
  const owed = people.has("targets") ? namedByTargets(head.tree, people, head.handed ?? []) : [];
  for (const role of new Set([...waiting, ...due, ...(owed.length > 0 ? ["targets"] : [])])) {
    if (busy.has(role)) continue;
    if (!people.has(role)) {
      if (!waiting.includes(role)) continue;
      await database.resumeWaiting(turn.hold.lease, role);
      worked = true;
      continue;
    }
    if (role === "targets") {
      // While keys change, who signs it is between two roots.
      if (head.rotation === undefined && !edits) worked = (await beginTargets(deps, turn, head, events, due.includes(role))) || worked;
      continue;
    }
    if (stillNamed(head.tree, new Set([role]), going).length > 0) continue;
    const { open, plan } = await planOfWaiting(deps, head, role, waiting);
    if (plan.changes.some((change) => (change.role !== role && successorNeededBy(head, change.role) !== role) || change.outcome === "set-aside")) {
      await database.resumeWaiting(turn.hold.lease, role);
      worked = true;
    } else if (!plan.publishes && !due.includes(role)) {
      const after = await endChanges(deps, turn, head, plan.changes.filter(({ held }) => !held), []);
      worked = true;
      if (after !== head) return { head: after, worked };
    } else {
      const start = await eventOf(deps, turn.hold, head, role, plan.edits.get(role), { changes: open.map(({ id, task }) => ({ id, task })) });
      await database.endTasks(turn.hold.lease, [], undefined, [{ start }]);
      worked = true;
      telemetry.log.info({ role, version: start.version, changes: open.length }, "a new version waits for signatures");
    }
  }
  return { head, worked };
}

/** What waits for `role`, if anything, and what becomes of it. */
async function planOfWaiting(deps: PublisherDeps, head: Head, role: string, waiting: readonly string[]): Promise<{ readonly open: readonly OpenChange[]; readonly plan: Plan }> {
  const { database, policy } = deps;
  const open = waiting.includes(role) ? await database.waitingChanges(role, { changes: policy.maxBatchChanges, bytes: policy.maxBatchBytes }) : [];
  return { open, plan: planBatch({ open, tree: head.tree, listed: await listedOf(deps, head, open), unpressable: new Map(), refresh: [], force: false }) };
}

/** Keys that went stay known while a role of people names them, or a change of delegations that waits does. */
async function forgetHanded(deps: PublisherDeps, turn: EventTurn, head: Head): Promise<boolean> {
  const { handed = [] } = head;
  if (handed.length === 0 || head.rotation !== undefined) return false;
  const left = stillNamed(head.tree, askedOf(head), handed);
  if (left.length === handed.length) return false;
  await deps.database.endTasks(turn.hold.lease, [], { [HANDED]: handedSetting(left) });
  return true;
}

/** An online key that the role's delegation names went: the change of that delegation begins to wait for people, and what waits for the role with it (rule 25). */
async function beginSuccessor(deps: PublisherDeps, turn: EventTurn, head: Head, role: string, busy: Set<string>, waiting: readonly string[]): Promise<boolean> {
  const edit = head.rotation === undefined ? successorEdit(head.tree, role, head.handed ?? []) : undefined;
  if (edit === undefined) return false;
  const unit = await unitOf(deps, head, { ...edit, unit: deps.random.hex(16), signs: [] });
  if (unit.edit.signs.some((sign) => busy.has(sign))) return false;
  // What waits for the role goes with it, so that people sign once.
  const { open, plan } = await planOfWaiting(deps, head, role, unit.edit.signs.includes(role) ? waiting : []);
  const isCarried = plan.publishes && plan.changes.every((change) => change.role === role && change.outcome !== "set-aside");
  const carried = isCarried ? { changes: open.map(({ id, task }) => ({ id, task })), edits: plan.edits.get(role) ?? new Map<string, string>() } : undefined;
  const starts = await eventsOf(deps, turn.hold, unit, "", carried);
  await deps.database.endTasks(turn.hold.lease, [], undefined, starts.map((start) => ({ start })));
  for (const sign of unit.edit.signs) busy.add(sign);
  deps.telemetry.log.info({ role, signs: unit.edit.signs, changes: carried?.changes.length ?? 0 }, "a role of people and a replaced online key waits for signatures");
  return true;
}
