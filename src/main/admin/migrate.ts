// `rstuf admin migrate`: published metadata moves to another folder or bucket.
//
// Under the database's lock, so that nothing is published meanwhile. Everything clients may
// still ask for is copied, timestamp.json last: whoever reads the new place early sees
// nothing, or all of it. Names are created, never replaced, so a run cut short is repeated,
// and a place where another repository lies is refused. Clients notice nothing: the bytes are
// the same, under whatever address you then point at them.

import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { CliContext } from "../../cli/context.ts";
import { CliError } from "../../cli/errors.ts";
import { fsckLines } from "../../cli/fsck-report.ts";
import { processEnvironment } from "../../config/environment.ts";
import { loadConfig } from "../../config/load.ts";
import { METADATA_NAME, type Created, type NewFile, type Storage } from "../../ports/storage.ts";
import { openStorage, placeOfStorage, storageOrderOf, type StorageOrder } from "../storage.ts";
import { look, namesReached } from "./backup.ts";
import { partsOf, placeOf, requireDatabase, withDataDir, type DataDirFlags } from "./data-dir.ts";
import { Progress } from "./progress.ts";

export interface MigrateFlags extends DataDirFlags {
  readonly to: string;
}

const TIMESTAMP = "timestamp.json";
const READ_AT_MOST = 64 * 1024 * 1024;
const SLICE_FILES = 1_000;
const SLICE_BYTES = 16 * 1024 * 1024;

/** 0: moved, and sound. */
export async function migrate(context: CliContext, flags: MigrateFlags): Promise<number> {
  const place = placeOf(context, flags);
  requireDatabase(place);
  const { config } = loadConfig({ flags: {}, configFile: resolve(context.cwd, flags.to), environment: withoutStorage(processEnvironment()), cwd: context.cwd });
  const from = partsOf(place).storage;
  const order = storageOrderOf(config);
  if (placeOfStorage(order) === placeOfStorage(from)) throw new CliError("file-exists", `${flags.to} names the place where the metadata is already; nothing was changed`);
  const progress = new Progress(context, flags.json === true);
  const target = await openStorage(order);
  try {
    await target.prove();
    const { files, report } = await withDataDir(place.config, partsOf(place), async ({ database, storage }) => {
      const head = await database.head();
      if (head === undefined) throw new CliError("file-unreadable", "there is no repository yet: nothing to move. Start the service with the new configuration");
      // The database went on at another place, or a publish was cut off: to copy this one would show an older state, or a broken one.
      if ((await storage.read(TIMESTAMP, READ_AT_MOST))?.bytes.equals(head.timestamp) !== true) {
        throw new CliError("file-unreadable", `${placeOfStorage(from)} does not hold what this database published last: it was moved already, or a publish was cut off. In the second case start the service there once more, stop it, and repeat. Nothing was changed`);
      }
      const names = from.kind === "folder" ? namesIn(from.directory) : await namesReached(database, storage);
      await copyTo(target, order, names.filter((name) => name !== TIMESTAMP), (name) => bytesOf(from, storage, name), progress);
      const timestamp = await target.create(TIMESTAMP, head.timestamp);
      if (timestamp === "other") throw occupied(order, TIMESTAMP);
      return { files: names.length, report: await look(database, target, progress) };
    });
    if (report !== undefined && report.faults.length > 0) {
      for (const line of fsckLines(report)) context.stderr.write(`${line}\n`);
      context.stderr.write(`Copied to ${placeOfStorage(order)}, but it is not sound: do not use it.\n`);
      return 1;
    }
    if (flags.json === true) context.stdout.write(`${JSON.stringify({ from: placeOfStorage(from), to: placeOfStorage(order), files })}\n`);
    else for (const line of words(placeOfStorage(from), placeOfStorage(order), files, flags.to)) context.stdout.write(`${line}\n`);
    return 0;
  } finally {
    progress.clear();
    await target.close();
  }
}

function* words(from: string, to: string, files: number, config: string): Generator<string> {
  yield `Moved to ${to}: ${String(files)} files; looked at and sound.`;
  yield `Now start the service with ${config}, and the same data directory and keys; then point the address that clients use at the new place.`;
  yield `Leave ${from} as it is until then, and do not start the old configuration again: two services would part ways.`;
}

/** The file alone says where to go: variables of the old place would be read into it. */
function withoutStorage(environment: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => name !== "RSTUF_CONFIG" && name !== "RSTUF_METADATA_DIRECTORY" && (!name.startsWith("RSTUF_STORAGE_") || /(?:_KEY|_FILE|_KEY_ID)$/.test(name))));
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
    progress.draw(`${String(at)} of ${String(names.length)} metadata files`);
    const file = { name, bytes: await read(name) };
    slice.push(file);
    bytes += file.bytes.length;
    if (slice.length >= SLICE_FILES || bytes >= SLICE_BYTES) await flush();
  }
  if (slice.length > 0) await flush();
}

const occupied = (order: StorageOrder, name: string): CliError => new CliError("file-exists", `${placeOfStorage(order)} holds another ${name}: a repository was published there. Choose another prefix or folder; what is there was not changed`);
