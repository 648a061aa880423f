// Lists for people and their programs, in keyset pages: each page begins by an index where the last one ended.

import type { ArtifactPlace, ArtifactRange, ArtifactRow, RoleFilter, RoleRow, TaskFilter, TaskKind, TaskPlace, TaskResult, TaskSummary } from "../../../ports/database.ts";
import { ROLE, roleRow } from "./reads.ts";
import type { Row, Sql } from "./sessions.ts";

/** Terms of a WHERE, and their values: of those that are given. */
class Terms {
  readonly values: unknown[] = [];
  readonly #terms: string[] = [];

  /** `?` in the term stands for each of the values in turn. */
  also(term: string, ...values: readonly unknown[]): void {
    let at = 0;
    this.#terms.push(term.replaceAll("?", () => `$${this.values.length + ++at}`));
    this.values.push(...values);
  }

  get where(): string {
    return this.#terms.length === 0 ? "" : `WHERE ${this.#terms.join(" AND ")}`;
  }

  limit(rows: number): string {
    this.values.push(rows);
    return `LIMIT $${this.values.length}`;
  }
}

export async function artifacts(sql: Sql, { role, from, before }: ArtifactRange, after: ArtifactPlace | undefined, limit: number): Promise<readonly ArtifactRow[]> {
  const terms = new Terms();
  if (from !== undefined) terms.also("path >= ?", from);
  if (before !== undefined) terms.also("path < ?", before);
  if (role !== undefined) terms.also("artifact.role = ?", role);
  if (after !== undefined) terms.also("path >= ? AND (path, artifact.role) > (?, ?)", after.path, after.path, after.role);
  const rows = await sql.rows(`SELECT path, artifact.role, fragment, published_ms, version FROM artifact LEFT JOIN role ON name = artifact.role ${terms.where} ORDER BY path, artifact.role ${terms.limit(limit)}`, ...terms.values);
  return rows.map(({ path, role: owner, fragment, published_ms: publishedMs, version }) => ({
    path: String(path), role: String(owner), fragment: String(fragment), ...(publishedMs === null ? {} : { publishedMs: Number(publishedMs) }), ...(version === null ? {} : { version: Number(version) }),
  }));
}

export async function countArtifacts(sql: Sql, role: string, atMost: number): Promise<number> {
  return Number((await sql.row("SELECT count(*) AS n FROM (SELECT 1 FROM artifact WHERE role = $1 LIMIT $2) counted", role, atMost))?.["n"]);
}

export async function rolesAfter(sql: Sql, after: string | undefined, { kind, retired, expiresBeforeMs }: RoleFilter, limit: number): Promise<readonly RoleRow[]> {
  const terms = new Terms();
  if (after !== undefined) terms.also("name > ?", after);
  if (kind !== undefined) terms.also("kind = ?", kind);
  if (retired !== undefined) terms.also("retired = ?", retired);
  if (expiresBeforeMs !== undefined) terms.also("expires_ms < ?", expiresBeforeMs);
  return (await sql.rows(`SELECT ${ROLE} FROM role ${terms.where} ORDER BY name ${terms.limit(limit)}`, ...terms.values)).map(roleRow);
}

/** How many rows are looked at for each one that is asked for. */
const LOOKS = 10;

export async function tasks(sql: Sql, filter: TaskFilter, after: TaskPlace | undefined, limit: number): Promise<{ rows: readonly TaskSummary[]; next?: TaskPlace }> {
  const { kind, state, createdFromMs, createdBeforeMs } = filter;
  const looks = limit * LOOKS;
  // The index with which least is looked at in vain: results of a state are few or many, tasks of a kind too.
  const ended = state !== undefined && state !== "open";
  const [created, no] = ended ? ["r.created_ms", "r.task"] : ["t.created_ms", "t.no"];
  const terms = new Terms();
  if (ended) terms.also("r.state = ?", state);
  else if (kind !== undefined) terms.also("t.kind = ?", kind);
  if (after !== undefined) terms.also(`(${created}, ${no}) < (?, ?)`, after.createdMs, after.order);
  if (createdBeforeMs !== undefined) terms.also(`${created} < ?`, createdBeforeMs);
  if (createdFromMs !== undefined) terms.also(`${created} >= ?`, createdFromMs);
  const rows = await sql.rows(
    `SELECT ${created} AS created, ${no} AS place, t.id, t.kind, r.state, r.message, r.error, r.ended_ms,
       r.batch IS NULL OR coalesce(b.seq <= (SELECT visible FROM publisher WHERE id = 1), false) AS counts,
       CASE WHEN r.task IS NOT NULL THEN false
         ELSE t.held = 1 AND t.open > 0 AND EXISTS (SELECT 1 FROM change WHERE no BETWEEN t.first_change AND t.last_change AND batch IS NULL) END AS held
     FROM ${ended ? "result r JOIN task t ON t.no = r.task" : "task t LEFT JOIN result r ON r.task = t.no"} LEFT JOIN batch b ON b.no = r.batch
     ${terms.where} ORDER BY ${created} DESC, ${no} DESC ${terms.limit(looks)}`, ...terms.values,
  );
  const found: TaskSummary[] = [];
  let place: TaskPlace | undefined;
  for (const row of rows) {
    if (found.length === limit) return { rows: found, ...(place === undefined ? {} : { next: place }) };
    place = { createdMs: Number(row["created"]), order: Number(row["place"]) };
    const task = summaryOf(row);
    if ((kind === undefined || task.kind === kind) && (state === undefined || (task.result?.state ?? "open") === state)) found.push(task);
  }
  return { rows: found, ...(rows.length === looks && place !== undefined ? { next: place } : {}) };
}

function summaryOf(row: Row): TaskSummary {
  const result = row["state"] === null || row["counts"] !== true ? undefined : {
    state: row["state"] as TaskResult["state"], message: String(row["message"]), ...(row["error"] === null ? {} : { error: String(row["error"]) }), lastUpdateMs: Number(row["ended_ms"]),
  };
  return { id: String(row["id"]), kind: row["kind"] as TaskKind, createdMs: Number(row["created"]), held: row["held"] === true, ...(result === undefined ? {} : { result }) };
}
