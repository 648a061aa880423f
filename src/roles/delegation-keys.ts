// How roles delegated to an online key move to another one (rules 21, 22), at any depth.

import type { Delegations, Key, RoleKeys } from "../tuf/documents.ts";
import { namesIn, type DelegationTree } from "./delegation.ts";
import type { OnlineKey } from "./root-update.ts";

/** A role that `old` signs alone: it can be handed over without asking anybody. */
const signedAloneBy = (role: RoleKeys, old: string): boolean => role.threshold === 1 && role.keyids.includes(old);

/** The roles to press again once `old` no longer signs, in order: custom ones, then bins. */
export function rolesSignedBy(tree: DelegationTree, old: string): readonly string[] {
  const custom = tree.custom.filter((role) => signedAloneBy(role, old)).map(({ name }) => name);
  const bins = tree.bins.filter(({ delegator }) => {
    const { succinct_roles: succinct, roles } = tree.delegators.get(delegator)?.delegations ?? {};
    const all = succinct ?? roles?.find((role) => role.path_hash_prefixes !== undefined);
    return all !== undefined && signedAloneBy(all, old);
  });
  return [...custom, ...bins.flatMap(namesIn)];
}

/** Whether something in `delegations` is to be handed over. */
export function delegatesTo(delegations: Delegations, keyid: string): boolean {
  return [...(delegations.roles ?? []), ...(delegations.succinct_roles === undefined ? [] : [delegations.succinct_roles])].some((role) => signedAloneBy(role, keyid));
}

/**
 * `delegations` with `next` in the place of `old`: beside it, first, while roles are pressed again one by
 * one (`both`), or alone. Roles that need more signatures than one are left as they are, and keep the old key.
 */
export function handOver(delegations: Delegations, old: string, next: OnlineKey, how: "both" | "alone"): Delegations {
  const swap = <R extends RoleKeys>(role: R): R => {
    if (!signedAloneBy(role, old) && !signedAloneBy(role, next.keyid)) return role;
    const rest = role.keyids.filter((keyid) => keyid !== old && keyid !== next.keyid);
    return { ...role, keyids: [next.keyid, ...(how === "both" && old !== next.keyid ? [old] : []), ...rest] };
  };
  const { succinct_roles, roles, ...others } = delegations;
  const swapped = {
    ...others,
    ...(succinct_roles === undefined ? {} : { succinct_roles: swap(succinct_roles) }),
    ...(roles === undefined ? {} : { roles: roles.map(swap) }),
  };
  const used = new Set([...(swapped.roles ?? []), ...(swapped.succinct_roles === undefined ? [] : [swapped.succinct_roles])].flatMap((role) => role.keyids));
  const all: { readonly [keyid: string]: Key } = { ...delegations.keys, [next.keyid]: next.key };
  return { ...swapped, keys: Object.fromEntries(Object.entries(all).filter(([keyid]) => used.has(keyid))) };
}
