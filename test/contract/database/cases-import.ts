// Imports: written ahead in pieces, true with their task, taken by place, beside what others accept.

import assert from "node:assert/strict";

import type { Database, ImportState, NewChange, OpenChange } from "../../../src/ports/database.ts";
import { binIndexOf } from "../../../src/tuf/bins.ts";
import { accept, add, commitAll, cutAndStage, foldAll, hinted, id, lease, NO_LIMIT, open, paths, refuses, remove, START, success } from "./subject.ts";
import type { Case } from "./subject.ts";

const DAY = 86_400_000;

const begin = (db: Database, n: number, rest: { key?: string; writer?: string; maxChanges?: number; maxOpen?: number } = {}): Promise<ImportState> =>
  db.openImport({ task: id(n), principal: "p", key: `key-${n}`, writer: "w", maxChanges: 1000, maxOpen: 10, ...rest });

const stage = (db: Database, n: number, after: number, changes: readonly NewChange[], rest: { writer?: string; invalid?: number } = {}): Promise<void> =>
  db.stageImport({ task: id(n), writer: "w", after, lines: after + changes.length + (rest.invalid ?? 0), invalid: 0, changes, ...rest });

const end = (db: Database, n: number, lines: number, writer = "w"): ReturnType<Database["accept"]> =>
  db.accept({ task: { id: id(n), kind: "import_artifacts", createdMs: START, request: { imported: { lines, invalid: 0 } } }, changes: [], held: false, import: { writer, lines }, limits: NO_LIMIT });

/** An import of `changes`, accepted. */
async function imported(db: Database, n: number, changes: readonly NewChange[]): Promise<void> {
  await begin(db, n);
  await stage(db, n, 0, changes);
  await end(db, n, changes.length);
}

const take = (db: Database, count: number): Promise<readonly OpenChange[]> => db.openChanges({ changes: 1e6, bytes: 1e12, imported: count });

const many = (count: number): NewChange[] => Array.from({ length: count }, (_, i) => add(`dir/file-${String(i)}`));
const byPlace = (changes: readonly { readonly path: string }[]): string[] =>
  [...paths(changes)].sort((a, b) => binIndexOf(32, a) - binIndexOf(32, b));

export const importCases: readonly Case[] = [
  {
    name: "an import is found again by its key, by any user and after a restart, with the lines that were answered",
    run: async ({ database, connect, reopen }) => {
      assert.deepEqual(await begin(database, 1), { task: id(1), lines: 0, invalid: 0, accepted: false });
      await stage(database, 1, 0, many(3), { invalid: 2 });
      const state = { task: id(1), lines: 5, invalid: 2, accepted: false };
      assert.deepEqual(await (await connect()).findImport("p", "key-1"), state);
      assert.equal(await database.findImport("other", "key-1"), undefined);
      const after = await reopen();
      assert.deepEqual(await begin(after, 2, { key: "key-1", writer: "w2" }), state);
      await stage(after, 1, 5, [add("last")], { writer: "w2" });
      await end(after, 1, 6, "w2");
      assert.deepEqual(await after.findImport("p", "key-1"), { ...state, lines: 6, accepted: true });
      assert.deepEqual(paths(await take(after, 10)).sort(), paths([...many(3), add("last")]).sort());
    },
  },
  {
    name: "one writer at a time adds to an import, after the lines it has, and nobody once it is accepted",
    run: async ({ database }) => {
      await begin(database, 1);
      await stage(database, 1, 0, many(2));
      await refuses("stale-base", stage(database, 1, 0, many(2)));
      await begin(database, 9, { key: "key-1", writer: "w2" });
      await refuses("stale-base", stage(database, 1, 2, [add("late")]));
      await refuses("stale-base", end(database, 1, 2));
      await refuses("stale-base", end(database, 1, 3, "w2"));
      assert.equal(await database.getTask(id(1)), undefined);
      await end(database, 1, 2, "w2");
      await refuses("stale-base", stage(database, 1, 2, [add("late")], { writer: "w2" }));
      await database.dropImport(id(1), "w2");
      assert.equal((await take(database, 10)).length, 2);
    },
  },
  {
    name: "an import holds no more than it may, and no more are begun than may be",
    run: async ({ database }) => {
      await begin(database, 1, { maxChanges: 3 });
      await stage(database, 1, 0, many(2));
      await refuses("backlog-full", stage(database, 1, 2, many(2)));
      await refuses("backlog-full", begin(database, 2, { maxOpen: 1 }));
      await begin(database, 3, { key: "key-1", maxOpen: 1 });
      await database.dropImport(id(1), "w");
      assert.equal(await database.findImport("p", "key-1"), undefined);
      await begin(database, 2, { maxOpen: 1 });
    },
  },
  {
    name: "nothing of an import is open before it is accepted; then work is hinted, and it is no part of the backlog",
    run: async ({ database }) => {
      await begin(database, 1);
      await stage(database, 1, 0, many(5));
      assert.deepEqual(await take(database, 10), []);
      const hint = hinted(database, "work");
      await end(database, 1, 5);
      await hint;
      assert.deepEqual(await open(database), [], "nor without being asked for");
      assert.equal((await take(database, 10)).every((change) => change.imported === true && !change.held && change.task === id(1)), true);
      assert.deepEqual(await database.backlog(), { changes: 0, bytes: 0 });
    },
  },
  {
    name: "a batch with changes of several imports is counted for each of them",
    run: async ({ database }) => {
      const held = await lease(database);
      await imported(database, 1, [add("x"), add("a")]);
      await imported(database, 2, [add("x"), add("b"), add("c")]);
      await accept(database, 3, [add("x", "bins-0", "{live}")]);
      await commitAll(database, held, { batch: id(40), roles: ["bins-0"], outcomeOf: (change) => change.held ? "absorbed" : "apply" });
      await foldAll(database, held);
      assert.deepEqual(await Promise.all([1, 2].map(async (n) => (await database.getTask(id(n)))?.remaining)), [1, 2]);
      assert.deepEqual((await database.artifacts({}, undefined, 10)).map(({ path, fragment }) => [path, fragment]), [["x", "{live}"]]);
    },
  },
  {
    name: "of an import more is read behind a place, whole prefixes, each once, with the held changes of the same paths",
    run: async ({ database }) => {
      const paths = many(200).map(({ path }) => path);
      await accept(database, 7, [add(paths[0]!), add(paths[199]!)], { held: true });
      await imported(database, 1, many(200));
      await imported(database, 2, many(5));
      const place = (change: OpenChange): number => binIndexOf(32, change.path);
      const pieces: (readonly OpenChange[])[] = [await take(database, 30)];
      for (let last = pieces[0]!; last.length > 0;) {
        const behind = { task: id(1), place: Math.max(...last.map(place)) };
        last = await database.openChanges({ changes: 1e6, bytes: 1e12, imported: 30, behind });
        assert(last.every((change) => place(change) > behind.place), "none comes twice, and none of what lies before");
        pieces.push(last);
      }
      const all = pieces.flat();
      assert.deepEqual(all.filter(({ imported: by }) => by).map(({ path }) => path).sort(), [...paths].sort());
      assert.deepEqual(all.filter(({ held }) => held).map(({ path, task }) => [path, task]).sort(), [[paths[0], id(7)], [paths[199], id(7)]].sort());
      for (const piece of pieces) {
        for (const { path, held } of piece) if (held) assert(piece.some((change) => change.path === path && change.imported), "beside what it comes before");
      }
      assert.deepEqual(await database.openChanges({ changes: 1, bytes: 1, imported: 30, behind: { task: id(3), place: -1 } }), [], "of an import that is not there");
    },
  },
  {
    name: "an import is taken by place, whole places, until nothing is left",
    run: async ({ database }) => {
      const all = [...many(300), add("twice", "bins-0", "{1}")];
      await begin(database, 1);
      await stage(database, 1, 0, all.slice(0, 200));
      await stage(database, 1, 200, all.slice(200));
      await stage(database, 1, 301, [add("twice", "bins-0", "{2}")]);
      await end(database, 1, 302);
      const held = await lease(database);
      const taken: string[] = [];
      for (let batch = 1; ; batch++) {
        const changes = await take(database, 40);
        if (changes.length === 0) break;
        assert.deepEqual([...changes].map((change) => change.id), [...changes].map((change) => change.id).sort((a, b) => a - b), "in order of acceptance");
        assert.equal((await database.importRemainder(id(1), 5)).open, true);
        taken.push(...byPlace(changes));
        await commitAll(database, held, { batch: id(100 + batch), changes, known: batch > 1 });
        await foldAll(database, held);
        assert.equal((await database.getTask(id(1)))?.remaining, all.length + 1 - taken.length, "and told how far it is");
      }
      assert.deepEqual(taken, byPlace([...all, add("twice")]));
      assert.deepEqual(await database.importRemainder(id(1), 5), { open: false, setAside: 0, paths: [] });
      const { head } = await database.publisher();
      const targets = (await database.readTargets(head, ["bins-0"])).get("bins-0") ?? [];
      assert.equal(targets.length, 301);
      assert.equal(targets.find(({ path }) => path === "twice")?.fragment, "{2}");
      assert.deepEqual(await database.backlog(), { changes: 0, bytes: 0 });
    },
  },
  {
    name: "the next import is taken while the rows of the one before are on their way",
    run: async ({ database }) => {
      await imported(database, 1, many(3));
      await imported(database, 2, [add("next")]);
      await commitAll(database, await lease(database), { batch: id(100), changes: await take(database, 10) });
      assert.deepEqual(paths(await take(database, 10)), ["next"]);
    },
  },
  {
    name: "an import is folded bit by bit, whatever is set aside, beside others' changes",
    run: async ({ database }) => {
      await accept(database, 1, [add("live-1"), add("live-2"), add("live-3")]);
      await imported(database, 2, many(40));
      const held = await lease(database);
      const aside = (path: string): boolean => Number(path.split("-")[1]) % 4 === 0;
      await commitAll(database, held, { batch: id(100), changes: await take(database, 100), outcomeOf: ({ path, task }) => (task === id(2) && aside(path) ? "set-aside" : "apply") });
      for (let rounds = 0; (await database.fold(held, 2)).remaining; rounds++) assert.ok(rounds < 100, "it comes to an end");
      assert.equal((await database.getTask(id(2)))?.remaining, 0);
      assert.equal((await database.importRemainder(id(2), 100)).setAside, 10);
      const { head } = await database.publisher();
      const listed = (await database.readTargets(head, ["bins-0"])).get("bins-0") ?? [];
      assert.deepEqual(paths(listed).sort(), [...many(40).map(({ path }) => path).filter((path) => !aside(path)), "live-1", "live-2", "live-3"].sort());
    },
  },
  {
    name: "what is accepted after an import comes with the import's changes of its path, marked, whether it is their turn or not",
    run: async ({ database }) => {
      await accept(database, 1, [add("a", "bins-0", "{older}")], { held: true });
      await imported(database, 2, [...many(50), add("a", "bins-0", "{imported}"), add("b")]);
      await accept(database, 3, [add("a", "bins-0", "{newer}"), remove("b")]);
      const without = (await open(database)).map(({ task, path, held, imported: by }) => [task, path, held, by ?? false]);
      assert.deepEqual(without.sort(), [[id(1), "a", true, false], [id(2), "a", true, true], [id(2), "b", true, true], [id(3), "a", false, false], [id(3), "b", false, false]]);
      const all = await take(database, 1000);
      assert.deepEqual(all.filter(({ path }) => path === "a").map(({ task, held }) => [task, held]), [[id(1), true], [id(2), false], [id(3), false]]);
    },
  },
  {
    name: "an import counts as accepted at its end: what came while it was being sent is older",
    run: async ({ database }) => {
      await begin(database, 1);
      await stage(database, 1, 0, [add("a", "bins-0", "{imported}")]);
      await accept(database, 2, [add("a", "bins-0", "{meanwhile}")]);
      await end(database, 1, 1);
      assert.deepEqual((await take(database, 10)).map(({ task, held }) => [task, held]), [[id(2), false], [id(1), false]]);
    },
  },
  {
    name: "an import waits while older changes are left out, and while delegations are edited",
    run: async ({ database }) => {
      await accept(database, 1, [add("a"), add("b")]);
      await imported(database, 2, many(5));
      await accept(database, 3, [add("c"), add("d")]);
      const some = async (changes: number): Promise<number> => (await database.openChanges({ changes, bytes: 1e9, imported: 10 })).filter((change) => change.imported).length;
      assert.equal(await some(1), 0);
      assert.equal(await some(2), 5, "what is left out is newer");
      await accept(database, 4, [{ kind: "delegate", role: "", path: "", fragment: "{}" }]);
      assert.equal(await some(9), 0);
    },
  },
  {
    name: "a dropped batch gives an import's changes back, and endTasks takes the others out",
    run: async ({ database }) => {
      await imported(database, 1, many(30));
      const held = await lease(database);
      const first = await take(database, 10);
      await cutAndStage(database, held, { batch: id(100), changes: first });
      const rest = await take(database, 1000);
      assert.equal(first.length + rest.length, 30);
      assert.equal(rest.some(({ id: one }) => first.some((other) => other.id === one)), false);
      await database.dropBatch(held, id(100), true);
      const again = await take(database, 1000);
      assert.equal(again.length, 30);
      assert.deepEqual(again.filter(({ attempts }) => attempts === 1).length, first.length);
      await database.endTasks(held, [{ task: id(1), result: success() }]);
      assert.deepEqual(await take(database, 1000), []);
      assert.deepEqual(await database.backlog(), { changes: 0, bytes: 0 });
      await foldAll(database, held);
    },
  },
  {
    name: "what is set aside of an import is told with it",
    run: async ({ database }) => {
      await imported(database, 1, many(4));
      const held = await lease(database);
      await commitAll(database, held, { batch: id(100), changes: await take(database, 100), outcomeOf: ({ path }) => (path === "dir/file-2" ? "set-aside" : "apply") });
      assert.deepEqual(await database.importRemainder(id(1), 5), { open: false, setAside: 1, paths: ["dir/file-2"] });
    },
  },
  {
    name: "imports that nobody goes on with are forgotten, and keys of those that ended; never an import under way",
    run: async ({ database, setNow }) => {
      await begin(database, 1);
      await stage(database, 1, 0, many(30));
      await imported(database, 2, [add("a")]);
      await imported(database, 3, [add("b")]);
      const held = await lease(database);
      await commitAll(database, held, { batch: id(100), changes: (await take(database, 100)).filter(({ task }) => task === id(2)) });
      await foldAll(database, held);
      const forget = async (idempotencyMs: number): Promise<void> => {
        for (let i = 0; i < 5; i++) await database.forgetBefore(held, { tasksMs: 0, committedMs: 0, idempotencyMs, noticesMs: 0, mostNotices: 1000 }, 10);
      };
      await forget(START);
      assert.equal((await database.findImport("p", "key-1"))?.lines, 30);
      setNow(START + DAY);
      await forget(START + 1);
      assert.equal(await database.findImport("p", "key-1"), undefined);
      assert.equal(await database.findImport("p", "key-2"), undefined);
      assert.equal((await database.findImport("p", "key-3"))?.accepted, true);
      await refuses("stale-base", stage(database, 1, 30, [add("late")]));
    },
  },
];
