// accept(), tasks, settings, idempotency, the backlog's bounds.

import assert from "node:assert/strict";

import { accept, add, hinted, id, NO_LIMIT, open, paths, refuses, remove, request, START, success } from "./subject.ts";
import type { Case } from "./subject.ts";

export const requestCases: readonly Case[] = [
  {
    name: "an accepted task is there, whole, for every user, when accept resolves",
    run: async ({ database, connect }) => {
      const other = await connect();
      const task = { id: id(1), kind: "add_artifacts", createdMs: 5, request: { paths: ["b", "a"], roles: ["r"], invalidPaths: ["x"], parent: id(9) } } as const;
      assert.deepEqual(await accept(database, 1, [add("b"), add("a")], { task }), { outcome: "accepted" });
      assert.deepEqual({ ...await other.getTask(id(1)) }, { ...task, held: false, waitingFor: [] });
      assert.deepEqual(paths(await open(other)), ["b", "a"]);
      assert.deepEqual({ ...await other.backlog() }, { changes: 2, bytes: 2 + 2 * 12 });
    },
  },
  {
    name: "an unknown task is undefined",
    run: async ({ database }) => assert.equal(await database.getTask(id(7)), undefined),
  },
  {
    name: "what tasks were accepted for is told of many at once, whether they ended or not, and of none that there is not",
    run: async ({ database }) => {
      const asked = { paths: ["ü"], roles: ["r"] };
      await accept(database, 1, [add("ü")], { task: { id: id(1), kind: "add_artifacts", createdMs: 5, request: asked } });
      await accept(database, 2, [], { result: { state: "SUCCESS", message: "done", lastUpdateMs: 7 } });
      const told = await database.requestsOf([id(2), id(7), id(1)]);
      assert.deepEqual([...told.keys()].sort(), [id(1), id(2)]);
      assert.deepEqual(told.get(id(1)), { kind: "add_artifacts", request: asked });
      assert.equal((await database.requestsOf([])).size, 0);
    },
  },
  {
    name: "a task accepted with its result has ended at once",
    run: async ({ database }) => {
      const result = { state: "FAILURE", message: "no", error: "why", details: { n: 1, list: ["ü"] }, lastUpdateMs: 7 } as const;
      await accept(database, 1, [], { result });
      const task = await database.getTask(id(1));
      assert.deepEqual(task?.result, result);
      assert.equal(task.held, false);
    },
  },
  {
    name: "a refused request leaves nothing: no task, no change, no setting, no key",
    run: async ({ database }) => {
      const idempotency = { principal: "p", key: "k", bodySha256: "1" };
      await refuses("backlog-full", accept(database, 1, [add("a"), add("b")], {
        settings: { color: "red" }, limits: { changes: 1, bytes: 1e9 }, idempotency,
      }));
      assert.equal(await database.getTask(id(1)), undefined);
      assert.deepEqual(await open(database), []);
      assert.equal(await database.setting("color"), undefined);
      assert.deepEqual({ ...await database.backlog() }, { changes: 0, bytes: 0 });
      assert.deepEqual(await accept(database, 2, [add("a")], { idempotency }), { outcome: "accepted" });
    },
  },
  {
    name: "the backlog may reach its bound of changes, not go over it",
    run: async ({ database }) => {
      const limits = { changes: 3, bytes: 1e9 };
      await accept(database, 1, [add("a")], { limits });
      await accept(database, 2, [add("b")], { limits, held: true });
      await refuses("backlog-full", accept(database, 3, [add("c"), add("d")], { limits }));
      await accept(database, 4, [add("c")], { limits });
      await refuses("backlog-full", accept(database, 5, [add("d")], { limits }));
    },
  },
  {
    name: "the backlog may reach its bound of bytes (UTF-8 of path and fragment), not go over it",
    run: async ({ database }) => {
      const change = add("ü", "r", "12345678");
      await accept(database, 1, [change], { limits: { changes: 10, bytes: 10 } });
      await refuses("backlog-full", accept(database, 2, [remove("x")], { limits: { changes: 10, bytes: 10 } }));
      await accept(database, 2, [remove("x")], { limits: { changes: 10, bytes: 11 } });
    },
  },
  {
    name: "a request without changes is accepted over a full backlog",
    run: async ({ database }) => {
      await accept(database, 1, [add("a"), add("b")], { held: true });
      await accept(database, 2, [], { releaseHeld: true, limits: { changes: 1, bytes: 1 } });
      assert.deepEqual(paths(await open(database)), ["a", "b"]);
    },
  },
  {
    name: "of concurrent requests a bad one fails alone",
    run: async ({ database }) => {
      const outcomes = await Promise.allSettled(Array.from({ length: 40 }, (_, n) => accept(database, n, [add(`p${n}`)],
        n === 17 ? { expectBootstrap: { was: "no such" } } : n === 23 ? { limits: { changes: 0, bytes: 0 } } : {})));
      assert.deepEqual(outcomes.flatMap(({ status }, n) => status === "rejected" ? [n] : []), [17, 23]);
      assert.deepEqual(new Set(paths(await open(database))), new Set(Array.from({ length: 40 }, (_, n) => `p${n}`).filter((p) => p !== "p17" && p !== "p23")));
      assert.equal(await database.getTask(id(17)), undefined);
      assert.equal((await database.backlog()).changes, 38);
    },
  },
  {
    name: "a request for a task that exists is refused whole, its neighbours are not",
    run: async ({ database }) => {
      await accept(database, 1, [add("held")], { held: true });
      const outcomes = await Promise.allSettled([
        accept(database, 2, [add("a")]), accept(database, 1, [add("b")], { releaseHeld: true, settings: { s: 1 } }), accept(database, 3, [add("c")]),
      ]);
      assert.deepEqual(outcomes.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
      assert.deepEqual(paths(await open(database)), ["a", "c"]);
      assert.equal((await database.backlog()).changes, 3);
    },
  },
  {
    name: "the same Idempotency-Key with the same body is replayed, and nothing is applied twice",
    run: async ({ database, connect }) => {
      const other = await connect();
      const idempotency = { principal: "p", key: "k", bodySha256: "aa" };
      await accept(database, 1, [add("a")], { idempotency });
      assert.deepEqual({ ...await accept(other, 2, [add("a")], { idempotency, settings: { x: 1 } }) }, { outcome: "replayed", taskId: id(1) });
      assert.equal((await open(database)).length, 1);
      assert.equal(await database.getTask(id(2)), undefined);
      assert.equal(await database.setting("x"), undefined);
    },
  },
  {
    name: "a replay is answered before any bound is looked at",
    run: async ({ database }) => {
      const idempotency = { principal: "p", key: "k", bodySha256: "aa" };
      await accept(database, 1, [add("a")], { idempotency, settings: { bootstrap: "x" } });
      const again = await accept(database, 2, [add("a")], { idempotency, limits: { changes: 0, bytes: 0 }, expectBootstrap: { was: undefined } });
      assert.equal(again.outcome, "replayed");
    },
  },
  {
    name: "the same Idempotency-Key with another body is refused; of another principal it is another key",
    run: async ({ database }) => {
      await accept(database, 1, [add("a")], { idempotency: { principal: "p", key: "k", bodySha256: "aa" } });
      await refuses("idempotency-key-reused", accept(database, 2, [add("b")], { idempotency: { principal: "p", key: "k", bodySha256: "bb" } }));
      assert.deepEqual(paths(await open(database)), ["a"]);
      assert.equal((await accept(database, 3, [add("b")], { idempotency: { principal: "q", key: "k", bodySha256: "bb" } })).outcome, "accepted");
    },
  },
  {
    name: "of concurrent requests with one key one is accepted, the others are replays of it",
    run: async ({ database, connect }) => {
      const users = [database, await connect()];
      const answers = await Promise.all(Array.from({ length: 12 }, (_, n) =>
        accept(users[n % 2]!, n, [add("a")], { idempotency: { principal: "p", key: "k", bodySha256: "aa" } })));
      assert.equal(answers.filter(({ outcome }) => outcome === "accepted").length, 1);
      const winner = answers.findIndex(({ outcome }) => outcome === "accepted");
      assert.deepEqual(new Set(answers.flatMap((answer) => answer.outcome === "replayed" ? [answer.taskId] : [])), new Set([id(winner)]));
      assert.equal((await open(database)).length, 1);
    },
  },
  {
    name: "settings change with the request that carries them, and keep their shape",
    run: async ({ database, connect }) => {
      const value = { a: [1, "zwei", null, true], b: { c: 0.5 } };
      await accept(database, 1, [], { settings: { one: value, two: null, three: "" } });
      await accept(database, 2, [], { settings: { three: "now" } });
      const other = await connect();
      assert.deepEqual(await other.setting("one"), value);
      assert.equal(await other.setting("two"), null);
      assert.equal(await other.setting("four"), undefined);
      assert.deepEqual({ ...await other.settings() }, { one: value, two: null, three: "now" });
    },
  },
  {
    name: "a bootstrap is accepted only while its setting is as expected, compared by value",
    run: async ({ database }) => {
      await accept(database, 1, [], { expectBootstrap: { was: undefined }, settings: { bootstrap: { state: "started", n: 1 } } });
      await refuses("busy-bootstrap", accept(database, 2, [], { expectBootstrap: { was: undefined }, settings: { bootstrap: "mine" } }));
      await refuses("busy-bootstrap", accept(database, 3, [], { expectBootstrap: { was: { state: "started", n: 2 } } }));
      await accept(database, 4, [], { expectBootstrap: { was: { n: 1, state: "started" } }, settings: { bootstrap: "done" } });
      assert.equal(await database.setting("bootstrap"), "done");
    },
  },
  {
    name: "of two bootstraps at once one is accepted",
    run: async ({ database, connect }) => {
      const other = await connect();
      const outcomes = await Promise.allSettled([database, other].map((db, n) =>
        accept(db, n, [], { expectBootstrap: { was: undefined }, settings: { bootstrap: n } })));
      assert.deepEqual(outcomes.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    },
  },
  {
    name: "a large request is accepted whole and in order, or not at all",
    run: async ({ database }) => {
      const many = Array.from({ length: 5000 }, (_, n) => add(`path/${n}`));
      const [, small] = await Promise.all([accept(database, 1, many), accept(database, 2, [add("small")])]);
      assert.equal(small.outcome, "accepted");
      assert.deepEqual(paths(await database.taskChanges(id(1))), paths(many));
      assert.equal((await open(database)).length, 5001);
      await refuses("backlog-full", accept(database, 3, many, { limits: { changes: 9999, bytes: 1e9 } }));
      await refuses("busy-bootstrap", accept(database, 4, many, { expectBootstrap: { was: "other" } }));
      assert.equal((await open(database)).length, 5001);
      assert.equal((await database.backlog()).changes, 5001);
    },
  },
  {
    name: "text is kept as it is, and what is no Unicode is refused",
    run: async ({ database }) => {
      const odd = ["é", "e\u0301", "\u{1F600}", "日本", "a\u0001b", "'; drop table task; --"];
      await accept(database, 1, odd.map((path) => add(path)));
      assert.deepEqual(paths(await open(database)), odd);
      await assert.rejects(accept(database, 2, [add("\ud800")]));
      await assert.rejects(accept(database, 3, [add("a", "r", "\udfff")]));
      assert.equal((await open(database)).length, odd.length);
    },
  },
  {
    name: "accepting and releasing hint `work`, in every user; an ended task hints `visible`",
    run: async ({ database, connect }) => {
      const other = await connect();
      let hints = [hinted(database, "work"), hinted(other, "work")];
      await accept(database, 1, [add("a")], { held: true });
      await Promise.all(hints);
      hints = [hinted(database, "work"), hinted(other, "work")];
      await accept(other, 2, [], { releaseHeld: true });
      await Promise.all(hints);
      hints = [hinted(database, "visible"), hinted(other, "visible")];
      await accept(other, 3, [], { result: success() });
      await Promise.all(hints);
    },
  },
  {
    name: "who stops listening hears no more",
    run: async ({ database }) => {
      let heard = 0;
      const stop = database.subscribe("work", () => { heard += 1; });
      stop();
      const hint = hinted(database, "work");
      await accept(database, 1, [add("a")]);
      await hint;
      assert.equal(heard, 0);
    },
  },
  {
    name: "what is given or answered is not shared: changing it later changes nothing stored",
    run: async ({ database }) => {
      const result = { state: "SUCCESS", message: "m", details: { list: ["a"] }, lastUpdateMs: START } as const;
      await accept(database, 1, [], { result, settings: { s: ["a"] } });
      (result.details.list as unknown as string[]).push("b");
      const setting = await database.setting("s") as string[];
      setting.push("b");
      assert.deepEqual((await database.getTask(id(1)))?.result?.details, { list: ["a"] });
      assert.deepEqual(await database.setting("s"), ["a"]);
    },
  },
  {
    name: "a closed user refuses every call; others go on",
    run: async ({ database, connect }) => {
      const other = await connect();
      await other.close();
      await refuses("unavailable", other.publisher());
      await refuses("unavailable", other.accept(request(1, [add("a")], { limits: NO_LIMIT })));
      await accept(database, 2, [add("b")]);
      assert.deepEqual(paths(await open(database)), ["b"]);
    },
  },
];
