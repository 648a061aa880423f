// The log of notices, as it is read. A place in it: ../common/notice-place.ts.

import type { Notice } from "../../../ports/database.ts";
import { endOf, isBefore, noticeOf, placeOf } from "../common/notice-place.ts";
import type { Place } from "../common/notice-place.ts";
import type { Sql } from "./sessions.ts";

/** Of the last notice there is, or was. */
export async function lastPlace(sql: Sql): Promise<Place> {
  const row = await sql.row(
    `SELECT coalesce(n.no, l.forgotten_no) AS no, CASE WHEN n.no IS NULL THEN l.forgotten_task ELSE coalesce((SELECT max(task) FROM result WHERE batch = n.batch), 0) END AS task
     FROM notice_log l LEFT JOIN (SELECT no, batch FROM notice ORDER BY no DESC LIMIT 1) n ON true`,
  );
  return { no: Number(row?.["no"]), task: Number(row?.["task"]) };
}

/** Where all statements see one moment. */
export async function noticesAfter(sql: Sql, text: string, limit: number): Promise<{ rows: readonly Notice[]; missed: boolean }> {
  const after = placeOf(text);
  if (after.no > (await lastPlace(sql)).no) return { rows: [], missed: true };
  const log = await sql.row("SELECT forgotten_no, forgotten_task FROM notice_log WHERE id = 1");
  const rows: Notice[] = [];
  for (const row of await sql.rows("SELECT no, kind, at_ms, about, batch FROM notice WHERE no >= $1 ORDER BY no LIMIT $2", after.no, limit + 1)) {
    if (rows.length >= limit) break;
    const [no, atMs] = [Number(row["no"]), Number(row["at_ms"])];
    if (no > after.no) rows.push(noticeOf({ no, atMs, kind: String(row["kind"]), about: String(row["about"]) }));
    if (row["batch"] === null) continue;
    const ends = await sql.rows(
      "SELECT r.task, t.id, t.kind, r.state FROM result r JOIN task t ON t.no = r.task WHERE r.batch = $1 AND r.task > $2 ORDER BY r.task LIMIT $3",
      row["batch"], no === after.no ? after.task : 0, limit - rows.length,
    );
    for (const end of ends) rows.push(endOf({ no, atMs }, { no: Number(end["task"]), id: String(end["id"]), kind: String(end["kind"]), state: String(end["state"]) }));
  }
  return { rows, missed: isBefore(after, { no: Number(log?.["forgotten_no"]), task: Number(log?.["forgotten_task"]) }) };
}
