// Statements are prepared, few, and what they look at grows with what they do.
//
// Tables are empty when the server gathers statistics, and long a moment later; between two parts of a WITH it knows nothing
// at all. It then compares each row of one with each of the other, which nobody sees with ten rows. So a batch of many
// roles and changes is taken through its life here, on statistics of empty tables, while the server tells what each
// statement looked at.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { openPostgres } from "../../src/drivers/database/postgres/postgres.ts";
import type { Database, Lease, OpenChange } from "../../src/ports/database.ts";
import { accept, add, bins, commitAll, commitOf, cutAndStage, foldAll, id, lease, NO_LIMIT, open, pressed, remove, START, success } from "../contract/database/subject.ts";
import { overhear } from "../servers/overhear.ts";
import { createDatabase, type TestDatabase } from "../servers/shared-postgres.ts";

/** Roles, and changes, of a batch. */
const MANY = 240;
/** Rows that a statement may look at for each of them: three batches' worth in the queue take 45. Each with each would be 240. */
const EACH = 60;

interface Node {
  readonly "Actual Rows"?: number;
  readonly "Actual Loops"?: number;
  readonly "Rows Removed by Join Filter"?: number;
  readonly "Rows Removed by Filter"?: number;
  readonly Plans?: readonly Node[];
}

/** Rows that came, or were thrown away, in all nodes. */
function looks(node: Node): number {
  const own = (node["Actual Rows"] ?? 0) + (node["Rows Removed by Join Filter"] ?? 0) + (node["Rows Removed by Filter"] ?? 0);
  return own * (node["Actual Loops"] ?? 1) + (node.Plans ?? []).reduce((sum, below) => sum + looks(below), 0);
}

const said: { readonly text: string; readonly looks: number }[] = [];
/** Of those that were sent, without a name: how often. */
const unprepared = new Map<string, number>();

let store: TestDatabase;
let database: Database;
let held: Lease;
let silence: () => void;
before(async () => {
  store = await createDatabase();
  const [, name] = /\/(t_[0-9a-f]+)\?/.exec(store.url) ?? [];
  assert.ok(name !== undefined);
  await store.run(`ANALYZE;
    DO $$ DECLARE name text; BEGIN
      FOR name IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'rstuf' LOOP EXECUTE 'ALTER TABLE ' || name || ' SET (autovacuum_enabled = false)'; END LOOP;
    END $$`);
  for (const [setting, value] of Object.entries({ log_min_duration: "0", log_analyze: "on", log_timing: "off", log_format: "json", log_level: "warning", log_nested_statements: "on" })) {
    await store.run(`LOAD 'auto_explain'; ALTER DATABASE ${name} SET auto_explain.${setting} = '${value}'`);
  }
  await store.run(`ALTER DATABASE ${name} SET session_preload_libraries = 'auto_explain'`);
  silence = overhear({
    said: ({ text, name }) => { if (text !== undefined && name === undefined) unprepared.set(text, (unprepared.get(text) ?? 0) + 1); },
    heard: (event, what) => {
      const json = event === "notice" ? /plan:\n([^]*)$/.exec(what?.message ?? "")?.[1] : undefined;
      if (json === undefined) return false;
      const { "Query Text": text, Plan } = JSON.parse(json) as { readonly "Query Text": string; readonly Plan: Node };
      said.push({ text, looks: looks(Plan) });
      return true;
    },
  });
  database = await openPostgres({ url: store.url, clock: () => START });
  unprepared.clear();
  held = await lease(database);
});
after(async () => {
  silence();
  await database.close();
  await store.drop();
});

const roleOf = (n: number): string => `bins-${String(n).padStart(3, "0")}`;
const roles = Array.from({ length: MANY }, (_, n) => roleOf(n));
const adds = (of: string) => roles.map((role, n) => add(`${of}/${String(n)}`, role));

/** What a publisher calls for a batch, to its end. */
async function publish(n: number, changes: readonly OpenChange[], known = true): Promise<void> {
  const batch = id(0xb000 + n);
  const cut = await cutAndStage(database, held, { batch, changes });
  await database.readTargets(cut.base, cut.roles);
  const tasks = [...new Set(changes.map(({ task }) => task))];
  await database.requestsOf(tasks);
  await database.stageTaskResults(held, batch, tasks.map((task) => ({ task, result: success() })));
  const { seq } = await database.commit(held, commitOf(batch, cut, known ? {} : { newRoles: bins(cut.roles) }));
  await database.markVisible(held, seq);
  await foldAll(database, held);
}

/** Fails with the statements that looked at more than they should have. */
function requireLean(): void {
  assert.ok(said.length > 5, "the server tells what it does");
  const over = said.splice(0).filter(({ looks: rows }) => rows > MANY * EACH);
  assert.deepEqual(over.map(({ text, looks: rows }) => `${String(rows)} rows: ${text.replaceAll(/\s+/g, " ")}`), []);
}

test("one request, and as many requests, with an artifact for each of many roles", async () => {
  await accept(database, 1, adds("one"));
  await publish(1, await open(database), false);
  const before = unprepared.get("COMMIT") ?? 0;
  await Promise.all(adds("many").map((change, n) => accept(database, 1000 + n, [change])));
  assert.equal((unprepared.get("COMMIT") ?? 0) - before, 1, "requests that come together share a transaction");
  await publish(2, await open(database));
  requireLean();
});

test("what was held is released, and what was added is removed", async () => {
  await accept(database, 2, adds("held"), { held: true });
  await accept(database, 3, adds("held"));
  await accept(database, 4, [], { releaseHeld: true });
  await accept(database, 5, adds("one").map(({ path, role }) => remove(path, role)));
  const changes = await open(database);
  assert.equal(changes.length, 3 * MANY);
  await publish(3, changes);
  requireLean();
});

test("a batch that is dropped, cut again, and shared", async () => {
  await accept(database, 6, adds("shared"));
  await cutAndStage(database, held, { batch: id(0xb004), changes: await open(database) });
  await database.dropBatch(held, id(0xb004), true);
  const changes = await open(database);
  const batch = id(0xb005);
  const cut = await cutAndStage(database, held, { batch, changes, roles: [] });
  await database.shareOut(held, batch, "{}", Array.from({ length: 16 }, (_, at) => ({ roles: roles.slice((at * MANY) / 16, ((at + 1) * MANY) / 16), edits: "[]" })));
  for (;;) {
    const share = await database.claimShare("helper", 5_000);
    if (share === undefined) break;
    await database.finishShare(share.claim, share.roles.map((role, n) => pressed(role, share.firstVersion + n)));
  }
  assert.equal((await database.sharedResults(batch)).results.length, MANY);
  await database.markVisible(held, (await database.commit(held, commitOf(batch, cut))).seq);
  await foldAll(database, held);
  requireLean();
});

test("an import, and what was accepted after it", async () => {
  const task = id(7);
  await database.openImport({ task, principal: "p", key: "k", writer: "w", maxChanges: 10_000, maxOpen: 1 });
  await database.stageImport({ task, writer: "w", after: 0, lines: MANY, invalid: 0, changes: adds("import") });
  await database.accept({ task: { id: task, kind: "import_artifacts", createdMs: START, request: { imported: { lines: MANY, invalid: 0 } } }, changes: [], held: false, import: { writer: "w", lines: MANY }, limits: NO_LIMIT });
  await accept(database, 8, adds("import").slice(0, 50));
  await commitAll(database, held, { batch: id(0xb006), changes: await database.openChanges({ changes: 1e6, bytes: 1e12, imported: MANY }), known: true });
  await foldAll(database, held);
  requireLean();
});

test("what waits for people, and goes on without them", async () => {
  await accept(database, 9, adds("waits"));
  await Promise.all(adds("alone").map((change, n) => accept(database, 3000 + n, [change])));
  await database.setWaiting(held, (await open(database)).map((change) => ({ id: change.id, task: change.task, for: "team" })));
  assert.deepEqual(await database.waitingRoles(), ["team"]);
  assert.equal((await database.waitingChanges("team", { changes: 1e6, bytes: 1e12 })).length, 2 * MANY);
  await database.resumeWaiting(held);
  await publish(7, await open(database));
  requireLean();
});

test("artifacts that move to other roles, and names that they leave behind", async () => {
  const { head } = await database.publisher();
  const listed = await database.readTargets(head, roles);
  const moves = [...listed].flatMap(([from, targets]) => targets.map(({ path }, n) => ({ path, from, to: roleOf((Number(from.slice(-3)) + n + 1) % MANY) })));
  assert.ok(moves.length >= 5 * MANY);
  const batch = id(0xb008);
  const cut = await cutAndStage(database, held, { batch, changes: [], roles });
  await database.stageMoves(held, batch, moves.slice(0, MANY));
  await database.markVisible(held, (await database.commit(held, commitOf(batch, cut))).seq);
  await foldAll(database, held);
  const garbage = await database.dueGarbage(1e15, MANY);
  assert.equal(garbage.length, MANY);
  await database.forgetGarbage(held, garbage.map(({ name }) => name));
  await database.forgetBefore(held, { tasksMs: 1e15, committedMs: 1e15, idempotencyMs: 1e15, noticesMs: 1e15, mostNotices: 0 }, MANY);
  requireLean();
});

test("a batch that others overtook in other roles", async () => {
  const half = (odd: number) => roles.filter((_, n) => n % 2 === odd);
  const batch = id(0xb009);
  const cut = await cutAndStage(database, held, { batch, changes: [], roles: half(0) });
  await commitAll(database, held, { batch: id(0xb00a), changes: [], roles: half(1), known: true });
  const { head } = await database.publisher();
  const { snapshotVersion } = await database.rebase(held, batch, head);
  assert.ok(snapshotVersion > cut.first + MANY);
  await database.dropBatch(held, batch, false);
  await foldAll(database, held);
  requireLean();
});

test("of all that was sent only what begins and ends a transaction was not prepared", async () => {
  await Promise.all([database.settings(), database.publisher(), database.head(), database.signingStamp(), database.waitingRoles(), database.backlog(), database.openBatches()]);
  assert.deepEqual([...unprepared.keys()].sort(), ["BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "COMMIT"]);
});
