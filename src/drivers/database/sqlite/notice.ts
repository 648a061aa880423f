// Notices as the transactions write them that make them true, and who has sent them to whom.

import type { ForgetLimits, NewNotice, NoticeKind, SettingValue } from "../../../ports/database.ts";
import type { Ending } from "../common/stored.ts";
import { placeText } from "../common/notice-place.ts";
import type { Cell, Connection } from "./connection.ts";
import type { Halted } from "./messages.ts";
import { lastPlace } from "./notice-log.ts";

type About = Readonly<Record<string, SettingValue>>;

function tell(db: Connection, kind: NoticeKind, about: About, nowMs: number, more: { readonly batch?: Cell; readonly once?: string } = {}): void {
  db.run("INSERT INTO notice (kind, at_ms, about, batch, once) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", kind, nowMs, JSON.stringify(about), more.batch ?? null, more.once ?? null);
}

/** Inside a transaction: that task's result counts from now on. */
export function tellEnd(db: Connection, task: string, { state }: Pick<Ending, "state">, nowMs: number): void {
  const kind = db.get("SELECT kind FROM task WHERE id = ?", task)?.["kind"];
  tell(db, "task-finished", { task_id: task, task: String(kind), state }, nowMs);
}

export function tellEndOf(db: Connection, task: number, nowMs: number): void {
  const row = db.get("SELECT t.id, r.state FROM task t JOIN result r ON r.task = t.no WHERE t.no = ?", task);
  if (row) tellEnd(db, String(row["id"]), { state: row["state"] as Ending["state"] }, nowMs);
}

/** Inside a transaction, after the visible head moved from `before`: each head that is shown now, and with it the ends of its tasks. */
export function tellShown(db: Connection, before: number, nowMs: number): void {
  const shown = db.all(
    `SELECT c.seq, c.timestamp_version, c.snapshot_version, b.no, b.changes FROM committed c LEFT JOIN batch b ON b.seq = c.seq
     WHERE c.seq > ? AND c.seq <= (SELECT visible FROM publisher) ORDER BY c.seq`, before,
  );
  for (const row of shown) {
    const about = { seq: Number(row["seq"]), timestamp_version: Number(row["timestamp_version"]), snapshot_version: Number(row["snapshot_version"]), changes: Number(row["changes"]) };
    tell(db, "published", about, nowMs, { batch: row["no"] ?? null });
  }
}

/** Inside a transaction, before what halts publishing changes from `was`. */
export function tellHalted(db: Connection, was: Cell, halted: Halted | undefined, nowMs: number): void {
  if (halted !== undefined && halted.code !== was) tell(db, "failed", { code: halted.code, reason: halted.reason }, nowMs);
  if (halted === undefined && was !== null) tell(db, "resumed", { code: String(was) }, nowMs);
}

/** Inside a transaction. */
export function post(db: Connection, notices: readonly NewNotice[], nowMs: number): void {
  for (const { kind, about, once } of notices) tell(db, kind, about, nowMs, { once });
}

/** Inside a transaction: the oldest go, and the log remembers up to where. */
export function forgetNotices(db: Connection, { noticesMs, mostNotices }: ForgetLimits, limit: number): void {
  const last = Number(db.get("SELECT max(no) AS no FROM notice")?.["no"] ?? 0);
  for (const { no, at_ms: at, batch } of db.all("SELECT no, at_ms, batch FROM notice ORDER BY no LIMIT ?", limit)) {
    if (Number(at) >= noticesMs && Number(no) > last - mostNotices) break;
    const task = batch === null ? 0 : Number(db.get("SELECT max(task) AS task FROM result WHERE batch = ?", batch ?? null)?.["task"] ?? 0);
    db.run("DELETE FROM notice WHERE no = ?", no ?? null);
    db.run("UPDATE notice_log SET forgotten_no = ?, forgotten_task = ?", no ?? null, task);
  }
}

export function takeDelivery(db: Connection, receiver: string, holder: string, ttlMs: number, nowMs: number): string | undefined {
  return db.transaction(() => {
    const last = placeText(lastPlace((sql, ...values) => db.all(sql, ...values).map((row) => Object.values(row))));
    db.run("INSERT INTO delivery VALUES (?, ?, 0, ?) ON CONFLICT DO NOTHING", receiver, holder, last);
    const row = db.get("UPDATE delivery SET holder = ?2, until_ms = ?3 + ?4 WHERE receiver = ?1 AND (holder = ?2 OR until_ms < ?3) RETURNING sent", receiver, holder, nowMs, ttlMs);
    return row && String(row["sent"]);
  });
}

export function keepDelivery(db: Connection, receiver: string, holder: string, sent: string): boolean {
  return db.transaction(() => db.run("UPDATE delivery SET sent = ? WHERE receiver = ? AND holder = ?", sent, receiver, holder) > 0);
}
