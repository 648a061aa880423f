// A repository's state in the hands of a command: its database opened, its storage open, its lease taken.
//
// Nobody else publishes meanwhile. SQLite belongs to one process, so a service that runs is refused at
// the file's lock. On PostgreSQL the lease says who publishes: a worker that leads is refused; one that
// died is waited for until its lease is over. APIs may run on: they accept, and publish nothing.

import { existsSync, mkdirSync, readdirSync } from "node:fs";
import type { CliContext } from "../../cli/context.ts";
import { CliError } from "../../cli/errors.ts";
import { processEnvironment } from "../../config/environment.ts";
import { loadConfig } from "../../config/load.ts";
import type { Config } from "../../config/schema.ts";
import { systemClock, systemRandom } from "../../drivers/clock/system/clock.ts";
import { requireNotMoved } from "../../drivers/database/sqlite/moved.ts";
import { createFileSigners } from "../../drivers/signer/file/signers.ts";
import { createTelemetry } from "../../drivers/telemetry/pino/telemetry.ts";
import { useSigstore } from "../../drivers/verifier/sigstore/sigstore.ts";
import type { Database } from "../../ports/database.ts";
import type { Storage } from "../../ports/storage.ts";
import type { PublisherDeps } from "../../publisher/deps.ts";
import { LeaseHold } from "../../publisher/lease-hold.ts";
import { databaseOrderOf, openDatabase, placeOfDatabase, type DatabaseOrder, type OpenDatabase } from "../database.ts";
import { dataPathsOf, type DataPaths } from "../service.ts";
import { publisherPolicyOf, signersOf } from "../settings.ts";
import { openStorage, storageOrderOf, type StorageOrder } from "../storage.ts";
import { verifyThresholdApart } from "../../tuf/threshold.ts";

export interface StateFlags {
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
export function placeOf(context: Pick<CliContext, "cwd">, flags: StateFlags): Place {
  const { config } = loadConfig({ flags: { dataDir: flags.dataDir, keyDir: flags.keyDir }, configFile: flags.config, environment: processEnvironment(), cwd: context.cwd, purpose: "no-api" });
  return { config, paths: dataPathsOf(config) };
}

/** Opening would make a new one. @throws CliError `file-unreadable`; DatabaseError `moved` */
export function requireDatabase({ config, paths }: Place): void {
  if (config.database.url !== undefined) return;
  if (!existsSync(paths.database)) throw new CliError("file-unreadable", `${config.dataDir} is no data directory: it holds no rstuf.db`, { todo: "Say --data-dir, or --config with database.url when the state is in PostgreSQL." });
  requireNotMoved(paths.database);
}

/** A new or empty folder. @throws CliError `file-exists` */
export function requireEmptyFolder(folder: string, mode: number): void {
  mkdirSync(folder, { recursive: true, mode });
  if (readdirSync(folder).some((name) => name !== ".pending")) throw new CliError("file-exists", `${folder} is not empty; nothing was changed`);
}

/** Database and storage of the service that `config` describes. */
export function partsOf({ config }: Place): StateParts {
  return { database: databaseOrderOf(config), storage: storageOrderOf(config) };
}

export interface StateParts {
  readonly database: DatabaseOrder;
  readonly storage: StorageOrder;
}

export interface OpenState {
  readonly database: Database;
  readonly storage: Storage;
  readonly deps: PublisherDeps;
  readonly hold: LeaseHold;
}

const LEASE_MS = 60_000;
const LOOK_EVERY_MS = 500;

/**
 * Runs `work` with the database's lease, and gives it up.
 * @throws DatabaseError `unavailable` while a service has the data directory; CliError `busy` while a worker leads
 */
export async function withState<T>(config: Config, parts: StateParts, work: (open: OpenState) => Promise<T>): Promise<T> {
  return await withDatabase(config, parts.database, async (database, hold) => {
    const storage = await openStorage(parts.storage);
    try {
      const telemetry = createTelemetry({ level: "warn", processMetrics: false, base: { part: "admin" } });
      const signers = createFileSigners({ ...signersOf(config), env: (name) => processEnvironment()[name] });
      return await work({ database, storage, hold, deps: { database, storage, signers, verify: verifyThresholdApart, clock: systemClock, random: systemRandom, telemetry, policy: publisherPolicyOf(config) } });
    } finally {
      await storage.close();
    }
  });
}

/** The same, where no storage is needed, or another one. */
export async function withDatabase<T>(config: Config, order: DatabaseOrder, work: (database: Database, hold: LeaseHold) => Promise<T>): Promise<T> {
  if (config.keys.sigstoreTrustedRoot !== undefined) await useSigstore(config.keys.sigstoreTrustedRoot);
  const opened = await openDatabase(order, () => undefined);
  const { database } = opened;
  try {
    const hold = await takeLease(opened, placeOfDatabase(order));
    const over = new AbortController();
    const kept = hold.keep(over.signal, () => undefined);
    try {
      return await work(database, hold);
    } finally {
      over.abort();
      await kept;
      await database.releaseLease(hold.lease).catch(() => undefined);
    }
  } finally {
    await database.close();
  }
}

async function takeLease({ database, exclusive }: OpenDatabase, where: string): Promise<LeaseHold> {
  const { lease } = await database.publisher();
  // Whoever holds the file's lock is the only process there is; a lease that is not over yet is a dead one's.
  const holder = exclusive && lease.holder !== "" ? lease.holder : systemRandom.hex(16);
  for (;;) {
    const hold = await LeaseHold.take(database, systemClock, LEASE_MS, holder);
    if (hold !== undefined) return hold;
    const { lease: now } = await database.publisher();
    if (now.untilMs > lease.untilMs) throw new CliError("busy", `a publisher is at work on ${where}; nothing was changed`, { todo: "Stop every rstuf worker and rstuf serve of this repository, then say this again. APIs may run on." });
    await systemClock.sleep(LOOK_EVERY_MS);
  }
}
