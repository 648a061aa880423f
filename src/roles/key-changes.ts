// What becomes of a role's keys and threshold, in sentences for people.

import { own } from "../lib/own.ts";
import type { Key, RoleKeys } from "../tuf/documents.ts";
import { samePublicKey } from "../tuf/keys.ts";
import { keyWords } from "./key-words.ts";

type Keys = { readonly [keyid: string]: Key };

/** Who may sign a role, and how many must. */
export interface Holders {
  readonly keys: Keys;
  readonly role: RoleKeys;
}

/** Who comes, who goes, and how many must sign; each sentence begins with `name`. `was` undefined: the role is new. */
export function keyChanges(name: string, was: Holders | undefined, is: Holders): readonly string[] {
  const before = was?.role.keyids ?? [];
  return [
    ...is.role.keyids.filter((keyid) => !before.includes(keyid)).map((keyid) => `${name}: key ${keyWords(keyid, own(is.keys, keyid))} added`),
    ...before.filter((keyid) => !is.role.keyids.includes(keyid)).map((keyid) => `${name}: key ${keyWords(keyid, own(was?.keys, keyid))} removed`),
    ...(was === undefined ? [`${name}: threshold ${String(is.role.threshold)} of ${String(is.role.keyids.length)}`]
      : was.role.threshold === is.role.threshold ? [] : [`${name}: threshold from ${String(was.role.threshold)} to ${String(is.role.threshold)}`]),
  ];
}

/** Keyids that stay and mean another public key. */
export function renamedKeys(was: Keys, is: Keys): readonly string[] {
  return Object.entries(is).flatMap(([keyid, key]) => {
    const before = own(was, keyid);
    return before === undefined || samePublicKey(before, key) ? [] : [`keyid ${keyid} names another public key than before`];
  });
}
