// rstuf key: make key pairs, and say what TUF calls a key.

import { Command, Option } from "commander";
import { mkdir, open, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { publicHalfOf, readPrivateKey } from "../../drivers/signer/common/private-key.ts";
import { generateKeyPair, writePrivatePem, type KeyPairType } from "../../drivers/signer/file/generate.ts";
import { AppError, reasonOf } from "../../lib/app-error.ts";
import type { Key } from "../../tuf/documents.ts";
import { keyFileName, keyidOf, publicKeyOf } from "../../tuf/keys.ts";
import type { CliContext } from "../context.ts";
import { CliError, systemReason } from "../errors.ts";
import { examplesText } from "../examples.ts";
import { printable } from "../printable.ts";
import { readFileAtMost, readPassword } from "../read-file.ts";

interface GenerateFlags {
  readonly type: KeyPairType;
  readonly outDir: string;
  readonly name?: string;
  readonly passwordFile?: string;
  readonly json?: boolean;
}

interface InfoFlags {
  readonly passwordFile?: string;
  readonly json?: boolean;
}

export const KEY_GENERATE_EXAMPLES = [
  "rstuf key generate --out-dir keys",
  "rstuf key generate --type ecdsa --name online --out-dir keys",
  "rstuf key generate --name root-ann --password-file password.txt --out-dir keys --json",
] as const;
export const KEY_INFO_EXAMPLES = ["rstuf key info keys/online.pub", "rstuf key info keys/online keys/root-ann --password-file password.txt --json"] as const;

const KEY_MAX_BYTES = 64 * 1024;
/** What `fn:` may name: one file, in the key directory. */
const KEY_NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,200}$/;

export function keyGenerateCommand(context: CliContext): Command {
  return new Command()
    .description(
      "Makes a key pair: the private key as PKCS#8 PEM that only you may read, and its\n" +
        "public key beside it as NAME.pub. Metadata names the private key \"fn:NAME\"; the\n" +
        "service looks for NAME in its key directory. Nothing is overwritten.",
    )
    .addOption(new Option("--type <type>", "kind of key").choices(["ed25519", "ecdsa", "rsa"]).default("ed25519"))
    .option("--out-dir <dir>", "where the two files are put; made when missing", ".")
    .option("--name <name>", "file name (default: sha256 of the public key)")
    .option("--password-file <file>", "encrypt the private key with this file's first line")
    .option("--json", "one JSON object on stdout")
    .addHelpText("after", examplesText([{ commands: KEY_GENERATE_EXAMPLES }], "0 made, 1 not made, 2 used wrongly"))
    .action((flags: GenerateFlags) => generate(context, flags));
}

export function keyInfoCommand(context: CliContext): Command {
  return new Command()
    .description("Prints keyid, type and scheme of keys, and the file name that \"fn:\" means by default.\nReads public keys (PEM) and private ones (PEM; encrypted with --password-file).\nNothing of a private key is shown.")
    .argument("<file...>", "files that hold a key each")
    .option("--password-file <file>", "the password of encrypted private keys, in its first line")
    .option("--json", "one JSON object per key on stdout")
    .addHelpText("after", examplesText([{ commands: KEY_INFO_EXAMPLES }], "0 all read, 1 not all, 2 used wrongly"))
    .action((files: string[], flags: InfoFlags) => info(context, files, flags));
}

async function generate(context: CliContext, flags: GenerateFlags): Promise<void> {
  const password = flags.passwordFile === undefined ? undefined : await readPassword(resolve(context.cwd, flags.passwordFile));
  const pair = generateKeyPair(flags.type);
  const name = flags.name ?? keyFileName(pair.key);
  if (!KEY_NAME.test(name)) throw new CliError("file-unwritable", `${JSON.stringify(name)} is no name for a key: letters, digits, dot, - and _, at most 200`);
  const folder = resolve(context.cwd, flags.outDir);
  const privateFile = join(folder, name);
  const publicFile = `${privateFile}.pub`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writePair(privateFile, pair.privatePem(password), publicFile, pair.publicPem);
  } catch (error) {
    const taken = error instanceof Error && "code" in error && error.code === "EEXIST";
    if (taken) throw new CliError("file-exists", `a file for the key ${name} is in ${folder} already; choose another --name or --out-dir`, { cause: error });
    throw new CliError("file-unwritable", `the key could not be written to ${folder}: ${systemReason(error)}`, { cause: error });
  }
  tell(context, flags.json === true, { ...factsOf(pair.key), privateFile, publicFile, uri: `fn:${name}`, encrypted: password !== undefined });
  if (password === undefined) context.stderr.write("The private key is not encrypted: whoever can read the file can sign with it.\n");
}

/** Both files or none; a private key is never left without saying so. */
async function writePair(privateFile: string, privatePem: string, publicFile: string, publicPem: string): Promise<void> {
  {
    await using file = await open(publicFile, "wx", 0o644);
    await file.writeFile(publicPem);
    await file.sync();
  }
  try {
    await writePrivatePem(privateFile, privatePem);
  } catch (error) {
    await rm(publicFile, { force: true });
    throw error;
  }
}

async function info(context: CliContext, files: readonly string[], flags: InfoFlags): Promise<void> {
  const password = flags.passwordFile === undefined ? undefined : await readPassword(resolve(context.cwd, flags.passwordFile));
  let failed = false;
  for (const file of files) {
    try {
      const key = readKey(file, await readFileAtMost(resolve(context.cwd, file), KEY_MAX_BYTES), password);
      tell(context, flags.json === true, { file, ...factsOf(key) });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      failed = true;
      const { code, message } = error as AppError;
      if (flags.json === true) context.stdout.write(`${JSON.stringify({ file, error: { code, message } })}\n`);
      context.stderr.write(`error: ${printable(message)} (${code})\n`);
    }
  }
  context.setExitCode(failed ? 1 : 0);
}

function readKey(file: string, pem: Buffer, password: string | undefined): Key {
  const text = pem.toString("latin1");
  try {
    if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) return publicKeyOf(pem);
    if (password === undefined && text.includes("ENCRYPTED")) throw new CliError("key-unreadable", `${file} is an encrypted private key: say --password-file`);
    return publicHalfOf(file, readPrivateKey(file, pem, password));
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError("key-unreadable", `${file} holds no key that can be used, or not with this password: ${reasonOf(error)}`, { cause: error });
  }
}

interface KeyFacts {
  readonly keyid: string;
  readonly keytype: string;
  readonly scheme: string;
  /** What the file is called unless it was given a name. */
  readonly fileName: string;
}

function factsOf(key: Key): KeyFacts {
  return { keyid: keyidOf(key), keytype: key.keytype, scheme: key.scheme, fileName: keyFileName(key) };
}

const LABELS: Readonly<Record<string, string>> = {
  file: "file",
  keyid: "keyid",
  keytype: "type",
  scheme: "scheme",
  fileName: "default name",
  privateFile: "private key",
  publicFile: "public key",
  uri: "URI",
  encrypted: "encrypted",
};

function tell(context: CliContext, json: boolean, facts: object): void {
  if (json) {
    context.stdout.write(`${JSON.stringify(facts)}\n`);
    return;
  }
  for (const [name, value] of Object.entries(facts)) context.stdout.write(`${(LABELS[name] ?? name).padEnd(13)}${printable(value === true ? "yes" : value === false ? "no" : String(value))}\n`);
}
