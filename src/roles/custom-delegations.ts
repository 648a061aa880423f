// Custom delegations as a request asks for them.
//
// What every client would refuse or read differently never gets into a document: names, patterns,
// keys and thresholds are checked here for the door, which lists every fault; what depends on the
// delegations in force is found when the edit is carried out (delegation-edit.ts).

import { own } from "../lib/own.ts";
import { reasonOf } from "../lib/app-error.ts";
import { MAX_BINS } from "../tuf/bins.ts";
import type { Json, Key } from "../tuf/documents.ts";
import { parseKey } from "../tuf/keys.ts";
import { isInBinNameSpace, patternFaults, roleNameFaults } from "../tuf/paths.ts";
import { CLIENT_LIMITS } from "../tuf/trusted-set.ts";
import { CATCH_ALL } from "./catch-all.ts";
import { BINS_PREFIX } from "./delegation.ts";
import { onlineUriOf } from "./online-key.ts";
import { isWindow, MOST_WINDOW_DAYS } from "./window.ts";

/** How many of each one repository may have. Patterns are compared in pairs. */
export const DELEGATION_LIMITS = { roles: 256, patterns: 1024, keys: 256 } as const;

/** Roles a client visits beside targets before it gives up. */
export const LONGEST_WALK = CLIENT_LIMITS.delegations - 1;

/** The member of a role in a request that gives its lifetime in days. */
export const EXPIRE_POLICY = "x-rstuf-expire-policy";

/** Who composes and signs a role's documents: a team elsewhere, or this service, with its keys and those of people it asks. */
export type WantedSigning = "outside" | "service";

export interface WantedRole {
  readonly name: string;
  readonly terminating: boolean;
  /** None: the online key. */
  readonly keyids: readonly string[];
  readonly threshold: number;
  readonly paths: readonly string[];
  readonly path_hash_prefixes?: readonly string[] | null;
  /** Days; that of targets when absent. */
  readonly [EXPIRE_POLICY]?: number | null;
  /** Who delegates to it; targets when absent. An update never changes that. */
  readonly parent?: string | null;
  /** So many hash bins list what it takes, rounded down to a power of two; none, or as before, when absent. */
  readonly bins?: number | null;
  /** `outside`: a team signs its documents elsewhere, and uploads them. As before when absent; `service` for a new role. */
  readonly signing?: WantedSigning | null;
  /** So many days before it expires its people are asked for the next version. As before when absent; that of the configuration for a new role. */
  readonly signing_window?: number | null;
}

/** The repository's own bins: they list what no custom role takes. */
export interface WantedBins {
  readonly number_of_delegated_bins: number;
  /** Online ones among the keys of the request, each of which may sign; the online key when absent. */
  readonly keyids?: readonly string[] | null;
  /** Days. */
  readonly expiration?: number | null;
}

export interface WantedDelegations {
  readonly keys: { readonly [keyid: string]: Key };
  readonly roles: readonly WantedRole[];
  readonly bins?: WantedBins | null;
}

export type DelegationEdit =
  | ({ readonly action: "add" | "update" } & WantedDelegations)
  | { readonly action: "delete"; readonly roles: readonly { readonly name: string }[] }
  /** Another number of bins, other keys for them, or both. */
  | ({ readonly action: "bins"; readonly roles: readonly [] } & WantedBinsEdit);

export interface WantedBinsEdit {
  /** The custom role whose bins they are; the repository's own when absent. */
  readonly of?: string;
  /** As many as before when absent. */
  readonly bins?: number;
  /** Online ones, each of which may sign; those they have when absent. */
  readonly keyids?: readonly string[];
  readonly keys?: { readonly [keyid: string]: Key };
}

export interface DelegationFault {
  readonly at: readonly (string | number)[];
  readonly rule: string;
  readonly code: string;
}

/** What is wrong with `wanted`, whatever the repository says now. `known`: keyids it may name without giving the key. */
export function delegationFaults(wanted: WantedDelegations, known: ReadonlySet<string>): DelegationFault[] {
  const faults: DelegationFault[] = [];
  const names = new Set<string>();
  const keyids = Object.keys(wanted.keys);
  if (wanted.roles.length > DELEGATION_LIMITS.roles) faults.push({ at: ["roles"], rule: `at most ${String(DELEGATION_LIMITS.roles)} delegated roles`, code: "too-many" });
  if (keyids.length > DELEGATION_LIMITS.keys) faults.push({ at: ["keys"], rule: `at most ${String(DELEGATION_LIMITS.keys)} keys`, code: "too-many" });
  if (patternsOf(wanted.roles) > DELEGATION_LIMITS.patterns) faults.push({ at: ["roles"], rule: `at most ${String(DELEGATION_LIMITS.patterns)} path patterns`, code: "too-many" });
  if (faults.length > 0) return faults;
  if (wanted.bins && !isBinCount(wanted.bins.number_of_delegated_bins)) faults.push({ at: ["bins", "number_of_delegated_bins"], rule: BIN_COUNT, code: "bins" });
  for (const [keyid, key] of Object.entries(wanted.keys)) faults.push(...keyFaults(keyid, key));
  for (const [index, role] of wanted.roles.entries()) {
    const at = ["roles", index];
    faults.push(...nameFaults(role.name, names).map((rule) => ({ at: [...at, "name"], rule, code: "role-name" })));
    if (role.paths.includes("")) faults.push({ at, rule: "No empty strings are allowed as path patterns", code: "path-pattern" });
    for (const [place, pattern] of role.paths.entries()) {
      const wrong = pattern === "" ? [] : patternFaults(pattern);
      if (wrong.length > 0) faults.push({ at: [...at, "paths", place], rule: `path pattern ${wrong.join(", ")}`, code: "path-pattern" });
    }
    if (role.path_hash_prefixes !== undefined && role.path_hash_prefixes !== null) faults.push({ at: [...at, "path_hash_prefixes"], rule: "a role with paths has no path_hash_prefixes", code: "path-pattern" });
    if (role.threshold < 1) faults.push({ at: [...at, "threshold"], rule: "a threshold is at least 1", code: "threshold" });
    if (new Set(role.keyids).size !== role.keyids.length) faults.push({ at: [...at, "keyids"], rule: "names a keyid twice", code: "keyid" });
    if (role.parent !== undefined && role.parent !== null && role.parent !== "targets" && roleNameFaults(role.parent).length > 0) faults.push({ at: [...at, "parent"], rule: "a parent is targets or a custom role", code: "parent" });
    if (role.parent === role.name) faults.push({ at: [...at, "parent"], rule: "a role is not its own parent", code: "parent" });
    if (role.bins !== undefined && role.bins !== null && !isBinCount(role.bins)) faults.push({ at: [...at, "bins"], rule: BIN_COUNT, code: "bins" });
    if (role.signing === "outside") {
      if (role.keyids.length === 0) faults.push({ at: [...at, "keyids"], rule: "a role that is signed outside has keys of its own", code: "signing" });
      if (role.keyids.some((keyid) => onlineUriOf(own(wanted.keys, keyid)) !== undefined)) faults.push({ at: [...at, "keyids"], rule: "a role that is signed outside has no key of this service", code: "signing" });
      if (typeof role.bins === "number") faults.push({ at: [...at, "bins"], rule: "a role that is signed outside has no bins", code: "signing" });
      if (typeof role.signing_window === "number") faults.push({ at: [...at, "signing_window"], rule: "nobody here is asked for a role that is signed outside", code: "signing" });
    }
    if (typeof role.signing_window === "number" && !isWindow(role.signing_window)) faults.push({ at: [...at, "signing_window"], rule: WINDOW, code: "signing" });
    for (const [place, keyid] of role.keyids.entries()) {
      if (own(wanted.keys, keyid) === undefined && !known.has(keyid)) faults.push({ at: [...at, "keyids", place], rule: "names a key that is not among the keys", code: "keyid" });
    }
  }
  return faults;
}

export const BIN_COUNT = `a number of bins is from 2 to ${String(MAX_BINS)}`;
export const WINDOW = `a signing window is a whole number of days from 1 to ${String(MOST_WINDOW_DAYS)}`;
export const isBinCount = (count: number): boolean => Number.isInteger(count) && count >= 2 && count <= MAX_BINS;

export const patternsOf = (roles: readonly { readonly paths?: readonly string[] }[]): number => roles.reduce((sum, { paths }) => sum + (paths?.length ?? 0), 0);

export function keyFaults(keyid: string, key: Key): DelegationFault[] {
  const at = ["keys", keyid.slice(0, 200)];
  if (keyid === "" || keyid.length > 200 || keyid in Object.prototype) return [{ at, rule: "is no keyid", code: "keyid" }];
  try {
    parseKey(key as unknown as Json, keyid, { allowUnportable: true });
    return [];
  } catch (error) {
    return [{ at, rule: reasonOf(error), code: "key" }];
  }
}

/** @param names lower-case names before it, to which it is added */
function nameFaults(name: string, names: Set<string>): string[] {
  const faults: string[] = roleNameFaults(name).map((fault) => `role name ${fault}`);
  if (isInBinNameSpace(BINS_PREFIX, name)) faults.push("role name lies where the names of bins lie");
  if (name.toLowerCase() === CATCH_ALL) faults.push("role name is that of the role which carries the bins");
  // tuf-js keeps the roles it read in a plain object.
  if (name in Object.prototype) faults.push("role name is one that every object in JavaScript has");
  if (names.has(name.toLowerCase())) faults.push("role name stands twice, case aside");
  names.add(name.toLowerCase());
  return faults;
}

/** Whether this service composes it, and signs it or asks people to. */
export const isSignedHere = ({ signing }: Pick<WantedRole, "signing">): boolean => signing !== "outside";

/** The custom delegations of a bootstrap payload that already passed the door; undefined: it asks for bins. */
export function bootstrapDelegationsOf(payload: unknown): WantedDelegations | undefined {
  const { roles } = (payload as { settings?: { roles?: { delegations?: WantedDelegations | null } } } | undefined)?.settings ?? {};
  return roles?.delegations ?? undefined;
}
