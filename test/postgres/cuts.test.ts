// Two cuts at a time: a long batch's, and one of those who overtake it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { openPostgres } from "../../src/drivers/database/postgres/postgres.ts";
import type { CutChange, Database } from "../../src/ports/database.ts";
import { accept, add, id, lease, open, refuses, START } from "../contract/database/subject.ts";
import { createDatabase, type TestDatabase } from "../servers/shared-postgres.ts";

/** More than a transaction of a cut binds. */
const MANY = 2_050;

let store: TestDatabase;
let database: Database;
before(async () => {
  store = await createDatabase();
  database = await openPostgres({ url: store.url, clock: () => START });
});
after(async () => {
  await database.close();
  await store.drop();
});

test("one that fails gives back its own changes, and not those of another that is under way", async () => {
  const mine = await lease(database);
  await accept(database, 1, Array.from({ length: MANY }, (_, n) => add(`p${String(n)}`)));
  // Another's, as its first slice leaves it.
  await store.run("INSERT INTO rstuf.batch (id, base, state, changes, bytes, first_version, roles) VALUES ('another', '', 'cutting', 1, 0, 1, '{}')");
  await store.run("UPDATE rstuf.change SET batch = (SELECT no FROM rstuf.batch), outcome = 'apply' WHERE path = 'p0'");
  const changes = (await open(database)).map((change): CutChange => ({ id: change.id, task: change.task, outcome: "apply", role: change.role }));
  assert.equal(changes.length, MANY - 1);
  const gone = { ...changes[0]!, id: 1_000_000 };
  await refuses("stale-base", database.cut(mine, { id: id(40), base: "", changes: [...changes, gone], roles: ["bins-0"] }));
  assert.equal((await open(database)).length, MANY - 1, "p0 is the other's still");
});
