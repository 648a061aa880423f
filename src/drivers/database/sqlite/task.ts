// Tasks: ending them, forgetting what is old.

import type { EventEffect, ForgetLimits, Lease } from "../../../ports/database.ts";
import type { Setting, TaskEnding } from "../common/stored.ts";
import { setSettings } from "./accept.ts";
import type { Connection } from "./connection.ts";
import { applyEffect } from "./event.ts";
import { disown, forgetImport } from "./import.ts";
import { fence, publisherRow } from "./lease.ts";
import { forgetNotices, tellEnd } from "./notice.ts";
import { putResult } from "./result.ts";

/** Ends tasks at once; `held = 2` takes their unbound changes out of the queue, fold deletes them. */
export function endTasks(
  db: Connection, lease: Lease, results: readonly TaskEnding[], settings: readonly Setting[], events: readonly EventEffect[], nowMs: number,
): undefined {
  db.transaction(() => {
    fence(db, lease, nowMs);
    setSettings(db, settings);
    for (const event of events) applyEffect(db, event, results[0]?.task ?? "");
    endInside(db, results, nowMs);
  });
}

/** Inside a transaction. */
export function endInside(db: Connection, results: readonly TaskEnding[], nowMs: number): void {
  for (const ending of results) {
    const id = ending.task;
    const task = db.get("SELECT no, first_change, last_change, open FROM task WHERE id = ?", id);
    if (!task) continue;
    const no = Number(task["no"]);
    if (!putResult(db, id, null, ending)) continue;
    tellEnd(db, id, ending, nowMs);
    const out = db.get(
      "SELECT count(*) AS changes, coalesce(sum(bytes), 0) AS bytes, count(run) AS imported FROM change WHERE no BETWEEN ? AND ? AND batch IS NULL",
      task["first_change"] ?? 0, task["last_change"] ?? -1,
    ) ?? {};
    const changes = Number(out["changes"]);
    db.run("UPDATE backlog SET changes = changes - ?, bytes = bytes - ?", changes - Number(out["imported"]), Number(out["bytes"]));
    const open = Number(task["open"]) - changes;
    db.run("UPDATE task SET held = 2, open = ?, forget = ? WHERE no = ?", open, open === 0 && task["first_change"] !== null ? 1 : 0, no);
  }
}

export function forgetGarbage(db: Connection, lease: Lease, names: readonly string[], nowMs: number): undefined {
  db.transaction(() => {
    fence(db, lease, nowMs);
    for (const name of names) db.run("DELETE FROM garbage WHERE name = ?", name);
  });
}

export function forgetBefore(db: Connection, lease: Lease, limits: ForgetLimits, limit: number, nowMs: number): undefined {
  db.transaction(() => {
    fence(db, lease, nowMs);
    const visible = Number(publisherRow(db)["visible"]);
    const tasks = db.all(
      `SELECT result.task, first_change, last_change FROM result LEFT JOIN batch ON batch.no = result.batch JOIN task ON task.no = result.task
       WHERE ended_ms < ? AND (result.batch IS NULL OR batch.seq <= ?) AND open = 0 AND forget = 0 LIMIT ?`, limits.tasksMs, visible, limit,
    );
    for (const { task, first_change: first, last_change: last } of tasks) {
      db.run("DELETE FROM change WHERE no BETWEEN ? AND ?", first ?? 0, last ?? -1);
      db.run("DELETE FROM result WHERE task = ?", task ?? null);
      db.run("DELETE FROM task WHERE no = ?", task ?? null);
    }
    db.run("DELETE FROM committed WHERE seq IN (SELECT seq FROM committed WHERE expires_ms < ? AND seq < ? LIMIT ?)", limits.committedMs, visible, limit);
    for (const { principal, key } of db.all("SELECT principal, key FROM idempotency WHERE created_ms < ? LIMIT ?", limits.idempotencyMs, limit)) {
      db.run("DELETE FROM idempotency WHERE principal = ? AND key = ?", principal ?? null, key ?? null);
    }
    forgetImports(db, limits.idempotencyMs, limit);
    db.run(
      `DELETE FROM batch WHERE no IN (SELECT no FROM batch WHERE state = 'committed' AND fold_phase IS NULL AND seq <= ?
       AND NOT EXISTS (SELECT 1 FROM result WHERE result.batch = batch.no) LIMIT ?)`, visible, limit,
    );
    forgetNotices(db, limits, limit);
  });
}

/** Inside a transaction: at most about `limit` rows of imports that nobody went on with, and keys of accepted ones whose changes are done. */
function forgetImports(db: Connection, beforeMs: number, limit: number): void {
  db.run(
    "DELETE FROM import WHERE touched_ms < ? AND accepted = 1 AND NOT EXISTS (SELECT 1 FROM task WHERE task.id = import.task AND open > 0)", beforeMs,
  );
  let left = limit;
  for (const row of db.all("SELECT * FROM import WHERE touched_ms < ? AND accepted = 0", beforeMs)) {
    disown(db, row);
    left -= forgetImport(db, row, left);
    if (left <= 0) return;
  }
}
