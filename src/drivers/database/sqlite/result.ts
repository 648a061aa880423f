// The result of a task: the one place that writes it.

import type { Connection } from "./connection.ts";
import type { Ending } from "../common/stored.ts";

/**
 * Inside a transaction: it counts with that batch, or at once (null). Answers false, and keeps what is
 * there, when the task has a result that counts, or will.
 */
export function putResult(db: Connection, task: string, batch: number | null, { endedMs, state, message, error, body }: Ending): boolean {
  return db.run(
    `INSERT INTO result (task, batch, created_ms, ended_ms, state, message, error, body) SELECT no, ?, created_ms, ?, ?, ?, ?, ? FROM task WHERE id = ?
     ON CONFLICT (task) DO UPDATE SET batch = excluded.batch, ended_ms = excluded.ended_ms, state = excluded.state, message = excluded.message,
       error = excluded.error, body = excluded.body
     WHERE (SELECT state FROM batch WHERE no = result.batch) <> 'committed'`,
    batch, endedMs, state, message, error, body, task,
  ) > 0;
}
