// Downloads, one after another: what is verified gets its name; what is not is told, and the rest goes on.

import { homedir } from "node:os";
import { join } from "node:path";
import type { Client } from "../../../client/client.ts";
import type { Downloaded } from "../../../client/download.ts";
import type { Trust } from "../../../client/options.ts";
import { AppError } from "../../../lib/app-error.ts";
import { sha256Hex } from "../../../tuf/crypto.ts";
import type { CliContext } from "../../context.ts";
import { CliError } from "../../errors.ts";
import { EXIT } from "../../exit-codes.ts";
import { count } from "../../output/words.ts";
import { printable } from "../../printable.ts";
import { errorText } from "../../report.ts";
import { currentName, repositoryOf, type Repository } from "../../repositories.ts";
import type { Session } from "../../session.ts";
import { createFetcher, readRoot, urlOf } from "../../trusted-root.ts";
import { downloadTodo } from "./download-todo.ts";

export interface DownloadFlags {
  readonly repository?: string;
  readonly metadataUrl?: string;
  readonly artifactsUrl?: string;
  readonly root?: string;
  readonly trustOnFirstUse?: boolean;
  readonly cacheDir?: string;
  readonly outputDir?: string;
  /** What the Python CLI calls it. */
  readonly directoryPrefix?: string;
  readonly sigstoreTrustedRoot?: string;
  readonly hashPrefix?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Smaller files are there before a line could be read. */
const PROGRESS_BYTES = 1_048_576;

/** The exit code. @throws CliError where the command was used wrongly, or interrupted */
export async function downloadAll(session: Session, paths: readonly string[], flags: DownloadFlags): Promise<number> {
  const { context } = session;
  let client: Client;
  try {
    client = await open(session, flags);
    await client.refresh();
  } catch (error) {
    // How the command was used is for the program to tell.
    if (error instanceof CliError) throw error;
    report(context, flags, undefined, error);
    return EXIT.failed;
  }
  const folder = flags.outputDir ?? flags.directoryPrefix ?? repositoryFor(session, flags)?.downloadDir ?? ".";
  const { createFolderDestination } = await import("../../../drivers/storage/client/folder.ts");
  const destination = createFolderDestination(session.path(folder));
  let failed = 0;
  for (const path of paths) {
    const progress = session.progress({ label: path, unit: "bytes", silent: flags.quiet === true || session.json, atLeast: PROGRESS_BYTES });
    try {
      const got = await client.download(path, destination, { progress: (received, length) => progress.update(received, length), signal: context.interruption() });
      progress.clear();
      tell(context, flags, got);
    } catch (error) {
      progress.clear();
      if (context.interruption().aborted) throw new CliError("interrupted", "interrupted", { why: "of a large artifact what came is kept beside its place", todo: "the same command fetches the rest", cause: error });
      failed += 1;
      report(context, flags, path, error);
    }
  }
  return failed === 0 ? EXIT.done : EXIT.failed;
}

async function open(session: Session, flags: DownloadFlags): Promise<Client> {
  const { context } = session;
  if (flags.sigstoreTrustedRoot !== undefined) await (await import("../../../drivers/verifier/sigstore/sigstore.ts")).useSigstore(session.path(flags.sigstoreTrustedRoot));
  const repository = repositoryFor(session, flags);
  const metadata = flags.metadataUrl ?? repository?.metadataUrl;
  const artifacts = flags.artifactsUrl ?? repository?.artifactsUrl;
  if (metadata === undefined) throw missing("metadata url", "--metadata-url");
  if (artifacts === undefined) throw missing("artifacts url", "--artifacts-url");
  const metadataUrl = urlOf(context, metadata);
  const cacheDir = flags.cacheDir === undefined ? defaultCacheDir(context, metadataUrl) : session.path(flags.cacheDir);
  const [{ Client }, { openFileCache }] = await Promise.all([import("../../../client/client.ts"), import("../../../drivers/storage/client/cache.ts")]);
  return new Client({
    metadataUrl,
    artifactsUrl: urlOf(context, artifacts),
    trust: await trustOf(session, flags, repository),
    hashPrefix: flags.hashPrefix ?? repository?.hashPrefix ?? false,
    fetcher: createFetcher(context),
    clock: context.clock,
    cache: await openFileCache(cacheDir),
  });
}

/** The configured one that is meant; none is needed when both addresses are said. */
function repositoryFor(session: Session, flags: DownloadFlags): Repository | undefined {
  const name = flags.repository ?? currentName(session.config);
  const isNeeded = flags.metadataUrl === undefined || flags.artifactsUrl === undefined;
  if (name === undefined || (flags.repository === undefined && !isNeeded)) return undefined;
  return repositoryOf(session.config, name);
}

function missing(what: string, flag: string): CliError {
  return new CliError("misused", `Please specify ${what}`, { todo: `say ${flag}, or configure the repository: rstuf artifact repository add` });
}

/** The root that was named, else the configured one, else what an earlier run remembers. The cache goes on from a root it came from, and forgets what does not follow from it. */
async function trustOf(session: Session, flags: DownloadFlags, repository: Repository | undefined): Promise<Trust> {
  if (flags.root !== undefined) return { root: await readRoot(session.context, flags.root) };
  if (repository?.trustedRoot !== undefined) return { root: repository.trustedRoot };
  return flags.trustOnFirstUse === true ? "first-use" : "cache";
}

/** Named by a hash of the address: each repository has its own. */
function defaultCacheDir(context: CliContext, metadataUrl: string): string {
  const home = context.env("HOME") ?? homedir();
  const base = context.env("XDG_DATA_HOME") ?? join(home, ".local", "share");
  return join(base, "rstuf", "client", sha256Hex(metadataUrl).slice(0, 16));
}

function tell(context: CliContext, flags: DownloadFlags, got: Downloaded): void {
  if (flags.json === true) {
    const { path, file, state, role, version, target } = got;
    context.stdout.write(`${JSON.stringify({ path, state, file, length: target.length, hashes: target.hashes, role, version })}\n`);
  } else if (flags.quiet !== true) {
    context.stdout.write(`${got.state === "unchanged" ? "Already there" : "Downloaded"} ${printable(got.path)} (${count(got.target.length, "byte")}, verified) as ${printable(got.file)}\n`);
  }
}

function report(context: CliContext, flags: DownloadFlags, path: string | undefined, error: unknown): void {
  if (!(error instanceof AppError)) throw error;
  const { code, message } = error as AppError;
  const todo = downloadTodo(code);
  if (flags.json === true) context.stdout.write(`${JSON.stringify({ ...(path === undefined ? {} : { path }), state: "failed", code, message, todo })}\n`);
  context.stderr.write(errorText(context, { code, message: `${path === undefined ? "" : `${path}: `}${message}`, todo }));
}
