// What the delegations say after an edit, under those in force.
//
// Each role of an edit succeeds or fails by itself; one that fails leaves no trace but its reason.
// Whatever a default client could not follow is refused: more roles to ask for one path than it
// asks, keys it does not verify, a role whose parent takes none of its paths.

import { own } from "../lib/own.ts";
import { reasonOf } from "../lib/app-error.ts";
import { floorToPowerOfTwo } from "../tuf/bins.ts";
import { canonicalString } from "../tuf/canonical.ts";
import type { DelegatedRole, Delegations, Json, Key, RoleKeys, Targets } from "../tuf/documents.ts";
import { parseKey, publicKeyIdentity, samePublicKey } from "../tuf/keys.ts";
import { parseEnvelope, SPEC_VERSION } from "../tuf/parse.ts";
import { isInBinNameSpace } from "../tuf/paths.ts";
import { behindCatchAll, CATCH_ALL, catchAll } from "./catch-all.ts";
import { DELEGATION_LIMITS, EXPIRE_POLICY, LONGEST_WALK, patternsOf, type DelegationEdit, type WantedBins, type WantedBinsEdit, type WantedRole } from "./custom-delegations.ts";
import { binDelegations, BINS_PREFIX, binsPrefixOf, delegationTreeOf, type BinsStyle, type DelegationTree, type TreeRole } from "./delegation.ts";
import { RoleError } from "./errors.ts";
import { onlineUriOf } from "./online-key.ts";
import { longestWalk, mayOverlap } from "./overlap.ts";
import { needsPeople } from "./people.ts";

export interface EditContext {
  /** In force; of no delegations at bootstrap. */
  readonly tree: DelegationTree;
  /** Roles that teams sign elsewhere. */
  readonly outside: ReadonlySet<string>;
  /** What signs for bins, and for roles without keys of their own. */
  readonly online: { readonly keyid: string; readonly key: Key };
  readonly binsStyle: BinsStyle;
  readonly allowUnportable: boolean;
  /** Days of a role that asks for none. */
  readonly defaultDays: number;
}

export interface EditOutcome {
  readonly tree: DelegationTree;
  /** What targets delegates. */
  readonly delegations: Delegations;
  /** The roles that delegate something else now. */
  readonly changed: readonly string[];
  readonly added: readonly string[];
  readonly updated: readonly string[];
  readonly deleted: readonly string[];
  readonly failed: readonly { readonly role: string; readonly reason: string }[];
  /** Days, by role, of those added or updated. */
  readonly days: ReadonlyMap<string, number>;
  /** Days, by role, of those that were given a signing window. */
  readonly windows: ReadonlyMap<string, number>;
}

/** Delegations by the role that delegates; none for a role that delegates nothing. */
export type Draft = ReadonlyMap<string, Delegations>;

const NONE: Delegations = { keys: {}, roles: [] };

/**
 * Carries out `edit` role by role, in order.
 * @throws RoleError `delegations-refused` when bins are asked for and cannot be had; TufError
 */
export function applyEdit(edit: DelegationEdit, context: EditContext): EditOutcome {
  let draft: Draft = new Map([...context.tree.delegators].map(([name, { delegations }]) => [name, delegations]));
  if (edit.action === "add" && edit.bins) draft = withBins(draft, edit.bins, edit.keys, context);
  if (edit.action === "bins") draft = withOtherBins(draft, edit, context);
  const days = new Map<string, number>();
  const windows = new Map<string, number>();
  const failed: { role: string; reason: string }[] = [];
  const done: string[] = [];
  const going = edit.action === "delete" ? childrenFirst(edit.roles, context.tree) : [];
  for (const wanted of edit.action === "delete" ? going : edit.roles) {
    const next = edit.action === "add" || edit.action === "update"
      ? withRole(draft, edit.action, wanted as WantedRole, edit.keys, context)
      : withoutRole(draft, wanted.name, new Set(going.map(({ name }) => name)));
    const reason = typeof next === "string" ? next : edit.action === "delete" ? undefined : tooMuch(treeOf(next));
    if (typeof next === "string" || reason !== undefined) {
      failed.push({ role: wanted.name, reason: reason ?? "" });
      continue;
    }
    draft = next;
    done.push(wanted.name);
    if (edit.action === "delete") continue;
    const { [EXPIRE_POLICY]: lifetime, signing_window: window } = wanted as WantedRole;
    days.set(wanted.name, lifetime ?? context.defaultDays);
    if (typeof window === "number") windows.set(wanted.name, window);
  }
  const tree = written(draft);
  const asked = edit.roles.map(({ name }) => name).filter((name) => done.includes(name));
  return {
    tree,
    delegations: tree.delegators.get("targets")?.delegations ?? NONE,
    changed: changedDelegators(context.tree, tree),
    added: edit.action === "add" ? asked : [],
    updated: edit.action === "update" ? asked : [],
    deleted: edit.action === "delete" ? asked : [],
    failed,
    days,
    windows,
  };
}

/** The tree of delegations that other code composed. @throws RoleError `delegations-refused` when clients could not follow it; TufError */
export function wholeTree(draft: Draft): DelegationTree {
  const reason = tooMuch(treeOf(draft));
  if (reason !== undefined) throw new RoleError("delegations-refused", reason);
  return written(draft);
}

/** @throws TufError */
function written(draft: Draft): DelegationTree {
  const used = new Map([...draft].map(([name, delegations]) => [name, withUsedKeys(delegations)]));
  for (const delegations of used.values()) requireReadable(delegations);
  return treeOf(used);
}

/** The roles of `after` that delegate something else than in `before`. */
export function changedDelegators(before: DelegationTree, after: DelegationTree): readonly string[] {
  return [...after.delegators].filter(([name, { delegations }]) => !same(delegations, before.delegators.get(name)?.delegations)).map(([name]) => name);
}

const treeOf = (draft: Draft): DelegationTree => delegationTreeOf({ delegations: draft.get("targets") ?? NONE }, draft);

const same = (one: Delegations, other: Delegations | undefined): boolean => other !== undefined && canonicalString(one as unknown as Json) === canonicalString(other as unknown as Json);

function withRole(draft: Draft, action: "add" | "update", wanted: WantedRole, given: { readonly [keyid: string]: Key }, context: EditContext): Draft | string {
  const { name } = wanted;
  const tree = treeOf(draft);
  const before = tree.custom.find((role) => (action === "add" ? role.name.toLowerCase() === name.toLowerCase() : role.name === name));
  if (action === "add" && before !== undefined) return "role already exists";
  if (action === "update" && before === undefined) return `role ${name} doesn't exist.`;
  if (name.toLowerCase() === CATCH_ALL) return "it takes what no other role takes, and carries the bins; resize those instead";
  if (tree.bins.some(({ prefix }) => isInBinNameSpace(prefix, name))) return "its name lies where the names of bins lie";
  const parent = before?.parent ?? wanted.parent ?? "targets";
  if (before !== undefined && (wanted.parent ?? parent) !== parent) return `its parent is ${parent}, and stays so: delete the role and add it again`;
  const misplaced = whyNotBelow(tree, parent, wanted, before, context.outside);
  if (misplaced !== undefined) return misplaced;

  const opened = parent === "targets" ? opening(draft) : draft;
  const around = opened.get(parent) ?? NONE;
  const made = composed(wanted, given, around.keys, context);
  if (typeof made === "string") return made;
  const roles = around.roles ?? [];
  const behind = roles.findIndex((role) => role.name === CATCH_ALL || role.path_hash_prefixes !== undefined);
  const placed = before !== undefined
    ? roles.map((role) => (role.name === name ? made.role : role))
    : behind < 0 ? [...roles, made.role] : roles.toSpliced(behind, 0, made.role);
  const next = new Map(opened).set(parent, { keys: made.keys, roles: placed });
  const bins = wanted.bins ?? binCountOf(tree, name);
  if (bins === undefined) return next;
  // Signed as the role is, unless people sign that.
  const own = { keys: made.keys, role: { keyids: made.role.keyids, threshold: made.role.threshold } };
  return withRoleBins(next, tree, name, bins, needsPeople(own) ? onlineSigners([], {}, context) : own, context);
}

function binCountOf(tree: DelegationTree, name: string): number | undefined {
  const bins = tree.delegators.get(name)?.bins;
  return bins === undefined ? undefined : 2 ** bins.bitLength;
}

/** Why `parent` cannot delegate to `wanted`, or the role could not keep those below it. */
function whyNotBelow(tree: DelegationTree, parent: string, wanted: WantedRole, before: TreeRole | undefined, outside: ReadonlySet<string>): string | undefined {
  const children = tree.delegators.get(wanted.name);
  if (children !== undefined && children.custom.length > 0 && wanted.bins) return "it delegates to custom roles, and to either those or bins";
  const lost = children?.custom.find((child) => !mayOverlap(wanted.paths, child.paths ?? []));
  if (lost !== undefined) return `role ${lost.name} below it would take none of these paths`;
  if (parent === "targets") return undefined;
  const above = tree.custom.find((role) => role.name === parent);
  if (above === undefined) return `parent role ${parent} doesn't exist`;
  if (before === undefined && tree.delegators.get(parent)?.bins !== undefined) return `parent role ${parent} delegates to bins, and to either those or custom roles`;
  if (outside.has(parent)) return `parent role ${parent} is signed elsewhere, by documents that delegate to nobody: give it another parent`;
  return mayOverlap(above.paths ?? [], wanted.paths) ? undefined : `parent role ${parent} takes none of its paths, so that no client would look for them here`;
}

/** Room for roles before the repository's bins: those of targets get a role of their own. */
export function opening(draft: Draft): Draft {
  const top = draft.get("targets");
  if (top?.succinct_roles === undefined) return draft;
  const moved = behindCatchAll(top);
  return new Map(draft).set("targets", moved.top).set(CATCH_ALL, moved.bins);
}

function withBins(draft: Draft, { number_of_delegated_bins: wanted, keyids }: WantedBins, given: { readonly [keyid: string]: Key }, context: EditContext): Draft {
  const tree = treeOf(draft);
  if (tree.bins.some(({ prefix }) => prefix === BINS_PREFIX)) throw new RoleError("delegations-refused", "the repository has bins already; their number is changed by resizing them");
  if (tree.custom.some(({ name }) => name === CATCH_ALL)) throw new RoleError("delegations-refused", `a role named ${CATCH_ALL} is there already`);
  const bins = binDelegationsBy(floorToPowerOfTwo(wanted), context.binsStyle, onlineSigners(keyids ?? [], given, context), BINS_PREFIX);
  const top = draft.get("targets") ?? NONE;
  const keys = { ...top.keys, ...bins.keys };
  if (bins.succinct_roles === undefined) return new Map(draft).set("targets", { keys, roles: [...(top.roles ?? []), ...(bins.roles ?? [])] });
  return new Map(draft).set("targets", { keys, roles: [...(top.roles ?? []), catchAll(bins.succinct_roles)] }).set(CATCH_ALL, bins);
}

/** As many bins as are wanted, under the keys that are wanted, with the names and in the style they have. */
function withOtherBins(draft: Draft, { of, bins: wanted, keyids, keys = {} }: WantedBinsEdit, context: EditContext): Draft {
  const tree = treeOf(draft);
  const bins = tree.bins.find(({ prefix, delegator }) => (of === undefined ? prefix === BINS_PREFIX : delegator === of));
  if (bins === undefined) throw new RoleError("delegations-refused", of === undefined ? "the repository has no bins of its own" : `role ${of} has no bins`);
  const around = draft.get(bins.delegator) ?? NONE;
  const signed = keyids === undefined ? signersOfBins(around) : onlineSigners(keyids, keys, context);
  const made = binDelegationsBy(wanted === undefined ? 2 ** bins.bitLength : floorToPowerOfTwo(wanted), around.succinct_roles === undefined ? "classic" : "succinct", signed, bins.prefix);
  const next = new Map(draft).set(bins.delegator, { ...made, ...(made.roles === undefined ? {} : { keys: { ...around.keys, ...made.keys }, roles: [...(around.roles ?? []).filter(({ paths }) => paths !== undefined), ...made.roles] }) });
  const top = next.get("targets");
  if (bins.delegator !== CATCH_ALL || top === undefined) return next;
  // The catch-all is signed as its bins are.
  return next.set("targets", { ...top, keys: { ...top.keys, ...signed.keys }, roles: (top.roles ?? []).map((role) => (role.name === CATCH_ALL ? catchAll(signed.role) : role)) });
}

/** Who signs bins, and with what. */
interface BinSigners {
  readonly keys: { readonly [keyid: string]: Key };
  readonly role: RoleKeys;
}

function signersOfBins({ keys, succinct_roles: succinct, roles }: Delegations): BinSigners {
  const role = succinct ?? roles?.find(({ path_hash_prefixes: prefixes }) => prefixes !== undefined);
  if (role === undefined) throw new Error("there are no bins");
  return { keys, role: { keyids: role.keyids, threshold: role.threshold } };
}

/** @throws RoleError `delegations-refused` unless all of them are keys of this service */
function onlineSigners(keyids: readonly string[], given: { readonly [keyid: string]: Key }, context: EditContext): BinSigners {
  const { online } = context;
  if (keyids.length === 0) return { keys: { [online.keyid]: online.key }, role: { keyids: [online.keyid], threshold: 1 } };
  const known = knownElsewhere(context.tree);
  const keys = keyids.map((keyid): [string, Key] => {
    const key = own(given, keyid) ?? known.get(keyid) ?? (keyid === online.keyid ? online.key : undefined);
    if (key === undefined) throw new RoleError("delegations-refused", `key ${keyid.slice(0, 200)} is not among the keys`);
    if (onlineUriOf(key) === undefined) throw new RoleError("delegations-refused", `key ${keyid.slice(0, 200)} is offline; bins are signed online`);
    try {
      parseKey(key as unknown as Json, keyid, { allowUnportable: context.allowUnportable });
    } catch (error) {
      throw new RoleError("delegations-refused", reasonOf(error), { cause: error });
    }
    return [keyid, withoutNulls(key)];
  });
  return { keys: Object.fromEntries(keys), role: { keyids: [...keyids], threshold: 1 } };
}

function binDelegationsBy(count: number, style: BinsStyle, { keys, role }: BinSigners, prefix: string): Delegations {
  const [keyid = ""] = role.keyids;
  const key = keys[keyid];
  if (key === undefined) throw new Error(`no key ${keyid}`);
  const made = binDelegations(count, style, { keyid, key }, prefix);
  const used = Object.fromEntries(role.keyids.flatMap((id) => (keys[id] === undefined ? [] : [[id, keys[id]]])));
  return {
    keys: used,
    ...(made.succinct_roles === undefined ? {} : { succinct_roles: { ...made.succinct_roles, ...role } }),
    ...(made.roles === undefined ? {} : { roles: made.roles.map((each) => ({ ...each, ...role })) }),
  };
}

/** Bins list what `name` takes. */
function withRoleBins(draft: Draft, before: DelegationTree, name: string, wanted: number, by: BinSigners, { binsStyle }: EditContext): Draft | string {
  const prefix = binsPrefixOf(name);
  const taken = before.custom.find((role) => isInBinNameSpace(prefix, role.name));
  if (taken !== undefined) return `its bins would be named like role ${taken.name}`;
  const style = before.delegators.get(name)?.delegations.roles === undefined ? binsStyle : "classic";
  return new Map(draft).set(name, binDelegationsBy(floorToPowerOfTwo(wanted), style, by, prefix));
}

/** @param going every role that the edit deletes */
function withoutRole(draft: Draft, name: string, going: ReadonlySet<string>): Draft | string {
  const tree = treeOf(draft);
  const role = tree.custom.find((each) => each.name === name);
  if (role === undefined) return `Role '${name}' does not exists`;
  if (name === CATCH_ALL) return "it takes what no other role takes, and carries the repository's bins";
  const child = tree.delegators.get(name)?.custom[0];
  if (child !== undefined) return `it delegates to ${child.name}: ${going.has(child.name) ? "which could not be deleted" : "delete that role too, in the same request, or first"}`;
  const around = draft.get(role.parent) ?? NONE;
  const left = new Map(draft).set(role.parent, { ...around, roles: (around.roles ?? []).filter((each) => each.name !== name) });
  left.delete(name);
  // A role below targets that delegates nothing any more has no delegations at all.
  if (role.parent !== "targets" && left.get(role.parent)?.roles?.length === 0) left.delete(role.parent);
  return left;
}

/** Whoever is below another goes before it. */
function childrenFirst<T extends { readonly name: string }>(roles: readonly T[], tree: DelegationTree): readonly T[] {
  const place = new Map(tree.custom.map(({ name }, at) => [name, at]));
  return roles.toSorted((a, b) => (place.get(b.name) ?? -1) - (place.get(a.name) ?? -1));
}

/** The role and all keys with its own, or why it can't be. */
function composed(wanted: WantedRole, given: { readonly [keyid: string]: Key }, known: { readonly [keyid: string]: Key }, context: EditContext): { role: DelegatedRole; keys: { readonly [keyid: string]: Key } } | string {
  const { online } = context;
  if (wanted.keyids.length === 0 && wanted.threshold !== 1) return "If no keys assigned threshold must be 1";
  const keyids = wanted.keyids.length === 0 ? [online.keyid] : wanted.keyids;
  const elsewhere = knownElsewhere(context.tree);
  const added: Record<string, Key> = {};
  for (const keyid of keyids) {
    const before = own(known, keyid);
    const key = keyid === online.keyid ? online.key : (own(given, keyid) ?? before ?? elsewhere.get(keyid));
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
  return {
    role: { name: wanted.name, keyids, threshold: wanted.threshold, terminating: wanted.terminating, paths: [...new Set(wanted.paths)] },
    keys: { ...known, ...added },
  };
}

/** Keys that some role of the tree is signed with. */
export function knownElsewhere(tree: DelegationTree): ReadonlyMap<string, Key> {
  return new Map([...tree.delegators.values()].flatMap(({ delegations }) => Object.entries(delegations.keys)));
}

function distinctKeys(keys: readonly (Key | undefined)[]): string[] {
  return [...new Set(keys.filter((key) => key !== undefined).map((key) => publicKeyIdentity(key)))];
}

/** Members that are null say nothing, and some client stumbles over them. */
function withoutNulls(key: Key): Key {
  return Object.fromEntries(Object.entries(key).filter(([, value]) => value !== null)) as Key;
}

/** Why a client could not follow these delegations. */
function tooMuch(tree: DelegationTree): string | undefined {
  const { roles: most, patterns } = DELEGATION_LIMITS;
  const asked = tree.custom.filter(({ name }) => name !== CATCH_ALL);
  if (asked.length > most) return `there would be ${String(asked.length)} delegated roles; at most ${String(most)} are allowed`;
  if (patternsOf(asked) > patterns) return `there would be more than ${String(patterns)} path patterns`;
  const walk = longestWalk(tree);
  return walk <= LONGEST_WALK ? undefined : `a client could have to ask ${String(walk)} roles for one path; clients give up after ${String(LONGEST_WALK)}: make patterns narrower, or roles before it terminating`;
}

/** Keys that some role names; the others go. */
function withUsedKeys(delegations: Delegations): Delegations {
  const { keys, roles = [], succinct_roles: succinct } = delegations;
  const named = new Set([...roles, ...(succinct === undefined ? [] : [succinct])].flatMap(({ keyids }) => keyids));
  return { ...delegations, keys: Object.fromEntries(Object.entries(keys).filter(([keyid]) => named.has(keyid))) };
}

/** What we would not read back is not written. @throws TufError */
function requireReadable(delegations: Delegations): void {
  const signed: Targets = { _type: "targets", spec_version: SPEC_VERSION, version: 1, expires: "1970-01-01T00:00:00Z", targets: {}, delegations };
  parseEnvelope(Buffer.from(JSON.stringify({ signatures: [], signed })), "targets");
}
