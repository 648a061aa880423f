// What readers pay: bytes of an update and a look-up by number of artifacts and bins, and how long our client takes.
//
// The files are composed by the code that publishes them, for as many artifacts as asked, without a repository of
// that size: a bin of so many artifacts is the same whoever else is there.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { openClient } from "../../src/main/client.ts";
import { choices } from "../../src/roles/advice.ts";
import { SnapshotBook } from "../../src/roles/snapshot.ts";
import { pressTargets } from "../../src/roles/targets.ts";
import { binNames, bitLengthOf } from "../../src/tuf/bins.ts";
import { envelopeBytes } from "../../src/tuf/canonical.ts";
import { artifactOf } from "./artifact.ts";
import type { Stage } from "./stage.ts";

export interface ReaderCost {
  readonly artifacts: number;
  readonly bins: number;
  readonly targetsPerBin: number;
  readonly snapshot: Size;
  readonly bin: Size;
  /** Timestamp, snapshot and one bin: a client that has targets. */
  readonly returning: Size;
  /** And targets, and the root it already has asked for again. */
  readonly fresh: Size;
  /** What `rstuf admin advise` reckons for the same. */
  readonly advised: { readonly returning: number; readonly fresh: number };
}

export interface Size {
  readonly plain: number;
  readonly gzip: number;
  readonly zstd: number;
}

/** Requests of a fresh client: the next root in vain, timestamp, snapshot, targets, the bin; a returning one has targets. */
export const REQUESTS = { fresh: 5, returning: 4 } as const;

/** What hardly varies, as a repository has it. */
export interface TopLevel {
  readonly timestamp: Buffer;
  readonly targets: Buffer;
}

export function readerCosts(artifacts: readonly number[], bins: readonly number[], top: TopLevel): readonly ReaderCost[] {
  return artifacts.flatMap((count) => bins.map((many) => readerCost(count, many, top)));
}

function readerCost(artifacts: number, bins: number, top: TopLevel): ReaderCost {
  const perBin = Math.round(artifacts / bins);
  const snapshot = sizeOf(snapshotOf(bins, artifacts));
  const targets = Array.from({ length: perBin }, (_, n) => artifactOf(n)).map(({ path, info }) => ({ path, fragment: `{"hashes":{"sha256":"${info.hashes.sha256}"},"length":${String(info.length)}}` }));
  targets.sort((a, b) => (a.path < b.path ? -1 : 1));
  const bytes = pressedOrTooLarge(targets);
  const bin = sizeOf(bytes);
  const returning = sum(sizeOf(top.timestamp), snapshot, bin);
  const targetBytes = Math.round((bytes.length - 300) / Math.max(perBin, 1));
  const choice = choices({ artifacts, targetBytes, lookups: 1 }).find((one) => one.bins === bins);
  return {
    artifacts, bins, targetsPerBin: perBin, snapshot, bin, returning, fresh: sum(returning, sizeOf(top.targets)),
    advised: { returning: choice?.returningBytes ?? 0, fresh: choice?.freshBytes ?? 0 },
  };
}

/** One that no client reads is told with the size it would have. */
function pressedOrTooLarge(targets: readonly { readonly path: string; readonly fragment: string }[]): Buffer {
  const document = { version: 1_234_567, expires: "2030-01-01T00:00:00Z" };
  try {
    return enveloped(pressTargets({ ...document, targets }));
  } catch {
    return enveloped(Buffer.from(`{${targets.map(({ path, fragment }) => `"${path}":${fragment}`).join(",")}}`));
  }
}

/** Versions as a live repository has them: one counter for all, most bins pressed lately. */
function snapshotOf(bins: number, artifacts: number): Buffer {
  const book = new SnapshotBook([
    { role: "targets", version: 1, length: 1500, sha256: "ab".repeat(32), bin: false },
    ...[...binNames("bins", bitLengthOf(bins))].map((role, at) => ({ role, version: 1_000_000 + ((at * 7919) % Math.max(artifacts, 1)), length: 0, sha256: "", bin: true })),
  ], "delegated");
  return enveloped(book.press({ version: 1_234_567, expires: "2030-01-01T00:00:00Z" }, []));
}

const SIGNATURES = [{ keyid: createHash("sha256").update("key").digest("hex"), sig: createHash("sha512").update("signature").digest("hex") }];
const enveloped = (canonical: Buffer): Buffer => envelopeBytes(canonical, SIGNATURES);

export const sizeOf = (bytes: Buffer): Size => ({ plain: bytes.length, gzip: gzipSync(bytes).length, zstd: zstdCompressSync(bytes).length });
const sum = (...sizes: readonly Size[]): Size => sizes.reduce((a, b) => ({ plain: a.plain + b.plain, gzip: a.gzip + b.gzip, zstd: a.zstd + b.zstd }));

/** A returning client, milliseconds each: its cache is warm, and the repository moved. */
export async function ourClient(stage: Stage, rounds = 12): Promise<number[]> {
  const root = await readFile(stage.trustedRoot);
  const times: number[] = [];
  for (let i = 0; i <= rounds; i++) {
    await stage.add(1);
    const start = performance.now();
    const client = await openClient({ metadataUrl: stage.metadataUrl, trust: { root }, cacheDir: join(stage.folder, "client") });
    await client.refresh();
    if ((await client.find(stage.known)) === undefined) throw new Error("an artifact that was published is not found");
    if (i > 0) times.push(performance.now() - start);
  }
  return times;
}
