// Online keys that went, and the delegations of people that still name them.
//
// A change of online keys reaches every role that this service signs by itself. What people sign it can't
// touch: a role signed by an online key and people together, or delegated to by a role that people sign.
// Of such roles is kept which key took the place of which. A change of their delegations waits for people
// from then on; until they have signed it the old key counts, and signs where it still can. After a
// compromise it signs nothing any more: what only it could sign stays as it is, named in snapshot by its
// hash, until people have signed.

import { own } from "../lib/own.ts";
import { canonicalString } from "../tuf/canonical.ts";
import { isBinName } from "../tuf/bins.ts";
import type { DelegatedRole, Delegations, Json, Key, RoleKeys } from "../tuf/documents.ts";
import type { DelegationTree } from "./delegation.ts";
import { binKeysIn, withRoles, withSuccessor, type People } from "./delegation-keys.ts";
import type { PendingEdit } from "./pending-edit.ts";
import type { Succession } from "./root-update.ts";

export interface Handed extends Succession {
  /** The old key is in wrong hands: it counts as gone. */
  readonly lost: boolean;
}

/** `before` and what happened `now`, in which keys may have gone that had taken another's place. */
export function laterHanded(before: readonly Handed[], now: readonly Succession[], lost: boolean): readonly Handed[] {
  const earlier = before.filter(({ old }) => !now.some((one) => one.old === old));
  return [...earlier.map((one) => ({ ...one, next: now.find(({ old }) => old === one.next.keyid)?.next ?? one.next })), ...now.map(({ old, next }) => ({ old, next, lost }))];
}

/** Those among them that something people sign still names. */
export function stillNamed(tree: DelegationTree, people: People, handed: readonly Handed[]): readonly Handed[] {
  if (handed.length === 0) return handed;
  const edits = tree.custom.filter(({ name }) => people.has(name)).flatMap(({ name }) => placesOf(tree, name));
  const top = people.has("targets") ? namedByTargets(tree, people, handed) : [];
  return handed.filter((one) => top.includes(one) || edits.some(({ role, keys, below }) => isNamed(one, role, keys) || (below !== undefined && rolesOf(below).some((each) => isNamed(one, each, below.keys)))));
}

/** Those that roles of this service are signed with, by the word of top-level targets. */
export function namedByTargets(tree: DelegationTree, people: People, handed: readonly Handed[]): readonly Handed[] {
  const top = tree.delegators.get("targets")?.delegations;
  if (top === undefined || handed.length === 0) return [];
  const own = rolesOf(top).filter((role) => !people.has((role as Partial<DelegatedRole>).name ?? ""));
  return handed.filter((one) => own.some((role) => isNamed(one, role, top.keys)));
}

type Place = Pick<PendingEdit, "keys" | "below" | "parent"> & { readonly role: DelegatedRole };

function placesOf(tree: DelegationTree, name: string): readonly Place[] {
  const parent = tree.custom.find((role) => role.name === name)?.parent ?? "";
  const around = tree.delegators.get(parent)?.delegations;
  const role = around?.roles?.find((each) => each.name === name);
  const below = tree.delegators.get(name)?.delegations;
  return around === undefined || role === undefined ? [] : [{ parent, role, keys: around.keys, ...(below === undefined ? {} : { below }) }];
}

const rolesOf = ({ roles = [], succinct_roles: succinct }: Delegations): readonly RoleKeys[] => (succinct === undefined ? roles : [...roles, succinct]);

const isNamed = ({ old, next }: Succession, { keyids }: RoleKeys, keys: { readonly [keyid: string]: Key }): boolean =>
  keyids.includes(old) && (old !== next.keyid || textOf(own(keys, old)) !== textOf(next.key));

const textOf = (key: Key | undefined): string => canonicalString((key ?? null) as unknown as Json);

/** What becomes of the delegation of role `name`, which people sign; undefined when it names no key that went. */
export function successorEdit(tree: DelegationTree, name: string, handed: readonly Handed[]): Omit<PendingEdit, "unit" | "signs"> | undefined {
  const [place] = placesOf(tree, name);
  if (place === undefined || stillNamed(tree, { has: (role) => role === name }, handed).length === 0) return undefined;
  const { parent, role, keys, below } = place;
  const { keyids } = role;
  const named = Object.fromEntries(Object.entries(keys).filter(([keyid]) => keyids.includes(keyid)));
  return withSuccessors({ action: "update" as const, name, parent, role, keys: named, ...(below === undefined ? {} : { below }), after: [] }, handed);
}

/** The edit with keys in the place of those that went. */
export function withSuccessors<E extends Pick<PendingEdit, "role" | "keys" | "below">>(edit: E, handed: readonly Handed[]): E {
  const swapIn = (keys: { readonly [keyid: string]: Key }) => <R extends RoleKeys>(role: R): R => handed.reduce((so, { old, next }) => withSuccessor(so, keys, old, next), role);
  const { role, below } = edit;
  const keys = { ...edit.keys, ...Object.fromEntries(handed.map(({ next }) => [next.keyid, next.key])) };
  const swapped = role === undefined ? undefined : swapIn(keys)(role);
  return {
    ...edit,
    ...(swapped === undefined ? {} : { role: swapped }),
    keys: Object.fromEntries(Object.entries(keys).filter(([keyid]) => swapped?.keyids.includes(keyid) === true)),
    ...(below === undefined ? {} : { below: withRoles(below, swapIn(below.keys), ...handed.map(({ next }) => next)) }),
  };
}

/** A key in wrong hands that the edit still names. */
export function lostKeyIn({ role, keys, below }: Pick<PendingEdit, "role" | "keys" | "below">, handed: readonly Handed[]): string | undefined {
  const lost = handed.filter((one) => one.lost && ((role !== undefined && isNamed(one, role, keys)) || (below !== undefined && rolesOf(below).some((each) => isNamed(one, each, below.keys)))));
  return lost[0]?.old;
}

/** Whoever has to sign before `role` can be pressed again: it is signed with a key in wrong hands, by the word of people. */
export function waitsForSuccessor(tree: DelegationTree, people: People, handed: readonly Handed[], role: string): string | undefined {
  const lost = handed.filter((one) => one.lost);
  if (lost.length === 0) return undefined;
  const custom = tree.custom.find(({ name }) => name === role);
  const parent = custom?.parent ?? tree.bins.find(({ prefix, bitLength }) => isBinName(prefix, bitLength, role))?.delegator;
  if (parent === undefined || !people.has(parent)) return undefined;
  const around = tree.delegators.get(parent)?.delegations;
  const keys = custom ?? binKeysIn(around);
  return around !== undefined && keys !== undefined && lost.some((one) => isNamed(one, keys, around.keys)) ? parent : undefined;
}
