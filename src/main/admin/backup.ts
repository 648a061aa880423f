// `rstuf admin backup` and `restore`: database and metadata that fit together.
//
// The database is copied first, as of one moment, whatever its engine, into a file of SQLite: by SQLite
// itself, or row by row in one transaction of PostgreSQL's, which no writer waits for. Then every file its head reaches: metadata files are only ever added,
// durable before the head that names them is committed, and collected days after the last
// timestamp that reached them expired. So the copy's head has all its files, whatever is published
// meanwhile. Both are then brought to rest as a start would (unfinished batches dropped, committed
// ones folded), and looked at by fsck: a backup that nobody looked at is none.
//
// Private keys are not in it unless asked for. See docs/adr/0010-live-backup.md.

import { createHash } from "node:crypto";
import { createReadStream, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { chmod, copyFile, mkdir, open, readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { backup as copyDatabase, DatabaseSync } from "node:sqlite";
import type { CliContext } from "../../cli/context.ts";
import { CliError, systemReason } from "../../cli/errors.ts";
import { tell } from "../../cli/output/tell.ts";
import { count } from "../../cli/output/words.ts";
import type { Config } from "../../config/schema.ts";
import type { Database } from "../../ports/database.ts";
import { METADATA_NAME, type NewFile, type Storage } from "../../ports/storage.ts";
import { recover } from "../../publisher/recover.ts";
import { parseEnvelope } from "../../tuf/parse.ts";
import { ensureKeyFolder } from "../key-folder.ts";
import { databaseOrderOf, placeOfDatabase, type DatabaseOrder } from "../database.ts";
import { openStorage, placeOfStorage, type StorageOrder } from "../storage.ts";
import { copyOut, restoreInto } from "./copy-state.ts";
import { look, tellUnsound } from "./look.ts";
import { partsOf, placeOf, requireDatabase, requireEmptyFolder, withState, type StateFlags, type StateParts } from "./state.ts";
import { Progress } from "./progress.ts";

export interface BackupFlags extends StateFlags {
  readonly withKeys?: boolean;
}

export interface RestoreFlags extends StateFlags {
  readonly keepMetadata?: boolean;
}

/** What a backup says of itself; written last, so that a backup cut short is none. */
interface Manifest {
  readonly format: 1;
  readonly program: string;
  readonly taken: string;
  /** sha256 of rstuf.db. */
  readonly database: string;
  readonly seq: number;
  /** Of the timestamp in it; 0: no repository yet. */
  readonly timestampVersion: number;
  readonly files: number;
  readonly keys: number;
}

const MANIFEST = "backup.json";
const PAGES_A_STEP = 2_000;
/** Larger than any file we publish. */
const READ_AT_MOST = 64 * 1024 * 1024;
const SLICE_FILES = 1_000;
const SLICE_BYTES = 16 * 1024 * 1024;

/** 0: taken, and sound. */
export async function backup(context: CliContext, target: string, flags: BackupFlags): Promise<number> {
  const place = placeOf(context, flags);
  requireDatabase(place);
  const folder = resolve(context.cwd, target);
  requireEmptyFolder(folder, 0o700);
  const progress = new Progress(context, flags.json === true, "backup");
  const file = join(folder, "rstuf.db");
  try {
    const order = databaseOrderOf(place.config);
    if (order.kind === "sqlite") await copyLiveDatabase(order.file, file, progress);
    else await copyOut(order, file, progress);
    await chmod(file, 0o600);
    await syncFile(file);
    const metadata = join(folder, "metadata");
    const copied: StateParts = { database: { kind: "sqlite", file }, storage: { kind: "folder", directory: metadata } };
    const { seq, timestampVersion, files, report } = await withState(place.config, copied, async ({ database, storage, deps, hold }) => {
      const files = await copyReached(database, partsOf(place).storage, storage, progress);
      await recover(deps, hold, false);
      const head = await database.head();
      const report = await look(database, storage, progress);
      return { seq: head?.seq ?? 0, timestampVersion: head?.timestampVersion ?? 0, files, report };
    });
    progress.clear();
    if (report !== undefined && report.faults.length > 0) return tellUnsound(context, report, "The backup is not sound: what is published has the same faults. It was not finished.", flags.json === true);
    await keepTrusted(metadata, folder);
    const keys = flags.withKeys === true ? await copyKeys(place.config.keyDir, join(folder, "keys")) : 0;
    tidy(folder);
    const manifest: Manifest = { format: 1, program: context.version, taken: new Date(context.clock.now()).toISOString(), database: await sha256Of(file), seq, timestampVersion, files, keys };
    await writeSynced(join(folder, MANIFEST), Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`));
    if (flags.json === true) context.stdout.write(`${JSON.stringify({ directory: folder, ...manifest })}\n`);
    else {
      tell(context, "stdout", `Backed up to ${target}: the database at head ${String(seq)}, ${count(files, "metadata file")}; looked at and sound.`);
      if (keys === 0) tell(context, "stdout", "Private keys are not in it: keep them apart, they are needed too.");
    }
    if (keys > 0) tell(context, "stderr", `WARNING  ${String(keys)} private key file${keys === 1 ? " lies" : "s lie"} in ${target}/keys as in the key directory: whoever reads this backup can sign for you.`);
    return 0;
  } finally {
    progress.clear();
  }
}

/** 0: restored, and sound. */
export async function restore(context: CliContext, source: string, flags: RestoreFlags): Promise<number> {
  const folder = resolve(context.cwd, source);
  const manifest = readManifest(folder);
  const place = placeOf(context, flags);
  const { config } = place;
  const target = partsOf(place);
  const keep = flags.keepMetadata === true;
  if (target.database.kind === "sqlite" && keep && existsSync(target.database.file)) throw new CliError("file-exists", `${target.database.file} is there already; nothing was changed`);
  const folders = [...(target.database.kind === "sqlite" ? [config.dataDir] : []), ...(target.storage.kind === "folder" ? [target.storage.directory] : [])];
  if (!keep) for (const each of folders) if (existsSync(each)) requireEmptyFolder(each, 0o750);
  if (!keep && target.storage.kind !== "folder") await requireUnused(target.storage);
  const file = join(folder, "rstuf.db");
  if ((await sha256Of(file)) !== manifest.database) throw new CliError("file-unreadable", `${file} is not the file that was backed up: its sha256 is another`);

  await mkdir(config.dataDir, { recursive: true, mode: 0o750 });
  const progress = new Progress(context, flags.json === true, "restore");
  try {
    if (target.database.kind === "sqlite") await copySynced(file, target.database.file);
    else await restoreInto(target.database, file, progress);
    const report = await withState(config, target, async ({ database, storage }) => {
      if (keep) return undefined;
      const names = readdirSync(join(folder, "metadata")).filter((name) => METADATA_NAME.test(name));
      await copyFiles(names.filter((name) => name !== "timestamp.json"), (name) => readFile(join(folder, "metadata", name)), storage, progress);
      if (names.includes("timestamp.json")) await storage.create("timestamp.json", await readFile(join(folder, "metadata", "timestamp.json")));
      return await look(database, storage, progress);
    });
    progress.clear();
    const keys = existsSync(join(folder, "keys")) ? await copyKeys(join(folder, "keys"), config.keyDir) : 0;
    await keepTrusted(join(folder, "metadata"), config.dataDir);
    if (report !== undefined && report.faults.length > 0) return tellUnsound(context, report, `Restored to ${restoredTo(target.database, config)}, but it is not sound: do not start it.`, flags.json === true);
    if (flags.json === true) context.stdout.write(`${JSON.stringify({ directory: restoredTo(target.database, config), metadata: keep ? "kept" : "restored", ...manifest, keys })}\n`);
    else for (const line of restoredWords(restoredTo(target.database, config), config.keyDir, manifest, keep, keys)) tell(context, "stdout", line);
    return 0;
  } finally {
    progress.clear();
  }
}

/** Its folder, where it lies in one. */
const restoredTo = (order: DatabaseOrder, { dataDir }: Config): string => order.kind === "sqlite" ? dataDir : placeOfDatabase(order);

function* restoredWords(where: string, keyDir: string, manifest: Manifest, kept: boolean, keys: number): Generator<string> {
  yield `Restored to ${where}: the state of ${manifest.taken}, head ${String(manifest.seq)}${kept ? "; the metadata was left as it is" : `, ${count(manifest.files, "metadata file")}; looked at and sound`}.`;
  if (keys === 0) yield `Private online keys were not in the backup: put them into ${keyDir}.`;
  if (kept) {
    yield "Now: rstuf admin recover --adopt, with the same --data-dir or --config. It reads back what was published since.";
    return;
  }
  yield "Was anything published since the backup? Clients that saw it refuse what is older.";
  yield "- The newer metadata still exists: put it into the metadata folder, in place of this one,";
  yield "  and run: rstuf admin recover --adopt";
  yield "- It is gone: rstuf admin recover --jump 1000000, which goes ahead of all that was seen.";
}

/** As of one moment, while it is written to; the copy is one file. */
async function copyLiveDatabase(from: string, to: string, progress: Progress): Promise<void> {
  const source = new DatabaseSync(from, { readOnly: true, timeout: 5_000 });
  try {
    // Pins the moment: without it every write of the service would begin the copy anew.
    source.exec("BEGIN");
    source.prepare("SELECT seq FROM publisher").get();
    await copyDatabase(source, to, { rate: PAGES_A_STEP, progress: ({ totalPages, remainingPages }) => { progress.update(totalPages - remainingPages, totalPages, "database pages"); } });
  } finally {
    source.close();
  }
  const copy = new DatabaseSync(to);
  try {
    copy.exec("PRAGMA journal_mode = DELETE");
  } finally {
    copy.close();
  }
}

/** Every file that the head of `database` leads to: roots and timestamp from the database, the others from storage. */
async function copyReached(database: Database, from: StorageOrder, to: Storage, progress: Progress): Promise<number> {
  if (from.kind === "folder") return copyReachedBy(database, (name) => readFile(join(from.directory, name)), placeOfStorage(from), to, progress);
  const source = await openStorage(from);
  try {
    return await copyReachedBy(database, async (name) => {
      const found = await source.read(name, READ_AT_MOST);
      if (found === undefined) throw new Error("it is not there");
      return found.bytes;
    }, placeOfStorage(from), to, progress);
  } finally {
    await source.close();
  }
}

async function copyReachedBy(database: Database, readFrom: (name: string) => Promise<Buffer>, place: string, to: Storage, progress: Progress): Promise<number> {
  const head = await database.head();
  if (head === undefined) return 0;
  const read = async (name: string): Promise<Buffer> => {
    try {
      return await readFrom(name);
    } catch (error) {
      throw new CliError("file-unreadable", `${name} in ${place}, which the repository's head refers to, cannot be read: ${systemReason(error)}. See rstuf fsck`, { cause: error });
    }
  };
  const snapshotName = `${String(head.snapshotVersion)}.snapshot.json`;
  const snapshot = await read(snapshotName);
  const names = Object.entries(parseEnvelope(snapshot, "snapshot").signed.meta).map(([file, { version }]) => `${String(version)}.${file}`);
  await copyFiles([...names, snapshotName], read, to, progress);
  const roots = (await database.envelope("root"))?.version ?? 0;
  for (let version = 1; version <= roots; version++) {
    const root = await database.envelope("root", version);
    if (root !== undefined) await to.create(`${String(version)}.root.json`, root.bytes);
  }
  await to.create("timestamp.json", head.timestamp);
  return names.length + 1 + roots + 1;
}

async function copyFiles(names: readonly string[], read: (name: string) => Promise<Buffer>, to: Storage, progress: Progress): Promise<void> {
  let slice: NewFile[] = [];
  let bytes = 0;
  for (const [at, name] of names.entries()) {
    progress.update(at, names.length, "metadata files");
    const file = { name, bytes: await read(name) };
    slice.push(file);
    bytes += file.bytes.length;
    if (slice.length < SLICE_FILES && bytes < SLICE_BYTES && at + 1 < names.length) continue;
    await to.createAll(slice);
    slice = [];
    bytes = 0;
  }
}

/** What the head leads to, by name. */
export async function namesReached(database: Database, storage: Storage): Promise<string[]> {
  const head = await database.head();
  if (head === undefined) return [];
  const snapshotName = `${String(head.snapshotVersion)}.snapshot.json`;
  const snapshot = await storage.read(snapshotName, READ_AT_MOST);
  if (snapshot === undefined) throw new CliError("file-unreadable", `${snapshotName}, which the repository's head refers to, is not there. See rstuf fsck`);
  const roots = (await database.envelope("root"))?.version ?? 0;
  return [
    ...Object.entries(parseEnvelope(snapshot.bytes, "snapshot").signed.meta).map(([file, { version }]) => `${String(version)}.${file}`),
    snapshotName,
    ...Array.from({ length: roots }, (_, at) => `${String(at + 1)}.root.json`),
    "timestamp.json",
  ];
}

/** A bucket is not listed; a repository shows by these. @throws CliError `file-exists` */
async function requireUnused(order: StorageOrder): Promise<void> {
  const storage = await openStorage(order);
  try {
    for (const name of ["timestamp.json", "1.root.json"]) {
      if ((await storage.read(name, READ_AT_MOST)) !== undefined) throw new CliError("file-exists", `${placeOfStorage(order)} holds a repository already; nothing was changed`);
    }
  } finally {
    await storage.close();
  }
}

async function keepTrusted(metadata: string, folder: string): Promise<void> {
  const root = join(metadata, "1.root.json");
  if (!existsSync(root)) return;
  await mkdir(join(folder, "trusted"), { recursive: true });
  await writeFile(join(folder, "trusted", "1.root.json"), await readFile(root), { mode: 0o644 });
}

async function copyKeys(from: string, to: string): Promise<number> {
  await ensureKeyFolder(to);
  const names = (await readdir(from, { withFileTypes: true })).filter((entry) => entry.isFile()).map(({ name }) => name);
  for (const name of names) {
    await copySynced(join(from, name), join(to, name));
    await chmod(join(to, name), 0o600);
  }
  return names.length;
}

/** What only a running service needs. */
function tidy(folder: string): void {
  for (const name of ["rstuf.db.lock", "rstuf.db-wal", "rstuf.db-shm", join("metadata", ".pending")]) rmSync(join(folder, name), { recursive: true, force: true });
}

function readManifest(folder: string): Manifest {
  let manifest: Partial<Manifest>;
  try {
    manifest = JSON.parse(readFileSync(join(folder, MANIFEST), "utf8")) as Partial<Manifest>;
  } catch (error) {
    throw new CliError("file-unreadable", `${folder} holds no finished backup: ${MANIFEST}: ${systemReason(error)}`, { cause: error });
  }
  if (manifest.format !== 1) throw new CliError("file-unreadable", `${join(folder, MANIFEST)} is of another format than this release reads`);
  return manifest as Manifest;
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(file)) hash.update(piece as Buffer);
  return hash.digest("hex");
}

async function copySynced(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  await syncFile(to);
}

async function writeSynced(file: string, bytes: Uint8Array): Promise<void> {
  await writeFile(file, bytes);
  await syncFile(file);
  await syncFile(join(file, ".."));
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
