// What the publisher knows of the committed head: root, targets, delegations, snapshot.
//
// Read from the database when a lease is taken or the head is not the one expected, and
// carried along from publish to publish. Never trusted across a change of lease.

import type { Database, PublisherState } from "../ports/database.ts";
import { belowIn, NESTED } from "../roles/below.ts";
import { delegationTreeOf, type DelegationTree } from "../roles/delegation.ts";
import { expiryPolicyOf, type ExpiryPolicy } from "../roles/policy.ts";
import { SnapshotBook, type SnapshotHashes } from "../roles/snapshot.ts";
import type { Delegations, Root, Targets } from "../tuf/documents.ts";
import { parseEnvelope } from "../tuf/parse.ts";
import { delegationIn, delegationOf } from "../tuf/search.ts";
import { otherRootOf, rotationOf, type Rotation } from "./rotation.ts";
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
  readonly targets: Targets;
  readonly tree: DelegationTree;
  readonly book: SnapshotBook;
  readonly expiry: ExpiryPolicy;
  /** When the committed timestamp expires, milliseconds. */
  readonly timestampExpiresMs: number;
}

/** The committed head, or undefined before bootstrap. */
export async function readHead(database: Database, state: PublisherState, hashes: SnapshotHashes): Promise<Head | undefined> {
  const committed = await database.head();
  if (committed === undefined) return undefined;
  const root = await database.envelope("root");
  const targets = await database.envelope("targets");
  if (root === undefined || targets === undefined) throw new Error("the database has a head and lacks its root or targets");
  const rows = await database.roles();
  const entries = rows
    .filter((row) => row.kind !== "root" && row.kind !== "snapshot" && row.kind !== "timestamp")
    .map((row) => ({ role: row.role, version: row.version, length: row.length, sha256: row.sha256, bin: row.kind === "bins" }));
  const document = parseEnvelope(targets.bytes, "targets").signed;
  const settings = await database.settings();
  const rotation = rotationOf(settings);
  const also = await otherRootOf(database, rotation, root.version);
  return {
    id: committed.sha256,
    seq: committed.seq,
    pressedAtMs: state.pressedAtMs,
    root: parseEnvelope(root.bytes, "root").signed,
    ...(also === undefined ? {} : { also }),
    ...(rotation === undefined ? {} : { rotation }),
    targets: document,
    tree: delegationTreeOf(document, belowIn(settings[NESTED])),
    book: new SnapshotBook(entries, hashes),
    expiry: expiryPolicyOf(settings),
    timestampExpiresMs: committed.expiresMs,
  };
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

export const kindOf = (head: Head, role: string): "targets" | "bins" | "delegated" =>
  role === "targets" ? "targets" : head.tree.custom.some((custom) => custom.name === role) ? "delegated" : "bins";
