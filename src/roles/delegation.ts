// Who delegates to whom, and which role a path belongs to.
//
// A tree as clients walk it: top-level targets, custom roles with path patterns to any depth, and
// hash bins below targets or below one of them. It is read from the documents in force, so that
// door, publisher and clients follow the same ones. Names are unique in the whole tree.
//
// A path belongs to the role at the end of the line of first matches: of targets' delegations the
// first that takes it, of that role's the first that takes it, and so on. Those above it in that
// line list nothing a role below them takes. So a client's search, which asks a role before those
// it delegates to (pre-order, TUF 5.6.7), finds the path, and finds it nowhere earlier.

import { binName, binNames, binOf, bitLengthOf, hashPrefixesOf } from "../tuf/bins.ts";
import type { DelegatedRole, Delegations, Key, SuccinctRoles, Targets } from "../tuf/documents.ts";
import { matchByAll, type Match } from "./disputed.ts";

/** What the names of the repository's own bins begin with. */
export const BINS_PREFIX = "bins";

/** Of a role that carries bins of its own. */
export const binsPrefixOf = (role: string): string => `${role}-bins`;

/** A role with path patterns. */
export interface TreeRole extends DelegatedRole {
  /** Who delegates to it: `targets` or another such role. */
  readonly parent: string;
}

/** Hash bins, succinct or classic; they are named alike. A delegator has none or one such set. */
export interface BinSet {
  readonly delegator: string;
  readonly prefix: string;
  readonly bitLength: number;
}

/** What one role delegates. */
export interface Delegator {
  readonly delegations: Delegations;
  /** In order of priority. */
  readonly custom: readonly TreeRole[];
  /** Last in the search. */
  readonly bins?: BinSet;
}

export interface DelegationTree {
  /** By name: targets first, whoever delegates before those it delegates to. */
  readonly delegators: ReadonlyMap<string, Delegator>;
  /** Roles with path patterns, at any depth, in the order in which a search may reach them. */
  readonly custom: readonly TreeRole[];
  /** Every set of bins, in that order. */
  readonly bins: readonly BinSet[];
}

/** Delegations of roles other than targets, by the role that delegates. */
export type Below = ReadonlyMap<string, Delegations>;

export const NOTHING_BELOW: Below = new Map();

export function delegationTreeOf(targets: Pick<Targets, "delegations">, below: Below = NOTHING_BELOW): DelegationTree {
  const delegators = new Map<string, Delegator>();
  const custom: TreeRole[] = [];
  const bins: BinSet[] = [];
  const visit = (name: string, delegations: Delegations | undefined): void => {
    if (delegations === undefined || delegators.has(name)) return;
    const delegator = delegatorOf(name, delegations);
    delegators.set(name, delegator);
    for (const role of delegator.custom) {
      custom.push(role);
      visit(role.name, below.get(role.name));
    }
    if (delegator.bins !== undefined) bins.push(delegator.bins);
  };
  visit("targets", targets.delegations);
  return { delegators, custom, bins };
}

function delegatorOf(name: string, delegations: Delegations): Delegator {
  if (delegations.succinct_roles !== undefined) {
    const { name_prefix, bit_length } = delegations.succinct_roles;
    return { delegations, custom: [], bins: { delegator: name, prefix: name_prefix, bitLength: bit_length } };
  }
  const roles = delegations.roles ?? [];
  const custom = roles.filter((role) => role.paths !== undefined).map((role) => ({ ...role, parent: name }));
  const classic = roles.filter((role) => role.path_hash_prefixes !== undefined);
  if (classic.length < 2) return { delegations, custom };
  const prefix = classic[0]?.name.replace(/-[0-9a-f]+$/, "") ?? BINS_PREFIX;
  return { delegations, custom, bins: { delegator: name, prefix, bitLength: bitLengthOf(classic.length) } };
}

/**
 * The role that lists `path`, or undefined when no role takes it, or when clients would not agree where
 * to look for it (`disputed.ts`). A custom role that delegates keeps what none of those below it takes.
 */
export function ownerOf(tree: DelegationTree, path: string): string | undefined {
  let owner: string | undefined;
  let disputed = false;
  for (let at = tree.delegators.get("targets"); at !== undefined; ) {
    let next: TreeRole | undefined;
    for (const role of at.custom) {
      const match = matchOf(role, path);
      if (match === "disputed") disputed = true;
      if (match !== "yes") continue;
      next = role;
      break;
    }
    if (next === undefined) {
      if (at.bins !== undefined) owner = binOf(at.bins.prefix, at.bins.bitLength, path);
      break;
    }
    owner = next.name;
    at = tree.delegators.get(next.name);
  }
  return owner === undefined || (disputed && !searchOf(tree, path).includes(owner)) ? undefined : owner;
}

/** Whether clients ask `role` about `path`: all do, none does, or some. */
function matchOf(role: DelegatedRole, path: string): Match {
  let match: Match = "no";
  for (const pattern of role.paths ?? []) {
    const one = matchByAll(pattern, path);
    if (one === "yes") return one;
    if (one === "disputed") match = one;
  }
  return match;
}

/** The roles, targets aside, that some client may ask about `path`, in order, up to where one may stop. */
export function searchOf(tree: DelegationTree, path: string): readonly string[] {
  const visited: string[] = [];
  /** Answers whether the search ends there. */
  const visit = (name: string): boolean => {
    const delegator = tree.delegators.get(name);
    for (const role of delegator?.custom ?? []) {
      if (matchOf(role, path) === "no") continue;
      visited.push(role.name);
      if (visit(role.name) || role.terminating) return true;
    }
    if (delegator?.bins === undefined) return false;
    visited.push(binOf(delegator.bins.prefix, delegator.bins.bitLength, path));
    return true;
  };
  visit("targets");
  return visited;
}

/** Every bin, in order. */
export function binsOf(tree: DelegationTree): readonly string[] {
  return tree.bins.flatMap(namesIn);
}

export const namesIn = ({ prefix, bitLength }: BinSet): string[] => [...binNames(prefix, bitLength)];

/** One stands for all of them: they are signed alike. */
export const firstBin = ({ prefix, bitLength }: BinSet): string => binName(prefix, bitLength, 0);

/** Every role that `tree` delegates to. */
export function rolesOf(tree: DelegationTree): readonly string[] {
  return [...tree.custom.map(({ name }) => name), ...binsOf(tree)];
}

/** What is delegated by roles other than targets. */
export function belowOf(tree: DelegationTree): Below {
  return new Map([...tree.delegators].filter(([name]) => name !== "targets").map(([name, { delegations }]) => [name, delegations]));
}

/** Succinct bins (TAP 15) serve python-tuf, tuf-js and go-tuf; classic ones serve tough and older clients. */
export type BinsStyle = "succinct" | "classic";

/** Delegates to `bins` (a power of two, 2 - 16,384) bins, all under one online key. */
export function binDelegations(bins: number, style: BinsStyle, online: { readonly keyid: string; readonly key: Key }, prefix: string = BINS_PREFIX): Delegations {
  const keys = { [online.keyid]: online.key };
  const bitLength = bitLengthOf(bins);
  if (style === "succinct") {
    const succinct_roles: SuccinctRoles = { keyids: [online.keyid], threshold: 1, bit_length: bitLength, name_prefix: prefix };
    return { keys, succinct_roles };
  }
  const roles = [...binNames(prefix, bitLength)].map((name, index): DelegatedRole => ({
    name,
    keyids: [online.keyid],
    threshold: 1,
    terminating: true,
    path_hash_prefixes: hashPrefixesOf(bitLength, index),
  }));
  return { keys, roles };
}
