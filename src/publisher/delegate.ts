// A change of delegations: who delegates to whom, every envelope that takes, and every artifact
// that another role lists then, in one head (rule 25).
//
// Such a change makes a batch of its own, in its place among the others, so that what was accepted
// before it is published under the old delegations and what comes after under the new ones.

import { AppError, reasonOf } from "../lib/app-error.ts";
import type { Move, OpenChange, SettingValue, TaskResult } from "../ports/database.ts";
import { SignerError } from "../ports/signer.ts";
import { onlineUriOf } from "../roles/bootstrap.ts";
import { NESTED, settingOf } from "../roles/below.ts";
import { CATCH_ALL, CATCH_ALL_LIMITS } from "../roles/catch-all.ts";
import type { DelegationEdit } from "../roles/custom-delegations.ts";
import { applyEdit, type EditContext, type EditOutcome } from "../roles/delegation-edit.ts";
import { belowOf, namesIn, ownerOf, rolesOf, type BinSet, type DelegationTree } from "../roles/delegation.ts";
import { RoleError } from "../roles/errors.ts";
import { DEFAULT_DAYS, expiryPolicyOf } from "../roles/policy.ts";
import { canonicalString } from "../tuf/canonical.ts";
import type { Json } from "../tuf/documents.ts";
import { TufError } from "../tuf/errors.ts";
import { binSettings } from "./bin-settings.ts";
import type { PublisherDeps } from "./deps.ts";
import { PublisherError } from "./errors.ts";
import { authorityIn, authorityOf, type Head } from "./head.ts";
import type { LeaseHold } from "./lease-hold.ts";
import type { Plan } from "./plan.ts";
import { Unpressable, type Source } from "./press.ts";
import { publish } from "./publish.ts";
import { resized } from "./resize.ts";
import type { Sealer } from "./seal.ts";

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
 * Publishes the edit, or ends its task with the reason why not.
 * @returns the new head, or undefined when nothing was published
 * @throws what is not the edit's fault; the batch, if open, is still open
 */
export async function changeDelegations(deps: PublisherDeps, hold: LeaseHold, sealer: Sealer, head: Head, change: OpenChange): Promise<Head | undefined> {
  const nowMs = deps.clock.now();
  const edit = JSON.parse(change.fragment) as DelegationEdit;
  const outcome = applyEdit(edit, contextOf(deps, head));
  const live = [...outcome.added, ...outcome.updated];
  if (live.length + outcome.deleted.length + outcome.changed.length === 0) {
    await deps.database.endTasks(hold.lease, [{ task: change.task, result: resultOf(outcome, NO_REHOMING, nowMs) }]);
    return undefined;
  }
  const settings = settingsOf(outcome, edit, head, deps.random.hex(8));
  const next: Head = {
    ...head,
    targets: { ...head.targets, delegations: outcome.delegations },
    tree: outcome.tree,
    expiry: expiryPolicyOf({ ...(await deps.database.settings()), ...settings }),
  };
  const { fresh, gone } = comings(head.tree, outcome.tree);
  const handed = otherSigners(head.tree, outcome.tree);
  for (const role of [...live, ...firstBins([...fresh.map(({ name }) => name), ...handed], outcome.tree)]) await prove(sealer, next, role);
  const source = edit.action === "bins" ? sourceOf(deps, head, outcome.tree) : undefined;
  const rehoming = source === undefined ? await rehome(deps, head, next) : NO_REHOMING;
  const edits = new Map<string, ReadonlyMap<string, string | undefined>>(rehoming.edits);
  for (const role of ["targets", ...outcome.changed, ...live, ...fresh.map(({ name }) => name), ...handed, ...(source === undefined ? [] : source.roles)]) if (!edits.has(role)) edits.set(role, new Map());
  const plan: Plan = { changes: [{ ...change, outcome: "apply" }], edits, publishes: true };
  return await publish(deps, hold, sealer, {
    head: next,
    plan,
    nowMs,
    moves: rehoming.moves,
    ...(source === undefined ? {} : { source: source.read }),
    tasks: [{ task: change.task, result: resultOf(outcome, rehoming, nowMs) }],
    also: {
      envelopes: [],
      newRoles: fresh,
      retiredRoles: gone,
      settings,
    },
  });
}

/** The end of an edit that can't be published, or undefined when the fault lies elsewhere. */
export function refusedEdit(error: unknown, nowMs: number): TaskResult | undefined {
  const itsFault = error instanceof Unpressable || error instanceof RoleError || error instanceof TufError || (error instanceof SignerError && error.code !== "unavailable");
  return itsFault && error instanceof AppError ? failedEdit(reasonOf(error), nowMs) : undefined;
}

export function failedEdit(reason: string, nowMs: number): TaskResult {
  return { state: "FAILURE", message: `Metadata Delegation Failed: ${reason}`, error: reason, lastUpdateMs: nowMs };
}

/** @throws RoleError `delegations-refused` when the signer that a key names has another one; SignerError */
async function prove(sealer: Sealer, head: Head, role: string): Promise<void> {
  try {
    await sealer.prove(role, authorityOf(head, role));
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
    people: false,
  };
}

interface Rehoming {
  readonly moves: readonly Move[];
  readonly edits: ReadonlyMap<string, ReadonlyMap<string, string | undefined>>;
}

const NO_REHOMING: Rehoming = { moves: [], edits: new Map() };

/** What the roles of `head` list and other roles of `next` take, or none. Memory holds one role at a time, and what moves. */
async function rehome(deps: PublisherDeps, head: Head, next: Head): Promise<Rehoming> {
  const live = new Set(rolesOf(next.tree));
  const moves: Move[] = [];
  const edits = new Map<string, Map<string, string | undefined>>();
  const edit = (role: string, path: string, fragment: string | undefined): void => {
    if (!live.has(role)) return;
    const own = edits.get(role);
    if (own === undefined) edits.set(role, new Map([[path, fragment]]));
    else own.set(path, fragment);
  };
  const opens = next.tree.custom.some(({ name }) => name === CATCH_ALL) && !head.tree.custom.some(({ name }) => name === CATCH_ALL);
  const unfindable: string[] = [];
  for (const slice of slicesOf(rolesOf(head.tree))) {
    const read = await deps.database.readTargets(head.id, slice);
    for (const [from, targets] of read) {
      for (const { path, fragment } of targets) {
        const to = ownerOf(next.tree, path);
        if (to === from) continue;
        if (to === undefined && opens) unfindable.push(path);
        moves.push({ path, from, to });
        edit(from, path, undefined);
        if (to !== undefined) edit(to, path, fragment);
      }
    }
  }
  const [first] = unfindable;
  if (first !== undefined) {
    const { segments, dotSegments } = CATCH_ALL_LIMITS;
    throw new RoleError("delegations-refused", `${String(unfindable.length)} artifact(s), ${JSON.stringify(first.slice(0, 200))} among them, would be found no more: beside custom roles a path has at most ${String(segments)} segments, none empty and at most ${String(dotSegments)} that begin with a dot. Remove them first`);
  }
  return { moves, edits };
}

/** Every bin of the set whose number changed, and where what it lists comes from. */
function sourceOf(deps: PublisherDeps, head: Head, after: DelegationTree): { readonly roles: readonly string[]; readonly read: Source } | undefined {
  const to = after.bins.find(({ delegator, bitLength }) => head.tree.bins.some((bins) => bins.delegator === delegator && bins.bitLength !== bitLength));
  const from = head.tree.bins.find(({ delegator }) => delegator === to?.delegator);
  return to === undefined || from === undefined ? undefined : { roles: namesIn(to), read: resized(deps, head, from, to) };
}

/** Roles read at a time: bins are many and small. */
const READ_ROLES = 64;

function* slicesOf(roles: readonly string[]): Generator<readonly string[]> {
  for (let at = 0; at < roles.length; at += READ_ROLES) yield roles.slice(at, at + READ_ROLES);
}

interface NewRole {
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
function settingsOf({ days, deleted, tree, changed }: EditOutcome, edit: DelegationEdit, head: Head, stamp: string): Record<string, SettingValue> {
  const bins = edit.action === "add" ? edit.bins : undefined;
  return {
    ...Object.fromEntries([...[...days].map(([role, count]) => [`${role}_expiration`, count] as const), ...deleted.map((role) => [`${role}_expiration`, null] as const)]),
    ...(tree.bins.length > 0 && head.tree.bins.length === 0 ? { bins_expiration: bins?.expiration ?? DEFAULT_DAYS.bins } : {}),
    ...binSettings(tree),
    ...(changed.length === 0 && deleted.length === 0 ? {} : { [NESTED]: settingOf(belowOf(tree), stamp) as unknown as SettingValue }),
  };
}

/** Of bins that came, or changed their number, by themselves. */
function binCounts({ bins }: DelegationTree, changed: readonly string[]): object {
  const [set] = bins.filter(({ delegator }) => changed.includes(delegator));
  return set === undefined ? {} : { number_of_delegated_bins: 2 ** set.bitLength };
}

function resultOf({ added, updated, deleted, failed, tree, changed }: EditOutcome, { moves }: Rehoming, nowMs: number): TaskResult {
  const dropped = moves.filter(({ to }) => to === undefined).map(({ path }) => path);
  const details = {
    delegated_roles: [...added, ...updated, ...deleted],
    failed_roles: failed,
    ...(added.length + updated.length + deleted.length + failed.length > 0 ? {} : binCounts(tree, changed)),
    ...(moves.length > dropped.length ? { moved_artifacts: moves.length - dropped.length } : {}),
    ...(dropped.length > 0 ? { dropped_artifacts: dropped.slice(0, NAMED), dropped_artifacts_count: dropped.length } : {}),
  };
  return { state: "SUCCESS", message: "Metadata Delegation Processed", details, lastUpdateMs: nowMs };
}
