// A repository on fakes that is watched: after every change of timestamp.json three clients
// walk it, and whatever the database or the storage is told is compared with the model.
//
// The database keeps a history of its transactions, so that it can lose the last of them.

import type { DelegationEdit } from "../../src/roles/custom-delegations.ts";
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { fsck } from "../../src/fsck/fsck.ts";
import { filesOfStorage } from "../../src/fsck/files.ts";
import type { Accepted, AcceptRequest, Database, NewChange, TaskKind, Topic } from "../../src/ports/database.ts";
import type { PublisherDeps, PublisherPolicy } from "../../src/publisher/deps.ts";
import { unitIn } from "../../src/roles/pending-edit.ts";
import { sha256Hex } from "../../src/tuf/crypto.ts";
import type { Key } from "../../src/tuf/documents.ts";
import { createFakeClock, createFakeRandom } from "../fakes/clock.ts";
import { DAY_MS, START, TEST_POLICY } from "../fakes/publisher-stage.ts";
import { rememberedVerdict } from "../fakes/remembered-verdict.ts";
import { createMemorySigners } from "../fakes/signer.ts";
import { createMemoryStorage } from "../fakes/storage.ts";
import { createMemoryTelemetry } from "../fakes/telemetry.ts";
import { begin, emptyCache, finish, isExpired, isStillSo, visit, type Cache, type InFlight, type Seen } from "./clients.ts";
import { memoryEngine, type Engine } from "./engine.ts";
import { Model } from "./model.ts";
import { publicKeyIdentity } from "../../src/tuf/keys.ts";
import { createHolder, rootOf, signedBy, type Holder, type RootPlan, type SignedRoot } from "../fakes/root-holders.ts";
import { Clients } from "../rotation/clients.ts";

const WRITES = new Set([
  "accept", "openImport", "stageImport", "dropImport", "takeLease", "renewLease", "releaseLease", "halt", "cut", "rebase", "allocate", "stageAdopted", "adopt", "stageResults", "stageTaskResults",
  "commit", "markVisible", "fold", "dropBatch", "endTasks", "forgetGarbage", "forgetBefore", "stageMoves",
  "shareOut", "claimShare", "renewClaim", "releaseClaim", "finishShare", "setWaiting", "resumeWaiting", "post", "freezeEvent", "endEvent", "forgetEvent",
]);
/** What is hinted by whom, where the database's own hints come by a network. */
const HINTS: Readonly<Record<string, Topic | undefined>> = {
  accept: "work", dropBatch: "work", resumeWaiting: "work", forgetEvent: "work", markVisible: "visible", endTasks: "visible", endEvent: "visible", adopt: "visible",
  halt: "visible", post: "visible", shareOut: "shares", releaseClaim: "shares", finishShare: "shares",
};
const LIMITS = { changes: 1_000_000, bytes: 1_000_000_000 };

export interface WorldOptions {
  readonly seed?: number;
  readonly policy?: Partial<PublisherPolicy>;
  readonly weakReplace?: boolean;
  /** People sign top-level targets, from the bootstrap on: two of `PEOPLE`. */
  readonly offlineTargets?: true;
  /** The first root nears its end. */
  readonly rootNearsItsEnd?: boolean;
  /** Where accepted changes are bounded. */
  readonly limits?: { readonly changes: number; readonly bytes: number };
}

// All worlds begin with one root and the same keys, so that what was verified once is known to all of them.
const [ONLINE, NEXT] = [generateKeyPairSync("ed25519").privateKey, generateKeyPairSync("ed25519").privateKey];
/** They sign roots, one of two. */
export const ROOT_HOLDERS = [createHolder(), createHolder()] as const;
/** They sign delegated roles, and targets where people do; two of them have to. */
export const PEOPLE = [createHolder(), createHolder(), createHolder()] as const;
const planOfRoot = (version: number, online: Key, more: Partial<RootPlan> = {}): ReturnType<typeof rootOf> =>
  rootOf({ version, holders: ROOT_HOLDERS, threshold: 1, online, expiresMs: START + 3650 * DAY_MS, ...more });
const firstRoot = (more: Partial<RootPlan>): Buffer => Buffer.from(JSON.stringify(signedBy(planOfRoot(1, createMemorySigners().addEd25519("fn:online", ONLINE), more), ROOT_HOLDERS[0])));
const ROOT = firstRoot({});
const ROOT_NEAR_ITS_END = firstRoot({ expiresMs: START + 20 * DAY_MS });
const ROOT_OF_OFFLINE_TARGETS = firstRoot({ targets: { holders: PEOPLE, threshold: 2 } });

/** Calls of a database that takes its time. */
let underWay = 0;
const waiting: (() => void)[] = [];

/** Lets everything that is ready run, and what databases are asked for be answered. */
export async function rest(): Promise<void> {
  for (;;) {
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    if (underWay === 0) return;
    await new Promise<void>((resolve) => waiting.push(resolve));
  }
}

export class World {
  /** Of all worlds in this thread. */
  static engine: Engine = memoryEngine;
  readonly clock = createFakeClock(START, rest);
  readonly random;
  readonly storage;
  readonly signers = createMemorySigners();
  readonly telemetry = createMemoryTelemetry();
  readonly model = new Model();
  readonly root: Buffer;
  readonly #offlineTargets: boolean;
  readonly #online: Key;
  readonly policy: PublisherPolicy;
  readonly #limits: { readonly changes: number; readonly bytes: number };
  #inner: Database;
  #replayNow: number | undefined;
  readonly #history: { readonly method: string; readonly args: readonly unknown[]; readonly now: number }[] = [];
  /** The first thing that was not as it must be. */
  violation: unknown;
  readonly #returning: Cache = emptyCache();
  #flight: InFlight | undefined;
  #timestamp: Seen | undefined;
  /** What the timestamp in flight led to when it was read. */
  #flightSaw: Seen | undefined;
  /** Timestamp bytes clients were shown, by version. */
  readonly shown = new Map<number, Buffer>();
  readonly #made = new Map<string, string>();
  readonly #versions = new Map<string, string>();
  /** Whether version numbers are still unique by name: not once the database lost some. */
  #lost = false;
  #lengths = 0;
  /** They sign whatever waits for them, as soon as somebody looks. */
  people: readonly Holder[] = [];
  /** They sign a root that waits, as soon as somebody looks. */
  rootHolders: readonly Holder[] = [];
  /** While keys change: who reads roots at one moment and what they lead to later, at every moment of it. */
  #pollers: Clients | undefined;
  /** A task may have changed its state. */
  #tasksMoved = false;

  constructor(options: WorldOptions = {}) {
    this.random = createFakeRandom(options.seed ?? 1);
    this.policy = { ...TEST_POLICY, ...options.policy };
    this.#limits = options.limits ?? LIMITS;
    this.storage = createMemoryStorage({ weakReplace: options.weakReplace ?? false });
    const look = (): void => this.#watch(() => this.#pollers?.look());
    this.storage.hooks = {
      before: (operation) => {
        if (operation === "create" || operation === "replace") look();
      },
      after: (operation, name) => {
        if (operation === "replace") this.#watch(() => this.#timestampChanged());
        if (operation === "create") this.#watch(() => this.#created(name));
        if (operation === "create" || operation === "replace") look();
      },
    };
    this.#inner = World.engine.open(() => this.#now());
    this.#online = this.signers.addEd25519("fn:online", ONLINE);
    this.#offlineTargets = options.offlineTargets ?? false;
    this.root = this.#offlineTargets ? ROOT_OF_OFFLINE_TARGETS : options.rootNearsItsEnd === true ? ROOT_NEAR_ITS_END : ROOT;
  }

  #now(): number {
    return this.#replayNow ?? this.clock.now();
  }

  // ---------------------------------------------------------------- database

  /** The database itself, never faulty. */
  get inner(): Database {
    return this.#inner;
  }

  /** What publishers and requests speak to; its transactions are remembered. */
  readonly database: Database = new Proxy({} as Database, {
    get: (_, method: string) => {
      return (...args: readonly unknown[]) => {
        if (method === "subscribe") return this.#subscribe(args[0] as Topic, args[1] as () => void);
        if (WRITES.has(method)) this.#history.push({ method, args, now: this.clock.now() });
        if (method === "cut") return this.#cut(args);
        if (method === "markVisible" || method === "endTasks") this.#tasksMoved = true;
        return World.engine.apart ? this.#slowly(method, args) : called(this.#inner, method, args);
      };
    },
  });

  /** What somebody asks for as soon as the next batch is cut. */
  uponCut: (() => Promise<unknown>) | undefined;

  async #cut(args: readonly unknown[]): Promise<unknown> {
    const answer = await (World.engine.apart ? this.#slowly("cut", args) : called(this.#inner, "cut", args));
    const then = this.uponCut;
    this.uponCut = undefined;
    await then?.();
    return answer;
  }

  async #slowly(method: string, args: readonly unknown[]): Promise<unknown> {
    underWay += 1;
    try {
      return await called(this.#inner, method, args);
    } finally {
      underWay -= 1;
      if (underWay === 0) for (const resolve of waiting.splice(0)) resolve();
      const topic = HINTS[method];
      if (topic !== undefined) setImmediate(() => { for (const listener of [...this.#listeners]) if (listener.topic === topic) listener.call(); });
    }
  }

  /** Listeners outlive a database that lost commits. */
  #subscribe(topic: Topic, call: () => void): () => void {
    const listener = { topic, call, end: this.#inner.subscribe(topic, call) };
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      listener.end();
    };
  }
  readonly #listeners = new Set<{ readonly topic: Topic; readonly call: () => void; end: () => void }>();

  get historyLength(): number {
    return this.#history.length;
  }

  /** Position in the history of the last transaction of that kind; -1 when there is none. */
  lastOf(method: string): number {
    return this.#history.findLastIndex((entry) => entry.method === method);
  }

  /** Position in the history of the last accepted request for a change of that kind; -1 when there is none. */
  lastAccepted(kind: NewChange["kind"]): number {
    return this.#history.findLastIndex(({ method, args }) => method === "accept" && (args[0] as AcceptRequest).changes.some((change) => change.kind === kind));
  }

  /** Position of the first commit, before which the database is of no repository; -1. */
  get firstCommit(): number {
    return this.#history.findIndex((entry) => entry.method === "commit");
  }

  /** The database is from now on as it was before transaction `at`. */
  loseCommits(at: number): void {
    assert.ok(!World.engine.apart, "only a database in memory loses what it is told to");
    this.#lost = true;
    const kept = this.#history.splice(0).slice(0, at);
    this.#inner = World.engine.open(() => this.#now());
    for (const { method, args, now } of kept) {
      this.#replayNow = now;
      void Promise.resolve(called(this.#inner, method, args)).catch(() => undefined);
    }
    this.#replayNow = undefined;
    this.#history.push(...kept);
    for (const listener of this.#listeners) listener.end = this.#inner.subscribe(listener.topic, listener.call);
    this.model.lost(at);
  }

  // ---------------------------------------------------------------- requests

  request(kind: TaskKind, changes: readonly NewChange[], more: Partial<AcceptRequest> = {}): AcceptRequest {
    const id = this.random.hex(16);
    const paths = changes.flatMap(({ path }) => (path === "" ? [] : [path]));
    const roles = [...new Set(changes.map((change) => change.role))];
    return {
      task: { id, kind, createdMs: this.clock.now(), request: { paths, roles } },
      changes,
      held: false,
      limits: this.#limits,
      idempotency: { principal: "p", key: id, bodySha256: id },
      ...more,
    };
  }

  /** A request that takes effect is in the model from then on, whatever its caller is told later. */
  async accept(request: AcceptRequest): Promise<Accepted> {
    const at = this.#history.length;
    const answer = await this.database.accept(request);
    if (answer.outcome === "accepted") this.model.accepted(request, at);
    return answer;
  }

  adds(paths: readonly string[], more: Partial<AcceptRequest> = {}): AcceptRequest {
    const changes = paths.map((path) => ({ kind: "add" as const, role: "bins-0", path, fragment: `{"hashes":{"sha256":"${"ab".repeat(32)}"},"length":${String(++this.#lengths)}}` }));
    return this.request("add_artifacts", changes, more);
  }

  /** An import of these paths, staged and accepted. */
  async import(paths: readonly string[]): Promise<void> {
    const { changes, task: { id } } = this.adds(paths);
    const writer = this.random.hex(16);
    const lines = changes.length;
    await this.database.openImport({ task: id, principal: "p", key: id, writer, maxChanges: 1_000, maxOpen: 10 });
    await this.database.stageImport({ task: id, writer, after: 0, lines, invalid: 0, changes });
    const task = { id, kind: "import_artifacts", createdMs: this.clock.now(), request: { imported: { lines, invalid: 0 } } } as const;
    const accept: AcceptRequest = { task, changes: [], held: false, import: { writer, lines }, limits: this.#limits };
    const at = this.#history.length;
    await this.database.accept(accept);
    this.model.accepted({ ...accept, changes }, at);
  }

  removes(paths: readonly string[]): AcceptRequest {
    return this.request("remove_artifacts", paths.map((path) => ({ kind: "remove" as const, role: "bins-0", path, fragment: "" })));
  }

  release(): AcceptRequest {
    return this.request("publish_artifacts", [{ kind: "refresh", role: "", path: "", fragment: "" }], { releaseHeld: true });
  }

  refresh(roles: readonly string[]): AcceptRequest {
    return this.request("force_online_metadata_update", roles.map((role) => ({ kind: "refresh" as const, role, path: "", fragment: "" })));
  }

  /** An edit of delegations, as the door stores it. */
  delegates(edit: DelegationEdit): AcceptRequest {
    return this.request("metadata_delegation", [{ kind: "delegate", role: "targets", path: "", fragment: JSON.stringify(edit) }]);
  }

  /** Root 2, of the same people and the same online key but for what `more` says; signed by all of them. */
  nextRoot(more: Partial<RootPlan> = {}): SignedRoot {
    return signedBy(planOfRoot(2, this.#online, more), ...ROOT_HOLDERS);
  }

  /** An online key to come. */
  nextKey(): Key {
    return this.signers.addEd25519("fn:next", NEXT);
  }

  /**
   * A document that a team signed elsewhere, as the door stores it, indented as no file of ours: the role lists `paths` from then
   * on, and no other.
   */
  async uploads(role: string, team: Holder, version: number, paths: readonly string[]): Promise<void> {
    const adds = this.adds(paths).changes;
    const targets = Object.fromEntries(adds.map(({ path, fragment }) => [path, JSON.parse(fragment) as unknown]));
    const expires = `${new Date(this.clock.now() + 30 * DAY_MS).toISOString().slice(0, 19)}Z`;
    const signed = { _type: "targets", spec_version: "1.0.31", version, expires, targets };
    const fragment = JSON.stringify({ signatures: [team.sign(signed)], signed }, null, 2);
    const request = this.request("metadata_delegation", [{ kind: "document", role, path: "", fragment }]);
    const gone = (this.#uploaded.get(role)?.paths ?? []).filter((path) => !paths.includes(path));
    const at = this.#history.length;
    await this.database.accept(request);
    this.model.accepted({ ...request, changes: [...adds, ...this.removes(gone).changes] }, at);
    this.#uploaded.set(role, { name: `${String(version)}.${role}.json`, bytes: fragment, paths });
  }
  /** The last document of each role that a team signs elsewhere. */
  readonly #uploaded = new Map<string, { readonly name: string; readonly bytes: string; readonly paths: readonly string[] }>();

  /** A new root, complete, as the door stores it. */
  updatesRoot({ signed, signatures }: SignedRoot, compromised = false): AcceptRequest {
    const request = this.request("metadata_update", []);
    const start = {
      id: this.random.hex(16), role: "root", kind: "root" as const, version: signed.version, document: Buffer.from(JSON.stringify({ signed, signatures })), task: request.task.id, startedMs: this.clock.now(),
      signatures: signatures.map((signature, at) => ({ ...signature, identity: publicKeyIdentity(ROOT_HOLDERS[at]!.key) })),
      ...(compromised ? { note: { compromised } } : {}),
    };
    return { ...request, event: compromised ? { start, besideFrozen: true } : { start } };
  }

  /** From now on clients poll at every write, and none may be refused. */
  poll(): void {
    this.#pollers = new Clients({ storage: this.storage, clock: this.clock, deps: this.deps() });
    this.#pollers.look();
  }

  bootstrap(bins: number): AcceptRequest {
    const days = { root: 365, targets: 365, snapshot: 1, timestamp: 1, bins: 7 };
    const roles = Object.fromEntries(Object.entries(days).map(([role, expiration]) => [role, { expiration, ...(role === "bins" ? { number_of_delegated_bins: bins } : {}) }]));
    const request = this.request("bootstrap", []);
    const payload = { settings: { roles, ...(this.#offlineTargets ? { targets_online_key: false } : {}) }, metadata: { root: JSON.parse(this.root.toString()) as Record<string, never> } };
    return { ...request, settings: { bootstrap: `pre-${request.task.id}`, bootstrap_request: payload }, expectBootstrap: { was: undefined } };
  }

  /** Everybody signs everything that waits. Answers whether there was something. */
  async signAll(): Promise<boolean> {
    let signed = false;
    const events = this.people.length + this.rootHolders.length === 0 ? [] : await this.inner.signingEvents();
    const stopped = new Set(events.flatMap((event) => (event.state === "cancelled" && event.kind === "delegated" ? (unitIn(event)?.unit ?? []) : [])));
    for (const event of events) {
      if (event.state !== "open") continue;
      const document = (JSON.parse(event.document.toString()) as { signed: unknown }).signed;
      for (const holder of (event.role === "root" ? this.rootHolders : this.people).slice(event.signatures.length)) {
        const signature = { ...holder.sign(document), identity: publicKeyIdentity(holder.key) };
        const request = this.request("sign_metadata", [], { event: { sign: { event: event.id, signature } } });
        if (event.kind === "delegated" && stopped.has(unitIn(event)?.unit ?? "")) this.model.stopped(request.task.id);
        if (event.role === "root") this.model.signsRoot(request.task.id);
        await this.accept(request);
        signed = true;
      }
    }
    return signed;
  }

  /** Nobody shall sign what waits for `role`, as the door stores it. */
  async stops(role: string): Promise<AcceptRequest> {
    const event = (await this.inner.signingEvents()).find((each) => each.role === role && each.state === "open");
    assert.ok(event, `nothing waits for ${role}`);
    for (const { kind, task } of await this.inner.eventChanges(event.id)) if (kind === "delegate") this.model.stopped(task);
    return this.request("delete_sign_metadata", [], { event: { cancel: { event: event.id } }, result: { state: "SUCCESS", message: "stopped", lastUpdateMs: this.clock.now() } });
  }

  // ---------------------------------------------------------------- what is watched

  deps(): PublisherDeps {
    const { database, storage, signers, clock, random, telemetry, policy } = this;
    return { database, storage, signers, verify: rememberedVerdict, clock, random, telemetry, policy };
  }

  /** The bytes of timestamp.json that clients see now. */
  get stored(): Buffer | undefined {
    return this.storage.peek("timestamp.json");
  }

  /** The seq of the head whose timestamp clients see; 0 for none, undefined for one this database does not know. */
  async storedSeq(): Promise<number | undefined> {
    return this.stored === undefined ? 0 : (await this.#inner.committed(sha256Hex(this.stored)))?.seq;
  }

  #watch(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.violation ??= error;
    }
  }

  #timestampChanged(): void {
    const now = this.clock.now();
    const bytes = this.stored!;
    const { version } = (JSON.parse(bytes.toString()) as { signed: { version: number } }).signed;
    const highest = Math.max(0, ...this.shown.keys());
    const same = this.shown.get(version);
    assert.ok(version >= highest, `timestamp.json went down from version ${String(highest)} to ${String(version)}`);
    assert.ok(same === undefined || same.equals(bytes), `timestamp.json of version ${String(version)} changed`);
    this.shown.set(version, bytes);
    this.finishFlight();
    try {
      this.#timestamp = visit(this.storage, this.root, emptyCache(), now);
      visit(this.storage, this.root, this.#returning, now);
    } catch (error) {
      // What expired while no publisher lived is refused rightly.
      if (!isExpired(error)) throw error;
      this.#timestamp = undefined;
    }
    if (this.#timestamp !== undefined) this.model.saw(this.#timestamp.targets);
    this.#flight = begin(this.storage, this.#returning);
    this.#flightSaw = this.#timestamp;
  }

  #created(name: string): void {
    const bytes = this.storage.peek(name);
    if (bytes === undefined) return;
    const made = this.#made.get(name);
    const hash = sha256Hex(bytes);
    assert.ok(made === undefined || made === hash, `${name} was used twice`);
    this.#made.set(name, hash);
    const [version = "", role] = name.split(".");
    if (role === "root" || this.#lost) return;
    const other = this.#versions.get(version);
    assert.ok(other === undefined || other === name, `${name} and ${String(other)} share a version`);
    this.#versions.set(version, name);
  }

  /** A client in flight since the last publish goes on now. */
  finishFlight(): void {
    this.#watch(() => {
      try {
        if (this.#flightSaw !== undefined && isStillSo(this.storage, this.#flightSaw, this.clock.now())) return;
        if (this.#flight !== undefined) finish(this.storage, this.root, this.#flight, this.clock.now());
      } catch (error) {
        if (!isExpired(error)) throw error;
      }
    });
  }

  /** Nobody is in flight any more. */
  forgetFlight(): void {
    this.#flight = this.#flightSaw = undefined;
  }

  /** Throws the first violation. Also compares the tasks with the model when one may have moved. */
  async requireUnbroken(): Promise<void> {
    if (this.#tasksMoved) {
      this.#tasksMoved = false;
      for (const id of this.model.tasks.keys()) {
        const row = await this.#inner.getTask(id);
        if (row !== undefined && this.#timestamp !== undefined) this.#watch(() => this.model.told(row));
      }
    }
    if (this.violation !== undefined) throw this.violation as Error;
  }

  /** How many accepted tasks have not ended; those that wait for their release are not counted. */
  async openTasks(): Promise<number> {
    let open = 0;
    for (const { id } of this.model.tasks.values()) {
      const row = await this.#inner.getTask(id);
      if (row?.result === undefined && row?.held !== true) open += 1;
    }
    return open;
  }

  /** After the last fault is repaired: all of it, from the bytes. */
  async requireWhole(): Promise<void> {
    this.finishFlight();
    this.#tasksMoved = true;
    await this.requireUnbroken();
    const now = this.clock.now();
    const fresh = visit(this.storage, this.root, emptyCache(), now);
    visit(this.storage, this.root, this.#returning, now);
    this.model.saw(fresh?.targets ?? new Map());
    this.model.requireSettled();
    assert.equal(await this.openTasks(), 0, "a task is stuck");
    assert.deepEqual(await this.#inner.openBatches(), [], "a batch is open");
    for (const { name, bytes } of this.#uploaded.values()) assert.equal(this.storage.peek(name)?.toString(), bytes, `${name} is not what its team uploaded`);
    assert.deepEqual((await this.#inner.signingEvents()).map(({ role, state }) => [role, state]), [], "a signing event is left");
    assert.deepEqual(await this.#inner.backlog(), { changes: 0, bytes: 0 });
    const state = await this.#inner.publisher();
    assert.equal(state.halted, undefined);
    const report = await fsck({ files: filesOfStorage(this.storage.copy()), root: this.root, database: this.#inner, now });
    assert.deepEqual(report.faults, []);
    assert.deepEqual(report.notes, []);
  }
}

const called = (database: Database, method: string, args: readonly unknown[]): unknown =>
  (Reflect.get(database, method) as (...args: readonly unknown[]) => unknown).apply(database, [...args]);
