// Brings a database to the newest schema, or says why not.
//
// All or none, in one transaction behind an advisory lock: of ten replicas that start together one
// migrates, and nine find it done. A database that a newer release migrated is used as it is, as
// long as that release says this one may.

import { DatabaseError } from "../../../ports/database.ts";
import { MIGRATIONS } from "./schema.ts";
import type { Migration } from "./schema.ts";
import type { Sessions, Sql } from "./sessions.ts";

/** "RSTF": of all advisory locks in the database, ours. */
const LOCK = 0x52535446;

/** @throws DatabaseError `newer-schema`; `unavailable` when this user may not make tables */
export async function migrate(sessions: Sessions, migrations: readonly Migration[] = MIGRATIONS): Promise<void> {
  if (await sessions.read((sql) => isUpToDate(sql, migrations))) return;
  await sessions.patiently(() => sessions.transaction(async (sql) => {
    await sql.run("SET LOCAL lock_timeout = 0");
    await sql.run("SET LOCAL statement_timeout = 0");
    await sql.run(`SELECT pg_advisory_xact_lock(${LOCK})`);
    await sql.run("CREATE SCHEMA IF NOT EXISTS rstuf");
    await sql.run("CREATE TABLE IF NOT EXISTS migration (number integer PRIMARY KEY, oldest integer NOT NULL)");
    const from = await newest(sql, migrations.length);
    for (const [i, { sql: text, oldest }] of migrations.entries()) {
      if (i < from) continue;
      await sql.run(text);
      await sql.run("INSERT INTO migration (number, oldest) VALUES ($1, $2)", i + 1, oldest);
    }
  }));
}

async function isUpToDate(sql: Sql, migrations: readonly Migration[]): Promise<boolean> {
  const there = await sql.row("SELECT to_regclass('rstuf.migration') IS NOT NULL AS there");
  return there?.["there"] === true && await newest(sql, migrations.length) >= migrations.length;
}

async function newest(sql: Sql, known: number): Promise<number> {
  const row = await sql.row("SELECT coalesce(max(number), 0)::int AS number, coalesce(max(oldest), 0)::int AS oldest FROM migration");
  const [number, oldest] = [Number(row?.["number"]), Number(row?.["oldest"])];
  if (oldest > known) {
    throw new DatabaseError("newer-schema", `the database was migrated by a newer release (schema ${number}), which no release before schema ${oldest} can use; this one knows ${known}`);
  }
  return number;
}
