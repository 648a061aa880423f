// Accepting: one request in a transaction that others share.
//
// A large request writes its changes ahead, in slices that belong to no task and that nobody
// reads; the task's row, which makes them true, then joins the shared transaction like any other.

import { isDeepStrictEqual } from "node:util";

import { DatabaseError } from "../../../ports/database.ts";
import type { Accepted } from "../../../ports/database.ts";
import type { Setting } from "../common/stored.ts";
import type { Connection } from "./connection.ts";
import { applyEffect } from "./event.ts";
import { claimImport } from "./import.ts";
import { tellEnd } from "./notice.ts";
import { putResult } from "./result.ts";
import { FLAT_WIDTH, SLICE } from "./messages.ts";
import type { AcceptMessage, FlatChanges } from "./messages.ts";

/** Applies `request` inside a transaction, or throws and leaves nothing (the caller's savepoint undoes). */
export function acceptOne(db: Connection, request: AcceptMessage, nowMs: number): Accepted {
  const { task, idempotency, expectBootstrap } = request;
  if (idempotency) {
    const earlier = db.get("SELECT body_sha256, task FROM idempotency WHERE principal = ? AND key = ?", idempotency.principal, idempotency.key);
    if (earlier) {
      if (earlier["body_sha256"] !== idempotency.bodySha256) {
        throw new DatabaseError("idempotency-key-reused", "this Idempotency-Key came before with another body");
      }
      return { outcome: "replayed", taskId: String(earlier["task"]) };
    }
  }
  if (expectBootstrap) {
    const is = db.get("SELECT value FROM setting WHERE name = 'bootstrap'")?.["value"];
    if (!sameJson(typeof is === "string" ? is : undefined, expectBootstrap.was)) {
      throw new DatabaseError("busy-bootstrap", "the bootstrap state is another by now");
    }
  }
  const backlog = db.get("SELECT changes, bytes FROM backlog") ?? {};
  const changes = Number(backlog["changes"]) + request.count;
  if (request.count > 0 && (changes > request.limits.changes || Number(backlog["bytes"]) + request.bytes > request.limits.bytes)) {
    throw new DatabaseError("backlog-full", `${String(backlog["changes"])} changes are pending; ${request.count} more are too many`);
  }

  if (request.releaseHeld) db.run("UPDATE task SET held = 0 WHERE held = 1 AND open > 0");
  const imported = request.import && claimImport(db, task.id, request.import);
  const range = imported ?? ("staging" in request.changes
    ? claimStaged(db, request.changes.staging, request.count)
    : insertChanges(db, reserve(db, request.count), request.changes.flat, request.held));
  db.run(
    "INSERT INTO task (id, kind, created_ms, request, held, first_change, last_change, open) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    task.id, task.kind, task.createdMs, task.request, imported ? 3 : request.held ? 1 : 0, range?.first ?? null, range?.last ?? null, imported?.count ?? request.count,
  );
  if (request.count > 0) db.run("UPDATE backlog SET changes = changes + ?, bytes = bytes + ?", request.count, request.bytes);
  if (request.result) {
    putResult(db, task.id, null, request.result);
    tellEnd(db, task.id, request.result, nowMs);
  }
  setSettings(db, request.settings);
  if (request.event) applyEffect(db, request.event, task.id);
  if (idempotency) {
    db.run("INSERT INTO idempotency VALUES (?, ?, ?, ?, ?)", idempotency.principal, idempotency.key, idempotency.bodySha256, task.id, nowMs);
  }
  return { outcome: "accepted" };
}

export function setSettings(db: Connection, settings: readonly Setting[]): void {
  for (const [name, value] of settings) {
    db.run("INSERT INTO setting VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value);
  }
}

/** One slice of a large request. Answers the staging's number. */
export function stageSlice(db: Connection, staging: number, total: number, offset: number, held: boolean, flat: FlatChanges): number {
  return db.transaction(() => {
    let no = staging;
    if (no === 0) {
      const first = reserve(db, total);
      const row = db.get("INSERT INTO staging (first_change, last_change) VALUES (?, ?) RETURNING no", first, first + total - 1);
      no = Number(row?.["no"]);
    }
    const first = db.get("SELECT first_change FROM staging WHERE no = ?", no)?.["first_change"];
    insertChanges(db, Number(first) + offset, flat, held);
    return no;
  });
}

/** Removes what was staged for a request that was refused, or whose sender died. */
export function* unstage(db: Connection, staging: number): Generator<void, undefined> {
  const row = db.get("SELECT first_change, last_change FROM staging WHERE no = ?", staging);
  if (!row) return undefined;
  const last = Number(row["last_change"]);
  for (let first = Number(row["first_change"]); first <= last; first += SLICE) {
    db.transaction(() => db.run("DELETE FROM change WHERE no BETWEEN ? AND ?", first, Math.min(first + SLICE - 1, last)));
    yield;
  }
  db.transaction(() => db.run("DELETE FROM staging WHERE no = ?", staging));
  return undefined;
}

/** The first of `count` numbers no change ever had. */
function reserve(db: Connection, count: number): number {
  if (count === 0) return 0;
  const row = db.get("UPDATE backlog SET next_change = next_change + ? RETURNING next_change", count);
  return Number(row?.["next_change"]) - count;
}

function insertChanges(db: Connection, first: number, flat: FlatChanges, held: boolean): { first: number; last: number } | undefined {
  if (flat.length === 0) return undefined;
  let no = first;
  for (let i = 0; i < flat.length; i += FLAT_WIDTH, no++) {
    db.run(
      "INSERT INTO change (no, kind, role, path, fragment, bytes, held) VALUES (?, ?, ?, ?, ?, ?, ?)",
      no, flat[i] ?? null, flat[i + 1] ?? null, flat[i + 2] ?? null, flat[i + 3] ?? null, flat[i + 4] ?? null, held ? 1 : 0,
    );
  }
  return { first, last: no - 1 };
}

function claimStaged(db: Connection, staging: number, count: number): { first: number; last: number } {
  const row = db.get("DELETE FROM staging WHERE no = ? RETURNING first_change, last_change", staging);
  const first = Number(row?.["first_change"]);
  const last = Number(row?.["last_change"]);
  if (last - first + 1 !== count) throw new Error(`staging ${staging} does not hold ${count} changes`);
  return { first, last };
}

function sameJson(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return isDeepStrictEqual(JSON.parse(a), JSON.parse(b));
}
