// rstuf key info: what TUF calls a key.

import { Command } from "commander";
import { AppError } from "../../../lib/app-error.ts";
import { namedKey } from "../../admin/key-files.ts";
import { readKeyFile } from "../../admin/key-halves.ts";
import type { CliContext } from "../../context.ts";
import { examplesText } from "../../examples.ts";
import { EXIT } from "../../exit-codes.ts";
import { printable } from "../../printable.ts";
import { openSession, type Session } from "../../session.ts";
import { factsOf, tellKey } from "./key-text.ts";

export const KEY_INFO_EXAMPLES = ["rstuf key info keys/online.pub", "rstuf key info keys/online keys/root-ann --password-file password.txt --json"] as const;

export function keyInfoCommand(context: CliContext): Command {
  return new Command()
    .description(
      "Prints keyid, type and scheme of keys, and the file name that \"fn:\" means by default. " +
        "Reads public and private keys (PEM), X.509 certificates and TUF's own JSON. Nothing of a private key is shown.",
    )
    .argument("<file...>", "files that hold a key each")
    .option("--name <name>", "also the keyid under which metadata lists it by this name")
    .option("--password-file <file>", "the password of encrypted private keys, in its first line")
    .option("--json", "one JSON object per key on stdout")
    .addHelpText("after", examplesText([{ commands: KEY_INFO_EXAMPLES }], "0 all read, 1 not all, 2 used wrongly"))
    .action(async (files: string[], flags: { readonly passwordFile?: string; readonly name?: string }, self: Command) => {
      context.setExitCode(await tellAll(await openSession(context, self), files, flags));
    });
}

async function tellAll(session: Session, files: readonly string[], { name, passwordFile }: { readonly name?: string; readonly passwordFile?: string }): Promise<number> {
  const { context, json } = session;
  let failed = 0;
  for (const file of files) {
    try {
      const { key } = await readKeyFile(session, file, passwordFile);
      tellKey(context, json, { file, ...factsOf(key), ...(name === undefined ? {} : { listedAs: name, listedKeyid: namedKey(key, name).keyid }) });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const { code, message } = error as AppError;
      if (code === "interrupted") throw error;
      failed += 1;
      if (json) context.stdout.write(`${JSON.stringify({ file, error: { code, message } })}\n`);
      context.stderr.write(`error: ${printable(message)} (${code})\n`);
    }
  }
  return failed > 0 ? EXIT.failed : EXIT.done;
}
