// Changes that wait for people: set apart from the queue, carried by a signing event, resumed.
//
// Each slice is true by itself: a change waits or it does not. A task all of whose open changes wait
// is asleep, and the queue passes it by.

import { DatabaseError } from "../../../ports/database.ts";
import type { Lease } from "../../../ports/database.ts";
import type { Connection, Row } from "./connection.ts";
import { fence } from "./lease.ts";
import { SLICE } from "./messages.ts";
import type { Wait } from "./messages.ts";
import { TaskFinder } from "./owner.ts";

type Now = () => number;

export function* setWaiting(db: Connection, lease: Lease, changes: readonly Wait[], now: Now): Generator<void, undefined> {
  for (let from = 0; from === 0 || from < changes.length; from += SLICE) {
    if (from > 0) yield;
    db.transaction(() => {
      fence(db, lease, now());
      const tasks = new TaskFinder(db);
      const touched = new Set<number>();
      for (const { id, task, for: role } of changes.slice(from, from + SLICE)) {
        const owner = tasks.of(id);
        const set = owner?.id === task && owner.held !== 2 && db.run("UPDATE change SET waits = ? WHERE no = ? AND batch IS NULL AND event IS NULL", role, id) === 1;
        if (!set) throw new DatabaseError("stale-base", `change ${String(id)} is no longer open`);
        touched.add(owner.no);
      }
      for (const no of touched) {
        db.run(
          "UPDATE task SET asleep = NOT EXISTS (SELECT 1 FROM change WHERE no BETWEEN first_change AND last_change AND batch IS NULL AND waits IS NULL) WHERE no = ?", no,
        );
      }
    });
  }
  return undefined;
}

export function* resumeWaiting(db: Connection, lease: Lease, role: string | undefined, now: Now): Generator<void, undefined> {
  for (let remaining = true; remaining;) {
    remaining = db.transaction(() => {
      fence(db, lease, now());
      const rows = db.all(
        `UPDATE change SET waits = NULL WHERE no IN (SELECT no FROM change WHERE waits IS NOT NULL AND event IS NULL AND batch IS NULL ${role === undefined ? "" : "AND waits = ?2"} LIMIT ?1) RETURNING no`,
        SLICE, ...(role === undefined ? [] : [role]),
      );
      wake(db, rows);
      return rows.length === SLICE;
    });
    if (remaining) yield;
  }
  return undefined;
}

/** Inside a transaction: the event carries these changes from now on. */
export function carry(db: Connection, event: number, role: string, changes: readonly { readonly id: number; readonly task: string }[]): void {
  const tasks = new TaskFinder(db);
  for (const { id, task } of changes) {
    const owner = tasks.of(id);
    const bound = owner?.id === task && owner.held !== 2
      && db.run("UPDATE change SET event = ?, waits = coalesce(waits, ?) WHERE no = ? AND batch IS NULL AND event IS NULL", event, role, id) === 1;
    if (!bound) throw new DatabaseError("stale-base", `change ${String(id)} is no longer open`);
  }
}

/** Inside a transaction: a slice of what the event carries is open again. Answers whether there may be more. */
export function putDown(db: Connection, event: number): boolean {
  const rows = db.all(
    "UPDATE change SET event = NULL, waits = NULL WHERE no IN (SELECT no FROM change WHERE event = ? AND batch IS NULL LIMIT ?) RETURNING no", event, SLICE,
  );
  wake(db, rows);
  return rows.length === SLICE;
}

/** The tasks of these changes are looked at again. */
export function wake(db: Connection, changes: readonly Row[]): void {
  const tasks = new TaskFinder(db);
  const woken = new Set<number>();
  for (const { no } of changes) {
    const task = tasks.of(Number(no));
    if (task === undefined || woken.has(task.no)) continue;
    woken.add(task.no);
    db.run("UPDATE task SET asleep = 0 WHERE no = ?", task.no);
  }
}
