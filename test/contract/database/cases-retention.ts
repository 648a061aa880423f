// What may be deleted, what is forgotten, and what reopening keeps.

import assert from "node:assert/strict";

import type { Database } from "../../../src/ports/database.ts";
import { accept, add, bins, commitAll, commitOf, cutAndStage, foldAll, id, lease, open, pressed, sha256, START, success } from "./subject.ts";
import { everything } from "./cases-lease.ts";
import type { Case } from "./subject.ts";

const due = async (db: Database, nowMs = START + 1e9): Promise<string[]> => (await db.dueGarbage(nowMs, 1000)).map(({ name }) => name).sort();

const NOTHING = { tasksMs: 0, committedMs: 0, idempotencyMs: 0, noticesMs: 0, mostNotices: 1e9 };

export const retentionCases: readonly Case[] = [
  {
    name: "the names a head leaves behind may go from the stated moment on; the current ones, root and timestamp never",
    run: async ({ database }) => {
      const mine = await lease(database);
      const one = await cutAndStage(database, mine, { batch: id(40), roles: ["bins-0", "targets"] });
      await database.stageResults(mine, id(40), [pressed("root", 1)]);
      await database.commit(mine, commitOf(id(40), one, { newRoles: [...bins(one.roles), { name: "root", kind: "root", parent: "" }] }));
      await foldAll(database, mine);
      assert.deepEqual(await due(database), []);
      const two = await cutAndStage(database, mine, { batch: id(41), roles: ["bins-0"] });
      await database.stageResults(mine, id(41), [pressed("root", 2)]);
      await database.commit(mine, commitOf(id(41), two, { garbageNotBeforeMs: START + 50 }));
      await foldAll(database, mine);
      assert.deepEqual(await due(database, START + 49), []);
      assert.deepEqual(await due(database, START + 50), [`${one.first}.bins-0.json`, `${one.first + 2}.snapshot.json`]);
      assert.deepEqual((await database.dueGarbage(START + 50, 1)).length, 1);
      assert.deepEqual((await database.dueGarbage(START + 50, 10)).map((row) => ({ ...row })).find(({ role }) => role === "bins-0"),
        { name: `${one.first}.bins-0.json`, role: "bins-0", version: one.first });
      await database.forgetGarbage(mine, [`${one.first}.bins-0.json`, "unknown"]);
      assert.deepEqual(await due(database), [`${one.first + 2}.snapshot.json`]);
    },
  },
  {
    name: "the names a dropped batch planned or staged may go once the head's version of the role is above",
    run: async ({ database }) => {
      const mine = await lease(database);
      await cutAndStage(database, mine, { batch: id(40), roles: ["bins-0", "bins-1"] });
      await database.stageResults(mine, id(40), [pressed("bins-2", await database.allocate(mine, 1, 0))]);
      await database.dropBatch(mine, id(40), true);
      assert.deepEqual(await due(database), []);
      await commitAll(database, mine, { batch: id(41), roles: ["bins-0", "bins-2"] });
      await foldAll(database, mine);
      assert.deepEqual(await due(database), ["1.bins-0.json", "3.snapshot.json", "5.bins-2.json"]);
      await commitAll(database, mine, { batch: id(42), roles: ["bins-1"] });
      await foldAll(database, mine);
      assert((await due(database)).includes("2.bins-1.json"));
    },
  },
  {
    name: "a planned name that was given up for another version may go once the head is above it",
    run: async ({ database }) => {
      const mine = await lease(database);
      const { firstVersion } = await database.cut(mine, { id: id(40), base: "", changes: [], roles: ["bins-0"] });
      const version = await database.allocate(mine, 1, firstVersion + 10);
      await database.stageResults(mine, id(40), [pressed("bins-0", version)]);
      await database.commit(mine, commitOf(id(40), { base: "", first: firstVersion, roles: ["bins-0"] }, { newRoles: bins(["bins-0"]) }));
      await foldAll(database, mine);
      assert.deepEqual(await due(database), [`${firstVersion}.bins-0.json`]);
    },
  },
  {
    name: "tasks that ended before are forgotten, others stay; at most so many at once",
    run: async ({ database }) => {
      const mine = await lease(database);
      for (const n of [1, 2, 3]) await accept(database, n, [], { result: success(100 + n) });
      await accept(database, 4, [add("a")]);
      await accept(database, 5, [add("b")]);
      const cut = await cutAndStage(database, mine, { batch: id(40), changes: (await open(database)).slice(1) });
      await database.stageTaskResults(mine, id(40), [{ task: id(5), result: success(100) }]);
      await database.commit(mine, commitOf(id(40), cut, { newRoles: bins(cut.roles) }));
      await foldAll(database, mine);
      const forget = (tasksMs: number, limit: number): Promise<void> => database.forgetBefore(mine, { ...NOTHING, tasksMs }, limit);
      const left = async (): Promise<number[]> => (await Promise.all([1, 2, 3, 4, 5].map(async (n) => await database.getTask(id(n)) ? [n] : []))).flat();
      await forget(103, 1);
      assert.equal((await left()).length, 4);
      await forget(103, 9);
      assert.deepEqual(await left(), [3, 4, 5]);
      await database.markVisible(mine, 1);
      await forget(1e15, 9);
      assert.deepEqual(await left(), [4]);
    },
  },
  {
    name: "committed heads that expired before are forgotten, but never the head, nor one not visible yet",
    run: async ({ database }) => {
      const mine = await lease(database);
      for (const n of [40, 41, 42, 43]) {
        const cut = await cutAndStage(database, mine, { batch: id(n), roles: [] });
        const commit = commitOf(id(n), cut);
        await database.commit(mine, { ...commit, timestamp: { ...commit.timestamp, expiresMs: n } });
      }
      await foldAll(database, mine);
      await database.markVisible(mine, 3);
      const known = async (): Promise<number[]> => (await Promise.all([40, 41, 42, 43].map(async (n) => await database.committed(sha256(`timestamp of ${id(n)}`)) ? [n] : []))).flat();
      await database.forgetBefore(mine, { ...NOTHING, committedMs: 41 }, 9);
      assert.deepEqual(await known(), [41, 42, 43]);
      await database.forgetBefore(mine, { ...NOTHING, committedMs: 1e15 }, 9);
      assert.deepEqual(await known(), [42, 43]);
      assert.equal((await database.head())?.seq, 4);
    },
  },
  {
    name: "idempotency keys older than stated are forgotten, by the database's clock",
    run: async ({ database, setNow }) => {
      const mine = await lease(database);
      const key = (n: number): { idempotency: { principal: string; key: string; bodySha256: string } } => ({ idempotency: { principal: "p", key: `k${n}`, bodySha256: "aa" } });
      await accept(database, 1, [], key(1));
      setNow(START + 10);
      await accept(database, 2, [], key(2));
      await database.forgetBefore(mine, { ...NOTHING, idempotencyMs: START + 10 }, 9);
      assert.equal((await accept(database, 3, [], key(1))).outcome, "accepted");
      assert.equal((await accept(database, 4, [], key(2))).outcome, "replayed");
    },
  },
  {
    name: "reopening keeps everything",
    run: async (subject) => {
      const { database } = subject;
      const mine = await lease(database);
      await accept(database, 1, [add("a"), add("b")], { settings: { s: [1] }, idempotency: { principal: "p", key: "k", bodySha256: "aa" } });
      await accept(database, 2, [add("h")], { held: true });
      const cut = await cutAndStage(database, mine, { batch: id(40), changes: (await open(database)).slice(0, 1), roles: ["bins-0", "targets"] });
      await database.commit(mine, commitOf(id(40), cut, { newRoles: bins(cut.roles), envelopes: [{ role: "root", version: 1, bytes: Buffer.from("r") }] }));
      await foldAll(database, mine);
      await accept(database, 3, [add("c")]);
      await cutAndStage(database, mine, { batch: id(41), changes: (await open(database)).slice(1) });
      await accept(database, 4, [], { result: success() });
      await database.halt(mine, { code: "c", reason: "r" });
      const before = await everything(database);
      const again = await subject.reopen();
      assert.deepEqual(await everything(again), before);
      assert.equal((await again.envelope("root"))?.bytes.toString(), "r");
      assert.equal((await accept(again, 5, [add("a")], { idempotency: { principal: "p", key: "k", bodySha256: "aa" } })).outcome, "replayed");
      await again.dropBatch(mine, id(41), true);
      assert.deepEqual((await open(again)).map(({ path, attempts }) => [path, attempts]), [["b", 0], ["c", 1]]);
    },
  },
];
