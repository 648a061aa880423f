// What top-level targets that people sign is to say next (ADR 0023): the delegations in force, without the online keys it
// is to be rid of, and with the changes of delegations, and the first documents of roles that teams sign elsewhere, that its
// signing event carries, in order.
//
// It is found when the event begins, before it is frozen and before it is published, from what is in force then.

import type { OpenChange, SettingValue, SigningEvent, TaskResult } from "../ports/database.ts";
import type { DelegationEdit } from "../roles/custom-delegations.ts";
import { applyEdit, changedDelegators, type EditOutcome } from "../roles/delegation-edit.ts";
import { RoleError } from "../roles/errors.ts";
import { noteOf } from "../roles/pending-edit.ts";
import { expiryPolicyOf } from "../roles/policy.ts";
import type { Succession } from "../roles/root-update.ts";
import { refusedEdit, resultOf, settingsOf, sourceOf } from "./delegate.ts";
import type { PublisherDeps } from "./deps.ts";
import { handedOver } from "./handover.ts";
import type { Head } from "./head.ts";
import { headChange, prove, proveNew, type HeadChange } from "./head-change.ts";
import { arrivalOf, lifetimeOf, refusedDocument, resultOfArrival, type Arrival } from "./outside.ts";
import { peopleOf, withTree } from "./people.ts";
import type { Source } from "./press.ts";
import { NO_REHOMING, rehome, type Rehoming } from "./rehome.ts";
import type { Sealer } from "./seal.ts";
import { contextOf } from "./split-edit.ts";
import { isBeingSigned, signersOf } from "./units.ts";

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
  /** Documents whose delegations come with it. */
  readonly arrivals: readonly Arrival[];
  /** Changes that can't be. */
  readonly refused: readonly { readonly task: string; readonly result: TaskResult }[];
  readonly rehoming: Rehoming;
  readonly source: { readonly roles: readonly string[]; readonly read: Source } | undefined;
}

const editOf = (change: OpenChange): DelegationEdit => JSON.parse(change.fragment) as DelegationEdit;
/** Another number of bins is published by itself: what it moves is read bin by bin, and never held in memory. */
const resizes = (edit: DelegationEdit): boolean => edit.action === "bins" && edit.bins !== undefined;
/** What a version of targets carries, beside requests for one. */
export const isCarried = ({ kind }: OpenChange): boolean => kind === "delegate" || kind === "document";

/** Of what waits, oldest first, what one version takes: nothing more of a role whose document it has. */
export function together(waiting: readonly OpenChange[]): readonly OpenChange[] {
  const arriving = new Set<string>();
  const at = waiting.findIndex((change) => {
    if (change.kind === "document") return arriving.has(change.role) || !arriving.add(change.role);
    const edit = editOf(change);
    return resizes(edit) || edit.roles.some(({ name }) => arriving.has(name));
  });
  return at < 0 ? waiting : waiting.slice(0, Math.max(1, at));
}

/** @param sealer proves the online keys that the edits name; absent: they were proved before */
export async function nextTargets(deps: PublisherDeps, head: Head, handed: readonly Succession[], changes: readonly OpenChange[], sealer?: Sealer): Promise<NextTargets> {
  let next = handedOver(head, handed, "alone", ["targets"]).head;
  const carried: Carried[] = [];
  const arrivals: Arrival[] = [];
  const refused: { task: string; result: TaskResult }[] = [];
  for (const change of changes) {
    try {
      if (change.kind === "document") {
        const arrival = await arrivalOf(deps, head, next, change);
        arrivals.push(arrival);
        next = arrival.next;
        continue;
      }
      const edit = editOf(change);
      requireNotDeclared(next, edit);
      const outcome = applyEdit(edit, contextOf(deps, next));
      const after = signedHere(withLifetimes(withTree(next, outcome.tree), outcome.days), outcome);
      requirePeoplesBinsUntouched(next, edit, outcome);
      if (sealer !== undefined) await proveEdit(deps, sealer, next, after, outcome);
      carried.push({ change, edit, outcome, before: next, after });
      next = after;
    } catch (error) {
      const result = (change.kind === "document" ? refusedDocument : refusedEdit)(error, deps.clock.now());
      if (result === undefined) throw error;
      refused.push({ task: change.task, result });
    }
  }
  const source = carried.some(({ edit }) => resizes(edit)) ? sourceOf(deps, head, next.tree) : undefined;
  const rehoming = source !== undefined || carried.length + arrivals.length === 0 ? NO_REHOMING : await rehome(deps, head, next, new Set(arrivals.map(({ change }) => change.role)));
  const touched = carried.flatMap(({ outcome }) => [...outcome.added, ...outcome.updated]);
  const signs = new Set(["targets", ...touched.flatMap((name) => (next.tree.custom.some((role) => role.name === name) ? signersOf(head, next, name, rehoming) : [])), ...signersOf(head, next, "", rehoming)]);
  return { next, signs: [...signs].sort(), carried, arrivals, refused, rehoming, source };
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

/** A new role takes no name of one that waits for its team's first document. */
function requireNotDeclared({ outside }: Pick<Head, "outside">, { action, roles }: DelegationEdit): void {
  const declared = action === "add" ? roles.find(({ name }) => outside.declared.some((other) => other.action === "add" && other.name.toLowerCase() === name.toLowerCase())) : undefined;
  if (declared !== undefined) throw new RoleError("delegations-refused", `role ${declared.name}: role already exists`);
}

/** Roles that a team signs elsewhere, and whose edit says otherwise now, or takes them away. */
function signedHere(head: Head, { added, updated, deleted }: EditOutcome): Head {
  const names = new Set([...added, ...updated, ...deleted]);
  const { roles, declared } = head.outside;
  return { ...head, outside: { roles: new Set([...roles].filter((name) => !names.has(name))), declared: declared.filter(({ name }) => !names.has(name)) } };
}

async function proveEdit(deps: PublisherDeps, sealer: Sealer, before: Head, after: Head, { added, updated }: EditOutcome): Promise<void> {
  for (const role of [...added, ...updated]) await prove(sealer, after, role);
  const { newRoles, handed } = headChange(deps, before, after, NO_REHOMING, { live: [] });
  await proveNew(sealer, after, newRoles, handed);
}

/** What it takes beside the artifacts it moves. */
export function changeOf(deps: PublisherDeps, head: Head, { next, carried, arrivals, rehoming, source }: NextTargets): HeadChange {
  const live = carried.flatMap(({ outcome }) => [...outcome.added, ...outcome.updated]).filter((name) => next.tree.custom.some((role) => role.name === name));
  const change = headChange(deps, head, next, rehoming, { live, also: source?.roles ?? [] });
  const settings = carried.map(({ edit, outcome, before, after }) => settingsOf(outcome, edit, before, after.tree));
  const lifetimes = arrivals.map(({ change: { role }, document }) => lifetimeOf(role, document, deps.clock.now()));
  return { ...change, settings: Object.assign({}, change.settings, ...settings, ...lifetimes) as Record<string, SettingValue> };
}

export function resultsOf({ carried, arrivals, rehoming }: NextTargets, nowMs: number): readonly { readonly task: string; readonly result: TaskResult }[] {
  const arrived = arrivals.map((arrival) => ({ task: arrival.change.task, result: resultOfArrival(arrival, nowMs) }));
  const edited = carried.map(({ change, edit, outcome, before, after }) => ({ task: change.task, result: resultOf(edit, { outcome, next: after, waiting: [], superseded: [], declared: [] }, before, rehoming, nowMs) }));
  return [...edited, ...arrived];
}

/**
 * Whether an edit of delegations has to wait for the next version of targets: it changes what targets says, and people
 * sign that; or a version is being signed that it might follow, in whatever order they were asked for, or that takes a role's
 * envelope which it would change as well.
 */
export function waitsForTargets(deps: PublisherDeps, head: Head, change: OpenChange, events: readonly SigningEvent[]): boolean {
  const signed = isBeingSigned("targets", events);
  if (!signed && !peopleOf(head).has("targets")) return false;
  const edit = editOf(change);
  if (declaresElsewhere(head, edit)) return false;
  try {
    const { changed, failed } = applyEdit(edit, contextOf(deps, head));
    const signing = events.flatMap((event) => (event.role === "targets" && event.state !== "cancelled" ? (noteOf(event).targets?.signs ?? []) : []));
    return changed.includes("targets") || (signed && (failed.length > 0 || changed.length === 0)) || changed.some((role) => signing.includes(role));
  } catch (error) {
    if (error instanceof RoleError) return signed;
    throw error;
  }
}

/**
 * Whether the edit is of roles that a team signs, or is to sign, elsewhere: it is declared, and comes with their documents; or
 * takes back what is declared only. @throws RoleError `delegations-refused` when it is of others as well
 */
function declaresElsewhere({ outside }: Pick<Head, "outside">, edit: DelegationEdit): boolean {
  if (edit.action === "bins" || edit.roles.length === 0) return false;
  const isElsewhere = (name: string): boolean => outside.roles.has(name) || outside.declared.some((other) => other.name === name);
  const own = edit.action === "delete"
    ? edit.roles.filter(({ name }) => outside.declared.some((other) => other.name === name && other.action === "add"))
    : edit.roles.filter(({ name, signing }) => (signing ?? undefined) === undefined ? isElsewhere(name) : signing === "outside");
  if (own.length > 0 && (own.length < edit.roles.length || (edit.action === "add" && edit.bins))) {
    throw new RoleError("delegations-refused", `role ${own[0]?.name ?? ""} is signed elsewhere, and people sign targets: ask for such roles in a request of their own`);
  }
  return own.length > 0;
}

/** Whether any of the edits, in their order, says something else of targets. */
export const changesTargets = ({ carried, arrivals }: NextTargets): boolean => arrivals.length > 0 || carried.some(({ before, after }) => changedDelegators(before.tree, after.tree).includes("targets"));
