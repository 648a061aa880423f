// Files on their way into the repository: found, measured, and sent as many requests as it takes.

import { basename } from "node:path";
import { stat } from "node:fs/promises";
import type { Artifact } from "../../../sdk/api-types.ts";
import type { HashAlgorithm } from "../../../tuf/crypto.ts";
import { CliError } from "../../errors.ts";
import { tableLines, type Column } from "../../output/table.ts";
import { number } from "../../output/words.ts";
import { printable } from "../../printable.ts";
import type { Session } from "../../session.ts";
import { localFiles, type LocalFile } from "./local-files.ts";
import { readManifest, type Listed } from "./manifest.ts";
import { inOrder, measure } from "./measure.ts";
import { batches, refuseHeldWait, submitAdded, type SubmitFlags } from "./submit.ts";

export interface AddFlags extends SubmitFlags {
  readonly path?: string;
  readonly prefix?: string;
  readonly exclude: readonly string[];
  readonly hash: readonly HashAlgorithm[];
  readonly custom?: Readonly<Record<string, unknown>>;
  readonly manifest?: string;
  readonly batch: number;
  readonly dryRun?: boolean;
}

/** Asked step by step. */
export async function guided(session: Session, flags: AddFlags): Promise<void> {
  const file = await session.ask.text({ message: "File or folder to add", flag: "FILE", check: (text) => (text.trim() === "" ? "a file or a folder" : undefined) });
  const isFolder = (await stat(session.path(file)).catch(() => undefined))?.isDirectory() === true;
  const before = flags.prefix ?? flags.path ?? (await session.ask.text({ message: isFolder ? "Under which path in the repository? (empty: at its top)" : `In which folder of the repository shall ${basename(file)} be? (empty: at its top)`, flag: "--prefix PATH", initial: "" }));
  const wait = flags.wait ?? (flags.publish && (await session.ask.confirm({ message: "Wait until clients can see it?", flag: "--wait", initial: true })));
  await add(session, [file], { ...flags, prefix: before, wait });
}

/** @throws CliError, RestError */
export async function add(session: Session, words: readonly string[], flags: AddFlags): Promise<void> {
  if (flags.prefix !== undefined && flags.path !== undefined) throw new CliError("misused", "--prefix and --path are two names of one option", { todo: "say one of them" });
  refuseHeldWait(flags);
  const prefix = flags.prefix ?? flags.path;
  const listed = chain(localFiles(words, { cwd: session.context.cwd, prefix, exclude: flags.exclude }), flags.manifest === undefined ? undefined : readManifest(flags.manifest, { cwd: session.context.cwd, prefix, stdin: session.context.stdin }));
  const progress = session.progress({ label: "hashing", unit: "bytes" });
  let read = 0;
  const algorithms: readonly HashAlgorithm[] = [...new Set<HashAlgorithm>(["sha256", ...flags.hash])];
  const artifacts = inOrder(listed, (each) => measured(each, algorithms, flags.custom, (bytes) => progress.update((read += bytes))));
  const api = flags.dryRun === true ? undefined : await session.api();
  let total = 0;
  let requests = 0;
  for await (const batch of batches(artifacts, flags.batch)) {
    progress.clear();
    refuseTwice(batch);
    if (api === undefined) show(session, batch);
    else await submitAdded(session, api, batch, flags);
    total += batch.length;
    requests += 1;
  }
  progress.clear();
  if (total === 0) throw new CliError("file-unreadable", `${flags.manifest ?? ""} lists no artifact`, { todo: "write one artifact a line into it" });
  if (requests > 1) session.say(`${number(total)} artifacts in ${requests} requests.`);
}

async function measured(listed: Listed, algorithms: readonly HashAlgorithm[], custom: AddFlags["custom"], onBytes: (bytes: number) => void): Promise<Artifact> {
  if (!("file" in listed)) return custom === undefined || listed.info.custom !== undefined ? listed : { ...listed, info: { ...listed.info, custom } };
  const { length, hashes } = await measure(listed.file, algorithms, onBytes);
  const own = ("custom" in listed ? listed.custom : undefined) ?? custom;
  return { path: listed.path, info: { length, hashes, ...(own === undefined ? {} : { custom: own }) } };
}

/** Two files under one path: the later one would win in silence. */
function refuseTwice(batch: readonly Artifact[]): void {
  const seen = new Set<string>();
  for (const { path } of batch) {
    if (seen.has(path)) throw new CliError("misused", `two files would be ${JSON.stringify(path)} in the repository`, { why: "a file is called by its name, what lies in a folder by its path below it", todo: "add them by calls of their own, with different --prefix" });
    seen.add(path);
  }
}

const COLUMNS: readonly Column<Artifact>[] = [
  { title: "Path", text: ({ path }) => printable(path), cutTo: 16 },
  { title: "Bytes", text: ({ info }) => number(info.length), right: true },
  { title: "sha256", text: ({ info }) => info.hashes["sha256"] ?? "", cutTo: 16 },
];

function show(session: Session, batch: readonly Artifact[]): void {
  session.emit({ dryRun: true, artifacts: batch });
  if (!session.json) for (const line of tableLines(session.context, COLUMNS, batch)) session.say(line);
}

async function* chain(files: AsyncIterable<LocalFile>, more: AsyncIterable<Listed> | undefined): AsyncGenerator<Listed> {
  yield* files;
  if (more !== undefined) yield* more;
}
