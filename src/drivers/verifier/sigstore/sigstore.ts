// Signatures of people by their identity at an OIDC issuer (Sigstore): keytype `sigstore-oidc`, scheme `Fulcio`.
//
// The bundle beside `sig` is verified as python-tuf does it with securesystemslib's `sigstore` extra: the
// certificate chains to the trusted root's authority and was valid when the log or a time stamp saw the
// signature, the log includes it, a certificate log the certificate; the signature is over the very bytes;
// and the certificate speaks of exactly `keyval.identity` and `keyval.issuer`. `sig` is the bundle's signature.
//
// All of it offline and without a clock, under the trusted root that the operator keeps in a file. The libraries
// are loaded only where that file is configured.

import { readFile } from "node:fs/promises";
import { reasonOf, AppError } from "../../../lib/app-error.ts";
import { sha256Hex } from "../../../tuf/crypto.ts";
import type { Key, Signature } from "../../../tuf/documents.ts";
import { TufError } from "../../../tuf/errors.ts";
import { MAX_BUNDLE_BYTES, SIGSTORE, useForeignScheme, type ForeignScheme } from "../../../tuf/foreign-schemes.ts";

/** The file cannot be read, or is no trusted root (`trusted_root.json` of Sigstore's own TUF repository). */
export class TrustedRootError extends AppError<"trusted-root"> {}

/** Bytes. Sigstore's has some 7,000. */
const MAX_TRUSTED_ROOT_BYTES = 1_048_576;
const MAX_NAME_LENGTH = 1024;

/** Makes Sigstore keys verifiable in this thread. @throws TrustedRootError */
export async function useSigstore(trustedRootFile: string): Promise<void> {
  try {
    const bytes = await readFile(trustedRootFile);
    if (bytes.length > MAX_TRUSTED_ROOT_BYTES) throw new RangeError(`it has more than ${String(MAX_TRUSTED_ROOT_BYTES)} bytes`);
    useForeignScheme(SIGSTORE, await sigstoreScheme(JSON.parse(bytes.toString())));
  } catch (error) {
    throw new TrustedRootError("trusted-root", `${trustedRootFile} is no trusted root of Sigstore (keys.sigstoreTrustedRoot, --sigstore-trusted-root): ${reasonOf(error)}`, { cause: error });
  }
}

/** @throws whatever the libraries say about a trusted root they can't read */
export async function sigstoreScheme(trustedRoot: unknown): Promise<ForeignScheme> {
  const [{ bundleFromJSON }, { TrustedRoot }, { toSignedEntity, toTrustMaterial, Verifier }] =
    await Promise.all([import("@sigstore/bundle"), import("@sigstore/protobuf-specs"), import("@sigstore/verify")]);
  const material = toTrustMaterial(TrustedRoot.fromJSON(trustedRoot));
  if (material.certificateAuthorities.length === 0 || material.tlogs.length === 0) throw new TypeError("it names no certificate authority, or no log");
  // One certificate log, one log, one time each: what the library asks for by default, and python's too.
  const verifier = new Verifier(material);
  return {
    requireUsable({ keyval }) {
      for (const name of ["identity", "issuer"] as const) {
        const value = keyval[name];
        if (typeof value !== "string" || value === "" || value.length > MAX_NAME_LENGTH) throw new TufError("key-malformed", `keyval.${name} of a Sigstore key is a text of 1 to ${String(MAX_NAME_LENGTH)} characters`);
      }
    },
    // A person who has two accounts has two keys.
    identityOf: ({ keyval }) => sha256Hex(JSON.stringify([SIGSTORE, keyval["identity"], keyval["issuer"]])),
    verify(key: Key, signature: Signature, canonical: Uint8Array): boolean {
      const json = JSON.stringify(signature.bundle ?? null);
      if (json.length > MAX_BUNDLE_BYTES) return false;
      try {
        const bundle = bundleFromJSON(JSON.parse(json));
        if (bundle.content.$case !== "messageSignature") return false;
        if (bundle.content.messageSignature.signature.toString("hex") !== signature.sig.toLowerCase()) return false;
        const { identity } = verifier.verify(toSignedEntity(bundle, Buffer.from(canonical)));
        // Compared here: the library reads what is expected as a regular expression.
        return identity !== undefined && identity.subjectAlternativeName === key.keyval["identity"] && identity.extensions?.issuer === key.keyval["issuer"];
      } catch {
        return false;
      }
    },
  };
}
