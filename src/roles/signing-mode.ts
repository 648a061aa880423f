// Who signs a role: this service, people, or both together.

import { own } from "../lib/own.ts";
import type { Key, RoleKeys } from "../tuf/documents.ts";
import { publicKeyIdentity } from "../tuf/keys.ts";
import { onlineUriOf } from "./online-key.ts";

export type SigningMode = "online" | "offline" | "mixed";

/** `online`: the service's own keys reach the threshold. `mixed`: it has some, and needs people too. */
export function signingModeOf({ keys, role }: { readonly keys: { readonly [keyid: string]: Key }; readonly role: RoleKeys }): SigningMode {
  const online = new Set(role.keyids.map((keyid) => own(keys, keyid)).filter((key) => key !== undefined && onlineUriOf(key) !== undefined).map((key) => publicKeyIdentity(key as Key)));
  if (online.size >= role.threshold) return "online";
  return online.size === 0 ? "offline" : "mixed";
}
