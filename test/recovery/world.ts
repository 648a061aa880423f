// A publisher on the real drivers, SQLite and a folder, with a clock moved by hand and keys in
// memory: for what needs a disk that is copied, damaged or full, and hours that pass.

import assert from "node:assert/strict";
import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { createFileFetcher } from "../../src/drivers/fetcher/file/fetcher.ts";
import { openSqlite, type SqliteDatabase } from "../../src/drivers/database/sqlite/sqlite.ts";
import { openPosixStorage } from "../../src/drivers/storage/posix/storage.ts";
import { filesOfStorage } from "../../src/fsck/files.ts";
import { fsck } from "../../src/fsck/fsck.ts";
import { openClient, type Client } from "../../src/main/client.ts";
import type { NewChange, TaskKind, TaskRow } from "../../src/ports/database.ts";
import { METADATA_NAME, type Storage } from "../../src/ports/storage.ts";
import type { PublisherDeps } from "../../src/publisher/deps.ts";
import { LeaseHold } from "../../src/publisher/lease-hold.ts";
import { Publisher } from "../../src/publisher/publisher.ts";
import type { DelegationEdit } from "../../src/roles/custom-delegations.ts";
import { delegationTreeOf, ownerOf } from "../../src/roles/delegation.ts";
import { composeRoot } from "../../src/roles/root.ts";
import { canonicalize } from "../../src/tuf/canonical.ts";
import type { Json, Key } from "../../src/tuf/documents.ts";
import { keyidOf } from "../../src/tuf/keys.ts";
import { formatExpires, parseEnvelope } from "../../src/tuf/parse.ts";
import { createFakeClock, createFakeRandom } from "../fakes/clock.ts";
import { DAY_MS, HOUR_MS, START, TEST_POLICY } from "../fakes/publisher-stage.ts";
import { createMemorySigners } from "../fakes/signer.ts";
import { createMemoryTelemetry } from "../fakes/telemetry.ts";
import { verifyThreshold } from "../../src/tuf/threshold.ts";

export { DAY_MS, HOUR_MS };

const LIMITS = { changes: 1e9, bytes: 1e12 };

/** `storage` with some methods replaced. */
export function withCalls(storage: Storage, calls: Partial<Storage>): Storage {
  return new Proxy(storage, {
    get: (target, name) => {
      const own: unknown = Reflect.get(name in calls ? calls : target, name);
      return typeof own === "function" ? (own as (...args: unknown[]) => unknown).bind(name in calls ? calls : target) : own;
    },
  });
}

const fragmentOf = (length: number): string => `{"hashes":{"sha256":"${"ab".repeat(32)}"},"length":${String(length)}}`;

export class World {
  readonly folder = mkdtempSync(join(tmpdir(), "rstuf-recovery-"));
  readonly clock = createFakeClock(START);
  readonly telemetry = createMemoryTelemetry();
  readonly signers = createMemorySigners();
  readonly random = createFakeRandom(7);
  /** Version 1. */
  readonly root: Buffer;
  readonly #online: Key;
  readonly #rootKey: KeyObject = generateKeyPairSync("ed25519").privateKey;
  readonly #databaseClock = new BigInt64Array(new SharedArrayBuffer(8));
  #clients = 0;
  database!: SqliteDatabase;
  storage!: Storage;
  deps!: PublisherDeps;
  publisher!: Publisher;

  constructor() {
    this.#online = this.signers.addEd25519("fn:online");
    this.root = this.rootOf(1);
    this.#databaseClock[0] = BigInt(START);
  }

  /** Another version of root, by the same keys unless others are named. */
  rootOf(version: number, rootKey: KeyObject = this.#rootKey, online = this.#online, days = 3650): Buffer {
    const key: Key = { keytype: "ed25519", scheme: "ed25519", keyval: { public: Buffer.from(rootKey.export({ format: "jwk" }).x ?? "", "base64url").toString("hex") } };
    const document = composeRoot({
      version, expires: formatExpires(START + days * DAY_MS), root: { keys: { [keyidOf(key)]: key }, threshold: 1 }, online: { keyid: keyidOf(online), key: online },
    });
    const sig = sign(null, canonicalize(document as unknown as Json), rootKey).toString("hex");
    return Buffer.from(JSON.stringify({ signatures: [{ keyid: keyidOf(key), sig }], signed: document }));
  }

  get metadata(): string {
    return join(this.folder, "metadata");
  }

  get databaseFile(): string {
    return join(this.folder, "rstuf.db");
  }

  /** Opens everything, as a process does that starts; takes no lease. `around` may wrap the storage. */
  async open(around: (storage: Storage) => Storage = (storage) => storage): Promise<void> {
    this.database = await openSqlite({ file: this.databaseFile, clock: this.#databaseClock });
    this.storage = around(await openPosixStorage({ directory: this.metadata }));
    this.deps = { database: this.database, storage: this.storage, signers: this.signers, verify: verifyThreshold, clock: this.clock, random: this.random, telemetry: this.telemetry, policy: TEST_POLICY };
    this.publisher = new Publisher(this.deps);
  }

  /** Ends as a process that is killed does: the lease stays behind. */
  async close(): Promise<void> {
    await this.storage.close();
    await this.database.close();
  }

  async remove(): Promise<void> {
    await this.storage.close().catch(() => undefined);
    await this.database.close().catch(() => undefined);
    rmSync(this.folder, { recursive: true, force: true });
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    Atomics.store(this.#databaseClock, 0, BigInt(this.clock.now()));
  }

  /** Waits until a lease left behind ran out, and leads. */
  async lead(): Promise<void> {
    await this.pass(TEST_POLICY.leaseMs + 1);
    assert.ok(await this.publisher.takeOver(), "the lease is free");
    await this.settle();
  }

  async settle(): Promise<void> {
    while (await this.publisher.turn());
  }

  async hold(): Promise<LeaseHold> {
    await this.pass(TEST_POLICY.leaseMs + 1);
    const hold = await LeaseHold.take(this.database, this.clock, TEST_POLICY.leaseMs, "by hand");
    assert.ok(hold !== undefined, "the lease is free");
    return hold;
  }

  async bootstrap(bins: number): Promise<void> {
    const id = this.random.hex(16);
    const expiration = { root: 365, targets: 365, snapshot: 1, timestamp: 1, bins: 7 };
    const roles = Object.fromEntries(Object.entries(expiration).map(([role, days]) => [role, { expiration: days, ...(role === "bins" ? { number_of_delegated_bins: bins } : {}) }]));
    await this.database.accept({
      task: { id, kind: "bootstrap", createdMs: this.clock.now(), request: {} },
      changes: [], held: false, limits: LIMITS, expectBootstrap: { was: undefined },
      settings: { bootstrap: `pre-${id}`, bootstrap_request: { settings: { roles }, metadata: { root: JSON.parse(this.root.toString()) as Record<string, never> } } },
    });
    assert.ok(await this.publisher.takeOver());
    await this.settle();
  }

  add(paths: readonly string[], { held = false, length = 1 } = {}): Promise<string> {
    return this.#accept("add_artifacts", paths, "add", fragmentOf(length), held);
  }

  drop(paths: readonly string[]): Promise<string> {
    return this.#accept("remove_artifacts", paths, "remove", "", false);
  }

  /** An import that is accepted, to be published behind what else there is. */
  async import(paths: readonly string[]): Promise<string> {
    const [task, writer] = [this.random.hex(16), this.random.hex(16)];
    const changes = await this.#changes(paths, "add", fragmentOf(1));
    await this.database.openImport({ task, principal: "", key: task, writer, maxChanges: paths.length, maxOpen: 10 });
    await this.database.stageImport({ task, writer, after: 0, lines: paths.length, invalid: 0, changes });
    await this.database.accept({
      task: { id: task, kind: "import_artifacts", createdMs: this.clock.now(), request: { imported: { lines: paths.length, invalid: 0 } } },
      changes: [], held: false, import: { writer, lines: paths.length }, limits: LIMITS,
    });
    return task;
  }

  /** A change of delegations, as the door stores it. */
  async delegate(edit: DelegationEdit): Promise<string> {
    const id = this.random.hex(16);
    const change = { kind: "delegate", role: "targets", path: "", fragment: JSON.stringify(edit) } as const;
    await this.database.accept({ task: { id, kind: "metadata_delegation", createdMs: this.clock.now(), request: {} }, changes: [change], held: false, limits: LIMITS });
    return id;
  }

  async #accept(kind: TaskKind, paths: readonly string[], what: NewChange["kind"], fragment: string, held: boolean): Promise<string> {
    const id = this.random.hex(16);
    const changes = await this.#changes(paths, what, fragment);
    await this.database.accept({ task: { id, kind, createdMs: this.clock.now(), request: { paths } }, changes, held, limits: LIMITS });
    return id;
  }

  async #changes(paths: readonly string[], kind: NewChange["kind"], fragment: string): Promise<NewChange[]> {
    const targets = await this.database.envelope("targets");
    const tree = delegationTreeOf(parseEnvelope(targets!.bytes, "targets").signed);
    return paths.map((path) => ({ kind, role: ownerOf(tree, path) ?? "", path, fragment }));
  }

  async task(id: string): Promise<TaskRow> {
    const task = await this.database.getTask(id);
    assert.ok(task !== undefined, `task ${id} is unknown`);
    return task;
  }

  /** A client whose cache lies in a folder of its own. */
  client(): Promise<Client> {
    return openClient({
      metadataUrl: pathToFileURL(`${this.metadata}/`).href,
      trust: { root: this.root },
      fetcher: createFileFetcher(),
      clock: this.clock,
      cacheDir: join(this.folder, `cache-${String(++this.#clients)}`),
    });
  }

  /** Which of `paths` that client finds now; throws when it is refused. */
  async seen(client: Client, paths: readonly string[]): Promise<string[]> {
    await client.refresh();
    const found: string[] = [];
    for (const path of paths) if ((await client.find(path)) !== undefined) found.push(path);
    return found;
  }

  /** Copies the database as it is now, also while it is open. */
  backUpDatabase(to: string): void {
    const db = new DatabaseSync(this.databaseFile, { readOnly: true });
    try {
      db.prepare("VACUUM INTO ?").run(join(this.folder, to));
    } finally {
      db.close();
    }
  }

  /** Puts a copy in the place of the database, which is closed. */
  restoreDatabase(from: string): void {
    for (const suffix of ["-wal", "-shm"]) rmSync(`${this.databaseFile}${suffix}`, { force: true });
    cpSync(join(this.folder, from), this.databaseFile);
  }

  /** Every published file's bytes by name. */
  files(): Map<string, string> {
    return new Map(readdirSync(this.metadata).filter((name) => METADATA_NAME.test(name)).sort().map((name) => [name, readFileSync(join(this.metadata, name), "latin1")]));
  }

  async requireSound(): Promise<void> {
    const report = await fsck({ files: filesOfStorage(this.storage), root: this.root, database: this.database, now: this.clock.now() });
    assert.deepEqual(report.faults, []);
  }
}
