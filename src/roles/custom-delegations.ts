// Custom delegations as a request asks for them, and what the delegations say after an edit.
//
// What every client would refuse or read differently never gets into targets: names, patterns,
// keys and thresholds are checked here for the door, which lists every fault, and again under the
// delegations in force when the edit is carried out, where each role succeeds or fails by itself.

import { own } from "../lib/own.ts";
import { reasonOf } from "../lib/app-error.ts";
import type { DelegatedRole, Delegations, Json, Key, Targets } from "../tuf/documents.ts";
import { parseKey, publicKeyIdentity, samePublicKey } from "../tuf/keys.ts";
import { parseEnvelope, SPEC_VERSION } from "../tuf/parse.ts";
import { isInBinNameSpace, patternFaults, roleNameFaults } from "../tuf/paths.ts";
import { CLIENT_LIMITS } from "../tuf/trusted-set.ts";
import { onlineUriOf } from "./bootstrap.ts";
import { BINS_PREFIX, delegationTreeOf } from "./delegation.ts";
import { longestWalk } from "./overlap.ts";

/** How many of each one repository may have. Patterns are compared in pairs. */
export const DELEGATION_LIMITS = { roles: 256, patterns: 1024, keys: 256 } as const;

/** Roles a client visits beside targets before it gives up. */
export const LONGEST_WALK = CLIENT_LIMITS.delegations - 1;

/** The member of a role in a request that gives its lifetime in days. */
export const EXPIRE_POLICY = "x-rstuf-expire-policy";

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
}

export interface WantedDelegations {
  readonly keys: { readonly [keyid: string]: Key };
  readonly roles: readonly WantedRole[];
}

export type DelegationEdit =
  | ({ readonly action: "add" | "update" } & WantedDelegations)
  | { readonly action: "delete"; readonly roles: readonly { readonly name: string }[] };

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
    for (const [place, keyid] of role.keyids.entries()) {
      if (own(wanted.keys, keyid) === undefined && !known.has(keyid)) faults.push({ at: [...at, "keyids", place], rule: "names a key that is not among the keys", code: "keyid" });
    }
  }
  return faults;
}

const patternsOf = (roles: readonly { readonly paths?: readonly string[] }[]): number => roles.reduce((sum, { paths }) => sum + (paths?.length ?? 0), 0);

function keyFaults(keyid: string, key: Key): DelegationFault[] {
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
  // tuf-js keeps the roles it read in a plain object.
  if (name in Object.prototype) faults.push("role name is one that every object in JavaScript has");
  if (names.has(name.toLowerCase())) faults.push("role name stands twice, case aside");
  names.add(name.toLowerCase());
  return faults;
}

export interface EditContext {
  /** Delegations in force; undefined at bootstrap. */
  readonly current: Delegations | undefined;
  /** What signs for roles without keys of their own. */
  readonly online: { readonly keyid: string; readonly key: Key };
  readonly allowUnportable: boolean;
  /** Days of a role that asks for none. */
  readonly defaultDays: number;
  /** Whether roles that people sign may be had. */
  readonly people: boolean;
}

export interface EditOutcome {
  readonly delegations: Delegations;
  readonly added: readonly string[];
  readonly updated: readonly string[];
  readonly deleted: readonly string[];
  readonly failed: readonly { readonly role: string; readonly reason: string }[];
  /** Days, by role, of those added or updated. */
  readonly days: ReadonlyMap<string, number>;
}

/** Carries out `edit` role by role, in order; a role that fails leaves no trace but its reason. */
export function applyEdit(edit: DelegationEdit, context: EditContext): EditOutcome {
  const before = context.current;
  let roles: readonly DelegatedRole[] = before?.roles ?? [];
  let keys: { readonly [keyid: string]: Key } = before?.keys ?? {};
  const days = new Map<string, number>();
  const failed: { role: string; reason: string }[] = [];
  const done: string[] = [];
  for (const wanted of edit.roles) {
    const { name } = wanted;
    const fail = (reason: string): void => void failed.push({ role: name, reason });
    const place = roles.findIndex((role) => role.name === name);
    if (edit.action === "delete") {
      if (place < 0) fail(`Role '${name}' does not exists`);
      else roles = roles.filter((_, at) => at !== place);
      if (place >= 0) done.push(name);
      continue;
    }
    if (edit.action === "add" && roles.some((role) => role.name.toLowerCase() === name.toLowerCase())) {
      fail("role already exists");
      continue;
    }
    if (edit.action === "update" && place < 0) {
      fail(`role ${name} doesn't exist.`);
      continue;
    }
    const next = composed(wanted as WantedRole, edit.keys, keys, context);
    if (typeof next === "string") {
      fail(next);
      continue;
    }
    const together = edit.action === "add" ? [...roles, next.role] : roles.map((role, at) => (at === place ? next.role : role));
    const reason = tooMuch(together);
    if (reason !== undefined) {
      fail(reason);
      continue;
    }
    roles = together;
    keys = next.keys;
    days.set(name, (wanted as WantedRole)[EXPIRE_POLICY] ?? context.defaultDays);
    done.push(name);
  }
  const delegations: Delegations = { keys: keysOf(roles, keys), roles };
  requireReadable(delegations);
  return {
    delegations,
    added: edit.action === "add" ? done : [],
    updated: edit.action === "update" ? done : [],
    deleted: edit.action === "delete" ? done : [],
    failed,
    days,
  };
}

/** The role and all keys with its own, or why it can't be. */
function composed(wanted: WantedRole, given: { readonly [keyid: string]: Key }, known: { readonly [keyid: string]: Key }, context: EditContext): { role: DelegatedRole; keys: { readonly [keyid: string]: Key } } | string {
  const { online } = context;
  if (wanted.keyids.length === 0 && wanted.threshold !== 1) return "If no keys assigned threshold must be 1";
  const keyids = wanted.keyids.length === 0 ? [online.keyid] : wanted.keyids;
  const added: Record<string, Key> = {};
  for (const keyid of keyids) {
    const before = own(known, keyid);
    const key = keyid === online.keyid ? online.key : (own(given, keyid) ?? before);
    if (key === undefined) return `key ${keyid.slice(0, 200)} is not among the keys`;
    const other = own(given, keyid);
    if ((before !== undefined && !samePublicKey(before, key)) || (other !== undefined && !samePublicKey(other, key))) return `keyid ${keyid} names another key already`;
    try {
      parseKey(key as unknown as Json, keyid, { allowUnportable: context.allowUnportable });
    } catch (error) {
      return reasonOf(error);
    }
    added[keyid] = withoutNulls(key);
  }
  const distinct = distinctKeys(keyids.map((keyid) => added[keyid]));
  if (wanted.threshold > distinct.length) return `threshold ${String(wanted.threshold)} can't be met by ${String(distinct.length)} distinct key(s)`;
  if (!context.people && needsPeople({ keys: added, role: { keyids, threshold: wanted.threshold } })) return "its keys are offline, and roles that people sign are not available in this release";
  return {
    role: { name: wanted.name, keyids, threshold: wanted.threshold, terminating: wanted.terminating, paths: [...new Set(wanted.paths)] },
    keys: { ...known, ...added },
  };
}

/** Whether signatures of people are needed for it: the service's own keys don't reach the threshold. */
export function needsPeople({ keys, role }: { readonly keys: { readonly [keyid: string]: Key }; readonly role: { readonly keyids: readonly string[]; readonly threshold: number } }): boolean {
  return distinctKeys(role.keyids.map((keyid) => own(keys, keyid)).filter((key) => onlineUriOf(key) !== undefined)).length < role.threshold;
}

function distinctKeys(keys: readonly (Key | undefined)[]): string[] {
  return [...new Set(keys.filter((key) => key !== undefined).map((key) => publicKeyIdentity(key)))];
}

/** Members that are null say nothing, and some client stumbles over them. */
function withoutNulls(key: Key): Key {
  return Object.fromEntries(Object.entries(key).filter(([, value]) => value !== null)) as Key;
}

/** Why a client could not follow these delegations. */
function tooMuch(roles: readonly DelegatedRole[]): string | undefined {
  const { roles: most, patterns } = DELEGATION_LIMITS;
  if (roles.length > most) return `there would be ${String(roles.length)} delegated roles; at most ${String(most)} are allowed`;
  if (patternsOf(roles) > patterns) return `there would be more than ${String(patterns)} path patterns`;
  const walk = longestWalk(delegationTreeOf({ delegations: { keys: {}, roles } }));
  return walk <= LONGEST_WALK ? undefined : `a client could have to ask ${String(walk)} roles for one path; clients give up after ${String(LONGEST_WALK)}: make patterns narrower, or roles before it terminating`;
}

/** Keys that some role names; the others go. */
function keysOf(roles: readonly DelegatedRole[], keys: { readonly [keyid: string]: Key }): { readonly [keyid: string]: Key } {
  const named = new Set(roles.flatMap(({ keyids }) => keyids));
  return Object.fromEntries(Object.entries(keys).filter(([keyid]) => named.has(keyid)));
}

/** What we would not read back is not written. @throws TufError */
function requireReadable(delegations: Delegations): void {
  const signed: Targets = { _type: "targets", spec_version: SPEC_VERSION, version: 1, expires: "1970-01-01T00:00:00Z", targets: {}, delegations };
  parseEnvelope(Buffer.from(JSON.stringify({ signatures: [], signed })), "targets");
}

/** The custom delegations of a bootstrap payload that already passed the door; undefined: it asks for bins. */
export function bootstrapDelegationsOf(payload: unknown): WantedDelegations | undefined {
  const { roles } = (payload as { settings?: { roles?: { delegations?: WantedDelegations | null } } } | undefined)?.settings ?? {};
  return roles?.delegations ?? undefined;
}
