// rstuf admin metadata update: the next root. Keys, threshold, expiry and the online key change
// by options, or by the questions the Python CLI asks.

import { Command, Option } from "commander";
import { dryRunOption, outOption, signingOptions } from "../../admin/shared-options.ts";
import type { UpdateFlags } from "../../admin/update-root.ts";
import type { CliContext } from "../../context.ts";
import { examplesText } from "../../examples.ts";
import { withServer } from "../../options.ts";
import { openSession } from "../../session.ts";

export const UPDATE_EXAMPLES = [
  "rstuf admin metadata update --days 400 --yes --sign-with ceremony/ann --api-server http://127.0.0.1:8080",
  "rstuf admin metadata update --metadata-url http://127.0.0.1:8080/metadata/ --add-key ceremony/carol.pub --yes --sign-with ceremony/ann --dry-run --out",
] as const;

const many = (text: string, before: unknown): string[] => [...((before as string[] | undefined) ?? []), text];

export function metadataUpdateCommand(context: CliContext): Command {
  const command = withServer(signingOptions(new Command()))
    .description(
      "Makes and signs the next root: other keys, another threshold, a later expiry, another online key. Enough keys of the root in force and of the new one must sign; who is missing signs later with: rstuf admin metadata sign. Without options it asks what is to change.",
    )
    .option("--in <file>", "the root in force")
    .option("--metadata-url <url>", "find the root in force in published metadata")
    .addOption(outOption("update-payload.json"))
    .addOption(dryRunOption())
    .option("--days <days>", "the new root expires so many days from now")
    .option("--threshold <number>", "so many root keys must sign")
    .addOption(new Option("--add-key <file>", "a public key or certificate that becomes a root key; may be repeated").argParser(many))
    .addOption(new Option("--remove-key <name>", "a root key that goes, by name or keyid; may be repeated").argParser(many))
    .option("--online-key <file>", "the public half of a new online key")
    .option("--online-uri <uri>", "where the service finds its private half (default: fn: and the file's hash)")
    .addOption(new Option("--targets-key <file>", "a public key of somebody who signs targets, in place of the online key or of those who do; may be repeated").argParser(many))
    .option("--targets-threshold <number>", "so many of them must sign (default: 2, or 1 of one)")
    .option("--targets-online", "the online key signs targets again; those who sign it now sign it once more")
    .option("--compromised", "the online key is in wrong hands: replace it at once, without overlap")
    .addHelpText("after", examplesText([{ commands: UPDATE_EXAMPLES }], "0 done, or waiting for more signatures, 1 refused or failed,\n2 used wrongly, 130 interrupted"));
  return command.action(async (flags: UpdateFlags) => {
    const session = await openSession(context, command);
    const { updateRoot } = await import("../../admin/update-root.ts");
    await updateRoot(session, flags);
  });
}

