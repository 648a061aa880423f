// Roles that people sign, wholly or beside the online key: what it takes from whom.

import { own } from "../lib/own.ts";
import type { Key, RoleKeys } from "../tuf/documents.ts";
import { publicKeyIdentity } from "../tuf/keys.ts";
import { onlineUriOf } from "./online-key.ts";
import type { Demand } from "./signing-event.ts";

export interface Authority {
  readonly keys: { readonly [keyid: string]: Key };
  readonly role: RoleKeys;
}

/** Whether signatures of people are needed for it: the service's own keys don't reach the threshold. */
export function needsPeople(authority: Authority): boolean {
  return onlineIdentities(authority).size < authority.role.threshold;
}

/** Whose signatures it takes beside those that the online keys give when enough people have signed. */
export function peopleDemand(authority: Authority): Demand {
  const online = onlineIdentities(authority);
  const { keys, role } = authority;
  const keyids = role.keyids.filter((keyid) => {
    const key = own(keys, keyid);
    return key !== undefined && !online.has(publicKeyIdentity(key));
  });
  return { by: "new", keys, role: { keyids, threshold: Math.max(1, role.threshold - online.size) } };
}

/** What its online keys have to give, or undefined when it has none. */
export function onlinePart(authority: Authority): Authority | undefined {
  const { keys, role } = authority;
  const keyids = role.keyids.filter((keyid) => onlineUriOf(own(keys, keyid)) !== undefined);
  return keyids.length === 0 ? undefined : { keys, role: { keyids, threshold: Math.min(role.threshold, onlineIdentities(authority).size) } };
}

function onlineIdentities({ keys, role }: Authority): Set<string> {
  const online = role.keyids.map((keyid) => own(keys, keyid)).filter((key) => key !== undefined && onlineUriOf(key) !== undefined);
  return new Set(online.map((key) => publicKeyIdentity(key as Key)));
}
