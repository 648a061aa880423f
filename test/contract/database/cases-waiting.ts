// Changes that wait for people: set apart, carried by a signing event, resumed (rule 24).

import assert from "node:assert/strict";

import type { Database, Lease, NewSigningEvent, OpenChange } from "../../../src/ports/database.ts";
import { accept, add, commitOf, cutAndStage, foldAll, id, lease, open, paths, refuses, START, success } from "./subject.ts";
import type { Case } from "./subject.ts";

const ALL = { changes: 1e6, bytes: 1e12 };
const waits = (changes: readonly OpenChange[], role = "a") => changes.map((change) => ({ id: change.id, task: change.task, for: role }));
const event = (n: number, changes: readonly OpenChange[], more: Partial<NewSigningEvent> = {}): NewSigningEvent => ({
  id: id(n), role: "a", kind: "delegated", version: 7, document: Buffer.from("{}"), signatures: [], task: "", startedMs: START, changes: changes.map(({ id: change, task }) => ({ id: change, task })), ...more,
});
const giveUp = (db: Database, held: Lease, reason: string) => db.endTasks(held, [], undefined, [{ giveUp: { event: id(9), reason } }]);
const waiting = async (db: Database, role = "a"): Promise<string[]> => paths(await db.waitingChanges(role, ALL));

/** One task of two changes, of which `role` waits for people. */
async function begin(db: Database): Promise<{ held: Awaited<ReturnType<typeof lease>>; changes: readonly OpenChange[] }> {
  const held = await lease(db);
  await accept(db, 1, [add("1", "a"), add("2", "b")]);
  return { held, changes: await open(db) };
}

export const waitingCases: readonly Case[] = [
  {
    name: "what waits for people is out of the queue, counts as pending, and its task says for whom",
    run: async ({ database, reopen }) => {
      const { held, changes } = await begin(database);
      await database.setWaiting(held, waits(changes.slice(0, 1)));
      const again = await reopen();
      assert.deepEqual(paths(await open(again)), ["2"]);
      assert.deepEqual(await again.waitingRoles(), ["a"]);
      assert.deepEqual(await waiting(again), ["1"]);
      assert.deepEqual((await again.getTask(id(1)))?.waitingFor, ["a"]);
      assert.equal((await again.backlog()).changes, 2);
      assert.deepEqual((await again.taskChanges(id(1))).map(({ outcome }) => outcome), [undefined, undefined]);
    },
  },
  {
    name: "what waits can wait for another role, or be resumed, by role or all",
    run: async ({ database }) => {
      const { held, changes } = await begin(database);
      await database.setWaiting(held, waits(changes, "x"));
      await database.setWaiting(held, waits(changes.slice(1), "y"));
      assert.deepEqual((await database.getTask(id(1)))?.waitingFor, ["x", "y"]);
      assert.deepEqual(await open(database), []);
      await database.resumeWaiting(held, "x");
      assert.deepEqual(paths(await open(database)), ["1"]);
      assert.deepEqual(await database.waitingRoles(), ["y"]);
      await database.resumeWaiting(held);
      assert.deepEqual(paths(await open(database)), ["1", "2"]);
      assert.deepEqual((await database.getTask(id(1)))?.waitingFor, []);
    },
  },
  {
    name: "waiting changes stand in order of acceptance, at most so many, at least one",
    run: async ({ database }) => {
      const held = await lease(database);
      for (let n = 1; n <= 4; n++) await accept(database, n, [add(`p${String(n)}`, "a")], { held: n === 2 });
      await database.setWaiting(held, waits([...await open(database)].reverse()));
      assert.deepEqual(await waiting(database), ["p1", "p3", "p4"]);
      assert.deepEqual(paths(await database.waitingChanges("a", { changes: 2, bytes: 1e12 })), ["p1", "p3"]);
      assert.deepEqual(paths(await database.waitingChanges("a", { changes: 2, bytes: 1 })), ["p1"]);
    },
  },
  {
    name: "a held change waits with the newer one of its path, and is held again when resumed",
    run: async ({ database }) => {
      const held = await lease(database);
      await accept(database, 1, [add("p", "a")], { held: true });
      await accept(database, 2, [add("p", "a")]);
      await database.setWaiting(held, waits(await open(database)));
      assert.deepEqual((await database.waitingChanges("a", ALL)).map((change) => change.held), [true, false]);
      await accept(database, 3, [add("q", "b"), add("p", "b")]);
      assert.deepEqual(paths(await open(database)), ["q", "p"]);
      await database.resumeWaiting(held);
      assert.deepEqual((await open(database)).map((change) => change.held), [true, false, false, false]);
    },
  },
  {
    name: "an event carries changes from its start: nobody else cuts them, nor are they resumed",
    run: async ({ database, connect }) => {
      const { held, changes } = await begin(database);
      const carried = changes.slice(0, 1);
      await database.setWaiting(held, waits(carried));
      await database.endTasks(held, [], undefined, [{ start: event(9, carried) }]);
      assert.deepEqual(paths(await (await connect()).eventChanges(id(9))), ["1"]);
      assert.deepEqual(await database.waitingRoles(), []);
      assert.deepEqual(await waiting(database), []);
      await database.resumeWaiting(held);
      assert.deepEqual(paths(await open(database)), ["2"]);
      assert.deepEqual((await database.getTask(id(1)))?.waitingFor, ["a"]);
      await refuses("stale-base", database.setWaiting(held, waits(carried, "b")));
      await refuses("stale-base", database.endTasks(held, [], undefined, [{ start: event(10, carried, { role: "b" }) }]));
      const { head: base } = await database.publisher();
      const cut = carried.map((change) => ({ id: change.id, task: change.task, outcome: "apply" as const, role: "a" }));
      await refuses("stale-base", database.cut(held, { id: id(50), base, changes: cut, roles: [] }));
      await refuses("stale-base", database.cut(held, { id: id(51), base, changes: cut, roles: [], events: [id(8)] }));
      await database.cut(held, { id: id(52), base, changes: cut, roles: [], events: [id(9)] });
      assert.deepEqual(await database.eventChanges(id(9)), []);
      await database.dropBatch(held, id(52), false);
      assert.deepEqual(paths(await database.eventChanges(id(9))), ["1"]);
    },
  },
  {
    name: "an event that cannot carry a change does not start, and nothing that came with it happened",
    run: async ({ database }) => {
      const { held, changes } = await begin(database);
      await accept(database, 2, []);
      const start = event(9, [...changes, { ...changes[0]!, id: 999 }]);
      await refuses("stale-base", database.endTasks(held, [{ task: id(2), result: success() }], { color: "red" }, [{ start }]));
      assert.deepEqual(await database.signingEvents(), []);
      assert.equal(await database.setting("color"), undefined);
      assert.equal((await database.getTask(id(2)))?.result, undefined);
      assert.equal((await open(database)).length, 2);
    },
  },
  {
    name: "what a forgotten event carried is open again, in its place",
    run: async ({ database }) => {
      const { held, changes } = await begin(database);
      await database.endTasks(held, [], undefined, [{ start: event(9, changes) }]);
      await giveUp(database, held, "because");
      await refuses("event-closed", giveUp(database, held, "again"));
      const [found] = await database.signingEvents();
      assert.deepEqual([found?.state, found?.reason], ["cancelled", "because"]);
      await database.forgetEvent(held, id(9));
      assert.deepEqual(await database.signingEvents(), []);
      assert.deepEqual(paths(await open(database)), ["1", "2"]);
      assert.deepEqual((await database.getTask(id(1)))?.waitingFor, []);
    },
  },
  {
    name: "a frozen event can be given up by the publisher alone, with its lease",
    run: async ({ database, setNow }) => {
      const { held } = await begin(database);
      await database.endTasks(held, [], undefined, [{ start: event(9, []) }]);
      await database.freezeEvent(held, id(9), { bytes: Buffer.from("x"), signatures: 0 });
      await refuses("event-closed", accept(database, 5, [], { event: { cancel: { event: id(9) } } }));
      await giveUp(database, held, "taken");
      assert.equal((await database.signingEvents())[0]?.state, "cancelled");
      setNow(START + 100_000);
      await lease(database, "two");
      for (const late of [() => giveUp(database, held, "x"), () => database.setWaiting(held, []), () => database.resumeWaiting(held)]) await refuses("lease-lost", late());
    },
  },
  {
    name: "a head publishes what an event carried, ends it and starts another",
    run: async ({ database }) => {
      const { held, changes } = await begin(database);
      const carried = changes.slice(0, 1);
      await database.endTasks(held, [], undefined, [{ start: event(9, carried) }]);
      await database.freezeEvent(held, id(9), { bytes: Buffer.from("x"), signatures: 0 });
      const { head: base } = await database.publisher();
      const { firstVersion: first } = await database.cut(held, { id: id(50), base, changes: carried.map((change) => ({ id: change.id, task: change.task, outcome: "apply", role: "a" })), roles: [], events: [id(9)] });
      await database.commit(held, commitOf(id(50), { base, first, roles: [] }, { endsEvents: [id(9)], events: [{ start: event(10, changes.slice(1)) }] }));
      await foldAll(database, held);
      assert.deepEqual((await database.signingEvents()).map((each) => each.id), [id(10)]);
      assert.deepEqual(paths(await database.eventChanges(id(10))), ["2"]);
      const read = await database.readTargets((await database.publisher()).head, ["a"]);
      assert.deepEqual(read.get("a")?.map(({ path }) => path), ["1"]);
    },
  },
  {
    name: "one event takes the place of another in one step",
    run: async ({ database }) => {
      const { held, changes } = await begin(database);
      await database.endTasks(held, [], undefined, [{ start: event(9, changes) }]);
      await database.endTasks(held, [], undefined, [{ giveUp: { event: id(9), reason: "newer" } }, { start: event(10, []) }]);
      assert.deepEqual((await database.signingEvents()).map(({ state }) => state), ["cancelled", "open"]);
      assert.equal((await database.eventChanges(id(9))).length, 2);
      await database.forgetEvent(held, id(9));
      assert.equal((await open(database)).length, 2);
    },
  },
  {
    name: "a head whose event cannot start does not become true",
    run: async ({ database }) => {
      const { held, changes } = await begin(database);
      await database.endTasks(held, [], undefined, [{ start: event(9, []) }]);
      const cut = await cutAndStage(database, held, { batch: id(50), changes: changes.slice(1), roles: [] });
      await refuses("event-exists", database.commit(held, commitOf(id(50), cut, { events: [{ start: event(11, [], { role: "other" }) }, { start: event(10, []) }] })));
      assert.equal((await database.publisher()).seq, 0);
      assert.deepEqual((await database.signingEvents()).map((each) => each.id), [id(9)]);
      assert.equal((await database.openBatches()).length, 1);
    },
  },
  {
    name: "the end of a task takes what waits out as well, carried or not",
    run: async ({ database }) => {
      const { held, changes } = await begin(database);
      await database.setWaiting(held, waits(changes));
      await database.endTasks(held, [], undefined, [{ start: event(9, changes.slice(0, 1)) }]);
      await database.endTasks(held, [{ task: id(1), result: success() }]);
      await foldAll(database, held);
      assert.deepEqual(await database.eventChanges(id(9)), []);
      assert.deepEqual(await waiting(database), []);
      assert.equal((await database.backlog()).changes, 0);
      assert.deepEqual((await database.getTask(id(1)))?.waitingFor, []);
      await giveUp(database, held, "over");
      await database.forgetEvent(held, id(9));
      assert.deepEqual(await open(database), []);
    },
  },
];
