// A private key in memory: read from PEM, matched with its public half, signing.
//
// Nothing that is thrown here carries a byte of what was read: the engine's own messages
// and causes stay out.

import { constants, createPrivateKey, createPublicKey, sign } from "node:crypto";
import type { KeyObject, SignKeyObjectInput } from "node:crypto";
import { promisify } from "node:util";
import { SignerError } from "../../../ports/signer.ts";
import type { Signer } from "../../../ports/signer.ts";
import type { Key } from "../../../tuf/documents.ts";
import { publicKeyOf, samePublicKey } from "../../../tuf/keys.ts";

const signAsync = promisify(
  (digest: string | null, bytes: Uint8Array, key: KeyObject | SignKeyObjectInput, done: (error: Error | null, signature: Buffer) => void) => sign(digest, bytes, key, done),
);

const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } as const;
const PKCS1 = { padding: constants.RSA_PKCS1_PADDING } as const;

interface Scheme {
  /** The engine's name for this kind of key. */
  readonly type: string;
  readonly digest: string | null;
  /** What goes with the key; undefined: nothing, and the signature of an ec key is DER. */
  readonly options?: object;
}

const SCHEMES: ReadonlyMap<string, Scheme> = new Map<string, Scheme>([
  ["ed25519", { type: "ed25519", digest: null }],
  ["ecdsa-sha2-nistp256", { type: "ec", digest: "sha256" }],
  ["ecdsa-sha2-nistp384", { type: "ec", digest: "sha384" }],
  ["ecdsa-sha2-nistp521", { type: "ec", digest: "sha512" }],
  ...["sha224", "sha256", "sha384", "sha512"].flatMap((digest): [string, Scheme][] => [
    [`rsassa-pss-${digest}`, { type: "rsa", digest, options: PSS }],
    [`rsa-pkcs1v15-${digest}`, { type: "rsa", digest, options: PKCS1 }],
  ]),
]);

/**
 * Reads a PKCS#8 (plain or encrypted), SEC1 or PKCS#1 PEM.
 * @param uri names the key in errors
 * @throws SignerError `unreadable`
 */
export function readPrivateKey(uri: string, pem: Buffer | string, password?: string): KeyObject {
  const encrypted = isEncrypted(pem);
  if (encrypted && password === undefined) {
    throw new SignerError("unreadable", `${nameOf(uri)} is encrypted and no password is configured: set signers.passwordFile`);
  }
  try {
    // Without encryption the password is not passed: it has nothing to open.
    return createPrivateKey({ key: pem, format: "pem", ...(encrypted ? { passphrase: password ?? "" } : {}) });
  } catch {
    throw new SignerError("unreadable", `${nameOf(uri)} ${encrypted ? "cannot be opened with the configured password" : "holds no private key in PEM"}`);
  }
}

/** Whether the PEM needs a password: encrypted PKCS#8, or the older form of OpenSSL. */
export function isEncrypted(pem: Buffer | string): boolean {
  return /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem.toString("latin1"));
}

/** The public half, as metadata carries it. @throws SignerError `unreadable` for a kind of key nobody verifies */
export function publicHalfOf(uri: string, privateKey: KeyObject): Key {
  try {
    return publicKeyOf(createPublicKey(privateKey).export({ type: "spki", format: "pem" }));
  } catch {
    throw new SignerError("unreadable", `${nameOf(uri)} is a key of a kind that is not used: ed25519, ecdsa P-256 or rsa of 2048 to 8192 bits`);
  }
}

/** A signer for `key` with its private half. @throws SignerError `wrong-key` | `unreadable` | `not-built-in` */
export function signerOf(uri: string, privateKey: KeyObject, key: Key): Signer {
  const scheme = SCHEMES.get(key.scheme);
  if (scheme === undefined) throw new SignerError("not-built-in", `${nameOf(uri)}: nobody here signs under the scheme ${JSON.stringify(key.scheme.slice(0, 64))}`);
  if (privateKey.asymmetricKeyType !== scheme.type || !samePublicKey(publicHalfOf(uri, privateKey), key)) {
    throw new SignerError("wrong-key", `${nameOf(uri)} is not the private half of the key it should sign as`);
  }
  // Bare where nothing goes with it: finding out what a wrapped key is takes the engine as long as signing.
  const input = scheme.options === undefined ? privateKey : { key: privateKey, ...scheme.options };
  return {
    uri,
    async sign(bytes) {
      try {
        return (await signAsync(scheme.digest, bytes, input)).toString("hex");
      } catch {
        throw new SignerError("refused", `${nameOf(uri)} cannot sign under ${key.scheme}`);
      }
    },
  };
}

/** A URI as errors name it: quoted, and of bounded length. */
export function nameOf(uri: string): string {
  return JSON.stringify(uri.length > 200 ? `${uri.slice(0, 200)}...` : uri);
}
