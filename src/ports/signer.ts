// Who can sign: one private key, wherever it lives.
//
// A signer never shows its key and never logs the bytes. It does not decide
// whether a signature is right: the publisher verifies every one against the
// delegating role before anything leaves (promise 7).

import { AppError } from "../lib/app-error.ts";
import type { Key } from "../tuf/documents.ts";

export interface Signer {
  /** The name the key goes by in metadata and configuration, e.g. `fn:abc123`. */
  readonly uri: string;
  /**
   * Signs `bytes` under the scheme of the key it was opened for. Resolves to the
   * lower-case hex of the signature as TUF carries it (ed25519: 64 raw bytes; ecdsa: DER;
   * rsassa-pss: salt as long as the digest).
   * Retries what is worth retrying itself, within 30 s.
   * @throws SignerError `unavailable` | `refused`
   */
  sign(bytes: Uint8Array): Promise<string>;
}

export interface Signers {
  /**
   * Opens the signer that `uri` names, to sign as `key`. A URI in a document is a name,
   * never a permission: what configuration does not allow is refused. The answer may be
   * kept for as long as the caller likes; opening twice is allowed.
   * @throws SignerError naming the URI, never what was read.
   */
  open(uri: string, key: Key): Promise<Signer>;
}

/**
 * - `not-allowed`   configuration does not permit this URI
 * - `not-built-in`  no driver for this scheme
 * - `not-found`     nothing there
 * - `unreadable`    there, but no usable private key (format, password, permissions)
 * - `wrong-key`     a key, but not the private half of `key`
 * - `unavailable`   the signer did not answer; asking again may help
 * - `refused`       the signer answered no
 */
export class SignerError extends AppError<
  "not-allowed" | "not-built-in" | "not-found" | "unreadable" | "wrong-key" | "unavailable" | "refused"
> {}
