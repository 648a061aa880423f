// The folded state: artifacts, roles, names left behind.

import assert from "node:assert/strict";

import type { Database, Lease } from "../../../src/ports/database.ts";
import { accept, add, bins, commitAll, commitOf, cutAndStage, foldAll, id, lease, open, paths, pressed, refresh, refuses, remove, sha256, START } from "./subject.ts";
import { everything } from "./cases-lease.ts";
import type { Case } from "./subject.ts";

async function targetsOf(db: Database, ...roles: string[]): Promise<Record<string, Record<string, string>>> {
  const read = await db.readTargets((await db.publisher()).head, roles);
  return Object.fromEntries([...read].map(([role, targets]) => [role, Object.fromEntries(targets.map(({ path, fragment }) => [path, fragment]))]));
}

/** Two committed batches, unfolded: adds, a replacement, a removal, things that are not applied. */
async function twoBatches(db: Database, mine: Lease): Promise<void> {
  await accept(db, 1, ["a", "b", "c", "d"].map((path) => add(path, path < "c" ? "bins-0" : "bins-1", "1")));
  await commitAll(db, mine, { batch: id(40) });
  await accept(db, 2, [add("a", "bins-0", "2"), remove("b"), remove("zz"), refresh("bins-1"), add("e", "bins-0", "no"), add("f", "bins-0", "no"), add("g", "old", "2")]);
  const outcomes = { zz: "not-found", e: "absorbed", f: "set-aside" } as const;
  await commitAll(db, mine, {
    batch: id(41), roles: ["bins-0", "bins-1"], known: true,
    outcomeOf: ({ path }) => path in outcomes ? outcomes[path as keyof typeof outcomes] : "apply",
    roleOf: ({ role }) => role === "old" ? "bins-1" : role,
  });
}

const folded = { "bins-0": { a: "2" }, "bins-1": { c: "1", d: "1", g: "2" } };

export const foldCases: readonly Case[] = [
  {
    name: "fold applies what was to be applied, in the order of the commits, to the role chosen at the cut",
    run: async ({ database, connect }) => {
      const other = await connect();
      const mine = await lease(database);
      await twoBatches(database, mine);
      await foldAll(database, mine);
      assert.deepEqual(await targetsOf(other, "bins-0", "bins-1", "none"), { ...folded, none: {} });
      assert.deepEqual(await other.listed("bins-0", ["a", "b", "c", "g"]), new Set(["a"]));
      assert.deepEqual(await other.listed(undefined, ["a", "b", "c", "g", "e", "f"]), new Set(["a", "c", "g"]));
    },
  },
  {
    name: "fold goes in slices, may be cut off between any two, and repeating it changes nothing",
    run: async (subject) => {
      const mine = await lease(subject.database);
      await twoBatches(subject.database, mine);
      let db = subject.database;
      let calls = 0;
      for (let remaining = true; remaining; calls++) {
        db = await subject.reopen();
        ({ remaining } = await db.fold(mine, 2));
        assert(calls < 100, "fold ends");
      }
      assert(calls >= 5, "in slices");
      assert.deepEqual(await targetsOf(db, "bins-0", "bins-1"), folded);
      const before = await everything(db);
      assert.deepEqual({ ...await db.fold(mine, 1) }, { remaining: false });
      assert.deepEqual(await everything(db), before);
    },
  },
  {
    name: "targets are read on the stated head, folded, or not at all",
    run: async ({ database }) => {
      const mine = await lease(database);
      assert.deepEqual([...await database.readTargets("", ["r"])], [["r", []]]);
      await accept(database, 1, [add("a")]);
      await commitAll(database, mine, { batch: id(40) });
      const { head } = await database.publisher();
      await refuses("stale-base", database.readTargets(head, ["bins-0"]));
      await foldAll(database, mine, 1);
      assert.equal((await database.readTargets(head, ["bins-0"])).get("bins-0")?.length, 1);
      await refuses("stale-base", database.readTargets(sha256("other"), ["bins-0"]));
      await refuses("stale-base", database.readTargets("", ["bins-0"]));
    },
  },
  {
    name: "targets of a role that nothing unfolded touches are read meanwhile",
    run: async ({ database }) => {
      const mine = await lease(database);
      await accept(database, 1, [add("a")]);
      await commitAll(database, mine, { batch: id(40) });
      const { head } = await database.publisher();
      assert.deepEqual([...await database.readTargets(head, ["bins-7", "bins-8"])], [["bins-7", []], ["bins-8", []]]);
      await refuses("stale-base", database.readTargets(head, ["bins-7", "bins-0"]));
      await refuses("stale-base", database.readTargets(head, []));
      await foldAll(database, mine, 1);
      assert.equal((await database.readTargets(head, ["bins-7", "bins-0"])).get("bins-0")?.length, 1);
      assert.deepEqual([...await database.readTargets(head, [])], []);
    },
  },
  {
    name: "targets come sorted by the UTF-8 bytes of their paths",
    run: async ({ database }) => {
      const mine = await lease(database);
      const sorted = ["A", "B", "a", "a/b", "ab", "b", "\u00e9", "\uffee", "\u{1F600}"];
      await accept(database, 1, [...sorted].reverse().map((path) => add(path)));
      await commitAll(database, mine, { batch: id(40) });
      await foldAll(database, mine);
      const targets = (await database.readTargets((await database.publisher()).head, ["bins-0"])).get("bins-0");
      assert.deepEqual(targets?.map(({ path }) => path), sorted);
      assert.deepEqual({ ...targets[0] }, { path: "A", fragment: add("A").fragment });
    },
  },
  {
    name: "changes of ended tasks are forgotten, those of tasks with open changes are kept with their outcome",
    run: async ({ database }) => {
      const mine = await lease(database);
      await accept(database, 1, [add("a"), add("b")]);
      await accept(database, 2, [add("c")]);
      const cut = await cutAndStage(database, mine, { batch: id(40), changes: (await open(database)).filter(({ path }) => path !== "b") });
      await database.stageTaskResults(mine, id(40), [{ task: id(2), result: { state: "SUCCESS", message: "", lastUpdateMs: 1 } }]);
      await database.commit(mine, commitOf(id(40), cut, { newRoles: bins(cut.roles) }));
      assert.deepEqual({ ...await database.backlog() }, { changes: 1, bytes: 13 });
      await foldAll(database, mine);
      assert.deepEqual(await database.taskChanges(id(2)), []);
      assert.deepEqual((await database.taskChanges(id(1))).map(({ path, outcome }) => [path, outcome]), [["a", "apply"], ["b", undefined]]);
      assert.deepEqual(paths(await open(database)), ["b"]);

      const last = await cutAndStage(database, mine, { batch: id(41), outcomeOf: () => "not-found" });
      assert.deepEqual((await database.taskChanges(id(1))).map(({ outcome }) => outcome), ["apply", "not-found"]);
      await database.stageTaskResults(mine, id(41), [{ task: id(1), result: { state: "SUCCESS", message: "", lastUpdateMs: 1 } }]);
      await database.commit(mine, commitOf(id(41), last));
      await foldAll(database, mine);
      assert.deepEqual(await database.taskChanges(id(1)), []);
    },
  },
  {
    name: "roles appear with their kind, parent and staged result, and later commits move their version",
    run: async ({ database }) => {
      const mine = await lease(database);
      const { first } = await commitAll(database, mine, { batch: id(40), roles: ["bins-0", "bins-1", "targets"] });
      await foldAll(database, mine);
      const rows = [...await database.roles()].sort((a, b) => a.role < b.role ? -1 : 1).map((row) => ({ ...row }));
      assert.deepEqual(rows, [
        { ...pressed("bins-0", first), kind: "bins", parent: "targets", retired: false },
        { ...pressed("bins-1", first + 1), kind: "bins", parent: "targets", retired: false },
        { ...pressed("targets", first + 2), kind: "targets", parent: "", retired: false },
      ]);
      const next = await commitAll(database, mine, { batch: id(41), roles: ["bins-1"], known: true });
      await foldAll(database, mine);
      assert.deepEqual({ ...await database.role("bins-1") }, { ...pressed("bins-1", next.first), kind: "bins", parent: "targets", retired: false });
      assert.equal((await database.role("bins-0"))?.version, first);
      assert.equal(await database.role("none"), undefined);
    },
  },
  {
    name: "root is a role, but none that snapshot lists; a new role without a result is refused",
    run: async ({ database }) => {
      const mine = await lease(database);
      const cut = await cutAndStage(database, mine, { batch: id(40), roles: ["targets"] });
      await assert.rejects(database.commit(mine, commitOf(id(40), cut, { newRoles: bins(["targets", "bins-0"]) })));
      assert.equal((await database.publisher()).seq, 0);
      await database.stageResults(mine, id(40), [pressed("root", 1, START + 5)]);
      await database.commit(mine, commitOf(id(40), cut, { newRoles: [...bins(["targets"]), { name: "root", kind: "root", parent: "" }] }));
      await foldAll(database, mine);
      assert.deepEqual((await database.roles()).map(({ role }) => role), ["targets"]);
      assert.deepEqual({ ...await database.role("root") }, { ...pressed("root", 1, START + 5), kind: "root", parent: "", retired: false });
      assert.deepEqual((await database.rolesExpiringBefore(START + 6, 10)).map(({ role }) => role), ["root"]);
      assert.deepEqual((await database.rolesExpiringBefore(START + 5.5, 10)).map(({ role }) => role), ["root"]);
    },
  },
  {
    name: "roles are found by when they expire, soonest first, and the first of each kind",
    run: async ({ database }) => {
      const mine = await lease(database);
      const { firstVersion: v } = await database.cut(mine, { id: id(40), base: "", changes: [], roles: ["bins-0", "bins-1", "bins-2"] });
      await database.stageResults(mine, id(40), [pressed("bins-0", v, 300), pressed("bins-1", v + 1, 100), pressed("bins-2", v + 2, 200)]);
      await database.commit(mine, commitOf(id(40), { base: "", first: v, roles: ["bins-0", "bins-1", "bins-2"] }, {
        newRoles: bins(["bins-0", "bins-1", "bins-2"]), snapshot: pressed("snapshot", v + 3, 50),
      }));
      await foldAll(database, mine);
      const expiring = async (before: number, limit: number): Promise<string[]> => (await database.rolesExpiringBefore(before, limit)).map(({ role }) => role);
      assert.deepEqual(await expiring(300, 10), ["snapshot", "bins-1", "bins-2"]);
      assert.deepEqual(await expiring(301, 2), ["snapshot", "bins-1"]);
      const first = await database.firstExpiry();
      assert.equal(first.get("bins"), 100);
      assert.equal(first.get("snapshot"), 50);
      assert.equal(first.has("root"), false);
    },
  },
];
