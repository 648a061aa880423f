// A batch: cut, what is staged for it, commit, drop.
//
// What is proportional to the batch is written in slices that count only through the batch's own
// row: `cutting` until all changes are bound, `open` until commit moves the head in one small
// transaction. Requests are accepted and leases move between two slices, and between those of a
// cut, which are calls of their own, others are published (writer.ts); each slice is fenced again.

import { DatabaseError } from "../../../ports/database.ts";
import type { CutChange, Lease, Move, NewBatch, RoleResult } from "../../../ports/database.ts";
import type { TaskEnding } from "../common/stored.ts";
import { setSettings } from "./accept.ts";
import type { Connection, Row } from "./connection.ts";
import { applyEffect, forget } from "./event.ts";
import { addGarbage, leaveBehind, putRole } from "./fold.ts";
import { allocateVersions, fence, publisherRow } from "./lease.ts";
import { SLICE } from "./messages.ts";
import type { CommitMessage, CutSlice } from "./messages.ts";
import { TaskFinder } from "./owner.ts";
import { putResult } from "./result.ts";

type Now = () => number;

/** Begins a batch of `total` changes, with the first of them; it is open when it has all. */
export function cut(db: Connection, lease: Lease, batch: NewBatch, total: number, nowMs: number): { readonly firstVersion: number } {
  return db.transaction(() => {
    fence(db, lease, nowMs);
    const { no, firstVersion } = begin(db, batch, total);
    bindSlice(db, no, { ...batch, isLast: batch.changes.length === total });
    return { firstVersion };
  });
}

/** Binds more; what fails gives back all. */
export function* cutOn(db: Connection, lease: Lease, slice: CutSlice, nowMs: number): Generator<void, undefined> {
  try {
    db.transaction(() => {
      fence(db, lease, nowMs);
      const { no } = batchIn(db, slice.id, "cutting");
      bindSlice(db, no, slice);
    });
  } catch (error) {
    yield* undoCut(db, slice.id);
    throw error;
  }
  return undefined;
}

/** Its versions lie below those of all that is published while the rest is bound (`rebase`). */
function begin(db: Connection, { id, base, roles }: NewBatch, total: number): { readonly no: number; readonly firstVersion: number } {
  if (publisherRow(db)["head"] !== base) throw new DatabaseError("stale-base", "the head moved");
  const firstVersion = allocateVersions(db, roles.length + 2, 0);
  const row = db.get(
    "INSERT INTO batch (id, base, state, changes, bytes, first_version, roles) VALUES (?, ?, 'cutting', ?, 0, ?, ?) RETURNING no", id, base, total, firstVersion, JSON.stringify(roles),
  );
  return { no: Number(row?.["no"]), firstVersion };
}

function bindSlice(db: Connection, no: number, { changes, events, isLast }: Omit<CutSlice, "patiently">): void {
  const { bytes, imported } = bind(db, no, changes, events);
  db.run("UPDATE batch SET bytes = bytes + ?, imported = imported + ?, state = ? WHERE no = ?", bytes, imported, isLast ? "open" : "cutting", no);
}

/** Unbinds what a cut that went no further had bound. Needs no lease: nobody has seen it. */
export function* undoCut(db: Connection, id: string): Generator<void, undefined> {
  const no = db.get("SELECT no FROM batch WHERE id = ? AND state = 'cutting'", id)?.["no"];
  if (no === undefined) return undefined;
  for (;;) {
    const unbound = db.transaction(() => db.run(
      "UPDATE change SET batch = NULL, outcome = NULL, cut_role = NULL WHERE no IN (SELECT no FROM change WHERE batch = ? LIMIT ?)", no, SLICE,
    ));
    if (unbound === 0) break;
    yield;
  }
  db.transaction(() => db.run("DELETE FROM batch WHERE no = ?", no));
  return undefined;
}

/** Inside a transaction. Answers the bytes bound, and how many changes of imports. `events`: whose changes may be among them; all when undefined. */
export function bind(
  db: Connection, batch: number, changes: readonly CutChange[], events: readonly string[] | "any" = [],
): { readonly bytes: number; readonly imported: number } {
  const tasks = new TaskFinder(db);
  const carriers = events === "any" ? "any" : new Set(events.map((id) => db.get("SELECT no FROM signing_event WHERE id = ?", id)?.["no"]));
  let bytes = 0;
  let imported = 0;
  for (let at = 0; at < changes.length; at++) {
    const change = changes[at] as CutChange;
    const task = tasks.of(change.id);
    const together = task?.id === change.task && task.held === 3 ? bindTogether(db, batch, changes, at) : 0;
    if (together > 0) {
      imported += together;
      at += together - 1;
      continue;
    }
    const bound = task?.id !== change.task || task.held === 2 ? undefined : db.get(
      "UPDATE change SET batch = ?, outcome = ?, cut_role = nullif(?, role) WHERE no = ? AND batch IS NULL RETURNING bytes, event",
      batch, change.outcome, change.role, change.id,
    );
    if (!bound || (bound["event"] !== null && carriers !== "any" && !carriers.has(bound["event"] ?? null))) throw new DatabaseError("stale-base", `change ${change.id} is no longer open`);
    bytes += Number(bound["bytes"]);
    if (task?.held === 3) imported++;
  }
  return { bytes, imported };
}

/** Fewer neighbours are bound one by one. */
const TOGETHER = 8;

/**
 * Changes of an import with numbers that follow each other, from `at` on, that are applied where they were to go: bound by
 * one statement, or 0 when they are not that simple (20,000 of them: 23 microseconds of CPU each one by one, 9 together).
 */
function bindTogether(db: Connection, batch: number, changes: readonly CutChange[], at: number): number {
  const first = changes[at] as CutChange;
  let count = 1;
  for (let next = changes[at + 1]; next?.id === first.id + count && next.task === first.task && next.outcome === "apply"; next = changes[at + count]) count++;
  if (first.outcome !== "apply" || count < TOGETHER) return 0;
  const last = first.id + count - 1;
  const rows = db.all("SELECT role FROM change WHERE no BETWEEN ? AND ? AND batch IS NULL AND event IS NULL ORDER BY no", first.id, last);
  if (rows.length !== count || rows.some(({ role }, i) => role !== changes[at + i]?.role)) return 0;
  return db.run("UPDATE change SET batch = ?, outcome = 'apply' WHERE no BETWEEN ? AND ? AND batch IS NULL AND event IS NULL", batch, first.id, last);
}

export const openBatch = (db: Connection, id: string): Row & { readonly no: number } => batchIn(db, id, "open");

function batchIn(db: Connection, id: string, state: "cutting" | "open"): Row & { readonly no: number } {
  const row = db.get("SELECT * FROM batch WHERE id = ? AND state = ?", id, state);
  if (!row) throw new DatabaseError("stale-base", `batch ${id} is not ${state}`);
  return { ...row, no: Number(row["no"]) };
}

/** What others published since its cut has versions above those of the cut, for all come from one counter. */
export function rebase(db: Connection, lease: Lease, id: string, base: string, nowMs: number): { readonly snapshotVersion: number } {
  return db.transaction(() => {
    fence(db, lease, nowMs);
    const batch = openBatch(db, id);
    if (publisherRow(db)["head"] !== base) throw new DatabaseError("stale-base", "the head moved");
    if (db.get("SELECT 1 FROM batch_share WHERE batch = ? LIMIT 1", batch.no)) throw new DatabaseError("stale-base", "others press shares of the batch");
    const { roles, first_version: first } = batch;
    const touched = db.get(
      `WITH own (name) AS (SELECT value FROM json_each(?1) UNION ALL SELECT 'targets')
       SELECT name FROM own JOIN role USING (name) WHERE version >= ?2
       UNION ALL SELECT role FROM batch b JOIN batch_result r ON r.batch = b.no WHERE b.fold_phase IS NOT NULL AND r.version >= ?2 AND r.role IN own LIMIT 1`, roles ?? null, first ?? null,
    );
    if (touched) throw new DatabaseError("stale-base", `${String(touched["name"])} was published since batch ${id} was cut`);
    const snapshotVersion = allocateVersions(db, 2, 0);
    db.run("UPDATE batch SET base = ?, snapshot_version = ? WHERE no = ?", base, snapshotVersion, batch.no);
    return { snapshotVersion };
  });
}

export function* stageResults(db: Connection, lease: Lease, batch: string, results: readonly RoleResult[], now: Now): Generator<void, undefined> {
  for (let from = 0; from === 0 || from < results.length; from += SLICE) {
    if (from > 0) yield;
    db.transaction(() => {
      fence(db, lease, now());
      const { no } = openBatch(db, batch);
      for (const { role, version, length, sha256, expiresMs } of results.slice(from, from + SLICE)) {
        const row = [version, length, sha256, expiresMs] as const;
        const staged = db.run("INSERT INTO batch_result VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", no, role, ...row);
        const same = staged === 1 || db.get(
          "SELECT 1 FROM batch_result WHERE batch = ? AND role = ? AND version = ? AND length = ? AND sha256 = ? AND expires_ms = ?", no, role, ...row,
        );
        if (!same) throw new DatabaseError("stale-base", `${role} was staged already for batch ${batch}, differently`);
      }
    });
  }
  return undefined;
}

export function* stageMoves(db: Connection, lease: Lease, batch: string, moves: readonly Move[], now: Now): Generator<void, undefined> {
  for (let from = 0; from === 0 || from < moves.length; from += SLICE) {
    if (from > 0) yield;
    db.transaction(() => {
      fence(db, lease, now());
      const { no } = openBatch(db, batch);
      for (const move of moves.slice(from, from + SLICE)) {
        db.run("INSERT INTO batch_move (batch, path, from_role, to_role, fragment) VALUES (?, ?, ?, ?, ?)", no, move.path, move.from, move.to ?? null, move.fragment ?? null);
      }
    });
  }
  return undefined;
}

export function* stageTaskResults(db: Connection, lease: Lease, batch: string, results: readonly TaskEnding[], now: Now): Generator<void, undefined> {
  for (let from = 0; from === 0 || from < results.length; from += SLICE) {
    if (from > 0) yield;
    db.transaction(() => {
      fence(db, lease, now());
      const { no } = openBatch(db, batch);
      putResults(db, no, results.slice(from, from + SLICE));
    });
  }
  return undefined;
}

/** Inside a transaction: results that count with that batch, but for tasks that have one which counts, or will. */
export function putResults(db: Connection, batch: number, results: readonly TaskEnding[]): void {
  for (const ending of results) putResult(db, ending.task, batch, ending);
}

/** Moves the head. Nothing here is proportional to the batch but the check of new roles, which a bootstrap has. */
export function commit(db: Connection, lease: Lease, commit: CommitMessage, nowMs: number): { readonly seq: number } {
  return db.transaction(() => {
    fence(db, lease, nowMs);
    const batch = openBatch(db, commit.batch);
    const publisher = publisherRow(db);
    if (publisher["head"] !== commit.base || batch["base"] !== commit.base) throw new DatabaseError("stale-base", "the head moved");
    if (db.get("SELECT 1 FROM batch_share WHERE batch = ? AND done = 0 LIMIT 1", batch.no)) throw new DatabaseError("stale-base", "a share of the batch is not finished");
    for (const { name } of commit.newRoles) {
      if (!db.get("SELECT 1 FROM batch_result WHERE batch = ? AND role = ?", batch.no, name)) {
        throw new Error(`no result is staged for the new role ${name}`);
      }
    }
    const { timestamp, snapshot } = commit;
    const seq = Number(publisher["seq"]) + 1;
    db.run(
      "INSERT INTO committed VALUES (?, ?, ?, ?, ?, ?)",
      seq, timestamp.sha256, timestamp.version, snapshot.version, timestamp.bytes, timestamp.expiresMs,
    );
    db.run("UPDATE publisher SET seq = ?, head = ?, pressed_at_ms = max(pressed_at_ms, ?)", seq, timestamp.sha256, commit.pressedAtMs);
    db.run(
      "UPDATE batch SET state = 'committed', seq = ?, snapshot_version = ?, new_roles = ?, retired_roles = ?, garbage_not_before_ms = ?, committed_ms = ?, fold_phase = 0, fold_cursor = '' WHERE no = ?",
      seq, snapshot.version, JSON.stringify(commit.newRoles), JSON.stringify(commit.retiredRoles), commit.garbageNotBeforeMs, nowMs, batch.no,
    );
    db.run("UPDATE backlog SET changes = changes - ?, bytes = bytes - ?", Number(batch["changes"]) - Number(batch["imported"]), batch["bytes"] ?? 0);
    setSettings(db, commit.settings);
    putEnvelopes(db, commit.envelopes);
    for (const id of commit.endsEvents ?? []) if (!forget(db, id, "frozen")) throw new DatabaseError("event-closed", "the signing event is not frozen");
    for (const effect of commit.events ?? []) applyEffect(db, effect, "");
    putRole(db, snapshot, { kind: "snapshot", parent: "" }, commit.garbageNotBeforeMs);
    putRole(db, timestamp, { kind: "timestamp", parent: "" }, commit.garbageNotBeforeMs);
    return { seq };
  });
}

/** Inside a transaction: every root stays, of other roles the last one. */
export function putEnvelopes(db: Connection, envelopes: CommitMessage["envelopes"]): void {
  for (const { role, version, bytes } of envelopes) {
    if (role !== "root") db.run("DELETE FROM envelope WHERE role = ?", role);
    db.run("INSERT INTO envelope VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET bytes = excluded.bytes", role, version, bytes);
  }
}

/**
 * Slices, each complete for the changes it gives back; the batch's row goes last. Cut off halfway, the
 * batch is still open, and dropping it again goes on where it stopped.
 */
export function* dropBatch(db: Connection, lease: Lease, id: string, died: boolean, now: Now): Generator<void, undefined> {
  const alone = (batch: Row): number => died && batch["changes"] === 1 ? 1 : 0;
  for (let remaining = true; remaining;) {
    remaining = db.transaction(() => {
      fence(db, lease, now());
      const batch = openBatch(db, id);
      const rows = db.all(
        `UPDATE change SET batch = NULL, outcome = NULL, cut_role = NULL, attempts = attempts + ?, attempts_alone = attempts_alone + ?
         WHERE no IN (SELECT no FROM change WHERE batch = ? LIMIT ?) RETURNING no, bytes, run`, died ? 1 : 0, alone(batch), batch.no, SLICE,
      );
      takeOutOfEnded(db, rows);
      if (rows.length === SLICE) return true;
      db.run("DELETE FROM result WHERE batch = ?", batch.no);
      const first = Number(batch["first_version"]);
      const roles = [...JSON.parse(String(batch["roles"])) as string[], "snapshot"];
      for (const [i, role] of roles.entries()) addGarbage(db, role, first + i, 0);
      if (batch["snapshot_version"] !== null) addGarbage(db, "snapshot", Number(batch["snapshot_version"]), 0);
      for (const { role, version } of db.all("SELECT role, version FROM batch_result WHERE batch = ?", batch.no)) {
        addGarbage(db, String(role), Number(version), 0);
      }
      leaveBehind(db, db.all("SELECT roles, claim, first_version FROM batch_share WHERE batch = ?", batch.no));
      db.run("DELETE FROM batch_share WHERE batch = ?", batch.no);
      db.run("DELETE FROM batch_result WHERE batch = ?", batch.no);
      db.run("DELETE FROM batch_move WHERE batch = ?", batch.no);
      db.run("DELETE FROM batch WHERE no = ?", batch.no);
      return false;
    });
    if (remaining) yield;
  }
  return undefined;
}

/** Changes given back to a task that ended meanwhile are out of the queue. */
export function takeOutOfEnded(db: Connection, changes: readonly Row[]): void {
  const tasks = new TaskFinder(db);
  for (const { no, bytes, run } of changes) {
    const task = tasks.of(Number(no));
    if (task?.held !== 2) continue;
    if (run === null) db.run("UPDATE backlog SET changes = changes - 1, bytes = bytes - ?", bytes ?? 0);
    db.run("UPDATE task SET open = open - 1, forget = (open = 1) WHERE no = ?", task.no);
  }
}
