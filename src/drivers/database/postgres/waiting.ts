// Changes that wait for people: set apart from the queue, carried by a signing event, resumed.
//
// Each slice is true by itself: a change waits or it does not. A task all of whose open changes wait
// is asleep, and the queue passes it by.

import { DatabaseError } from "../../../ports/database.ts";
import type { Lease } from "../../../ports/database.ts";
import { fence, lockBacklog, nudge } from "./lease.ts";
import { SLICE } from "./sessions.ts";
import type { Now, Sessions, Sql } from "./sessions.ts";

export async function setWaiting(db: Sessions, lease: Lease, changes: readonly { readonly id: number; readonly task: string; readonly for: string }[], now: () => Now): Promise<void> {
  for (let from = 0; from === 0 || from < changes.length; from += SLICE) {
    const slice = changes.slice(from, from + SLICE);
    await db.transaction(async (sql) => {
      await fence(sql, lease, now());
      await lockBacklog(sql);
      const set = await sql.run(
        `UPDATE change c SET waits = w.role FROM unnest($1::bigint[], $2::text[], $3::text[]) w(no, task, role)
           CROSS JOIN LATERAL (SELECT first_change FROM task WHERE id = w.task AND held <> 2 OFFSET 0) t
         WHERE c.no = w.no AND c.batch IS NULL AND c.event IS NULL AND c.owner = t.first_change`,
        slice.map(({ id }) => id), slice.map(({ task }) => task), slice.map((change) => change.for),
      );
      if (set !== slice.length) throw new DatabaseError("stale-base", `of ${slice.length} changes only ${set} are still open`);
      await sql.run(
        `UPDATE task t SET asleep = NOT EXISTS (SELECT 1 FROM change WHERE no BETWEEN t.first_change AND t.last_change AND batch IS NULL AND waits IS NULL)
         WHERE t.id = ANY($1::text[])`, [...new Set(slice.map(({ task }) => task))],
      );
    });
  }
}

export async function resumeWaiting(db: Sessions, lease: Lease, role: string | undefined, now: () => Now): Promise<void> {
  for (let remaining = true; remaining;) {
    remaining = await db.transaction(async (sql) => {
      await fence(sql, lease, now());
      await lockBacklog(sql);
      const resumed = await wake(sql, `SELECT no FROM change WHERE waits IS NOT NULL AND event IS NULL AND batch IS NULL AND ($1::text IS NULL OR waits = $1) LIMIT ${SLICE}`, role ?? null);
      await nudge(sql, "work");
      return resumed === SLICE;
    });
  }
}

/** Inside a fenced transaction: the event carries these changes from now on. */
export async function carry(sql: Sql, event: number, role: string, changes: readonly { readonly id: number; readonly task: string }[]): Promise<void> {
  if (changes.length === 0) return;
  const bound = await sql.run(
    `UPDATE change c SET event = $1, waits = coalesce(c.waits, $2) FROM unnest($3::bigint[], $4::text[]) w(no, task)
       CROSS JOIN LATERAL (SELECT first_change FROM task WHERE id = w.task AND held <> 2 OFFSET 0) t
     WHERE c.no = w.no AND c.batch IS NULL AND c.event IS NULL AND c.owner = t.first_change`,
    event, role, changes.map(({ id }) => id), changes.map(({ task }) => task),
  );
  if (bound !== changes.length) throw new DatabaseError("stale-base", `of ${changes.length} changes only ${bound} are still open`);
}

/** Inside a fenced transaction that holds the backlog: a slice of what the event carries is open again. Answers whether there may be more. */
export async function putDown(sql: Sql, event: number): Promise<boolean> {
  return await wake(sql, `SELECT no FROM change WHERE event = $1 AND batch IS NULL LIMIT ${SLICE}`, event) === SLICE;
}

/** The changes that `numbers` selects wait no more, and their tasks are looked at again. Answers how many. */
async function wake(sql: Sql, numbers: string, value: unknown): Promise<number> {
  const row = await sql.row(
    `WITH awake AS (UPDATE change SET waits = NULL, event = NULL WHERE no = ANY (ARRAY(${numbers})) RETURNING owner),
     woken AS (UPDATE task t SET asleep = false WHERE t.asleep AND t.first_change = ANY (ARRAY(SELECT DISTINCT owner FROM awake)))
     SELECT count(*) AS n FROM awake`, value,
  );
  return Number(row?.["n"]);
}
