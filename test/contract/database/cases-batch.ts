// From the cut to the commit, and what becomes of a batch that dies.

import assert from "node:assert/strict";

import { accept, add, bins, commitAll, commitOf, cutAndStage, FAR, foldAll, id, lease, open, paths, pressed, refuses, sha256, START, success } from "./subject.ts";
import { everything } from "./cases-lease.ts";
import type { Case } from "./subject.ts";

export const batchCases: readonly Case[] = [
  {
    name: "a cut binds its changes and allocates a version for each role, snapshot and timestamp",
    run: async ({ database, connect }) => {
      const other = await connect();
      const mine = await lease(database);
      await accept(database, 1, [add("a", "bins-1"), add("b"), add("c")]);
      const changes = await open(database);
      const cut = { id: id(40), base: "", changes: changes.slice(0, 2).map((change) => ({ id: change.id, task: change.task, outcome: "apply", role: change.role } as const)), roles: ["bins-0", "bins-1"] };
      assert.deepEqual({ ...await database.cut(mine, cut) }, { firstVersion: 1 });
      assert.equal((await other.publisher()).counter, 4);
      for (const db of [database, other]) assert.deepEqual(paths(await open(db)), ["c"]);
      assert.deepEqual((await other.openBatches()).map((batch) => ({ ...batch })), [{ id: id(40), base: "", changes: 2 }]);
      assert.deepEqual((await other.taskChanges(id(1))).map(({ path, outcome }) => [path, outcome]), [["a", "apply"], ["b", "apply"], ["c", undefined]]);
      assert.equal((await other.backlog()).changes, 3);
    },
  },
  {
    name: "no version is handed out twice: not after a drop, not to another publisher, not after reopening",
    run: async (subject) => {
      const { database, connect, setNow } = subject;
      const other = await connect();
      const mine = await lease(database);
      const seen: number[] = [];
      const take = (first: number, count: number): void => { for (let i = 0; i < count; i++) seen.push(first + i); };
      take((await database.cut(mine, { id: id(40), base: "", changes: [], roles: ["a", "b"] })).firstVersion, 4);
      take(await database.allocate(mine, 2, 0), 2);
      await database.dropBatch(mine, id(40), true);
      take((await database.cut(mine, { id: id(41), base: "", changes: [], roles: ["a"] })).firstVersion, 3);
      setNow(START + 1e6);
      const theirs = await lease(other, "two");
      await other.dropBatch(theirs, id(41), true);
      take(await other.allocate(theirs, 1, 100), 1);
      take(await other.allocate(theirs, 1, 5), 1);
      take((await other.cut(theirs, { id: id(42), base: "", changes: [], roles: [] })).firstVersion, 2);
      const again = await subject.reopen();
      const third = await lease(again, "two");
      take((await again.cut(third, { id: id(43), base: "", changes: [], roles: ["x"] })).firstVersion, 3);
      assert.deepEqual(seen, [...new Set(seen)].sort((a, b) => a - b));
      assert(seen.includes(101) && seen.at(-1) === 107, "above what was asked for, and on from there");
    },
  },
  {
    name: "a cut on a head that moved, or of a change no longer open or of another task, is refused and changes nothing",
    run: async ({ database }) => {
      const mine = await lease(database);
      await accept(database, 1, [add("a"), add("b"), add("c")]);
      const [a, b, c] = (await open(database)).map((change) => ({ id: change.id, task: change.task, outcome: "apply", role: change.role } as const));
      await refuses("stale-base", database.cut(mine, { id: id(40), base: sha256("x"), changes: [a!], roles: ["bins-0"] }));
      await database.cut(mine, { id: id(41), base: "", changes: [a!], roles: ["bins-0"] });
      const before = await everything(database);
      await refuses("stale-base", database.cut(mine, { id: id(42), base: "", changes: [b!, a!], roles: ["bins-0"] }));
      await refuses("stale-base", database.cut(mine, { id: id(43), base: "", changes: [c!, { ...c!, id: 12345 }], roles: ["bins-0"] }));
      await refuses("stale-base", database.cut(mine, { id: id(45), base: "", changes: [{ ...c!, task: id(2) }], roles: ["bins-0"] }));
      assert.deepEqual(await everything(database), before);
      await database.cut(mine, { id: id(44), base: "", changes: [b!, c!], roles: ["bins-0"] });
    },
  },
  {
    name: "a large cut is bound whole, or not at all",
    run: async ({ database }) => {
      const mine = await lease(database);
      await accept(database, 1, Array.from({ length: 5000 }, (_, n) => add(`p${n}`)));
      const changes = (await open(database)).map((change) => ({ id: change.id, task: change.task, outcome: "apply", role: change.role } as const));
      await refuses("stale-base", database.cut(mine, { id: id(40), base: "", changes: [...changes, { ...changes[0]!, id: 1e9 }], roles: ["bins-0"] }));
      assert.equal((await open(database)).length, 5000);
      assert.deepEqual(await database.openBatches(), []);
      await database.cut(mine, { id: id(41), base: "", changes, roles: ["bins-0"] });
      assert.equal((await open(database)).length, 0);
      await database.dropBatch(mine, id(41), true);
      assert((await open(database)).every(({ attempts }) => attempts === 1));
    },
  },
  {
    name: "a dropped batch gives its changes back, counting the attempt, and alone if it was alone",
    run: async ({ database }) => {
      const mine = await lease(database);
      await accept(database, 1, [add("a"), add("b")]);
      const tries = async (): Promise<unknown> => (await open(database)).map(({ path, attempts, attemptsAlone }) => [path, attempts, attemptsAlone]);
      await cutAndStage(database, mine, { batch: id(40) });
      await database.dropBatch(mine, id(40), true);
      assert.deepEqual(await tries(), [["a", 1, 0], ["b", 1, 0]]);
      await cutAndStage(database, mine, { batch: id(41), changes: (await open(database)).slice(1) });
      await database.dropBatch(mine, id(41), true);
      assert.deepEqual(await tries(), [["a", 1, 0], ["b", 2, 1]]);
      await cutAndStage(database, mine, { batch: id(42), changes: (await open(database)).slice(1), roleOf: () => "elsewhere" });
      await database.dropBatch(mine, id(42), false);
      assert.deepEqual(await tries(), [["a", 1, 0], ["b", 2, 1]]);
      assert.equal((await open(database))[1]?.role, "bins-0");
      assert.deepEqual(await database.openBatches(), []);
      assert.deepEqual((await database.taskChanges(id(1))).map(({ outcome }) => outcome), [undefined, undefined]);
      await refuses("stale-base", database.dropBatch(mine, id(42), true));
    },
  },
  {
    name: "held changes come back from a dropped batch as held",
    run: async ({ database }) => {
      const mine = await lease(database);
      await accept(database, 1, [add("p")], { held: true });
      await accept(database, 2, [add("p")]);
      await cutAndStage(database, mine, { batch: id(40), outcomeOf: ({ held }) => held ? "absorbed" : "apply" });
      await database.dropBatch(mine, id(40), true);
      assert.deepEqual((await open(database)).map(({ task, held }) => [task, held]), [[id(1), true], [id(2), false]]);
      assert.equal((await database.getTask(id(1)))?.held, true);
    },
  },
  {
    name: "nothing of a closed batch can be staged or committed",
    run: async ({ database }) => {
      const mine = await lease(database);
      const cut = await cutAndStage(database, mine, { batch: id(40), roles: ["r"] });
      await database.dropBatch(mine, id(40), true);
      await refuses("stale-base", database.stageResults(mine, id(40), [pressed("r", 1)]));
      await refuses("stale-base", database.stageTaskResults(mine, id(40), []));
      await refuses("stale-base", database.commit(mine, commitOf(id(40), cut, { newRoles: bins(["r"]) })));
      await commitAll(database, mine, { batch: id(41), roles: ["r"] });
      await refuses("stale-base", database.stageResults(mine, id(41), [pressed("r", 1)]));
      await refuses("stale-base", database.dropBatch(mine, id(41), true));
      await refuses("stale-base", database.commit(mine, commitOf(id(41), { ...cut, base: (await database.publisher()).head })));
      await refuses("stale-base", database.stageResults(mine, id(77), []));
    },
  },
  {
    name: "a role is staged once: the same again is nothing, another is refused",
    run: async ({ database }) => {
      const mine = await lease(database);
      const { first } = await cutAndStage(database, mine, { batch: id(40), roles: ["r"] });
      await database.stageResults(mine, id(40), [pressed("r", first), pressed("s", 90)]);
      await refuses("stale-base", database.stageResults(mine, id(40), [pressed("r", first + 50)]));
      await commitAll(database, mine, { batch: id(41), roles: [] });
      assert.equal(await database.role("r"), undefined);
    },
  },
  {
    name: "a commit moves the head, for every user, with envelopes, settings, snapshot and timestamp",
    run: async ({ database, connect, reopen }) => {
      const other = await connect();
      const mine = await lease(database);
      const cut = await cutAndStage(database, mine, { batch: id(40), roles: ["targets"] });
      const bytes = Buffer.from([0, 255, 10, 13]);
      const commit = commitOf(id(40), cut, {
        newRoles: bins(["targets"]), pressedAtMs: 777, settings: { bootstrap: { done: true } },
        envelopes: [{ role: "root", version: 1, bytes: Buffer.from("root 1") }, { role: "targets", version: cut.first, bytes }],
      });
      assert.deepEqual({ ...await database.commit(mine, commit) }, { seq: 1 });
      for (const next of [async () => other, reopen]) {
        const db = await next();
        const { lease: _, ...state } = await db.publisher();
        assert.deepEqual({ ...state }, { seq: 1, head: commit.timestamp.sha256, visible: 0, counter: 3, pressedAtMs: 777 });
        const head = await db.head();
        assert.deepEqual({ ...head, timestamp: head?.timestamp.toString() }, {
          seq: 1, sha256: commit.timestamp.sha256, timestampVersion: 3, snapshotVersion: 2, timestamp: `timestamp of ${id(40)}`, expiresMs: FAR,
        });
        assert(Buffer.isBuffer(head?.timestamp));
        assert.deepEqual({ ...await db.committed(commit.timestamp.sha256) }, { seq: 1 });
        assert.deepEqual(await db.setting("bootstrap"), { done: true });
        assert.deepEqual(await db.envelope("targets").then((e) => e && { ...e }), { version: 1, bytes });
        assert.deepEqual(await db.envelope("root", 1).then((e) => e?.bytes.toString()), "root 1");
        assert.equal(await db.envelope("root", 2), undefined);
        assert.equal(await db.envelope("bins-0"), undefined);
        assert.deepEqual({ ...await db.role("snapshot") }, { ...pressed("snapshot", 2), kind: "snapshot", parent: "", retired: false });
        assert.equal((await db.role("timestamp"))?.version, 3);
        assert.deepEqual(await db.openBatches(), []);
      }
    },
  },
  {
    name: "every root is kept, of other roles the current envelope",
    run: async ({ database }) => {
      const mine = await lease(database);
      for (const [n, version] of [[40, 1], [41, 2], [42, 3]] as const) {
        await commitAll(database, mine, { batch: id(n), roles: [] }, {
          envelopes: ["root", "targets"].map((role) => ({ role, version, bytes: Buffer.from(`${role} ${version}`) })),
        });
      }
      assert.equal((await database.envelope("root", 1))?.bytes.toString(), "root 1");
      assert.equal((await database.envelope("root"))?.version, 3);
      assert.equal((await database.envelope("targets"))?.bytes.toString(), "targets 3");
      assert.equal(await database.envelope("targets", 1), undefined);
    },
  },
  {
    name: "a commit on a head that moved is refused and changes nothing",
    run: async ({ database }) => {
      const mine = await lease(database);
      await accept(database, 1, [add("a")]);
      const cut = await cutAndStage(database, mine, { batch: id(40) });
      await commitAll(database, mine, { batch: id(41), roles: [] });
      const before = await everything(database);
      await refuses("stale-base", database.commit(mine, commitOf(id(40), cut, { newRoles: bins(cut.roles) })));
      await refuses("stale-base", database.commit(mine, commitOf(id(40), { ...cut, base: (await database.publisher()).head }, { newRoles: bins(cut.roles) })));
      assert.deepEqual(await everything(database), before);
    },
  },
  {
    name: "an open batch goes on on the head that others made of other roles, with versions above theirs, and not when they touched its own",
    run: async ({ database, connect }) => {
      const mine = await lease(database);
      await commitAll(database, mine, { batch: id(39), roles: ["bins-0", "bins-1", "targets"], changes: [] });
      await foldAll(database, mine);
      await accept(database, 1, [add("a"), add("b", "bins-1")]);
      const [a, b] = await open(database);
      const cut = await cutAndStage(database, mine, { batch: id(40), changes: [a!] });
      await refuses("stale-base", database.rebase(mine, id(41), cut.base));
      await refuses("stale-base", database.rebase(mine, id(40), sha256("other")));
      await commitAll(database, mine, { batch: id(41), changes: [b!], known: true });
      const { head: base, counter } = await database.publisher();
      const { snapshotVersion } = await database.rebase(mine, id(40), base);
      assert.equal(snapshotVersion, counter + 1);
      assert.equal((await (await connect()).publisher()).counter, counter + 2);
      assert.deepEqual((await database.openBatches()).map((batch) => [batch.id, batch.base]), [[id(40), base]]);
      const commit = commitOf(id(40), { ...cut, base });
      await refuses("stale-base", database.commit(mine, commitOf(id(40), cut)));
      await database.commit(mine, { ...commit, snapshot: pressed("snapshot", snapshotVersion), timestamp: { ...commit.timestamp, version: snapshotVersion + 1 } });
      await foldAll(database, mine);
      assert.deepEqual([await database.listed("bins-0", ["a"]), await database.listed("bins-1", ["b"])], [new Set(["a"]), new Set(["b"])]);
      const names = (await database.dueGarbage(FAR, 100)).map(({ name }) => name);
      assert(names.includes(`${String(cut.first + 1)}.snapshot.json`) && !names.includes(`${String(snapshotVersion)}.snapshot.json`), "what the cut gave for the snapshot is used up");
    },
  },
  {
    name: "an open batch whose role, or top-level targets, was published since its cut stays on its base, whether that is folded or not",
    run: async ({ database }) => {
      const mine = await lease(database);
      await commitAll(database, mine, { batch: id(39), roles: ["bins-0", "bins-1", "targets"], changes: [] });
      for (const [n, role] of [[1, "bins-0"], [2, "targets"]] as const) {
        await cutAndStage(database, mine, { batch: id(40 + n), roles: ["bins-0"], changes: [] });
        await commitAll(database, mine, { batch: id(50 + n), roles: [role], changes: [], known: true });
        const { head } = await database.publisher();
        await refuses("stale-base", database.rebase(mine, id(40 + n), head));
        await foldAll(database, mine);
        await refuses("stale-base", database.rebase(mine, id(40 + n), head));
        await database.dropBatch(mine, id(40 + n), false);
      }
    },
  },
  {
    name: "a batch that went on and is dropped leaves the name of its last snapshot behind",
    run: async ({ database }) => {
      const mine = await lease(database);
      await cutAndStage(database, mine, { batch: id(40), roles: ["bins-0"], changes: [] });
      await commitAll(database, mine, { batch: id(41), roles: ["bins-1"], changes: [] });
      const { snapshotVersion } = await database.rebase(mine, id(40), (await database.publisher()).head);
      await database.dropBatch(mine, id(40), true);
      await commitAll(database, mine, { batch: id(42), roles: ["bins-1"], changes: [], known: true });
      assert((await database.dueGarbage(FAR, 100)).some(({ name }) => name === `${String(snapshotVersion)}.snapshot.json`));
    },
  },
  {
    name: "others are published while many changes are bound; that batch goes on from what they made, its versions below theirs",
    run: async ({ database }) => {
      const mine = await lease(database);
      await commitAll(database, mine, { batch: id(39), roles: ["bins-0", "bins-1"], changes: [] });
      await foldAll(database, mine);
      await accept(database, 1, Array.from({ length: 5_200 }, (_, n) => add(`p${n}`)));
      await accept(database, 2, [add("b", "bins-1")]);
      const { head: base } = await database.publisher();
      const all = await open(database);
      const changes = all.slice(0, -1).map(({ id: change, task, role }) => ({ id: change, task, outcome: "apply", role } as const));
      const [begun, held] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
      let [asked, over] = [0, false];
      const cut = database.cut(mine, { id: id(40), base, changes, roles: ["bins-0"] }, () => {
        asked += 1;
        begun.resolve(undefined);
        return held.promise;
      }).finally(() => { over = true; });
      // Sessions of PostgreSQL come in any order.
      await begun.promise;
      const others = await commitAll(database, mine, { batch: id(41), changes: all.slice(-1), known: true });
      assert.deepEqual([asked, over], [1, false], "whoever cuts holds it up");
      held.resolve(undefined);
      const { firstVersion: first } = await cut;
      assert(others.first > first + 2, "snapshot and timestamp of the large one, too");
      await database.stageResults(mine, id(40), [pressed("bins-0", first)]);
      const { head } = await database.publisher();
      await refuses("stale-base", database.commit(mine, commitOf(id(40), { base, first, roles: ["bins-0"] })));
      const { snapshotVersion } = await database.rebase(mine, id(40), head);
      const commit = commitOf(id(40), { base: head, first, roles: ["bins-0"] });
      await database.commit(mine, { ...commit, snapshot: pressed("snapshot", snapshotVersion), timestamp: { ...commit.timestamp, version: snapshotVersion + 1 } });
      await foldAll(database, mine);
      assert.deepEqual([await database.listed("bins-0", ["p0", "p5199"]), await database.listed("bins-1", ["b"])], [new Set(["p0", "p5199"]), new Set(["b"])]);
      assert.deepEqual(await database.backlog(), { changes: 0, bytes: 0 });
    },
  },
  {
    name: "a cut of many slices beside folding is bound whole",
    run: async ({ database }) => {
      const mine = await lease(database);
      const count = 10_200;
      await accept(database, 1, Array.from({ length: count }, (_, n) => add(`p${n}`)));
      const changes = (await open(database)).map((change) => ({ id: change.id, task: change.task, outcome: "apply", role: change.role } as const));
      const cut = database.cut(mine, { id: id(40), base: "", changes, roles: ["bins-0"] });
      let over = false;
      const ended = cut.finally(() => { over = true; });
      while (!(over as boolean)) await database.fold(mine, 10);
      await ended;
      assert.deepEqual((await database.openBatches()).map((batch) => batch.changes), [count]);
      await database.dropBatch(mine, id(40), true);
      assert.equal((await open(database)).length, count);
    },
  },
  {
    name: "every committed head is known by its hash, in its order",
    run: async ({ database }) => {
      const mine = await lease(database);
      for (const n of [40, 41, 42]) await commitAll(database, mine, { batch: id(n), roles: [] });
      for (const [n, seq] of [[40, 1], [41, 2], [42, 3]] as const) {
        assert.equal((await database.committed(sha256(`timestamp of ${id(n)}`)))?.seq, seq);
      }
      assert.equal(await database.committed(sha256("foreign")), undefined);
      assert.equal((await database.head())?.seq, 3);
    },
  },
  {
    name: "the moment of pressing never falls",
    run: async ({ database }) => {
      const mine = await lease(database);
      await commitAll(database, mine, { batch: id(40), roles: [] }, { pressedAtMs: 900 });
      await commitAll(database, mine, { batch: id(41), roles: [] }, { pressedAtMs: 800 });
      assert.equal((await database.publisher()).pressedAtMs, 900);
    },
  },
  {
    name: "a staged task result counts once its batch is committed and visible, not before",
    run: async ({ database, connect }) => {
      const other = await connect();
      const mine = await lease(database);
      await accept(database, 1, [add("a")]);
      const cut = await cutAndStage(database, mine, { batch: id(40) });
      await database.stageTaskResults(mine, id(40), [{ task: id(1), result: success() }]);
      const shown = async (): Promise<boolean[]> => Promise.all([database, other].map(async (db) => "result" in (await db.getTask(id(1)))!));
      assert.deepEqual(await shown(), [false, false]);
      const { seq } = await database.commit(mine, commitOf(id(40), cut, { newRoles: bins(cut.roles) }));
      assert.deepEqual(await shown(), [false, false]);
      await foldAll(database, mine);
      assert.deepEqual(await shown(), [false, false]);
      await database.markVisible(mine, seq);
      assert.deepEqual((await other.getTask(id(1)))?.result, success());
    },
  },
  {
    name: "a result staged for a batch that was dropped never counts; the next batch's does",
    run: async ({ database }) => {
      const mine = await lease(database);
      await accept(database, 1, [add("a")]);
      await cutAndStage(database, mine, { batch: id(40) });
      await database.stageTaskResults(mine, id(40), [{ task: id(1), result: { ...success(), message: "first" } }]);
      await database.dropBatch(mine, id(40), true);
      const { seq } = await commitAll(database, mine, { batch: id(41), roles: [], changes: [] });
      await database.markVisible(mine, seq);
      assert.equal((await database.getTask(id(1)))?.result, undefined);
      const cut = await cutAndStage(database, mine, { batch: id(42) });
      await database.stageTaskResults(mine, id(42), [{ task: id(1), result: { ...success(), message: "second" } }]);
      await database.markVisible(mine, (await database.commit(mine, commitOf(id(42), cut, { newRoles: bins(cut.roles) }))).seq);
      assert.equal((await database.getTask(id(1)))?.result?.message, "second");
    },
  },
  {
    name: "a result that counts, or will, is not replaced",
    run: async ({ database }) => {
      const mine = await lease(database);
      await accept(database, 1, [add("a")]);
      await accept(database, 2, [add("b")]);
      await database.endTasks(mine, [{ task: id(2), result: { ...success(), message: "first" } }]);
      const cut = await cutAndStage(database, mine, { batch: id(40) });
      await database.stageTaskResults(mine, id(40), [1, 2].map((n) => ({ task: id(n), result: { ...success(), message: "staged" } })));
      const { seq } = await database.commit(mine, commitOf(id(40), cut, { newRoles: bins(cut.roles) }));
      await database.endTasks(mine, [1, 2].map((n) => ({ task: id(n), result: { ...success(), message: "late" } })));
      await database.markVisible(mine, seq);
      assert.deepEqual(await Promise.all([1, 2].map(async (n) => (await database.getTask(id(n)))?.result?.message)), ["staged", "first"]);
    },
  },
  {
    name: "tasks ended without a batch count at once, leave the queue and the backlog, with settings",
    run: async ({ database, connect }) => {
      const other = await connect();
      const mine = await lease(database);
      await accept(database, 1, [add("a"), add("b")]);
      await accept(database, 2, [add("c")], { held: true });
      await accept(database, 3, [add("d")]);
      const failed = { state: "FAILURE", message: "no", error: "because", lastUpdateMs: START } as const;
      await database.endTasks(mine, [1, 2].map((n) => ({ task: id(n), result: failed })), { color: "blue" });
      assert.deepEqual((await other.getTask(id(1)))?.result, failed);
      assert.equal((await other.getTask(id(2)))?.held, false);
      assert.deepEqual(paths(await open(other)), ["d"]);
      assert.deepEqual({ ...await other.backlog() }, { changes: 1, bytes: 13 });
      assert.equal(await other.setting("color"), "blue");
      assert.deepEqual((await other.taskChanges(id(1))).map(({ outcome }) => outcome), ["set-aside", "set-aside"]);
      await foldAll(database, mine);
      assert.deepEqual(await other.taskChanges(id(1)), []);
      await accept(database, 4, [], { releaseHeld: true });
      assert.deepEqual(paths(await open(other)), ["d"]);
    },
  },
  {
    name: "a task that ends while one of its changes is in a batch keeps that change in the batch",
    run: async ({ database }) => {
      const mine = await lease(database);
      await accept(database, 1, [add("a"), add("b")]);
      const [a] = await open(database);
      const cut = await cutAndStage(database, mine, { batch: id(40), changes: [a!] });
      await database.endTasks(mine, [{ task: id(1), result: success() }]);
      assert.deepEqual(await open(database), []);
      assert.equal((await database.backlog()).changes, 1);
      await database.commit(mine, commitOf(id(40), cut, { newRoles: bins(cut.roles) }));
      await foldAll(database, mine);
      assert.deepEqual(await database.listed("bins-0", ["a", "b"]), new Set(["a"]));
      assert.deepEqual({ ...await database.backlog() }, { changes: 0, bytes: 0 });
      assert.deepEqual(await database.taskChanges(id(1)), []);
    },
  },
  {
    name: "a change that a dropped batch gives back to a task that ended meanwhile is out of the queue",
    run: async ({ database }) => {
      const mine = await lease(database);
      await accept(database, 1, [add("a")]);
      await accept(database, 2, [add("b")]);
      await cutAndStage(database, mine, { batch: id(40) });
      await database.endTasks(mine, [{ task: id(1), result: success() }]);
      await database.dropBatch(mine, id(40), true);
      assert.deepEqual(paths(await open(database)), ["b"]);
      assert.equal((await database.backlog()).changes, 1);
      await foldAll(database, mine);
      assert.deepEqual(await database.taskChanges(id(1)), []);
      assert.equal((await database.taskChanges(id(2))).length, 1);
    },
  },
];
