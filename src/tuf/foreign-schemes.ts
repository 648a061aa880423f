// Kinds of keys whose signatures are more than arithmetic over the signed bytes.
//
// A Sigstore key names a person; what is verified is a certificate, a log's proof, and whom they speak
// of. That needs a library and a trusted root that the operator chose, neither of which belongs here. So
// whoever puts a process together may name a scheme once, before anything is read; without that, keys
// of the kind are unsupported. A scheme answers synchronously, out of what it holds: no network, no
// clock, the same answer every time (ADR 0015).

import type { Key, Signature } from "./documents.ts";

export interface ForeignScheme {
  /** @throws TufError `key-malformed` */
  requireUsable(key: Key): void;
  /** What stands for the key when keys are counted; of a usable one. */
  identityOf(key: Key): string;
  /** False for whatever cannot be verified; never throws. */
  verify(key: Key, signature: Signature, canonical: Uint8Array): boolean;
}

const schemes = new Map<string, ForeignScheme>();

/** @param name `keytype/scheme`. `undefined` takes it away, as tests do. */
export function useForeignScheme(name: string, scheme: ForeignScheme | undefined): void {
  if (scheme === undefined) schemes.delete(name);
  else schemes.set(name, scheme);
}

export function foreignSchemeOf({ keytype, scheme }: Pick<Key, "keytype" | "scheme">): ForeignScheme | undefined {
  return schemes.get(`${keytype}/${scheme}`);
}

export const SIGSTORE = "sigstore-oidc/Fulcio";

/** Bytes of a signature's `bundle` as JSON. A real one has some 6,000. */
export const MAX_BUNDLE_BYTES = 65_536;
