// Reading: a read-only connection of the calling thread. In WAL mode a read waits for no write and
// sees every transaction whose call was answered.

import { DatabaseSync } from "node:sqlite";
import type { SQLInputValue, StatementSync } from "node:sqlite";

import { DatabaseError, PLACES } from "../../../ports/database.ts";
import type {
  ArtifactPlace, ArtifactRange, ArtifactRow, ChangeOutcome, CommittedHead, Garbage, ImportState, Notice, OpenBatch, OpenChange, OpenLimit, PendingChange, PlaceRange, PublisherState, RoleFilter, RoleResult, RoleRow,
  SettingValue, SigningEvent, Target, TaskFilter, TaskKind, TaskPlace, TaskRequest, TaskResult, TaskRow, TaskSummary,
} from "../../../ports/database.ts";
import { binIndexOf } from "../../../tuf/bins.ts";
import { placeText } from "../common/notice-place.ts";
import { inOrder, SMALLEST_BIN, SPARE, type Import, type Placed } from "../common/queue.ts";
import { CHANGE, openChange, type Tuple } from "./change-row.ts";
import type { Cell } from "./connection.ts";
import { firstRun } from "./import.ts";
import { artifacts, rolesAfter, tasks } from "./lists.ts";
import { lastPlace, noticesAfter } from "./notice-log.ts";
import { adoptedTargets, pendingChanges, pendingImported, UNSEEN } from "./pending.ts";

const KINDS: readonly RoleRow["kind"][] = ["root", "targets", "delegated", "bins", "snapshot", "timestamp"];
const ROLE = "name, kind, parent, version, length, sha256, expires_ms, retired";

export class Reader {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(file: string, busyTimeoutMs: number) {
    this.#db = new DatabaseSync(file, { readOnly: true, timeout: busyTimeoutMs });
    this.#db.exec("PRAGMA cache_size = -8192");
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  getTask(id: string): TaskRow | undefined {
    const row = this.#get(
      `SELECT t.id, t.kind, t.created_ms, t.request, iif(r.batch IS NULL OR b.seq <= (SELECT visible FROM publisher), r.body, NULL),
         t.held = 1 AND t.open > 0 AND EXISTS (SELECT 1 FROM change WHERE no BETWEEN t.first_change AND t.last_change AND batch IS NULL),
         t.first_change, t.last_change, iif(t.held = 3, t.open, NULL)
       FROM task t LEFT JOIN result r ON r.task = t.no LEFT JOIN batch b ON b.no = r.batch WHERE t.id = ?`, id,
    );
    if (!row) return undefined;
    const [, kind, createdMs, request, body, held, first, last, remaining] = row;
    const ended = typeof body === "string";
    return {
      id, kind: kind as TaskKind, createdMs: Number(createdMs), request: JSON.parse(String(request)) as TaskRequest,
      ...(ended ? { result: JSON.parse(body) as TaskResult } : {}),
      held: held === 1,
      waitingFor: ended || first === null ? [] : this.#all(WAITED_FOR, first ?? null, last ?? null).map(([role]) => String(role)),
      ...(ended || remaining === null ? {} : { remaining: Number(remaining) }),
    };
  }

  requestsOf(tasks: readonly string[]): ReadonlyMap<string, Pick<TaskRow, "kind" | "request">> {
    return this.#moment(() => new Map(tasks.flatMap((id) => {
      const row = this.#get("SELECT kind, request FROM task WHERE id = ?", id);
      return row === undefined ? [] : [[id, { kind: row[0] as TaskKind, request: JSON.parse(String(row[1])) as TaskRequest }]];
    })));
  }

  backlog(): { changes: number; bytes: number } {
    const [changes, bytes] = this.#one("SELECT changes, bytes FROM backlog");
    return { changes: Number(changes), bytes: Number(bytes) };
  }

  setting(name: string): SettingValue | undefined {
    const row = this.#get("SELECT value FROM setting WHERE name = ?", name);
    return row && JSON.parse(String(row[0])) as SettingValue;
  }

  settings(): Readonly<Record<string, SettingValue>> {
    return Object.fromEntries(this.#all("SELECT name, value FROM setting").map(([name, value]) => [String(name), JSON.parse(String(value)) as SettingValue]));
  }

  envelope(role: string, version?: number): { version: number; bytes: Buffer } | undefined {
    const row = this.#get("SELECT version, bytes FROM envelope WHERE role = ? AND (?2 IS NULL OR version = ?2) ORDER BY version DESC LIMIT 1", role, version ?? null);
    return row && { version: Number(row[0]), bytes: bufferOf(row[1]) };
  }

  listed(role: string | undefined, paths: readonly string[]): ReadonlySet<string> {
    return this.#moment(() => {
      const roles = role === undefined ? this.#rolesWithArtifacts() : [role];
      return new Set(paths.filter((path) => roles.some((name) => this.#get("SELECT 1 FROM artifact WHERE role = ? AND path = ?", name, path))));
    });
  }

  publisher(): PublisherState {
    const [number, holder, untilMs, seq, head, visible, counter, pressedAtMs, code, reason] = this.#one(
      `SELECT lease_number, lease_holder, lease_until_ms, seq, head, visible, counter, pressed_at_ms, halted_code, halted_reason FROM publisher`,
    );
    return {
      lease: { number: Number(number), holder: String(holder), untilMs: Number(untilMs) },
      seq: Number(seq), head: String(head), visible: Number(visible), counter: Number(counter), pressedAtMs: Number(pressedAtMs),
      ...(typeof code === "string" ? { halted: { code, reason: String(reason) } } : {}),
    };
  }

  head(): CommittedHead | undefined {
    const row = this.#get(
      "SELECT seq, sha256, timestamp_version, snapshot_version, timestamp, expires_ms FROM committed ORDER BY seq DESC LIMIT 1",
    );
    return row && {
      seq: Number(row[0]), sha256: String(row[1]), timestampVersion: Number(row[2]), snapshotVersion: Number(row[3]),
      timestamp: bufferOf(row[4]), expiresMs: Number(row[5]),
    };
  }

  committed(sha256: string): { seq: number } | undefined {
    const row = this.#get("SELECT seq FROM committed WHERE sha256 = ?", sha256);
    return row && { seq: Number(row[0]) };
  }

  findImport(principal: string, key: string): ImportState | undefined {
    const row = this.#get("SELECT task, lines, invalid, accepted FROM import WHERE principal = ? AND key = ?", principal, key);
    return row && { task: String(row[0]), lines: Number(row[1]), invalid: Number(row[2]), accepted: row[3] === 1 };
  }

  openChanges(limit: OpenLimit): readonly OpenChange[] {
    return this.#moment(() => {
      if (limit.behind !== undefined) return this.#moreImported(limit.behind, limit.imported ?? 0, limit.bytes);
      const found: Placed[] = [];
      let bytes = 0;
      /** The task of the first publishable change that is left out. */
      let left = Number.POSITIVE_INFINITY;
      const rows = this.#prepare(
        `SELECT ${CHANGE}, t.no, t.id FROM task t CROSS JOIN change c ON c.no BETWEEN t.first_change AND t.last_change
         WHERE t.held = 0 AND t.open > 0 AND t.asleep = 0 AND c.batch IS NULL AND c.waits IS NULL ORDER BY t.no, c.no LIMIT ?`,
      ).iterate(Math.max(limit.changes, 1) + 1) as IterableIterator<unknown> as IterableIterator<Tuple>;
      for (const row of rows) {
        bytes += Number(row[5]);
        if (found.length > 0 && (found.length >= limit.changes || bytes > limit.bytes)) {
          left = Number(row[9]);
          break;
        }
        found.push({ task: Number(row[9]), change: openChange(row, String(row[10]), false) });
      }
      const imports = this.#imports();
      const takes = !found.some(({ change }) => change.kind === "delegate" || change.kind === "document");
      const slice = takes ? this.#importedNext(imports.filter(({ task }) => task < left), limit.imported ?? 0, limit.bytes) : [];
      const held = [...this.#heldBefore([...found, ...slice]), ...this.#importedBefore(found, imports, slice)];
      if (held.length + slice.length === 0) return found.map(({ change }) => change);
      return inOrder([...found, ...slice, ...held]);
    });
  }

  #imports(): readonly Import[] {
    return importsIn(this.#all(
      "SELECT t.no, t.id, t.open, i.no, i.runs FROM task t JOIN import i ON i.task = t.id WHERE t.held = 3 AND t.open > 0 ORDER BY t.no",
    ));
  }

  #moreImported({ task, place }: { readonly task: string; readonly place: number }, count: number, bytes: number): readonly OpenChange[] {
    const from = this.#imports().find(({ id }) => id === task);
    const slice = from === undefined ? [] : this.#importSlice(from, count, bytes, place);
    return inOrder([...slice, ...this.#heldBefore(slice)]);
  }

  /** The held changes of the same paths, accepted before the last publishable one of theirs. */
  #heldBefore(found: readonly Placed[]): readonly Placed[] {
    if (!this.#get("SELECT 1 FROM task WHERE held = 1 AND open > 0 LIMIT 1")) return [];
    const held: Placed[] = [];
    for (const [path, before] of lastOfPaths(found)) {
      const rows = this.#all(`SELECT ${CHANGE} FROM change c WHERE path = ? AND held = 1 AND batch IS NULL AND waits IS NULL AND kind IN ('add', 'remove')`, path);
      for (const row of rows) {
        const owner = this.#get("SELECT no, id, held, last_change FROM task WHERE first_change <= ? ORDER BY first_change DESC LIMIT 1", row[0] ?? null);
        if (owner?.[2] !== 1 || Number(owner[3]) < Number(row[0]) || Number(owner[0]) > before) continue;
        held.push({ task: Number(owner[0]), change: openChange(row, String(owner[1]), true) });
      }
    }
    return held;
  }

  waitingRoles(): readonly string[] {
    return this.#all(
      `WITH RECURSIVE r (name) AS (SELECT min(waits) FROM change WHERE waits IS NOT NULL AND event IS NULL
         UNION ALL SELECT (SELECT min(waits) FROM change WHERE waits > name AND event IS NULL) FROM r WHERE name IS NOT NULL)
       SELECT name FROM r WHERE name IS NOT NULL AND EXISTS (SELECT 1 FROM change WHERE waits = name AND event IS NULL AND batch IS NULL)`,
    ).map(([name]) => String(name));
  }

  waitingChanges(role: string, limit: { changes: number; bytes: number }): readonly OpenChange[] {
    return this.#moment(() => {
      const waiting = this.#placed(this.#all(`SELECT ${CHANGE} FROM change c WHERE waits = ? AND event IS NULL AND batch IS NULL`, role));
      let bytes = 0;
      const over = waiting.findIndex(({ path, fragment }, at) => {
        bytes += Buffer.byteLength(path) + Buffer.byteLength(fragment);
        return at > 0 && (at >= limit.changes || bytes > limit.bytes);
      });
      return over < 0 ? waiting : waiting.slice(0, over);
    });
  }

  eventChanges(event: string): readonly OpenChange[] {
    return this.#moment(() => this.#placed(this.#all(
      `SELECT ${CHANGE} FROM change c WHERE event = (SELECT no FROM signing_event WHERE id = ?) AND batch IS NULL`, event,
    )));
  }

  /** Changes of tasks that have not ended, in order of acceptance. */
  #placed(rows: readonly Tuple[]): readonly OpenChange[] {
    const placed: Placed[] = [];
    for (const row of rows) {
      const owner = this.#get("SELECT no, id, held, last_change FROM task WHERE first_change <= ? ORDER BY first_change DESC LIMIT 1", row[0] ?? null);
      if (!owner || owner[2] === 2 || Number(owner[3]) < Number(row[0])) continue;
      placed.push({ task: Number(owner[0]), change: openChange(row, String(owner[1]), owner[2] === 1) });
    }
    return inOrder(placed);
  }

  /** Of the oldest one that has any: of those before it the rows are still on their way. */
  #importedNext(imports: readonly Import[], count: number, bytes: number): readonly Placed[] {
    for (const from of imports) {
      const slice = this.#importSlice(from, count, bytes);
      if (slice.length > 0) return slice;
    }
    return [];
  }

  /** About `count` changes of an import, those that come first by place, behind one; never part of a place. */
  #importSlice(from: Import, count: number, bytes: number, behind = -1): readonly Placed[] {
    if (count <= 0) return [];
    const firsts = from.runs.map((run) => this.#get(`SELECT place FROM change WHERE ${WAITING} AND place > ? ORDER BY place LIMIT 1`, run, behind)?.[0]).filter((place) => typeof place === "number");
    if (firsts.length === 0) return [];
    const begin = firsts.reduce((least, place) => Math.min(least, place), PLACES);
    // Hashes lie evenly, so this is about right; when it is not, the next guess is half as wide.
    for (let width = Math.ceil(((PLACES - begin) * count) / Math.max(from.open, 1)); ; width = Math.floor(width / 2)) {
      // To the end of a bin of 16,384, so that of these none is touched twice.
      const end = Math.max(begin, Math.ceil((begin + width) / SMALLEST_BIN) * SMALLEST_BIN - 1);
      const found = width === 0 ? this.#importedUpTo(from, [begin, begin], MOST_ROWS, MOST_ROWS) : this.#importedUpTo(from, [begin, end], count * 2 + SPARE, bytes);
      if (found !== undefined) return found;
    }
  }

  /** Undefined when there are more than `most`. */
  #importedUpTo(from: Import, [first, last]: readonly [number, number], most: number, mostBytes: number): readonly Placed[] | undefined {
    const found: Placed[] = [];
    let bytes = 0;
    for (const run of from.runs) {
      for (const row of this.#all(`SELECT ${CHANGE} FROM change c WHERE ${WAITING} AND place BETWEEN ? AND ? ORDER BY place LIMIT ?`, run, first, last, most + 1)) {
        const change = openChange(row, from.id, false);
        bytes += change.path.length + change.fragment.length;
        found.push({ task: from.task, change });
      }
      if (found.length > most || bytes > mostBytes) return undefined;
    }
    return found;
  }

  /** The changes of imports that have the path of a publishable one accepted later. */
  #importedBefore(found: readonly Placed[], imports: readonly Import[], slice: readonly Placed[]): readonly Placed[] {
    if (imports.length === 0) return [];
    const taken = new Set(slice.map(({ change }) => change.id));
    const last = lastOfPaths(found);
    const before: Placed[] = [];
    for (const [path, task] of last) {
      const place = binIndexOf(32, path);
      for (const from of imports) {
        if (from.task > task) continue;
        for (const run of from.runs) {
          for (const row of this.#all(`SELECT ${CHANGE} FROM change c WHERE ${WAITING} AND place = ? AND path = ?`, run, place, path)) {
            if (!taken.has(Number(row[0]))) before.push({ task: from.task, change: openChange(row, from.id, true) });
          }
        }
      }
    }
    return before;
  }

  importRemainder(id: string, limit: number, adoption?: string): { open: boolean; setAside: number; paths: readonly string[] } {
    return this.#moment(() => {
      const task = this.#get("SELECT first_change, last_change FROM task WHERE id = ? AND held = 3", id);
      if (task === undefined) return { open: false, setAside: 0, paths: [] };
      const bounds = [task[0] ?? null, task[1] ?? null] as const;
      // Those of earlier batches are folded, and gone: what is looked through is the batch in hand, and what was set aside.
      const left = adoption === undefined
        ? this.#get("SELECT 1 FROM change WHERE no BETWEEN ? AND ? AND batch IS NULL LIMIT 1", ...bounds)
        : this.#get(
          `SELECT 1 FROM change c LEFT JOIN batch b ON b.no = c.batch WHERE c.no BETWEEN ? AND ? AND (c.batch IS NULL OR (${UNSEEN}))
             AND NOT EXISTS (SELECT 1 FROM adopted_change a WHERE a.adoption = ? AND a.no = c.no) LIMIT 1`, ...bounds, adoption,
        );
      if (left !== undefined) return { open: true, setAside: 0, paths: [] };
      const aside = `FROM change c LEFT JOIN adopted_change a ON a.adoption = ?3 AND a.no = c.no WHERE c.no BETWEEN ?1 AND ?2 AND coalesce(a.outcome, c.outcome) = 'set-aside'`;
      return {
        open: false, setAside: Number(this.#get(`SELECT count(*) ${aside}`, ...bounds, adoption ?? null)?.[0]),
        paths: this.#all(`SELECT c.path ${aside} LIMIT ?4`, ...bounds, adoption ?? null, limit).map(([path]) => String(path)),
      };
    });
  }

  readTargets(base: string, roles: readonly string[]): ReadonlyMap<string, readonly Target[]> {
    return this.#moment(() => {
      if (this.#one("SELECT head FROM publisher")[0] !== base) throw new DatabaseError("stale-base", "the head moved");
      if (this.#isBehind(roles)) throw new DatabaseError("stale-base", "the head is not folded yet");
      return new Map(roles.map((role) => [role, this.#all("SELECT path, fragment FROM artifact WHERE role = ? ORDER BY path", role)
        .map(([path, fragment]) => ({ path: String(path), fragment: String(fragment) }))]));
    });
  }

  /** Whether something of these roles is committed and not folded; of no roles: anything. What moves counts as everybody's. */
  #isBehind(roles: readonly string[]): boolean {
    return this.#all("SELECT no FROM batch WHERE fold_phase IS NOT NULL").some(([no = null]) => roles.length === 0
      || this.#get("SELECT 1 FROM batch_move WHERE batch = ? LIMIT 1", no) !== undefined
      || roles.some((role) => this.#get("SELECT 1 FROM batch_result WHERE batch = ? AND role = ?", no, role) !== undefined));
  }

  openBatches(): readonly OpenBatch[] {
    return this.#all("SELECT id, base, changes FROM batch WHERE state <> 'committed' AND state = 'open' ORDER BY no")
      .map(([id, base, changes]) => ({ id: String(id), base: String(base), changes: Number(changes) }));
  }

  sharedResults(batch: string): { left: number; results: readonly RoleResult[] } {
    return this.#moment(() => {
      const open = this.#get("SELECT no, (SELECT count(*) FROM batch_share WHERE batch = b.no AND done = 0) FROM batch b WHERE id = ? AND state = 'open'", batch);
      if (!open) throw new DatabaseError("stale-base", `batch ${batch} is not open`);
      const no = open[0] ?? null;
      const left = Number(open[1]);
      if (left > 0) return { left, results: [] };
      const rows = this.#all("SELECT role, version, length, sha256, expires_ms FROM batch_result WHERE batch = ? ORDER BY role", no);
      return { left, results: rows.map(([role, version, length, sha256, expiresMs]) => ({ role: String(role), version: Number(version), length: Number(length), sha256: String(sha256), expiresMs: Number(expiresMs) })) };
    });
  }

  taskChanges(id: string): readonly (OpenChange & { outcome?: ChangeOutcome })[] {
    return this.#moment(() => {
      const task = this.#get("SELECT first_change, last_change, held FROM task WHERE id = ?", id);
      if (!task || task[0] === null) return [];
      const [first, last, held] = task;
      return this.#all(`SELECT ${CHANGE}, coalesce(outcome, iif(?3 = 2, 'set-aside', NULL)) FROM change c WHERE no BETWEEN ?1 AND ?2 ORDER BY no`, first ?? null, last ?? null, held ?? null)
        .map((row) => ({ ...openChange(row, id, held === 1 && row[9] === null), ...(row[9] === null ? {} : { outcome: row[9] as ChangeOutcome }) }));
    });
  }

  signingEvents(): readonly SigningEvent[] {
    return this.#moment(() => this.#all("SELECT no, id, role, kind, version, state, document, task, started_ms, note, frozen, reason FROM signing_event ORDER BY no").map((row) => {
      const [no, id, role, kind, version, state, document, task, startedMs, note, frozen, reason] = row;
      return {
        id: String(id), role: String(role), kind: kind as SigningEvent["kind"], version: Number(version), state: state as SigningEvent["state"],
        document: bufferOf(document), task: String(task), startedMs: Number(startedMs), answered: this.#isAnswered(task),
        signatures: this.#all("SELECT keyid, sig, identity, task, bundle FROM signing_signature WHERE event = ? ORDER BY no", no ?? null)
          .map(([keyid, sig, identity, by, bundle]) => ({
            keyid: String(keyid), sig: String(sig), identity: String(identity), ...(bundle === null ? {} : { bundle: JSON.parse(String(bundle)) as SettingValue }),
            ...(typeof by === "string" ? { task: by, answered: this.#isAnswered(by) } : { answered: true }),
          })),
        ...(typeof note === "string" ? { note: JSON.parse(note) as SettingValue } : {}),
        ...(frozen === null ? {} : { frozen: bufferOf(frozen) }),
        ...(typeof reason === "string" ? { reason } : {}),
      };
    }));
  }

  signingStamp(): string {
    return this.#moment(() => this.#all("SELECT no, id, state, task FROM signing_event ORDER BY no").map(([no, id, state, task]) => {
      const signatures = this.#all("SELECT task FROM signing_signature WHERE event = ? ORDER BY no", no ?? null).map(([by]) => (by === null || this.#isAnswered(by) ? "+" : "-"));
      return `${String(id)} ${String(state)} ${this.#isAnswered(task) ? "+" : "-"} ${signatures.join("")}`;
    }).join("\n"));
  }

  #isAnswered(task: Cell | undefined): boolean {
    return this.#get("SELECT 1 FROM result JOIN task ON task.no = result.task WHERE task.id = ?", task ?? null) !== undefined;
  }

  artifacts(range: ArtifactRange, after: ArtifactPlace | undefined, limit: number): readonly ArtifactRow[] {
    // A page is bounded, and taken step by step each row costs more: 5.0 ms of CPU for a page of a million, at once 4.1.
    return this.#moment(() => artifacts((sql, ...values) => this.#all(sql, ...values), range, after, limit));
  }

  countArtifacts(role: string, atMost: number): number {
    return Number(this.#get("SELECT count(*) FROM (SELECT 1 FROM artifact WHERE role = ? LIMIT ?)", role, atMost)?.[0]);
  }

  rolesAfter(after: string | undefined, filter: RoleFilter, limit: number): readonly RoleRow[] {
    const { sql, values } = rolesAfter(after, filter, limit);
    return this.#all(`SELECT ${ROLE} FROM role ${sql}`, ...values).map(roleRow);
  }

  tasks(filter: TaskFilter, after: TaskPlace | undefined, limit: number): { rows: readonly TaskSummary[]; next?: TaskPlace } {
    return this.#moment(() => tasks(this.#rows, filter, after, limit));
  }

  notices(after: string, limit: number): { rows: readonly Notice[]; missed: boolean } {
    return this.#moment(() => noticesAfter(this.#all.bind(this), after, limit));
  }

  lastNotice(): string {
    return this.#moment(() => placeText(lastPlace(this.#all.bind(this))));
  }

  pendingChanges(): readonly PendingChange[] {
    return pendingChanges(this.#all.bind(this));
  }

  pendingImported(range: PlaceRange, limit: { changes: number; bytes: number }): readonly PendingChange[] | undefined {
    return this.#moment(() => pendingImported(this.#all.bind(this), range, limit));
  }

  adoptedTargets(adoption: string, places: readonly ArtifactPlace[]): readonly (ArtifactPlace & Target)[] {
    return this.#moment(() => adoptedTargets(this.#all.bind(this), adoption, places));
  }

  roles(): readonly RoleRow[] {
    return this.#all(`SELECT ${ROLE} FROM role WHERE kind NOT IN ('root', 'snapshot', 'timestamp')`).map(roleRow);
  }

  role(name: string): RoleRow | undefined {
    const row = this.#get(`SELECT ${ROLE} FROM role WHERE name = ?`, name);
    return row && roleRow(row);
  }

  rolesExpiringBefore(beforeMs: number, limit: number): readonly RoleRow[] {
    return this.#all(`SELECT ${ROLE} FROM role WHERE retired = 0 AND expires_ms < ? ORDER BY expires_ms LIMIT ?`, beforeMs, limit).map(roleRow);
  }

  firstExpiry(): ReadonlyMap<RoleRow["kind"], number> {
    // One look at the index for each kind: grouped, every bin would be looked at.
    return new Map(KINDS.flatMap((kind) => {
      const [ms] = this.#get("SELECT min(expires_ms) FROM role WHERE retired = 0 AND kind = ?", kind) ?? [];
      return typeof ms === "number" ? [[kind, ms]] : [];
    }));
  }

  dueGarbage(nowMs: number, limit: number): readonly Garbage[] {
    return this.#all(
      `SELECT garbage.name, garbage.role, garbage.version FROM garbage JOIN role ON role.name = garbage.role
       WHERE garbage.not_before_ms <= ? AND garbage.version < role.version LIMIT ?`, nowMs, limit,
    ).map(([name, role, version]) => ({ name: String(name), role: String(role), version: Number(version) }));
  }

  #rolesWithArtifacts(): readonly string[] {
    return this.#all(
      `WITH RECURSIVE r (name) AS (SELECT min(role) FROM artifact UNION ALL SELECT (SELECT min(role) FROM artifact WHERE role > name) FROM r WHERE name IS NOT NULL)
       SELECT name FROM r WHERE name IS NOT NULL`,
    ).map(([name]) => String(name));
  }

  /** All reads of `work` see one moment. */
  #moment<T>(work: () => T): T {
    this.#db.exec("BEGIN");
    try {
      return work();
    } finally {
      this.#db.exec("COMMIT");
    }
  }

  #get(sql: string, ...values: SQLInputValue[]): Tuple | undefined {
    return this.#prepare(sql).get(...values) as unknown as Tuple | undefined;
  }

  #one(sql: string): Tuple {
    const row = this.#get(sql);
    if (!row) throw new DatabaseError("damaged", "a row that is always there is missing");
    return row;
  }

  #all(sql: string, ...values: SQLInputValue[]): readonly Tuple[] {
    return this.#prepare(sql).all(...values) as unknown as Tuple[];
  }

  readonly #rows = (sql: string, ...values: SQLInputValue[]): Iterable<Tuple> =>
    this.#prepare(sql).iterate(...values) as IterableIterator<unknown> as IterableIterator<Tuple>;

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#db.prepare(sql);
      statement.setReturnArrays(true);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** By the indexes of what waits, never through a task's changes: an import has millions, and is asked for again and again. */
const WAITED_FOR = `
  WITH RECURSIVE r (name) AS (SELECT min(waits) FROM change WHERE waits IS NOT NULL AND event IS NULL
    UNION ALL SELECT (SELECT min(waits) FROM change WHERE waits > name AND event IS NULL) FROM r WHERE name IS NOT NULL)
  SELECT name FROM r WHERE name IS NOT NULL AND EXISTS (SELECT 1 FROM change WHERE waits = name AND event IS NULL AND no BETWEEN ?1 AND ?2 AND batch IS NULL)
  UNION SELECT c.waits FROM signing_event e CROSS JOIN change c ON c.event = e.no AND c.no BETWEEN ?1 AND ?2 WHERE c.batch IS NULL AND c.waits IS NOT NULL
  ORDER BY 1`;

const importsIn = (rows: readonly Tuple[]): readonly Import[] => rows.map(([task, id, open, no, runs]) => ({
  task: Number(task), id: String(id), open: Number(open), runs: Array.from({ length: Number(runs) }, (_, i) => firstRun(Number(no)) + i),
}));

const WAITING = "run = ? AND run IS NOT NULL AND batch IS NULL AND waits IS NULL";
const MOST_ROWS = 2 ** 52;

/** Of each path, the last task that changes it. */
const lastOfPaths = (found: readonly Placed[]): ReadonlyMap<string, number> =>
  new Map(found.filter(({ change }) => change.kind === "add" || change.kind === "remove").map(({ task, change }) => [change.path, task]));

function roleRow([role, kind, parent, version, length, sha256, expiresMs, retired]: Tuple): RoleRow {
  return {
    role: String(role), kind: kind as RoleRow["kind"], parent: String(parent), version: Number(version), length: Number(length),
    sha256: String(sha256), expiresMs: Number(expiresMs), retired: retired === 1,
  };
}

function bufferOf(value: Cell | undefined): Buffer {
  if (!(value instanceof Uint8Array)) throw new DatabaseError("damaged", "a stored envelope is no blob");
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
