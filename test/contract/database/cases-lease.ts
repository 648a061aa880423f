// The lease (rules 1-3) and the publisher row.

import assert from "node:assert/strict";

import type { Database, Lease } from "../../../src/ports/database.ts";
import { accept, add, commitAll, commitOf, cutAndStage, foldAll, hinted, id, lease, open, pressed, refuses, START, success, TTL } from "./subject.ts";
import type { Case } from "./subject.ts";

/** Every method that takes a lease. `batch` is open on `base`. */
const fenced: readonly { name: string; call: (db: Database, lease: Lease, batch: string, base: string) => Promise<unknown> }[] = [
  { name: "renewLease", call: (db, mine) => db.renewLease(mine, TTL) },
  { name: "releaseLease", call: (db, mine) => db.releaseLease(mine) },
  { name: "halt", call: (db, mine) => db.halt(mine, { code: "x", reason: "y" }) },
  { name: "cut", call: (db, mine, _, base) => db.cut(mine, { id: id(99), base, changes: [], roles: ["r"] }) },
  { name: "rebase", call: (db, mine, batch, base) => db.rebase(mine, batch, base) },
  { name: "allocate", call: (db, mine) => db.allocate(mine, 3, 0) },
  { name: "stageResults", call: (db, mine, batch) => db.stageResults(mine, batch, [pressed("new", 77)]) },
  { name: "stageTaskResults", call: (db, mine, batch) => db.stageTaskResults(mine, batch, [{ task: id(1), result: success() }]) },
  { name: "commit", call: (db, mine, batch, base) => db.commit(mine, commitOf(batch, { base, first: 1, roles: ["bins-0"] })) },
  { name: "markVisible", call: (db, mine) => db.markVisible(mine, 1) },
  { name: "fold", call: (db, mine) => db.fold(mine, 10) },
  { name: "dropBatch", call: (db, mine, batch) => db.dropBatch(mine, batch, true) },
  { name: "endTasks", call: (db, mine) => db.endTasks(mine, [{ task: id(1), result: success() }], { s: 1 }) },
  { name: "post", call: (db, mine) => db.post(mine, [{ kind: "role-expiring", about: {}, once: "x" }]) },
  { name: "forgetGarbage", call: (db, mine) => db.forgetGarbage(mine, ["1.r.json"]) },
  { name: "forgetBefore", call: (db, mine) => db.forgetBefore(mine, { tasksMs: 1e15, committedMs: 1e15, idempotencyMs: 1e15, noticesMs: 1e15, mostNotices: 0 }, 10) },
];

export const leaseCases: readonly Case[] = [
  {
    name: "an empty database has no head, no lease, no counter",
    run: async ({ database }) => {
      const { lease: free, ...rest } = await database.publisher();
      assert.deepEqual({ ...rest }, { seq: 0, head: "", visible: 0, counter: 0, pressedAtMs: 0 });
      assert.deepEqual({ ...free }, { number: 0, holder: "", untilMs: 0 });
      assert.equal(await database.head(), undefined);
      assert.equal(await database.committed("00"), undefined);
    },
  },
  {
    name: "the database's clock is its own",
    run: async ({ database, setNow }) => {
      assert.equal(await database.now(), START);
      setNow(START + 5);
      assert.equal(await database.now(), START + 5);
    },
  },
  {
    name: "a free lease is taken until the database's time + ttl; another holder gets none until it ran out",
    run: async ({ database, connect, setNow }) => {
      const other = await connect();
      assert.deepEqual({ ...await database.takeLease("one", TTL) }, { number: 1, holder: "one" });
      assert.deepEqual({ ...(await other.publisher()).lease }, { number: 1, holder: "one", untilMs: START + TTL });
      assert.equal(await other.takeLease("two", TTL), undefined);
      setNow(START + TTL);
      assert.equal(await other.takeLease("two", TTL), undefined);
      setNow(START + TTL + 1);
      assert.deepEqual({ ...await other.takeLease("two", 1) }, { number: 2, holder: "two" });
      assert.equal((await database.publisher()).lease.untilMs, START + TTL + 2);
    },
  },
  {
    name: "its holder takes the lease again with the next number, and the earlier one is lost",
    run: async ({ database }) => {
      const first = await lease(database);
      assert.deepEqual({ ...await database.takeLease("one", TTL) }, { number: 2, holder: "one" });
      await refuses("lease-lost", database.renewLease(first, TTL));
    },
  },
  {
    name: "of two who take at once one gets it",
    run: async ({ database, connect }) => {
      const users = [database, await connect()];
      const taken = await Promise.all(Array.from({ length: 10 }, (_, n) => users[n % 2]!.takeLease(`h${n}`, TTL)));
      assert.equal(taken.filter((won) => won !== undefined).length, 1);
    },
  },
  {
    name: "renewing moves the end; after it ran out, while nobody took it, the lease still holds",
    run: async ({ database, setNow }) => {
      const mine = await lease(database);
      setNow(START + 100_000);
      await database.renewLease(mine, 50);
      assert.equal((await database.publisher()).lease.untilMs, START + 100_050);
    },
  },
  {
    name: "every transaction of the holder renews the lease by its ttl",
    run: async ({ database, setNow }) => {
      const mine = await lease(database);
      await database.renewLease(mine, 500);
      setNow(START + 400);
      await database.allocate(mine, 1, 0);
      assert.equal((await database.publisher()).lease.untilMs, START + 900);
    },
  },
  {
    name: "a released lease is free at once, and lost to who released it",
    run: async ({ database, connect }) => {
      const other = await connect();
      const mine = await lease(database);
      await database.releaseLease(mine);
      await refuses("lease-lost", database.allocate(mine, 1, 0));
      assert.deepEqual({ ...await other.takeLease("two", TTL) }, { number: 2, holder: "two" });
      await refuses("lease-lost", database.releaseLease(mine));
    },
  },
  ...fenced.map(({ name, call }): Case => ({
    name: `${name} throws lease-lost to a publisher that was taken over, and changes nothing`,
    run: async ({ database, connect, setNow }) => {
      const other = await connect();
      const mine = await lease(database);
      await accept(database, 1, [add("a")]);
      await commitAll(database, mine, { batch: id(40) });
      await accept(database, 2, [add("b")]);
      const { base } = await cutAndStage(database, mine, { batch: id(41), roles: ["bins-0"] });
      setNow(START + TTL + 1);
      const theirs = await lease(other, "two");
      const before = await everything(other);
      await refuses("lease-lost", call(database, mine, id(41), base));
      await refuses("lease-lost", call(database, { number: theirs.number, holder: mine.holder }, id(41), base));
      await refuses("lease-lost", call(database, { number: mine.number, holder: theirs.holder }, id(41), base));
      assert.deepEqual(await everything(other), before);
      await foldAll(other, theirs);
      assert.deepEqual([...(await other.readTargets(base, ["bins-0"])).get("bins-0")!].map(({ path }) => path), ["a"]);
    },
  })),
  {
    name: "publishing is halted with a reason, in every user, until it is lifted; a commit leaves it",
    run: async ({ database, connect }) => {
      const other = await connect();
      const mine = await lease(database);
      await database.halt(mine, { code: "diverged", reason: "why" });
      assert.deepEqual({ ...(await other.publisher()).halted }, { code: "diverged", reason: "why" });
      await accept(database, 1, [add("a")]);
      await commitAll(database, mine, { batch: id(40) });
      assert.deepEqual({ ...(await other.publisher()).halted }, { code: "diverged", reason: "why" });
      await database.halt(mine, undefined);
      assert.equal("halted" in await other.publisher(), false);
    },
  },
  {
    name: "the visible head moves up only, not beyond the head, and says so to every user",
    run: async ({ database, connect }) => {
      const other = await connect();
      const mine = await lease(database);
      await commitAll(database, mine, { batch: id(40) });
      await commitAll(database, mine, { batch: id(41) });
      const hints = [hinted(database, "visible"), hinted(other, "visible")];
      await database.markVisible(mine, 2);
      await Promise.all(hints);
      await database.markVisible(mine, 1);
      assert.equal((await other.publisher()).visible, 2);
      await assert.rejects(database.markVisible(mine, 3));
      assert.equal((await other.publisher()).visible, 2);
    },
  },
];

/** All that can be read, to compare before and after. */
export async function everything(db: Database): Promise<unknown> {
  const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value, (_, v: unknown) => v instanceof Map ? [...v] as unknown : v));
  return plain({
    publisher: await db.publisher(),
    head: await db.head(),
    tasks: await Promise.all(Array.from({ length: 10 }, (_, n) => db.getTask(id(n)))),
    changes: await Promise.all(Array.from({ length: 10 }, (_, n) => db.taskChanges(id(n)))),
    open: await open(db),
    backlog: await db.backlog(),
    settings: await db.settings(),
    batches: await db.openBatches(),
    roles: [...await db.roles()].sort((a, b) => a.role < b.role ? -1 : 1),
    snapshot: await db.role("snapshot"),
    timestamp: await db.role("timestamp"),
    garbage: [...await db.dueGarbage(1e15, 1000)].sort((a, b) => a.name < b.name ? -1 : 1),
    expiry: [...await db.firstExpiry()].sort(),
  });
}
