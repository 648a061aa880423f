// rstuf download: fetch artifacts, each verified against the repository's signed metadata.

import { Command, Option } from "commander";
import type { CliContext } from "../../context.ts";
import { examplesText } from "../../examples.ts";
import { withConfig } from "../../options.ts";
import { openSession } from "../../session.ts";
import type { DownloadFlags } from "./download-all.ts";

/** Examples in the help; each runs as it stands, with the repository of the address it names. */
export const DOWNLOAD_EXAMPLES = [
  "rstuf download --metadata-url http://127.0.0.1:8080/metadata/ --artifacts-url http://127.0.0.1:8080/files/ --root rstuf-data/trusted/1.root.json hello.txt",
  "rstuf download --metadata-url http://127.0.0.1:8080/metadata/ --artifacts-url http://127.0.0.1:8080/files/ --trust-on-first-use --output-dir downloads hello.txt",
  "rstuf download --metadata-url http://127.0.0.1:8080/metadata/ --artifacts-url http://127.0.0.1:8080/files/ --root rstuf-data/trusted/1.root.json --json hello.txt",
] as const;

export function downloadCommand(context: CliContext): Command {
  return withConfig(new Command())
    .description(
      "Downloads artifacts and verifies each against the repository's signed metadata: signatures back to\n" +
        "the trusted root, freshness, length and hashes. A file gets its name only when all of it is right.\n" +
        "What was verified is remembered in a cache, so that a repository can't be rolled back unseen; the\n" +
        "trusted root is remembered too, and --root needs to be given only once.",
    )
    .argument("<path...>", "artifacts to download, by their path in the repository")
    .option("--repository <name>", "a configured repository (default: CURRENT_REPOSITORY)")
    .option("-m, --metadata-url <url>", "where the repository's metadata is")
    .option("-a, --artifacts-url <url>", "where the artifacts are")
    .option("-r, --root <file|url>", "the root to trust; get it by a way you trust")
    .option("--trust-on-first-use", "trust the first root the repository shows, when none is given or remembered")
    .option("--cache-dir <dir>", "what was verified (default: a folder of this repository under the user's data directory)")
    .option("-P, --output-dir <dir>", "where the artifacts are put (default: the repository's download_dir, or here)")
    .option("--sigstore-trusted-root <file>", "verify Sigstore keys under this trusted_root.json")
    .addOption(new Option("--directory-prefix <dir>").hideHelp())
    .option("-p, --hash-prefix", "artifacts are served under HASH.NAME")
    .option("--json", "one JSON object per artifact on stdout")
    .option("-q, --quiet", "only errors")
    .addHelpText("after", examplesText([{ commands: DOWNLOAD_EXAMPLES }], "0 all downloaded, 1 an artifact refused or failed, 2 used wrongly"))
    .action(async (paths: string[], flags: DownloadFlags, self: Command) => {
      const [session, { downloadAll }] = await Promise.all([openSession(context, self), import("./download-all.ts")]);
      context.setExitCode(await downloadAll(session, paths, flags));
    });
}
