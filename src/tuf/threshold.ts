// Whether enough of a role's keys signed (TUF specification 4.2.1, 5.3.4).
//
// One public key counts once, under however many keyids it is listed and however often it
// signed. Signatures of others neither help nor harm.

import { verifySignature, verifySignatureApart } from "./crypto.ts";
import type { Key, RoleKeys, Signature } from "./documents.ts";
import { TufError } from "./errors.ts";
import { publicKeyIdentity } from "./keys.ts";
import { own } from "../lib/own.ts";

export { delegationOf } from "./search.ts";

interface SignedBytes {
  readonly signatures: readonly Signature[];
  readonly canonical: Uint8Array;
}

export interface Verdict {
  /** Keyids with a valid signature, one for each distinct public key, in the role's order. */
  readonly valid: readonly string[];
  /** The role's other keyids; a second keyid of a key that signed is not among them. */
  readonly missing: readonly string[];
  readonly met: boolean;
}

interface Delegator {
  readonly keys: { readonly [keyid: string]: Key };
  readonly role: RoleKeys;
}

/** Counts the distinct keys of `delegator.role` that signed. Never throws on what it reads. */
export function verifyThreshold(delegator: Delegator, parsed: SignedBytes): Verdict {
  const signed = candidates(delegator, parsed.signatures).filter(({ key, signature }) => verifySignature(key, signature, parsed.canonical));
  return count(delegator, signed.map(({ keyid }) => keyid));
}

/** The same verdict, its signatures verified in other threads. */
export async function verifyThresholdApart(delegator: Delegator, parsed: SignedBytes): Promise<Verdict> {
  const all = candidates(delegator, parsed.signatures);
  const verdicts = await Promise.all(all.map(({ key, signature }) => verifySignatureApart(key, signature, parsed.canonical)));
  return count(delegator, all.filter((_, at) => verdicts[at]).map(({ keyid }) => keyid));
}

/** The role's keyids that have a key and a signature; the first one of each keyid. */
function candidates(delegator: Delegator, listed: readonly Signature[]): readonly { readonly keyid: string; readonly key: Key; readonly signature: Signature }[] {
  const signatures = new Map<string, Signature>();
  for (const signature of listed) if (!signatures.has(signature.keyid)) signatures.set(signature.keyid, signature);
  return [...new Set(delegator.role.keyids)].flatMap((keyid) => {
    const key = own(delegator.keys, keyid);
    const signature = signatures.get(keyid);
    return key === undefined || signature === undefined ? [] : [{ keyid, key, signature }];
  });
}

/** `signed`: the keyids whose signature is valid. */
function count(delegator: Delegator, signed: readonly string[]): Verdict {
  const counted = new Set<string>();
  const valid: string[] = [];
  const rest: string[] = [];
  for (const keyid of new Set(delegator.role.keyids)) {
    const key = own(delegator.keys, keyid);
    if (key === undefined || !signed.includes(keyid)) {
      rest.push(keyid);
      continue;
    }
    const identity = publicKeyIdentity(key);
    if (counted.has(identity)) continue;
    counted.add(identity);
    valid.push(keyid);
  }
  const missing = rest.filter((keyid) => {
    const key = own(delegator.keys, keyid);
    return key === undefined || !counted.has(publicKeyIdentity(key));
  });
  return { valid, missing, met: valid.length >= delegator.role.threshold };
}

/**
 * The asserting twin.
 * @param name of the signed role, for the message
 * @param verify what counts; `verifyThreshold`, or what answers as it does
 * @throws TufError `threshold`
 */
export function requireThreshold(
  name: string,
  keys: { readonly [keyid: string]: Key },
  role: RoleKeys,
  parsed: SignedBytes,
  verify = verifyThreshold,
): void {
  const { valid, met } = verify({ keys, role }, parsed);
  if (!met) throw new TufError("threshold", `${name} is signed by ${valid.length} of its keys, ${role.threshold} are needed`);
}
