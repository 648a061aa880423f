// Which role a path belongs to: the first one that a client's search would reach.
//
// The tree is read from the current top-level targets, so that door, publisher and
// clients follow the same document.

import { binOf, bitLengthOf, binNames, hashPrefixesOf } from "../tuf/bins.ts";
import type { DelegatedRole, Delegations, Key, SuccinctRoles, Targets } from "../tuf/documents.ts";
import { matchesPattern } from "../tuf/paths.ts";

export const BINS_PREFIX = "bins";

export interface DelegationTree {
  /** Explicit roles with path patterns, in order of priority. */
  readonly custom: readonly DelegatedRole[];
  /** Bins, last in the search: succinct or classic, they are named alike. */
  readonly bins?: { readonly prefix: string; readonly bitLength: number };
}

export function delegationTreeOf(targets: Targets): DelegationTree {
  const delegations = targets.delegations;
  if (delegations === undefined) return { custom: [] };
  if (delegations.succinct_roles !== undefined) {
    const { name_prefix, bit_length } = delegations.succinct_roles;
    return { custom: [], bins: { prefix: name_prefix, bitLength: bit_length } };
  }
  const roles = delegations.roles ?? [];
  const classic = roles.filter((role) => role.path_hash_prefixes !== undefined);
  const custom = roles.filter((role) => role.paths !== undefined);
  return classic.length < 2 ? { custom } : { custom, bins: { prefix: BINS_PREFIX, bitLength: bitLengthOf(classic.length) } };
}

/** The role that lists `path`, or undefined when no delegation takes it. */
export function ownerOf(tree: DelegationTree, path: string): string | undefined {
  for (const role of tree.custom) {
    if (role.paths?.some((pattern) => matchesPattern(pattern, path)) === true) return role.name;
  }
  return tree.bins === undefined ? undefined : binOf(tree.bins.prefix, tree.bins.bitLength, path);
}

/** Every bin of the tree, in order. */
export function binsOf(tree: DelegationTree): readonly string[] {
  return tree.bins === undefined ? [] : [...binNames(tree.bins.prefix, tree.bins.bitLength)];
}

/** Succinct bins (TAP 15) serve python-tuf, tuf-js and go-tuf; classic ones serve tough and older clients. */
export type BinsStyle = "succinct" | "classic";

/** Delegates to `bins` (a power of two, 2 - 16,384) bins, all under one online key. */
export function binDelegations(bins: number, style: BinsStyle, online: { readonly keyid: string; readonly key: Key }): Delegations {
  const keys = { [online.keyid]: online.key };
  const bitLength = bitLengthOf(bins);
  if (style === "succinct") {
    const succinct_roles: SuccinctRoles = { keyids: [online.keyid], threshold: 1, bit_length: bitLength, name_prefix: BINS_PREFIX };
    return { keys, succinct_roles };
  }
  const roles = [...binNames(BINS_PREFIX, bitLength)].map((name, index): DelegatedRole => ({
    name,
    keyids: [online.keyid],
    threshold: 1,
    terminating: true,
    path_hash_prefixes: hashPrefixesOf(bitLength, index),
  }));
  return { keys, roles };
}
