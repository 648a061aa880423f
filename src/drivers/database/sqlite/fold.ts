// Folding: committed batches become rows of artifacts, roles and garbage, in slices.
//
// A slice is one transaction. How far a batch is folded stands in its own row (phase and cursor),
// written in the same transaction, so that a slice counts exactly once however often fold is cut off.

import type { Lease, RoleResult, RoleRow } from "../../../ports/database.ts";
import { ABANDONED, type Connection, type Row } from "./connection.ts";
import { fence } from "./lease.ts";
import { TaskFinder } from "./owner.ts";

interface Slice {
  /** Rows touched. */
  readonly rows: number;
  /** Where the phase goes on; undefined: it is done. */
  readonly cursor: string | undefined;
}

type Phase = (db: Connection, batch: Row, cursor: string, limit: number) => Slice;

const PHASES: readonly Phase[] = [foldChanges, foldRoles, foldPlan, forgetResults, foldMoves, retireRoles];

/**
 * Rows a transaction of folding touches: some 50 ms, if nobody waits. In the order of their roles they lie in a few hundred pages of the index by
 * path, which each transaction writes anew (of an import 17 microseconds of CPU a row at 1,000, 12 at 2,000, 10 at 4,000).
 */
const FOLD_SLICE = 4_000;

/** After so many rows it looks whether something urgent waits: some 3 ms. */
const LOOK_AFTER = 125;

/** What is to wait for folding no longer than for a look. */
export interface Urgent {
  waits(): boolean;
  /** Slices given up for it since one was folded. */
  gaveUp: number;
}
/** So many slices in a row are given up at most, whatever waits. */
const GIVES_UP = 3;

/**
 * At most `limit` rows, in transactions of at most a slice. When something urgent waits it ends early, and is answered once that
 * was served; what it had of the slice is given up, for to commit it takes as long again.
 */
export function* fold(db: Connection, lease: Lease, limit: number, now: () => number, urgent: Urgent): Generator<void, { readonly remaining: boolean }> {
  for (let left = Math.max(limit, 1); ; left -= FOLD_SLICE) {
    const slice = foldSlice(db, lease, Math.min(left, FOLD_SLICE), now(), urgent);
    urgent.gaveUp = slice === ABANDONED ? urgent.gaveUp + 1 : 0;
    if (slice !== ABANDONED && (!slice.remaining || left <= FOLD_SLICE)) return slice;
    yield;
    if (slice === ABANDONED) return { remaining: true };
  }
}

function foldSlice(db: Connection, lease: Lease, limit: number, nowMs: number, urgent: Urgent): { readonly remaining: boolean } | typeof ABANDONED {
  return db.transaction(() => {
    fence(db, lease, nowMs);
    for (let left = limit; ; left -= LOOK_AFTER) {
      const folded = foldRows(db, Math.min(left, LOOK_AFTER));
      if (!folded.remaining || left <= LOOK_AFTER) return folded;
      if (urgent.gaveUp < GIVES_UP && urgent.waits()) return ABANDONED;
    }
  });
}

/** Inside a transaction: at most `limit` rows. */
export function foldRows(db: Connection, limit: number): { readonly remaining: boolean } {
  let left = limit;
  while (left > 0) {
    const batch = db.get("SELECT * FROM batch WHERE fold_phase IS NOT NULL ORDER BY seq LIMIT 1");
    if (!batch) break;
    const phase = Number(batch["fold_phase"]);
    const slice = PHASES[phase]?.(db, batch, String(batch["fold_cursor"]), left);
    left -= slice?.rows ?? 0;
    if (slice?.cursor !== undefined) {
      db.run("UPDATE batch SET fold_cursor = ? WHERE no = ?", slice.cursor, batch["no"] ?? null);
    } else if (phase + 1 < PHASES.length) {
      db.run("UPDATE batch SET fold_phase = ?, fold_cursor = '' WHERE no = ?", phase + 1, batch["no"] ?? null);
    } else {
      db.run("UPDATE batch SET fold_phase = NULL, fold_cursor = NULL, roles = NULL, new_roles = NULL, retired_roles = NULL, terms = NULL WHERE no = ?", batch["no"] ?? null);
    }
  }
  if (left > 0) forgetChanges(db, left);
  const more = db.get("SELECT 1 FROM batch WHERE fold_phase IS NOT NULL LIMIT 1") ?? db.get("SELECT 1 FROM task WHERE forget = 1 LIMIT 1");
  return { remaining: more !== undefined };
}

/** Applies the batch's changes: first those of no import, by number; then those of imports, by place and number. */
function foldChanges(db: Connection, batch: Row, cursor: string, limit: number): Slice {
  const [place, last] = cursor.includes(":") ? cursor.split(":").map(Number) as [number, number] : [-1, Number(cursor)];
  let rows = 0;
  if (place < 0) {
    const live = foldLive(db, batch, last, limit);
    if (live.cursor !== undefined) return live;
    rows = live.rows;
  }
  if (rows === limit) return { rows, cursor: "-1:-1" };
  const imported = foldImported(db, batch, place < 0 ? [-1, -1] : [place, last], limit - rows);
  return { rows: rows + imported.rows, cursor: imported.cursor };
}

function foldLive(db: Connection, batch: Row, last: number, limit: number): Slice {
  const rows = db.all(
    "SELECT no, kind, coalesce(cut_role, role) AS role, path, fragment, outcome FROM change WHERE batch = ? AND place IS NULL AND no > ? ORDER BY no LIMIT ?", batch["no"] ?? null, last, limit,
  );
  const ended = new Map<number, number>();
  const tasks = new TaskFinder(db);
  for (const row of rows) {
    const task = tasks.of(Number(row["no"]))?.no;
    if (task !== undefined) ended.set(task, (ended.get(task) ?? 0) + 1);
  }
  // Neighbours in the table are written together; of one path the later change still comes later.
  const applied = rows.filter((row) => row["outcome"] === "apply" && (row["kind"] === "add" || row["kind"] === "remove"))
    .sort((a, b) => order(String(a["role"]), String(b["role"])) || order(String(a["path"]), String(b["path"])) || Number(a["no"]) - Number(b["no"]));
  const strand = strandFor(db, applied.length, Number(batch["changes"]));
  for (const { kind, role, path, fragment } of applied) {
    if (kind === "add") {
      db.run(
        `INSERT INTO artifact (role, path, fragment, published_ms, strand) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET fragment = excluded.fragment, published_ms = excluded.published_ms`,
        role ?? null, path ?? null, fragment ?? null, batch["committed_ms"] ?? null, strand,
      );
    } else {
      db.run("DELETE FROM artifact WHERE role = ? AND path = ?", role ?? null, path ?? null);
    }
  }
  endChanges(db, ended);
  return { rows: rows.length, cursor: rows.length === limit ? String(rows.at(-1)?.["no"]) : undefined };
}

const FOLDED = "batch = ?1 AND (place, no) > (?2, ?3) AND (place, no) <= (?4, ?5)";
/** After every place. */
const NO_END = [2 ** 53, 2 ** 53] as const;

/**
 * Imports only add, and of one path one change is applied: the engine brings their rows over by itself (18 microseconds of CPU a
 * row; 25 through this thread). Nothing of them is kept but what was set aside: a million rows would be looked for again at
 * the import's end.
 */
function foldImported(db: Connection, batch: Row, from: readonly [number, number], limit: number): Slice {
  const no = batch["no"] ?? null;
  const next = db.get("SELECT place, no FROM change WHERE batch = ? AND (place, no) > (?, ?) ORDER BY place, no LIMIT 1 OFFSET ?", no, ...from, limit - 1);
  const to = next === undefined ? NO_END : [Number(next["place"]), Number(next["no"])] as const;
  const range = [no, ...from, ...to] as const;
  const { changes, first, last } = db.get(`SELECT count(*) AS changes, min(no) AS first, max(no) AS last FROM change WHERE ${FOLDED}`, ...range) ?? {};
  const rows = Number(changes);
  if (rows === 0) return { rows, cursor: undefined };
  const ended = new Map<number, number>();
  const tasks = new TaskFinder(db);
  const only = tasks.of(Number(first))?.no;
  // As a rule all are of one import, and the index alone tells.
  const runs = only !== undefined && only === tasks.of(Number(last))?.no
    ? [{ no: Number(first), changes: rows }]
    : db.all(`SELECT min(no) AS no, count(*) AS changes FROM change WHERE ${FOLDED} GROUP BY run`, ...range);
  for (const { no: one, changes: own } of runs) {
    const task = tasks.of(Number(one))?.no;
    if (task !== undefined) ended.set(task, (ended.get(task) ?? 0) + Number(own));
  }
  // In the order of the table, so that its pages are full.
  db.run(
    `INSERT INTO artifact (role, path, fragment, published_ms, strand)
       SELECT coalesce(cut_role, role), path, fragment, ?6, ?7 FROM change WHERE ${FOLDED} AND outcome = 'apply' ORDER BY 1, 2
     ON CONFLICT DO UPDATE SET fragment = excluded.fragment, published_ms = excluded.published_ms`, ...range, batch["committed_ms"] ?? null, strandFor(db, rows, Number(batch["changes"])),
  );
  db.run(`DELETE FROM change WHERE ${FOLDED} AND outcome <> 'set-aside'`, ...range);
  endChanges(db, ended);
  return { rows, cursor: next === undefined ? undefined : `${String(to[0])}:${String(to[1])}` };
}

/** A task none of whose changes is open any more, and that has its result, may be forgotten. */
function endChanges(db: Connection, ended: ReadonlyMap<number, number>): void {
  for (const [task, changes] of ended) {
    db.run(
      "UPDATE task SET open = open - ?1, forget = (open = ?1 AND EXISTS (SELECT 1 FROM result WHERE task = no)) WHERE no = ?2", changes, task,
    );
  }
}

/** Roles take their staged results; the names they had before are left behind. */
function foldRoles(db: Connection, batch: Row, cursor: string, limit: number): Slice {
  const rows = db.all(
    "SELECT role, version, length, sha256, expires_ms FROM batch_result WHERE batch = ? AND role > ? ORDER BY role LIMIT ?", batch["no"] ?? null, cursor, limit,
  );
  const kinds = newRolesOf(batch);
  for (const row of rows) {
    const result = {
      role: String(row["role"]), version: Number(row["version"]), length: Number(row["length"]),
      sha256: String(row["sha256"]), expiresMs: Number(row["expires_ms"]),
    };
    putRole(db, result, kinds.get(result.role), Number(batch["garbage_not_before_ms"]));
  }
  return { rows: rows.length, cursor: rows.length === limit ? String(rows.at(-1)?.["role"]) : undefined };
}

/** Names that were planned, and given up for another version. */
function foldPlan(db: Connection, batch: Row, cursor: string, limit: number): Slice {
  const first = Number(batch["first_version"]);
  const roles = JSON.parse(String(batch["roles"])) as string[];
  const from = Number(cursor);
  const slice = roles.slice(from, from + limit);
  for (const [i, role] of slice.entries()) {
    const used = db.get("SELECT version FROM batch_result WHERE batch = ? AND role = ?", batch["no"] ?? null, role)?.["version"];
    if (used !== first + from + i) addGarbage(db, role, first + from + i, Number(batch["garbage_not_before_ms"]));
  }
  if (slice.length === limit) return { rows: limit, cursor: String(from + limit) };
  if (batch["snapshot_version"] !== first + roles.length) addGarbage(db, "snapshot", first + roles.length, Number(batch["garbage_not_before_ms"]));
  return { rows: slice.length, cursor: undefined };
}

function forgetResults(db: Connection, batch: Row, _cursor: string, limit: number): Slice {
  const rows = db.run(
    "DELETE FROM batch_result WHERE batch = ?1 AND role IN (SELECT role FROM batch_result WHERE batch = ?1 LIMIT ?2)", batch["no"] ?? null, limit,
  );
  if (rows === limit) return { rows, cursor: "" };
  db.run("DELETE FROM batch_share WHERE batch = ?", batch["no"] ?? null);
  return { rows, cursor: undefined };
}

/** A move that is done goes, so that what remains is where to go on. */
function foldMoves(db: Connection, batch: Row, _cursor: string, limit: number): Slice {
  const rows = db.all("SELECT no, path, from_role, to_role, fragment FROM batch_move WHERE batch = ? ORDER BY no LIMIT ?", batch["no"] ?? null, limit);
  const strand = strandFor(db, rows.length, rows.length);
  for (const { no, path, from_role: from, to_role: to, fragment } of rows) {
    if (to !== null && fragment !== null) {
      db.run(
        "INSERT INTO artifact (role, path, fragment, published_ms, strand) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET fragment = excluded.fragment, published_ms = excluded.published_ms",
        to ?? null, path ?? null, fragment ?? null, batch["committed_ms"] ?? null, strand,
      );
    } else if (to !== null) {
      db.run(
        `INSERT INTO artifact (role, path, fragment, published_ms, strand) SELECT ?1, path, fragment, published_ms, ?4 FROM artifact WHERE role = ?2 AND path = ?3
         ON CONFLICT DO UPDATE SET fragment = excluded.fragment, published_ms = excluded.published_ms`, to ?? null, from ?? null, path ?? null, strand,
      );
    }
    if (to !== from) db.run("DELETE FROM artifact WHERE role = ? AND path = ?", from ?? null, path ?? null);
    db.run("DELETE FROM batch_move WHERE no = ?", no ?? null);
  }
  return { rows: rows.length, cursor: rows.length === limit ? "" : undefined };
}

/** Artifacts that are written together from this many on go into a strand of their own kind. */
const MANY = 256;
/** Some 500 pages of the index: most of a slice's rows share one. A page of a list looks into each strand, of ten million artifacts into 500. */
const STRAND_LENGTH = 20_000;

/** Inside a transaction: where `count` artifacts are listed that are written with others, `together` in all. */
function strandFor(db: Connection, count: number, together: number): number {
  if (together < MANY) return 0;
  const row = db.get("SELECT strand, length FROM last_strand") ?? {};
  const [strand, length] = [Number(row["strand"]), Number(row["length"]) + count];
  db.run("UPDATE last_strand SET strand = ?, length = ?", ...(length < STRAND_LENGTH ? [strand, length] : [strand + 1, 0]));
  return strand;
}

/** So few that they count as one slice. */
function retireRoles(db: Connection, batch: Row): Slice {
  const roles = batch["retired_roles"] === null ? [] : JSON.parse(String(batch["retired_roles"])) as string[];
  for (const role of roles) db.run("UPDATE role SET retired = 1 WHERE name = ?", role);
  return { rows: roles.length, cursor: undefined };
}

/** Deletes the changes of ended tasks. */
function forgetChanges(db: Connection, limit: number): void {
  for (let left = limit; left > 0;) {
    const task = db.get("SELECT no, first_change, last_change FROM task WHERE forget = 1 LIMIT 1");
    if (!task) return;
    const rows = db.run(
      "DELETE FROM change WHERE no IN (SELECT no FROM change WHERE no BETWEEN ? AND ? LIMIT ?)", task["first_change"] ?? null, task["last_change"] ?? null, left,
    );
    if (rows < left) db.run("UPDATE task SET forget = 0 WHERE no = ?", task["no"] ?? null);
    left -= Math.max(rows, 1);
  }
}

/** The role's row says what `result` says; the name it had before may go from `notBeforeMs` on. */
export function putRole(db: Connection, result: RoleResult, as: { readonly kind: RoleRow["kind"]; readonly parent: string } | undefined, notBeforeMs: number): void {
  const { role, version, length, sha256, expiresMs } = result;
  const old = db.get("SELECT kind, parent, version FROM role WHERE name = ?", role);
  if (old && old["version"] !== version) addGarbage(db, role, Number(old["version"]), notBeforeMs);
  const kind = as?.kind ?? old?.["kind"] ?? (role === "root" || role === "targets" ? role : "delegated");
  db.run(
    `INSERT INTO role VALUES (?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, parent = excluded.parent,
     version = excluded.version, length = excluded.length, sha256 = excluded.sha256, expires_ms = excluded.expires_ms,
     retired = CASE WHEN ?8 THEN 0 ELSE role.retired END`,
    role, kind, as?.parent ?? old?.["parent"] ?? "", version, length, sha256, expiresMs, as === undefined ? 0 : 1,
  );
}

/** `V.role.json` may go once the head's version of the role is above it; root never, and timestamp has no such name. */
export function addGarbage(db: Connection, role: string, version: number, notBeforeMs: number): void {
  if (role === "root" || role === "timestamp") return;
  db.run(
    "INSERT INTO garbage VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET not_before_ms = excluded.not_before_ms", `${version}.${role}.json`, role, version, notBeforeMs,
  );
}

/** The last one read; a bootstrap's is read once per slice otherwise, a megabyte each time. */
let lastNewRoles: { readonly json: string; readonly roles: ReadonlyMap<string, { readonly kind: RoleRow["kind"]; readonly parent: string }> } | undefined;

function newRolesOf(batch: Row): ReadonlyMap<string, { readonly kind: RoleRow["kind"]; readonly parent: string }> {
  const json = String(batch["new_roles"]);
  if (lastNewRoles?.json !== json) {
    const list = JSON.parse(json) as { name: string; kind: RoleRow["kind"]; parent: string }[];
    lastNewRoles = { json, roles: new Map(list.map((role) => [role.name, role])) };
  }
  return lastNewRoles.roles;
}

const order = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0;

/** The names that the last claims of these shares may have put. Inside a transaction. */
export function leaveBehind(db: Connection, shares: readonly Row[]): void {
  for (const { roles, claim, first_version: first } of shares) {
    if (claim === 0) continue;
    for (const [i, role] of (JSON.parse(String(roles)) as string[]).entries()) addGarbage(db, role, Number(first) + i, 0);
  }
}
