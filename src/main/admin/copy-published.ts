// Every published file from one place to another, timestamp.json last: of a folder all there are, of a bucket,
// which is not listed, those that the head leads to.

import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CliError } from "../../cli/errors.ts";
import type { CommittedHead, Database } from "../../ports/database.ts";
import { METADATA_NAME, type Created, type NewFile, type Storage } from "../../ports/storage.ts";
import { placeOfStorage, type StorageOrder } from "../storage.ts";
import { namesReached } from "./backup.ts";
import type { Progress } from "./progress.ts";

const TIMESTAMP = "timestamp.json";
const READ_AT_MOST = 64 * 1024 * 1024;
const SLICE_FILES = 1_000;
const SLICE_BYTES = 16 * 1024 * 1024;

interface Places {
  readonly from: StorageOrder;
  readonly old: Storage;
  readonly to: StorageOrder;
  readonly target: Storage;
}

/** Answers how many there are. @throws CliError `file-exists` when a name there holds something else */
export async function copyPublished({ from, old, to, target }: Places, database: Database, head: CommittedHead, progress: Progress): Promise<number> {
  const names = from.kind === "folder" ? namesIn(from.directory) : await namesReached(database, old);
  await copyTo(target, to, names.filter((name) => name !== TIMESTAMP), (name) => bytesOf(from, old, name), progress);
  if (await target.create(TIMESTAMP, head.timestamp) === "other") throw occupied(to, TIMESTAMP);
  return names.length;
}

const namesIn = (folder: string): string[] => readdirSync(folder).filter((name) => METADATA_NAME.test(name)).sort();

async function bytesOf(from: StorageOrder, storage: Storage, name: string): Promise<Buffer> {
  if (from.kind === "folder") return await readFile(join(from.directory, name));
  const found = await storage.read(name, READ_AT_MOST);
  if (found === undefined) throw new CliError("file-unreadable", `${name}, which the repository's head refers to, is not in ${placeOfStorage(from)}. See rstuf fsck`);
  return found.bytes;
}

async function copyTo(target: Storage, order: StorageOrder, names: readonly string[], read: (name: string) => Promise<Buffer>, progress: Progress): Promise<void> {
  let slice: NewFile[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    const answers: readonly Created[] = await target.createAll(slice);
    const at = answers.indexOf("other");
    if (at >= 0) throw occupied(order, slice[at]?.name ?? "");
    slice = [];
    bytes = 0;
  };
  for (const [at, name] of names.entries()) {
    progress.update(at, names.length, "metadata files");
    const file = { name, bytes: await read(name) };
    slice.push(file);
    bytes += file.bytes.length;
    if (slice.length >= SLICE_FILES || bytes >= SLICE_BYTES) await flush();
  }
  if (slice.length > 0) await flush();
}

const occupied = (order: StorageOrder, name: string): CliError => new CliError("file-exists", `${placeOfStorage(order)} holds another ${name}: a repository was published there. Choose another prefix or folder; what is there was not changed`);
