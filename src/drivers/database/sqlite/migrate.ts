// Brings a file to the newest schema, or says why not.

import type { DatabaseSync } from "node:sqlite";

import { DatabaseError } from "../../../ports/database.ts";
import { MIGRATIONS } from "./schema.ts";

/** "RSTF", in the file's header: this file is ours. */
const APPLICATION_ID = 0x52535446;

/**
 * Runs the migrations the file lacks, all or none. Safe when several start at once: the version is
 * read inside the transaction that writes.
 * @throws DatabaseError `damaged` when the file is another program's; `newer-schema`
 */
export function migrate(db: DatabaseSync, file: string, migrations: readonly string[] = MIGRATIONS): void {
  db.exec("BEGIN IMMEDIATE");
  try {
    const version = pragma(db, "user_version");
    const empty = db.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"] === 0;
    if (!empty && pragma(db, "application_id") !== APPLICATION_ID) {
      throw new DatabaseError("damaged", `${file} is a SQLite database of another program`);
    }
    if (version > migrations.length) {
      throw new DatabaseError("newer-schema", `${file} was written by a newer release (schema ${version}, this one knows ${migrations.length})`);
    }
    for (const sql of migrations.slice(version)) db.exec(sql);
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    db.exec(`PRAGMA user_version = ${migrations.length}`);
    db.exec("COMMIT");
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}

function pragma(db: DatabaseSync, name: "user_version" | "application_id"): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
}
