// Lists for people and their programs, in keyset pages: each page begins by an index where the last one ended.

import type { SQLInputValue } from "node:sqlite";

import type { ArtifactPlace, ArtifactRange, ArtifactRow, RoleFilter, TaskFilter, TaskKind, TaskPlace, TaskResult, TaskSummary } from "../../../ports/database.ts";
import { compareCodePoints } from "../../../tuf/canonical.ts";
import type { Cell } from "./connection.ts";

type Rows = (sql: string, ...values: SQLInputValue[]) => Iterable<readonly Cell[]>;

export function artifacts(rows: Rows, range: ArtifactRange, after: ArtifactPlace | undefined, limit: number): readonly ArtifactRow[] {
  const { role } = range;
  if (role !== undefined) {
    const { where, values } = within(range, after);
    return Array.from(rows(`${ARTIFACT} WHERE role = ? AND ${where} ORDER BY path, role LIMIT ?`, role, ...values, limit), artifactRow);
  }
  return placesIn(rows, range, after, limit).flatMap(({ path, role: owner }) =>
    Array.from(rows(`${ARTIFACT} WHERE role = ? AND path = ?`, owner, path), artifactRow));
}

const ARTIFACT = "SELECT path, role, fragment, published_ms, version FROM artifact LEFT JOIN role ON name = role";

const artifactRow = ([path, role, fragment, publishedMs, version]: readonly Cell[]): ArtifactRow => ({
  path: String(path), role: String(role), fragment: String(fragment), ...(publishedMs === null ? {} : { publishedMs: Number(publishedMs) }), ...(version === null ? {} : { version: Number(version) }),
});

function within({ from = "", before }: ArtifactRange, after: ArtifactPlace | undefined): { readonly where: string; readonly values: readonly SQLInputValue[] } {
  const terms = ["path >= ?"];
  const values: SQLInputValue[] = [after === undefined || compareCodePoints(after.path, from) < 0 ? from : after.path];
  if (after !== undefined) {
    terms.push("(path, role) > (?, ?)");
    values.push(after.path, after.role);
  }
  if (before !== undefined) {
    terms.push("path < ?");
    values.push(before);
  }
  return { where: terms.join(" AND "), values };
}

/** Beside its even part of a page, so much is read of each strand at first; of one that gives more, more each time. */
const SPARE = 4;
const GROWTH = 4;

/** A strand that is read bit by bit. */
interface Strand {
  readonly no: Cell;
  /** Read, and not settled yet. */
  places: readonly ArtifactPlace[];
  readTo: ArtifactPlace | undefined;
  part: number;
  ended: boolean;
}

/** The first `limit` places of all strands together: what lies before the end of every part that may go on is settled. */
function placesIn(rows: Rows, range: ArtifactRange, after: ArtifactPlace | undefined, limit: number): readonly ArtifactPlace[] {
  const numbers = [...rows(
    `WITH RECURSIVE s (strand) AS (SELECT min(strand) FROM artifact UNION ALL SELECT (SELECT min(strand) FROM artifact WHERE strand > s.strand) FROM s WHERE s.strand IS NOT NULL)
     SELECT strand FROM s WHERE strand IS NOT NULL`,
  )].map(([no]) => no ?? null);
  const part = Math.ceil(limit / Math.max(numbers.length, 1)) + (numbers.length > 1 ? SPARE : 0);
  const strands = numbers.map((no): Strand => ({ no, places: [], readTo: after, part, ended: false }));
  const settled: ArtifactPlace[] = [];
  while (settled.length < limit && strands.some(({ places, ended }) => !ended || places.length > 0)) {
    for (const strand of strands) if (strand.places.length === 0 && !strand.ended) readOn(rows, range, strand, limit);
    const ends = strands.flatMap(({ readTo, ended }) => (ended || readTo === undefined ? [] : [readTo]));
    const until = ends.reduce<ArtifactPlace | undefined>((least, end) => (least === undefined || byPlace(end, least) < 0 ? end : least), undefined);
    const more: ArtifactPlace[] = [];
    for (const strand of strands) {
      const count = until === undefined ? -1 : strand.places.findIndex((place) => byPlace(place, until) > 0);
      more.push(...(count < 0 ? strand.places : strand.places.slice(0, count)));
      strand.places = count < 0 ? [] : strand.places.slice(count);
    }
    settled.push(...more.sort(byPlace));
  }
  return settled.slice(0, limit);
}

/** By the index alone: the rows themselves are read of those that the page shows. */
function readOn(rows: Rows, range: ArtifactRange, strand: Strand, most: number): void {
  const { where, values } = within(range, strand.readTo);
  strand.places = [...rows(`SELECT path, role FROM artifact INDEXED BY artifact_strand WHERE strand = ? AND ${where} ORDER BY path, role LIMIT ?`, strand.no, ...values, strand.part)]
    .map(([path, role]): ArtifactPlace => ({ path: String(path), role: String(role) }));
  strand.ended = strand.places.length < strand.part;
  strand.readTo = strand.places.at(-1) ?? strand.readTo;
  strand.part = Math.min(strand.part * GROWTH, Math.max(most, strand.part));
}

const byPlace = (a: ArtifactPlace, b: ArtifactPlace): number => compareCodePoints(a.path, b.path) || compareCodePoints(a.role, b.role);

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
