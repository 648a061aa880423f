// How roles delegated to an online key move to another one (rules 21, 22), at any depth.
//
// Three kinds, by who has to sign for it:
//  - signed by the key alone: it lists both keys while its bins are pressed again, then the new one
//  - signed by several keys, all of this service: it changes hands in one head, with its new envelope
//  - signed by people too, or delegated to by a role that people sign: left as it is here. It moves
//    once they have signed what that takes (`successor.ts`); until then the old key counts for it

import type { DelegatedRole, Delegations, Key, RoleKeys } from "../tuf/documents.ts";
import { publicKeyIdentity } from "../tuf/keys.ts";
import { namesIn, type DelegationTree } from "./delegation.ts";
import type { OnlineKey } from "./root-update.ts";

/** Roles whose next versions people sign. */
export type People = Pick<ReadonlySet<string>, "has">;
const NOBODY: People = new Set<string>();

/** A role that `old` signs alone: it can be handed over without asking anybody. */
const signedAloneBy = (role: RoleKeys, old: string): boolean => role.threshold === 1 && role.keyids.includes(old);
const sharedBy = (role: RoleKeys, old: string): boolean => role.threshold > 1 && role.keyids.includes(old);

/** The roles to press again once `old` no longer signs, in order: custom ones, then bins. */
export function rolesSignedBy(tree: DelegationTree, old: string, people: People = NOBODY): readonly string[] {
  return rolesThat(tree, people, (role) => signedAloneBy(role, old));
}

/** The roles that `old` signs together with other keys of this service. */
export function rolesSharedBy(tree: DelegationTree, old: string, people: People): readonly string[] {
  return rolesThat(tree, people, (role) => sharedBy(role, old));
}

function rolesThat(tree: DelegationTree, people: People, is: (role: RoleKeys) => boolean): readonly string[] {
  const custom = tree.custom.filter((role) => !people.has(role.name) && !people.has(role.parent) && is(role)).map(({ name }) => name);
  const bins = tree.bins.filter(({ delegator }) => {
    const all = binKeysIn(tree.delegators.get(delegator)?.delegations);
    return !people.has(delegator) && all !== undefined && is(all);
  });
  return [...custom, ...bins.flatMap(namesIn)];
}

/** Who signs the bins that are delegated to there; all are signed alike. */
export const binKeysIn = (delegations: Delegations | undefined): RoleKeys | undefined =>
  delegations?.succinct_roles ?? delegations?.roles?.find((role) => role.path_hash_prefixes !== undefined);

/** Whether something in `delegations` is to be handed over to `next`. */
export function delegatesTo(delegations: Delegations, old: string, next: OnlineKey): boolean {
  return (old === next.keyid && Object.hasOwn(delegations.keys, old)) || rolesIn(delegations).some((role) => signedAloneBy(role, old) || sharedBy(role, old));
}

const rolesIn = ({ roles = [], succinct_roles: succinct }: Delegations): readonly RoleKeys[] => (succinct === undefined ? roles : [...roles, succinct]);

/**
 * `delegations` with `next` in the place of `old`: beside it, first, while roles are pressed again one by one (`both`;
 * those that share their keys wait), or alone. Roles that people sign keep what they have.
 */
export function handOver(delegations: Delegations, old: string, next: OnlineKey, how: "both" | "alone", people: People = NOBODY): Delegations {
  const swap = <R extends RoleKeys>(role: R): R => {
    if (people.has((role as Partial<DelegatedRole>).name ?? "")) return role;
    if (role.threshold > 1) return how === "alone" ? withSuccessor(role, delegations.keys, old, next) : role;
    if (!signedAloneBy(role, old) && !signedAloneBy(role, next.keyid)) return role;
    const rest = role.keyids.filter((keyid) => keyid !== old && keyid !== next.keyid);
    return { ...role, keyids: [next.keyid, ...(how === "both" && old !== next.keyid ? [old] : []), ...rest] };
  };
  return withRoles(delegations, swap, next);
}

/** `delegations` with every role changed by `swap`, `next` among the keys, and no key that none names. */
export function withRoles(delegations: Delegations, swap: <R extends RoleKeys>(role: R) => R, ...next: readonly OnlineKey[]): Delegations {
  const { succinct_roles, roles, ...others } = delegations;
  const swapped = {
    ...others,
    ...(succinct_roles === undefined ? {} : { succinct_roles: swap(succinct_roles) }),
    ...(roles === undefined ? {} : { roles: roles.map((role) => swap(role)) }),
  };
  const used = new Set(rolesIn(swapped).flatMap((role) => role.keyids));
  const all: { readonly [keyid: string]: Key } = { ...delegations.keys, ...Object.fromEntries(next.map(({ keyid, key }) => [keyid, key])) };
  return { ...swapped, keys: Object.fromEntries(Object.entries(all).filter(([keyid]) => used.has(keyid))) };
}

/** `role` with `next` where it named `old`. Where it named both, two keys have become one, and count once. */
export function withSuccessor<R extends RoleKeys>(role: R, keys: { readonly [keyid: string]: Key }, old: string, next: OnlineKey): R {
  if (!role.keyids.includes(old)) return role;
  const keyids = [...new Set(role.keyids.map((keyid) => (keyid === old ? next.keyid : keyid)))];
  const identities = new Set(keyids.flatMap((keyid) => {
    const key = keyid === next.keyid ? next.key : keys[keyid];
    return key === undefined ? [] : [publicKeyIdentity(key)];
  }));
  return { ...role, keyids, threshold: Math.min(role.threshold, Math.max(1, identities.size)) };
}
