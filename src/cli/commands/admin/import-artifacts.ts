// rstuf admin import-artifacts: any number of artifacts, measured elsewhere, as one task.

import { Command, Option } from "commander";
import type { CliContext } from "../../context.ts";
import { examplesText } from "../../examples.ts";
import { withWait } from "../../follow.ts";
import type { ImportFlags } from "../../import/bring-in.ts";
import { withServer } from "../../options.ts";
import { openSession } from "../../session.ts";

export const IMPORT_EXAMPLES = [
  "rstuf admin import-artifacts artifacts.csv --dry-run --api-server http://127.0.0.1:8080",
  "rstuf admin import-artifacts artifacts.csv --wait --api-server http://127.0.0.1:8080",
  "rstuf admin import-artifacts --csv artifacts.csv --json --api-server http://127.0.0.1:8080",
] as const;

export function importArtifactsCommand(context: CliContext): Command {
  const command = new Command()
    .description(
      "Brings lists of artifacts into the repository, as many as there are, as one task that is published in small steps beside everything else. " +
        "A line is {\"path\": …, \"length\": …, \"hashes\": {…}}, or path;size;hash-type;hash, or CSV under a first line such as path,length,sha256. " +
        "Interrupted, it goes on where it was when the same command is given again.",
    )
    .argument("[file...]", "lists of artifacts; - is stdin")
    .addOption(new Option("--csv <file>", "the same, by the name of older scripts; may be repeated").argParser<string[]>((file, before) => [...((before as string[] | undefined) ?? []), file]))
    .option("--dry-run", "have every line checked, and keep nothing")
    .option("--key <key>", "what the import is called, to go on with it from elsewhere")
    .option("--resume", "go on, although a file has changed: the rest behind what is stored")
    .option("--restart", "begin anew, whatever was begun before")
    .addOption(new Option("--db-uri <uri>", "accepted for old scripts; the service is asked instead").hideHelp())
    .addOption(new Option("--skip-publish-artifacts").hideHelp());
  return withServer(withWait(command))
    .addHelpText("after", examplesText([{ commands: IMPORT_EXAMPLES }], "0 accepted, with --wait published, 1 refused or failed,\n2 used wrongly, 3 not ended in time, 130 interrupted"))
    .action(async (words: string[], flags: ImportFlags, self: Command) => {
      const [session, { bringIn }] = await Promise.all([openSession(context, self), import("../../import/bring-in.ts")]);
      await bringIn(session, [...words, ...(flags.csv ?? [])], flags);
    });
}
