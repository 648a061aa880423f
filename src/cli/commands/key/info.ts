// rstuf key info: what TUF calls a key.

import { Command } from "commander";
import type { CliContext } from "../../context.ts";
import { examplesText } from "../../examples.ts";
import { openSession } from "../../session.ts";

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
      const [session, { tellKeys }] = await Promise.all([openSession(context, self), import("../../admin/tell-keys.ts")]);
      context.setExitCode(await tellKeys(session, files, flags));
    });
}
