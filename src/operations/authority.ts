// Who vouches for a role, by the documents in force: root for top-level roles, a delegator for all others.

import type { DelegatedRole, Key, RoleKeys, Root, Targets } from "../tuf/documents.ts";
import { isBinName } from "../tuf/bins.ts";
import { parseEnvelope } from "../tuf/parse.ts";
import { delegationOf } from "../tuf/threshold.ts";
import type { DelegationTree } from "../roles/delegation.ts";
import type { OutsideRoles } from "../roles/outside-roles.ts";
import type { OperationDeps } from "./deps.ts";

export interface Authority {
  /** `root`, or the role that delegates. */
  readonly by: string;
  readonly keys: { readonly [keyid: string]: Key };
  readonly role: RoleKeys;
  /** Of a role with path patterns. */
  readonly delegation?: DelegatedRole;
}

export interface Documents {
  readonly root: Root;
  /** The root's file has that many bytes. */
  readonly rootBytes: number;
  readonly targets: Targets;
  readonly tree: DelegationTree;
  /** Roles that a team signs elsewhere. */
  readonly outside: OutsideRoles;
}

/** The documents in force; undefined before bootstrap. */
export async function readDocuments({ database, owners }: OperationDeps): Promise<Documents | undefined> {
  const stored = await database.envelope("root");
  const targets = await owners.targets();
  const tree = await owners.tree();
  if (stored === undefined || targets === undefined || tree === undefined) return undefined;
  return { root: parseEnvelope(stored.bytes, "root").signed, rootBytes: stored.bytes.length, targets, tree, outside: await owners.outside() };
}

/** Undefined when nobody does: a role that is retired. */
export function authorityIn({ root, targets, tree }: Documents, name: string): Authority | undefined {
  const top = delegationOf(root, name);
  if (top !== undefined) return { by: "root", ...top };
  const custom = tree.custom.find((role) => role.name === name);
  const by = custom?.parent ?? tree.bins.find(({ prefix, bitLength }) => isBinName(prefix, bitLength, name))?.delegator;
  const delegations = by === undefined ? undefined : tree.delegators.get(by)?.delegations;
  if (by === undefined || delegations === undefined) return undefined;
  const found = delegationOf({ ...targets, delegations }, name);
  return found === undefined ? undefined : { by, ...found, ...(custom === undefined ? {} : { delegation: custom }) };
}
