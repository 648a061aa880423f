// rstuf key generate: a new key pair, the private half for its owner's eyes alone.

import { Command, Option } from "commander";
import { mkdir, open, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { generateKeyPair, writePrivatePem, type KeyPairType } from "../../../drivers/signer/file/generate.ts";
import { keyFileName } from "../../../tuf/keys.ts";
import type { CliContext } from "../../context.ts";
import { CliError, systemReason } from "../../errors.ts";
import { examplesText } from "../../examples.ts";
import { readPassword } from "../../read-file.ts";
import { factsOf, tellKey } from "../../admin/key-text.ts";

interface GenerateFlags {
  readonly type: KeyPairType;
  readonly outDir: string;
  readonly name?: string;
  readonly passwordFile?: string;
  readonly json?: boolean;
}

export const KEY_GENERATE_EXAMPLES = [
  "rstuf key generate --out-dir keys",
  "rstuf key generate --type ecdsa --name online --out-dir keys",
  "rstuf key generate --name root-ann --password-file password.txt --out-dir keys --json",
] as const;

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
    .addHelpText("after", examplesText([{ commands: KEY_GENERATE_EXAMPLES }], "0 made, 1 refused or failed, 2 used wrongly"))
    .action((flags: GenerateFlags) => generate(context, flags));
}

async function generate(context: CliContext, flags: GenerateFlags): Promise<void> {
  const password = flags.passwordFile === undefined ? undefined : await readPassword(resolve(context.cwd, flags.passwordFile));
  const pair = generateKeyPair(flags.type);
  const name = flags.name ?? keyFileName(pair.key);
  if (!KEY_NAME.test(name)) throw new CliError("file-unwritable", `${JSON.stringify(name)} is no name for a key: letters, digits, dot, - and _, at most 200`, { todo: "choose another --name" });
  const folder = resolve(context.cwd, flags.outDir);
  const privateFile = join(folder, name);
  const publicFile = `${privateFile}.pub`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writePair(privateFile, pair.privatePem(password), publicFile, pair.publicPem);
  } catch (error) {
    const taken = error instanceof Error && "code" in error && error.code === "EEXIST";
    if (taken) throw new CliError("file-exists", `a file for the key ${name} is in ${folder} already`, { todo: "choose another --name or --out-dir; nothing was overwritten", cause: error });
    throw new CliError("file-unwritable", `the key could not be written to ${folder}: ${systemReason(error)}`, { todo: "make room there, or choose another --out-dir", cause: error });
  }
  tellKey(context, flags.json === true, { ...factsOf(pair.key), privateFile, publicFile, uri: `fn:${name}`, encrypted: password !== undefined });
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
