// Signing events: one per role, signatures added one by one, frozen, cancelled, ended.

import assert from "node:assert/strict";

import type { AcceptRequest, Database, EventSignature, NewSigningEvent, SettingValue } from "../../../src/ports/database.ts";
import { accept, commitAll, commitOf, cutAndStage, id, lease, refuses, START, success } from "./subject.ts";
import type { Case } from "./subject.ts";

const signature = (name: string, identity = name): EventSignature => ({ keyid: name, identity, sig: `ab${name.length}` });
const event = (n: number, more: Partial<NewSigningEvent> = {}): NewSigningEvent =>
  ({ id: id(n), role: "root", kind: "root", version: 2, document: Buffer.from(`{"signed":${n}}`), signatures: [], task: id(n), startedMs: START, ...more });

const effect = (db: Database, n: number, event: NonNullable<AcceptRequest["event"]>, rest: Partial<AcceptRequest> = {}) => accept(db, n, [], { event, ...rest });
const start = (db: Database, n: number, more: Partial<NewSigningEvent> = {}) => effect(db, n, { start: event(n, more) });
const sign = (db: Database, n: number, of: number, by: EventSignature) => effect(db, n, { sign: { event: id(of), signature: by } });
const signers = async (db: Database): Promise<string[][]> => (await db.signingEvents()).map(({ signatures }) => signatures.map(({ keyid }) => keyid));

export const eventCases: readonly Case[] = [
  {
    name: "a signing event is kept as it was given, for every user and after reopening",
    run: async ({ database, reopen }) => {
      const note: SettingValue = { compromised: true, list: ["ü"] };
      const bundle = { mediaType: "x", list: [1, "ü"] };
      await start(database, 1, { note, signatures: [{ ...signature("a"), bundle }], role: "My_Role", kind: "delegated" });
      const again = await reopen();
      const [found, ...others] = await again.signingEvents();
      assert.equal(others.length, 0);
      assert(found);
      const { document, ...rest } = found;
      assert.equal(document.toString(), `{"signed":1}`);
      assert.deepEqual({ ...rest, signatures: rest.signatures.map((one) => ({ ...one })) }, {
        id: id(1), role: "My_Role", kind: "delegated", version: 2, state: "open", task: id(1), startedMs: START, note, answered: false,
        signatures: [{ ...signature("a"), bundle, answered: true }],
      });
    },
  },
  {
    name: "a role has one signing event at a time; names are told apart by case",
    run: async ({ database }) => {
      await start(database, 1, { role: "a" });
      await refuses("event-exists", start(database, 2, { role: "a" }));
      assert.equal(await database.getTask(id(2)), undefined);
      await start(database, 3, { role: "A" });
      assert.deepEqual((await database.signingEvents()).map(({ role }) => role), ["a", "A"]);
    },
  },
  {
    name: "an event that may stand beside a frozen one starts there, is frozen too, and each ends by itself; beside an open one it may not",
    run: async ({ database }) => {
      const held = await lease(database);
      await start(database, 1, { signatures: [signature("a")] });
      const beside = (n: number) => effect(database, n, { start: event(n, { signatures: [signature("a")] }), besideFrozen: true });
      await refuses("event-exists", beside(2));
      await database.freezeEvent(held, id(1), { bytes: Buffer.from("one"), signatures: 1 });
      await beside(3);
      await refuses("event-exists", beside(4));
      await database.freezeEvent(held, id(3), { bytes: Buffer.from("three"), signatures: 1 });
      assert.deepEqual((await database.signingEvents()).map(({ frozen }) => frozen?.toString()), ["one", "three"]);
      await database.endEvent(held, id(3), { envelopes: [], results: [] });
      assert.deepEqual((await database.signingEvents()).map(({ frozen }) => frozen?.toString()), ["one"]);
    },
  },
  {
    name: "an event takes the place of one that is open, which ends with the reason; not of a frozen one, and one that is gone is no matter",
    run: async ({ database }) => {
      const held = await lease(database);
      await start(database, 1);
      const instead = (n: number, of: number) => effect(database, n, { start: event(n, { signatures: [signature("a")] }), inPlaceOf: { event: id(of), reason: "one was asked for" } });
      await instead(2, 1);
      assert.deepEqual((await database.signingEvents()).map(({ id: is, state, reason }) => [is, state, reason]), [[id(1), "cancelled", "one was asked for"], [id(2), "open", undefined]]);
      await refuses("event-exists", instead(3, 1));
      await database.freezeEvent(held, id(2), { bytes: Buffer.from("two"), signatures: 1 });
      await refuses("event-exists", instead(4, 2));
      await database.endEvent(held, id(2), { envelopes: [], results: [] });
      await instead(5, 2);
      assert.deepEqual((await database.signingEvents()).map(({ id: is, state }) => [is, state]), [[id(1), "cancelled"], [id(5), "open"]]);
    },
  },
  {
    name: "signatures keep their order, and each its task, answered or not",
    run: async ({ database }) => {
      const held = await lease(database);
      await start(database, 1);
      await sign(database, 2, 1, signature("b"));
      await sign(database, 3, 1, signature("a"));
      await database.endTasks(held, [{ task: id(3), result: success() }]);
      const [found] = await database.signingEvents();
      assert.deepEqual(found?.signatures.map(({ keyid, task, answered }) => [keyid, task, answered]), [["b", id(2), false], ["a", id(3), true]]);
    },
  },
  {
    name: "signatures added at the same instant by several users are all kept",
    run: async ({ database, connect }) => {
      await start(database, 1);
      const users = [database, await connect(), await connect()];
      const names = Array.from({ length: 12 }, (_, i) => `k${i}`);
      await Promise.all(names.map((name, i) => sign(users[i % 3] ?? database, 10 + i, 1, signature(name))));
      assert.deepEqual((await signers(database))[0]?.sort(), names.sort());
    },
  },
  {
    name: "a key signs an event once, under whatever keyid, and what is refused leaves no task",
    run: async ({ database }) => {
      await start(database, 1, { signatures: [signature("a", "one")] });
      await refuses("already-signed", sign(database, 2, 1, signature("a", "other")));
      await refuses("already-signed", sign(database, 3, 1, signature("b", "one")));
      assert.equal(await database.getTask(id(2)), undefined);
      assert.deepEqual(await signers(database), [["a"]]);
      await refuses("already-signed", start(database, 4, { role: "x", signatures: [signature("a", "one"), signature("b", "one")] }));
      assert.equal((await database.signingEvents()).length, 1);
    },
  },
  {
    name: "the stamp is another one with everything that happens to an event, the same for every user, and empty without one",
    run: async ({ database, connect }) => {
      const held = await lease(database);
      const other = await connect();
      const stamps = [await database.signingStamp()];
      assert.deepEqual(stamps, [""]);
      const steps: (() => Promise<unknown>)[] = [
        () => start(database, 1),
        () => sign(database, 2, 1, signature("a")),
        () => sign(database, 3, 1, signature("b")),
        () => database.endTasks(held, [{ task: id(3), result: success() }]),
        () => database.endTasks(held, [{ task: id(2), result: success() }]),
        () => database.endTasks(held, [{ task: id(1), result: success() }]),
        () => start(database, 4, { role: "a", kind: "delegated", signatures: [signature("a")] }),
        () => effect(database, 5, { cancel: { event: id(4) } }),
        () => database.freezeEvent(held, id(1), { bytes: Buffer.from("x"), signatures: 2 }),
        () => database.forgetEvent(held, id(4)),
      ];
      for (const step of steps) {
        await step();
        stamps.push(await database.signingStamp());
        assert.equal(await other.signingStamp(), stamps.at(-1));
        await accept(database, 100 + stamps.length, []);
        assert.equal(await database.signingStamp(), stamps.at(-1), "something else happened");
      }
      assert.equal(new Set(stamps).size, stamps.length, stamps.join(" | "));
      await database.endEvent(held, id(1), { envelopes: [], results: [] });
      assert.equal(await database.signingStamp(), "");
    },
  },
  {
    name: "an unknown event can be neither signed nor cancelled",
    run: async ({ database }) => {
      await refuses("event-closed", sign(database, 2, 1, signature("a")));
      await refuses("event-closed", effect(database, 3, { cancel: { event: id(1) } }));
    },
  },
  {
    name: "a cancelled event takes no signature, makes room for another, and is listed until it is forgotten",
    run: async ({ database }) => {
      const held = await lease(database);
      await start(database, 1);
      await sign(database, 2, 1, signature("a"));
      await effect(database, 3, { cancel: { event: id(1) } }, { settings: { bootstrap: null } });
      assert.equal(await database.setting("bootstrap"), null);
      await refuses("event-closed", sign(database, 4, 1, signature("b")));
      await refuses("event-closed", effect(database, 5, { cancel: { event: id(1) } }));
      await start(database, 6);
      assert.deepEqual((await database.signingEvents()).map(({ state }) => state), ["cancelled", "open"]);
      await database.forgetEvent(held, id(6));
      await database.forgetEvent(held, id(1));
      await database.forgetEvent(held, id(1));
      assert.deepEqual((await database.signingEvents()).map((found) => found.id), [id(6)]);
    },
  },
  {
    name: "freezing settles the bytes: nobody signs or cancels any more, and the same bytes again are nothing",
    run: async ({ database }) => {
      const held = await lease(database);
      await start(database, 1, { signatures: [signature("a")] });
      const bytes = Buffer.from("file");
      await database.freezeEvent(held, id(1), { bytes, signatures: 1 });
      await database.freezeEvent(held, id(1), { bytes, signatures: 1 });
      await refuses("event-closed", database.freezeEvent(held, id(1), { bytes: Buffer.from("other"), signatures: 1 }));
      await refuses("event-closed", sign(database, 2, 1, signature("b")));
      await refuses("event-closed", effect(database, 3, { cancel: { event: id(1) } }));
      await refuses("event-exists", start(database, 4));
      const [found] = await database.signingEvents();
      assert.equal(found?.state, "frozen");
      assert.equal(found.frozen?.toString(), "file");
    },
  },
  {
    name: "freezing is refused when somebody signed meanwhile, and to who lost the lease",
    run: async ({ database, setNow }) => {
      const held = await lease(database);
      await start(database, 1);
      await sign(database, 2, 1, signature("a"));
      await refuses("stale-base", database.freezeEvent(held, id(1), { bytes: Buffer.from("x"), signatures: 0 }));
      setNow(START + 100_000);
      await lease(database, "two");
      await refuses("lease-lost", database.freezeEvent(held, id(1), { bytes: Buffer.from("x"), signatures: 1 }));
      await refuses("lease-lost", database.endEvent(held, id(1), { envelopes: [], results: [] }));
      await refuses("lease-lost", database.forgetEvent(held, id(1)));
      assert.equal((await database.signingEvents())[0]?.state, "open");
    },
  },
  {
    name: "a frozen root ends without a head: envelope, settings and results at once, and repeating is nothing",
    run: async ({ database }) => {
      const held = await lease(database);
      await start(database, 1);
      const ending = (color: string) => ({
        envelopes: [{ role: "root", version: 2, bytes: Buffer.from("root 2") }], settings: { color }, results: [{ task: id(1), result: success() }],
      });
      await database.endEvent(held, id(1), ending("too early"));
      assert.equal(await database.setting("color"), undefined);
      await database.freezeEvent(held, id(1), { bytes: Buffer.from("root 2"), signatures: 0 });
      await database.endEvent(held, id(1), ending("red"));
      await database.endEvent(held, id(1), ending("blue"));
      assert.equal(await database.setting("color"), "red");
      assert.equal((await database.envelope("root"))?.bytes.toString(), "root 2");
      assert.deepEqual((await database.getTask(id(1)))?.result, success());
      assert.deepEqual(await database.signingEvents(), []);
    },
  },
  {
    name: "a head can end a frozen event, and only a frozen one",
    run: async ({ database }) => {
      const held = await lease(database);
      await start(database, 1);
      const cut = await cutAndStage(database, held, { batch: id(70), roles: [] });
      await refuses("event-closed", database.commit(held, commitOf(id(70), cut, { endsEvents: [id(1)] })));
      await database.freezeEvent(held, id(1), { bytes: Buffer.from("x"), signatures: 0 });
      await database.stageTaskResults(held, id(70), [{ task: id(1), result: success() }]);
      assert.equal((await database.signingEvents())[0]?.answered, true);
      await database.commit(held, commitOf(id(70), cut, { endsEvents: [id(1)] }));
      assert.deepEqual(await database.signingEvents(), []);
    },
  },
  {
    name: "a result staged with a batch that is dropped answers nobody",
    run: async ({ database }) => {
      const held = await lease(database);
      await start(database, 1);
      await cutAndStage(database, held, { batch: id(70), roles: [] });
      await database.stageTaskResults(held, id(70), [{ task: id(1), result: success() }]);
      await database.dropBatch(held, id(70), false);
      assert.equal((await database.signingEvents())[0]?.answered, false);
    },
  },
  {
    name: "ending tasks can start an event with them, all or nothing",
    run: async ({ database }) => {
      const held = await lease(database);
      await accept(database, 1, []);
      await accept(database, 2, []);
      const ending = (n: number) => database.endTasks(held, [{ task: id(n), result: success() }], { color: `${n}` }, [{ start: event(n) }]);
      await ending(1);
      await refuses("event-exists", ending(2));
      assert.equal(await database.setting("color"), "1");
      assert.equal((await database.getTask(id(2)))?.result, undefined);
      assert.equal((await database.signingEvents())[0]?.answered, true);
      await commitAll(database, held, { batch: id(70), roles: ["targets"] });
    },
  },
];
