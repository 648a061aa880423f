// The whole state from one engine to the other, row by row: drivers/database/common/rows.ts.

import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { countRows, readRows, RowsFile } from "../../drivers/database/sqlite/rows.ts";
import { openSqlite } from "../../drivers/database/sqlite/sqlite.ts";
import type { DatabaseOrder } from "../database.ts";
import type { Progress } from "./progress.ts";

export type PostgresOrder = DatabaseOrder & { readonly kind: "postgres" };

/** PostgreSQL, as of one moment, into a new file of SQLite. */
export async function copyOut(from: PostgresOrder, file: string, progress: Progress): Promise<void> {
  const postgres = await import("../../drivers/database/postgres/rows.ts");
  const rows = new RowsFile(file);
  try {
    let done = 0;
    await postgres.readRows(from, (slice) => {
      rows.put(slice);
      progress.update(done += slice.rows.length, undefined, "rows of the database");
    });
    rows.end();
  } finally {
    rows.close();
  }
}

/** A file of SQLite, which may be written to meanwhile, into an empty PostgreSQL: all of it or nothing. @throws DatabaseError */
export async function copyInto(to: PostgresOrder, file: string, progress: Progress): Promise<void> {
  const postgres = await import("../../drivers/database/postgres/rows.ts");
  const about = countRows(file);
  await postgres.writeRows(to, readRows(file), (rows) => { progress.update(rows, Math.max(about, rows), "rows of the database"); });
}

/** The same from a backup, which is left as it is and may be of an older release. */
export async function restoreInto(to: PostgresOrder, backup: string, progress: Progress): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "rstuf-restore-"));
  try {
    const file = join(folder, "rstuf.db");
    await copyFile(backup, file);
    // Opening it brings it to this release's tables.
    await (await openSqlite({ file })).close();
    await copyInto(to, file, progress);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
