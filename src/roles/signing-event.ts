// Who has signed a document that waits for signatures, and who is missing.
//
// A root waits for its own keys and, after the first one, for those of the root before
// (TUF 5.3.4, 5.3.5). One public key counts once, under however many keyids it is listed.

import type { JsonObject, Key, RoleKeys, Signature } from "../tuf/documents.ts";
import { own } from "../lib/own.ts";
import { verifySignature } from "../tuf/crypto.ts";
import { foreignSchemeOf, MAX_BUNDLE_BYTES } from "../tuf/foreign-schemes.ts";
import { publicKeyIdentity } from "../tuf/keys.ts";
import { verifyThreshold } from "../tuf/threshold.ts";
import { RoleError } from "./errors.ts";

/** One who demands signatures: the document's own keys, or those it follows from. */
export interface Demand {
  readonly by: "old" | "new";
  readonly keys: { readonly [keyid: string]: Key };
  readonly role: RoleKeys;
}

export interface Standing {
  readonly complete: boolean;
  /** In the order of the demands. */
  readonly demands: readonly { readonly by: Demand["by"]; readonly threshold: number; readonly signed: readonly string[]; readonly missing: readonly string[] }[];
}

interface Signed {
  readonly canonical: Uint8Array;
  readonly signatures: readonly Signature[];
}

export function standingOf(demands: readonly Demand[], document: Signed): Standing {
  const found = demands.map((demand) => {
    const verdict = verifyThreshold(demand, document);
    return { met: verdict.met, by: demand.by, threshold: demand.role.threshold, signed: verdict.valid, missing: verdict.missing };
  });
  return { complete: found.every(({ met }) => met), demands: found.map(({ met: _, ...rest }) => rest) };
}

/** Of the signatures that arrived, in order, with how many the document became complete; undefined: it is not. */
export function completedAt(demands: readonly Demand[], document: Signed): number | undefined {
  for (let count = 0; count <= document.signatures.length; count++) {
    if (standingOf(demands, { canonical: document.canonical, signatures: document.signatures.slice(0, count) }).complete) return count;
  }
  return undefined;
}

/** The members of a signature that count, and no other. */
export const plainSignature = ({ keyid, sig, bundle }: { readonly keyid: string; readonly sig: string; readonly bundle?: unknown }): Signature =>
  ({ keyid, sig, ...(bundle === undefined || bundle === null ? {} : { bundle: bundle as JsonObject }) });

/**
 * What stands for the key of a signature that may be added.
 * @throws RoleError `signature-refused`: not hex, by an unknown key, over other bytes, or by a key that signed already
 */
export function judgeSignature(demands: readonly Demand[], canonical: Uint8Array, signature: Signature, earlier: readonly string[]): string {
  const refuse = (reason: string): never => {
    throw new RoleError("signature-refused", reason);
  };
  if (!/^(?:[0-9a-fA-F]{2})+$/.test(signature.sig) || signature.sig.length > MAX_SIG_DIGITS) refuse("the signature is not hexadecimal");
  if (signature.bundle !== undefined && JSON.stringify(signature.bundle).length > MAX_BUNDLE_BYTES) refuse(`the bundle has more than ${String(MAX_BUNDLE_BYTES)} bytes`);
  const name = signature.keyid.slice(0, 200);
  const keys = demands.filter(({ role }) => role.keyids.includes(signature.keyid)).map((demand) => own(demand.keys, signature.keyid)).filter((key) => key !== undefined);
  if (keys.length === 0) refuse(`key ${name} may not sign this document`);
  if (signature.bundle !== undefined && !keys.some((key) => foreignSchemeOf(key))) refuse(`a bundle belongs to a Sigstore key, which key ${name} is not`);
  const key = keys.find((candidate) => verifySignature(candidate, signature, canonical));
  if (key === undefined) return refuse(signature.bundle === undefined ? `the signature of key ${name} is not over the bytes of this document`
    : `the bundle of key ${name} does not prove, under the trusted root of Sigstore, that its identity signed the bytes of this document`);
  const identity = publicKeyIdentity(key);
  if (earlier.includes(identity)) refuse(`key ${name} has signed this document already`);
  return identity;
}

/** RSA of 8,192 bits. */
const MAX_SIG_DIGITS = 2048;
