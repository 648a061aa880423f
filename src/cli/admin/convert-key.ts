// Writes a key in another form. A private half goes into a file of its owner's alone, never to a
// screen or a pipe.

import { createPublicKey, type KeyObject } from "node:crypto";
import { writePrivatePem } from "../../drivers/signer/file/generate.ts";
import type { Key } from "../../tuf/documents.ts";
import { keyidOf } from "../../tuf/keys.ts";
import { namedKey } from "./key-files.ts";
import { readKeyFile, type KeyHalves } from "./key-halves.ts";
import { writeTextFile } from "./payload-file.ts";
import { CliError, systemReason } from "../errors.ts";
import { readPassword } from "../read-file.ts";
import type { Session } from "../session.ts";

export type KeyForm = "tuf" | "public" | "private";

export interface ConvertFlags {
  readonly to?: KeyForm;
  readonly out?: string;
  readonly name?: string;
  readonly uri?: string;
  readonly passwordFile?: string;
  readonly newPasswordFile?: string;
}

export async function convertKey(session: Session, file: string, flags: ConvertFlags): Promise<void> {
  const to = flags.to ?? (await session.ask.choose<KeyForm>({ message: "What shall it become?", flag: "--to FORM", choices: [{ value: "tuf", label: "the JSON object that metadata holds" }, { value: "public", label: "a public key, PEM" }, { value: "private", label: "a private key, PEM" }] }));
  refuseStray(to, flags);
  const halves = await readKeyFile(session, file, flags.passwordFile);
  if (to === "private") await writePrivate(session, file, halves, flags);
  else await writePublic(session, to === "tuf" ? tufText(halves, flags) : publicPem(halves.key), halves.key, flags);
}

function refuseStray(to: KeyForm, flags: ConvertFlags): void {
  const stray = to !== "tuf" && (flags.name !== undefined || flags.uri !== undefined) ? "--name and --uri go with --to tuf" : to !== "private" && flags.newPasswordFile !== undefined ? "--new-password-file goes with --to private" : undefined;
  if (stray !== undefined) throw new CliError("misused", stray);
}

function tufText({ key, name }: KeyHalves, flags: ConvertFlags): string {
  const called = flags.name ?? name;
  const whole = called === undefined && flags.uri === undefined ? key : namedKey(key, called ?? "", flags.uri).key;
  return `${JSON.stringify(whole, null, 2)}\n`;
}

function publicPem(key: Key): string {
  const held = key.keyval["public"];
  if (held.startsWith("-----")) return held.endsWith("\n") ? held : `${held}\n`;
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(held, "hex").toString("base64url") }, format: "jwk" }).export({ type: "spki", format: "pem" }) as string;
}

async function writePublic(session: Session, text: string, key: Key, flags: ConvertFlags): Promise<void> {
  if (flags.out !== undefined) {
    await writeTextFile(session, flags.out, text, { fresh: true });
    session.note(`Saved result to '${flags.out}'`);
    session.emit({ file: flags.out, keyid: keyidOf(key) });
  } else if (session.json) session.emit({ keyid: keyidOf(key), text });
  else session.context.stdout.write(text);
}

async function writePrivate(session: Session, file: string, { privateKey, key }: KeyHalves, flags: ConvertFlags): Promise<void> {
  if (privateKey === undefined) throw new CliError("key-unreadable", `${file} holds a public key alone`, { why: "a private key cannot be made from it", todo: "name the file with the private half" });
  const out = flags.out ?? (await session.ask.text({ message: "File for the private key", flag: "--out FILE", check: (text) => (text.trim() === "" ? "name a file" : undefined) }));
  if (out === "-") throw new CliError("misused", "a private key goes into a file, not to stdout", { todo: "say --out FILE" });
  const password = await newPassword(session, flags);
  try {
    await writePrivatePem(session.path(out), pemOf(privateKey, password));
  } catch (error) {
    const taken = error instanceof Error && "code" in error && error.code === "EEXIST";
    throw new CliError(taken ? "file-exists" : "file-unwritable", `${out} could not be written`, { why: taken ? "there is a file already, and nothing is overwritten" : systemReason(error), todo: "name another file with --out", cause: error });
  }
  session.note(`Saved result to '${out}'`);
  if (password === undefined) session.note("The private key is not encrypted: whoever can read the file can sign with it.");
  session.emit({ file: out, keyid: keyidOf(key), encrypted: password !== undefined });
}

function pemOf(privateKey: KeyObject, password: string | undefined): string {
  const cipher = password === undefined ? {} : { cipher: "aes-256-cbc", passphrase: password };
  return privateKey.export({ type: "pkcs8", format: "pem", ...cipher }) as string;
}

/** Undefined: none. Asked twice at a terminal, for a mistyped one locks the key for ever. */
async function newPassword(session: Session, flags: ConvertFlags): Promise<string | undefined> {
  if (flags.newPasswordFile !== undefined) return readPassword(session.path(flags.newPasswordFile));
  if (!session.context.canAsk || session.json) return undefined;
  const flag = "--new-password-file FILE";
  const first = await session.ask.secret({ message: "New password (empty: none)", flag });
  if (first === "") return undefined;
  await session.ask.secret({ message: "The same again", flag, check: (again) => (again === first ? undefined : "that is another one") });
  return first;
}
