// Which new versions of roles that people sign begin to wait for them (rule 24).

import type { SigningEvent } from "../ports/database.ts";
import { pendingEdits } from "../roles/pending-edit.ts";
import type { PublisherDeps } from "./deps.ts";
import { endChanges, type EventTurn } from "./event-end.ts";
import type { Head } from "./head.ts";
import { listedOf } from "./listed.ts";
import { peopleOf } from "./people.ts";
import { planBatch } from "./plan.ts";
import { eventOf } from "./units.ts";

/**
 * Begins a new version of every role that changes wait for, or that is due before it expires, and that nobody signs yet.
 * Answers the head, and whether anything was done. @throws Unpressable whose changes are to be set aside
 */
export async function beginEvents(deps: PublisherDeps, turn: EventTurn, head: Head, events: readonly SigningEvent[], due: readonly string[]): Promise<{ readonly head: Head; readonly worked: boolean }> {
  const { database, policy, telemetry } = deps;
  const people = peopleOf(head);
  const pending = pendingEdits(events);
  let worked = false;
  if (people.size === 0 && pending.length === 0) return { head, worked };
  const waiting = await database.waitingRoles();
  const busy = new Set([...events.filter(({ state }) => state !== "cancelled").map(({ role }) => role), ...pending.flatMap(({ signs }) => signs)]);
  for (const role of new Set([...waiting, ...due])) {
    if (busy.has(role)) continue;
    if (!people.has(role)) {
      await database.resumeWaiting(turn.hold.lease, role);
      worked = true;
      continue;
    }
    const open = waiting.includes(role) ? await database.waitingChanges(role, { changes: policy.maxBatchChanges, bytes: policy.maxBatchBytes }) : [];
    const plan = planBatch({ open, tree: head.tree, listed: await listedOf(deps, head.tree, open), unpressable: new Map(), refresh: [], force: false });
    if (plan.changes.some((change) => change.role !== role || change.outcome === "set-aside")) {
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
