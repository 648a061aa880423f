// The result of a task: the one place that writes it.

import type { TaskEnding } from "../common/stored.ts";
import type { Sql } from "./sessions.ts";

/**
 * Inside a transaction: results that count with that batch, or at once (null). A task that has one which counts, or
 * will, keeps it. Answers the numbers of the tasks whose result was written.
 */
export async function putResults(sql: Sql, batch: number | null, results: readonly TaskEnding[]): Promise<readonly number[]> {
  if (results.length === 0) return [];
  const rows = await sql.rows(
    `INSERT INTO result AS r (task, batch, created_ms, ended_ms, state, message, error, body)
     SELECT t.no, $1::bigint, t.created_ms, w.ended_ms, w.state, w.message, w.error, w.body
     FROM unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[]) w(id, ended_ms, state, message, error, body) JOIN task t ON t.id = w.id
     ON CONFLICT (task) DO UPDATE SET batch = excluded.batch, ended_ms = excluded.ended_ms, state = excluded.state, message = excluded.message,
       error = excluded.error, body = excluded.body
     WHERE (SELECT state FROM batch WHERE no = r.batch) <> 'committed' RETURNING task`,
    batch, results.map(({ task }) => task), results.map(({ endedMs }) => endedMs), results.map(({ state }) => state),
    results.map(({ message }) => message), results.map(({ error }) => error), results.map(({ body }) => body),
  );
  return rows.map(({ task }) => Number(task));
}
