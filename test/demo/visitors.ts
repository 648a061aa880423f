// Two clients under one face: ours, and tuf-js.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Updater } from "tuf-js";
import { AppError } from "../../src/lib/app-error.ts";
import { systemClock } from "../../src/drivers/clock/system/clock.ts";
import { folder as folderOf, openClient } from "../../src/main/client.ts";
import type { Mirror } from "./mirror.ts";

export interface Visitor {
  readonly name: string;
  /** Refreshes and looks `path` up, as an honest visit. */
  find(path: string): Promise<void>;
  /** A later visit with the same cache, on a clock that is `aheadMs` ahead. */
  download(path: string, aheadMs: number): Promise<void>;
  /** Why it refused, in its own words, with a code where it has one. */
  reason(error: unknown): string;
}

export interface VisitorOptions {
  readonly mirror: Mirror;
  readonly rootBytes: Buffer;
  readonly folder: string;
}

export async function ourVisitor({ mirror, rootBytes, folder }: VisitorOptions): Promise<Visitor> {
  await mkdir(folder, { recursive: true });
  const visit = (aheadMs: number) =>
    openClient({
      metadataUrl: mirror.metadataUrl,
      artifactsUrl: mirror.artifactsUrl,
      trust: { root: rootBytes },
      cacheDir: join(folder, "ours"),
      clock: { ...systemClock, now: () => Date.now() + aheadMs },
    });
  return {
    name: "rstuf",
    async find(path) {
      if ((await (await visit(0)).find(path)) === undefined) throw new Error(`${path} is not in the repository`);
    },
    async download(path, aheadMs) {
      await (await visit(aheadMs)).download(path, folderOf(join(folder, "ours-files")));
    },
    reason: (error) => (error instanceof AppError ? `${error.code}: ${error.message}` : String(error)),
  };
}

export async function tufJsVisitor({ mirror, rootBytes, folder }: VisitorOptions): Promise<Visitor> {
  const metadataDir = join(folder, "tuf-js");
  const targetDir = join(folder, "tuf-js-files");
  await mkdir(metadataDir, { recursive: true });
  await mkdir(targetDir, { recursive: true });
  await writeFile(join(metadataDir, "root.json"), rootBytes);
  const updater = (): Updater => new Updater({
    metadataDir,
    targetDir,
    metadataBaseUrl: mirror.metadataUrl.replace(/\/$/, ""),
    targetBaseUrl: mirror.artifactsUrl.replace(/\/$/, ""),
    config: { prefixTargetsWithHash: false, fetchRetry: 0, fetchTimeout: 5_000 },
  });
  const fetchOne = async (client: Updater, path: string): Promise<void> => {
    const found = await client.getTargetInfo(path);
    if (found === undefined) throw new Error(`${path} not found`);
    await client.downloadTarget(found);
  };
  return {
    name: "tuf-js",
    async find(path) {
      if ((await updater().getTargetInfo(path)) === undefined) throw new Error(`${path} is not in the repository`);
    },
    download: (path, aheadMs) => atTime(aheadMs, () => fetchOne(updater(), path)),
    reason: (error) => (error instanceof Error ? `${error.constructor.name}: ${error.message}` : String(error)),
  };
}

/** tuf-js asks `new Date()` for the time and takes no other clock. */
async function atTime(aheadMs: number, visit: () => Promise<void>): Promise<void> {
  const RealDate = globalThis.Date;
  if (aheadMs === 0) return visit();
  globalThis.Date = class extends RealDate {
    constructor(...values: [] | [number | string]) {
      if (values.length === 0) super(RealDate.now() + aheadMs);
      else super(...values);
    }
  } as DateConstructor;
  try {
    await visit();
  } finally {
    globalThis.Date = RealDate;
  }
}
