// Lists for people and their programs, in keyset pages: each page begins by an index where the last one ended.

import type { SQLInputValue } from "node:sqlite";

import type { ArtifactPlace, ArtifactRange, ArtifactRow, RoleFilter, TaskFilter, TaskKind, TaskPlace, TaskResult, TaskSummary } from "../../../ports/database.ts";
import type { Cell } from "./connection.ts";

type Rows = (sql: string, ...values: SQLInputValue[]) => Iterable<readonly Cell[]>;

export function artifacts(rows: Rows, { role, from = "", before }: ArtifactRange, after: ArtifactPlace | undefined, limit: number): readonly ArtifactRow[] {
  const where = ["path >= ?"];
  const values: SQLInputValue[] = [after === undefined || isBefore(after.path, from) ? from : after.path];
  const also = (term: string, ...more: SQLInputValue[]): void => {
    where.push(term);
    values.push(...more);
  };
  if (after !== undefined) also("(path, role) > (?, ?)", after.path, after.role);
  if (before !== undefined) also("path < ?", before);
  if (role !== undefined) also("role = ?", role);
  // Without a role the order is the index's on paths; with one, the table's own.
  const sql = `SELECT path, role, fragment, published_ms FROM artifact ${role === undefined ? "INDEXED BY artifact_path" : ""} WHERE ${where.join(" AND ")} ORDER BY path, role LIMIT ?`;
  return [...rows(sql, ...values, limit)].map(([path, owner, fragment, publishedMs]) => ({
    path: String(path), role: String(owner), fragment: String(fragment), ...(publishedMs === null ? {} : { publishedMs: Number(publishedMs) }),
  }));
}

const isBefore = (a: string, b: string): boolean => Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0;

/** The end of a query for roles: what follows FROM role. */
export function rolesAfter(after: string | undefined, { kind, retired, expiresBeforeMs }: RoleFilter, limit: number): { readonly sql: string; readonly values: readonly SQLInputValue[] } {
  const terms: readonly (readonly [string, SQLInputValue | undefined])[] = [
    ["name > ?", after], ["kind = ?", kind], ["retired = ?", retired === undefined ? undefined : retired ? 1 : 0], ["expires_ms < ?", expiresBeforeMs],
  ];
  const given = terms.filter(([, value]) => value !== undefined);
  const where = given.length === 0 ? "" : `WHERE ${given.map(([term]) => term).join(" AND ")}`;
  return { sql: `${where} ORDER BY name LIMIT ?`, values: [...given.map(([, value]) => value ?? null), limit] };
}

/** How many rows are looked at for each one that is asked for. */
const LOOKS = 10;

export function tasks(rows: Rows, filter: TaskFilter, after: TaskPlace | undefined, limit: number): { rows: readonly TaskSummary[]; next?: TaskPlace } {
  const { kind, state, createdFromMs, createdBeforeMs } = filter;
  const looks = limit * LOOKS;
  const end: TaskPlace = createdBeforeMs === undefined ? NEWEST : { createdMs: createdBeforeMs, order: 0 };
  const from = after !== undefined && comesBefore(after, end) ? after : end;
  // The index with which least is looked at in vain: results of a state are few or many, tasks of a kind too.
  const ended = state !== undefined && state !== "open";
  const [created, no] = ended ? ["r.created_ms", "r.task"] : ["t.created_ms", "t.no"];
  const tables = ended ? "result r CROSS JOIN task t ON t.no = r.task" : "task t LEFT JOIN result r ON r.task = t.no";
  const which = ended ? "r.state = ? AND" : kind === undefined ? "" : "t.kind = ? AND";
  const sql = `SELECT ${created}, ${no}, t.id, t.kind, r.state, r.message, r.error, r.ended_ms, r.batch IS NULL OR b.seq <= (SELECT visible FROM publisher),
      CASE WHEN r.task IS NOT NULL THEN 0 ELSE t.held = 1 AND t.open > 0 AND EXISTS (SELECT 1 FROM change WHERE no BETWEEN t.first_change AND t.last_change AND batch IS NULL) END
    FROM ${tables} LEFT JOIN batch b ON b.no = r.batch
    WHERE ${which} (${created}, ${no}) < (?, ?) AND ${created} >= ? ORDER BY ${created} DESC, ${no} DESC LIMIT ?`;
  const first: SQLInputValue[] = ended ? [state] : kind === undefined ? [] : [kind];
  const found: TaskSummary[] = [];
  let place: TaskPlace | undefined;
  let looked = 0;
  for (const row of rows(sql, ...first, from.createdMs, from.order, createdFromMs ?? Number.MIN_SAFE_INTEGER, looks)) {
    if (found.length === limit) return { rows: found, ...(place === undefined ? {} : { next: place }) };
    looked += 1;
    place = { createdMs: Number(row[0]), order: Number(row[1]) };
    const task = summaryOf(row);
    if ((kind === undefined || task.kind === kind) && (state === undefined || (task.result?.state ?? "open") === state)) found.push(task);
  }
  return { rows: found, ...(looked === looks && place !== undefined ? { next: place } : {}) };
}

const NEWEST: TaskPlace = { createdMs: Number.MAX_SAFE_INTEGER, order: Number.MAX_SAFE_INTEGER };

const comesBefore = (a: TaskPlace, b: TaskPlace): boolean => a.createdMs < b.createdMs || (a.createdMs === b.createdMs && a.order < b.order);

function summaryOf([createdMs, , id, kind, state, message, error, endedMs, counts, held]: readonly Cell[]): TaskSummary {
  const result = state === null || counts !== 1 ? undefined : {
    state: state as TaskResult["state"], message: String(message), ...(error === null ? {} : { error: String(error) }), lastUpdateMs: Number(endedMs),
  };
  return { id: String(id), kind: kind as TaskKind, createdMs: Number(createdMs), held: held === 1, ...(result === undefined ? {} : { result }) };
}
