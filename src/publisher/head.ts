// What the publisher knows of the committed head: root, targets, delegations, snapshot.
//
// Carried along from publish to publish; read-head.ts reads it. Never trusted across a change of lease.

import { delegationTreeOf, type DelegationTree } from "../roles/delegation.ts";
import type { OutsideRoles } from "../roles/outside-roles.ts";
import type { ExpiryPolicy } from "../roles/policy.ts";
import type { SnapshotBook } from "../roles/snapshot.ts";
import type { Handed } from "../roles/successor.ts";
import type { Delegations, Root, Targets } from "../tuf/documents.ts";
import { delegationIn, delegationOf } from "../tuf/search.ts";
import type { Rotation } from "./rotation.ts";
import type { RoleAuthority } from "./seal.ts";

export interface Head {
  /** sha256 of the committed timestamp. */
  readonly id: string;
  readonly seq: number;
  readonly pressedAtMs: number;
  readonly root: Root;
  /** While online keys change: the other root that timestamp, snapshot and targets verify under. */
  readonly also?: Root;
  readonly rotation?: Rotation;
  /** Online keys that went, as long as something people sign names them. */
  readonly handed?: readonly Handed[];
  readonly targets: Targets;
  readonly tree: DelegationTree;
  readonly outside: OutsideRoles;
  readonly book: SnapshotBook;
  readonly expiry: ExpiryPolicy;
  /** When the committed timestamp expires, milliseconds. */
  readonly timestampExpiresMs: number;
}

/** Who may sign `role` in this head: top-level roles by root, all others by whoever delegates to them. */
export function authorityOf({ root, tree }: Pick<Head, "root" | "tree">, role: string): RoleAuthority {
  const top = delegationOf(root, role);
  if (top !== undefined) return top;
  const delegation = authorityIn(tree, role);
  if (delegation === undefined) throw new Error(`nobody delegates to ${role}`);
  return delegation;
}

/** The keys and threshold with which some targets role delegates to `role`, and no others. */
export function authorityIn(tree: DelegationTree, role: string): RoleAuthority | undefined {
  for (const { delegations } of tree.delegators.values()) {
    const found = delegationIn(delegations, role);
    if (found === undefined) continue;
    const { keyids, threshold } = found.role;
    return { keys: Object.fromEntries(keyids.flatMap((keyid) => (found.keys[keyid] === undefined ? [] : [[keyid, found.keys[keyid]]]))), role: { keyids, threshold } };
  }
  return undefined;
}

/** Everybody who must be able to verify `role` in this head: while online keys change, clients of two roots. */
export function authoritiesOf(head: Pick<Head, "root" | "also" | "tree">, role: string): readonly RoleAuthority[] {
  const own = authorityOf(head, role);
  if (head.also === undefined || delegationOf(head.root, role) === undefined) return [own];
  return [own, authorityOf({ root: head.also, tree: head.tree }, role)];
}

/** `head` with other delegations, and the roles whose documents say something else then. */
export function redelegated(head: Head, change: (delegations: Delegations, delegator: string) => Delegations): { readonly head: Head; readonly changed: readonly string[] } {
  const changed: string[] = [];
  const after = new Map<string, Delegations>();
  for (const [name, { delegations }] of head.tree.delegators) {
    const next = change(delegations, name);
    if (next !== delegations) changed.push(name);
    after.set(name, next);
  }
  if (changed.length === 0) return { head, changed };
  const top = after.get("targets");
  const targets: Targets = top === undefined ? head.targets : { ...head.targets, delegations: top };
  return { head: { ...head, targets, tree: delegationTreeOf(targets, after) }, changed };
}

export const kindOf = (head: Pick<Head, "tree">, role: string): "targets" | "bins" | "delegated" =>
  role === "targets" ? "targets" : head.tree.custom.some((custom) => custom.name === role) ? "delegated" : "bins";
