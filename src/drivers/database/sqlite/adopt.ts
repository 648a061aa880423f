// Adopting what a lost history published (rule 17): staged in slices, true in one transaction.
//
// That transaction is as large as what it adopts. It runs with the service stopped, so it holds up nobody.

import { DatabaseError } from "../../../ports/database.ts";
import type { ChangeOutcome, CutChange, Lease, Target } from "../../../ports/database.ts";
import { acceptOne, setSettings } from "./accept.ts";
import { bind, putEnvelopes, putResults, takeOutOfEnded } from "./batch.ts";
import type { Connection, Row } from "./connection.ts";
import { addGarbage, foldRows, putRole } from "./fold.ts";
import { fence, publisherRow } from "./lease.ts";
import { SLICE } from "./messages.ts";
import type { AdoptMessage } from "./messages.ts";
import { tellEndOf, tellHalted, tellShown } from "./notice.ts";
import { wake } from "./waiting.ts";

export function* stageAdopted(db: Connection, lease: Lease, adoption: string, role: string, targets: readonly Target[], now: () => number): Generator<void, undefined> {
  for (let from = 0; from < targets.length; from += SLICE) {
    if (from > 0) yield;
    db.transaction(() => {
      fence(db, lease, now());
      for (const { path, fragment } of targets.slice(from, from + SLICE)) {
        db.run("INSERT INTO adopted VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET fragment = excluded.fragment", adoption, role, path, fragment);
      }
    });
  }
  return undefined;
}

export function* stageEnded(db: Connection, lease: Lease, adoption: string, changes: readonly CutChange[], now: () => number): Generator<void, undefined> {
  for (let from = 0; from < changes.length; from += SLICE) {
    if (from > 0) yield;
    db.transaction(() => {
      fence(db, lease, now());
      for (const { id, task, outcome, role } of changes.slice(from, from + SLICE)) {
        db.run(
          "INSERT INTO adopted_change VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET task = excluded.task, outcome = excluded.outcome, role = excluded.role", adoption, id, task, outcome, role,
        );
      }
    });
  }
  return undefined;
}

export function adopt(db: Connection, lease: Lease, adoption: AdoptMessage, nowMs: number): { readonly seq: number; readonly readBack: number; readonly dropped: number } {
  return db.transaction(() => {
    fence(db, lease, nowMs);
    const publisher = publisherRow(db);
    if (publisher["head"] !== adoption.base) throw new DatabaseError("stale-base", "the head moved");
    if (db.get("SELECT 1 FROM batch WHERE state <> 'committed' LIMIT 1")) throw new DatabaseError("stale-base", "a batch is open");

    const unseen = db.all("SELECT * FROM batch WHERE seq > ? AND fold_phase = 0 AND fold_cursor = ''", publisher["visible"] ?? 0);
    for (const batch of unseen) reopen(db, batch, adoption.garbageNotBeforeMs, nowMs);
    while (foldRows(db, SLICE).remaining);

    const { timestamp, snapshot } = adoption;
    const seq = Number(publisher["seq"]) + 1;
    // Its changes are done already; what remains of folding is to count them as ended, and forget them.
    const no = Number(db.get(
      `INSERT INTO batch (id, base, state, seq, changes, bytes, first_version, roles, snapshot_version, new_roles, garbage_not_before_ms, committed_ms, fold_phase, fold_cursor)
       VALUES (?, ?, 'committed', ?, 0, 0, ?, '[]', ?, '[]', ?, ?, 0, '') RETURNING no`,
      adoption.id, adoption.base, seq, snapshot.version, snapshot.version, adoption.garbageNotBeforeMs, nowMs,
    )?.["no"]);
    endChanges(db, no, adoption.id);
    putResults(db, no, adoption.results);

    const targets = { readBack: 0, dropped: 0 };
    for (const role of adoption.roles) {
      if (role.takesTargets) takeTargets(db, adoption.id, role.role, targets, nowMs);
      putRole(db, role, role, adoption.garbageNotBeforeMs);
      db.run("UPDATE role SET retired = ? WHERE name = ?", role.retired ? 1 : 0, role.role);
    }
    putRole(db, snapshot, { kind: "snapshot", parent: "" }, adoption.garbageNotBeforeMs);
    putRole(db, timestamp, { kind: "timestamp", parent: "" }, adoption.garbageNotBeforeMs);
    putEnvelopes(db, adoption.envelopes);
    setSettings(db, adoption.settings);
    db.run("DELETE FROM garbage WHERE EXISTS (SELECT 1 FROM role WHERE role.name = garbage.role AND role.version = garbage.version)");
    db.run("UPDATE garbage SET not_before_ms = max(not_before_ms, ?)", adoption.garbageNotBeforeMs);
    db.run("INSERT INTO committed VALUES (?, ?, ?, ?, ?, ?)", seq, timestamp.sha256, timestamp.version, snapshot.version, timestamp.bytes, timestamp.expiresMs);
    db.run(
      "UPDATE publisher SET seq = ?1, visible = ?1, head = ?2, counter = max(counter, ?3), halted_code = NULL, halted_reason = NULL",
      seq, timestamp.sha256, adoption.counter,
    );
    tellShown(db, Number(publisher["visible"]), nowMs);
    tellHalted(db, publisher["halted_code"] ?? null, undefined, nowMs);
    if (adoption.press) acceptOne(db, adoption.press, nowMs);
    db.run("DELETE FROM adopted");
    db.run("DELETE FROM adopted_change");
    return { seq, ...targets };
  });
}

/** Changes that were staged are the batch's, in slices: an import's are too many to hold. */
function endChanges(db: Connection, batch: number, adoption: string): void {
  for (let after = -1; ;) {
    const slice = db.all("SELECT no, task, outcome, role FROM adopted_change WHERE adoption = ? AND no > ? ORDER BY no LIMIT ?", adoption, after, SLICE)
      .map(({ no, task, outcome, role }): CutChange => ({ id: Number(no), task: String(task), outcome: outcome as ChangeOutcome, role: String(role) }));
    const last = slice.at(-1);
    if (last === undefined) return;
    const { bytes, imported } = bind(db, batch, slice, "any");
    db.run("UPDATE batch SET changes = changes + ? WHERE no = ?", slice.length, batch);
    db.run("UPDATE backlog SET changes = changes - ?, bytes = bytes - ?", slice.length - imported, bytes);
    after = last.id;
  }
}

/** A batch that was committed and that no client saw: its changes are open again, its tasks have no result, its names may go. */
function reopen(db: Connection, batch: Row, garbageNotBeforeMs: number, nowMs: number): void {
  const no = batch["no"] ?? null;
  const changes = db.all("UPDATE change SET batch = NULL, outcome = NULL, cut_role = NULL, waits = NULL, event = NULL WHERE batch = ? RETURNING no, bytes, run", no);
  wake(db, changes);
  db.run("UPDATE backlog SET changes = changes + ?, bytes = bytes + ?", changes.filter(({ run }) => run === null).length, changes.reduce((sum, { bytes }) => sum + Number(bytes), 0));
  takeOutOfEnded(db, changes);
  db.run("DELETE FROM result WHERE batch = ? AND EXISTS (SELECT 1 FROM task WHERE task.no = result.task AND task.open > 0)", no);
  // Of tasks without changes (a bootstrap): it happened.
  for (const { task } of db.all("UPDATE result SET batch = NULL WHERE batch = ? RETURNING task", no)) tellEndOf(db, Number(task), nowMs);
  for (const { role, version } of db.all("SELECT role, version FROM batch_result WHERE batch = ?", no)) addGarbage(db, String(role), Number(version), garbageNotBeforeMs);
  addGarbage(db, "snapshot", Number(batch["snapshot_version"]), garbageNotBeforeMs);
  db.run("DELETE FROM batch_share WHERE batch = ?", no);
  db.run("DELETE FROM batch_result WHERE batch = ?", no);
  db.run("DELETE FROM batch_move WHERE batch = ?", no);
  db.run("DELETE FROM batch WHERE no = ?", no);
}

/** The role lists what was staged, and nothing else. */
function takeTargets(db: Connection, adoption: string, role: string, count: { readBack: number; dropped: number }, nowMs: number): void {
  const number = (row: Row | undefined): number => Number(row?.["n"]);
  count.readBack += number(db.get(
    `SELECT count(*) AS n FROM adopted a LEFT JOIN artifact b ON b.role = a.role AND b.path = a.path
     WHERE a.adoption = ? AND a.role = ? AND b.fragment IS NOT a.fragment`, adoption, role,
  ));
  count.dropped += number(db.get(
    "SELECT count(*) AS n FROM artifact b WHERE role = ?2 AND NOT EXISTS (SELECT 1 FROM adopted WHERE adoption = ?1 AND role = ?2 AND path = b.path)", adoption, role,
  ));
  db.run("DELETE FROM artifact WHERE role = ?2 AND NOT EXISTS (SELECT 1 FROM adopted WHERE adoption = ?1 AND role = ?2 AND path = artifact.path)", adoption, role);
  // What is as it was keeps its time.
  db.run(
    `INSERT INTO artifact (role, path, fragment, published_ms) SELECT role, path, fragment, ?3 FROM adopted WHERE adoption = ?1 AND role = ?2 ORDER BY path
     ON CONFLICT DO UPDATE SET fragment = excluded.fragment, published_ms = excluded.published_ms WHERE fragment <> excluded.fragment`, adoption, role, nowMs,
  );
}
