// rstuf key convert: the same key in another form. A private half goes into a file of its owner's
// alone, never to a screen or a pipe.

import { Command, Option } from "commander";
import { createPublicKey, type KeyObject } from "node:crypto";
import { writePrivatePem } from "../../../drivers/signer/file/generate.ts";
import type { Key } from "../../../tuf/documents.ts";
import { keyidOf } from "../../../tuf/keys.ts";
import { namedKey } from "../../admin/key-files.ts";
import { readKeyFile, type KeyHalves } from "../../admin/key-halves.ts";
import { writeTextFile } from "../../admin/payload-file.ts";
import type { CliContext } from "../../context.ts";
import { CliError, systemReason } from "../../errors.ts";
import { examplesText } from "../../examples.ts";
import { readPassword } from "../../read-file.ts";
import { openSession, type Session } from "../../session.ts";

const FORMS = ["tuf", "public", "private"] as const;
type Form = (typeof FORMS)[number];

interface Flags {
  readonly to?: Form;
  readonly out?: string;
  readonly name?: string;
  readonly uri?: string;
  readonly passwordFile?: string;
  readonly newPasswordFile?: string;
}

export const KEY_CONVERT_EXAMPLES = ["rstuf key convert keys/online.pub --to tuf --name online --uri fn:online", "rstuf key convert keys/online --to private --new-password-file password.txt --out online-encrypted.pem"] as const;

export function keyConvertCommand(context: CliContext): Command {
  return new Command()
    .description(
      "Writes a key in another form: tuf, the JSON object that metadata holds; public, PEM; private, PKCS#8 PEM, encrypted or not. " +
        "Reads PEM of every usual kind, encrypted or not, X.509 certificates, TUF's JSON and that of securesystemslib. Nothing is overwritten.",
    )
    .argument("<file>", "the key")
    .addOption(new Option("--to <form>", "what to write").choices(FORMS))
    .option("--out <file>", "where to (default: stdout; a private key needs a file)")
    .option("--name <name>", "with tuf: the name that people know it by")
    .option("--uri <uri>", "with tuf: what the service signs with, e.g. fn:online")
    .option("--password-file <file>", "the password of an encrypted key, in its first line")
    .option("--new-password-file <file>", "with private: encrypt with this file's first line")
    .addHelpText("after", examplesText([{ commands: KEY_CONVERT_EXAMPLES }], "0 written, 1 refused or failed, 2 used wrongly"))
    .action(async (file: string, flags: Flags, self: Command) => {
      const session = await openSession(context, self);
      const to = flags.to ?? (await session.ask.choose<Form>({ message: "What shall it become?", flag: "--to FORM", choices: [{ value: "tuf", label: "the JSON object that metadata holds" }, { value: "public", label: "a public key, PEM" }, { value: "private", label: "a private key, PEM" }] }));
      refuseStray(to, flags);
      const halves = await readKeyFile(session, file, flags.passwordFile);
      if (to === "private") await writePrivate(session, file, halves, flags);
      else await writePublic(session, to === "tuf" ? tufText(halves, flags) : publicPem(halves.key), halves.key, flags);
    });
}

function refuseStray(to: Form, flags: Flags): void {
  const stray = to !== "tuf" && (flags.name !== undefined || flags.uri !== undefined) ? "--name and --uri go with --to tuf" : to !== "private" && flags.newPasswordFile !== undefined ? "--new-password-file goes with --to private" : undefined;
  if (stray !== undefined) throw new CliError("misused", stray);
}

function tufText({ key, name }: KeyHalves, flags: Flags): string {
  const called = flags.name ?? name;
  const whole = called === undefined && flags.uri === undefined ? key : namedKey(key, called ?? "", flags.uri).key;
  return `${JSON.stringify(whole, null, 2)}\n`;
}

function publicPem(key: Key): string {
  const held = key.keyval["public"];
  if (held.startsWith("-----")) return held.endsWith("\n") ? held : `${held}\n`;
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(held, "hex").toString("base64url") }, format: "jwk" }).export({ type: "spki", format: "pem" }) as string;
}

async function writePublic(session: Session, text: string, key: Key, flags: Flags): Promise<void> {
  if (flags.out !== undefined) {
    await writeTextFile(session, flags.out, text, { fresh: true });
    session.note(`Saved result to '${flags.out}'`);
    session.emit({ file: flags.out, keyid: keyidOf(key) });
  } else if (session.json) session.emit({ keyid: keyidOf(key), text });
  else session.context.stdout.write(text);
}

async function writePrivate(session: Session, file: string, { privateKey, key }: KeyHalves, flags: Flags): Promise<void> {
  if (privateKey === undefined) throw new CliError("key-unreadable", `${file} holds a public key alone`, { why: "a private key cannot be made from it", todo: "name the file with the private half" });
  const out = flags.out ?? (await session.ask.text({ message: "File for the private key", flag: "--out FILE", check: (text) => (text.trim() === "" ? "name a file" : undefined) }));
  if (out === "-") throw new CliError("misused", "a private key goes into a file, not to stdout", { todo: "say --out FILE" });
  const password = await newPassword(session, flags);
  try {
    await writePrivatePem(session.path(out), pemOf(privateKey, password));
  } catch (error) {
    const taken = error instanceof Error && "code" in error && error.code === "EEXIST";
    throw new CliError(taken ? "file-exists" : "file-unwritable", `${out} could not be written`, { why: taken ? "there is a file already, and nothing is overwritten" : systemReason(error), cause: error });
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
async function newPassword(session: Session, flags: Flags): Promise<string | undefined> {
  if (flags.newPasswordFile !== undefined) return readPassword(session.path(flags.newPasswordFile));
  if (!session.context.canAsk || session.json) return undefined;
  const flag = "--new-password-file FILE";
  const first = await session.ask.secret({ message: "New password (empty: none)", flag });
  if (first === "") return undefined;
  await session.ask.secret({ message: "The same again", flag, check: (again) => (again === first ? undefined : "that is another one") });
  return first;
}
