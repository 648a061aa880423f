// A key from whatever file it is in, its private half too where it is there and can be opened.
//
// Beside what key-files.ts reads: private keys, encrypted or not, and securesystemslib's JSON of
// ed25519 keys. Nothing of a private half is in any error.

import { createPrivateKey, type KeyObject } from "node:crypto";
import { isEncrypted, publicHalfOf, readPrivateKey } from "../../drivers/signer/common/private-key.ts";
import { AppError, reasonOf } from "../../lib/app-error.ts";
import type { Key } from "../../tuf/documents.ts";
import { samePublicKey } from "../../tuf/keys.ts";
import { CliError } from "../errors.ts";
import { readFileAtMost } from "../read-file.ts";
import type { Session } from "../session.ts";
import { jsonIn, readPublicKey } from "./key-files.ts";
import { openPrivateKey } from "./sign.ts";

const MAX_BYTES = 64 * 1024;

export interface KeyHalves {
  readonly key: Key;
  readonly privateKey: KeyObject | undefined;
  /** What people call it, if the file says so. */
  readonly name: string | undefined;
}

/** @throws CliError `file-unreadable` | `key-unreadable` | `answer-missing` (its password) */
export async function readKeyFile(session: Session, file: string, passwordFile: string | undefined): Promise<KeyHalves> {
  const pem = await readFileAtMost(session.path(file), MAX_BYTES);
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem.toString("latin1"))) {
    const privateKey = isEncrypted(pem) ? await openPrivateKey(session, file, pem, passwordFile) : readable(file, () => readPrivateKey(file, pem));
    return { key: readable(file, () => publicHalfOf(file, privateKey)), privateKey, name: undefined };
  }
  const { key, statedName } = await readPublicKey(session.path(file), file);
  const privateKey = legacyPrivateKey(pem);
  if (privateKey !== undefined && !samePublicKey(readable(file, () => publicHalfOf(file, privateKey)), key)) throw new CliError("key-unreadable", `${file}: its private half belongs to another public key`, { todo: "name another file: in this one something was mixed up" });
  return { key, privateKey, name: statedName };
}

/** ed25519 as securesystemslib wrote it: 32 bytes in hex under keyval.private. */
function legacyPrivateKey(bytes: Buffer): KeyObject | undefined {
  const value = jsonIn(bytes)?.["keyval"] as { readonly public?: unknown; readonly private?: unknown } | undefined;
  const [seed, held] = [value?.private, value?.public];
  if (typeof seed !== "string" || typeof held !== "string" || !/^[0-9a-f]{64}$/i.test(seed)) return undefined;
  const [d, x] = [seed, held].map((hex) => Buffer.from(hex, "hex").toString("base64url"));
  return createPrivateKey({ key: { kty: "OKP", crv: "Ed25519", d: d ?? "", x: x ?? "" }, format: "jwk" });
}

function readable<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof CliError || !(error instanceof AppError)) throw error;
    throw new CliError("key-unreadable", `${file} holds no key that can be used: ${reasonOf(error)}`, { todo: "name a key in PEM, a certificate, or the JSON of a key", cause: error });
  }
}
