// People with root keys, and the roots they sign.

import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import type { Signature } from "../../src/tuf/documents.ts";
import { composeRoot } from "../../src/roles/root.ts";
import { canonicalize } from "../../src/tuf/canonical.ts";
import type { Json, Key, Root } from "../../src/tuf/documents.ts";
import { keyidOf, publicKeyOf } from "../../src/tuf/keys.ts";
import { formatExpires } from "../../src/tuf/parse.ts";

export interface Holder {
  readonly keyid: string;
  readonly key: Key;
  sign(signed: unknown): Signature;
}

/** A person with a key of that type; every key object has a member nobody knows. */
export function createHolder(type: "ed25519" | "ecdsa" | "rsa" = "ed25519"): Holder {
  const pair = type === "ed25519" ? generateKeyPairSync("ed25519")
    : type === "ecdsa" ? generateKeyPairSync("ec", { namedCurve: "P-256" })
    : generateKeyPairSync("rsa", { modulusLength: 2048 });
  const privateKey: KeyObject = pair.privateKey;
  const key: Key = { ...publicKeyOf(pair.publicKey.export({ type: "spki", format: "pem" })), "x-rstuf-key-name": "Zoë's Key", "x-foo-bar": [1, { b: null }] };
  const keyid = keyidOf(key);
  return {
    keyid,
    key,
    sign(signed) {
      const bytes = canonicalize(signed as Json);
      const sig = type === "ecdsa" ? sign("sha256", bytes, { key: privateKey, dsaEncoding: "der" })
        : type === "rsa" ? sign("sha256", bytes, { key: privateKey, padding: 6, saltLength: 32 })
        : sign(null, bytes, privateKey);
      return { keyid, sig: sig.toString("hex") };
    },
  };
}

export interface RootPlan {
  readonly version: number;
  readonly holders: readonly Holder[];
  readonly threshold: number;
  readonly online: Key;
  readonly expiresMs: number;
  /** People who sign targets. */
  readonly targets?: { readonly holders: readonly Holder[]; readonly threshold: number };
}

const keysOf = (holders: readonly Holder[]): Root["keys"] => Object.fromEntries(holders.map((holder) => [holder.keyid, holder.key]));

export function rootOf({ version, holders, threshold, online, expiresMs, targets }: RootPlan): Root {
  const keys = keysOf(holders);
  return composeRoot({ version, expires: formatExpires(expiresMs), root: { keys, threshold }, online: { keyid: keyidOf(online), key: online }, targets: targets === undefined ? undefined : { keys: keysOf(targets.holders), threshold: targets.threshold } });
}

export interface SignedRoot {
  readonly signatures: readonly Signature[];
  readonly signed: Root;
}

export const signedBy = (signed: Root, ...holders: readonly Holder[]): SignedRoot => ({ signatures: holders.map((holder) => holder.sign(signed)), signed });
