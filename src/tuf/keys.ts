// Public keys as metadata spells them (TUF specification 4.2.2).
//
// Every client verifies ed25519 (hex), ecdsa on P-256 (PEM) and rsassa-pss-sha256 (SPKI PEM,
// 2048 to 8192 bits); anything else only where the operator allows keys that some clients
// cannot use. Any keyid is accepted as given; keyids we make are the sha256 of the canonical
// whole key object, which is the form that the strictest client recomputes.

import { canonicalize } from "./canonical.ts";
import { publicKeyFingerprint, publicMaterialOf, requireUsable, schemeSupport, sha256Hex } from "./crypto.ts";
import type { Json, JsonObject, Key } from "./documents.ts";
import { TufError } from "./errors.ts";

export interface KeyOptions {
  /** Also P-384, P-521, other RSA schemes: verified here and by python-tuf, not by every client. */
  readonly allowUnportable?: boolean;
}

/**
 * Reads a key object; unknown members stay.
 * @param keyid named in errors only
 * @throws TufError `key-malformed` or `key-unsupported`
 */
export function parseKey(value: Json, keyid?: string, options: KeyOptions = {}): Key {
  const name = keyid === undefined ? "the key" : `key ${JSON.stringify(keyid.slice(0, 128))}`;
  if (!isRecord(value)) throw new TufError("key-malformed", `${name} is no object`);
  const { keytype, scheme, keyval } = value;
  if (typeof keytype !== "string") throw new TufError("key-malformed", `${name}: keytype is no string`);
  if (typeof scheme !== "string") throw new TufError("key-malformed", `${name}: scheme is no string`);
  if (keyval === undefined || !isRecord(keyval)) throw new TufError("key-malformed", `${name}: keyval is no object`);
  const support = schemeSupport(keytype, scheme);
  const label = `keytype ${JSON.stringify(keytype.slice(0, 64))}, scheme ${JSON.stringify(scheme.slice(0, 64))}`;
  if (support === undefined) {
    const why = keytype.startsWith("sigstore") ? "; the service verifies Sigstore keys only where keys.sigstoreTrustedRoot is set" : "";
    throw new TufError("key-unsupported", `${name}: ${label} is not supported${why}`);
  }
  if (support === "unportable" && options.allowUnportable !== true) {
    throw new TufError("key-unsupported", `${name}: ${label} is not verified by every client`);
  }
  const key = value as Key;
  try {
    requireUsable(key);
  } catch (error) {
    if (error instanceof TufError) throw new TufError(error.code, `${name}: ${error.message}`, { cause: error });
    throw error;
  }
  return key;
}

/** The keyid of a key we name: sha256 of the canonical whole key object (TUF 4.3). */
export function keyidOf(key: Key): string {
  return sha256Hex(canonicalize(key as JsonObject));
}

/** The name of our own file for a key: unlike the keyid it does not change with the key's other members. */
export function keyFileName(key: Key): string {
  const { keytype, scheme, keyval } = key;
  return sha256Hex(canonicalize({ keytype, scheme, keyval }));
}

/**
 * The key object for a PEM: SPKI public, or the public half of an unencrypted private key.
 * @throws TufError `key-malformed` or `key-unsupported`
 */
export function publicKeyOf(pem: string | Buffer): Key {
  const material = publicMaterialOf(pem);
  switch (material.kind) {
    case "ed25519":
      return { keytype: "ed25519", scheme: "ed25519", keyval: { public: material.hex } };
    case "rsa": {
      const key = { keytype: "rsa", scheme: "rsassa-pss-sha256", keyval: { public: material.pem } };
      requireUsable(key);
      return key;
    }
    case "ec": {
      const scheme = EC_SCHEMES.get(material.curve);
      if (scheme === undefined) throw new TufError("key-unsupported", `keys on the curve ${JSON.stringify(material.curve)} are not used`);
      return { keytype: "ecdsa", scheme, keyval: { public: material.pem } };
    }
  }
}

const EC_SCHEMES = new Map([
  ["prime256v1", "ecdsa-sha2-nistp256"],
  ["secp384r1", "ecdsa-sha2-nistp384"],
  ["secp521r1", "ecdsa-sha2-nistp521"],
]);

/** What stands for the public key when keys are counted: one key under two keyids has one. */
export function publicKeyIdentity(key: Key): string {
  return publicKeyFingerprint(key) ?? `unread:${keyFileName(key)}`;
}

/** Whether two key objects hold the same public key, whatever their scheme, spelling and other members. */
export function samePublicKey(a: Key, b: Key): boolean {
  return publicKeyIdentity(a) === publicKeyIdentity(b);
}

function isRecord(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
