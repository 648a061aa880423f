// rstuf fsck: is what is published whole, and what every client needs?

import { Command } from "commander";
import { resolve } from "node:path";
import { createFileFetcher, folderUrl } from "../../drivers/fetcher/file/fetcher.ts";
import { createHttpFetcher } from "../../drivers/fetcher/http/fetcher.ts";
import { useSigstore } from "../../drivers/verifier/sigstore/sigstore.ts";
import { filesByUrl, type PublishedFiles } from "../../fsck/files.ts";
import { fsck, type DatabaseView } from "../../fsck/fsck.ts";
import { CLIENT_LIMITS } from "../../tuf/trusted-set.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../errors.ts";
import { examplesText } from "../examples.ts";
import { fsckJson, fsckLines } from "../fsck-report.ts";
import { readFileAtMost } from "../read-file.ts";

/** Opens the database of a data directory for reading. @throws AppError saying why it cannot, a live service included */
export type OpenDatabase = (dataDir: string) => Promise<{ readonly database: DatabaseView; close(): Promise<void> }>;

interface FsckFlags {
  readonly metadata: string;
  readonly root: string;
  readonly dataDir?: string;
  readonly sigstoreTrustedRoot?: string;
  readonly json?: boolean;
}

export const FSCK_EXAMPLES = [
  "rstuf fsck --metadata rstuf-data/metadata --root rstuf-data/trusted/1.root.json",
  "rstuf fsck --metadata http://127.0.0.1:8080/metadata/ --root rstuf-data/trusted/1.root.json --json",
] as const;
/** The service of that data directory must not run meanwhile. */
export const FSCK_OFFLINE_EXAMPLES = ["rstuf fsck --metadata rstuf-data/metadata --root rstuf-data/trusted/1.root.json --data-dir rstuf-data"] as const;

const PROGRESS_EVERY_MS = 200;
const CLEAR_LINE = "\r\u001b[K";

export function fsckCommand(context: CliContext, { openDatabase }: { readonly openDatabase?: OpenDatabase }): Command {
  return new Command()
    .description(
      "Walks a published repository from its root to its last bin and checks everything a\n" +
        "client relies on: signatures, versions, lengths, hashes, expiry, sizes, and that\n" +
        "each path lies where a client looks for it. It only reads.\n" +
        "With --data-dir it also compares the database of a service that is not running.",
    )
    .requiredOption("--metadata <dir|url>", "the published metadata")
    .requiredOption("--root <file>", "the root that clients start from")
    .option("--data-dir <dir>", "also compare with the database in this data directory")
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
      context.setExitCode(await run(context, flags, openDatabase));
    });
}

async function run(context: CliContext, flags: FsckFlags, openDatabase: OpenDatabase | undefined): Promise<number> {
  const root = await readFileAtMost(resolve(context.cwd, flags.root), CLIENT_LIMITS.rootBytes);
  if (flags.sigstoreTrustedRoot !== undefined) await useSigstore(resolve(context.cwd, flags.sigstoreTrustedRoot));
  const opened = flags.dataDir === undefined ? undefined : await open(context, flags.dataDir, openDatabase);
  const progress = new Progress(context, flags.json === true);
  try {
    const report = await fsck({
      files: filesAt(context, flags.metadata),
      root,
      database: opened?.database,
      now: context.clock.now(),
      onProgress: (done, known) => progress.draw(done, known),
    });
    progress.clear();
    if (flags.json === true) context.stdout.write(`${fsckJson(report)}\n`);
    else for (const line of fsckLines(report)) context.stdout.write(`${line}\n`);
    return report.faults.length === 0 ? 0 : 1;
  } finally {
    progress.clear();
    await opened?.close();
  }
}

async function open(context: CliContext, dataDir: string, openDatabase: OpenDatabase | undefined): Promise<Awaited<ReturnType<OpenDatabase>>> {
  if (openDatabase === undefined) throw new CliError("not-here", "--data-dir needs the service's database, and this program comes without");
  return openDatabase(resolve(context.cwd, dataDir));
}

function filesAt(context: CliContext, where: string): PublishedFiles {
  if (/^https?:/i.test(where)) return filesByUrl(createHttpFetcher({ version: context.version }), where);
  return filesByUrl(createFileFetcher(), /^file:/i.test(where) ? where : folderUrl(resolve(context.cwd, where)));
}

/** On a terminal: how many roles were looked at, drawn over itself. */
class Progress {
  readonly #context: CliContext;
  readonly #silent: boolean;
  #drawnMs: number;
  #drawn = false;

  constructor(context: CliContext, silent: boolean) {
    this.#context = context;
    this.#silent = silent || !context.isTty;
    this.#drawnMs = context.clock.monotonic();
  }

  draw(done: number, known: number): void {
    if (this.#silent) return;
    const now = this.#context.clock.monotonic();
    if (now - this.#drawnMs < PROGRESS_EVERY_MS) return;
    this.#drawnMs = now;
    this.#drawn = true;
    this.#context.stderr.write(`${CLEAR_LINE}${done} of ${known} targets roles`);
  }

  clear(): void {
    if (this.#drawn) this.#context.stderr.write(CLEAR_LINE);
    this.#drawn = false;
  }
}
