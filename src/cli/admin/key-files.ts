// Public keys, from the files people have them in: SubjectPublicKeyInfo PEM, an X.509 certificate,
// a key object as TUF metadata holds it (JSON), or a private key that is not encrypted, of which
// only the public half is looked at.

import { X509Certificate } from "node:crypto";
import { basename } from "node:path";
import { AppError } from "../../lib/app-error.ts";
import { KEY_NAME } from "../../roles/key-words.ts";
import { ONLINE_URI } from "../../roles/online-key.ts";
import type { JsonObject, Key } from "../../tuf/documents.ts";
import { keyFileName, keyidOf, parseKey, publicKeyOf } from "../../tuf/keys.ts";
import { CliError } from "../errors.ts";
import { readFileAtMost } from "../read-file.ts";

export interface NamedKey {
  readonly keyid: string;
  readonly key: Key;
  readonly name: string;
}

const MAX_BYTES = 64 * 1024;
const CERTIFICATE = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/;

export interface KeyFile {
  readonly key: Key;
  /** The certificate's common name, the name in a key object, or the file's name without `.pub`. */
  readonly suggestedName: string;
  /** The same, where the file itself says one. */
  readonly statedName: string | undefined;
}

/** @param shown the file as the user named it @throws CliError `file-unreadable` | `key-unreadable` */
export async function readPublicKey(path: string, shown: string): Promise<KeyFile> {
  const bytes = await readFileAtMost(path, MAX_BYTES);
  const pem = bytes.toString("latin1");
  const object = jsonIn(bytes);
  if (object !== undefined) return fromObject(object, shown);
  if (CERTIFICATE.test(pem)) return fromCertificate(pem, shown);
  if (/ENCRYPTED/.test(pem)) throw new CliError("key-unreadable", `${shown} is an encrypted private key`, { why: "its public half cannot be read without the password, which is not asked for here", todo: `name its public key instead: ${shown}.pub, or the output of openssl pkey -pubout` });
  return { key: publicHalf(pem, shown), suggestedName: nameOf(shown), statedName: undefined };
}

const nameOf = (shown: string): string => basename(shown).replace(/\.(?:pub|pem|json)$/, "");

/** A JSON object, if that is what the file holds. */
export function jsonIn(bytes: Buffer): JsonObject | undefined {
  if (bytes[0] !== 0x7b && !/^\s*\{/.test(bytes.subarray(0, 64).toString("latin1"))) return undefined;
  try {
    return JSON.parse(bytes.toString("utf8")) as JsonObject;
  } catch {
    return undefined;
  }
}

/** What else is in it stays behind: a private half above all. */
function fromObject(object: JsonObject, shown: string): KeyFile {
  try {
    const { keytype, scheme, keyval } = parseKey(object, undefined, { allowUnportable: true });
    const name = object[KEY_NAME];
    const statedName = typeof name === "string" && name !== "" ? name : undefined;
    return { key: { keytype, scheme, keyval: { public: keyval.public } }, suggestedName: statedName ?? nameOf(shown), statedName };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new CliError("key-unreadable", `${shown} holds no key that TUF clients can use`, { why: error.message, todo: "name a public key in PEM, such as rstuf key generate makes, or an X.509 certificate", cause: error });
  }
}

function fromCertificate(pem: string, shown: string): KeyFile {
  try {
    const certificate = new X509Certificate(pem);
    const name = /^CN=(.+)$/m.exec(certificate.subject)?.[1]?.trim();
    return { key: publicKeyOf(certificate.publicKey.export({ type: "spki", format: "pem" })), suggestedName: name ?? basename(shown), statedName: name };
  } catch (error) {
    throw new CliError("key-unreadable", `${shown} holds no certificate with a key that TUF clients can use`, { ...(error instanceof AppError ? { why: error.message } : {}), todo: "name a certificate in PEM, or the public key itself", cause: error });
  }
}

function publicHalf(pem: string, shown: string): Key {
  try {
    return publicKeyOf(pem);
  } catch (error) {
    throw new CliError("key-unreadable", `${shown} holds no key that TUF clients can use`, { ...(error instanceof AppError ? { why: error.message } : {}), todo: "ed25519, ecdsa P-256 or RSA of 2,048 bits and more, as PEM: rstuf key generate makes them", cause: error });
  }
}

/** A key as metadata lists it: with its name, and for an online key the URI of what signs with it. The keyid is over all of it. */
export function namedKey(key: Key, name: string, uri?: string): NamedKey {
  const whole: Key = { ...key, [KEY_NAME]: name, ...(uri === undefined ? {} : { [ONLINE_URI]: uri }) };
  return { keyid: keyidOf(whole), key: whole, name };
}

/** Where the service looks for the private half of a key when nothing else was said. */
export const defaultUri = (key: Key): string => `fn:${keyFileName(key)}`;
