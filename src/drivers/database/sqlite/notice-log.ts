// The log of notices, as it is read. A place in it: ../common/notice-place.ts. Rows are written by one
// transaction after another, so that numbers become visible in order.

import type { SQLInputValue } from "node:sqlite";

import type { Notice } from "../../../ports/database.ts";
import { endOf, isBefore, noticeOf, placeOf } from "../common/notice-place.ts";
import type { Place } from "../common/notice-place.ts";
import type { Cell } from "./connection.ts";

type All = (sql: string, ...values: SQLInputValue[]) => readonly (readonly Cell[])[];

/** Of the last notice there is, or was. */
export function lastPlace(all: All): Place {
  const [row] = all("SELECT n.no, coalesce((SELECT max(task) FROM result WHERE batch = n.batch), 0) FROM notice n ORDER BY n.no DESC LIMIT 1");
  return row ? { no: Number(row[0]), task: Number(row[1]) } : forgottenPlace(all);
}

function forgottenPlace(all: All): Place {
  const [row] = all("SELECT forgotten_no, forgotten_task FROM notice_log");
  return { no: Number(row?.[0]), task: Number(row?.[1]) };
}

/** All reads must see one moment. */
export function noticesAfter(all: All, text: string, limit: number): { rows: readonly Notice[]; missed: boolean } {
  const after = placeOf(text);
  const last = lastPlace(all);
  if (after.no > last.no) return { rows: [], missed: true };
  const rows: Notice[] = [];
  for (const [no, kind, at, about, batch] of all("SELECT no, kind, at_ms, about, batch FROM notice WHERE no >= ? ORDER BY no LIMIT ?", after.no, limit + 1)) {
    if (rows.length >= limit) break;
    const row = { no: Number(no), atMs: Number(at) };
    if (row.no > after.no) rows.push(noticeOf({ ...row, kind: String(kind), about: String(about) }));
    if (batch === null) continue;
    const ends = all(
      "SELECT r.task, t.id, t.kind, r.state FROM result r JOIN task t ON t.no = r.task WHERE r.batch = ? AND r.task > ? ORDER BY r.task LIMIT ?",
      batch ?? null, row.no === after.no ? after.task : 0, limit - rows.length,
    );
    for (const [task, id, taskKind, state] of ends) rows.push(endOf(row, { no: Number(task), id: String(id), kind: String(taskKind), state: String(state) }));
  }
  return { rows, missed: isBefore(after, forgottenPlace(all)) };
}
