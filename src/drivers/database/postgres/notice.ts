// Notices as the transactions write them that make them true, and who has sent them to whom.
//
// Whoever writes one locks the log's row first and holds it to the end, so that numbers become visible
// in order: last of the three locks (publisher, backlog, log).

import type { ForgetLimits, NewNotice, NoticeKind, SettingValue } from "../../../ports/database.ts";
import { placeText } from "../common/notice-place.ts";
import { lastPlace } from "./notice-log.ts";
import type { Cell, Now, Sql } from "./sessions.ts";

interface Told {
  readonly kind: NoticeKind;
  readonly about: Readonly<Record<string, SettingValue>>;
  readonly batch?: Cell | undefined;
  readonly once?: string;
}

async function tell(sql: Sql, notices: readonly Told[], now: Now): Promise<void> {
  if (notices.length === 0) return;
  await sql.run("SELECT 1 FROM notice_log WHERE id = 1 FOR UPDATE");
  for (const { kind, about, batch, once } of notices) {
    await sql.run(
      "INSERT INTO notice (kind, at_ms, about, batch, once) VALUES ($1, coalesce($2::bigint, now_ms()), $3, $4, $5) ON CONFLICT DO NOTHING",
      kind, now, JSON.stringify(about), batch ?? null, once ?? null,
    );
  }
}

/** Inside a transaction: the results of these tasks count from now on. */
export async function tellEnds(sql: Sql, tasks: readonly number[], now: Now): Promise<void> {
  if (tasks.length === 0) return;
  const rows = await sql.rows(
    "SELECT t.id, t.kind, r.state FROM unnest($1::bigint[]) WITH ORDINALITY w(no, place) JOIN task t ON t.no = w.no JOIN result r ON r.task = t.no ORDER BY w.place", tasks,
  );
  await tell(sql, rows.map(({ id, kind, state }) => ({ kind: "task-finished", about: { task_id: String(id), task: String(kind), state: String(state) } })), now);
}

/** Inside a fenced transaction, after the visible head moved from `before`: each head that is shown now, and with it the ends of its tasks. */
export async function tellShown(sql: Sql, before: number, now: Now): Promise<void> {
  const shown = await sql.rows(
    `SELECT c.seq, c.timestamp_version, c.snapshot_version, b.no, b.changes FROM committed c LEFT JOIN batch b ON b.seq = c.seq
     WHERE c.seq > $1 AND c.seq <= (SELECT visible FROM publisher WHERE id = 1) ORDER BY c.seq`, before,
  );
  await tell(sql, shown.map((row) => ({
    kind: "published", batch: row["no"],
    about: { seq: Number(row["seq"]), timestamp_version: Number(row["timestamp_version"]), snapshot_version: Number(row["snapshot_version"]), changes: Number(row["changes"]) },
  })), now);
}

/** Inside a fenced transaction, when what halts publishing changes from `was`. */
export async function tellHalted(sql: Sql, was: Cell | undefined, halted: { readonly code: string; readonly reason: string } | undefined, now: Now): Promise<void> {
  if (halted !== undefined && halted.code !== was) await tell(sql, [{ kind: "failed", about: { code: halted.code, reason: halted.reason } }], now);
  if (halted === undefined && typeof was === "string") await tell(sql, [{ kind: "resumed", about: { code: was } }], now);
}

/** Inside a fenced transaction. */
export function post(sql: Sql, notices: readonly NewNotice[], now: Now): Promise<void> {
  return tell(sql, notices, now);
}

/** Inside a fenced transaction: the oldest go, and the log remembers up to where. */
export async function forgetNotices(sql: Sql, { noticesMs, mostNotices }: ForgetLimits, limit: number): Promise<void> {
  await sql.run("SELECT 1 FROM notice_log WHERE id = 1 FOR UPDATE");
  const last = Number((await sql.row("SELECT coalesce(max(no), 0) AS no FROM notice"))?.["no"]);
  const oldest = await sql.rows("SELECT no, at_ms, batch FROM notice ORDER BY no LIMIT $1", limit);
  const kept = oldest.findIndex(({ no, at_ms: at }) => Number(at) >= noticesMs && Number(no) > last - mostNotices);
  const gone = (kept < 0 ? oldest : oldest.slice(0, kept)).at(-1);
  if (gone === undefined) return;
  await sql.run(
    "UPDATE notice_log SET forgotten_no = $1, forgotten_task = coalesce((SELECT max(task) FROM result WHERE batch = $2), 0) WHERE id = 1", gone["no"], gone["batch"] ?? null,
  );
  await sql.run("DELETE FROM notice WHERE no <= $1", gone["no"]);
}

/** Inside a transaction. */
export async function takeDelivery(sql: Sql, receiver: string, holder: string, ttlMs: number, now: Now): Promise<string | undefined> {
  await sql.run("INSERT INTO delivery (receiver, holder, until_ms, sent) VALUES ($1, $2, 0, $3) ON CONFLICT (receiver) DO NOTHING", receiver, holder, placeText(await lastPlace(sql)));
  const row = await sql.row(
    `UPDATE delivery SET holder = $2, until_ms = coalesce($4::bigint, now_ms()) + $3 WHERE receiver = $1 AND (holder = $2 OR until_ms < coalesce($4::bigint, now_ms())) RETURNING sent`,
    receiver, holder, ttlMs, now,
  );
  return row && String(row["sent"]);
}

/** Inside a transaction. */
export async function keepDelivery(sql: Sql, receiver: string, holder: string, sent: string): Promise<boolean> {
  return await sql.run("UPDATE delivery SET sent = $3 WHERE receiver = $1 AND holder = $2", receiver, holder, sent) > 0;
}
