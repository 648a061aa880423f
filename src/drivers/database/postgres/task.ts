// Tasks: ending them, forgetting what is old.

import type { EventEffect, ForgetLimits, Lease } from "../../../ports/database.ts";
import type { Setting, TaskEnding } from "../common/stored.ts";
import { setSettings } from "./envelope.ts";
import { applyEffect } from "./event.ts";
import { forgetImports } from "./import.ts";
import { fence, lockBacklog, nudge } from "./lease.ts";
import { forgetNotices, tellEnds } from "./notice.ts";
import { putResults } from "./result.ts";
import type { Now, Sql } from "./sessions.ts";

/** Ends tasks at once; `held = 2` takes their unbound changes out of the queue, fold deletes them. */
export async function endTasks(sql: Sql, lease: Lease, results: readonly TaskEnding[], settings: readonly Setting[], events: readonly EventEffect[], now: Now): Promise<void> {
  await fence(sql, lease, now);
  await lockBacklog(sql);
  await setSettings(sql, settings);
  for (const event of events) await applyEffect(sql, event, results[0]?.task ?? "");
  await endInside(sql, results, now);
  await nudge(sql, "visible");
}

/** Inside a fenced transaction that holds the backlog. A result that counts, or will, stays. */
export async function endInside(sql: Sql, results: readonly TaskEnding[], now: Now): Promise<void> {
  // Of several for one task the first counts.
  const first = [...new Map([...results].reverse().map((result) => [result.task, result])).values()].reverse();
  const ended = await putResults(sql, null, first);
  if (ended.length === 0) return;
  await sql.run(
    `WITH out AS (
       SELECT t.no, count(c.no) AS changes, count(c.no) - count(c.run) AS counted, coalesce(sum(c.bytes), 0) AS bytes
       FROM task t LEFT JOIN LATERAL (SELECT no, bytes, run FROM change WHERE no BETWEEN t.first_change AND t.last_change AND batch IS NULL OFFSET 0) c ON true WHERE t.no = ANY($1::bigint[]) GROUP BY t.no),
     locked AS (SELECT no FROM task WHERE no = ANY($1::bigint[]) ORDER BY no FOR UPDATE),
     marked AS (
       UPDATE task t SET held = 2, open = t.open - o.changes, forget = (t.open = o.changes AND t.first_change IS NOT NULL)
       FROM out o JOIN locked l ON l.no = o.no WHERE t.no = o.no)
     UPDATE backlog SET changes = changes - (SELECT coalesce(sum(counted), 0) FROM out), bytes = bytes - (SELECT coalesce(sum(bytes), 0) FROM out) WHERE id = 1`,
    ended,
  );
  await tellEnds(sql, ended, now);
}

export async function forgetGarbage(sql: Sql, lease: Lease, names: readonly string[], now: Now): Promise<void> {
  await fence(sql, lease, now);
  await sql.run("DELETE FROM garbage WHERE name = ANY($1::text[])", names);
}

export async function forgetBefore(sql: Sql, lease: Lease, limits: ForgetLimits, limit: number, now: Now): Promise<void> {
  const visible = Number((await fence(sql, lease, now))["visible"]);
  await sql.run(
    `WITH old AS (
       SELECT r.task, t.first_change, t.last_change FROM result r LEFT JOIN batch b ON b.no = r.batch JOIN task t ON t.no = r.task
       WHERE r.ended_ms < $1 AND (r.batch IS NULL OR b.seq <= $2) AND t.open = 0 AND NOT t.forget LIMIT $3),
     changes AS (DELETE FROM change WHERE no = ANY (ARRAY(
       SELECT c.no FROM old o CROSS JOIN LATERAL (SELECT no FROM change WHERE no BETWEEN o.first_change AND o.last_change OFFSET 0) c))),
     results AS (DELETE FROM result WHERE task = ANY (ARRAY(SELECT task FROM old)))
     DELETE FROM task WHERE no = ANY (ARRAY(SELECT task FROM old))`, limits.tasksMs, visible, limit,
  );
  await sql.run("DELETE FROM committed WHERE seq IN (SELECT seq FROM committed WHERE expires_ms < $1 AND seq < $2 LIMIT $3)", limits.committedMs, visible, limit);
  await sql.run(
    "DELETE FROM idempotency WHERE (principal, key) IN (SELECT principal, key FROM idempotency WHERE created_ms < $1 LIMIT $2)", limits.idempotencyMs, limit,
  );
  await forgetImports(sql, limits.idempotencyMs, limit);
  await sql.run(
    `DELETE FROM batch WHERE no IN (SELECT no FROM batch b WHERE state = 'committed' AND fold_phase IS NULL AND seq <= $1
     AND NOT EXISTS (SELECT 1 FROM result WHERE result.batch = b.no) LIMIT $2)`, visible, limit,
  );
  await forgetNotices(sql, limits, limit);
}
