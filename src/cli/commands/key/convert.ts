// rstuf key convert: the same key in another form.

import { Command, Option } from "commander";
import type { ConvertFlags, KeyForm } from "../../admin/convert-key.ts";
import type { CliContext } from "../../context.ts";
import { examplesText } from "../../examples.ts";
import { openSession } from "../../session.ts";

const FORMS = ["tuf", "public", "private"] as const satisfies readonly KeyForm[];

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
    .action(async (file: string, flags: ConvertFlags, self: Command) => {
      const [session, { convertKey }] = await Promise.all([openSession(context, self), import("../../admin/convert-key.ts")]);
      await convertKey(session, file, flags);
    });
}
