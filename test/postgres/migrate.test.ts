// Migrations: many starters at once, releases side by side, and who may lead after a newer one.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openPostgres } from "../../src/drivers/database/postgres/postgres.ts";
import { migrate } from "../../src/drivers/database/postgres/migrate.ts";
import { MIGRATIONS } from "../../src/drivers/database/postgres/schema.ts";
import { Sessions } from "../../src/drivers/database/postgres/sessions.ts";
import { accept, add, lease, open, paths, refuses, START, TTL } from "../contract/database/subject.ts";
import { createDatabase, type TestDatabase } from "../servers/shared-postgres.ts";

async function withDatabase(options: { readonly template?: boolean }, work: (database: TestDatabase) => Promise<void>): Promise<void> {
  const database = await createDatabase(options);
  try {
    await work(database);
  } finally {
    await database.drop();
  }
}

async function withSessions(url: string, work: (sessions: Sessions) => Promise<void>): Promise<void> {
  const sessions = new Sessions({ server: { url }, maxSessions: 2, patienceMs: 5_000 });
  try {
    await work(sessions);
  } finally {
    await sessions.close();
  }
}

test("ten that start together on an empty database all open it, and each migration ran once", async () => {
  await withDatabase({ template: false }, async ({ url }) => {
    const databases = await Promise.all(Array.from({ length: 10 }, () => openPostgres({ url, maxSessions: 2 })));
    await Promise.all(databases.map((database, n) => accept(database, n, [add(`p${n}`)])));
    assert.equal((await open(databases[0]!)).length, 10);
    await Promise.all(databases.map((database) => database.close()));
    await withSessions(url, async (sessions) => {
      const rows = await sessions.read((sql) => sql.rows("SELECT number FROM migration ORDER BY number"));
      assert.deepEqual(rows.map(({ number }) => number), MIGRATIONS.map((_, i) => i + 1));
    });
  });
});

test("a migration that fails leaves nothing of itself, and the next start runs it", async () => {
  await withDatabase({}, async ({ url }) => {
    await withSessions(url, async (sessions) => {
      const next = { oldest: 1, sql: "CREATE TABLE extra (a integer); SELECT 1 / (SELECT count(*) FROM extra)" };
      await assert.rejects(migrate(sessions, [...MIGRATIONS, next]));
      await migrate(sessions, [...MIGRATIONS, { oldest: 1, sql: "CREATE TABLE extra (a integer)" }]);
      assert.equal((await sessions.read((sql) => sql.row("SELECT count(*) AS n FROM migration")))?.["n"], MIGRATIONS.length + 1);
    });
  });
});

test("a release goes on while the next one adds columns to every table, and opens the database afterwards", async () => {
  await withDatabase({}, async ({ url }) => {
    const old = await openPostgres({ url, clock: () => START });
    const mine = await lease(old);
    await accept(old, 1, [add("a")]);
    await open(old);
    await withSessions(url, async (sessions) => {
      const tables = await sessions.read((sql) => sql.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'rstuf' AND tablename <> 'migration'"));
      await migrate(sessions, [...MIGRATIONS, { oldest: 1, sql: tables.map(({ tablename }) => `ALTER TABLE ${String(tablename)} ADD COLUMN expanded integer NOT NULL DEFAULT 7;`).join("\n") }]);
    });
    await accept(old, 2, [add("b")]);
    assert.deepEqual(paths(await open(old)), ["a", "b"]);
    await old.renewLease(mine, TTL);
    await old.publisher();
    await old.close();
    const again = await openPostgres({ url });
    assert.deepEqual(paths(await open(again)), ["a", "b"]);
    await again.close();
  });
});

test("a release that a newer one contracted away is refused", async () => {
  await withDatabase({}, async ({ url }) => {
    await withSessions(url, (sessions) => migrate(sessions, [...MIGRATIONS, { oldest: MIGRATIONS.length + 1, sql: "SELECT 1" }]));
    await refuses("newer-schema", openPostgres({ url }));
  });
});

test("after a publisher of a higher protocol led, this release never takes the lease", async () => {
  await withDatabase({}, async (store) => {
    let now = START;
    const database = await openPostgres({ url: store.url, clock: () => now });
    await lease(database, "one");
    await store.run("UPDATE rstuf.publisher SET protocol = protocol + 1, lease_number = 2, lease_holder = 'newer'");
    assert.equal(await database.takeLease("one", TTL), undefined);
    now += TTL + 1;
    await refuses("newer-schema", database.takeLease("one", TTL));
    await accept(database, 1, [add("a")]);
    assert.equal((await database.publisher()).lease.holder, "newer");
    await database.close();
  });
});
