// A repository on fakes: what may be asked of it, who signs, and what must be so. Clients watch its storage (watch.ts), its
// database can lose the last transactions (history.ts), and what both are told is compared with a model (model.ts).

import assert from "node:assert/strict";
import { filesOfStorage } from "../../src/fsck/files.ts";
import { fsck } from "../../src/fsck/fsck.ts";
import type { Accepted, AcceptRequest, Database, NewChange, TaskKind } from "../../src/ports/database.ts";
import type { PublisherDeps, PublisherPolicy } from "../../src/publisher/deps.ts";
import type { DelegationEdit } from "../../src/roles/custom-delegations.ts";
import { unitIn } from "../../src/roles/pending-edit.ts";
import { sha256Hex } from "../../src/tuf/crypto.ts";
import type { Key } from "../../src/tuf/documents.ts";
import { publicKeyIdentity } from "../../src/tuf/keys.ts";
import { createFakeClock, createFakeRandom } from "../fakes/clock.ts";
import { DAY_MS, START, TEST_POLICY } from "../fakes/publisher-stage.ts";
import { rememberedVerdict } from "../fakes/remembered-verdict.ts";
import { signedBy, type Holder, type RootPlan, type SignedRoot } from "../fakes/root-holders.ts";
import { createMemorySigners } from "../fakes/signer.ts";
import { createMemoryStorage } from "../fakes/storage.ts";
import { createMemoryTelemetry } from "../fakes/telemetry.ts";
import { memoryEngine, type Engine } from "./engine.ts";
import { History, rest } from "./history.ts";
import { NEXT, ONLINE, planOfRoot, ROOT, ROOT_HOLDERS, ROOT_NEAR_ITS_END, ROOT_OF_OFFLINE_TARGETS } from "./holders.ts";
import { Model } from "./model.ts";
import { Watch } from "./watch.ts";

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
  readonly history: History;
  readonly watch: Watch;
  /** What publishers and requests speak to; its transactions are remembered. */
  readonly database: Database;
  #lengths = 0;
  /** They sign whatever waits for them, as soon as somebody looks. */
  people: readonly Holder[] = [];
  /** They sign a root that waits, as soon as somebody looks. */
  rootHolders: readonly Holder[] = [];

  constructor(options: WorldOptions = {}) {
    this.random = createFakeRandom(options.seed ?? 1);
    this.policy = { ...TEST_POLICY, ...options.policy };
    this.#limits = options.limits ?? LIMITS;
    this.storage = createMemoryStorage({ weakReplace: options.weakReplace ?? false });
    this.#online = this.signers.addEd25519("fn:online", ONLINE);
    this.#offlineTargets = options.offlineTargets ?? false;
    this.root = this.#offlineTargets ? ROOT_OF_OFFLINE_TARGETS : options.rootNearsItsEnd === true ? ROOT_NEAR_ITS_END : ROOT;
    this.history = new History(World.engine, this.clock);
    this.database = this.history.database;
    this.watch = new Watch(this.storage, this.root, this.clock, this.model);
  }

  /** The database itself, never faulty. */
  get inner(): Database {
    return this.history.inner;
  }

  /** The database is from now on as it was before transaction `at`. */
  loseCommits(at: number): void {
    this.history.lose(at);
    this.watch.versionsAreUnique = false;
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
    const at = this.history.length;
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
    const at = this.history.length;
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
    const at = this.history.length;
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
    this.watch.poll({ storage: this.storage, clock: this.clock, deps: this.deps() });
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
    return this.stored === undefined ? 0 : (await this.inner.committed(sha256Hex(this.stored)))?.seq;
  }

  /** Throws the first violation. Also compares the tasks with the model when one may have moved. */
  async requireUnbroken(): Promise<void> {
    if (this.history.tasksMoved) {
      this.history.tasksMoved = false;
      for (const id of this.model.tasks.keys()) {
        const row = await this.inner.getTask(id);
        if (row !== undefined && this.watch.sees) this.watch.check(() => this.model.told(row));
      }
    }
    if (this.watch.violation !== undefined) throw this.watch.violation as Error;
  }

  /** How many accepted tasks have not ended; those that wait for their release are not counted. */
  async openTasks(): Promise<number> {
    let open = 0;
    for (const { id } of this.model.tasks.values()) {
      const row = await this.inner.getTask(id);
      if (row?.result === undefined && row?.held !== true) open += 1;
    }
    return open;
  }

  /** After the last fault is repaired: all of it, from the bytes. */
  async requireWhole(): Promise<void> {
    this.watch.finishFlight();
    this.history.tasksMoved = true;
    await this.requireUnbroken();
    const now = this.clock.now();
    this.model.saw(this.watch.walk()?.targets ?? new Map());
    this.model.requireSettled();
    assert.equal(await this.openTasks(), 0, "a task is stuck");
    assert.deepEqual(await this.inner.openBatches(), [], "a batch is open");
    for (const { name, bytes } of this.#uploaded.values()) assert.equal(this.storage.peek(name)?.toString(), bytes, `${name} is not what its team uploaded`);
    assert.deepEqual((await this.inner.signingEvents()).map(({ role, state }) => [role, state]), [], "a signing event is left");
    assert.deepEqual(await this.inner.backlog(), { changes: 0, bytes: 0 });
    const state = await this.inner.publisher();
    assert.equal(state.halted, undefined);
    const report = await fsck({ files: filesOfStorage(this.storage.copy()), root: this.root, database: this.inner, now });
    assert.deepEqual(report.faults, []);
    assert.deepEqual(report.notes, []);
  }
}
