// Imports: many changes written ahead in runs, which become a task's in one small step.
//
// A run is what a writer adds at a time. Its changes are sorted by place (the hash that bins divide) and numbered
// in that order, so that table and index only ever grow at their end: in the order of arrival each row would
// land on a page of its own (10 to 24 thousand rows a second, against 64 to 127). Publishing then reads the same
// range of places from every run, a merge that never holds more than one slice.
//
// What makes a run count is the import's own row, written with the last of its rows; what a killed writer
// left of a run has numbers from there on, and goes when the next one begins.

import { DatabaseError } from "../../../ports/database.ts";
import type { ImportState, NewImport } from "../../../ports/database.ts";
import type { Connection, Row } from "./connection.ts";
import { FLAT_RUN_WIDTH, SLICE } from "./messages.ts";
import type { RunPart } from "./messages.ts";

/** More runs than any import has: a run of one change each would make so many changes. */
const RUNS = 2 ** 20;

export const firstRun = (importNo: number): number => importNo * RUNS;

export function importState(row: Row): ImportState {
  return { task: String(row["task"]), lines: Number(row["lines"]), invalid: Number(row["invalid"]), accepted: row["accepted"] === 1 };
}

export function openImport(db: Connection, request: NewImport, nowMs: number): ImportState {
  return db.transaction(() => {
    const { principal, key, writer, task, maxChanges } = request;
    const known = db.get("SELECT * FROM import WHERE principal = ? AND key = ?", principal, key);
    if (known?.["accepted"] === 1) return importState(known);
    if (known) {
      db.run("UPDATE import SET writer = ?, touched_ms = ? WHERE no = ?", writer, nowMs, known["no"] ?? null);
      return importState(known);
    }
    if (Number(db.get("SELECT count(*) AS n FROM import WHERE accepted = 0")?.["n"]) >= request.maxOpen) {
      throw new DatabaseError("backlog-full", `${request.maxOpen} imports are begun and not complete`);
    }
    const next = db.get("UPDATE backlog SET next_change = next_change + ? RETURNING next_change", maxChanges);
    const row = db.get(
      `INSERT INTO import (task, principal, key, writer, first_change, max_changes, lines, invalid, changes, runs, accepted, touched_ms)
       VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, ?) RETURNING *`, task, principal, key, writer, Number(next?.["next_change"]) - maxChanges, maxChanges, nowMs,
    );
    return importState(row ?? {});
  });
}

/** A part of a run; with the last one the run counts. Each is a transaction of its own. */
export function stageRun(db: Connection, part: RunPart, nowMs: number): undefined {
  db.transaction(() => {
    const row = writtenBy(db, part.task, part.writer);
    if (row["lines"] !== part.after) throw new DatabaseError("stale-base", `the import has ${String(row["lines"])} lines, not ${part.after}`);
    const begin = Number(row["first_change"]) + Number(row["changes"]);
    const end = Number(row["first_change"]) + Number(row["max_changes"]);
    if (part.offset === 0) {
      if (begin + part.total > end) throw new DatabaseError("backlog-full", `an import holds at most ${String(row["max_changes"])} changes`);
      if (Number(row["runs"]) >= RUNS) throw new DatabaseError("backlog-full", `an import holds at most ${RUNS} pieces: send it in larger ones`);
      db.run("DELETE FROM change WHERE no >= ? AND no < ?", begin, end);
    }
    const run = firstRun(Number(row["no"])) + Number(row["runs"]);
    let no = begin + part.offset;
    for (let i = 0; i < part.flat.length; i += FLAT_RUN_WIDTH, no++) {
      db.run(
        "INSERT INTO change (no, kind, role, path, fragment, bytes, held, run, place) VALUES (?, 'add', ?, ?, ?, 0, 0, ?, ?)",
        no, part.flat[i + 1] ?? null, part.flat[i + 2] ?? null, part.flat[i + 3] ?? null, run, part.flat[i] ?? null,
      );
    }
    if (part.ends === undefined) return;
    if (no !== begin + part.total) throw new Error(`a run of ${part.total} changes came with ${no - begin}`);
    db.run(
      "UPDATE import SET lines = ?, invalid = invalid + ?, changes = changes + ?, runs = runs + ?, touched_ms = ? WHERE no = ?",
      part.ends.lines, part.ends.invalid, part.total, part.total > 0 ? 1 : 0, nowMs, row["no"] ?? null,
    );
  });
  return undefined;
}

/** Inside a transaction: the numbers of the import's changes, which are the task's from now on. */
export function claimImport(db: Connection, task: string, { writer, lines }: { readonly writer: string; readonly lines: number }): { readonly first: number; readonly last: number; readonly count: number } {
  const row = writtenBy(db, task, writer);
  if (row["lines"] !== lines) throw new DatabaseError("stale-base", `the import has ${String(row["lines"])} lines, not ${lines}`);
  db.run("UPDATE import SET accepted = 1, writer = '' WHERE no = ?", row["no"] ?? null);
  const first = Number(row["first_change"]);
  const count = Number(row["changes"]);
  // What a killed writer left behind these numbers is nobody's.
  db.run("DELETE FROM change WHERE no >= ? AND no < ?", first + count, first + Number(row["max_changes"]));
  return { first, last: first + count - 1, count };
}

export function* dropImport(db: Connection, task: string, writer: string): Generator<void, undefined> {
  const row = db.get("SELECT * FROM import WHERE task = ? AND writer = ? AND accepted = 0", task, writer);
  if (!row) return undefined;
  db.transaction(() => { disown(db, row); });
  while (db.transaction(() => forgetImport(db, row, SLICE)) === SLICE) yield;
  return undefined;
}

/** Nobody adds to it, or finds it, while its rows go. A key holds no space. */
export function disown(db: Connection, row: Row): void {
  db.run("UPDATE import SET writer = '', principal = '', key = 'dropped ' || no WHERE no = ?", row["no"] ?? null);
}

/** Inside a transaction: up to `limit` rows of an import that is not accepted, and with the last of them itself. Answers how many. */
export function forgetImport(db: Connection, row: Row, limit: number): number {
  const first = Number(row["first_change"]);
  const gone = db.run(
    "DELETE FROM change WHERE no IN (SELECT no FROM change WHERE no >= ? AND no < ? LIMIT ?)", first, first + Number(row["max_changes"]), limit,
  );
  if (gone < limit) db.run("DELETE FROM import WHERE no = ?", row["no"] ?? null);
  return gone;
}

function writtenBy(db: Connection, task: string, writer: string): Row {
  const row = db.get("SELECT * FROM import WHERE task = ? AND accepted = 0", task);
  if (row?.["writer"] !== writer) throw new DatabaseError("stale-base", "somebody else goes on with this import, or it is gone");
  return row;
}
