// Publishing what people signed: a new version of a role, or a change of delegations with every envelope it takes and
// every artifact it moves, in one head (rule 25).

import { reasonOf } from "../lib/app-error.ts";
import type { SigningEvent } from "../ports/database.ts";
import { RoleError } from "../roles/errors.ts";
import { noteOf, type PendingEdit } from "../roles/pending-edit.ts";
import { finishedAnswers } from "./answers.ts";
import type { PublisherDeps } from "./deps.ts";
import { fileOfFrozen, frozenOf, isAsSigned, isComposedOf, NOT_AS_SIGNED, planOf, stalenessOf } from "./event-check.ts";
import { giveUp, restart, type EventTurn } from "./event-end.ts";
import type { Head } from "./head.ts";
import { headChange, prove, proveNew } from "./head-change.ts";
import { peopleOf } from "./people.ts";
import type { PlannedChange } from "./plan.ts";
import type { PressedFile } from "./press.ts";
import { NameTaken } from "./publish.ts";
import { publishTargets, targetsAsSigned } from "./targets-event.ts";
import { bothEdits, settingsOfEdit, unitOf, type Carried, type Unit } from "./units.ts";

export async function publishEvents(deps: PublisherDeps, turn: EventTurn, head: Head, unit: readonly SigningEvent[], edit: PendingEdit | undefined): Promise<Head> {
  try {
    const [event] = unit;
    if (event !== undefined && noteOf(event).targets !== undefined) return await publishVersionOfTargets(deps, turn, head, unit);
    return edit === undefined && event !== undefined ? await publishVersion(deps, turn, head, event) : edit === undefined ? head : await publishUnit(deps, turn, head, unit, edit);
  } catch (error) {
    const taken = error instanceof NameTaken ? unit.find(({ role }) => role === error.role) : undefined;
    if (taken !== undefined) await giveUp(deps, turn, unit, reasonOf(error));
    throw error;
  }
}

async function publishVersion(deps: PublisherDeps, turn: EventTurn, head: Head, event: SigningEvent): Promise<Head> {
  const document = frozenOf(event);
  const stale = stalenessOf(deps, head, event, document) ?? ((await isAsSigned(deps, head, event, document)) ? undefined : NOT_AS_SIGNED);
  if (stale !== undefined) {
    await giveUp(deps, turn, [event], stale);
    return head;
  }
  const nowMs = deps.clock.now();
  return await turn.publish({
    head, plan: await planOf(deps, head, event), nowMs, signed: [fileOfFrozen(event, document)], events: [event.id], tasks: finishedAnswers(event, nowMs),
    also: { envelopes: [], endsEvents: [event.id] },
  });
}

async function publishVersionOfTargets(deps: PublisherDeps, turn: EventTurn, head: Head, unit: readonly SigningEvent[]): Promise<Head> {
  const made = await targetsAsSigned(deps, head, unit);
  if (typeof made === "string") {
    await giveUp(deps, turn, unit, made);
    return head;
  }
  return await publishTargets(deps, turn, head, unit, made, unit.map((event) => fileOfFrozen(event, frozenOf(event))));
}

/** The change of delegations, every envelope it takes and every artifact it moves, in one head (rule 25). */
async function publishUnit(deps: PublisherDeps, turn: EventTurn, head: Head, events: readonly SigningEvent[], edit: PendingEdit): Promise<Head> {
  let unit: Unit;
  try {
    unit = await unitOf(deps, head, edit);
  } catch (error) {
    if (!(error instanceof RoleError)) throw error;
    await giveUp(deps, turn, events, error.message);
    return head;
  }
  const files: PressedFile[] = [];
  const changes: PlannedChange[] = [];
  const asked = new Map<string, Carried["edits"]>();
  for (const event of events) {
    const document = frozenOf(event);
    const carried = await planOf(deps, unit.next, event);
    const isElsewhere = carried.changes.some(({ role, outcome }) => outcome === "set-aside" || (outcome === "apply" && role !== event.role));
    const all = bothEdits(unit.rehoming.edits.get(event.role), carried.edits.get(event.role));
    const stale = stalenessOf(deps, head, event, document);
    if (stale !== undefined || isElsewhere || !(await isComposedOf(deps, unit.next, event, document, all)) || unit.edit.signs.join() !== edit.signs.join()) {
      await restart(deps, turn, head, event, events, stale ?? "what it moves is no longer what was signed");
      return head;
    }
    files.push(fileOfFrozen(event, document));
    changes.push(...carried.changes);
    asked.set(event.role, all);
  }
  const { next, rehoming } = unit;
  const nowMs = deps.clock.now();
  const online = edit.role !== undefined && !peopleOf(next).has(edit.name) ? [edit.name] : [];
  for (const role of online) await prove(turn.sealer, next, role);
  const { edits, newRoles, handed, retiredRoles, settings } = headChange(deps, head, next, rehoming, { live: online });
  await proveNew(turn.sealer, next, newRoles, handed);
  const published = await turn.publish({
    head: next, plan: { changes, edits: new Map([...edits, ...asked]), publishes: true }, nowMs, moves: rehoming.moves, signed: files, events: events.map(({ id }) => id), tasks: events.flatMap((event) => finishedAnswers(event, nowMs)),
    also: { envelopes: [], newRoles, retiredRoles, settings: { ...settings, ...settingsOfEdit(edit) }, endsEvents: events.map(({ id }) => id) },
  });
  turn.lookAgain();
  return published;
}
