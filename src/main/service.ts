// The service: database, storage, publisher's thread and API, put together; or the API alone, or
// the publisher alone, of several that share one PostgreSQL.
//
// The only file in which they meet. Order of start: the database is opened (SQLite's data
// directory is taken), storage is opened (its left-overs cleaned) before the publisher writes
// there, the publisher's thread proves storage, the API listens. The end goes the other way round.
// While the database's thread starts on another core this one loads what the API is made of. A worker that does not listen
// never loads it.

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { MetadataFiles } from "../api/metadata-files.ts";
import type { Config } from "../config/schema.ts";
import { systemClock, systemRandom } from "../drivers/clock/system/clock.ts";
import { createTelemetry } from "../drivers/telemetry/pino/telemetry.ts";
import { useSigstore } from "../drivers/verifier/sigstore/sigstore.ts";
import { tidyWhenIdle } from "../lib/tidy.ts";
import { answering, readiness } from "../operations/readiness.ts";
import type { Database } from "../ports/database.ts";
import { compress } from "./compress.ts";
import { databaseOrderOf, openDatabase } from "./database.ts";
import { publicUrlFault } from "./public-url.ts";
import { apiSettingsOf, publisherPolicyOf, purgeOf, readingSettingsOf, signersOf } from "./settings.ts";
import { startWebhooks } from "./webhooks.ts";
import { openStorage, placeOfStorage, storageOrderOf } from "./storage.ts";
import { trialFiles } from "./trial-files.ts";
import { givingWay } from "./threads/give-way.ts";
import { startPublisher } from "./threads/publisher-link.ts";
import { createReading } from "./threads/reading-link.ts";

/** How long the turn in hand may take to end; cut off, it loses nothing either. */
const STOP_MS = 3_000;
/** More than any file we publish. */
const METADATA_BYTES = 64 * 1024 * 1024;

export interface Service {
  /** `http://HOST:PORT` as a browser on this machine would write it; a worker's, where `worker.listen` took effect. */
  readonly origin: string | undefined;
  /** Where `metadata.listen` took effect. */
  readonly metadataOrigin: string | undefined;
  readonly database: Database;
  readonly paths: DataPaths;
  /** Ends everything within seconds, losing nothing. */
  stop(): Promise<void>;
}

export interface DataPaths {
  readonly database: string;
  /** A folder, or the place of a bucket, for people. */
  readonly metadata: string;
  readonly files: string;
  readonly trustedRoot: string;
}

export function dataPathsOf(config: Config): DataPaths {
  return {
    database: join(config.dataDir, "rstuf.db"),
    metadata: placeOfStorage(storageOrderOf(config)),
    files: join(config.dataDir, "files"),
    trustedRoot: join(config.dataDir, "trusted", "1.root.json"),
  };
}

/** `serve`: both in one process. `api`: requests and metadata. `worker`: publishes when it leads, and stands by when another does. */
export type Part = "serve" | "api" | "worker";

export interface ServiceOptions {
  readonly part: Part;
  readonly config: Config;
  readonly version: string;
  /** Trial mode: serves `<data-dir>/files/` too. */
  readonly trial: boolean;
  /** Hears of the end of a thread, or that the database can no longer be written; the process must end then. */
  readonly died: (error: Error) => void;
}

export async function startService(options: ServiceOptions): Promise<Service> {
  tidyWhenIdle();
  const parts = new AsyncDisposableStack();
  try {
    return await assemble(options, parts);
  } catch (error) {
    await parts.disposeAsync();
    throw error;
  }
}

/** What was put on `parts` is taken down in the opposite order: first the API, last the database. */
async function assemble({ part, config, version, trial, died }: ServiceOptions, parts: AsyncDisposableStack): Promise<Service> {
  const paths = dataPathsOf(config);
  mkdirSync(config.dataDir, { recursive: true, mode: 0o750 });
  const telemetry = createTelemetry({ level: config.log.level, clock: systemClock });
  const { sigstoreTrustedRoot } = config.keys;
  if (sigstoreTrustedRoot !== undefined) await useSigstore(sigstoreTrustedRoot);
  const opening = openDatabase(databaseOrderOf(config), died);
  // Who refuses first is told; the other's refusal is nobody's surprise then.
  const loading = part === "worker" ? undefined : Promise.all([import("../api/app.ts"), import("../api/metadata-app.ts")]);
  loading?.catch(() => undefined);
  const opened = await opening;
  const { database } = opened;
  parts.defer(() => database.close());
  if (opened.exclusive) await endDeadLease(database);
  const storage = await openStorage(storageOrderOf(config), part === "api" ? "read" : "write");
  parts.defer(() => storage.close());
  if (trial) await mkdir(paths.files, { recursive: true });

  if (part !== "api") {
    const order = {
      storage: storageOrderOf(config),
      purge: purgeOf(config),
      signers: signersOf(config),
      sigstoreTrustedRoot,
      logLevel: config.log.level,
      policy: publisherPolicyOf(config),
    };
    const publisher = await startPublisher(opened, order, telemetry.metrics, died);
    parts.defer(() => publisher.stop(STOP_MS));
  }
  const metricsText = (): Promise<string> => telemetry.metricsText();
  const service = { database, paths, stop: () => parts.disposeAsync() };
  if (loading === undefined) {
    const probes = config.worker.listen === undefined ? undefined : (await import("../api/probes-app.ts")).createProbesApp({ metricsText, readiness: () => answering(database) });
    await probes?.listen(config.worker.listen);
    parts.defer(() => probes?.close());
    return { ...service, origin: probes && originOf("http", probes.server.address() as AddressInfo), metadataOrigin: undefined };
  }
  const [{ createApi }, { createMetadataApp }] = await loading;
  const settings = apiSettingsOf(config, version, trial);
  const files: MetadataFiles = { read: (name) => storage.read(name, METADATA_BYTES), compress };
  const reading = createReading(opened, { sigstoreTrustedRoot, settings: readingSettingsOf(settings) }, telemetry.log);
  parts.defer(() => reading.stop());
  // Beside the one who publishes; an API apart has its processors for itself.
  const reads = part === "api" ? undefined : givingWay(reading.answering, database, systemClock);
  parts.defer(() => reads?.stop());
  const api = await createApi({
    database,
    clock: systemClock,
    random: systemRandom,
    telemetry,
    metricsText,
    // Beside others it takes requests whether or not somebody leads just now.
    readiness: () => part === "api" ? answering(database) : readiness(database, systemClock),
    metadata: files,
    reads: (reads ?? reading).answering,
    ...(trial ? { files: trialFiles(paths.files) } : {}),
    settings,
  });
  await api.listen({ host: config.server.host, port: config.server.port });
  parts.defer(() => api.close());
  const metadataApp = config.metadata.listen === undefined ? undefined : createMetadataApp(files, telemetry, settings.limits);
  await metadataApp?.listen(config.metadata.listen);
  parts.defer(() => metadataApp?.close());
  parts.defer(keepTrustedRoot(database, paths.trustedRoot));
  parts.defer(startWebhooks(config, version, database, telemetry.log));
  if (config.metadata.publicUrl !== undefined) {
    void publicUrlFault(config.metadata.publicUrl).then((warning) => { if (warning !== undefined) telemetry.log.warn({ warning }, "clients may be misled"); });
  }

  return {
    ...service,
    origin: originOf(config.tls.cert === undefined ? "http" : "https", api.server.address() as AddressInfo),
    metadataOrigin: metadataApp === undefined ? undefined : originOf("http", metadataApp.server.address() as AddressInfo),
  };
}

/** The directory lock is ours, so whoever holds the lease is dead: a crash need not cost the rest of its time. */
async function endDeadLease(database: Database): Promise<void> {
  const { lease } = await database.publisher();
  if (lease.holder !== "") await database.releaseLease(lease).catch(() => undefined);
}

function originOf(scheme: string, { address, family, port }: AddressInfo): string {
  const host = address === "::" || address === "0.0.0.0" ? "localhost" : family === "IPv6" ? `[${address}]` : address;
  return `${scheme}://${host}:${String(port)}`;
}

/** Puts root version 1 where clients of this machine find it, once there is one. */
function keepTrustedRoot(database: Database, file: string): () => void {
  const write = async (): Promise<void> => {
    const root = await database.envelope("root", 1);
    if (root === undefined || (existsSync(file) && readFileSync(file).equals(root.bytes))) return;
    await mkdir(join(file, ".."), { recursive: true });
    await writeFile(`${file}.new`, root.bytes, { mode: 0o644 });
    await rename(`${file}.new`, file);
  };
  let writing = write();
  return database.subscribe("visible", () => { writing = writing.then(write).catch(() => undefined); });
}
