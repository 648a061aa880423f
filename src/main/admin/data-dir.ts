// A data directory in the hands of a command: its database locked, its storage open, its lease taken.

import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import type { CliContext } from "../../cli/context.ts";
import { CliError } from "../../cli/errors.ts";
import { processEnvironment } from "../../config/environment.ts";
import { loadConfig } from "../../config/load.ts";
import type { Config } from "../../config/schema.ts";
import { systemClock, systemRandom } from "../../drivers/clock/system/clock.ts";
import { openSqlite, type SqliteDatabase } from "../../drivers/database/sqlite/sqlite.ts";
import { createFileSigners } from "../../drivers/signer/file/signers.ts";
import { createTelemetry } from "../../drivers/telemetry/pino/telemetry.ts";
import { useSigstore } from "../../drivers/verifier/sigstore/sigstore.ts";
import type { Storage } from "../../ports/storage.ts";
import type { PublisherDeps } from "../../publisher/deps.ts";
import { LeaseHold } from "../../publisher/lease-hold.ts";
import { dataPathsOf, type DataPaths } from "../service.ts";
import { publisherPolicyOf, signersOf } from "../settings.ts";
import { openStorage, storageOrderOf, type StorageOrder } from "../storage.ts";
import { verifyThresholdApart } from "../../tuf/threshold.ts";

export interface DataDirFlags {
  readonly config?: string;
  readonly dataDir?: string;
  readonly keyDir?: string;
  readonly json?: boolean;
}

export interface Place {
  readonly config: Config;
  readonly paths: DataPaths;
}

/** @throws ConfigError */
export function placeOf(context: CliContext, flags: DataDirFlags): Place {
  const { config } = loadConfig({ flags: { dataDir: flags.dataDir, keyDir: flags.keyDir }, configFile: flags.config, environment: processEnvironment(), cwd: context.cwd });
  return { config, paths: dataPathsOf(config) };
}

/** A rstuf.db left beside a configuration of PostgreSQL is not the repository. @throws CliError `not-here` */
export function requireSqlite({ config }: Place): void {
  if (config.database.url === undefined) return;
  throw new CliError("not-here", "this command works on SQLite in a data directory; with database.url it cannot be done yet", { todo: "For backups use PostgreSQL's own tools: docs/operate/postgres.md" });
}

/** @throws CliError `file-unreadable` | `not-here` */
export function requireDatabase(place: Place): void {
  requireSqlite(place);
  const { config, paths } = place;
  if (!existsSync(paths.database)) throw new CliError("file-unreadable", `${config.dataDir} is no data directory: it holds no rstuf.db`);
}

/** A new or empty folder. @throws CliError `file-exists` */
export function requireEmptyFolder(folder: string, mode: number): void {
  mkdirSync(folder, { recursive: true, mode });
  if (readdirSync(folder).some((name) => name !== ".pending")) throw new CliError("file-exists", `${folder} is not empty; nothing was changed`);
}

/** Database and storage of the service that `config` describes. */
export function partsOf({ config, paths }: Place): DataDirParts {
  return { database: paths.database, storage: storageOrderOf(config) };
}

export interface DataDirParts {
  readonly database: string;
  readonly storage: StorageOrder;
}

export interface OpenDataDir {
  readonly database: SqliteDatabase;
  readonly storage: Storage;
  readonly deps: PublisherDeps;
  readonly hold: LeaseHold;
}

const LEASE_MS = 60_000;

/**
 * Runs `work` with the database's lock and lease, and gives both up.
 * @throws DatabaseError `unavailable` while a service has the data directory
 */
export async function withDataDir<T>(config: Config, parts: DataDirParts, work: (open: OpenDataDir) => Promise<T>): Promise<T> {
  if (config.keys.sigstoreTrustedRoot !== undefined) await useSigstore(config.keys.sigstoreTrustedRoot);
  const database = await openSqlite({ file: resolve(parts.database) });
  try {
    const storage = await openStorage(parts.storage);
    try {
      return await withLease(database, async (hold) => {
        const telemetry = createTelemetry({ level: "warn", processMetrics: false, base: { part: "admin" } });
        const signers = createFileSigners({ ...signersOf(config), env: (name) => processEnvironment()[name] });
        return await work({ database, storage, hold, deps: { database, storage, signers, verify: verifyThresholdApart, clock: systemClock, random: systemRandom, telemetry, policy: publisherPolicyOf(config) } });
      });
    } finally {
      await storage.close();
    }
  } finally {
    await database.close();
  }
}

async function withLease<T>(database: SqliteDatabase, work: (hold: LeaseHold) => Promise<T>): Promise<T> {
  // Whoever holds the file's lock is the only process there is; a lease that is not over yet is a dead one's.
  const { lease } = await database.publisher();
  const hold = await LeaseHold.take(database, systemClock, LEASE_MS, lease.holder === "" ? systemRandom.hex(16) : lease.holder);
  if (hold === undefined) throw new Error("the lease of a dead publisher could not be taken");
  const over = new AbortController();
  const kept = hold.keep(over.signal, () => undefined);
  try {
    return await work(hold);
  } finally {
    over.abort();
    await kept;
    await database.releaseLease(hold.lease).catch(() => undefined);
  }
}
