// Settings and whole envelopes: the small things that change together with a request or a head.

import type { Commit } from "../../../ports/database.ts";
import type { Setting } from "../common/stored.ts";
import type { Sql } from "./sessions.ts";

/** Inside a transaction that holds the backlog. */
export async function setSettings(sql: Sql, settings: readonly Setting[]): Promise<void> {
  if (settings.length === 0) return;
  await sql.run(
    `INSERT INTO setting (name, value) SELECT name, value FROM unnest($1::text[], $2::text[]) s(name, value)
     ON CONFLICT (name) DO UPDATE SET value = excluded.value`, settings.map(([name]) => name), settings.map(([, value]) => value),
  );
}

/** Inside a transaction: every root stays, of other roles the last one. */
export async function putEnvelopes(sql: Sql, envelopes: Commit["envelopes"]): Promise<void> {
  for (const { role, version, bytes } of envelopes) {
    if (role !== "root") await sql.run("DELETE FROM envelope WHERE role = $1", role);
    await sql.run(
      "INSERT INTO envelope (role, version, bytes) VALUES ($1, $2, $3) ON CONFLICT (role, version) DO UPDATE SET bytes = excluded.bytes",
      role, version, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    );
  }
}
