// Accepting, inside a transaction: one request, or a group of plain ones that share it.
//
// The backlog's row is locked first, so that of all processes one group is accepted after another:
// bounds are exact, and tasks are numbered in the order in which they were committed. A group costs as
// many statements as one request.

import { isDeepStrictEqual } from "node:util";

import { DatabaseError } from "../../../ports/database.ts";
import type { Accepted, AcceptRequest, NewChange, TaskKind, Topic } from "../../../ports/database.ts";
import { bytesOf, ending, settingsOf, taskText } from "../common/stored.ts";
import type { Ending, Setting } from "../common/stored.ts";
import { setSettings } from "./envelope.ts";
import { applyEffect } from "./event.ts";
import { claimImport } from "./import.ts";
import { tellEnds } from "./notice.ts";
import type { Now, Sql } from "./sessions.ts";

export interface Incoming {
  readonly task: { readonly id: string; readonly kind: TaskKind; readonly createdMs: number; readonly request: string };
  readonly changes: readonly NewChange[];
  /** UTF-8 of path and fragment, of each change and of all. */
  readonly sizes: readonly number[];
  readonly bytes: number;
  readonly held: boolean;
  readonly releaseHeld: boolean;
  readonly result: Ending | undefined;
  readonly settings: readonly Setting[];
  readonly expectBootstrap: AcceptRequest["expectBootstrap"];
  readonly event: AcceptRequest["event"];
  readonly import: AcceptRequest["import"];
  readonly idempotency: AcceptRequest["idempotency"];
  readonly limits: AcceptRequest["limits"];
  /** The numbers under which its changes are written already; else they are written with it. */
  readonly written?: { readonly first: number };
}

export function incoming(request: Omit<AcceptRequest, "held" | "limits"> & Partial<Pick<AcceptRequest, "held" | "limits">>): Incoming {
  if (request.result && request.changes.length > 0) throw new Error("a task at its end has no changes");
  const sizes = request.changes.map(bytesOf);
  return {
    task: taskText(request.task), changes: request.changes, sizes, bytes: sizes.reduce((sum, n) => sum + n, 0),
    held: request.held ?? false, releaseHeld: request.releaseHeld ?? false, result: request.result && ending(request.result),
    settings: settingsOf(request.settings), expectBootstrap: request.expectBootstrap, event: request.event, import: request.import, idempotency: request.idempotency,
    limits: request.limits ?? { changes: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER },
  };
}

/** Whether it may share a transaction: it touches nothing but its own rows and the backlog. */
export const isPlain = ({ releaseHeld, settings, expectBootstrap, event, import: from }: Incoming): boolean =>
  !releaseHeld && settings.length === 0 && expectBootstrap === undefined && event === undefined && from === undefined;

/**
 * Inside a transaction: what becomes of each request, in order. Throws what would fail them all; then nothing is stored.
 * One that is not plain comes alone. `again`: an attempt before this one may have been stored, and then that counts.
 */
export async function acceptInside(sql: Sql, group: readonly Incoming[], now: Now, attempt: "first" | "again"): Promise<readonly (Accepted | DatabaseError)[]> {
  const backlog = await sql.row("SELECT changes, bytes, next_change FROM backlog WHERE id = 1 FOR UPDATE");
  const pending = { changes: Number(backlog?.["changes"]), bytes: Number(backlog?.["bytes"]), next: Number(backlog?.["next_change"]) };
  const stored = attempt === "again" ? await storedTasks(sql, group) : new Set<string>();
  const keys = await knownKeys(sql, group);
  const taken: Taken[] = [];
  const outcomes: (Accepted | DatabaseError)[] = [];
  for (const request of group) {
    const outcome = stored.has(request.task.id) ? EARLIER : replayOf(request, keys) ?? await refusalOf(sql, request, pending);
    outcomes.push(outcome ?? ACCEPTED);
    if (outcome !== undefined) continue;
    const count = request.changes.length;
    const imported = request.import && await claimImport(sql, request.task.id, request.import);
    taken.push(imported ? { request, ...imported } : { request, first: request.written?.first ?? pending.next, count });
    pending.changes += count;
    pending.bytes += request.bytes;
    if (request.written === undefined) pending.next += count;
    if (request.idempotency) keys.set(keyOf(request.idempotency), { bodySha256: request.idempotency.bodySha256, task: request.task.id });
  }
  for (const { request } of taken) if (request.releaseHeld) await releaseHeld(sql);
  if (taken.length > 0) await insert(sql, taken, pending, now);
  for (const { request } of taken) {
    await setSettings(sql, request.settings);
    if (request.event) await applyEffect(sql, request.event, request.task.id);
  }
  return outcomes;
}

/** `count`: changes, of an import those it was sent in. */
interface Taken {
  readonly request: Incoming;
  readonly first: number;
  readonly count: number;
}

const ACCEPTED: Accepted = { outcome: "accepted" };
/** An attempt before this one was stored. */
export const EARLIER: Accepted = { outcome: "accepted" };

/** In a transaction of its own, before a large request: the first of `count` numbers no change ever had. */
export async function reserveNumbers(sql: Sql, count: number): Promise<number> {
  const row = await sql.row("UPDATE backlog SET next_change = next_change + $1 WHERE id = 1 RETURNING next_change", count);
  return Number(row?.["next_change"]) - count;
}

/** A slice of a large request's changes, before its task: the backlog is locked only once all are written. */
export async function writeChanges(sql: Sql, request: Incoming, first: number, from: number, limit: number): Promise<void> {
  const slice = request.changes.slice(from, from + limit);
  await sql.run(
    `INSERT INTO change (no, owner, kind, role, path, fragment, bytes, held)
     SELECT $1::bigint + w.place - 1, $2::bigint, w.kind, w.role, w.path, w.fragment, w.bytes, $3::boolean
     FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[]) WITH ORDINALITY w(kind, role, path, fragment, bytes, place)`,
    first + from, first, request.held, ...columnsOf(slice), request.sizes.slice(from, from + limit),
  );
}

const columnsOf = (changes: readonly NewChange[]): readonly (readonly string[])[] =>
  [changes.map(({ kind }) => kind), changes.map(({ role }) => role), changes.map(({ path }) => path), changes.map(({ fragment }) => fragment)];

async function storedTasks(sql: Sql, group: readonly Incoming[]): Promise<ReadonlySet<string>> {
  const rows = await sql.rows("SELECT id FROM task WHERE id = ANY($1::text[])", group.map(({ task }) => task.id));
  return new Set(rows.map(({ id }) => String(id)));
}

type Keys = Map<string, { readonly bodySha256: string; readonly task: string }>;

const keyOf = ({ principal, key }: { readonly principal: string; readonly key: string }): string => JSON.stringify([principal, key]);

async function knownKeys(sql: Sql, group: readonly Incoming[]): Promise<Keys> {
  const asked = group.flatMap(({ idempotency }) => idempotency ? [idempotency] : []);
  if (asked.length === 0) return new Map();
  const rows = await sql.rows(
    `SELECT i.principal, i.key, i.body_sha256, i.task FROM idempotency i JOIN unnest($1::text[], $2::text[]) w(principal, key) ON i.principal = w.principal AND i.key = w.key`,
    asked.map(({ principal }) => principal), asked.map(({ key }) => key),
  );
  return new Map(rows.map((row) => [keyOf({ principal: String(row["principal"]), key: String(row["key"]) }), { bodySha256: String(row["body_sha256"]), task: String(row["task"]) }]));
}

function replayOf({ idempotency }: Incoming, keys: Keys): Accepted | DatabaseError | undefined {
  const earlier = idempotency && keys.get(keyOf(idempotency));
  if (!earlier) return undefined;
  if (earlier.bodySha256 !== idempotency.bodySha256) return new DatabaseError("idempotency-key-reused", "this Idempotency-Key came before with another body");
  return { outcome: "replayed", taskId: earlier.task };
}

async function refusalOf(sql: Sql, { changes, bytes, limits, expectBootstrap }: Incoming, pending: { readonly changes: number; readonly bytes: number }): Promise<DatabaseError | undefined> {
  if (expectBootstrap) {
    const is = (await sql.row("SELECT value FROM setting WHERE name = 'bootstrap'"))?.["value"];
    const was = expectBootstrap.was === undefined ? undefined : JSON.stringify(expectBootstrap.was);
    if (!sameJson(typeof is === "string" ? is : undefined, was)) return new DatabaseError("busy-bootstrap", "the bootstrap state is another by now");
  }
  if (changes.length > 0 && (pending.changes + changes.length > limits.changes || pending.bytes + bytes > limits.bytes)) {
    return new DatabaseError("backlog-full", `${pending.changes} changes are pending; ${changes.length} more are too many`);
  }
  return undefined;
}

/** In the order in which fold locks tasks too. */
async function releaseHeld(sql: Sql): Promise<void> {
  await sql.run(
    "WITH locked AS (SELECT no FROM task WHERE held = 1 AND open > 0 ORDER BY no FOR UPDATE) UPDATE task t SET held = 0 FROM locked l WHERE t.no = l.no AND t.held = 1",
  );
}

async function insert(sql: Sql, taken: readonly Taken[], pending: { changes: number; bytes: number; next: number }, now: Now): Promise<void> {
  const requests = taken.map(({ request }) => request);
  const unwritten = taken.filter(({ request }) => request.written === undefined);
  const changes = unwritten.flatMap(({ request }) => request.changes);
  const ended = requests.filter(({ result }) => result !== undefined);
  const keyed = requests.flatMap(({ idempotency, task }) => idempotency ? [{ ...idempotency, task: task.id }] : []);
  // Every part runs to its end, in one round trip; the topics are told when all is committed.
  await sql.run(
    `WITH changes AS (
       INSERT INTO change (no, owner, kind, role, path, fragment, bytes, held)
       SELECT no, owner, kind, role, path, fragment, bytes, held
       FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::boolean[]) w(no, owner, kind, role, path, fragment, bytes, held)),
     tasks AS (
       INSERT INTO task (id, kind, created_ms, request, held, first_change, last_change, open)
       SELECT id, kind, created_ms, request, held, first, last, open
       FROM unnest($9::text[], $10::text[], $11::bigint[], $12::text[], $13::smallint[], $14::bigint[], $15::bigint[], $16::bigint[]) WITH ORDINALITY
         w(id, kind, created_ms, request, held, first, last, open, place) ORDER BY place RETURNING no, id, created_ms),
     results AS (
       INSERT INTO result (task, batch, created_ms, ended_ms, state, message, error, body)
       SELECT t.no, NULL, t.created_ms, w.ended_ms, w.state, w.message, w.error, w.body
       FROM tasks t JOIN unnest($17::text[], $18::bigint[], $19::text[], $29::text[], $30::text[], $31::text[]) w(id, ended_ms, body, state, message, error) ON w.id = t.id),
     keys AS (
       INSERT INTO idempotency (principal, key, body_sha256, task, created_ms)
       SELECT principal, key, body_sha256, task, coalesce($20::bigint, now_ms()) FROM unnest($21::text[], $22::text[], $23::text[], $24::text[]) w(principal, key, body_sha256, task)),
     total AS (UPDATE backlog SET changes = $25, bytes = $26, next_change = $27 WHERE id = 1)
     SELECT pg_notify('rstuf', topic) FROM unnest($28::text[]) topic`,
    unwritten.flatMap(({ request, first }) => request.changes.map((_, i) => first + i)), unwritten.flatMap(({ request, first }) => request.changes.map(() => first)),
    ...columnsOf(changes), unwritten.flatMap(({ request }) => request.sizes), unwritten.flatMap(({ request }) => request.changes.map(() => request.held)),
    requests.map(({ task }) => task.id), requests.map(({ task }) => task.kind), requests.map(({ task }) => task.createdMs), requests.map(({ task }) => task.request),
    requests.map((request) => request.import ? 3 : request.held ? 1 : 0), taken.map(({ first, count }) => count === 0 ? null : first),
    taken.map(({ first, count }) => count === 0 ? null : first + count - 1), taken.map(({ count }) => count),
    ended.map(({ task }) => task.id), ended.map(({ result }) => result?.endedMs), ended.map(({ result }) => result?.body),
    now, keyed.map(({ principal }) => principal), keyed.map(({ key }) => key), keyed.map(({ bodySha256 }) => bodySha256), keyed.map(({ task }) => task),
    pending.changes, pending.bytes, pending.next, topicsOf(requests),
    ended.map(({ result }) => result?.state), ended.map(({ result }) => result?.message), ended.map(({ result }) => result?.error),
  );
  if (ended.length === 0) return;
  const numbers = await sql.rows("SELECT no FROM task WHERE id = ANY($1::text[]) ORDER BY no", ended.map(({ task }) => task.id));
  await tellEnds(sql, numbers.map(({ no }) => Number(no)), now);
}

function topicsOf(requests: readonly Incoming[]): readonly Topic[] {
  const topics = new Set<Topic>();
  for (const { result, changes, releaseHeld: releases } of requests) {
    if (result) topics.add("visible");
    if (changes.length > 0 || releases || !result) topics.add("work");
  }
  return [...topics];
}

function sameJson(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return isDeepStrictEqual(JSON.parse(a), JSON.parse(b));
}
