// Roles that come, go and come again, and artifacts that move between them, with one head.

import assert from "node:assert/strict";

import type { Commit, Database, Lease, Move } from "../../../src/ports/database.ts";
import { accept, add, commitOf, cutAndStage, foldAll, id, lease, open, refuses } from "./subject.ts";
import type { Case } from "./subject.ts";

const custom = (...names: string[]): NonNullable<Commit["newRoles"]> => names.map((name) => ({ name, kind: "delegated", parent: "targets" }));
const delegate = { kind: "delegate", role: "targets", path: "", fragment: '{"action":"add"}' } as const;

async function targetsOf(db: Database, ...roles: string[]): Promise<Record<string, Record<string, string>>> {
  const read = await db.readTargets((await db.publisher()).head, roles);
  return Object.fromEntries([...read].map(([role, targets]) => [role, Object.fromEntries(targets.map(({ path, fragment }) => [path, fragment]))]));
}

/** Roles `a` and `b`, with artifacts in `a`. */
async function begin(db: Database, held: Lease): Promise<void> {
  await accept(db, 1, ["1", "2", "3", "4", "5"].map((path) => add(path, "a", `{"n":${path}}`)));
  const cut = await cutAndStage(db, held, { batch: id(50), roles: ["a", "b"] });
  await db.commit(held, commitOf(id(50), cut, { newRoles: custom("a", "b") }));
  await foldAll(db, held);
}

const MOVES: readonly Move[] = [
  { path: "1", from: "a", to: "b" }, { path: "2", from: "a", to: "b" }, { path: "3", from: "a", to: "c" }, { path: "4", from: "a", to: undefined }, { path: "nothing", from: "a", to: "b" },
];

/** `a` goes, `c` comes, and artifacts of `a` move. */
async function edit(db: Database, held: Lease, moves: readonly Move[] = MOVES): Promise<void> {
  const cut = await cutAndStage(db, held, { batch: id(51), roles: ["b", "c"] });
  await db.stageMoves(held, id(51), moves.slice(0, 2));
  await db.stageMoves(held, id(51), moves.slice(2));
  await db.commit(held, commitOf(id(51), cut, { newRoles: custom("c"), retiredRoles: ["a"] }));
}

const AFTER = { a: { 5: '{"n":5}' }, b: { 1: '{"n":1}', 2: '{"n":2}' }, c: { 3: '{"n":3}' } };

export const delegationCases: readonly Case[] = [
  {
    name: "a commit moves artifacts, brings roles and retires others, which keep their last version",
    run: async ({ database, connect }) => {
      const other = await connect();
      const mine = await lease(database);
      await begin(database, mine);
      const before = await database.role("a");
      await edit(database, mine);
      await foldAll(database, mine);
      assert.deepEqual(await targetsOf(other, "a", "b", "c"), AFTER);
      assert.deepEqual({ ...await other.role("a") }, { ...before, retired: true });
      assert.deepEqual((await other.roles()).filter(({ retired }) => !retired).map(({ role }) => role).sort(), ["b", "c"]);
      assert.deepEqual((await other.rolesExpiringBefore(Number.MAX_SAFE_INTEGER, 100)).map(({ role }) => role).filter((role) => role.length === 1).sort(), ["b", "c"]);
    },
  },
  {
    name: "an artifact that comes with a move says what the move says, in the same role or in another",
    run: async (subject) => {
      const mine = await lease(subject.database);
      await begin(subject.database, mine);
      const before = await subject.database.artifacts({ role: "a" }, undefined, 10);
      await edit(subject.database, mine, [
        { path: "1", from: "a", to: "a", fragment: '{"n":10}' }, { path: "new", from: "a", to: "a", fragment: '{"n":0}' }, { path: "2", from: "a", to: undefined }, { path: "3", from: "a", to: "b", fragment: '{"n":30}' },
      ]);
      let db = subject.database;
      for (let remaining = true; remaining;) {
        db = await subject.reopen();
        ({ remaining } = await db.fold(mine, 1));
      }
      assert.deepEqual(await targetsOf(db, "a", "b"), { a: { 1: '{"n":10}', 4: '{"n":4}', 5: '{"n":5}', new: '{"n":0}' }, b: { 3: '{"n":30}' } });
      // When it was published is when its words changed.
      const published = new Map((await db.artifacts({}, undefined, 10)).map(({ path, publishedMs }) => [path, publishedMs ?? 0]));
      const first = before[0]?.publishedMs ?? 0;
      assert.deepEqual([published.get("5"), ["1", "new", "3"].every((path) => (published.get(path) ?? 0) >= first && published.get(path) === published.get("1"))], [first, true]);
    },
  },
  {
    name: "moves are folded in slices, each once, however often fold is cut off",
    run: async (subject) => {
      const mine = await lease(subject.database);
      await begin(subject.database, mine);
      await edit(subject.database, mine);
      let db = subject.database;
      for (let remaining = true; remaining;) {
        db = await subject.reopen();
        ({ remaining } = await db.fold(mine, 1));
      }
      assert.deepEqual(await targetsOf(db, "a", "b", "c"), AFTER);
      assert.equal((await db.role("a"))?.retired, true);
    },
  },
  {
    name: "a retired name that is new again is live, above its last version",
    run: async ({ database }) => {
      const mine = await lease(database);
      await begin(database, mine);
      await edit(database, mine);
      await foldAll(database, mine);
      const last = (await database.role("a"))?.version ?? 0;
      const cut = await cutAndStage(database, mine, { batch: id(52), roles: ["a"] });
      await database.commit(mine, commitOf(id(52), cut, { newRoles: custom("a") }));
      await foldAll(database, mine);
      const again = await database.role("a");
      assert.equal(again?.retired, false);
      assert(again.version > last);
    },
  },
  {
    name: "a dropped batch moves nothing, and takes no moves",
    run: async ({ database }) => {
      const mine = await lease(database);
      await begin(database, mine);
      await cutAndStage(database, mine, { batch: id(53), roles: ["b"] });
      await database.stageMoves(mine, id(53), MOVES);
      await database.dropBatch(mine, id(53), false);
      await refuses("stale-base", database.stageMoves(mine, id(53), MOVES));
      await edit(database, mine, []);
      await foldAll(database, mine);
      assert.equal(Object.keys((await targetsOf(database, "a"))["a"] ?? {}).length, 5);
    },
  },
  {
    name: "moves are taken from who holds the lease",
    run: async ({ database, setNow }) => {
      const mine = await lease(database);
      await begin(database, mine);
      await cutAndStage(database, mine, { batch: id(54), roles: ["b"] });
      setNow(1e9);
      await lease(database, "two");
      await refuses("lease-lost", database.stageMoves(mine, id(54), MOVES));
    },
  },
  {
    name: "an edit of delegations waits in its place, and folding it touches no artifact",
    run: async ({ database }) => {
      const mine = await lease(database);
      await begin(database, mine);
      await accept(database, 2, [add("6", "a", "6")]);
      await accept(database, 3, [delegate]);
      await accept(database, 4, [add("7", "a", "7")]);
      assert.deepEqual((await open(database)).map(({ kind, path, fragment }) => [kind, path, fragment]), [["add", "6", "6"], ["delegate", "", delegate.fragment], ["add", "7", "7"]]);
      const cut = await cutAndStage(database, mine, { batch: id(55), roles: ["a", "targets"] });
      await database.commit(mine, commitOf(id(55), cut, { newRoles: [{ name: "targets", kind: "targets", parent: "" }] }));
      await foldAll(database, mine);
      assert.deepEqual(Object.keys((await targetsOf(database, "a", "targets"))["a"] ?? {}).sort(), ["1", "2", "3", "4", "5", "6", "7"]);
      assert.deepEqual((await targetsOf(database, "targets"))["targets"], {});
    },
  },
];
