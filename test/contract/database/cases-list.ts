// Lists in pages: complete, in order, stable under writes.

import assert from "node:assert/strict";

import { SUMMARY_CHARACTERS } from "../../../src/ports/database.ts";
import type { ArtifactPlace, ArtifactRange, Database, TaskFilter, TaskPlace, TaskSummary } from "../../../src/ports/database.ts";
import { accept, add, commitAll, cutAndStage, commitOf, bins, foldAll, id, lease, open, refresh, remove, START, success } from "./subject.ts";
import type { Case } from "./subject.ts";

/** Every page, each begun where the last one ended. */
async function allArtifacts(db: Database, range: ArtifactRange, limit: number, between: () => Promise<void> = async () => {}): Promise<string[]> {
  const found: string[] = [];
  for (let after: ArtifactPlace | undefined, pages = 0; ; pages++) {
    assert(pages < 200, "the list never ends");
    const page = await db.artifacts(range, after, limit);
    assert(page.length <= limit);
    found.push(...page.map(({ role, path }) => `${role} ${path}`));
    const last = page.at(-1);
    if (last === undefined) return found;
    after = { path: last.path, role: last.role };
    await between();
  }
}

async function allTasks(db: Database, filter: TaskFilter, limit: number, between: () => Promise<void> = async () => {}): Promise<TaskSummary[]> {
  const found: TaskSummary[] = [];
  for (let after: TaskPlace | undefined, pages = 0; ; pages++) {
    assert(pages < 1000, "the list never ends");
    const { rows, next } = await db.tasks(filter, after, limit);
    assert(rows.length <= limit);
    found.push(...rows);
    if (next === undefined) return found;
    after = next;
    await between();
  }
}

const numbers = (tasks: readonly TaskSummary[]): number[] => tasks.map((task) => Number.parseInt(task.id, 16));

export const listCases: readonly Case[] = [
  {
    name: "artifacts come in order of path by UTF-8 bytes, then of role, whatever the size of a page",
    run: async ({ database }) => {
      const mine = await lease(database);
      await accept(database, 1, [add("b"), add("a", "bins-1"), add("b", "a-role"), add("\u{10000}"), add("\uffee", "bins-1"), add("a/b"), add("A")]);
      await commitAll(database, mine, { batch: id(40) });
      await foldAll(database, mine);
      const expected = ["bins-0 A", "bins-1 a", "bins-0 a/b", "a-role b", "bins-0 b", "bins-1 \uffee", "bins-0 \u{10000}"];
      for (const limit of [1, 2, 3, 100]) assert.deepEqual(await allArtifacts(database, {}, limit), expected);
      assert.deepEqual(await allArtifacts(database, { role: "bins-0" }, 2), expected.filter((row) => row.startsWith("bins-0")));
      assert.deepEqual(await allArtifacts(database, { role: "none" }, 2), []);
    },
  },
  {
    name: "a range of artifacts begins with `from` and ends before `before`, in all roles or in one",
    run: async ({ database }) => {
      const mine = await lease(database);
      await accept(database, 1, ["a", "b", "b/1", "b/2", "b0", "c"].map((path, n) => add(path, `bins-${n % 2}`)));
      await commitAll(database, mine, { batch: id(40) });
      await foldAll(database, mine);
      for (const limit of [1, 9]) {
        assert.deepEqual(await allArtifacts(database, { from: "b", before: "b0" }, limit), ["bins-1 b", "bins-0 b/1", "bins-1 b/2"]);
        assert.deepEqual(await allArtifacts(database, { from: "b", before: "b0", role: "bins-1" }, limit), ["bins-1 b", "bins-1 b/2"]);
        assert.deepEqual(await allArtifacts(database, { from: "b0" }, limit), ["bins-0 b0", "bins-1 c"]);
        assert.deepEqual(await allArtifacts(database, { before: "b" }, limit), ["bins-0 a"]);
      }
      assert.deepEqual(await database.artifacts({ from: "b" }, { path: "a", role: "z" }, 1), await database.artifacts({ from: "b" }, undefined, 1));
      assert.deepEqual((await database.artifacts({ from: "b" }, { path: "b0", role: "a" }, 1)).map(({ path }) => path), ["b0"]);
    },
  },
  {
    name: "what stays is listed once though artifacts come and go between the pages",
    run: async ({ database }) => {
      const mine = await lease(database);
      const stay = Array.from({ length: 20 }, (_, n) => `stays/${String(n).padStart(2, "0")}`);
      await accept(database, 1, [...stay.map((path, n) => add(path, `bins-${n % 3}`)), add("stays/05a"), add("zz")]);
      await commitAll(database, mine, { batch: id(40) });
      await foldAll(database, mine);
      let n = 1;
      const churn = async (): Promise<void> => {
        n += 1;
        await accept(database, n, [add(`a${n}`), add(`stays/${n}x`), remove("stays/05a"), remove("zz")]);
        await commitAll(database, mine, { batch: id(40 + n), known: true });
        await foldAll(database, mine);
      };
      const found = await allArtifacts(database, {}, 4, churn);
      assert.equal(new Set(found).size, found.length);
      assert.deepEqual(found.map((row) => row.split(" ")[1]).filter((path) => stay.includes(path ?? "")), stay);
    },
  },
  {
    name: "an artifact is listed once its batch is folded, with when that was committed; a move keeps the time",
    run: async ({ database, setNow }) => {
      const mine = await lease(database);
      await accept(database, 1, [add("a"), add("b")]);
      setNow(START + 7);
      await commitAll(database, mine, { batch: id(40) });
      assert.deepEqual(await database.artifacts({}, undefined, 9), []);
      setNow(START + 8);
      await foldAll(database, mine);
      const times = async (): Promise<unknown[]> => (await database.artifacts({}, undefined, 9)).map(({ role, path, fragment, publishedMs }) => [role, path, fragment, publishedMs]);
      assert.deepEqual(await times(), [["bins-0", "a", `{"length":1}`, START + 7], ["bins-0", "b", `{"length":1}`, START + 7]]);
      await accept(database, 2, [add("a", "bins-0", `{"length":2}`)]);
      const cut = await cutAndStage(database, mine, { batch: id(41) });
      await database.stageMoves(mine, id(41), [{ path: "b", from: "bins-0", to: "other" }]);
      setNow(START + 9);
      await database.commit(mine, commitOf(id(41), cut));
      await foldAll(database, mine);
      assert.deepEqual(await times(), [["bins-0", "a", `{"length":2}`, START + 9], ["other", "b", `{"length":1}`, START + 7]]);
    },
  },
  {
    name: "an artifact is listed with the version of its role, which moves with every batch that presses it",
    run: async ({ database }) => {
      const mine = await lease(database);
      const versions = async (range: ArtifactRange = {}): Promise<unknown[]> => (await database.artifacts(range, undefined, 9)).map(({ path, version }) => [path, version]);
      const of = async (role: string): Promise<number | undefined> => (await database.role(role))?.version;
      await accept(database, 1, [add("a"), add("b", "bins-1")]);
      await commitAll(database, mine, { batch: id(40) });
      await foldAll(database, mine);
      const first = [await of("bins-0"), await of("bins-1")];
      assert.deepEqual(await versions(), [["a", first[0]], ["b", first[1]]]);
      await accept(database, 2, [add("c")]);
      await commitAll(database, mine, { batch: id(41), known: true });
      await foldAll(database, mine);
      assert.ok(((await of("bins-0")) ?? 0) > (first[0] ?? 0));
      assert.deepEqual(await versions(), [["a", await of("bins-0")], ["b", first[1]], ["c", await of("bins-0")]]);
      assert.deepEqual(await versions({ role: "bins-1" }), [["b", first[1]]]);
    },
  },
  {
    name: "the artifacts of a role are counted, up to a bound",
    run: async ({ database }) => {
      const mine = await lease(database);
      await accept(database, 1, [add("a"), add("b"), add("c"), add("d", "bins-1")]);
      await commitAll(database, mine, { batch: id(40) });
      await foldAll(database, mine);
      assert.deepEqual([await database.countArtifacts("bins-0", 100), await database.countArtifacts("bins-0", 2), await database.countArtifacts("none", 100)], [3, 2, 0]);
    },
  },
  {
    name: "roles come in order of name, of one kind, live or retired, or by when they expire",
    run: async ({ database }) => {
      const mine = await lease(database);
      const cut = await cutAndStage(database, mine, { batch: id(40), changes: [], roles: ["targets", "B", "bins-1", "bins-0"] });
      await database.commit(mine, commitOf(id(40), cut, { newRoles: [...bins(["targets", "bins-0", "bins-1"]), { name: "B", kind: "delegated", parent: "targets" }] }));
      await foldAll(database, mine);
      await database.commit(mine, commitOf(id(41), await cutAndStage(database, mine, { batch: id(41), changes: [], roles: [] }), { retiredRoles: ["bins-1"] }));
      await foldAll(database, mine);
      const names = async (...args: Parameters<Database["rolesAfter"]>): Promise<string[]> => (await database.rolesAfter(...args)).map(({ role }) => role);
      assert.deepEqual(await names(undefined, {}, 9), ["B", "bins-0", "bins-1", "snapshot", "targets", "timestamp"]);
      assert.deepEqual(await names("bins-0", {}, 2), ["bins-1", "snapshot"]);
      assert.deepEqual(await names(undefined, { kind: "bins" }, 9), ["bins-0", "bins-1"]);
      assert.deepEqual(await names(undefined, { kind: "bins", retired: false }, 9), ["bins-0"]);
      assert.deepEqual(await names(undefined, { retired: true }, 9), ["bins-1"]);
      assert.deepEqual(await names(undefined, { expiresBeforeMs: 5 }, 9), []);
      assert.equal((await names(undefined, { expiresBeforeMs: 1e15 }, 9)).length, 6);
    },
  },
  {
    name: "tasks come newest first, in pages, by kind, by time, by state",
    run: async ({ database, setNow }) => {
      const mine = await lease(database);
      const kinds = ["add_artifacts", "remove_artifacts", "publish_artifacts"] as const;
      for (let n = 1; n <= 12; n++) {
        setNow(START + n);
        const task = { id: id(n), kind: kinds[n % 3]!, createdMs: START + Math.floor(n / 2), request: {} };
        await accept(database, n, n > 9 ? [refresh("bins-0")] : [], { task, ...(n > 9 ? {} : { result: { ...success(START + n), state: n % 4 === 0 ? "FAILURE" as const : "SUCCESS" as const } }) });
      }
      const all = [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1];
      for (const limit of [1, 2, 5, 12, 100]) assert.deepEqual(numbers(await allTasks(database, {}, limit)), all);
      for (const limit of [1, 100]) {
        assert.deepEqual(numbers(await allTasks(database, { kind: "add_artifacts" }, limit)), [12, 9, 6, 3]);
        assert.deepEqual(numbers(await allTasks(database, { state: "FAILURE" }, limit)), [8, 4]);
        assert.deepEqual(numbers(await allTasks(database, { state: "open" }, limit)), [12, 11, 10]);
        assert.deepEqual(numbers(await allTasks(database, { state: "SUCCESS", kind: "remove_artifacts" }, limit)), [7, 1]);
        assert.deepEqual(numbers(await allTasks(database, { state: "ERRORED" }, limit)), []);
        assert.deepEqual(numbers(await allTasks(database, { createdFromMs: START + 2, createdBeforeMs: START + 4 }, limit)), [7, 6, 5, 4]);
        assert.deepEqual(numbers(await allTasks(database, { createdBeforeMs: START + 2, state: "SUCCESS" }, limit)), [3, 2, 1]);
      }
      await commitAll(database, mine, { batch: id(40), roles: ["bins-0"] });
      assert.deepEqual(numbers(await allTasks(database, { state: "open" }, 9)), [12, 11, 10]);
    },
  },
  {
    name: "tasks that stay are listed once though others are accepted, end and are forgotten between the pages",
    run: async ({ database, setNow }) => {
      const mine = await lease(database);
      const at = async (n: number, createdMs: number, ended: boolean): Promise<void> => {
        setNow(createdMs);
        const task = { id: id(n), kind: "add_artifacts" as const, createdMs, request: {} };
        await accept(database, n, ended ? [] : [add(`p${n}`)], { task, ...(ended ? { result: success(createdMs) } : {}) });
      };
      // Four in each millisecond; the first four are old enough to be forgotten, the last ones have not ended.
      for (let n = 1; n <= 24; n++) await at(n, START + Math.floor(n / 4), n <= 20);
      let n = 100;
      for (const filter of [{}, { state: "SUCCESS" as const }, { kind: "add_artifacts" as const }]) {
        const churn = async (): Promise<void> => {
          // Of the millisecond that the newest one has, and a later one.
          for (const ms of [START + 6, START + 7]) await at(n += 1, ms, true);
          await database.forgetBefore(mine, { tasksMs: START + 2, committedMs: 0, idempotencyMs: 0, noticesMs: 0, mostNotices: 1000 }, 1);
        };
        const found = numbers(await allTasks(database, filter, 3, churn));
        assert.equal(new Set(found).size, found.length);
        const stay = Array.from({ length: 24 }, (_, at) => 24 - at).filter((one) => one >= 8 && (!("state" in filter) || one <= 20));
        assert.deepEqual(found.filter((one) => stay.includes(one)), stay);
      }
    },
  },
  {
    name: "roles that stay are listed once though others come, retire and are pressed between the pages",
    run: async ({ database }) => {
      const mine = await lease(database);
      const stay = ["bins-0", "bins-1", "bins-2", "m", "targets"];
      const commit = async (n: number, roles: readonly string[], fresh: readonly string[], retiredRoles: readonly string[]): Promise<void> => {
        await database.commit(mine, commitOf(id(n), await cutAndStage(database, mine, { batch: id(n), changes: [], roles }), { newRoles: bins(fresh), retiredRoles }));
        await foldAll(database, mine);
      };
      await commit(40, [...stay, "gone"], [...stay, "gone"], []);
      const found: string[] = [];
      for (let n = 41, page = await database.rolesAfter(undefined, { retired: false }, 2); page.length > 0; n++) {
        found.push(...page.map(({ role }) => role));
        // One before the place of the list, one behind it; each page's last role is pressed anew.
        await commit(n, [...new Set([`a${n}`, `z${n}`, stay[n % stay.length] ?? ""])], [`a${n}`, `z${n}`], n === 41 ? ["gone"] : []);
        page = n > 60 ? [] : await database.rolesAfter(found.at(-1), { retired: false }, 2);
      }
      assert.equal(new Set(found).size, found.length);
      assert.deepEqual(found.filter((role) => stay.includes(role)), stay);
    },
  },
  {
    name: "a list tells of a task what counts: nothing until its batch is visible, and its texts cut",
    run: async ({ database }) => {
      const mine = await lease(database);
      await accept(database, 1, [add("a")], { held: true });
      await accept(database, 2, [add("b")]);
      const only = async (n: number): Promise<TaskSummary | undefined> => (await database.tasks({}, undefined, 9)).rows.find((row) => row.id === id(n));
      assert.deepEqual({ ...await only(1) }, { id: id(1), kind: "add_artifacts", createdMs: START, held: true });
      const cut = await cutAndStage(database, mine, { batch: id(40), changes: await open(database) });
      const long = "\u{1F600}".repeat(SUMMARY_CHARACTERS + 1);
      await database.stageTaskResults(mine, id(40), [{ task: id(2), result: { state: "ERRORED", message: long, error: `${long}!`, details: { x: long }, lastUpdateMs: START + 3 } }]);
      const { seq } = await database.commit(mine, commitOf(id(40), cut, { newRoles: bins(cut.roles) }));
      assert.deepEqual({ ...await only(2) }, { id: id(2), kind: "add_artifacts", createdMs: START, held: false });
      assert.deepEqual(numbers(await allTasks(database, { state: "ERRORED" }, 9)), []);
      await database.markVisible(mine, seq);
      const text = "\u{1F600}".repeat(SUMMARY_CHARACTERS);
      assert.deepEqual({ ...(await only(2))?.result }, { state: "ERRORED", message: text, error: text, lastUpdateMs: START + 3 });
      assert.deepEqual(numbers(await allTasks(database, { state: "ERRORED" }, 9)), [2]);
    },
  },
];
