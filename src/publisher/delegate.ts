// A change of delegations: who delegates to whom, every envelope that takes, and every artifact
// that another role lists then, in one head (rule 25).
//
// Such a change makes a batch of its own, in its place among the others, so that what was accepted
// before it is published under the old delegations and what comes after under the new ones.

import { AppError, reasonOf } from "../lib/app-error.ts";
import type { EventEffect, Move, OpenChange, SettingValue, SigningEvent, TaskResult } from "../ports/database.ts";
import { SignerError } from "../ports/signer.ts";
import type { DelegationEdit } from "../roles/custom-delegations.ts";
import { changedDelegators } from "../roles/delegation-edit.ts";
import { namesIn, type DelegationTree } from "../roles/delegation.ts";
import { RoleError } from "../roles/errors.ts";
import { DEFAULT_DAYS } from "../roles/policy.ts";
import { TufError } from "../tuf/errors.ts";
import type { PublisherDeps } from "./deps.ts";
import type { Head } from "./head.ts";
import { headChange, outsideChange, proveNew } from "./head-change.ts";
import type { LeaseHold } from "./lease-hold.ts";
import { Unpressable, type Source } from "./press.ts";
import { standsAlone } from "./plan.ts";
import { publish } from "./publish.ts";
import { NO_REHOMING, rehome, type Rehoming } from "./rehome.ts";
import { resized } from "./resize.ts";
import type { Sealer } from "./seal.ts";
import { splitEdit, type Outcome, type Split } from "./split-edit.ts";
import { eventsOf, forgottenTimes, timesOf } from "./units.ts";

/** So many paths that no role takes any more are named in a result; the others are counted. */
const NAMED = 1_000;

/** The changes before the first that stands alone, or that one; held ones go with the change that absorbs them. */
export function untilDelegation(chosen: readonly OpenChange[]): readonly OpenChange[] {
  const at = chosen.findIndex(standsAlone);
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
  if (next.tree === head.tree) {
    await deps.database.endTasks(hold.lease, [{ task: change.task, result: resultOf(edit, split, head, NO_REHOMING, nowMs) }], outsideChange(head, next), effects);
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

/** The end of an edit that can't be published, or undefined when the fault lies elsewhere. */
export function refusedEdit(error: unknown, nowMs: number): TaskResult | undefined {
  const itsFault = error instanceof Unpressable || error instanceof RoleError || error instanceof TufError || (error instanceof SignerError && error.code !== "unavailable");
  return itsFault && error instanceof AppError ? failedEdit(reasonOf(error), nowMs) : undefined;
}

export function failedEdit(reason: string, nowMs: number): TaskResult {
  return { state: "FAILURE", message: `Metadata Delegation Failed: ${reason}`, error: reason, lastUpdateMs: nowMs };
}

/** Every bin of the set whose number changed, and where what it lists comes from. */
export function sourceOf(deps: PublisherDeps, head: Head, after: DelegationTree): { readonly roles: readonly string[]; readonly read: Source } | undefined {
  const to = after.bins.find(({ delegator, bitLength }) => head.tree.bins.some((bins) => bins.delegator === delegator && bins.bitLength !== bitLength));
  const from = head.tree.bins.find(({ delegator }) => delegator === to?.delegator);
  return to === undefined || from === undefined ? undefined : { roles: namesIn(to), read: resized(deps, head, from, to) };
}

export function settingsOf({ days, windows, deleted }: Outcome, edit: DelegationEdit, head: Head, tree: DelegationTree): Record<string, SettingValue> {
  const bins = edit.action === "add" ? edit.bins : undefined;
  return {
    ...timesOf(days, windows),
    ...Object.assign({}, ...deleted.map(forgottenTimes)) as Record<string, SettingValue>,
    ...(tree.bins.length > 0 && head.tree.bins.length === 0 ? { bins_expiration: bins?.expiration ?? DEFAULT_DAYS.bins } : {}),
  };
}

/** Of bins that came, or changed their number, by themselves. */
function binCounts({ bins }: DelegationTree, changed: readonly string[]): object {
  const [set] = bins.filter(({ delegator }) => changed.includes(delegator));
  return set === undefined ? {} : { number_of_delegated_bins: 2 ** set.bitLength };
}

export function resultOf(edit: DelegationEdit, { outcome: { added, updated, deleted, failed }, waiting, next, declared }: Split, head: Head, { moves }: Rehoming, nowMs: number): TaskResult {
  const dropped = droppedOf(moves);
  const later = waiting.flatMap(({ rehoming }) => droppedOf(rehoming.moves)).filter((path) => !dropped.includes(path));
  const done = new Set([...added, ...updated, ...deleted, ...waiting.map((unit) => unit.edit.name), ...declared]);
  const details = {
    delegated_roles: [...new Set(edit.roles.map(({ name }) => name))].filter((name) => done.has(name)),
    failed_roles: failed,
    ...(declared.length > 0 ? { waiting_for_metadata: declared } : {}),
    ...(waiting.length > 0 ? { waiting_for: [...new Set(waiting.flatMap((unit) => unit.edit.signs))].sort() } : {}),
    ...(done.size + failed.length > 0 ? {} : binCounts(next.tree, changedDelegators(head.tree, next.tree))),
    ...(moves.length > dropped.length ? { moved_artifacts: moves.length - dropped.length } : {}),
    ...(dropped.length > 0 ? { dropped_artifacts: dropped.slice(0, NAMED), dropped_artifacts_count: dropped.length } : {}),
    ...(later.length > 0 ? { drops_when_signed: later.slice(0, NAMED), drops_when_signed_count: later.length } : {}),
  };
  return { state: "SUCCESS", message: "Metadata Delegation Processed", details, lastUpdateMs: nowMs };
}

const droppedOf = (moves: readonly Move[]): string[] => moves.filter(({ to }) => to === undefined).map(({ path }) => path);
