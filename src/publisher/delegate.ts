// A change of delegations: who delegates to whom, every envelope that takes, and every artifact
// that another role lists then, in one head (rule 25).
//
// Such a change makes a batch of its own, in its place among the others, so that what was accepted
// before it is published under the old delegations and what comes after under the new ones.

import { AppError, reasonOf } from "../lib/app-error.ts";
import type { Move, OpenChange, SettingValue, TaskResult } from "../ports/database.ts";
import { SignerError } from "../ports/signer.ts";
import { onlineUriOf } from "../roles/bootstrap.ts";
import { applyEdit, type DelegationEdit, type EditContext, type EditOutcome } from "../roles/custom-delegations.ts";
import { delegationTreeOf, ownerOf } from "../roles/delegation.ts";
import { RoleError } from "../roles/errors.ts";
import { expiryPolicyOf } from "../roles/policy.ts";
import { TufError } from "../tuf/errors.ts";
import type { PublisherDeps } from "./deps.ts";
import { PublisherError } from "./errors.ts";
import { authorityOf, type Head } from "./head.ts";
import type { LeaseHold } from "./lease-hold.ts";
import type { Plan } from "./plan.ts";
import { Unpressable } from "./press.ts";
import { publish } from "./publish.ts";
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
  if (live.length + outcome.deleted.length === 0) {
    await deps.database.endTasks(hold.lease, [{ task: change.task, result: resultOf(outcome, NO_REHOMING, nowMs) }]);
    return undefined;
  }
  const settings = settingsOf(outcome);
  const targets = { ...head.targets, delegations: outcome.delegations };
  const next: Head = {
    ...head,
    targets,
    tree: delegationTreeOf(targets),
    expiry: expiryPolicyOf({ ...(await deps.database.settings()), ...settings }),
  };
  for (const role of live) await prove(sealer, next, role);
  const rehoming = await rehome(deps, head, next);
  const edits = new Map<string, ReadonlyMap<string, string | undefined>>(rehoming.edits);
  for (const role of ["targets", ...live]) if (!edits.has(role)) edits.set(role, new Map());
  const plan: Plan = { changes: [{ ...change, outcome: "apply" }], edits, publishes: true };
  return await publish(deps, hold, sealer, {
    head: next,
    plan,
    nowMs,
    moves: rehoming.moves,
    tasks: [{ task: change.task, result: resultOf(outcome, rehoming, nowMs) }],
    also: {
      envelopes: [],
      newRoles: outcome.added.map((name) => ({ name, kind: "delegated", parent: "targets" })),
      retiredRoles: outcome.deleted,
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

/** @throws RoleError `delegations-refused` in a repository of bins */
function contextOf(deps: PublisherDeps, head: Head): EditContext {
  if (head.tree.bins.length > 0) throw new RoleError("delegations-refused", "the repository uses hash bin delegation, and custom target delegations can't be added to it");
  const { keys, roles } = head.root;
  const keyid = roles.timestamp.keyids.find((id) => onlineUriOf(keys[id]) !== undefined);
  const key = keyid === undefined ? undefined : keys[keyid];
  if (keyid === undefined || key === undefined) throw new RoleError("delegations-refused", "root names no online key for role timestamp");
  return {
    current: head.targets.delegations,
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
  const live = new Set(next.tree.custom.map(({ name }) => name));
  const moves: Move[] = [];
  const edits = new Map<string, Map<string, string | undefined>>();
  const edit = (role: string, path: string, fragment: string | undefined): void => {
    if (!live.has(role)) return;
    const own = edits.get(role);
    if (own === undefined) edits.set(role, new Map([[path, fragment]]));
    else own.set(path, fragment);
  };
  for (const { name: from } of head.tree.custom) {
    const read = await deps.database.readTargets(head.id, [from]);
    for (const { path, fragment } of read.get(from) ?? []) {
      const to = ownerOf(next.tree, path);
      if (to === from) continue;
      moves.push({ path, from, to });
      edit(from, path, undefined);
      if (to !== undefined) edit(to, path, fragment);
    }
  }
  return { moves, edits };
}

/** A deleted role's lifetime goes with it. */
function settingsOf({ days, deleted }: EditOutcome): Record<string, SettingValue> {
  return Object.fromEntries([...[...days].map(([role, count]) => [`${role}_expiration`, count] as const), ...deleted.map((role) => [`${role}_expiration`, null] as const)]);
}

function resultOf({ added, updated, deleted, failed }: EditOutcome, { moves }: Rehoming, nowMs: number): TaskResult {
  const dropped = moves.filter(({ to }) => to === undefined).map(({ path }) => path);
  const details = {
    delegated_roles: [...added, ...updated, ...deleted],
    failed_roles: failed,
    ...(moves.length > dropped.length ? { moved_artifacts: moves.length - dropped.length } : {}),
    ...(dropped.length > 0 ? { dropped_artifacts: dropped.slice(0, NAMED), dropped_artifacts_count: dropped.length } : {}),
  };
  return { state: "SUCCESS", message: "Metadata Delegation Processed", details, lastUpdateMs: nowMs };
}
