// rstuf fsck: is what is published whole, and what every client needs?

import { Command } from "commander";
import type { FsckFlags, OpenService } from "../check-published.ts";
import type { CliContext } from "../context.ts";
import { examplesText } from "../examples.ts";

export const FSCK_EXAMPLES = [
  "rstuf fsck --metadata rstuf-data/metadata --root rstuf-data/trusted/1.root.json",
  "rstuf fsck --metadata http://127.0.0.1:8080/metadata/ --root rstuf-data/trusted/1.root.json --json",
] as const;
/** The service of that data directory must not run meanwhile. */
export const FSCK_OFFLINE_EXAMPLES = ["rstuf fsck --metadata rstuf-data/metadata --root rstuf-data/trusted/1.root.json --data-dir rstuf-data"] as const;

export function fsckCommand(context: CliContext, { openService }: { readonly openService?: OpenService }): Command {
  return new Command()
    .description(
      "Walks a published repository from its root to its last bin and checks everything a\n" +
        "client relies on: signatures, versions, lengths, hashes, expiry, sizes, and that\n" +
        "each path lies where a client looks for it. It only reads.\n" +
        "With --data-dir or --config it also compares the service's database, while nobody\n" +
        "publishes: stop serve, or every worker.",
    )
    .option("--metadata <dir|url>", "the published metadata (default: where the service has it)")
    .option("--root <file>", "the root that clients start from (default: the service's first)")
    .option("--data-dir <dir>", "also compare with the database in this data directory")
    .option("--config <file>", "also compare with the database that this configuration names")
    .option("--sigstore-trusted-root <file>", "verify Sigstore keys under this trusted_root.json")
    .option("--json", "one JSON object on stdout")
    .addHelpText(
      "after",
      examplesText(
        [{ commands: FSCK_EXAMPLES }, { title: "With the service stopped:", commands: FSCK_OFFLINE_EXAMPLES }],
        "0 sound, 1 faults found or not all could be looked at,\n2 used wrongly",
      ),
    )
    .action(async (flags: FsckFlags) => {
      const { checkPublished } = await import("../check-published.ts");
      context.setExitCode(await checkPublished(context, flags, openService));
    });
}
