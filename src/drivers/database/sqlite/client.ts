// The Database as one thread sees it: reads on its own connection, writes as messages.

import type { MessagePort } from "node:worker_threads";

import { nextTurn } from "../../../lib/turn.ts";
import { DatabaseError } from "../../../ports/database.ts";
import type {
  Accepted, AcceptRequest, Adoption, ArtifactPlace, ArtifactRange, ArtifactRow, ChangeOutcome, Claim, ClaimedShare, Commit, CommittedHead, CutChange, Database, EventEffect, ForgetLimits, Garbage, ImportSlice, ImportState, Lease,
  Move, NewBatch, NewChange, NewImport, NewNotice, NewShare, Notice, OpenBatch, OpenChange, OpenLimit, PendingChange, PlaceRange, PublisherState, RoleFilter, RoleResult, RoleRow, SettingValue, SigningEvent, Target, TaskFilter,
  TaskPlace, TaskRow, TaskSummary, Topic,
} from "../../../ports/database.ts";
import type { Rest } from "../../../ports/rest.ts";
import { faultOf } from "./faults.ts";
import { bytesOf, byPlace, ending, endings, pressingChanges, requireWellFormed, settingsOf, taskText } from "../common/stored.ts";
import type { TaskEndings } from "../common/stored.ts";
import { CUT_SLICE, FLAT_WIDTH, SLICE, SMALL_CUT } from "./messages.ts";
import type { AcceptMessage, Call, Halted, Reply, Wait, WriteCalls } from "./messages.ts";
import { Reader } from "./reader.ts";

export interface ClientOptions {
  readonly file: string;
  readonly busyTimeoutMs: number;
  readonly port: MessagePort;
  readonly clock: BigInt64Array | undefined;
}

export class SqliteClient implements Database {
  readonly #file: string;
  readonly #port: MessagePort;
  readonly #reader: Reader;
  readonly #now: () => number;
  readonly #pending = new Map<number, { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void }>();
  readonly #listeners = new Set<{ readonly topic: Topic; readonly call: () => void }>();
  readonly #calling: Call[] = [];
  #calls = 0;
  #closed = false;
  #reading = true;

  constructor({ file, busyTimeoutMs, port, clock }: ClientOptions) {
    this.#file = file;
    this.#port = port;
    this.#now = () => clock ? Number(Atomics.load(clock, 0)) : Date.now();
    try {
      this.#reader = new Reader(file, busyTimeoutMs);
    } catch (error) {
      throw faultOf(error, file);
    }
    port.on("message", (replies: readonly Reply[]) => { for (const reply of replies) this.#receive(reply); });
    port.on("close", () => this.#lost());
    port.unref();
  }

  // ---- requests

  async accept(request: AcceptRequest): Promise<Accepted> {
    const bytes = request.changes.map(bytesOf);
    const message: AcceptMessage = {
      task: taskText(request.task),
      changes: { flat: [] },
      count: request.changes.length,
      bytes: bytes.reduce((sum, n) => sum + n, 0),
      held: request.held,
      releaseHeld: request.releaseHeld ?? false,
      result: request.result && ending(request.result),
      settings: settingsOf(request.settings),
      expectBootstrap: request.expectBootstrap && { was: request.expectBootstrap.was === undefined ? undefined : JSON.stringify(request.expectBootstrap.was) },
      event: request.event,
      import: request.import,
      idempotency: request.idempotency,
      limits: request.limits,
    };
    if (request.result && request.changes.length > 0) throw new Error("a task at its end has no changes");
    if (request.changes.length <= SLICE) return this.#call("accept", { ...message, changes: { flat: flatten(request.changes, bytes) } });

    // Large: written ahead in slices, so that neither this thread nor the database's is held up. A
    // backlog that is full by now is told before anything is written; it is checked again with the task.
    if (!request.idempotency) {
      const backlog = await this.backlog();
      if (backlog.changes + message.count > request.limits.changes || backlog.bytes + message.bytes > request.limits.bytes) {
        throw new DatabaseError("backlog-full", `${backlog.changes} changes are pending; ${message.count} more are too many`);
      }
    }
    let staging = 0;
    try {
      for (let from = 0; from < request.changes.length; from += SLICE) {
        const flat = flatten(request.changes.slice(from, from + SLICE), bytes.slice(from, from + SLICE));
        staging = await this.#call("stage", staging, message.count, from, request.held, flat);
      }
      const accepted = await this.#call("accept", { ...message, changes: { staging } });
      if (accepted.outcome === "replayed") await this.#call("unstage", staging);
      return accepted;
    } catch (error) {
      // Best effort: what stays is removed when this client goes, or at the next start.
      if (staging !== 0) this.#call("unstage", staging).catch(() => undefined);
      throw error;
    }
  }

  openImport(request: NewImport): Promise<ImportState> {
    return this.#call("openImport", request);
  }

  findImport(principal: string, key: string): Promise<ImportState | undefined> {
    return this.#read((db) => db.findImport(principal, key));
  }

  async stageImport({ task, writer, after, lines, invalid, changes }: ImportSlice): Promise<void> {
    const total = changes.length;
    if (changes.some(({ kind }) => kind !== "add")) throw new Error("an import adds, and does nothing else");
    let offset = 0;
    for (const part of total === 0 ? [[]] : byPlace(changes, SLICE)) {
      const flat: (string | number)[] = [];
      for (const { place, change } of part) {
        requireWellFormed(change);
        flat.push(place, change.role, change.path, change.fragment);
      }
      await this.#call("stageRun", { task, writer, after, total, offset, flat, ends: offset + SLICE >= total ? { lines, invalid } : undefined });
      offset += SLICE;
    }
  }

  dropImport(task: string, writer: string): Promise<void> {
    return this.#call("dropImport", task, writer);
  }

  getTask(id: string): Promise<TaskRow | undefined> {
    return this.#read((db) => db.getTask(id));
  }

  requestsOf(tasks: readonly string[]): Promise<ReadonlyMap<string, Pick<TaskRow, "kind" | "request">>> {
    return this.#read((db) => db.requestsOf(tasks));
  }

  backlog(): Promise<{ changes: number; bytes: number }> {
    return this.#read((db) => db.backlog());
  }

  setting(name: string): Promise<SettingValue | undefined> {
    return this.#read((db) => db.setting(name));
  }

  settings(): Promise<Readonly<Record<string, SettingValue>>> {
    return this.#read((db) => db.settings());
  }

  envelope(role: string, version?: number): Promise<{ version: number; bytes: Buffer } | undefined> {
    return this.#read((db) => db.envelope(role, version));
  }

  listed(role: string | undefined, paths: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#read((db) => db.listed(role, paths));
  }

  // ---- lease and head

  publisher(): Promise<PublisherState> {
    return this.#read((db) => db.publisher());
  }

  takeLease(holder: string, ttlMs: number): Promise<Lease | undefined> {
    return this.#call("takeLease", holder, ttlMs);
  }

  renewLease(lease: Lease, ttlMs: number): Promise<void> {
    return this.#call("renewLease", lease, ttlMs);
  }

  releaseLease(lease: Lease): Promise<void> {
    return this.#call("releaseLease", lease);
  }

  head(): Promise<CommittedHead | undefined> {
    return this.#read((db) => db.head());
  }

  committed(sha256: string): Promise<{ seq: number } | undefined> {
    return this.#read((db) => db.committed(sha256));
  }

  halt(lease: Lease, halted: Halted | undefined): Promise<void> {
    return this.#call("halt", lease, halted);
  }

  // ---- a batch, in order

  openChanges(limit: OpenLimit): Promise<readonly OpenChange[]> {
    return this.#read((db) => db.openChanges(limit));
  }

  async cut(lease: Lease, batch: NewBatch, rest?: Rest): Promise<{ firstVersion: number }> {
    const { id, changes, events } = batch;
    const isSmall = changes.length <= SMALL_CUT;
    const begun = await this.#call("cut", lease, { ...batch, changes: isSmall ? changes.map(bound) : [] }, changes.length);
    // One slice is bound while the next is on its way: this thread may be at something else when it is heard that one is bound.
    let binding: Promise<unknown> = Promise.resolve();
    for (let from = isSmall ? changes.length : 0; from < changes.length; from += CUT_SLICE) {
      await rest?.();
      const slice = { id, changes: changes.slice(from, from + CUT_SLICE).map(bound), isLast: from + CUT_SLICE >= changes.length, patiently: rest !== undefined };
      const next = this.#call("cutOn", lease, events === undefined ? slice : { ...slice, events });
      next.catch(() => undefined);
      await binding;
      binding = next;
    }
    await binding;
    return begun;
  }

  rebase(lease: Lease, batch: string, base: string): Promise<{ snapshotVersion: number }> {
    return this.#call("rebase", lease, batch, base);
  }

  allocate(lease: Lease, count: number, above: number): Promise<number> {
    return this.#call("allocate", lease, count, above);
  }

  readTargets(base: string, roles: readonly string[]): Promise<ReadonlyMap<string, readonly Target[]>> {
    return this.#read((db) => db.readTargets(base, roles));
  }

  stageResults(lease: Lease, batch: string, results: readonly RoleResult[]): Promise<void> {
    return this.#call("stageResults", lease, batch, results);
  }

  stageMoves(lease: Lease, batch: string, moves: readonly Move[]): Promise<void> {
    return this.#call("stageMoves", lease, batch, moves);
  }

  async stageTaskResults(lease: Lease, batch: string, results: TaskEndings): Promise<void> {
    return this.#call("stageTaskResults", lease, batch, endings(results));
  }

  async commit(lease: Lease, commit: Commit): Promise<{ seq: number }> {
    return this.#call("commit", lease, { ...commit, settings: settingsOf(commit.settings), newRoles: commit.newRoles ?? [], retiredRoles: commit.retiredRoles ?? [] });
  }

  markVisible(lease: Lease, seq: number): Promise<void> {
    return this.#call("markVisible", lease, seq);
  }

  async fold(lease: Lease, limit: number, patiently = false): Promise<{ remaining: boolean }> {
    const folding = this.#call("fold", lease, limit, patiently);
    // Not with what this thread asks next: that would be before it, and what comes after that wait for it.
    this.flush();
    const folded = await folding;
    // A hint may have come with the answer: it is heard before more is folded.
    await nextTurn();
    return folded;
  }

  openBatches(): Promise<readonly OpenBatch[]> {
    return this.#read((db) => db.openBatches());
  }

  dropBatch(lease: Lease, batch: string, died: boolean): Promise<void> {
    return this.#call("dropBatch", lease, batch, died);
  }

  taskChanges(task: string): Promise<readonly (OpenChange & { outcome?: ChangeOutcome })[]> {
    return this.#read((db) => db.taskChanges(task));
  }

  importRemainder(task: string, limit: number, adoption?: string): Promise<{ open: boolean; setAside: number; paths: readonly string[] }> {
    return this.#read((db) => db.importRemainder(task, limit, adoption));
  }

  async endTasks(lease: Lease, results: TaskEndings, settings?: Readonly<Record<string, SettingValue>>, events: readonly EventEffect[] = []): Promise<void> {
    return this.#call("endTasks", lease, endings(results), settingsOf(settings), events);
  }

  // ---- shares of a batch

  shareOut(lease: Lease, batch: string, terms: string, shares: readonly NewShare[]): Promise<void> {
    return this.#call("shareOut", lease, batch, terms, shares);
  }

  claimShare(holder: string, ttlMs: number): Promise<ClaimedShare | undefined> {
    return this.#call("claimShare", holder, ttlMs);
  }

  renewClaim(claim: Claim, ttlMs: number): Promise<void> {
    return this.#call("renewClaim", claim, ttlMs);
  }

  releaseClaim(claim: Claim): Promise<void> {
    return this.#call("releaseClaim", claim);
  }

  finishShare(claim: Claim, results: readonly RoleResult[]): Promise<void> {
    return this.#call("finishShare", claim, results);
  }

  sharedResults(batch: string): Promise<{ left: number; results: readonly RoleResult[] }> {
    return this.#read((db) => db.sharedResults(batch));
  }

  // ---- changes that wait for people

  setWaiting(lease: Lease, changes: readonly Wait[]): Promise<void> {
    return this.#call("setWaiting", lease, changes);
  }

  waitingRoles(): Promise<readonly string[]> {
    return this.#read((db) => db.waitingRoles());
  }

  waitingChanges(role: string, limit: { changes: number; bytes: number }): Promise<readonly OpenChange[]> {
    return this.#read((db) => db.waitingChanges(role, limit));
  }

  resumeWaiting(lease: Lease, role?: string): Promise<void> {
    return this.#call("resumeWaiting", lease, role);
  }

  eventChanges(event: string): Promise<readonly OpenChange[]> {
    return this.#read((db) => db.eventChanges(event));
  }

  // ---- signing events

  signingEvents(): Promise<readonly SigningEvent[]> {
    return this.#read((db) => db.signingEvents());
  }

  signingStamp(): Promise<string> {
    return this.#read((db) => db.signingStamp());
  }

  freezeEvent(lease: Lease, event: string, frozen: { bytes: Uint8Array; signatures: number }): Promise<void> {
    return this.#call("freezeEvent", lease, event, frozen);
  }

  async endEvent(lease: Lease, event: string, { envelopes, settings, results }: Parameters<Database["endEvent"]>[2]): Promise<void> {
    return this.#call("endEvent", lease, event, { envelopes, settings: settingsOf(settings), results: endings(results) });
  }

  forgetEvent(lease: Lease, event: string): Promise<void> {
    return this.#call("forgetEvent", lease, event);
  }

  // ---- adoption

  pendingChanges(): Promise<readonly PendingChange[]> {
    return this.#read((db) => db.pendingChanges());
  }

  pendingImported(range: PlaceRange, limit: { changes: number; bytes: number }): Promise<readonly PendingChange[] | undefined> {
    return this.#read((db) => db.pendingImported(range, limit));
  }

  stageAdopted(lease: Lease, adoption: string, role: string, targets: readonly Target[]): Promise<void> {
    return this.#call("stageAdopted", lease, adoption, role, targets);
  }

  adoptedTargets(adoption: string, places: readonly ArtifactPlace[]): Promise<readonly (ArtifactPlace & Target)[]> {
    return this.#read((db) => db.adoptedTargets(adoption, places));
  }

  stageEnded(lease: Lease, adoption: string, changes: readonly CutChange[]): Promise<void> {
    return this.#call("stageEnded", lease, adoption, changes);
  }

  async adopt(lease: Lease, adoption: Adoption): Promise<{ seq: number; readBack: number; dropped: number }> {
    const { press, results, settings, ...rest } = adoption;
    return this.#call("adopt", lease, { ...rest, settings: settingsOf(settings), results: endings(results), press: press && pressing(press) });
  }

  // ---- lists

  artifacts(range: ArtifactRange, after: ArtifactPlace | undefined, limit: number): Promise<readonly ArtifactRow[]> {
    return this.#read((db) => db.artifacts(range, after, limit));
  }

  countArtifacts(role: string, atMost: number): Promise<number> {
    return this.#read((db) => db.countArtifacts(role, atMost));
  }

  rolesAfter(after: string | undefined, filter: RoleFilter, limit: number): Promise<readonly RoleRow[]> {
    return this.#read((db) => db.rolesAfter(after, filter, limit));
  }

  tasks(filter: TaskFilter, after: TaskPlace | undefined, limit: number): Promise<{ rows: readonly TaskSummary[]; next?: TaskPlace }> {
    return this.#read((db) => db.tasks(filter, after, limit));
  }

  // ---- notices

  notices(after: string, limit: number): Promise<{ rows: readonly Notice[]; missed: boolean }> {
    return this.#read((db) => db.notices(after, limit));
  }

  lastNotice(): Promise<string> {
    return this.#read((db) => db.lastNotice());
  }

  post(lease: Lease, notices: readonly NewNotice[]): Promise<void> {
    return this.#call("post", lease, notices);
  }

  takeDelivery(receiver: string, holder: string, ttlMs: number): Promise<string | undefined> {
    return this.#call("takeDelivery", receiver, holder, ttlMs);
  }

  keepDelivery(receiver: string, holder: string, sent: string): Promise<boolean> {
    return this.#call("keepDelivery", receiver, holder, sent);
  }

  // ---- roles

  roles(): Promise<readonly RoleRow[]> {
    return this.#read((db) => db.roles());
  }

  role(name: string): Promise<RoleRow | undefined> {
    return this.#read((db) => db.role(name));
  }

  rolesExpiringBefore(beforeMs: number, limit: number): Promise<readonly RoleRow[]> {
    return this.#read((db) => db.rolesExpiringBefore(beforeMs, limit));
  }

  firstExpiry(): Promise<ReadonlyMap<RoleRow["kind"], number>> {
    return this.#read((db) => db.firstExpiry());
  }

  // ---- retention

  dueGarbage(nowMs: number, limit: number): Promise<readonly Garbage[]> {
    return this.#read((db) => db.dueGarbage(nowMs, limit));
  }

  forgetGarbage(lease: Lease, names: readonly string[]): Promise<void> {
    return this.#call("forgetGarbage", lease, names);
  }

  forgetBefore(lease: Lease, limits: ForgetLimits, limit: number): Promise<void> {
    return this.#call("forgetBefore", lease, limits, limit);
  }

  now(): Promise<number> {
    return this.#read(() => this.#now());
  }

  subscribe(topic: Topic, call: () => void): () => void {
    const listener = { topic, call };
    this.#listeners.add(listener);
    this.#keepAlive();
    return () => {
      this.#listeners.delete(listener);
      this.#keepAlive();
    };
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.flush();
    this.#port.close();
    this.#lost();
    return Promise.resolve();
  }

  /** Reads are refused from now on; calls under way are still answered. */
  stopReading(): void {
    if (!this.#reading) return;
    this.#reading = false;
    this.#reader.close();
  }

  // ---- how

  async #read<T>(work: (reader: Reader) => T): Promise<T> {
    if (!this.#reading) throw this.#isClosed();
    try {
      return work(this.#reader);
    } catch (error) {
      throw faultOf(error, this.#file);
    }
  }

  #call<K extends keyof WriteCalls>(method: K, ...args: Parameters<WriteCalls[K]>): Promise<ReturnType<WriteCalls[K]>> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw this.#isClosed();
      const call = ++this.#calls;
      this.#send({ call, method, args } satisfies Call<K>);
      this.#pending.set(call, { resolve: resolve as (value: unknown) => void, reject });
      this.#keepAlive();
    });
  }

  #send(call: Call): void {
    this.#calling.push(call);
    if (this.#calling.length === 1) setImmediate(() => { this.flush(); });
  }

  /** What was called in this turn is on its way then. */
  flush(): void {
    if (this.#calling.length > 0) this.#port.postMessage(this.#calling.splice(0));
  }

  #receive(reply: Reply): void {
    if ("hint" in reply) {
      for (const { topic, call } of [...this.#listeners]) if (topic === reply.hint) call();
      return;
    }
    const waiting = this.#pending.get(reply.call);
    this.#pending.delete(reply.call);
    this.#keepAlive();
    if (!waiting) return;
    if ("value" in reply) {
      waiting.resolve(reply.value);
      return;
    }
    const { code, message } = reply.fault;
    waiting.reject(code === undefined ? new Error(message) : new DatabaseError(code as DatabaseError["code"], message));
  }

  /** The database thread ended, or this client closed: what it was still doing may have happened. */
  #lost(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listeners.clear();
    this.stopReading();
    for (const { reject } of this.#pending.values()) {
      reject(new DatabaseError("unclear", `the connection to the database ${this.#file} closed while a call was under way`));
    }
    this.#pending.clear();
  }

  #isClosed(): DatabaseError {
    return new DatabaseError("unavailable", `the database ${this.#file} is closed`);
  }

  /** Open calls and listeners keep the thread running; an idle connection does not. */
  #keepAlive(): void {
    if (this.#pending.size > 0 || this.#listeners.size > 0) this.#port.ref();
    else this.#port.unref();
  }
}

/** What is sent of a change: whoever planned it knows more. */
const bound = ({ id, task, outcome, role }: CutChange): CutChange => ({ id, task, outcome, role });

function flatten(changes: readonly NewChange[], bytes: readonly number[]): (string | number)[] {
  const flat = new Array<string | number>(changes.length * FLAT_WIDTH);
  let i = 0;
  for (const [n, { kind, role, path, fragment }] of changes.entries()) {
    flat[i++] = kind;
    flat[i++] = role;
    flat[i++] = path;
    flat[i++] = fragment;
    flat[i++] = bytes[n] ?? 0;
  }
  return flat;
}

/** The request to press roles again, as if it had come in. */
function pressing({ task, roles }: NonNullable<Adoption["press"]>): AcceptMessage {
  const changes = pressingChanges({ task, roles });
  return {
    task: taskText(task), changes: { flat: flatten(changes, changes.map(bytesOf)) }, count: changes.length, bytes: 0,
    held: false, releaseHeld: false, result: undefined, settings: [], expectBootstrap: undefined, event: undefined, import: undefined, idempotency: undefined,
    limits: { changes: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER },
  };
}
