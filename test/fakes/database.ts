// A Database in memory that keeps the port's contract, for tests of other rooms.
//
// All state sits in one object; every method changes it in one synchronous step, so
// each is a transaction. `connect()` gives another user of the same state (a second
// publisher, an API replica) whose `close` leaves the others alone.

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";

import { DatabaseError, SUMMARY_CHARACTERS } from "../../src/ports/database.ts";
import type { Rest } from "../../src/ports/rest.ts";
import { binIndexOf } from "../../src/tuf/bins.ts";
import type {
  Accepted, AcceptRequest, Adoption, ArtifactPlace, ArtifactRange, ArtifactRow, ChangeKind, ChangeOutcome, Claim, ClaimedShare, Commit, CommittedHead, CutChange, Database, EventEffect, EventSignature,
  ForgetLimits, Garbage, ImportSlice, ImportState, Lease, Move, NewBatch, NewChange, NewImport, NewNotice, NewShare, NewSigningEvent, Notice, NoticeKind, OpenBatch, OpenChange, OpenLimit, PendingChange, PlaceRange, PublisherState, RoleFilter, RoleResult, RoleRow, SettingValue,
  SigningEvent, SigningState, Target, TaskFilter, TaskKind, TaskPlace, TaskRequest, TaskResult, TaskRow, TaskSummary, Topic,
} from "../../src/ports/database.ts";

export interface MemoryDatabase extends Database {
  /** Another user of the same state. */
  connect(): MemoryDatabase;
}

/** `now` is the database's own clock, milliseconds. */
export function createMemoryDatabase(options: { readonly now?: () => number } = {}): MemoryDatabase {
  return new Memory(new State(options.now ?? (() => Date.now())));
}

interface Change {
  readonly id: number;
  readonly task: Task;
  readonly kind: ChangeKind;
  readonly role: string;
  readonly path: string;
  readonly fragment: string;
  readonly bytes: number;
  attempts: number;
  attemptsAlone: number;
  /** The live batch it is bound to. */
  batch: Batch | undefined;
  /** Set when it is bound, or taken out of the queue. */
  outcome: ChangeOutcome | undefined;
  cutRole: string;
  /** The role it waits for. */
  waits: string | undefined;
  /** The event that carries it. */
  event: string | undefined;
}

interface Task {
  readonly id: string;
  /** Of acceptance. */
  readonly order: number;
  readonly kind: TaskKind;
  readonly createdMs: number;
  readonly request: TaskRequest;
  held: boolean;
  /** Its changes are taken by place, and not counted in the backlog. */
  readonly imported: boolean;
  changes: readonly Change[];
  result: TaskResult | undefined;
  /** The batch that carries the result; undefined: it counts at once. */
  resultBatch: Batch | undefined;
}

interface Batch {
  readonly id: string;
  base: string;
  readonly changes: readonly Change[];
  /** Names allocated at the cut. */
  readonly plan: readonly { readonly role: string; readonly version: number }[];
  readonly results: Map<string, RoleResult>;
  readonly moves: Move[];
  terms: string;
  shares: ShareRow[];
  state: "open" | "committed" | "dropped";
  seq: number;
  /** Folding it has begun. */
  folding: boolean;
  snapshotVersion: number;
  committedMs: number;
}

interface ShareRow extends NewShare {
  /** The last claim; it holds until then. */
  claim: Claim | undefined;
  untilMs: number;
  firstVersion: number;
  done: boolean;
}

interface Delivery {
  readonly holder: string;
  readonly untilMs: number;
  readonly sent: string;
}

interface Import {
  readonly given: NewImport;
  readonly firstChange: number;
  writer: string;
  lines: number;
  invalid: number;
  changes: NewChange[];
  accepted: boolean;
  touchedMs: number;
}

interface Event {
  readonly given: NewSigningEvent;
  readonly signatures: { readonly signature: EventSignature; readonly task: string | undefined }[];
  state: SigningState;
  frozen: Buffer | undefined;
  reason: string | undefined;
}

interface GarbageRow extends Garbage {
  readonly notBeforeMs: number;
}

class State {
  readonly now: () => number;
  readonly settings = new Map<string, SettingValue>();
  readonly tasks = new Map<string, Task>();
  readonly idempotency = new Map<string, { readonly bodySha256: string; readonly taskId: string; readonly createdMs: number }>();
  readonly committed: CommittedHead[] = [];
  readonly batches = new Map<string, Batch>();
  readonly roles = new Map<string, RoleRow>();
  readonly artifacts = new Map<string, Map<string, string>>();
  readonly envelopes = new Map<string, Map<number, Buffer>>();
  readonly garbage = new Map<string, GarbageRow>();
  readonly listeners = new Set<{ readonly topic: Topic; readonly call: () => void }>();
  /** What fold has still to do, oldest first; one entry is one row. */
  unfolded: { readonly batch: Batch; readonly row: () => void }[] = [];
  /** By adoption, by role. */
  readonly adopted = new Map<string, Map<string, Map<string, string>>>();
  /** By adoption, then by number: changes that end with it. */
  readonly ends = new Map<string, Map<number, CutChange>>();
  /** Tasks whose changes fold may forget. */
  ended: Task[] = [];
  events: Event[] = [];
  /** When what a role lists at a path was committed; by role and path, JSON. */
  readonly publishedMs = new Map<string, number>();
  notices: (Notice & { readonly once: string | undefined })[] = [];
  nextNotice = 1;
  forgottenNotice = 0;
  readonly deliveries = new Map<string, Delivery>();
  nextTask = 1;
  imports: Import[] = [];
  nextChange = 1;
  ttlMs = 0;
  publisher: PublisherState = {
    lease: { number: 0, holder: "", untilMs: 0 },
    seq: 0, head: "", visible: 0, counter: 0, pressedAtMs: 0,
  };

  constructor(now: () => number) {
    this.now = now;
  }

  /** Rule 2: checks the lease and renews it (rule 3). */
  fence(lease: Lease): void {
    const mine = this.publisher.lease;
    if (mine.number !== lease.number || mine.holder !== lease.holder) {
      throw new DatabaseError("lease-lost", `lease ${String(lease.number)} was taken over by lease ${String(mine.number)}`);
    }
    this.publisher = { ...this.publisher, lease: { ...mine, untilMs: this.now() + this.ttlMs } };
  }

  openBatch(id: string): Batch {
    const batch = this.batches.get(id);
    if (batch?.state !== "open") throw new DatabaseError("stale-base", `batch ${id} is not open`);
    return batch;
  }

  addGarbage(role: string, version: number, notBeforeMs: number): void {
    if (role === "root" || role === "timestamp") return;
    const name = `${String(version)}.${role}.json`;
    this.garbage.set(name, { name, role, version, notBeforeMs });
  }

  /** The names that the last claim of a share may have put. */
  leaveBehind({ claim, roles, firstVersion }: ShareRow): void {
    if (claim) for (const [i, role] of roles.entries()) this.addGarbage(role, firstVersion + i, 0);
  }

  /** @throws DatabaseError `stale-base` */
  claimed(claim: Claim): { readonly batch: Batch; readonly share: ShareRow } {
    const batch = this.batches.get(claim.batch);
    const share = batch?.shares[claim.share];
    if (!batch || !share || batch.state !== "open" || share.done || share.claim?.number !== claim.number || share.claim.holder !== claim.holder) {
      throw new DatabaseError("stale-base", "the share is another's by now, or over");
    }
    return { batch, share };
  }

  get isLed(): boolean {
    return this.publisher.lease.untilMs >= this.now();
  }

  tell(kind: NoticeKind, about: Notice["about"], once?: string): void {
    if (once !== undefined && this.notices.some((notice) => notice.once === once)) return;
    this.notices.push({ id: String(this.nextNotice++), kind, atMs: this.now(), about: structuredClone(about), once });
  }

  tellEnd({ id, kind, result }: Task): void {
    this.tell("task-finished", { task_id: id, task: kind, state: result?.state ?? "" });
  }

  /** After the visible head moved from `before`. */
  tellShown(before: number): void {
    for (const { seq, timestampVersion, snapshotVersion } of this.committed.filter((head) => head.seq > before && head.seq <= this.publisher.visible)) {
      const batch = [...this.batches.values()].find((each) => each.state === "committed" && each.seq === seq);
      this.tell("published", { seq, timestamp_version: timestampVersion, snapshot_version: snapshotVersion, changes: batch?.changes.length ?? 0 });
      for (const task of this.tasks.values()) if (batch !== undefined && task.resultBatch === batch) this.tellEnd(task);
    }
  }

  lastNotice(): string {
    return this.nextNotice === 1 ? "" : String(this.nextNotice - 1);
  }

  hint(topic: Topic): void {
    for (const listener of this.listeners) {
      if (listener.topic === topic) setImmediate(() => { if (this.listeners.has(listener)) listener.call(); });
    }
  }
}

function bindCut(state: State, batch: NewBatch, firstVersion: number): void {
  const all = new Map([...state.tasks.values()].flatMap((task) => task.changes).map((change) => [change.id, change]));
  const cuts = batch.changes.map((cut) => {
    const change = all.get(cut.id);
    if (change?.task.id !== cut.task || !isOpen(change) || (change.event !== undefined && batch.events?.includes(change.event) !== true)) throw new DatabaseError("stale-base", `change ${String(cut.id)} is no longer open`);
    all.delete(cut.id);
    return { cut, change };
  });
  const plan = [...batch.roles, "snapshot", "timestamp"].map((role, i) => ({ role, version: firstVersion + i }));
  const row: Batch = {
    id: batch.id, base: batch.base, changes: cuts.map(({ change }) => change), plan, results: new Map(), moves: [], terms: "", shares: [], state: "open", seq: 0, folding: false, snapshotVersion: 0, committedMs: 0,
  };
  state.batches.set(row.id, row);
  for (const { cut, change } of cuts) {
    change.batch = row;
    change.outcome = cut.outcome;
    change.cutRole = cut.role;
  }
}

/** With more changes others may be published while it is cut. */
const SMALL_CUT = 8;
/** Still waiting for a batch. */
const isOnPath = ({ kind }: Change): boolean => kind === "add" || kind === "remove";
const isOpen = (change: Change): boolean => change.batch === undefined && change.outcome === undefined;
/** Waits for people, and no event carries it. */
const isWaiting = (change: Change): boolean => isOpen(change) && change.waits !== undefined && change.event === undefined;
/** Counts for the backlog: waiting, or in a batch that is not committed. */
const isPending = (change: Change): boolean => isOpen(change) || change.batch?.state === "open";

class Memory implements MemoryDatabase {
  readonly #state: State;
  readonly #listeners = new Set<{ readonly topic: Topic; readonly call: () => void }>();
  #closed = false;

  constructor(state: State) {
    this.#state = state;
  }

  connect(): MemoryDatabase {
    return new Memory(this.#state);
  }

  /** Runs one transaction. */
  #run<T>(work: (state: State) => T): Promise<T> {
    return new Promise((resolve) => {
      if (this.#closed) throw new DatabaseError("unavailable", "the database is closed");
      const before = this.#state.publisher;
      try {
        resolve(work(this.#state));
      } catch (error) {
        // Checks come first in every method; what they follow is the renewal of the lease.
        this.#state.publisher = before;
        throw error;
      }
    });
  }

  // ---- requests

  accept(request: AcceptRequest): Promise<Accepted> {
    return this.#run((state) => {
      const { task, idempotency } = request;
      const key = idempotency && JSON.stringify([idempotency.principal, idempotency.key]);
      const earlier = key === undefined ? undefined : state.idempotency.get(key);
      if (earlier) {
        if (earlier.bodySha256 !== idempotency?.bodySha256) {
          throw new DatabaseError("idempotency-key-reused", "this Idempotency-Key came before with another body");
        }
        return { outcome: "replayed", taskId: earlier.taskId };
      }
      if (request.expectBootstrap && !isDeepStrictEqual(state.settings.get("bootstrap"), request.expectBootstrap.was)) {
        throw new DatabaseError("busy-bootstrap", "the bootstrap state is another by now");
      }
      assert(!state.tasks.has(task.id), `task ${task.id} exists`);
      assert(!request.result || request.changes.length === 0, "a task at its end has no changes");
      for (const change of request.changes) {
        assert([change.path, change.fragment, change.role].every((text) => text.isWellFormed()), "text is not well-formed");
      }
      const bytes = request.changes.map((change) => Buffer.byteLength(change.path) + Buffer.byteLength(change.fragment));
      const backlog = backlogOf(state);
      if (bytes.length > 0
        && (backlog.changes + bytes.length > request.limits.changes
          || bytes.reduce((sum, n) => sum + n, backlog.bytes) > request.limits.bytes)) {
        throw new DatabaseError("backlog-full", `${String(backlog.changes)} changes are pending`);
      }

      const imported = request.import && writtenBy(state, task.id, request.import.writer, request.import.lines);
      if (request.event) applyEffect(state, request.event, task.id);
      if (request.releaseHeld) for (const earlierTask of state.tasks.values()) earlierTask.held = false;
      const row: Task = {
        id: task.id, order: state.nextTask++, kind: task.kind, createdMs: task.createdMs, request: structuredClone(task.request),
        held: request.held, imported: imported !== undefined, changes: [], result: structuredClone(request.result), resultBatch: undefined,
      };
      if (imported) imported.accepted = true;
      row.changes = (imported?.changes ?? request.changes).map(({ kind, role, path, fragment }, i) => ({
        id: imported ? imported.firstChange + i : state.nextChange++, task: row, kind, role, path, fragment, bytes: bytes[i] ?? 0,
        attempts: 0, attemptsAlone: 0, batch: undefined, outcome: undefined, cutRole: role, waits: undefined, event: undefined,
      }));
      state.tasks.set(row.id, row);
      setAll(state, request.settings);
      if (key !== undefined && idempotency) {
        state.idempotency.set(key, { bodySha256: idempotency.bodySha256, taskId: row.id, createdMs: state.now() });
      }
      if (request.changes.length > 0 || request.releaseHeld || !request.result) state.hint("work");
      if (request.result) {
        state.tellEnd(row);
        state.hint("visible");
      }
      return { outcome: "accepted" };
    });
  }

  openImport(request: NewImport): Promise<ImportState> {
    return this.#run((state) => {
      const known = state.imports.find(({ given }) => given.principal === request.principal && given.key === request.key);
      if (known && !known.accepted) Object.assign(known, { writer: request.writer, touchedMs: state.now() });
      if (known) return importState(known);
      if (state.imports.filter(({ accepted }) => !accepted).length >= request.maxOpen) throw new DatabaseError("backlog-full", "too many imports are begun");
      const fresh: Import = {
        given: { ...request }, firstChange: state.nextChange, writer: request.writer, lines: 0, invalid: 0, changes: [], accepted: false, touchedMs: state.now(),
      };
      state.nextChange += request.maxChanges;
      state.imports.push(fresh);
      return importState(fresh);
    });
  }

  findImport(principal: string, key: string): Promise<ImportState | undefined> {
    return this.#run((state) => {
      const found = state.imports.find(({ given }) => given.principal === principal && given.key === key);
      return found && importState(found);
    });
  }

  stageImport(slice: ImportSlice): Promise<void> {
    return this.#run((state) => {
      const row = writtenBy(state, slice.task, slice.writer, slice.after);
      assert(slice.changes.every(({ kind }) => kind === "add"), "an import adds, and does nothing else");
      if (row.changes.length + slice.changes.length > row.given.maxChanges) throw new DatabaseError("backlog-full", "the import is full");
      row.changes.push(...structuredClone(slice.changes));
      row.lines = slice.lines;
      row.invalid += slice.invalid;
      row.touchedMs = state.now();
    });
  }

  dropImport(task: string, writer: string): Promise<void> {
    return this.#run((state) => {
      state.imports = state.imports.filter((row) => row.accepted || row.given.task !== task || row.writer !== writer);
    });
  }

  requestsOf(tasks: readonly string[]): Promise<ReadonlyMap<string, Pick<TaskRow, "kind" | "request">>> {
    return this.#run((state) => new Map(tasks.flatMap((id) => {
      const task = state.tasks.get(id);
      return task === undefined ? [] : [[id, { kind: task.kind, request: structuredClone(task.request) }]];
    })));
  }

  getTask(id: string): Promise<TaskRow | undefined> {
    return this.#run((state) => {
      const task = state.tasks.get(id);
      if (!task) return undefined;
      return {
        id: task.id, kind: task.kind, createdMs: task.createdMs, request: structuredClone(task.request),
        ...(task.result && counts(state, task) ? { result: structuredClone(task.result) } : {}),
        held: task.held && task.changes.some(isOpen),
        waitingFor: task.result && counts(state, task) ? [] : [...new Set(task.changes.filter(isOpen).flatMap(({ waits }) => (waits === undefined ? [] : [waits])))].sort(),
        ...(task.imported && !(task.result && counts(state, task))
          ? { remaining: task.changes.filter(({ batch }) => batch?.state !== "committed" || state.unfolded.some((row) => row.batch === batch)).length }
          : {}),
      };
    });
  }

  backlog(): Promise<{ changes: number; bytes: number }> {
    return this.#run(backlogOf);
  }

  setting(name: string): Promise<SettingValue | undefined> {
    return this.#run((state) => structuredClone(state.settings.get(name)));
  }

  settings(): Promise<Readonly<Record<string, SettingValue>>> {
    return this.#run((state) => structuredClone(Object.fromEntries(state.settings)));
  }

  envelope(role: string, version?: number): Promise<{ version: number; bytes: Buffer } | undefined> {
    return this.#run((state) => {
      const versions = state.envelopes.get(role) ?? new Map<number, Buffer>();
      const wanted = version ?? Math.max(...versions.keys());
      const bytes = versions.get(wanted);
      return bytes && { version: wanted, bytes: Buffer.from(bytes) };
    });
  }

  listed(role: string | undefined, paths: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#run((state) => {
      const roles = role === undefined ? [...state.artifacts.values()] : [state.artifacts.get(role)];
      return new Set(paths.filter((path) => roles.some((artifacts) => artifacts?.has(path))));
    });
  }

  // ---- lease and head

  publisher(): Promise<PublisherState> {
    return this.#run((state) => structuredClone(state.publisher));
  }

  takeLease(holder: string, ttlMs: number): Promise<Lease | undefined> {
    return this.#run((state) => {
      const { lease } = state.publisher;
      if (lease.holder !== holder && lease.untilMs >= state.now()) return undefined;
      const number = lease.number + 1;
      state.ttlMs = ttlMs;
      state.publisher = { ...state.publisher, lease: { number, holder, untilMs: state.now() + ttlMs } };
      return { number, holder };
    });
  }

  renewLease(lease: Lease, ttlMs: number): Promise<void> {
    return this.#run((state) => {
      state.fence(lease);
      state.ttlMs = ttlMs;
      state.fence(lease);
    });
  }

  releaseLease(lease: Lease): Promise<void> {
    return this.#run((state) => {
      state.fence(lease);
      state.publisher = { ...state.publisher, lease: { number: lease.number, holder: "", untilMs: 0 } };
    });
  }

  head(): Promise<CommittedHead | undefined> {
    return this.#run((state) => {
      const head = state.committed.at(-1);
      return head && { ...head, timestamp: Buffer.from(head.timestamp) };
    });
  }

  committed(sha256: string): Promise<{ seq: number } | undefined> {
    return this.#run((state) => {
      const found = state.committed.find((head) => head.sha256 === sha256);
      return found && { seq: found.seq };
    });
  }

  halt(lease: Lease, halted: { code: string; reason: string } | undefined): Promise<void> {
    return this.#run((state) => {
      state.fence(lease);
      const { halted: was, ...rest } = state.publisher;
      state.publisher = halted ? { ...rest, halted } : rest;
      if (halted && halted.code !== was?.code) state.tell("failed", { code: halted.code, reason: halted.reason });
      if (!halted && was) state.tell("resumed", { code: was.code });
      state.hint("visible");
    });
  }

  // ---- a batch, in order

  openChanges(limit: OpenLimit): Promise<readonly OpenChange[]> {
    return this.#run((state) => {
      if (limit.behind !== undefined) return moreImported(state, limit.behind, limit.imported ?? 0);
      // Tasks, and the changes of each, stand in order of acceptance.
      const open = [...state.tasks.values()].flatMap((task) => task.changes).filter((change) => isOpen(change) && change.waits === undefined);
      const taken = new Set<Change>();
      const lastOf = new Map<string, Change>();
      let bytes = 0;
      let left: Change | undefined;
      for (const change of open.filter(({ task }) => !task.held && !task.imported)) {
        bytes += change.bytes;
        if (taken.size > 0 && (taken.size >= limit.changes || bytes > limit.bytes)) {
          left = change;
          break;
        }
        taken.add(change);
      }
      const oldest = open.find(({ task }) => task.imported)?.task;
      const isLate = left !== undefined && oldest !== undefined && open.indexOf(left) < open.findIndex(({ task }) => task === oldest);
      if (!isLate && ![...taken].some(({ kind }) => kind === "delegate" || kind === "document")) {
        const waiting = open.filter(({ task }) => task === oldest).sort((a, b) => placeOf(a) - placeOf(b));
        const end = waiting[Math.min(limit.imported ?? 0, waiting.length) - 1];
        if (end) for (const change of waiting) if (placeOf(change) <= placeOf(end)) taken.add(change);
      }
      const at = new Map(open.map((change, i) => [change, i]));
      for (const change of open) if (taken.has(change) && isOnPath(change)) lastOf.set(change.path, change);
      const waits = ({ task }: Change): boolean => task.held || task.imported;
      return open
        .filter((change) => taken.has(change) || (waits(change) && isOnPath(change) && (at.get(lastOf.get(change.path) ?? change) ?? 0) > (at.get(change) ?? 0)))
        .map((change) => (taken.has(change) ? openChange(change) : { ...openChange(change), held: true }));
    });
  }

  async cut(lease: Lease, batch: NewBatch, rest?: Rest): Promise<{ firstVersion: number }> {
    const begin = (state: State): number => {
      if (state.publisher.head !== batch.base) throw new DatabaseError("stale-base", "the head moved");
      assert(!state.batches.has(batch.id), `batch ${batch.id} exists`);
      return state.publisher.counter + 1;
    };
    const allocate = (state: State, firstVersion: number): void => { state.publisher = { ...state.publisher, counter: firstVersion + batch.roles.length + 1 }; };
    if (rest === undefined || batch.changes.length <= SMALL_CUT) {
      return this.#run((state) => {
        state.fence(lease);
        const firstVersion = begin(state);
        bindCut(state, batch, firstVersion);
        allocate(state, firstVersion);
        return { firstVersion };
      });
    }
    const begun = await this.#run((state) => {
      state.fence(lease);
      const firstVersion = begin(state);
      allocate(state, firstVersion);
      return firstVersion;
    });
    await rest();
    return this.#run((state) => {
      state.fence(lease);
      bindCut(state, batch, begun);
      return { firstVersion: begun };
    });
  }

  rebase(lease: Lease, id: string, base: string): Promise<{ snapshotVersion: number }> {
    return this.#run((state) => {
      state.fence(lease);
      const batch = state.openBatch(id);
      if (state.publisher.head !== base) throw new DatabaseError("stale-base", "the head moved");
      if (batch.shares.length > 0) throw new DatabaseError("stale-base", "others press shares of the batch");
      const first = batch.plan[0]?.version ?? 0;
      const own = new Set([...batch.plan.map(({ role }) => role).filter((role) => role !== "snapshot" && role !== "timestamp"), "targets"]);
      const published = [...state.roles.values(), ...state.unfolded.flatMap((one) => [...one.batch.results.values()])];
      const touched = published.find(({ role, version }) => own.has(role) && version >= first);
      if (touched !== undefined) throw new DatabaseError("stale-base", `${touched.role} was published since batch ${id} was cut`);
      const snapshotVersion = state.publisher.counter + 1;
      state.publisher = { ...state.publisher, counter: snapshotVersion + 1 };
      batch.base = base;
      batch.snapshotVersion = snapshotVersion;
      return { snapshotVersion };
    });
  }

  allocate(lease: Lease, count: number, above: number): Promise<number> {
    return this.#run((state) => {
      state.fence(lease);
      const first = Math.max(state.publisher.counter, above) + 1;
      state.publisher = { ...state.publisher, counter: first + count - 1 };
      return first;
    });
  }

  readTargets(base: string, roles: readonly string[]): Promise<ReadonlyMap<string, readonly Target[]>> {
    return this.#run((state) => {
      if (state.publisher.head !== base) throw new DatabaseError("stale-base", "the head moved");
      const isBehind = state.unfolded.some(({ batch }) => roles.length === 0 || batch.moves.length > 0 || roles.some((role) => batch.results.has(role)));
      if (isBehind) throw new DatabaseError("stale-base", "the head is not folded yet");
      return new Map(roles.map((role) => [role, [...(state.artifacts.get(role) ?? [])]
        .map(([path, fragment]) => ({ path, fragment }))
        .sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))]));
    });
  }

  stageResults(lease: Lease, batch: string, results: readonly RoleResult[]): Promise<void> {
    return this.#run((state) => {
      state.fence(lease);
      const staged = state.openBatch(batch).results;
      for (const { role, version, length, sha256, expiresMs } of results) {
        const row = { role, version, length, sha256, expiresMs };
        const earlier = staged.get(role);
        if (earlier && !isDeepStrictEqual(earlier, row)) throw new DatabaseError("stale-base", `${role} was staged already, differently`);
      }
      for (const { role, version, length, sha256, expiresMs } of results) staged.set(role, { role, version, length, sha256, expiresMs });
    });
  }

  stageMoves(lease: Lease, batch: string, moves: readonly Move[]): Promise<void> {
    return this.#run((state) => {
      state.fence(lease);
      state.openBatch(batch).moves.push(...structuredClone(moves));
    });
  }

  stageTaskResults(lease: Lease, batch: string, results: readonly { task: string; result: TaskResult }[]): Promise<void> {
    return this.#run((state) => {
      state.fence(lease);
      const carrier = state.openBatch(batch);
      for (const { task: id, result } of results) {
        const task = state.tasks.get(id);
        if (!task || (task.result && (task.resultBatch === undefined || task.resultBatch.state === "committed"))) continue;
        task.result = structuredClone(result);
        task.resultBatch = carrier;
      }
    });
  }

  commit(lease: Lease, commit: Commit): Promise<{ seq: number }> {
    return this.#run((state) => {
      state.fence(lease);
      const { publisher } = state;
      const batch = state.openBatch(commit.batch);
      if (publisher.head !== commit.base || batch.base !== commit.base) throw new DatabaseError("stale-base", "the head moved");
      if (batch.shares.some(({ done }) => !done)) throw new DatabaseError("stale-base", "a share of the batch is not finished");
      const kinds = new Map(commit.newRoles?.map((role) => [role.name, role]));
      for (const role of kinds.keys()) assert(batch.results.has(role), `no result is staged for the new role ${role}`);
      for (const id of commit.endsEvents ?? []) {
        if (!state.events.some(({ given, state: is }) => given.id === id && is === "frozen")) throw new DatabaseError("event-closed", "the signing event is not frozen");
      }
      const all = state.events;
      state.events = all.filter(({ given }) => commit.endsEvents?.includes(given.id) !== true);
      try {
        applyEffects(state, commit.events ?? [], "");
      } catch (error) {
        state.events = all;
        throw error;
      }

      const seq = publisher.seq + 1;
      batch.state = "committed";
      batch.seq = seq;
      batch.snapshotVersion = commit.snapshot.version;
      batch.committedMs = state.now();
      const later = (row: () => void): void => { state.unfolded.push({ batch, row }); };
      state.publisher = {
        ...publisher, seq, head: commit.timestamp.sha256, pressedAtMs: Math.max(publisher.pressedAtMs, commit.pressedAtMs),
      };
      state.committed.push({
        seq, sha256: commit.timestamp.sha256, timestampVersion: commit.timestamp.version, snapshotVersion: commit.snapshot.version,
        timestamp: Buffer.from(commit.timestamp.bytes), expiresMs: commit.timestamp.expiresMs,
      });
      setAll(state, commit.settings);
      for (const { role, version, bytes } of commit.envelopes) {
        const versions = role === "root" ? state.envelopes.get(role) : undefined;
        state.envelopes.set(role, new Map([...(versions ?? []), [version, Buffer.from(bytes)]]));
      }
      const set = (result: RoleResult, kind: RoleRow["kind"] | undefined, parent: string | undefined): void => {
        const old = state.roles.get(result.role);
        if (old && old.version !== result.version) state.addGarbage(result.role, old.version, commit.garbageNotBeforeMs);
        const { role, version, length, sha256, expiresMs } = result;
        state.roles.set(role, {
          role, version, length, sha256, expiresMs,
          kind: kind ?? old?.kind ?? kindByName(role), parent: parent ?? old?.parent ?? "", retired: kind === undefined && (old?.retired ?? false),
        });
      };
      set(commit.snapshot, "snapshot", "");
      set(commit.timestamp, "timestamp", "");

      for (const change of batch.changes) if (change.outcome === "apply") later(() => { apply(state, change); });
      for (const result of batch.results.values()) {
        const kind = kinds.get(result.role);
        later(() => { set(result, kind?.kind, kind?.parent); });
      }
      for (const { role, version } of batch.plan) {
        const used = role === "snapshot" ? commit.snapshot.version : batch.results.get(role)?.version;
        if (used !== version) later(() => { state.addGarbage(role, version, commit.garbageNotBeforeMs); });
      }
      for (const move of batch.moves) later(() => { moveArtifact(state, move, batch.committedMs); });
      for (const role of commit.retiredRoles ?? []) {
        later(() => {
          const row = state.roles.get(role);
          if (row) state.roles.set(role, { ...row, retired: true });
        });
      }
      later(() => { state.ended.push(...new Set(batch.changes.map((change) => change.task))); });
      return { seq };
    });
  }

  markVisible(lease: Lease, seq: number): Promise<void> {
    return this.#run((state) => {
      state.fence(lease);
      assert(seq <= state.publisher.seq, "what is not committed cannot be visible");
      const { visible } = state.publisher;
      if (seq <= visible) return;
      state.publisher = { ...state.publisher, visible: seq };
      state.tellShown(visible);
      state.hint("visible");
    });
  }

  fold(lease: Lease, limit: number): Promise<{ remaining: boolean }> {
    return this.#run((state) => {
      state.fence(lease);
      const rows = state.unfolded.splice(0, limit);
      for (const { batch, row } of rows) {
        batch.folding = true;
        row();
      }
      forget(state.ended.splice(0, limit - rows.length));
      return { remaining: state.unfolded.length > 0 || state.ended.length > 0 };
    });
  }

  openBatches(): Promise<readonly OpenBatch[]> {
    return this.#run((state) => [...state.batches.values()].filter((batch) => batch.state === "open")
      .map((batch) => ({ id: batch.id, base: batch.base, changes: batch.changes.length })));
  }

  dropBatch(lease: Lease, id: string, died: boolean): Promise<void> {
    return this.#run((state) => {
      state.fence(lease);
      const batch = state.openBatch(id);
      batch.state = "dropped";
      for (const change of batch.changes) {
        change.batch = undefined;
        change.outcome = change.task.result && change.task.resultBatch === undefined ? "set-aside" : undefined;
        change.cutRole = change.role;
        if (died) change.attempts += 1;
        if (died && batch.changes.length === 1) change.attemptsAlone += 1;
      }
      state.ended.push(...new Set(batch.changes.map(({ task }) => task)));
      for (const { role, version } of [...batch.plan, ...batch.results.values()]) state.addGarbage(role, version, 0);
      if (batch.snapshotVersion > 0) state.addGarbage("snapshot", batch.snapshotVersion, 0);
      for (const share of batch.shares) state.leaveBehind(share);
      state.hint("work");
    });
  }

  taskChanges(id: string): Promise<readonly (OpenChange & { outcome?: ChangeOutcome })[]> {
    return this.#run((state) => (state.tasks.get(id)?.changes ?? [])
      .map((change) => ({ ...openChange(change), ...(change.outcome ? { outcome: change.outcome, held: false } : {}) })));
  }

  importRemainder(id: string, limit: number, adoption = ""): Promise<{ open: boolean; setAside: number; paths: readonly string[] }> {
    return this.#run((state) => {
      const changes = state.tasks.get(id)?.changes ?? [];
      const ended = state.ends.get(adoption) ?? new Map<number, CutChange>();
      const open = changes.some((change) => !ended.has(change.id) && (isOpen(change) || (adoption !== "" && isUnseen(state, change.batch))));
      const aside = open ? [] : changes.filter((change) => (ended.get(change.id) ?? change).outcome === "set-aside").map(({ path }) => path);
      return { open, setAside: aside.length, paths: aside.slice(0, limit) };
    });
  }

  endTasks(
    lease: Lease, results: readonly { task: string; result: TaskResult }[], settings?: Readonly<Record<string, SettingValue>>, events: readonly EventEffect[] = [],
  ): Promise<void> {
    return this.#run((state) => {
      state.fence(lease);
      applyEffects(state, events, results[0]?.task ?? "");
      setAll(state, settings);
      endAll(state, results);
      state.hint("visible");
    });
  }

  // ---- shares of a batch

  shareOut(lease: Lease, batch: string, terms: string, shares: readonly NewShare[]): Promise<void> {
    return this.#run((state) => {
      state.fence(lease);
      const row = state.openBatch(batch);
      row.terms = terms;
      row.shares = shares.map(({ roles, edits }) => ({ roles: [...roles], edits, claim: undefined, untilMs: 0, firstVersion: 0, done: false }));
      state.hint("shares");
    });
  }

  claimShare(holder: string, ttlMs: number): Promise<ClaimedShare | undefined> {
    if (!Number.isInteger(ttlMs)) throw new TypeError(`no engine takes ${String(ttlMs)} milliseconds`);
    return this.#run((state) => {
      if (!state.isLed) return undefined;
      for (const batch of [...state.batches.values()].filter(({ state: is }) => is === "open")) {
        const at = batch.shares.findIndex(({ done, untilMs }) => !done && untilMs < state.now());
        const share = batch.shares[at];
        if (!share) continue;
        state.leaveBehind(share);
        share.claim = { batch: batch.id, share: at, number: (share.claim?.number ?? 0) + 1, holder };
        share.untilMs = state.now() + ttlMs;
        share.firstVersion = state.publisher.counter + 1;
        state.publisher = { ...state.publisher, counter: state.publisher.counter + share.roles.length };
        return { claim: share.claim, base: batch.base, terms: batch.terms, roles: [...share.roles], edits: share.edits, firstVersion: share.firstVersion };
      }
      return undefined;
    });
  }

  renewClaim(claim: Claim, ttlMs: number): Promise<void> {
    return this.#run((state) => {
      const { share } = state.claimed(claim);
      if (!state.isLed) throw new DatabaseError("stale-base", "nobody leads any more");
      share.untilMs = state.now() + ttlMs;
    });
  }

  releaseClaim(claim: Claim): Promise<void> {
    return this.#run((state) => {
      const share = state.batches.get(claim.batch)?.shares[claim.share];
      if (share?.claim?.number !== claim.number || share.claim.holder !== claim.holder) return;
      share.claim = { ...share.claim, holder: "" };
      share.untilMs = 0;
      state.hint("shares");
    });
  }

  finishShare(claim: Claim, results: readonly RoleResult[]): Promise<void> {
    return this.#run((state) => {
      const { batch, share } = state.claimed(claim);
      assert.deepEqual(results.map(({ role }) => role).sort(), [...share.roles].sort(), "a share has one result for each of its roles");
      share.done = true;
      for (const { role, version, length, sha256, expiresMs } of results) batch.results.set(role, { role, version, length, sha256, expiresMs });
      state.hint("shares");
    });
  }

  sharedResults(id: string): Promise<{ left: number; results: readonly RoleResult[] }> {
    return this.#run((state) => {
      const batch = state.openBatch(id);
      const left = batch.shares.filter(({ done }) => !done).length;
      return { left, results: left > 0 ? [] : [...batch.results.values()].sort((a, b) => Buffer.compare(Buffer.from(a.role), Buffer.from(b.role))) };
    });
  }

  // ---- changes that wait for people

  setWaiting(lease: Lease, changes: readonly { id: number; task: string; for: string }[]): Promise<void> {
    return this.#run((state) => {
      state.fence(lease);
      const found = changes.map(({ id, task, for: role }) => ({ change: openOf(state, id, task), role }));
      for (const { change, role } of found) change.waits = role;
    });
  }

  waitingRoles(): Promise<readonly string[]> {
    return this.#run((state) => [...new Set(inOrder(state).filter(isWaiting).map(({ waits }) => waits ?? ""))].sort());
  }

  waitingChanges(role: string, limit: { changes: number; bytes: number }): Promise<readonly OpenChange[]> {
    return this.#run((state) => {
      const waiting = inOrder(state).filter((change) => isWaiting(change) && change.waits === role);
      let bytes = 0;
      const over = waiting.findIndex((change, at) => (bytes += change.bytes, at > 0 && (at >= limit.changes || bytes > limit.bytes)));
      return (over < 0 ? waiting : waiting.slice(0, over)).map(openChange);
    });
  }

  resumeWaiting(lease: Lease, role?: string): Promise<void> {
    return this.#run((state) => {
      state.fence(lease);
      for (const change of inOrder(state)) if (isWaiting(change) && (role === undefined || change.waits === role)) change.waits = undefined;
      state.hint("work");
    });
  }

  eventChanges(event: string): Promise<readonly OpenChange[]> {
    return this.#run((state) => inOrder(state).filter((change) => isOpen(change) && change.event === event).map(openChange));
  }

  // ---- signing events

  signingEvents(): Promise<readonly SigningEvent[]> {
    return this.#run((state) => state.events.map(({ given: { changes: _, ...given }, signatures, state: at, frozen, reason }) => ({
      ...structuredClone(given), document: Buffer.from(given.document), state: at, answered: isAnswered(state, given.task),
      signatures: signatures.map(({ signature, task }) => ({
        ...structuredClone(signature), ...(task === undefined ? { answered: true } : { task, answered: isAnswered(state, task) }),
      })),
      ...(frozen ? { frozen: Buffer.from(frozen) } : {}),
      ...(reason === undefined ? {} : { reason }),
    })));
  }

  signingStamp(): Promise<string> {
    const sign = (told: boolean): string => (told ? "+" : "-");
    return this.#run((state) => state.events.map(({ given, signatures, state: at }) =>
      [given.id, at, sign(isAnswered(state, given.task)), signatures.map(({ task }) => sign(task === undefined || isAnswered(state, task))).join("")].join(" ")).join("\n"));
  }

  freezeEvent(lease: Lease, id: string, frozen: { bytes: Uint8Array; signatures: number }): Promise<void> {
    return this.#run((state) => {
      state.fence(lease);
      const event = state.events.find(({ given }) => given.id === id);
      if (event?.state === "frozen" && event.frozen?.equals(frozen.bytes)) return;
      const open = openEvent(state, id);
      if (open.signatures.length !== frozen.signatures) throw new DatabaseError("stale-base", "somebody signed meanwhile");
      open.state = "frozen";
      open.frozen = Buffer.from(frozen.bytes);
    });
  }

  endEvent(lease: Lease, id: string, { envelopes, settings, results }: Parameters<Database["endEvent"]>[2]): Promise<void> {
    return this.#run((state) => {
      state.fence(lease);
      if (!forgetEvent(state, id, "frozen")) return;
      for (const { role, version, bytes } of envelopes) {
        const versions = role === "root" ? state.envelopes.get(role) : undefined;
        state.envelopes.set(role, new Map([...(versions ?? []), [version, Buffer.from(bytes)]]));
      }
      setAll(state, settings);
      endAll(state, results);
      state.hint("visible");
    });
  }

  forgetEvent(lease: Lease, id: string): Promise<void> {
    return this.#run((state) => {
      state.fence(lease);
      if (!forgetEvent(state, id, "cancelled")) return;
      for (const change of inOrder(state)) {
        if (change.event !== id || change.batch !== undefined) continue;
        change.event = undefined;
        change.waits = undefined;
      }
      state.hint("work");
    });
  }

  // ---- adoption

  pendingChanges(): Promise<readonly PendingChange[]> {
    return this.#run((state) => pendingIn(state).filter((change) => !change.imported));
  }

  pendingImported({ from, before }: PlaceRange, limit: { changes: number; bytes: number }): Promise<readonly PendingChange[] | undefined> {
    return this.#run((state) => {
      const found = pendingIn(state).filter((change) => change.imported && placeOf(change) >= from && placeOf(change) < before);
      const bytes = found.reduce((sum, { path, fragment }) => sum + path.length + fragment.length, 0);
      return before - from > 1 && (found.length > limit.changes || bytes > limit.bytes) ? undefined : found;
    });
  }

  stageAdopted(lease: Lease, adoption: string, role: string, targets: readonly Target[]): Promise<void> {
    return this.#run((state) => {
      state.fence(lease);
      const roles = state.adopted.get(adoption) ?? new Map<string, Map<string, string>>();
      roles.set(role, new Map([...(roles.get(role) ?? []), ...targets.map(({ path, fragment }) => [path, fragment] as const)]));
      state.adopted.set(adoption, roles);
    });
  }

  adoptedTargets(adoption: string, places: readonly ArtifactPlace[]): Promise<readonly (ArtifactPlace & Target)[]> {
    return this.#run((state) => places.flatMap(({ role, path }) => {
      const fragment = state.adopted.get(adoption)?.get(role)?.get(path);
      return fragment === undefined ? [] : [{ role, path, fragment }];
    }));
  }

  stageEnded(lease: Lease, adoption: string, changes: readonly CutChange[]): Promise<void> {
    return this.#run((state) => {
      state.fence(lease);
      state.ends.set(adoption, new Map([...(state.ends.get(adoption) ?? []), ...changes.map((change) => [change.id, change] as const)]));
    });
  }

  adopt(lease: Lease, adoption: Adoption): Promise<{ seq: number; readBack: number; dropped: number }> {
    return this.#run((state) => {
      state.fence(lease);
      const { timestamp, snapshot, garbageNotBeforeMs: notBeforeMs } = adoption;
      if (state.publisher.head !== adoption.base) throw new DatabaseError("stale-base", "the head moved");
      if ([...state.batches.values()].some((batch) => batch.state === "open")) throw new DatabaseError("stale-base", "a batch is open");
      const all = new Map([...state.tasks.values()].flatMap((task) => task.changes).map((change) => [change.id, change]));
      const cuts = [...state.ends.get(adoption.id)?.values() ?? []].map((cut) => {
        const change = all.get(cut.id);
        if (change?.task.id !== cut.task || !(isOpen(change) || isUnseen(state, change.batch))) throw new DatabaseError("stale-base", `change ${String(cut.id)} is no longer open`);
        return { cut, change };
      });

      for (const batch of [...state.batches.values()].filter((each) => isUnseen(state, each))) reopen(state, batch, notBeforeMs);
      for (const { row } of state.unfolded.splice(0)) row();
      forget(state.ended.splice(0));

      const seq = state.publisher.seq + 1;
      const batch: Batch = {
        id: adoption.id, base: adoption.base, changes: cuts.map(({ change }) => change), plan: [], results: new Map(), moves: [], terms: "", shares: [], state: "committed", seq, folding: false, snapshotVersion: snapshot.version,
        committedMs: state.now(),
      };
      state.batches.set(batch.id, batch);
      for (const { cut, change } of cuts) {
        change.batch = batch;
        change.outcome = cut.outcome;
        change.cutRole = cut.role;
      }
      for (const { task: id, result } of adoption.results) {
        const task = state.tasks.get(id);
        if (!task || (task.result && (task.resultBatch === undefined || task.resultBatch.state === "committed"))) continue;
        task.result = structuredClone(result);
        task.resultBatch = batch;
      }
      state.unfolded.push({ batch, row: () => { state.ended.push(...new Set(batch.changes.map((change) => change.task))); } });

      let readBack = 0;
      let dropped = 0;
      for (const { takesTargets, ...row } of adoption.roles) {
        if (takesTargets) {
          const before = state.artifacts.get(row.role) ?? new Map<string, string>();
          const after = state.adopted.get(adoption.id)?.get(row.role) ?? new Map<string, string>();
          readBack += [...after].filter(([path, fragment]) => before.get(path) !== fragment).length;
          dropped += [...before.keys()].filter((path) => !after.has(path)).length;
          for (const [path, fragment] of after) if (before.get(path) !== fragment) state.publishedMs.set(JSON.stringify([row.role, path]), state.now());
          state.artifacts.set(row.role, after);
        }
        putRow(state, row, notBeforeMs);
      }
      putRow(state, { ...resultOf(snapshot), kind: "snapshot", parent: "", retired: false }, notBeforeMs);
      putRow(state, { ...resultOf(timestamp), kind: "timestamp", parent: "", retired: false }, notBeforeMs);
      setAll(state, adoption.settings);
      for (const { role, version, bytes } of adoption.envelopes) {
        const versions = role === "root" ? state.envelopes.get(role) : undefined;
        state.envelopes.set(role, new Map([...(versions ?? []), [version, Buffer.from(bytes)]]));
      }
      for (const [name, row] of state.garbage) {
        if (state.roles.get(row.role)?.version === row.version) state.garbage.delete(name);
        else state.garbage.set(name, { ...row, notBeforeMs: Math.max(row.notBeforeMs, notBeforeMs) });
      }
      state.committed.push({
        seq, sha256: timestamp.sha256, timestampVersion: timestamp.version, snapshotVersion: snapshot.version,
        timestamp: Buffer.from(timestamp.bytes), expiresMs: timestamp.expiresMs,
      });
      const { halted, ...publisher } = state.publisher;
      state.publisher = { ...publisher, seq, visible: seq, head: timestamp.sha256, counter: Math.max(publisher.counter, adoption.counter) };
      state.tellShown(publisher.visible);
      if (halted) state.tell("resumed", { code: halted.code });
      if (adoption.press) {
        const { task, roles } = adoption.press;
        const row: Task = { id: task.id, order: state.nextTask++, kind: task.kind, createdMs: task.createdMs, request: structuredClone(task.request), held: false, imported: false, changes: [], result: undefined, resultBatch: undefined };
        row.changes = roles.map((role) => ({
          id: state.nextChange++, task: row, kind: "refresh", role, path: "", fragment: "", bytes: 0, attempts: 0, attemptsAlone: 0, batch: undefined, outcome: undefined, cutRole: role, waits: undefined, event: undefined,
        }));
        state.tasks.set(row.id, row);
      }
      state.adopted.clear();
      state.ends.clear();
      state.hint("visible");
      return { seq, readBack, dropped };
    });
  }

  // ---- lists

  artifacts({ role, from, before }: ArtifactRange, after: ArtifactPlace | undefined, limit: number): Promise<readonly ArtifactRow[]> {
    return this.#run((state) => [...state.artifacts]
      .flatMap(([owner, targets]) => [...targets].map(([path, fragment]) => ({ path, role: owner, fragment })))
      .filter((row) => (role === undefined || row.role === role) && (from === undefined || order(row.path, from) >= 0) && (before === undefined || order(row.path, before) < 0))
      .filter((row) => after === undefined || (order(row.path, after.path) || order(row.role, after.role)) > 0)
      .sort((a, b) => order(a.path, b.path) || order(a.role, b.role))
      .slice(0, limit)
      .map((row) => {
        const publishedMs = state.publishedMs.get(JSON.stringify([row.role, row.path]));
        const version = state.roles.get(row.role)?.version;
        return { ...row, ...(publishedMs === undefined ? {} : { publishedMs }), ...(version === undefined ? {} : { version }) };
      }));
  }

  countArtifacts(role: string, atMost: number): Promise<number> {
    return this.#run((state) => Math.min(state.artifacts.get(role)?.size ?? 0, atMost));
  }

  rolesAfter(after: string | undefined, { kind, retired, expiresBeforeMs }: RoleFilter, limit: number): Promise<readonly RoleRow[]> {
    return this.#run((state) => [...state.roles.values()]
      .filter((row) => (after === undefined || order(row.role, after) > 0) && (kind === undefined || row.kind === kind)
        && (retired === undefined || row.retired === retired) && (expiresBeforeMs === undefined || row.expiresMs < expiresBeforeMs))
      .sort((a, b) => order(a.role, b.role))
      .slice(0, limit));
  }

  tasks(filter: TaskFilter, after: TaskPlace | undefined, limit: number): Promise<{ rows: readonly TaskSummary[]; next?: TaskPlace }> {
    return this.#run((state) => {
      const { kind, state: wanted, createdFromMs = -Infinity, createdBeforeMs = Infinity } = filter;
      const all = [...state.tasks.values()]
        .filter((task) => task.createdMs >= createdFromMs && task.createdMs < createdBeforeMs)
        .sort((a, b) => b.createdMs - a.createdMs || b.order - a.order)
        .filter((task) => after === undefined || task.createdMs < after.createdMs || (task.createdMs === after.createdMs && task.order < after.order))
        .map((task) => ({ place: { createdMs: task.createdMs, order: task.order }, row: summaryOf(state, task) }))
        .filter(({ row }) => (kind === undefined || row.kind === kind) && (wanted === undefined || (row.result?.state ?? "open") === wanted));
      const page = all.slice(0, limit);
      const last = page.at(-1);
      return { rows: page.map(({ row }) => row), ...(last === undefined || all.length <= limit ? {} : { next: last.place }) };
    });
  }

  // ---- notices

  notices(after: string, limit: number): Promise<{ rows: readonly Notice[]; missed: boolean }> {
    return this.#run((state) => {
      const from = Number(after);
      if (from >= state.nextNotice) return { rows: [], missed: true };
      const rows = state.notices.filter(({ id }) => Number(id) > from).slice(0, limit);
      return { rows: rows.map(({ once: _, ...notice }) => structuredClone(notice)), missed: from < state.forgottenNotice };
    });
  }

  lastNotice(): Promise<string> {
    return this.#run((state) => state.lastNotice());
  }

  post(lease: Lease, notices: readonly NewNotice[]): Promise<void> {
    return this.#run((state) => {
      state.fence(lease);
      for (const { kind, about, once } of notices) state.tell(kind, about, once);
      state.hint("visible");
    });
  }

  takeDelivery(receiver: string, holder: string, ttlMs: number): Promise<string | undefined> {
    return this.#run((state) => {
      const delivery = state.deliveries.get(receiver) ?? { holder, untilMs: 0, sent: state.lastNotice() };
      if (delivery.holder !== holder && delivery.untilMs >= state.now()) return undefined;
      state.deliveries.set(receiver, { ...delivery, holder, untilMs: state.now() + ttlMs });
      return delivery.sent;
    });
  }

  keepDelivery(receiver: string, holder: string, sent: string): Promise<boolean> {
    return this.#run((state) => {
      const delivery = state.deliveries.get(receiver);
      if (delivery?.holder !== holder) return false;
      state.deliveries.set(receiver, { ...delivery, sent });
      return true;
    });
  }

  // ---- roles

  roles(): Promise<readonly RoleRow[]> {
    return this.#run((state) => [...state.roles.values()].filter(({ kind }) => !["root", "snapshot", "timestamp"].includes(kind)));
  }

  role(name: string): Promise<RoleRow | undefined> {
    return this.#run((state) => state.roles.get(name));
  }

  rolesExpiringBefore(beforeMs: number, limit: number): Promise<readonly RoleRow[]> {
    return this.#run((state) => [...state.roles.values()]
      .filter((role) => !role.retired && role.expiresMs < beforeMs)
      .sort((a, b) => a.expiresMs - b.expiresMs)
      .slice(0, limit));
  }

  firstExpiry(): Promise<ReadonlyMap<RoleRow["kind"], number>> {
    return this.#run((state) => {
      const first = new Map<RoleRow["kind"], number>();
      for (const { kind, expiresMs, retired } of state.roles.values()) {
        if (!retired) first.set(kind, Math.min(first.get(kind) ?? Infinity, expiresMs));
      }
      return first;
    });
  }

  // ---- retention

  dueGarbage(nowMs: number, limit: number): Promise<readonly Garbage[]> {
    return this.#run((state) => [...state.garbage.values()]
      .filter(({ role, version, notBeforeMs }) => notBeforeMs <= nowMs && version < (state.roles.get(role)?.version ?? 0))
      .slice(0, limit)
      .map(({ name, role, version }) => ({ name, role, version })));
  }

  forgetGarbage(lease: Lease, names: readonly string[]): Promise<void> {
    return this.#run((state) => {
      state.fence(lease);
      for (const name of names) state.garbage.delete(name);
    });
  }

  forgetBefore(lease: Lease, limits: ForgetLimits, limit: number): Promise<void> {
    return this.#run((state) => {
      state.fence(lease);
      const tasks = [...state.tasks.values()].filter((task) =>
        task.result && counts(state, task) && task.changes.length === 0 && task.result.lastUpdateMs < limits.tasksMs);
      for (const task of tasks.slice(0, limit)) state.tasks.delete(task.id);
      const heads = state.committed.filter((head) => head.expiresMs < limits.committedMs && head.seq < state.publisher.visible);
      for (const head of heads.slice(0, limit)) state.committed.splice(state.committed.indexOf(head), 1);
      const keys = [...state.idempotency].filter(([, row]) => row.createdMs < limits.idempotencyMs);
      for (const [key] of keys.slice(0, limit)) state.idempotency.delete(key);
      for (let left = limit; left > 0; left--) {
        const [oldest] = state.notices;
        if (oldest === undefined || (oldest.atMs >= limits.noticesMs && Number(oldest.id) >= state.nextNotice - limits.mostNotices)) break;
        state.notices.shift();
        state.forgottenNotice = Number(oldest.id);
      }
      state.imports = state.imports.filter((row) => row.touchedMs >= limits.idempotencyMs || (row.accepted && state.tasks.get(row.given.task)?.changes.some(isPending)));
    });
  }

  now(): Promise<number> {
    return this.#run((state) => state.now());
  }

  subscribe(topic: Topic, call: () => void): () => void {
    const listener = { topic, call };
    this.#listeners.add(listener);
    this.#state.listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      this.#state.listeners.delete(listener);
    };
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const listener of this.#listeners) this.#state.listeners.delete(listener);
    return Promise.resolve();
  }
}

function setAll(state: State, settings: Readonly<Record<string, SettingValue>> | undefined): void {
  for (const [name, value] of Object.entries(settings ?? {})) state.settings.set(name, structuredClone(value));
}

function endAll(state: State, results: readonly { task: string; result: TaskResult }[]): void {
  for (const { task: id, result } of results) {
    const task = state.tasks.get(id);
    if (!task || (task.result && (task.resultBatch === undefined || task.resultBatch.state === "committed"))) continue;
    task.result = structuredClone(result);
    task.resultBatch = undefined;
    state.tellEnd(task);
    for (const change of task.changes) if (isOpen(change)) change.outcome = "set-aside";
    state.ended.push(task);
  }
}

/** Every change, in order of acceptance. */
const inOrder = (state: State): Change[] => [...state.tasks.values()].flatMap((task) => task.changes);

/** An open change that no event carries. */
function openOf(state: State, id: number, task: string): Change {
  const change = state.tasks.get(task)?.changes.find((each) => each.id === id);
  if (!change || !isOpen(change) || change.event !== undefined) throw new DatabaseError("stale-base", `change ${String(id)} is no longer open`);
  return change;
}

/** All of them, or none and the first fault. */
function applyEffects(state: State, effects: readonly EventEffect[], task: string): void {
  const before = state.events.map((event) => ({ event, state: event.state, reason: event.reason }));
  try {
    for (const effect of effects) applyEffect(state, effect, task);
  } catch (error) {
    state.events = before.map(({ event, ...was }) => Object.assign(event, was));
    for (const change of inOrder(state)) if (change.event !== undefined && !state.events.some(({ given }) => given.id === change.event)) change.event = undefined;
    throw error;
  }
}

function requireStart(state: State, given: NewSigningEvent, besideFrozen: boolean, inPlaceOf: string | undefined): void {
  const inTheWay = (at: SigningState, id: string): boolean => (at === "open" && id !== inPlaceOf) || (at === "frozen" && !besideFrozen);
  if (state.events.some((event) => event.given.role === given.role && inTheWay(event.state, event.given.id))) throw new DatabaseError("event-exists", `${given.role} waits for signatures already`);
  for (const [i, signature] of given.signatures.entries()) requireNew(given.signatures.slice(0, i), signature);
  for (const { id, task } of given.changes ?? []) openOf(state, id, task);
}

/** Throws before it changes anything. */
function applyEffect(state: State, effect: EventEffect, task: string): void {
  if ("start" in effect) {
    const given = structuredClone(effect.start);
    const { inPlaceOf } = effect;
    requireStart(state, given, effect.besideFrozen === true, inPlaceOf?.event);
    const before = state.events.find((event) => event.given.id === inPlaceOf?.event && event.state === "open");
    if (before !== undefined) Object.assign(before, { state: "cancelled", reason: inPlaceOf?.reason });
    state.events.push({ given, signatures: given.signatures.map((signature) => ({ signature, task: undefined })), state: "open", frozen: undefined, reason: undefined });
    for (const { id, task: owner } of given.changes ?? []) {
      const change = openOf(state, id, owner);
      change.event = given.id;
      change.waits ??= given.role;
    }
  } else if ("sign" in effect) {
    const event = openEvent(state, effect.sign.event);
    requireNew(event.signatures.map(({ signature }) => signature), effect.sign.signature);
    event.signatures.push({ signature: { ...effect.sign.signature }, task });
  } else if ("giveUp" in effect) {
    const event = state.events.find(({ given, state: is }) => given.id === effect.giveUp.event && is !== "cancelled");
    if (!event) throw new DatabaseError("event-closed", "this signing event is cancelled, or none");
    event.state = "cancelled";
    event.reason = effect.giveUp.reason;
  } else {
    openEvent(state, effect.cancel.event).state = "cancelled";
  }
}

function requireNew(earlier: readonly EventSignature[], { keyid, identity }: EventSignature): void {
  if (earlier.some((other) => other.keyid === keyid || other.identity === identity)) throw new DatabaseError("already-signed", `key ${keyid} signed before`);
}

function openEvent(state: State, id: string): Event {
  const event = state.events.find(({ given }) => given.id === id);
  if (event?.state !== "open") throw new DatabaseError("event-closed", "this signing event is no longer open");
  return event;
}

function forgetEvent(state: State, id: string, at: SigningState): boolean {
  const left = state.events.filter(({ given, state: is }) => given.id !== id || is !== at);
  const there = left.length < state.events.length;
  state.events = left;
  return there;
}

/** Has its result, if only with a batch that is not visible yet. */
function isAnswered(state: State, id: string): boolean {
  const task = state.tasks.get(id);
  return task?.result !== undefined && task.resultBatch?.state !== "dropped";
}

/** Committed, never shown, and not folded: as good as open. */
const pendingIn = (state: State): readonly PendingChange[] => [...state.tasks.values()].flatMap((task) => task.changes)
  .filter((change) => isOpen(change) || (isUnseen(state, change.batch) && !(change.task.result && change.task.resultBatch === undefined)))
  .map((change) => ({ ...openChange(change), accepted: change.task.order }));

function isUnseen(state: State, batch: Batch | undefined): boolean {
  return batch?.state === "committed" && batch.seq > state.publisher.visible && !batch.folding;
}

function reopen(state: State, batch: Batch, notBeforeMs: number): void {
  batch.state = "dropped";
  state.unfolded = state.unfolded.filter((row) => row.batch !== batch);
  for (const change of batch.changes) {
    change.batch = undefined;
    change.waits = undefined;
    change.event = undefined;
    change.outcome = change.task.result && change.task.resultBatch === undefined ? "set-aside" : undefined;
    change.cutRole = change.role;
  }
  for (const task of state.tasks.values()) {
    if (task.resultBatch !== batch) continue;
    if (task.changes.length > 0) task.result = undefined;
    else state.tellEnd(task);
    task.resultBatch = undefined;
  }
  for (const { role, version } of batch.results.values()) state.addGarbage(role, version, notBeforeMs);
  state.addGarbage("snapshot", batch.snapshotVersion, notBeforeMs);
}

function forget(ended: readonly Task[]): void {
  for (const task of ended) {
    // A result that rode on a dead batch is none.
    const hasEnded = task.result !== undefined && task.resultBatch?.state !== "dropped";
    if (hasEnded && !task.changes.some(isPending)) task.changes = [];
  }
}

const resultOf = ({ role, version, length, sha256, expiresMs }: RoleResult): RoleResult => ({ role, version, length, sha256, expiresMs });

function putRow(state: State, row: RoleRow, notBeforeMs: number): void {
  const old = state.roles.get(row.role);
  if (old && old.version !== row.version) state.addGarbage(row.role, old.version, notBeforeMs);
  state.roles.set(row.role, { ...resultOf(row), kind: row.kind, parent: row.parent, retired: row.retired });
}

const order = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

function summaryOf(state: State, task: Task): TaskSummary {
  const { id, kind, createdMs, result } = task;
  const cut = (text: string): string => Array.from(text).slice(0, SUMMARY_CHARACTERS).join("");
  const held = task.held && task.changes.some(isOpen) && result === undefined;
  if (result === undefined || !counts(state, task)) return { id, kind, createdMs, held };
  const { state: ended, message, error, lastUpdateMs } = result;
  return { id, kind, createdMs, held, result: { state: ended, message: cut(message), ...(error === undefined ? {} : { error: cut(error) }), lastUpdateMs } };
}

/** Rule 16. */
function counts(state: State, task: Task): boolean {
  const batch = task.resultBatch;
  return batch === undefined || (batch.state === "committed" && batch.seq <= state.publisher.visible);
}

function backlogOf(state: State): { changes: number; bytes: number } {
  const pending = [...state.tasks.values()].filter((task) => !task.imported).flatMap((task) => task.changes).filter(isPending);
  return { changes: pending.length, bytes: pending.reduce((sum, change) => sum + change.bytes, 0) };
}

function moreImported({ tasks }: State, { task, place }: { readonly task: string; readonly place: number }, count: number): readonly OpenChange[] {
  const open = [...tasks.values()].flatMap(({ changes }) => changes).filter((change) => isOpen(change) && change.waits === undefined);
  const waiting = open.filter((change) => change.task.imported && change.task.id === task && placeOf(change) > place).sort((a, b) => placeOf(a) - placeOf(b));
  const end = waiting[Math.min(count, waiting.length) - 1];
  const taken = new Set(waiting.filter((change) => end !== undefined && placeOf(change) <= placeOf(end)));
  const last = new Map(open.flatMap((change, at) => (taken.has(change) ? [[change.path, at] as const] : [])));
  return open.filter((change, at) => taken.has(change) || (change.task.held && isOnPath(change) && at < (last.get(change.path) ?? 0))).map(openChange);
}

function openChange(change: Change): OpenChange {
  const { id, kind, role, path, fragment, attempts, attemptsAlone, task } = change;
  return { id, task: task.id, kind, role, path, fragment, attempts, attemptsAlone, held: task.held, ...(task.imported ? { imported: true } : {}) };
}

const placeOf = ({ path }: { readonly path: string }): number => binIndexOf(32, path);

const importState = ({ given, lines, invalid, accepted }: Import): ImportState => ({ task: given.task, lines, invalid, accepted });

function writtenBy(state: State, task: string, writer: string, lines: number): Import {
  const row = state.imports.find(({ given }) => given.task === task);
  if (row?.writer !== writer || row.accepted || row.lines !== lines) throw new DatabaseError("stale-base", "somebody else goes on with this import, or it is gone");
  return row;
}

function moveArtifact(state: State, { path, from, to, fragment: said }: Move, committedMs: number): void {
  const fragment = said ?? state.artifacts.get(from)?.get(path);
  state.artifacts.get(from)?.delete(path);
  if (to === undefined || fragment === undefined) return;
  const there = state.artifacts.get(to) ?? new Map<string, string>();
  state.artifacts.set(to, there.set(path, fragment));
  const publishedMs = said === undefined ? state.publishedMs.get(JSON.stringify([from, path])) : committedMs;
  if (publishedMs !== undefined) state.publishedMs.set(JSON.stringify([to, path]), publishedMs);
}

function apply(state: State, change: Change): void {
  if (!isOnPath(change)) return;
  const artifacts = state.artifacts.get(change.cutRole) ?? new Map<string, string>();
  if (change.kind === "add") {
    artifacts.set(change.path, change.fragment);
    state.publishedMs.set(JSON.stringify([change.cutRole, change.path]), change.batch?.committedMs ?? 0);
  }
  if (change.kind === "remove") artifacts.delete(change.path);
  state.artifacts.set(change.cutRole, artifacts);
}

function kindByName(role: string): RoleRow["kind"] {
  return role === "root" || role === "targets" ? role : "delegated";
}
