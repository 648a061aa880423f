// Looks at what is published, wherever it lies, beside the service's database where that is asked for.

import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { createFileFetcher, folderUrl } from "../drivers/fetcher/file/fetcher.ts";
import { createHttpFetcher } from "../drivers/fetcher/http/fetcher.ts";
import { useSigstore } from "../drivers/verifier/sigstore/sigstore.ts";
import { filesByUrl, type PublishedFiles } from "../fsck/files.ts";
import { fsck, type DatabaseView } from "../fsck/fsck.ts";
import { TufError } from "../tuf/errors.ts";
import { parseEnvelope } from "../tuf/parse.ts";
import { CLIENT_LIMITS } from "../tuf/trusted-set.ts";
import type { CliContext } from "./context.ts";
import { CliError } from "./errors.ts";
import { fsckJson, fsckLines } from "./fsck-report.ts";
import { Progress } from "./output/progress.ts";
import { tell } from "./output/tell.ts";
import { readFileAtMost } from "./read-file.ts";

/** What the service itself has: its database, and by that what is published, wherever that lies. */
export interface OpenRepository {
  readonly database: DatabaseView;
  /** The storage that the configuration names. */
  files(): Promise<PublishedFiles>;
  /** Root version 1 as the database has it; undefined before there is one. */
  firstRoot(): Promise<Buffer | undefined>;
  close(): Promise<void>;
}

/** Both as they were given. @throws AppError saying why it cannot, a live service included */
export type OpenService = (place: { readonly dataDir?: string | undefined; readonly config?: string | undefined }) => Promise<OpenRepository>;

export interface FsckFlags {
  readonly metadata?: string;
  readonly root?: string;
  readonly dataDir?: string;
  readonly config?: string;
  readonly sigstoreTrustedRoot?: string;
  readonly json?: boolean;
}

/** The exit code. */
export async function checkPublished(context: CliContext, flags: FsckFlags, openService: OpenService | undefined): Promise<number> {
  const ours = flags.dataDir !== undefined || flags.config !== undefined;
  if (!ours && (flags.metadata === undefined || flags.root === undefined)) throw new CliError("misused", "say --metadata and --root, or whose: --data-dir or --config");
  if (flags.sigstoreTrustedRoot !== undefined) await useSigstore(resolve(context.cwd, flags.sigstoreTrustedRoot));
  const opened = ours ? await open(flags, openService) : undefined;
  const progress = new Progress(context, { label: "fsck", unit: "targets roles", silent: flags.json === true });
  try {
    const report = await fsck({
      files: flags.metadata === undefined ? await whole(opened).files() : await filesAt(context, flags.metadata),
      root: flags.root === undefined ? await firstRoot(whole(opened)) : await rootAt(context, flags.root),
      database: opened?.database,
      now: context.clock.now(),
      onProgress: (done, known) => progress.update(done, known),
    });
    progress.clear();
    if (flags.json === true) context.stdout.write(`${fsckJson(report)}\n`);
    else for (const line of fsckLines(report)) tell(context, "stdout", line);
    return report.faults.length === 0 ? 0 : 1;
  } finally {
    progress.clear();
    await opened?.close();
  }
}

async function open({ dataDir, config }: FsckFlags, openService: OpenService | undefined): Promise<OpenRepository> {
  if (openService === undefined) throw new CliError("not-here", "--data-dir and --config need the service's database, and this program comes without");
  return openService({ dataDir, config });
}

function whole(opened: OpenRepository | undefined): OpenRepository {
  if (opened === undefined) throw new CliError("misused", "say --metadata and --root, or whose: --data-dir or --config");
  return opened;
}

async function firstRoot(opened: OpenRepository): Promise<Buffer> {
  const root = await opened.firstRoot();
  if (root === undefined) throw new CliError("bootstrap-missing", "the service has no repository yet: there is nothing to look at", { todo: "hold a ceremony first: rstuf admin ceremony" });
  return root;
}

/** Whether it is in force, and signed, is for fsck to say; what is no root at all is used wrongly. */
async function rootAt(context: CliContext, file: string): Promise<Buffer> {
  const bytes = await readFileAtMost(resolve(context.cwd, file), CLIENT_LIMITS.rootBytes);
  try {
    parseEnvelope(bytes, "root");
  } catch (error) {
    if (!(error instanceof TufError)) throw error;
    throw new CliError("file-unreadable", `${file} is no root`, { why: error.message, todo: "name the root.json that clients start from, such as trusted/1.root.json in the data directory", cause: error });
  }
  return bytes;
}

async function filesAt(context: CliContext, where: string): Promise<PublishedFiles> {
  if (/^https?:/i.test(where)) return filesByUrl(createHttpFetcher({ version: context.version }), where);
  const isThere = /^file:/i.test(where) || (await stat(resolve(context.cwd, where)).catch(() => undefined))?.isDirectory() === true;
  if (!isThere) throw new CliError("file-unreadable", `there is no folder ${where}`, { todo: "name the folder or the URL where the metadata is" });
  return filesByUrl(createFileFetcher(), /^file:/i.test(where) ? where : folderUrl(resolve(context.cwd, where)));
}
