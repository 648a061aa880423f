// Signing on this machine. The private key is read from its file, used, and goes nowhere; the
// signature is checked here against the document and its keys before anybody else sees it.

import { basename } from "node:path";
import { isEncrypted, publicHalfOf, readPrivateKey, signerOf } from "../../drivers/signer/common/private-key.ts";
import { AppError } from "../../lib/app-error.ts";
import { keyWords } from "../../roles/key-words.ts";
import type { Key, Signature } from "../../tuf/documents.ts";
import { CliError } from "../errors.ts";
import { readFileAtMost, readPassword } from "../read-file.ts";
import type { Session } from "../session.ts";
import { signingKeyOf, withSignature, type Pending } from "./pending.ts";

const MAX_BYTES = 64 * 1024;
const TRIES = 3;
/** Keys that live elsewhere are named like this. */
const ELSEWHERE = /^(?:hsm|pkcs11|piv|yubikey|sigstore|awskms|gcpkms|azurekms|hv):/i;

export interface Signed {
  readonly pending: Pending;
  readonly signature: Signature;
  readonly key: Key;
}

/**
 * Signs with the private key in `file`.
 * @param passwordFile of encrypted keys; without it somebody is asked
 * @throws CliError `key-unreadable` | `key-not-asked` (it may not sign this) | `signature-refused` | `not-here` | `answer-missing`
 */
export async function signWithFile(session: Session, pending: Pending, file: string, passwordFile: string | undefined): Promise<Signed> {
  if (ELSEWHERE.test(file)) throw new CliError("not-here", `${file}: this release signs with keys in files`, { why: "HSM, YubiKey, key management services and Sigstore are not built in yet", todo: "sign with a key in a file" });
  const path = session.path(file);
  const pem = await readFileAtMost(path, MAX_BYTES);
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem.toString("latin1"))) throw new CliError("key-unreadable", `${file} holds no private key`, { todo: file.endsWith(".pub") ? `signing needs the private half: ${file.slice(0, -4)}?` : "name a PEM file with a private key" });
  const privateKey = await openPrivateKey(session, file, pem, passwordFile);
  const mine = translated(file, () => publicHalfOf(file, privateKey));
  const may = signingKeyOf(pending, mine);
  if (may === undefined) {
    const keys = pending.demands.flatMap(({ keys: known, role }) => role.keyids.map((keyid) => keyWords(keyid, known[keyid])));
    throw new CliError("key-not-asked", `${file} may not sign this document`, { why: `it is signed by: ${[...new Set(keys)].join("; ")}`, todo: "choose the key of one of them" });
  }
  const signer = translated(file, () => signerOf(file, privateKey, may.key));
  const signature: Signature = { keyid: may.keyid, sig: await signer.sign(pending.document.canonical) };
  return { pending: withSignature(pending, signature), signature, key: may.key };
}

/** Opens an encrypted key with the password in a file, or one that is asked for, three times at most. @throws CliError */
export async function openPrivateKey(session: Session, file: string, pem: Buffer, passwordFile: string | undefined): Promise<ReturnType<typeof readPrivateKey>> {
  if (!isEncrypted(pem)) return translated(file, () => readPrivateKey(file, pem));
  if (passwordFile !== undefined) {
    const password = await readPassword(session.path(passwordFile));
    return translated(file, () => readPrivateKey(file, pem, password), `the password in ${passwordFile} does not open it`);
  }
  for (let attempt = 1; ; attempt += 1) {
    const password = await session.ask.secret({ message: `Password of ${basename(file)}`, flag: "--password-file FILE" });
    try {
      return readPrivateKey(file, pem, password);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (attempt === TRIES) throw new CliError("key-unreadable", `${file} cannot be opened with ${TRIES} passwords`, { todo: "try again when you have it at hand; nothing was signed", cause: error });
      session.note(`That password does not open ${basename(file)}.`);
    }
  }
}

/** What a signer says, in the words of this program. Nothing of what was read is in it. */
function translated<T>(file: string, read: () => T, why?: string): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new CliError("key-unreadable", `${file} cannot be used to sign`, { why: why ?? error.message, todo: "name a private key in PEM; rstuf key info FILE says what a file holds", cause: error });
  }
}
