// What an adoption reads: changes that are open, or that no client saw, of requests all at once, of imports by their
// places; and of what is staged for it, what it asks for.

import type { ArtifactPlace, PendingChange, PlaceRange, Target } from "../../../ports/database.ts";
import { RUNS } from "./import.ts";
import { CHANGE, openChange, UNSEEN } from "./reads.ts";
import type { Row, Sql } from "./sessions.ts";

const pending = (row: Row): PendingChange => ({ ...openChange(row), accepted: Number(row["accepted"]) });

export async function pendingChanges(sql: Sql): Promise<readonly PendingChange[]> {
  const rows = await sql.rows(
    `SELECT t.id AS task, t.no AS accepted, ${CHANGE}, t.held = 1 AS held
     FROM task t CROSS JOIN LATERAL (SELECT * FROM change WHERE no BETWEEN t.first_change AND t.last_change OFFSET 0) c LEFT JOIN batch b ON b.no = c.batch
     WHERE t.open > 0 AND t.held < 2 AND (c.batch IS NULL OR (${UNSEEN})) ORDER BY t.no, c.no`,
  );
  return rows.map(pending);
}

const IN_RANGE = "run IS NOT NULL AND place >= $1 AND place < $2";

/** By run those in the queue, those that wait for people, and those of batches nobody saw. */
const IMPORTED = `
  SELECT t.id AS task, t.no AS accepted, c.no
  FROM task t JOIN import i ON i.task = t.id CROSS JOIN LATERAL generate_series(i.no * ${RUNS}, i.no * ${RUNS} + i.runs - 1) r(run)
    CROSS JOIN LATERAL (SELECT no FROM change WHERE run = r.run AND batch IS NULL AND waits IS NULL AND ${IN_RANGE} OFFSET 0) c
  WHERE t.held = 3 AND t.open > 0
  UNION ALL
  SELECT t.id, t.no, c.no FROM (SELECT no, owner FROM change WHERE waits IS NOT NULL AND batch IS NULL AND ${IN_RANGE}) c
    CROSS JOIN LATERAL (SELECT id, no FROM task WHERE first_change = c.owner AND held = 3 AND open > 0 OFFSET 0) t
  UNION ALL
  SELECT t.id, t.no, c.no FROM batch b CROSS JOIN LATERAL (SELECT no, owner FROM change WHERE batch = b.no AND ${IN_RANGE} OFFSET 0) c
    CROSS JOIN LATERAL (SELECT id, no FROM task WHERE first_change = c.owner AND held = 3 AND open > 0 OFFSET 0) t
  WHERE ${UNSEEN}`;

/** They are counted before they are fetched. Several statements: run where they see one moment. */
export async function pendingImported(sql: Sql, { from, before }: PlaceRange, limit: { changes: number; bytes: number }): Promise<readonly PendingChange[] | undefined> {
  if (before - from > 1) {
    const sum = await sql.row(
      `SELECT count(*) AS n, coalesce(sum(octet_length(c.path) + octet_length(c.fragment)), 0)::bigint AS bytes
       FROM (${IMPORTED} LIMIT $3) f CROSS JOIN LATERAL (SELECT path, fragment FROM change WHERE no = f.no OFFSET 0) c`, from, before, limit.changes + 1,
    );
    if (Number(sum?.["n"]) > limit.changes || Number(sum?.["bytes"]) > limit.bytes) return undefined;
  }
  const rows = await sql.rows(
    `SELECT f.task, f.accepted, ${CHANGE}, false AS held FROM (${IMPORTED}) f CROSS JOIN LATERAL (SELECT * FROM change WHERE no = f.no OFFSET 0) c`, from, before,
  );
  return rows.map(pending);
}

export async function adoptedTargets(sql: Sql, adoption: string, places: readonly ArtifactPlace[]): Promise<readonly (ArtifactPlace & Target)[]> {
  const rows = await sql.rows(
    `SELECT w.role, w.path, a.fragment FROM unnest($2::text[], $3::text[]) w(role, path)
     CROSS JOIN LATERAL (SELECT fragment FROM adopted WHERE adoption = $1 AND role = w.role AND path = w.path OFFSET 0) a`,
    adoption, places.map(({ role }) => role), places.map(({ path }) => path),
  );
  return rows.map(({ role, path, fragment }) => ({ role: String(role), path: String(path), fragment: String(fragment) }));
}
