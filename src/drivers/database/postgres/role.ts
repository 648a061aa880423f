// Rows of roles, and of the names that are left behind when one of them moves on.

import type { RoleResult, RoleRow } from "../../../ports/database.ts";
import type { Sql } from "./sessions.ts";

/**
 * What a role's row becomes: kind and parent as stated, as they were, or as the name says; the name it had before is left
 * behind. Parts of a WITH after `slice`; $1: from when that one may go. What a slice holds is joined by looking each row up,
 * never with another part: of two parts the planner knows nothing, and compared 900 roles with 900, twice (0.3 s).
 */
export const PUT_ROLES = `
  known AS MATERIALIZED (
    SELECT s.*, o.kind AS was_kind, o.parent AS was_parent, o.version AS was_version, o.retired AS was_retired
    FROM slice s LEFT JOIN LATERAL (SELECT kind, parent, version, retired FROM role WHERE name = s.role OFFSET 0) o ON true),
  left_behind AS (
    INSERT INTO garbage (name, role, version, not_before_ms)
    SELECT was_version || '.' || role || '.json', role, was_version, $1 FROM known WHERE was_version <> version AND role NOT IN ('root', 'timestamp')
    ON CONFLICT (name) DO UPDATE SET not_before_ms = excluded.not_before_ms),
  put AS (
    INSERT INTO role (name, kind, parent, version, length, sha256, expires_ms, retired)
    SELECT role, coalesce(kind, was_kind, CASE WHEN role IN ('root', 'targets') THEN role ELSE 'delegated' END), coalesce(parent, was_parent, ''),
      version, length, sha256, expires_ms, kind IS NULL AND coalesce(was_retired, false)
    FROM known
    ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, parent = excluded.parent, version = excluded.version, length = excluded.length,
      sha256 = excluded.sha256, expires_ms = excluded.expires_ms, retired = excluded.retired)`;

/** Inside a fenced transaction: the roles' rows say what `results` say; the names they had before may go from `notBeforeMs` on. */
export async function putRoles(
  sql: Sql, results: readonly (RoleResult & { readonly as: { readonly kind: RoleRow["kind"]; readonly parent: string } })[], notBeforeMs: number,
): Promise<void> {
  await sql.run(
    `WITH slice AS MATERIALIZED (
       SELECT w.role, w.version, w.length, w.sha256, w.expires_ms, w.kind, w.parent
       FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::text[], $8::text[]) w(role, version, length, sha256, expires_ms, kind, parent)), ${PUT_ROLES}
     SELECT 1`, notBeforeMs,
    results.map(({ role }) => role), results.map(({ version }) => version), results.map(({ length }) => length), results.map(({ sha256 }) => sha256),
    results.map(({ expiresMs }) => expiresMs), results.map(({ as }) => as.kind), results.map(({ as }) => as.parent),
  );
}

/** Inside a fenced transaction. */
export async function addGarbage(sql: Sql, role: string, version: number, notBeforeMs: number): Promise<void> {
  await sql.run(
    "INSERT INTO garbage (name, role, version, not_before_ms) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO UPDATE SET not_before_ms = excluded.not_before_ms",
    `${version}.${role}.json`, role, version, notBeforeMs,
  );
}

/** Of one share, or of all of the batch that were claimed: the names that their last claim may have put. Inside a transaction that holds the publisher's row. */
export async function leaveBehind(sql: Sql, batch: number, share?: number): Promise<void> {
  await sql.run(
    `INSERT INTO garbage (name, role, version, not_before_ms)
     SELECT s.first_version + r.place - 1 || '.' || r.role || '.json', r.role, s.first_version + r.place - 1, 0
     FROM batch_share s, unnest(s.roles) WITH ORDINALITY r(role, place) WHERE s.batch = $1 AND ($2::integer IS NULL OR s.no = $2) AND s.claim > 0
     ON CONFLICT (name) DO UPDATE SET not_before_ms = excluded.not_before_ms`, batch, share ?? null,
  );
}
