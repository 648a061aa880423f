// What waits: order of acceptance, held and released changes, limits.

import assert from "node:assert/strict";

import { accept, add, commitAll, id, lease, open, paths, refresh, remove, START } from "./subject.ts";
import type { Case } from "./subject.ts";

export const queueCases: readonly Case[] = [
  {
    name: "changes of one path keep the order of their requests, and are told as they were given",
    run: async ({ database, connect }) => {
      const other = await connect();
      await accept(database, 1, [add("p", "r1", "{1}"), add("q")]);
      await accept(other, 2, [remove("p", "r2")]);
      await accept(database, 3, [add("p", "r1", "{3}"), refresh("targets")]);
      const changes = await open(database);
      assert.deepEqual(changes.map(({ task, kind, role, path, fragment }) => ({ task, kind, role, path, fragment })), [
        { task: id(1), kind: "add", role: "r1", path: "p", fragment: "{1}" },
        { task: id(1), ...add("q") },
        { task: id(2), kind: "remove", role: "r2", path: "p", fragment: "" },
        { task: id(3), kind: "add", role: "r1", path: "p", fragment: "{3}" },
        { task: id(3), kind: "refresh", role: "targets", path: "", fragment: "" },
      ]);
      assert.equal(new Set(changes.map((change) => change.id)).size, 5);
      assert(changes.every(({ attempts, attemptsAlone, held }) => attempts === 0 && attemptsAlone === 0 && !held));
    },
  },
  {
    name: "openChanges answers at most so many changes and bytes, but one",
    run: async ({ database }) => {
      await accept(database, 1, [add("a", "r", "1234"), add("b", "r", "1234"), add("c", "r", "1234")]);
      assert.deepEqual(paths(await database.openChanges({ changes: 2, bytes: 100 })), ["a", "b"]);
      assert.deepEqual(paths(await database.openChanges({ changes: 9, bytes: 10 })), ["a", "b"]);
      assert.deepEqual(paths(await database.openChanges({ changes: 9, bytes: 14 })), ["a", "b"]);
      assert.deepEqual(paths(await database.openChanges({ changes: 9, bytes: 15 })), ["a", "b", "c"]);
      assert.deepEqual(paths(await database.openChanges({ changes: 9, bytes: 1 })), ["a"]);
    },
  },
  {
    name: "held changes wait; a release frees those accepted before, of all tasks, and not its own",
    run: async ({ database }) => {
      await accept(database, 1, [add("a")], { held: true });
      await accept(database, 2, [add("b"), add("c")], { held: true });
      assert.deepEqual(await open(database), []);
      assert.equal((await database.getTask(id(1)))?.held, true);
      assert.equal((await database.backlog()).changes, 3);
      await accept(database, 3, [add("d")], { held: true, releaseHeld: true });
      assert.deepEqual(paths(await open(database)), ["a", "b", "c"]);
      assert.equal((await database.getTask(id(1)))?.held, false);
      assert.equal((await database.getTask(id(3)))?.held, true);
      await accept(database, 4, [add("e")], { held: true });
      await accept(database, 5, [], { releaseHeld: true });
      assert.deepEqual(paths(await open(database)), ["a", "b", "c", "d", "e"]);
      assert.equal((await database.getTask(id(5)))?.held, false);
    },
  },
  {
    name: "released changes stand where they were accepted, not where they were released",
    run: async ({ database }) => {
      await accept(database, 1, [add("a", "r", "old")], { held: true });
      await accept(database, 2, [add("b")]);
      await accept(database, 3, [], { releaseHeld: true });
      assert.deepEqual(paths(await open(database)), ["a", "b"]);
    },
  },
  {
    name: "with a publishable change come the held ones of its path accepted before it, marked, in their place",
    run: async ({ database }) => {
      await accept(database, 1, [add("p", "r", "1"), add("other")], { held: true });
      await accept(database, 2, [add("q")]);
      await accept(database, 3, [remove("p")], { held: true });
      await accept(database, 4, [add("p", "r", "4")]);
      await accept(database, 5, [add("p", "r", "5")], { held: true });
      assert.deepEqual((await open(database)).map(({ task, path, held }) => [task, path, held]), [
        [id(1), "p", true], [id(2), "q", false], [id(3), "p", true], [id(4), "p", false],
      ]);
    },
  },
  {
    name: "held changes do not count towards the limits, and one stays away with the change it waits for",
    run: async ({ database }) => {
      await accept(database, 1, [add("p", "r", "123456"), add("q")], { held: true });
      await accept(database, 2, [add("p", "r", "1")]);
      await accept(database, 3, [add("q")]);
      assert.deepEqual(paths(await database.openChanges({ changes: 1, bytes: 2 })), ["p", "p"]);
    },
  },
  {
    name: "a held refresh belongs to no path",
    run: async ({ database }) => {
      await accept(database, 1, [refresh("a")], { held: true });
      await accept(database, 2, [refresh("b")]);
      assert.deepEqual((await open(database)).map(({ role }) => role), ["b"]);
    },
  },
  {
    name: "a held task whose changes were all absorbed is held no more",
    run: async ({ database }) => {
      await accept(database, 1, [add("p", "r", "1")], { held: true });
      await accept(database, 2, [add("p", "r", "2")]);
      const mine = await lease(database);
      await commitAll(database, mine, { batch: id(50), outcomeOf: ({ held }) => held ? "absorbed" : "apply" });
      assert.equal((await database.getTask(id(1)))?.held, false);
      await accept(database, 3, [], { releaseHeld: true, task: { id: id(3), kind: "publish_artifacts", createdMs: START, request: {} } });
      assert.deepEqual(await open(database), []);
    },
  },
];
