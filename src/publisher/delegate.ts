// A change of delegations: who delegates to whom, every envelope that takes, and every artifact
// that another role lists then, in one head (rule 25).
//
// Such a change makes a batch of its own, in its place among the others, so that what was accepted
// before it is published under the old delegations and what comes after under the new ones.

import { AppError, reasonOf } from "../lib/app-error.ts";
import type { EventEffect, Move, OpenChange, SettingValue, SigningEvent, TaskResult } from "../ports/database.ts";
import { SignerError } from "../ports/signer.ts";
import { onlineUriOf } from "../roles/bootstrap.ts";
import { NESTED, settingOf } from "../roles/below.ts";
import type { DelegationEdit } from "../roles/custom-delegations.ts";
import { applyEdit, changedDelegators, type EditContext, type EditOutcome } from "../roles/delegation-edit.ts";
import { belowOf, namesIn, type BinSet, type DelegationTree } from "../roles/delegation.ts";
import { RoleError } from "../roles/errors.ts";
import { needsPeople, onlinePart } from "../roles/people.ts";
import { pendingEdits, type PendingEdit } from "../roles/pending-edit.ts";
import { DEFAULT_DAYS } from "../roles/policy.ts";
import { canonicalString } from "../tuf/canonical.ts";
import type { Json } from "../tuf/documents.ts";
import { TufError } from "../tuf/errors.ts";
import { binSettings } from "./bin-settings.ts";
import type { PublisherDeps } from "./deps.ts";
import { PublisherError } from "./errors.ts";
import { authorityIn, authorityOf, type Head } from "./head.ts";
import type { LeaseHold } from "./lease-hold.ts";
import { peopleOf, withTree } from "./people.ts";
import { Unpressable, type Source } from "./press.ts";
import { publish } from "./publish.ts";
import { NO_REHOMING, rehome, type Rehoming } from "./rehome.ts";
import { resized } from "./resize.ts";
import type { Sealer } from "./seal.ts";
import { eventsOf, rehomeIfSigned, signersOf, unitEvents, withLifetime, type Unit } from "./units.ts";

const DAY_MS = 86_400_000;
/** So many paths that no role takes any more are named in a result; the others are counted. */
const NAMED = 1_000;

/** The changes before the first edit of delegations, or that edit alone; held ones go with the change that absorbs them. */
export function untilDelegation(chosen: readonly OpenChange[]): readonly OpenChange[] {
  const at = chosen.findIndex(({ kind }) => kind === "delegate");
  if (at < 0) return chosen;
  const last = new Map<string, number>();
  for (const change of chosen.slice(0, at)) if (!change.held) last.set(change.path, change.id);
  const before = chosen.slice(0, at).filter((change) => !change.held || last.has(change.path));
  return before.length > 0 ? before : chosen.slice(at, at + 1);
}

/**
 * Publishes what the edit asks for and needs nobody; what people have to sign first begins to wait (rule 25), in the
 * same transaction. Or ends its task with the reason why not.
 * @returns the new head, or undefined when nothing was published
 * @throws what is not the edit's fault; the batch, if open, is still open
 */
export async function changeDelegations(deps: PublisherDeps, hold: LeaseHold, sealer: Sealer, head: Head, change: OpenChange, events: readonly SigningEvent[]): Promise<Head | undefined> {
  const nowMs = deps.clock.now();
  const edit = JSON.parse(change.fragment) as DelegationEdit;
  const split = await splitEdit(deps, sealer, head, edit, events);
  const effects: EventEffect[] = split.superseded.map((event) => ({ giveUp: { event, reason: "a later change of delegations took its place" } }));
  for (const unit of split.waiting) for (const start of await eventsOf(deps, hold, unit, change.task)) effects.push({ start });
  const { next, outcome } = split;
  if (next === head) {
    await deps.database.endTasks(hold.lease, [{ task: change.task, result: resultOf(edit, split, head, NO_REHOMING, nowMs) }], undefined, effects);
    return undefined;
  }
  const source = edit.action === "bins" ? sourceOf(deps, head, next.tree) : undefined;
  const rehoming = source === undefined ? await rehome(deps, head, next) : NO_REHOMING;
  const { edits, newRoles, handed, retiredRoles, settings } = headChange(deps, head, next, rehoming, { live: [...outcome.added, ...outcome.updated], also: source?.roles ?? [] });
  await proveNew(sealer, next, newRoles, handed);
  return await publish(deps, hold, sealer, {
    head: next,
    plan: { changes: [{ ...change, outcome: "apply" }], edits, publishes: true },
    nowMs,
    moves: rehoming.moves,
    ...(source === undefined ? {} : { source: source.read }),
    tasks: [{ task: change.task, result: resultOf(edit, split, head, rehoming, nowMs) }],
    also: { envelopes: [], newRoles, retiredRoles, settings: { ...settings, ...settingsOf(outcome, edit, head, next.tree) }, events: effects },
  });
}

export interface HeadChange {
  /** What is pressed or signed, and what moves there. */
  readonly edits: ReadonlyMap<string, ReadonlyMap<string, string | undefined>>;
  readonly newRoles: readonly NewRole[];
  /** Roles that were delegated to before, to other keys. */
  readonly handed: readonly string[];
  readonly retiredRoles: readonly string[];
  /** What readers of the whole tree find. */
  readonly settings: Readonly<Record<string, SettingValue>>;
}

/** What another tree takes beside the artifacts it moves. `live`: roles that are pressed whatever moves, but for those that people sign. */
export function headChange(deps: Pick<PublisherDeps, "random">, head: Head, next: Head, rehoming: Rehoming, { live, also = [] }: { readonly live: readonly string[]; readonly also?: readonly string[] }): HeadChange {
  const changed = changedDelegators(head.tree, next.tree);
  const { fresh, gone } = comings(head.tree, next.tree);
  const handed = otherSigners(head.tree, next.tree);
  const people = peopleOf(next);
  const edits = new Map(rehoming.edits);
  const pressed = ["targets", ...changed, ...[...live, ...fresh.map(({ name }) => name), ...handed].filter((name) => !people.has(name)), ...also];
  for (const role of pressed) if (!edits.has(role)) edits.set(role, new Map());
  const nested = belowOf(head.tree).size + belowOf(next.tree).size > 0 ? { [NESTED]: settingOf(belowOf(next.tree), deps.random.hex(8)) as unknown as SettingValue } : {};
  return { edits, newRoles: fresh, handed, retiredRoles: gone, settings: { ...binSettings(next.tree), ...nested } };
}

/** One bin of each set that is new or handed to other keys: all are signed alike. */
export async function proveNew(sealer: Sealer, next: Head, newRoles: readonly NewRole[], handed: readonly string[]): Promise<void> {
  for (const role of firstBins([...newRoles.map(({ name }) => name), ...handed], next.tree)) await prove(sealer, next, role);
}

type Outcome = Pick<EditOutcome, "added" | "updated" | "deleted" | "failed" | "days">;

export interface Split {
  /** What is done at once. */
  readonly outcome: Outcome;
  /** The head with that; the same one when there is nothing. */
  readonly next: Head;
  /** What waits for people, role by role. */
  readonly waiting: readonly Unit[];
  /** Signing events whose place it takes. */
  readonly superseded: readonly string[];
}

/**
 * Role by role: what takes signatures of people waits, everything else is done at once. A later change of a role takes
 * the place of one that waits, and of a new version of it that does.
 * @throws RoleError, SignerError when the edit as a whole can't be carried out
 */
export async function splitEdit(deps: PublisherDeps, sealer: Sealer, head: Head, edit: DelegationEdit, events: readonly SigningEvent[]): Promise<Split> {
  const pending = pendingEdits(events);
  const outcome = { added: [] as string[], updated: [] as string[], deleted: [] as string[], failed: [] as { role: string; reason: string }[], days: new Map<string, number>() };
  const waiting: Unit[] = [];
  const superseded = new Set<string>();
  let next = head;
  if (edit.action === "bins" || (edit.action === "add" && edit.bins)) {
    const made = applyEdit({ ...edit, roles: [] }, contextOf(deps, head));
    const signer = made.changed.find((name) => peopleOf(head).has(name));
    if (signer !== undefined) throw new RoleError("delegations-refused", `people sign role ${signer}, and its bins stand in what they sign: change them with an update of the role`);
    if (made.changed.length > 0) next = withTree(head, made.tree);
  }
  // Whoever is below another goes before it.
  const place = new Map(head.tree.custom.map(({ name }, at) => [name, at]));
  const roles: readonly { readonly name: string }[] = edit.action === "delete" ? edit.roles.toSorted((a, b) => (place.get(b.name) ?? -1) - (place.get(a.name) ?? -1)) : edit.roles;
  for (const wanted of roles) {
    const { name } = wanted;
    const fail = (reason: string): void => void outcome.failed.push({ role: name, reason });
    const before = pending.find((other) => other.name === name);
    const supersede = (): void => { if (before !== undefined) for (const { id } of unitEvents(events, before.unit)) superseded.add(id); };
    const added = [...pending, ...waiting.map((unit) => unit.edit)].filter(({ action }) => action === "add");
    if (edit.action === "add" && added.some((other) => other.name.toLowerCase() === name.toLowerCase())) {
      fail("role already exists");
      continue;
    }
    if (edit.action === "delete" && before?.action === "add") {
      supersede();
      outcome.deleted.push(name);
      continue;
    }
    const action = before?.action === "add" ? "add" : edit.action === "bins" ? "update" : edit.action;
    const made = applyEdit({ ...edit, action, roles: [wanted], bins: null } as unknown as DelegationEdit, contextOf(deps, next));
    const [failed] = made.failed;
    if (failed !== undefined) {
      fail(failed.reason);
      continue;
    }
    const days = made.days.get(name);
    const after = await withLifetime(deps, withTree(next, made.tree), { name, ...(days === undefined ? {} : { days }) });
    const rehoming = await rehomeIfSigned(deps, head, after);
    const signs = signersOf(head, after, name, rehoming);
    if (action !== "delete") await prove(sealer, after, name);
    if (signs.length === 0) {
      supersede();
      for (const event of events) if (event.kind === "delegated" && event.role === name && event.state !== "cancelled" && !peopleOf(after).has(name)) superseded.add(event.id);
      next = after;
      outcome[action === "add" ? "added" : action === "update" ? "updated" : "deleted"].push(name);
      if (days !== undefined) outcome.days.set(name, days);
      continue;
    }
    const taken = signs.find((sign) => [...pending.filter((other) => other !== before), ...waiting.map((unit) => unit.edit)].some((other) => other.signs.includes(sign)));
    if (taken !== undefined) {
      fail(`role ${taken} waits for signatures of another change of delegations: sign that first, or stop it`);
      continue;
    }
    supersede();
    for (const event of events) if (event.kind === "delegated" && signs.includes(event.role) && event.state !== "cancelled") superseded.add(event.id);
    waiting.push({ next: after, rehoming, edit: pendingEditOf(deps, next, after, { name, action, days, signs }, before?.after, added.map((other) => other.name)) });
  }
  return { outcome, next, waiting, superseded: [...superseded] };
}

/** What of the edit is kept until it is signed. */
function pendingEditOf(
  deps: Pick<PublisherDeps, "random">, before: Head, after: Head, { name, action, days, signs }: Pick<PendingEdit, "name" | "action" | "signs"> & { readonly days: number | undefined },
  place: readonly string[] | undefined, pendingNames: readonly string[],
): PendingEdit {
  const parent = (action === "delete" ? before : after).tree.custom.find((each) => each.name === name)?.parent ?? "targets";
  const { delegations } = after.tree.delegators.get(parent) ?? {};
  const siblings = delegations?.roles ?? [];
  const at = siblings.findIndex((each) => each.name === name);
  const role = siblings[at];
  const below = after.tree.delegators.get(name)?.delegations;
  return {
    unit: deps.random.hex(16), action, name, parent,
    ...(role === undefined ? {} : { role }),
    ...(below === undefined ? {} : { below }),
    keys: Object.fromEntries(Object.entries(delegations?.keys ?? {}).filter(([keyid]) => role?.keyids.includes(keyid) === true)),
    after: place ?? [...siblings.slice(0, Math.max(0, at)).map((each) => each.name), ...(action === "add" ? pendingNames : [])],
    ...(days === undefined ? {} : { days }),
    signs,
  };
}

/** The end of an edit that can't be published, or undefined when the fault lies elsewhere. */
export function refusedEdit(error: unknown, nowMs: number): TaskResult | undefined {
  const itsFault = error instanceof Unpressable || error instanceof RoleError || error instanceof TufError || (error instanceof SignerError && error.code !== "unavailable");
  return itsFault && error instanceof AppError ? failedEdit(reasonOf(error), nowMs) : undefined;
}

export function failedEdit(reason: string, nowMs: number): TaskResult {
  return { state: "FAILURE", message: `Metadata Delegation Failed: ${reason}`, error: reason, lastUpdateMs: nowMs };
}

/** Whatever online keys have to give for `role`, they can. @throws RoleError `delegations-refused` when the signer that a key names has another one; SignerError */
export async function prove(sealer: Sealer, head: Head, role: string): Promise<void> {
  const authority = authorityOf(head, role);
  const online = needsPeople(authority) ? onlinePart(authority) : authority;
  if (online === undefined) return;
  try {
    await sealer.prove(role, online);
  } catch (error) {
    if (error instanceof PublisherError && error.code === "signature-invalid") throw new RoleError("delegations-refused", error.message, { cause: error });
    throw error;
  }
}

/** @throws RoleError `delegations-refused` when nothing can sign for roles without keys of their own */
function contextOf(deps: PublisherDeps, head: Head): EditContext {
  const { keys, roles } = head.root;
  const keyid = roles.timestamp.keyids.find((id) => onlineUriOf(keys[id]) !== undefined);
  const key = keyid === undefined ? undefined : keys[keyid];
  if (keyid === undefined || key === undefined) throw new RoleError("delegations-refused", "root names no online key for role timestamp");
  return {
    tree: head.tree,
    binsStyle: deps.policy.binsStyle,
    online: { keyid, key },
    allowUnportable: deps.policy.allowUnportableKeys,
    defaultDays: Math.max(1, Math.round(head.expiry.targets / DAY_MS)),
  };
}

/** Every bin of the set whose number changed, and where what it lists comes from. */
function sourceOf(deps: PublisherDeps, head: Head, after: DelegationTree): { readonly roles: readonly string[]; readonly read: Source } | undefined {
  const to = after.bins.find(({ delegator, bitLength }) => head.tree.bins.some((bins) => bins.delegator === delegator && bins.bitLength !== bitLength));
  const from = head.tree.bins.find(({ delegator }) => delegator === to?.delegator);
  return to === undefined || from === undefined ? undefined : { roles: namesIn(to), read: resized(deps, head, from, to) };
}

export interface NewRole {
  readonly name: string;
  readonly kind: "delegated" | "bins";
  readonly parent: string;
}

/** Roles that are delegated to from now on, and those that no longer are. */
function comings(before: DelegationTree, after: DelegationTree): { readonly fresh: readonly NewRole[]; readonly gone: readonly string[] } {
  const sameBins = (some: BinSet, others: readonly BinSet[]): boolean => others.some(({ prefix, bitLength }) => prefix === some.prefix && bitLength === some.bitLength);
  const binsBut = (tree: DelegationTree, other: DelegationTree): readonly BinSet[] => tree.bins.filter((bins) => !sameBins(bins, other.bins));
  const was = new Set([...before.custom.map(({ name }) => name), ...binsBut(before, after).flatMap(namesIn)]);
  const is: NewRole[] = [
    ...after.custom.map(({ name, parent }) => ({ name, kind: "delegated" as const, parent })),
    ...binsBut(after, before).flatMap((bins) => namesIn(bins).map((name) => ({ name, kind: "bins" as const, parent: bins.delegator }))),
  ];
  const live = new Set(is.map(({ name }) => name));
  return { fresh: is.filter(({ name }) => !was.has(name)), gone: [...was].filter((name) => !live.has(name)) };
}

/** Roles that were delegated to before, to other keys. */
function otherSigners(before: DelegationTree, after: DelegationTree): readonly string[] {
  const differs = (role: string): boolean => {
    const [was, is] = [authorityIn(before, role), authorityIn(after, role)];
    return was !== undefined && is !== undefined && canonicalString(was as unknown as Json) !== canonicalString(is as unknown as Json);
  };
  const bins = after.bins.filter((set) => before.bins.some((old) => old.delegator === set.delegator && old.bitLength === set.bitLength) && differs(namesIn(set)[0] ?? ""));
  return [...after.custom.map(({ name }) => name).filter(differs), ...bins.flatMap(namesIn)];
}

/** One bin of each set of which there are some `among` these: all are signed alike. */
function firstBins(among: readonly string[], { bins }: DelegationTree): readonly string[] {
  const names = new Set(among);
  return bins.map((set) => namesIn(set)[0] ?? "").filter((name) => names.has(name));
}

/** A deleted role's lifetime goes with it. */
function settingsOf({ days, deleted }: Outcome, edit: DelegationEdit, head: Head, tree: DelegationTree): Record<string, SettingValue> {
  const bins = edit.action === "add" ? edit.bins : undefined;
  return {
    ...Object.fromEntries([...[...days].map(([role, count]) => [`${role}_expiration`, count] as const), ...deleted.map((role) => [`${role}_expiration`, null] as const)]),
    ...(tree.bins.length > 0 && head.tree.bins.length === 0 ? { bins_expiration: bins?.expiration ?? DEFAULT_DAYS.bins } : {}),
  };
}

/** Of bins that came, or changed their number, by themselves. */
function binCounts({ bins }: DelegationTree, changed: readonly string[]): object {
  const [set] = bins.filter(({ delegator }) => changed.includes(delegator));
  return set === undefined ? {} : { number_of_delegated_bins: 2 ** set.bitLength };
}

function resultOf(edit: DelegationEdit, { outcome: { added, updated, deleted, failed }, waiting, next }: Split, head: Head, { moves }: Rehoming, nowMs: number): TaskResult {
  const dropped = droppedOf(moves);
  const later = waiting.flatMap(({ rehoming }) => droppedOf(rehoming.moves)).filter((path) => !dropped.includes(path));
  const done = new Set([...added, ...updated, ...deleted, ...waiting.map((unit) => unit.edit.name)]);
  const details = {
    delegated_roles: [...new Set(edit.roles.map(({ name }) => name))].filter((name) => done.has(name)),
    failed_roles: failed,
    ...(waiting.length > 0 ? { waiting_for: [...new Set(waiting.flatMap((unit) => unit.edit.signs))].sort() } : {}),
    ...(done.size + failed.length > 0 ? {} : binCounts(next.tree, changedDelegators(head.tree, next.tree))),
    ...(moves.length > dropped.length ? { moved_artifacts: moves.length - dropped.length } : {}),
    ...(dropped.length > 0 ? { dropped_artifacts: dropped.slice(0, NAMED), dropped_artifacts_count: dropped.length } : {}),
    ...(later.length > 0 ? { drops_when_signed: later.slice(0, NAMED), drops_when_signed_count: later.length } : {}),
  };
  return { state: "SUCCESS", message: "Metadata Delegation Processed", details, lastUpdateMs: nowMs };
}

const droppedOf = (moves: readonly Move[]): string[] => moves.filter(({ to }) => to === undefined).map(({ path }) => path);
