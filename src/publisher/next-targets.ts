// What top-level targets that people sign is to say next (ADR 0023): the delegations in force, without the online keys it
// is to be rid of, and with the changes of delegations that its signing event carries, in order.
//
// It is found when the event begins, before it is frozen and before it is published, from what is in force then.

import type { OpenChange, SettingValue, SigningEvent, TaskResult } from "../ports/database.ts";
import type { DelegationEdit } from "../roles/custom-delegations.ts";
import { applyEdit, changedDelegators, type EditOutcome } from "../roles/delegation-edit.ts";
import { RoleError } from "../roles/errors.ts";
import { expiryPolicyOf } from "../roles/policy.ts";
import type { Succession } from "../roles/root-update.ts";
import { refusedEdit, resultOf, settingsOf, sourceOf } from "./delegate.ts";
import type { PublisherDeps } from "./deps.ts";
import { handedOver } from "./handover.ts";
import type { Head } from "./head.ts";
import { headChange, prove, proveNew, type HeadChange } from "./head-change.ts";
import { peopleOf, withTree } from "./people.ts";
import type { Source } from "./press.ts";
import { NO_REHOMING, rehome, type Rehoming } from "./rehome.ts";
import type { Sealer } from "./seal.ts";
import { contextOf } from "./split-edit.ts";
import { signersOf } from "./units.ts";

export interface Carried {
  readonly change: OpenChange;
  readonly edit: DelegationEdit;
  readonly outcome: EditOutcome;
  /** The heads before and after it alone. */
  readonly before: Head;
  readonly after: Head;
}

export interface NextTargets {
  /** The head with it. */
  readonly next: Head;
  /** Roles whose envelopes people have to sign for it, sorted; targets always. */
  readonly signs: readonly string[];
  readonly carried: readonly Carried[];
  /** Changes that can't be. */
  readonly refused: readonly { readonly task: string; readonly result: TaskResult }[];
  readonly rehoming: Rehoming;
  readonly source: { readonly roles: readonly string[]; readonly read: Source } | undefined;
}

const editOf = (change: OpenChange): DelegationEdit => JSON.parse(change.fragment) as DelegationEdit;
/** Another number of bins is published by itself: what it moves is read bin by bin, and never held in memory. */
const resizes = (edit: DelegationEdit): boolean => edit.action === "bins" && edit.bins !== undefined;

/** Of the edits that wait, oldest first, those that one version takes. */
export function together(waiting: readonly OpenChange[]): readonly OpenChange[] {
  const at = waiting.findIndex((change) => resizes(editOf(change)));
  return at < 0 ? waiting : waiting.slice(0, Math.max(1, at));
}

/** @param sealer proves the online keys that the edits name; absent: they were proved before */
export async function nextTargets(deps: PublisherDeps, head: Head, handed: readonly Succession[], changes: readonly OpenChange[], sealer?: Sealer): Promise<NextTargets> {
  let next = handedOver(head, handed, "alone", ["targets"]).head;
  const carried: Carried[] = [];
  const refused: { task: string; result: TaskResult }[] = [];
  for (const change of changes) {
    const edit = editOf(change);
    try {
      const outcome = applyEdit(edit, contextOf(deps, next));
      const after = withLifetimes(withTree(next, outcome.tree), outcome.days);
      requirePeoplesBinsUntouched(next, edit, outcome);
      requireNoneElsewhere(next, edit);
      if (sealer !== undefined) await proveEdit(deps, sealer, next, after, outcome);
      carried.push({ change, edit, outcome, before: next, after });
      next = after;
    } catch (error) {
      const result = refusedEdit(error, deps.clock.now());
      if (result === undefined) throw error;
      refused.push({ task: change.task, result });
    }
  }
  const source = carried.some(({ edit }) => resizes(edit)) ? sourceOf(deps, head, next.tree) : undefined;
  const rehoming = source !== undefined || carried.length === 0 ? NO_REHOMING : await rehome(deps, head, next);
  const touched = carried.flatMap(({ outcome }) => [...outcome.added, ...outcome.updated]);
  const signs = new Set(["targets", ...touched.flatMap((name) => (next.tree.custom.some((role) => role.name === name) ? signersOf(head, next, name, rehoming) : [])), ...signersOf(head, next, "", rehoming)]);
  return { next, signs: [...signs].sort(), carried, refused, rehoming, source };
}

function withLifetimes(head: Head, days: ReadonlyMap<string, number>): Head {
  if (days.size === 0) return head;
  const settings = Object.fromEntries([...days].map(([name, count]) => [`${name}_expiration`, count]));
  const delegated = new Map([...head.expiry.delegated, ...expiryPolicyOf(settings).delegated]);
  return { ...head, expiry: { ...head.expiry, delegated } };
}

/** Bins below a delegated role that people sign stand in what those sign. */
function requirePeoplesBinsUntouched(head: Head, edit: DelegationEdit, { changed }: EditOutcome): void {
  if (edit.action !== "bins") return;
  const signer = changed.find((name) => name !== "targets" && peopleOf(head).has(name));
  if (signer !== undefined) throw new RoleError("delegations-refused", `people sign role ${signer}, and its bins stand in what they sign: change them with an update of the role`);
}

/** A role that a team signs elsewhere is published with its document, which comes when its team sends it: targets would have to be signed then. */
export function requireNoneElsewhere({ outside }: Pick<Head, "outside">, { roles }: { readonly roles: readonly { readonly name: string; readonly signing?: string | null }[] }): void {
  const elsewhere = roles.find(({ name, signing }) => signing === "outside" || outside.roles.has(name));
  if (elsewhere !== undefined) throw new RoleError("delegations-refused", `role ${elsewhere.name} is signed elsewhere, and people sign targets: this release publishes the one only where the other is signed online`);
}

async function proveEdit(deps: PublisherDeps, sealer: Sealer, before: Head, after: Head, { added, updated }: EditOutcome): Promise<void> {
  for (const role of [...added, ...updated]) await prove(sealer, after, role);
  const { newRoles, handed } = headChange(deps, before, after, NO_REHOMING, { live: [] });
  await proveNew(sealer, after, newRoles, handed);
}

/** What it takes beside the artifacts it moves. */
export function changeOf(deps: PublisherDeps, head: Head, { next, carried, rehoming, source }: NextTargets): HeadChange {
  const live = carried.flatMap(({ outcome }) => [...outcome.added, ...outcome.updated]).filter((name) => next.tree.custom.some((role) => role.name === name));
  const change = headChange(deps, head, next, rehoming, { live, also: source?.roles ?? [] });
  const settings = carried.map(({ edit, outcome, before, after }) => settingsOf(outcome, edit, before, after.tree));
  return { ...change, settings: Object.assign({}, change.settings, ...settings) as Record<string, SettingValue> };
}

export function resultsOf({ carried, rehoming }: NextTargets, nowMs: number): readonly { readonly task: string; readonly result: TaskResult }[] {
  return carried.map(({ change, edit, outcome, before, after }) => ({ task: change.task, result: resultOf(edit, { outcome, next: after, waiting: [], superseded: [], declared: [] }, before, rehoming, nowMs) }));
}

/** Whether a version of the role waits for signatures of people, or has them and is not published yet. */
export const isBeingSigned = (role: string, events: readonly SigningEvent[]): boolean => events.some((event) => event.kind === "delegated" && event.role === role && event.state !== "cancelled");

/**
 * Whether an edit of delegations has to wait for the next version of targets: it changes what targets says, and people
 * sign that; or a version is being signed that it might follow, in whatever order they were asked for.
 */
export function waitsForTargets(deps: PublisherDeps, head: Head, change: OpenChange, events: readonly SigningEvent[]): boolean {
  const signed = isBeingSigned("targets", events);
  if (!signed && !peopleOf(head).has("targets")) return false;
  try {
    const { changed, failed } = applyEdit(editOf(change), contextOf(deps, head));
    return changed.includes("targets") || (signed && (failed.length > 0 || changed.length === 0));
  } catch (error) {
    if (error instanceof RoleError) return signed;
    throw error;
  }
}

/** Whether any of the edits, in their order, says something else of targets. */
export const changesTargets = ({ carried }: NextTargets): boolean => carried.some(({ before, after }) => changedDelegators(before.tree, after.tree).includes("targets"));
