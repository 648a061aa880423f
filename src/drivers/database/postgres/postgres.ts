// ports/database on PostgreSQL, for any number of processes on any number of machines.
//
// Durable: a call that resolved was committed with synchronous_commit on, by a server that syncs.
// Serialisable: every transaction of a publisher locks the publisher's one row first and demands number
// and holder; every acceptance locks the backlog's row first; a publisher takes the second lock after
// the first. So each of the two kinds of transaction runs one after another, and the rows that both
// touch (tasks, settings, signing events) are touched under the second lock, or in one order.
//
// A server that restarts, fails over or loses a session costs no accepted request: reads and acceptance
// are tried again for `patienceMs`; a publisher's transaction is not, it recovers by reading.

import type {
  Accepted, AcceptRequest, Adoption, ArtifactPlace, ArtifactRange, ArtifactRow, ChangeOutcome, Claim, ClaimedShare, Commit, CommittedHead, Database, EventEffect, ForgetLimits, Garbage,
  ImportSlice, ImportState, Lease, Move, NewBatch, NewImport, NewNotice, NewShare, Notice, OpenBatch, OpenChange, PublisherState, RoleFilter, RoleResult, RoleRow, SettingValue, SigningEvent, Target, TaskFilter, TaskPlace,
  TaskRow, TaskSummary, Topic,
} from "../../../ports/database.ts";
import { endings, pressingChanges, settingsOf } from "../common/stored.ts";
import type { TaskEndings } from "../common/stored.ts";
import { placeText } from "../common/notice-place.ts";
import { incoming } from "./accept.ts";
import { AcceptQueue } from "./accept-queue.ts";
import { serverOf } from "./address.ts";
import type { ServerAddress } from "./address.ts";
import { adopt, stageAdopted } from "./adopt.ts";
import { commit, cut, dropBatch, rebase, stageMoves, stageResults, stageTaskResults, undoCuts } from "./batch.ts";
import { endEvent, forgetEvent, freezeEvent } from "./event-end.ts";
import { fold } from "./fold.ts";
import { dropImport, findImport, importRemainder, openImport, stageImport } from "./import.ts";
import { allocateVersions, fence, halt, markVisible, nudge, releaseLease, renewLease, takeLease } from "./lease.ts";
import { Listener } from "./listener.ts";
import * as lists from "./lists.ts";
import { migrate } from "./migrate.ts";
import { keepDelivery, post, takeDelivery } from "./notice.ts";
import { lastPlace, noticesAfter } from "./notice-log.ts";
import { openChanges } from "./queue.ts";
import * as reads from "./reads.ts";
import { Sessions } from "./sessions.ts";
import * as shares from "./share.ts";
import type { Now } from "./sessions.ts";
import { endTasks, forgetBefore, forgetGarbage } from "./task.ts";
import { resumeWaiting, setWaiting } from "./waiting.ts";

export { parseServerUrl } from "./address.ts";

export interface PostgresOptions extends ServerAddress {
  /** A file of certificates, PEM, in place of `ca`. */
  readonly caFile?: string | undefined;
  /** 10. A publisher uses three or four. */
  readonly maxSessions?: number;
  /** 20,000: less than a client waits for an answer, more than a server takes to restart. */
  readonly patienceMs?: number;
  /** The database's clock in place of the server's, for tests. */
  readonly clock?: () => number;
}

/**
 * Connects, and makes or migrates the tables.
 * @throws DatabaseError `unavailable` (not reached within `patienceMs`, refused, or a server that does not keep what it commits) | `newer-schema`
 */
export async function openPostgres(options: PostgresOptions): Promise<Database> {
  const server = serverOf(options);
  const sessions = new Sessions({ server, maxSessions: options.maxSessions ?? 10, patienceMs: options.patienceMs ?? 20_000 });
  const listener = new Listener(sessions, server);
  try {
    await migrate(sessions);
    await listener.start();
  } catch (error) {
    await listener.close();
    await sessions.close();
    throw error;
  }
  return new PostgresDatabase(sessions, listener, options.clock ?? (() => null));
}

class PostgresDatabase implements Database {
  readonly #db: Sessions;
  readonly #listener: Listener;
  readonly #now: () => Now;
  readonly #accepts: AcceptQueue;
  /** Cuts under way. */
  #cuts = 0;

  constructor(sessions: Sessions, listener: Listener, now: () => Now) {
    this.#db = sessions;
    this.#listener = listener;
    this.#now = now;
    this.#accepts = new AcceptQueue(sessions, now);
  }

  // ---- requests

  async accept(request: AcceptRequest): Promise<Accepted> {
    return this.#accepts.accept(incoming(request));
  }

  openImport(request: NewImport): Promise<ImportState> {
    return this.#db.patiently(() => this.#db.transaction((sql) => openImport(sql, request, this.#now())));
  }

  findImport(principal: string, key: string): Promise<ImportState | undefined> {
    return this.#db.read((sql) => findImport(sql, principal, key));
  }

  stageImport(slice: ImportSlice): Promise<void> {
    return stageImport(this.#db, slice, this.#now);
  }

  dropImport(task: string, writer: string): Promise<void> {
    return dropImport(this.#db, task, writer);
  }

  getTask(id: string): Promise<TaskRow | undefined> {
    return this.#db.read((sql) => reads.getTask(sql, id));
  }

  requestsOf(tasks: readonly string[]): Promise<ReadonlyMap<string, Pick<TaskRow, "kind" | "request">>> {
    return this.#db.read((sql) => reads.requestsOf(sql, tasks));
  }

  backlog(): Promise<{ changes: number; bytes: number }> {
    return this.#db.read(reads.backlog);
  }

  setting(name: string): Promise<SettingValue | undefined> {
    return this.#db.read((sql) => reads.setting(sql, name));
  }

  settings(): Promise<Readonly<Record<string, SettingValue>>> {
    return this.#db.read(reads.settings);
  }

  envelope(role: string, version?: number): Promise<{ version: number; bytes: Buffer } | undefined> {
    return this.#db.read((sql) => reads.envelope(sql, role, version));
  }

  listed(role: string | undefined, paths: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#db.read((sql) => reads.listed(sql, role, paths));
  }

  // ---- lease and head

  publisher(): Promise<PublisherState> {
    return this.#db.read(reads.publisher);
  }

  async takeLease(holder: string, ttlMs: number): Promise<Lease | undefined> {
    const lease = await this.#db.transaction((sql) => takeLease(sql, holder, ttlMs, this.#now()));
    // Of a publisher that died while it was cutting.
    if (lease) await undoCuts(this.#db, lease, this.#now);
    return lease;
  }

  renewLease(lease: Lease, ttlMs: number): Promise<void> {
    return this.#db.transaction((sql) => renewLease(sql, lease, ttlMs, this.#now()));
  }

  releaseLease(lease: Lease): Promise<void> {
    return this.#db.transaction((sql) => releaseLease(sql, lease));
  }

  head(): Promise<CommittedHead | undefined> {
    return this.#db.read(reads.head);
  }

  committed(sha256: string): Promise<{ seq: number } | undefined> {
    return this.#db.read((sql) => reads.committed(sql, sha256));
  }

  halt(lease: Lease, halted: { code: string; reason: string } | undefined): Promise<void> {
    return this.#db.transaction((sql) => halt(sql, lease, halted, this.#now()));
  }

  // ---- a batch, in order

  openChanges(limit: { changes: number; bytes: number; imported?: number }): Promise<readonly OpenChange[]> {
    return this.#db.moment((sql) => openChanges(sql, limit));
  }

  cut(lease: Lease, batch: NewBatch): Promise<{ firstVersion: number }> {
    this.#cuts += 1;
    return cut(this.#db, lease, batch, this.#now).finally(() => { this.#cuts -= 1; });
  }

  rebase(lease: Lease, batch: string, base: string): Promise<{ snapshotVersion: number }> {
    return this.#db.transaction((sql) => rebase(sql, lease, batch, base, this.#now()));
  }

  allocate(lease: Lease, count: number, above: number): Promise<number> {
    return this.#db.transaction(async (sql) => {
      await fence(sql, lease, this.#now());
      return allocateVersions(sql, count, above);
    });
  }

  readTargets(base: string, roles: readonly string[]): Promise<ReadonlyMap<string, readonly Target[]>> {
    return this.#db.read((sql) => reads.readTargets(sql, base, roles));
  }

  stageResults(lease: Lease, batch: string, results: readonly RoleResult[]): Promise<void> {
    return stageResults(this.#db, lease, batch, results, this.#now);
  }

  stageMoves(lease: Lease, batch: string, moves: readonly Move[]): Promise<void> {
    return stageMoves(this.#db, lease, batch, moves, this.#now);
  }

  async stageTaskResults(lease: Lease, batch: string, results: TaskEndings): Promise<void> {
    return stageTaskResults(this.#db, lease, batch, endings(results), this.#now);
  }

  commit(lease: Lease, order: Commit): Promise<{ seq: number }> {
    return this.#db.transaction((sql) => commit(sql, lease, { ...order, settings: settingsOf(order.settings) }, this.#now()));
  }

  markVisible(lease: Lease, seq: number): Promise<void> {
    return this.#db.transaction((sql) => markVisible(sql, lease, seq, this.#now()));
  }

  fold(lease: Lease, limit: number): Promise<{ remaining: boolean }> {
    return fold(this.#db, lease, limit, () => this.#cuts > 0, this.#now);
  }

  openBatches(): Promise<readonly OpenBatch[]> {
    return this.#db.read(reads.openBatches);
  }

  dropBatch(lease: Lease, batch: string, died: boolean): Promise<void> {
    return dropBatch(this.#db, lease, batch, died, this.#now);
  }

  taskChanges(task: string): Promise<readonly (OpenChange & { outcome?: ChangeOutcome })[]> {
    return this.#db.read((sql) => reads.taskChanges(sql, task));
  }

  importRemainder(task: string, limit: number): Promise<{ open: boolean; setAside: number; paths: readonly string[] }> {
    return this.#db.moment((sql) => importRemainder(sql, task, limit));
  }

  endTasks(lease: Lease, results: TaskEndings, settings?: Readonly<Record<string, SettingValue>>, events: readonly EventEffect[] = []): Promise<void> {
    return this.#db.transaction((sql) => endTasks(sql, lease, endings(results), settingsOf(settings), events, this.#now()));
  }

  // ---- shares of a batch

  shareOut(lease: Lease, batch: string, terms: string, offered: readonly NewShare[]): Promise<void> {
    return shares.shareOut(this.#db, lease, batch, terms, offered, this.#now);
  }

  claimShare(holder: string, ttlMs: number): Promise<ClaimedShare | undefined> {
    return shares.claimShare(this.#db, holder, ttlMs, this.#now);
  }

  renewClaim(claim: Claim, ttlMs: number): Promise<void> {
    return this.#db.transaction((sql) => shares.renewClaim(sql, claim, ttlMs, this.#now()));
  }

  releaseClaim(claim: Claim): Promise<void> {
    return this.#db.transaction((sql) => shares.releaseClaim(sql, claim));
  }

  finishShare(claim: Claim, results: readonly RoleResult[]): Promise<void> {
    return this.#db.transaction((sql) => shares.finishShare(sql, claim, results));
  }

  sharedResults(batch: string): Promise<{ left: number; results: readonly RoleResult[] }> {
    return this.#db.read((sql) => shares.sharedResults(sql, batch));
  }

  // ---- changes that wait for people

  setWaiting(lease: Lease, changes: Parameters<Database["setWaiting"]>[1]): Promise<void> {
    return setWaiting(this.#db, lease, changes, this.#now);
  }

  waitingRoles(): Promise<readonly string[]> {
    return this.#db.read(reads.waitingRoles);
  }

  waitingChanges(role: string, limit: { changes: number; bytes: number }): Promise<readonly OpenChange[]> {
    return this.#db.read((sql) => reads.waitingChanges(sql, role, limit));
  }

  resumeWaiting(lease: Lease, role?: string): Promise<void> {
    return resumeWaiting(this.#db, lease, role, this.#now);
  }

  eventChanges(event: string): Promise<readonly OpenChange[]> {
    return this.#db.read((sql) => reads.eventChanges(sql, event));
  }

  // ---- signing events

  signingEvents(): Promise<readonly SigningEvent[]> {
    return this.#db.moment(reads.signingEvents);
  }

  signingStamp(): Promise<string> {
    return this.#db.read(reads.signingStamp);
  }

  freezeEvent(lease: Lease, event: string, frozen: { bytes: Uint8Array; signatures: number }): Promise<void> {
    return this.#db.transaction((sql) => freezeEvent(sql, lease, event, frozen, this.#now()));
  }

  endEvent(lease: Lease, event: string, { envelopes, settings, results }: Parameters<Database["endEvent"]>[2]): Promise<void> {
    return this.#db.transaction((sql) => endEvent(sql, lease, event, { envelopes, settings: settingsOf(settings), results: endings(results) }, this.#now()));
  }

  forgetEvent(lease: Lease, event: string): Promise<void> {
    return forgetEvent(this.#db, lease, event, this.#now);
  }

  // ---- adoption

  pendingChanges(): Promise<readonly OpenChange[]> {
    return this.#db.read(reads.pendingChanges);
  }

  stageAdopted(lease: Lease, adoption: string, role: string, targets: readonly Target[]): Promise<void> {
    return stageAdopted(this.#db, lease, adoption, role, targets, this.#now);
  }

  adopt(lease: Lease, { press, results, settings, ...rest }: Adoption): Promise<{ seq: number; readBack: number; dropped: number }> {
    const again = press && incoming({ task: press.task, changes: pressingChanges(press) });
    return this.#db.transaction((sql) => adopt(sql, lease, { ...rest, results: endings(results), settings: settingsOf(settings), press: again }, this.#now()));
  }

  // ---- roles

  roles(): Promise<readonly RoleRow[]> {
    return this.#db.read(reads.roles);
  }

  role(name: string): Promise<RoleRow | undefined> {
    return this.#db.read((sql) => reads.role(sql, name));
  }

  rolesExpiringBefore(beforeMs: number, limit: number): Promise<readonly RoleRow[]> {
    return this.#db.read((sql) => reads.rolesExpiringBefore(sql, beforeMs, limit));
  }

  firstExpiry(): Promise<ReadonlyMap<RoleRow["kind"], number>> {
    return this.#db.read(reads.firstExpiry);
  }

  // ---- retention

  dueGarbage(nowMs: number, limit: number): Promise<readonly Garbage[]> {
    return this.#db.read((sql) => reads.dueGarbage(sql, nowMs, limit));
  }

  forgetGarbage(lease: Lease, names: readonly string[]): Promise<void> {
    return this.#db.transaction((sql) => forgetGarbage(sql, lease, names, this.#now()));
  }

  forgetBefore(lease: Lease, limits: ForgetLimits, limit: number): Promise<void> {
    return this.#db.transaction((sql) => forgetBefore(sql, lease, limits, limit, this.#now()));
  }

  // ---- lists

  artifacts(range: ArtifactRange, after: ArtifactPlace | undefined, limit: number): Promise<readonly ArtifactRow[]> {
    return this.#db.read((sql) => lists.artifacts(sql, range, after, limit));
  }

  countArtifacts(role: string, atMost: number): Promise<number> {
    return this.#db.read((sql) => lists.countArtifacts(sql, role, atMost));
  }

  rolesAfter(after: string | undefined, filter: RoleFilter, limit: number): Promise<readonly RoleRow[]> {
    return this.#db.read((sql) => lists.rolesAfter(sql, after, filter, limit));
  }

  tasks(filter: TaskFilter, after: TaskPlace | undefined, limit: number): Promise<{ rows: readonly TaskSummary[]; next?: TaskPlace }> {
    return this.#db.read((sql) => lists.tasks(sql, filter, after, limit));
  }

  // ---- notices

  notices(after: string, limit: number): Promise<{ rows: readonly Notice[]; missed: boolean }> {
    return this.#db.moment((sql) => noticesAfter(sql, after, limit));
  }

  lastNotice(): Promise<string> {
    return this.#db.read(async (sql) => placeText(await lastPlace(sql)));
  }

  post(lease: Lease, notices: readonly NewNotice[]): Promise<void> {
    return this.#db.transaction(async (sql) => {
      await fence(sql, lease, this.#now());
      await post(sql, notices, this.#now());
      await nudge(sql, "visible");
    });
  }

  takeDelivery(receiver: string, holder: string, ttlMs: number): Promise<string | undefined> {
    return this.#db.transaction((sql) => takeDelivery(sql, receiver, holder, ttlMs, this.#now()));
  }

  keepDelivery(receiver: string, holder: string, sent: string): Promise<boolean> {
    return this.#db.transaction((sql) => keepDelivery(sql, receiver, holder, sent));
  }

  async now(): Promise<number> {
    return this.#now() ?? Number((await this.#db.read((sql) => sql.row("SELECT now_ms() AS now")))?.["now"]);
  }

  subscribe(topic: Topic, call: () => void): () => void {
    return this.#listener.subscribe(topic, call);
  }

  async close(): Promise<void> {
    await this.#listener.close();
    await this.#db.close();
  }
}
