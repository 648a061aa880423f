// Notices: told once, in order, never lost, forgotten from the oldest on.

import assert from "node:assert/strict";

import type { Database, Notice } from "../../../src/ports/database.ts";
import { accept, add, bins, commitOf, cutAndStage, foldAll, hinted, id, lease, open, refuses, START, success } from "./subject.ts";
import type { Case } from "./subject.ts";

/** All notices after `after`, read `limit` at a time. */
async function told(db: Database, after = "", limit = 2): Promise<Notice[]> {
  const found: Notice[] = [];
  for (let from = after; ;) {
    const { rows } = await db.notices(from, limit);
    assert(rows.length <= limit);
    const last = rows.at(-1);
    if (last === undefined) return found;
    found.push(...rows);
    from = last.id;
  }
}

const inShort = (notices: readonly Notice[]): string[] => notices.map(({ kind, about }) => `${kind} ${JSON.stringify(about["task_id"] ?? about["seq"] ?? about["code"] ?? about["role"]).replaceAll('"', "")}`);

export const noticeCases: readonly Case[] = [
  {
    name: "a task's end is told when its result counts: at once, or after the head that shows it, once",
    run: async ({ database, setNow }) => {
      const mine = await lease(database);
      await accept(database, 1, [], { result: success() });
      for (const n of [2, 3, 4, 5]) await accept(database, n, [add(`p${n}`)]);
      await database.endTasks(mine, [{ task: id(5), result: { ...success(), state: "FAILURE" } }]);
      const cut = await cutAndStage(database, mine, { batch: id(40) });
      await database.stageTaskResults(mine, id(40), [4, 2, 3].map((n) => ({ task: id(n), result: success() })));
      const { seq } = await database.commit(mine, commitOf(id(40), cut, { newRoles: bins(cut.roles) }));
      assert.deepEqual(inShort(await told(database)), [`task-finished ${id(1)}`, `task-finished ${id(5)}`]);
      setNow(START + 9);
      await database.markVisible(mine, seq);
      await database.markVisible(mine, seq);
      await foldAll(database, mine);
      const all = await told(database);
      assert.deepEqual(inShort(all), [`task-finished ${id(1)}`, `task-finished ${id(5)}`, "published 1", ...[2, 3, 4].map((n) => `task-finished ${id(n)}`)]);
      assert.deepEqual({ ...all[2]?.about }, { seq: 1, timestamp_version: cut.first + cut.roles.length + 1, snapshot_version: cut.first + cut.roles.length, changes: 3 });
      assert.deepEqual({ ...all[3]?.about }, { task_id: id(2), task: "add_artifacts", state: "SUCCESS" });
      assert.deepEqual(all.map(({ atMs }) => atMs), [START, START, START + 9, START + 9, START + 9, START + 9]);
      assert.equal(new Set(all.map((notice) => notice.id)).size, all.length);
      for (const limit of [1, 3, 100]) assert.deepEqual(await told(database, "", limit), all);
      for (const [n, notice] of all.entries()) {
        assert.match(notice.id, /^[0-9.]+$/);
        assert.deepEqual(await told(database, notice.id, 2), all.slice(n + 1));
      }
      assert.equal(await database.lastNotice(), all.at(-1)?.id);
    },
  },
  {
    name: "a head that was folded before it was shown, and one shown together with the next, are told with their tasks",
    run: async ({ database }) => {
      const mine = await lease(database);
      for (const n of [1, 2]) {
        await accept(database, n, [add(`p${n}`)]);
        const cut = await cutAndStage(database, mine, { batch: id(40 + n) });
        await database.stageTaskResults(mine, id(40 + n), [{ task: id(n), result: success() }]);
        await database.commit(mine, commitOf(id(40 + n), cut, { newRoles: n === 1 ? bins(cut.roles) : [] }));
        await foldAll(database, mine);
      }
      assert.deepEqual(await told(database), []);
      await database.markVisible(mine, 2);
      assert.deepEqual(inShort(await told(database)), ["published 1", `task-finished ${id(1)}`, "published 2", `task-finished ${id(2)}`]);
    },
  },
  {
    name: "what a refused request would have told is not told",
    run: async ({ database }) => {
      await accept(database, 1, [], { idempotency: { principal: "p", key: "k", bodySha256: "aa" }, result: success() });
      await accept(database, 2, [], { idempotency: { principal: "p", key: "k", bodySha256: "aa" }, result: success() });
      await refuses("idempotency-key-reused", accept(database, 3, [], { idempotency: { principal: "p", key: "k", bodySha256: "bb" }, result: success() }));
      await refuses("event-closed", accept(database, 4, [], { event: { cancel: { event: id(9) } }, result: success() }));
      assert.deepEqual(inShort(await told(database)), [`task-finished ${id(1)}`]);
    },
  },
  {
    name: "a halt is told when its code is another, and its end",
    run: async ({ database }) => {
      const mine = await lease(database);
      await database.halt(mine, undefined);
      await database.halt(mine, { code: "a", reason: "one" });
      await database.halt(mine, { code: "a", reason: "two" });
      await database.halt(mine, { code: "b", reason: "three" });
      await database.halt(mine, undefined);
      const all = await told(database);
      assert.deepEqual(inShort(all), ["failed a", "failed b", "resumed b"]);
      assert.deepEqual({ ...all[0]?.about }, { code: "a", reason: "one" });
    },
  },
  {
    name: "what is posted is told once, as it was first",
    run: async ({ database, reopen }) => {
      const mine = await lease(database);
      const about = { role: "root", version: 3, more: ["x", null] };
      await database.post(mine, [{ kind: "signing-required", about, once: "a" }, { kind: "role-expiring", about: { role: "b" }, once: "b" }]);
      await database.post(mine, [{ kind: "signing-required", about: { role: "other" }, once: "a" }]);
      const again = await reopen();
      await again.post(mine, [{ kind: "signing-required", about: { role: "other" }, once: "a" }]);
      const all = await told(again);
      assert.deepEqual(inShort(all), ["signing-required root", "role-expiring b"]);
      assert.deepEqual({ ...all[0]?.about }, about);
    },
  },
  {
    name: "notices hint `visible`, in every user",
    run: async ({ database, connect }) => {
      const other = await connect();
      const mine = await lease(database);
      let hints = [hinted(database, "visible"), hinted(other, "visible")];
      await database.post(mine, [{ kind: "role-expiring", about: {}, once: "x" }]);
      await Promise.all(hints);
      hints = [hinted(database, "visible"), hinted(other, "visible")];
      await database.halt(mine, { code: "a", reason: "" });
      await Promise.all(hints);
    },
  },
  {
    name: "the oldest are forgotten by age, and beyond a number; who asks for them hears that some are missed",
    run: async ({ database, setNow, reopen }) => {
      const mine = await lease(database);
      for (const n of [1, 2, 3, 4, 5]) {
        setNow(START + n);
        await accept(database, n, [], { result: success() });
      }
      const all = await told(database);
      const forget = (limits: { noticesMs?: number; mostNotices?: number }, limit = 9): Promise<void> =>
        database.forgetBefore(mine, { tasksMs: 0, committedMs: 0, idempotencyMs: 0, noticesMs: 0, mostNotices: 1e9, ...limits }, limit);
      assert.equal((await database.notices("", 9)).missed, false);
      await forget({ noticesMs: START + 3 }, 1);
      assert.deepEqual(await told(database), all.slice(1));
      await forget({ noticesMs: START + 3 });
      assert.deepEqual(await told(database), all.slice(2));
      assert.equal((await database.notices("", 9)).missed, true);
      assert.equal((await database.notices(all[0]!.id, 9)).missed, true);
      assert.equal((await database.notices(all[1]!.id, 9)).missed, false);
      await forget({ mostNotices: 1 });
      assert.deepEqual(await told(database), all.slice(4));
      await forget({ mostNotices: 0 });
      const again = await reopen();
      assert.deepEqual(await again.notices(all[3]!.id, 9), { rows: [], missed: true });
      assert.deepEqual(await again.notices(all[4]!.id, 9), { rows: [], missed: false });
      assert.equal(await again.lastNotice(), all[4]!.id);
      await accept(again, 6, [], { result: success() });
      assert.deepEqual(inShort(await told(again, all[4]!.id)), [`task-finished ${id(6)}`]);
    },
  },
  {
    name: "a forgotten head was told with the ends of its tasks: who had them all missed nothing",
    run: async ({ database }) => {
      const mine = await lease(database);
      for (const n of [1, 2]) await accept(database, n, [add(`p${n}`)]);
      const cut = await cutAndStage(database, mine, { batch: id(40), changes: await open(database) });
      await database.stageTaskResults(mine, id(40), [1, 2].map((n) => ({ task: id(n), result: success() })));
      await database.markVisible(mine, (await database.commit(mine, commitOf(id(40), cut, { newRoles: bins(cut.roles) }))).seq);
      const all = await told(database);
      await database.forgetBefore(mine, { tasksMs: 0, committedMs: 0, idempotencyMs: 0, noticesMs: 1e15, mostNotices: 1e9 }, 9);
      assert.deepEqual(await Promise.all(all.map(async (notice) => (await database.notices(notice.id, 9)).missed)), [true, true, false]);
      assert.equal(await database.lastNotice(), all[2]!.id);
    },
  },
  {
    name: "who asks after a notice of a lost history hears so, and goes on with what comes",
    run: async ({ database }) => {
      await accept(database, 1, [], { result: success() });
      assert.deepEqual(await database.notices("999999", 9), { rows: [], missed: true });
    },
  },
  {
    name: "one sends to a receiver at a time, from where the last one was; another takes over when it gave no sign",
    run: async ({ database, connect, setNow, reopen }) => {
      const other = await connect();
      await accept(database, 1, [], { result: success() });
      const [first] = await told(database);
      assert.equal(await database.takeDelivery("r", "one", 100), first?.id);
      assert.equal(await other.takeDelivery("r", "two", 100), undefined);
      assert.equal(await other.takeDelivery("s", "two", 100), first?.id);
      await accept(database, 2, [], { result: success() });
      const second = (await told(database))[1]!;
      assert.equal(await other.keepDelivery("r", "two", second.id), false);
      assert.equal(await other.keepDelivery("unknown", "two", second.id), false);
      setNow(START + 100);
      assert.equal(await database.takeDelivery("r", "one", 100), first?.id);
      assert.equal(await database.keepDelivery("r", "one", second.id), true);
      setNow(START + 201);
      assert.equal(await other.takeDelivery("r", "two", 100), second.id);
      assert.equal(await database.keepDelivery("r", "one", first!.id), false);
      const again = await reopen();
      assert.equal(await again.takeDelivery("r", "two", 100), second.id);
      assert.equal(await again.takeDelivery("new", "two", 100), second.id);
    },
  },
  {
    name: "the first receiver of all begins before the first notice",
    run: async ({ database }) => {
      assert.equal(await database.takeDelivery("r", "one", 100), "");
      assert.equal(await database.lastNotice(), "");
    },
  },
];
