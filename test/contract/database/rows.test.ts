// A state moves from one engine to the other as rows, and is the same there: whatever is in it, and whatever comes next.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, describe, test } from "node:test";

import { TABLES, type RowSlice } from "../../../src/drivers/database/common/rows.ts";
import { openPostgres } from "../../../src/drivers/database/postgres/postgres.ts";
import * as postgres from "../../../src/drivers/database/postgres/rows.ts";
import { readRows, RowsFile } from "../../../src/drivers/database/sqlite/rows.ts";
import { openSqlite } from "../../../src/drivers/database/sqlite/sqlite.ts";
import type { Database } from "../../../src/ports/database.ts";
import { createDatabase, type TestDatabase } from "../../servers/shared-postgres.ts";
import { delegationCases } from "./cases-delegation.ts";
import { eventCases } from "./cases-event.ts";
import { foldCases } from "./cases-fold.ts";
import { importCases } from "./cases-import.ts";
import { everything } from "./cases-lease.ts";
import { shareCases } from "./cases-share.ts";
import { waitingCases } from "./cases-waiting.ts";
import { openSqliteSubject } from "./sqlite.ts";
import { accept, add, commitAll, cutAndStage, foldAll, id, lease, NO_LIMIT, open, paths, refuses, START, success } from "./subject.ts";

const folder = mkdtempSync(join(tmpdir(), "rstuf-rows-"));
after(() => { rmSync(folder, { recursive: true, force: true }); });
let files = 0;
const newFile = (): string => join(folder, `${String(++files)}.db`);

const onClock = (): BigInt64Array => {
  const clock = new BigInt64Array(new SharedArrayBuffer(8));
  clock[0] = BigInt(START);
  return clock;
};

/** Table, rows; bytes as text. */
function plain(slices: Iterable<RowSlice>): Map<string, unknown[][]> {
  const rows = new Map<string, unknown[][]>();
  for (const slice of slices) {
    const list = rows.get(slice.table.name) ?? [];
    for (const row of slice.rows) list.push(row.map((cell) => cell instanceof Uint8Array ? Buffer.from(cell).toString("latin1") : cell));
    if (list.length > 0) rows.set(slice.table.name, list);
  }
  // A table that never had a number says 0, or nothing.
  rows.set("last number", (rows.get("last number") ?? []).filter(([, last]) => last !== 0).sort());
  return rows;
}

async function rowsOfPostgres(url: string): Promise<Map<string, unknown[][]>> {
  const slices: RowSlice[] = [];
  await postgres.readRows({ url }, (slice) => { slices.push(slice); });
  return plain(slices);
}

async function backInto(file: string, url: string): Promise<void> {
  const rows = new RowsFile(file);
  await postgres.readRows({ url }, (slice) => { rows.put(slice); });
  rows.end();
}

async function withStore(work: (store: TestDatabase) => Promise<void>): Promise<void> {
  const store = await createDatabase();
  try {
    await work(store);
  } finally {
    await store.drop();
  }
}

describe("rows between engines", () => {
  /** What is no column of the common form, and why. */
  const OWN = {
    // Strands are how SQLite keeps its index small (ADR 0019): rows that come over lie in the first one.
    sqlite: ["staging", "adopted", "adopted_change", "artifact.strand", "last_strand", "batch.new_roles", "publisher.lease_holder", "publisher.lease_until_ms", "publisher.lease_ttl_ms"],
    postgres: ["migration", "adopted", "adopted_change", "publisher.lease_holder", "publisher.lease_until_ms", "publisher.lease_ttl_ms", "publisher.protocol", "publisher.nudges"],
  };

  test("no column of either engine is forgotten", async () => {
    const common = TABLES.flatMap(({ name, columns }) => columns.map(([column]) => `${name}.${column}`)).sort();
    const file = newFile();
    await (await openSqlite({ file })).close();
    const db = new DatabaseSync(file, { readOnly: true });
    const inSqlite = db.prepare("SELECT m.name || '.' || c.name AS name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'").all().map(({ name }) => String(name));
    db.close();
    const others = (all: readonly string[], own: readonly string[]): string[] => all.filter((name) => !own.includes(name) && !own.includes(name.split(".")[0] ?? "")).sort();
    assert.deepEqual(others(inSqlite, OWN.sqlite), common.filter((name) => name !== "change.owner" && !name.startsWith("batch_role.")));
    await withStore(async ({ url }) => {
      const { Client } = (await import("pg")).default;
      const client = new Client(url.replace(/^.*@\/(\w+)\?host=(.*)$/, (_, name: string, host: string) => `postgresql:///${name}?user=postgres&host=${host}`));
      await client.connect();
      const { rows } = await client.query<{ name: string }>("SELECT table_name || '.' || column_name AS name FROM information_schema.columns WHERE table_schema = 'rstuf'");
      await client.end();
      assert.deepEqual(others(rows.map(({ name }) => name), OWN.postgres), common);
    });
  });

  test("what the contract's cases leave comes over, and back again, as it was", { timeout: 240_000 }, async () => {
    await withStore(async (store) => {
      const { url } = store;
      let moved = 0;
      for (const { name, run } of [importCases, eventCases, waitingCases, foldCases, shareCases, delegationCases].flatMap((cases) => cases.slice(0, 3))) {
        const subject = await openSqliteSubject();
        const { file } = subject;
        await run(subject);
        const rows = plain(readRows(file));
        await store.empty();
        await postgres.writeRows({ url }, readRows(file));
        assert.deepEqual(await rowsOfPostgres(url), rows, name);
        const again = newFile();
        await backInto(again, url);
        assert.deepEqual(plain(readRows(again)), rows, name);
        await subject.close();
        moved++;
      }
      assert.ok(moved >= 18, `${String(moved)} cases`);
    });
  });

  test("what was under way goes on: an open batch, a commit that is not folded, half an import, held changes", async () => {
    const file = newFile();
    const clock = onClock();
    const source = await openSqlite({ file, clock });
    const mine = await lease(source);
    await accept(source, 1, [add("a"), add("b", "bins-1")], { idempotency: { principal: "p", key: "k", bodySha256: "x" } });
    await commitAll(source, mine, { batch: id(40) });
    await accept(source, 2, [add("held")], { held: true });
    await accept(source, 3, [add("c")]);
    await cutAndStage(source, mine, { batch: id(41), changes: (await open(source)).filter(({ path }) => path === "c") });
    await source.openImport({ task: id(4), principal: "p", key: "i", writer: "w", maxChanges: 100, maxOpen: 5 });
    await source.stageImport({ task: id(4), writer: "w", after: 0, lines: 2, invalid: 0, changes: [add("d"), add("e")] });

    await withStore(async ({ url }) => {
      await postgres.writeRows({ url }, readRows(file));
      const onPostgres = await openPostgres({ url, clock: () => START });
      const back = newFile();
      await backInto(back, url);
      const onSqlite = await openSqlite({ file: back, clock });
      const ends: unknown[] = [];
      for (const database of [source, onPostgres, onSqlite]) {
        const lead = database === source ? mine : await lease(database, "next");
        ends.push(await goOn(database, lead));
        await database.close();
      }
      assert.deepEqual(ends[1], ends[0]);
      assert.deepEqual(ends[2], ends[0]);
      // Nothing comes over what is there.
      await refuses("not-empty", postgres.writeRows({ url }, readRows(back)));
    });
  });

  async function goOn(database: Database, held: Awaited<ReturnType<typeof lease>>): Promise<unknown> {
    for (const batch of await database.openBatches()) await database.dropBatch(held, batch.id, true);
    await foldAll(database, held);
    await database.stageImport({ task: id(4), writer: "w", after: 2, lines: 3, invalid: 0, changes: [add("f")] });
    await database.accept({ task: { id: id(4), kind: "import_artifacts", createdMs: START, request: { imported: { lines: 3, invalid: 0 } } }, changes: [], held: false, import: { writer: "w", lines: 3 }, limits: NO_LIMIT });
    assert.equal((await accept(database, 9, [add("a")], { idempotency: { principal: "p", key: "k", bodySha256: "x" } })).outcome, "replayed");
    await accept(database, 5, [], { releaseHeld: true });
    const changes = await database.openChanges({ changes: 100, bytes: 1e9, imported: 10 });
    assert.deepEqual(paths(changes).sort(), ["c", "d", "e", "f", "held"]);
    await commitAll(database, held, { batch: id(42), changes, known: true });
    await database.markVisible(held, 2);
    await foldAll(database, held);
    await database.endTasks(held, [{ task: id(1), result: success() }]);
    const all = await everything(database) as { publisher: { lease: unknown }; [rest: string]: unknown };
    return [{ ...all, publisher: { ...all.publisher, lease: undefined } }, await database.artifacts({}, undefined, 100), (await database.tasks({}, undefined, 100)).rows];
  }

  test("a transaction that fails halfway leaves the target as empty as it was", async () => {
    const file = newFile();
    const source = await openSqlite({ file, clock: onClock() });
    await accept(source, 1, [add("a")]);
    await source.close();
    await withStore(async ({ url }) => {
      const cutOff = function* (): Generator<RowSlice> {
        for (const slice of readRows(file)) {
          yield slice;
          if (slice.table.name === "task") throw new Error("cut off");
        }
      };
      await assert.rejects(postgres.writeRows({ url }, cutOff()), /cut off/);
      await postgres.writeRows({ url }, readRows(file));
      assert.equal((await rowsOfPostgres(url)).get("task")?.length, 1);
    });
  });
});
