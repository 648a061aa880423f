// What this machine can do, measured in the same run: signatures, durable files, durable rows.
// A figure beside its limit survives a slow machine.

import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { scratchFolder } from "./scratch.ts";

export interface Limits {
  /** Ed25519 over 1 KB, one thread, per second. */
  readonly signatures: number;
  /** Ed25519 over a snapshot of 0.5 MB, milliseconds each. */
  readonly snapshotSignatureMs: number;
  /** Files of 1 KB written durably one after another, milliseconds each. */
  readonly durableFileMs: number;
  /** The same with sixteen in flight, per second. */
  readonly durableFiles: number;
  /** Files of 1 KB in bulk, made durable together, per second: what the folder does with many. */
  readonly bulkFiles: number;
  /** Bytes written durably in large files, per second. */
  readonly bytes: number;
  /** Durable transactions of one row one after another, milliseconds each. */
  readonly durableCommitMs: number;
  /** Rows a second, sorted, in one transaction. */
  readonly rows: number;
}

/** What differs with where state and metadata lie. */
export type PlaceLimits = Pick<Limits, "durableFileMs" | "durableFiles" | "bulkFiles" | "bytes" | "durableCommitMs" | "rows">;

const { privateKey } = generateKeyPairSync("ed25519");

export function measureSignatures(): Pick<Limits, "signatures" | "snapshotSignatureMs"> {
  return { signatures: signaturesPerSecond(), snapshotSignatureMs: snapshotSignature() };
}

/** A folder on `base`'s disk, and SQLite in it. */
export async function measureFolder(base = tmpdir()): Promise<PlaceLimits> {
  const folder = scratchFolder("rstuf-limits-", base);
  return { durableFileMs: await oneByOne(folder), durableFiles: await sixteenInFlight(folder), bulkFiles: await inBulk(folder), bytes: await bytesPerSecond(folder), ...sqlite(folder) };
}

function signaturesPerSecond(): number {
  const bytes = randomBytes(1024);
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < 300) {
    sign(null, bytes, privateKey);
    count++;
  }
  return (count * 1000) / (performance.now() - start);
}

function snapshotSignature(): number {
  const bytes = randomBytes(520_000);
  return median(Array.from({ length: 15 }, () => timed(() => sign(null, bytes, privateKey))));
}

async function writeDurably(file: string, bytes: Uint8Array): Promise<void> {
  await using handle = await open(file, "wx");
  await handle.writeFile(bytes);
  await handle.sync();
}

async function oneByOne(folder: string): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 60; i++) {
    const start = performance.now();
    await writeDurably(join(folder, `one-${String(i)}`), randomBytes(1024));
    times.push(performance.now() - start);
  }
  return median(times);
}

async function sixteenInFlight(folder: string): Promise<number> {
  return perSecond(1600, (i) => writeDurably(join(folder, `many-${String(i)}`), randomBytes(1024)));
}

/** Written first, then synced: one journal commit of the file system serves many. */
async function inBulk(folder: string): Promise<number> {
  const count = 4_000;
  const bytes = randomBytes(1024);
  const start = performance.now();
  await perSecond(count, async (i) => {
    await using handle = await open(join(folder, `bulk-${String(i)}`), "wx");
    await handle.writeFile(bytes);
  });
  await perSecond(count, async (i) => {
    await using handle = await open(join(folder, `bulk-${String(i)}`), "r+");
    await handle.datasync();
  });
  return (count * 1000) / (performance.now() - start);
}

async function bytesPerSecond(folder: string): Promise<number> {
  const bytes = randomBytes(8 * 1024 * 1024);
  return await perSecond(8, (i) => writeDurably(join(folder, `large-${String(i)}`), bytes), 2) * bytes.length;
}

export async function perSecond(count: number, work: (i: number) => Promise<unknown>, inFlight = 16): Promise<number> {
  let next = 0;
  const start = performance.now();
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (next < count) await work(next++);
  }));
  return (count * 1000) / (performance.now() - start);
}

function sqlite(folder: string): { durableCommitMs: number; rows: number } {
  using database = new DatabaseSync(join(folder, "limits.db"));
  database.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (role TEXT, path TEXT, fragment TEXT, PRIMARY KEY (role, path)) WITHOUT ROWID, STRICT");
  const insert = database.prepare("INSERT INTO t VALUES (?, ?, ?)");
  const fragment = "x".repeat(100);
  const commits: number[] = [];
  for (let i = 0; i < 60; i++) commits.push(timed(() => insert.run("one", String(i), fragment)));
  const count = 50_000;
  const ms = timed(() => {
    database.exec("BEGIN IMMEDIATE");
    for (let i = 0; i < count; i++) insert.run("many", String(i).padStart(8, "0"), fragment);
    database.exec("COMMIT");
  });
  return { durableCommitMs: median(commits), rows: (count * 1000) / ms };
}

export function timed(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which a part `q` of `values` lies. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}
