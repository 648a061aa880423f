// Which delegated roles a client asks about a path, and with whose keys they are verified
// (TUF specification 4.5 and 5.6.7, TAP 15).
//
// Looked up by index, made once per document: with 16,384 explicit roles a scan per path
// would cost more than the signature.

import { binOf, isBinName } from "./bins.ts";
import { sha256Hex } from "./crypto.ts";
import type { DelegatedRole, Delegations, Key, Root, RoleKeys, Targets } from "./documents.ts";
import { isTopLevelRole, matchesPattern } from "./paths.ts";

export interface Delegator {
  readonly keys: { readonly [keyid: string]: Key };
  readonly role: RoleKeys;
}

/** The keys and threshold with which `delegator` vouches for `role`; undefined when it does not. */
export function delegationOf(delegator: Root | Targets, role: string): Delegator | undefined {
  if (delegator._type === "root") {
    return isTopLevelRole(role) ? { keys: delegator.keys, role: delegator.roles[role] } : undefined;
  }
  return delegator.delegations === undefined ? undefined : delegationIn(delegator.delegations, role);
}

/** The same, of what a targets role delegates. */
export function delegationIn(delegations: Delegations, role: string): Delegator | undefined {
  const { keys, succinct_roles: succinct } = delegations;
  if (succinct !== undefined) {
    return isBinName(succinct.name_prefix, succinct.bit_length, role) ? { keys, role: succinct } : undefined;
  }
  const index = indexOf(delegations).byName.get(role);
  return index === undefined ? undefined : { keys, role: index };
}

/**
 * The roles `targets` delegates `path` to, in order of priority. Those after a terminating
 * one are given too; whoever walks stops. A succinct bin counts as terminating, as
 * python-tuf, go-tuf and tuf-js have it.
 *
 * Off-spec: `[...]` in a foreign pattern is literal text here.
 */
export function* delegationsFor(targets: Targets, path: string): Generator<{ readonly name: string; readonly terminating: boolean }> {
  const { delegations } = targets;
  if (delegations === undefined) return;
  const { succinct_roles: succinct } = delegations;
  if (succinct !== undefined) {
    yield { name: binOf(succinct.name_prefix, succinct.bit_length, path), terminating: true };
    return;
  }
  const index = indexOf(delegations);
  const positions = index.patterned.filter(({ patterns }) => patterns.some((pattern) => matchesPattern(pattern, path))).map(({ position }) => position);
  if (index.prefixLengths.length > 0) {
    const hash = sha256Hex(path);
    for (const length of index.prefixLengths) positions.push(...(index.byPrefix.get(hash.slice(0, length)) ?? []));
    positions.sort((a, b) => a - b);
  }
  let last = -1;
  for (const position of positions) {
    const role = delegations.roles?.[position];
    if (role === undefined || position === last) continue;
    last = position;
    yield { name: role.name, terminating: role.terminating };
  }
}

interface Index {
  readonly byName: ReadonlyMap<string, DelegatedRole>;
  readonly patterned: readonly { readonly position: number; readonly patterns: readonly string[] }[];
  /** Positions by hash prefix. */
  readonly byPrefix: ReadonlyMap<string, readonly number[]>;
  readonly prefixLengths: readonly number[];
}

const indexes = new WeakMap<Delegations, Index>();

function indexOf(delegations: Delegations): Index {
  let index = indexes.get(delegations);
  if (index === undefined) {
    index = makeIndex(delegations.roles ?? []);
    indexes.set(delegations, index);
  }
  return index;
}

function makeIndex(roles: readonly DelegatedRole[]): Index {
  const byName = new Map<string, DelegatedRole>();
  const patterned: { position: number; patterns: readonly string[] }[] = [];
  const byPrefix = new Map<string, number[]>();
  const lengths = new Set<number>();
  for (const [position, role] of roles.entries()) {
    if (!byName.has(role.name)) byName.set(role.name, role);
    if (role.paths !== undefined) patterned.push({ position, patterns: role.paths });
    for (const prefix of role.path_hash_prefixes ?? []) {
      lengths.add(prefix.length);
      const known = byPrefix.get(prefix);
      if (known === undefined) byPrefix.set(prefix, [position]);
      else known.push(position);
    }
  }
  // A prefix longer than a sha256 begins none.
  return { byName, patterned, byPrefix, prefixLengths: [...lengths].filter((length) => length <= 64) };
}
