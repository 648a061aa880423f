// rstuf download: fetch artifacts, each verified against the repository's signed metadata.

import { Command } from "commander";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { readWhole } from "../../client/bounded-read.ts";
import { Client } from "../../client/client.ts";
import type { Downloaded } from "../../client/download.ts";
import { ClientError } from "../../client/errors.ts";
import { DEFAULT_LIMITS, DEFAULT_PATIENCE } from "../../client/options.ts";
import type { Trust } from "../../client/options.ts";
import { createFileFetcher } from "../../drivers/fetcher/file/fetcher.ts";
import { createHttpFetcher } from "../../drivers/fetcher/http/fetcher.ts";
import { useSigstore } from "../../drivers/verifier/sigstore/sigstore.ts";
import { openFileCache } from "../../drivers/storage/client/cache.ts";
import { createFolderDestination } from "../../drivers/storage/client/folder.ts";
import { AppError } from "../../lib/app-error.ts";
import { FetchError } from "../../ports/fetcher.ts";
import type { Fetcher } from "../../ports/fetcher.ts";
import { sha256Hex } from "../../tuf/crypto.ts";
import type { CliContext } from "../context.ts";
import { examplesText } from "../examples.ts";
import { printable } from "../printable.ts";

interface DownloadFlags {
  readonly metadataUrl: string;
  readonly artifactsUrl: string;
  readonly root?: string;
  readonly trustOnFirstUse?: boolean;
  readonly cacheDir?: string;
  readonly outputDir: string;
  readonly sigstoreTrustedRoot?: string;
  readonly hashPrefix?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Examples in the help; each runs as it stands, with the repository of the address it names. */
export const DOWNLOAD_EXAMPLES = [
  "rstuf download --metadata-url http://127.0.0.1:8080/metadata/ --artifacts-url http://127.0.0.1:8080/files/ --root rstuf-data/trusted/1.root.json hello.txt",
  "rstuf download --metadata-url http://127.0.0.1:8080/metadata/ --artifacts-url http://127.0.0.1:8080/files/ --trust-on-first-use --output-dir downloads hello.txt",
  "rstuf download --metadata-url http://127.0.0.1:8080/metadata/ --artifacts-url http://127.0.0.1:8080/files/ --root rstuf-data/trusted/1.root.json --json hello.txt",
] as const;

/** Files of at least so many bytes get a progress line on a terminal. */
const PROGRESS_BYTES = 1_048_576;
const PROGRESS_EVERY_MS = 200;
const CLEAR_LINE = "\r\u001b[K";

export function downloadCommand(context: CliContext): Command {
  return new Command()
    .description(
      "Downloads artifacts and verifies each against the repository's signed metadata: signatures back to\n" +
        "the trusted root, freshness, length and hashes. A file gets its name only when all of it is right.\n" +
        "What was verified is remembered in a cache, so that a repository can't be rolled back unseen; the\n" +
        "trusted root is remembered too, and --root needs to be given only once.",
    )
    .argument("<path...>", "artifacts to download, by their path in the repository")
    .requiredOption("--metadata-url <url>", "where the repository's metadata is")
    .requiredOption("--artifacts-url <url>", "where the artifacts are")
    .option("--root <file|url>", "the root to trust; get it by a way you trust")
    .option("--trust-on-first-use", "trust the first root the repository shows, when none is given or remembered")
    .option("--cache-dir <dir>", "what was verified (default: a folder of this repository under the user's data directory)")
    .option("-P, --output-dir <dir>", "where the artifacts are put", ".")
    .option("--sigstore-trusted-root <file>", "verify Sigstore keys under this trusted_root.json")
    .option("--hash-prefix", "artifacts are served under HASH.NAME")
    .option("--json", "one JSON object per artifact on stdout")
    .option("-q, --quiet", "only errors")
    .addHelpText("after", examplesText([{ commands: DOWNLOAD_EXAMPLES }], "0 all downloaded, 1 an artifact refused or failed, 2 used wrongly"))
    .action(async (paths: string[], flags: DownloadFlags) => {
      context.setExitCode(await downloadAll(context, paths, flags));
    });
}

async function downloadAll(context: CliContext, paths: readonly string[], flags: DownloadFlags): Promise<number> {
  let client: Client;
  try {
    client = await open(context, flags);
    await client.refresh();
  } catch (error) {
    report(context, flags, undefined, error);
    return 1;
  }
  const destination = createFolderDestination(resolve(context.cwd, flags.outputDir));
  let failed = 0;
  for (const path of paths) {
    const line = flags.quiet === true || flags.json === true || !context.isTty ? undefined : new ProgressLine(context, path);
    try {
      const got = await client.download(path, destination, line === undefined ? {} : { progress: (received, length) => { line.draw(received, length); } });
      line?.clear();
      tell(context, flags, got);
    } catch (error) {
      line?.clear();
      failed += 1;
      report(context, flags, path, error);
    }
  }
  return failed === 0 ? 0 : 1;
}

async function open(context: CliContext, flags: DownloadFlags): Promise<Client> {
  if (flags.sigstoreTrustedRoot !== undefined) await useSigstore(resolve(context.cwd, flags.sigstoreTrustedRoot));
  const fetcher = createFetcher(context);
  const metadataUrl = urlOf(context, flags.metadataUrl);
  return new Client({
    metadataUrl,
    artifactsUrl: urlOf(context, flags.artifactsUrl),
    trust: await trustOf(context, flags, fetcher),
    hashPrefix: flags.hashPrefix === true,
    fetcher,
    clock: context.clock,
    cache: await openFileCache(flags.cacheDir === undefined ? defaultCacheDir(context, metadataUrl) : resolve(context.cwd, flags.cacheDir)),
  });
}

async function trustOf(context: CliContext, flags: DownloadFlags, fetcher: Fetcher): Promise<Trust> {
  if (flags.root === undefined) return flags.trustOnFirstUse === true ? "first-use" : "cache";
  const url = urlOf(context, flags.root);
  try {
    const root = await readWhole({
      fetcher,
      clock: context.clock,
      url,
      maxBytes: DEFAULT_LIMITS.rootBytes,
      deadlineMs: DEFAULT_PATIENCE.metadataMs,
      tooLarge: () => new ClientError("metadata-too-large", `${url} is larger than the ${String(DEFAULT_LIMITS.rootBytes)} bytes a root may have`),
    });
    return { root };
  } catch (error) {
    if (error instanceof FetchError) throw new ClientError("no-trusted-root", `the root at ${flags.root} could not be read: ${error.message}`, { cause: error });
    throw error;
  }
}

/** `file:` for repositories carried by hand, http and https for all others. */
function createFetcher(context: CliContext): Fetcher {
  const file = createFileFetcher();
  const http = createHttpFetcher({ version: context.version });
  return { fetch: (url, options) => (url.startsWith("file:") ? file : http).fetch(url, options) };
}

/** A URL as it is; anything else is a file or folder. */
function urlOf(context: CliContext, text: string): string {
  return /^(?:https?|file):/i.test(text) ? text : pathToFileURL(resolve(context.cwd, text)).href;
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
    context.stdout.write(`${got.state === "unchanged" ? "Already there" : "Downloaded"} ${printable(got.path)} (${String(got.target.length)} bytes, verified) as ${printable(got.file)}\n`);
  }
}

function report(context: CliContext, flags: DownloadFlags, path: string | undefined, error: unknown): void {
  if (!(error instanceof AppError)) throw error;
  const { code, message } = error as AppError;
  if (flags.json === true) context.stdout.write(`${JSON.stringify({ ...(path === undefined ? {} : { path }), state: "failed", code, message })}\n`);
  const hint = code === "no-trusted-root" ? "; see --root and --trust-on-first-use" : "";
  context.stderr.write(`error: ${path === undefined ? "" : `${printable(path)}: `}${printable(message)} (${code})${hint}\n`);
}

/** One line on the terminal, drawn over itself. */
class ProgressLine {
  readonly #context: CliContext;
  readonly #path: string;
  #drawnMs: number | undefined;

  constructor(context: CliContext, path: string) {
    this.#context = context;
    this.#path = path;
  }

  draw(received: number, length: number): void {
    const now = this.#context.clock.monotonic();
    if (length < PROGRESS_BYTES || (this.#drawnMs !== undefined && now - this.#drawnMs < PROGRESS_EVERY_MS)) return;
    this.#drawnMs = now;
    const percent = String(Math.floor((received / length) * 100)).padStart(3);
    this.#context.stderr.write(`${CLEAR_LINE}${percent} % of ${String(length)} bytes  ${printable(this.#path)}`);
  }

  clear(): void {
    if (this.#drawnMs !== undefined) this.#context.stderr.write(CLEAR_LINE);
  }
}
