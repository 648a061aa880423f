// Adopting what a lost history published: one transaction, and what it leaves alone.

import assert from "node:assert/strict";

import type { Adoption, Database } from "../../../src/ports/database.ts";
import { accept, add, bins, commitAll, cutAndStage, FAR, foldAll, id, lease, open, paths, pressed, refuses, remove, sha256, START, success } from "./subject.ts";
import type { Case } from "./subject.ts";

function adoptionOf(base: string, rest: Partial<Adoption> = {}): Adoption {
  const bytes = Buffer.from("the stored timestamp");
  return {
    id: id(90), base, timestamp: { ...pressed("timestamp", 102), sha256: sha256(bytes), bytes }, snapshot: pressed("snapshot", 101),
    roles: [], envelopes: [], counter: 102, changes: [], results: [], garbageNotBeforeMs: START + 5000, ...rest,
  };
}

const stored = (role: string, version: number, takesTargets = true): Adoption["roles"][number] =>
  ({ ...pressed(role, version), kind: role === "targets" ? "targets" : "bins", parent: role === "targets" ? "" : "targets", retired: false, takesTargets });

const listed = async (db: Database, ...roles: string[]): Promise<Record<string, string[]>> =>
  Object.fromEntries([...await db.readTargets((await db.publisher()).head, roles)].map(([role, targets]) => [role, paths(targets)]));

/** A repository of two bins, `a` in the first and `b` in the second, folded and shown. */
async function started(db: Database): Promise<{ held: Awaited<ReturnType<typeof lease>>; head: string }> {
  const held = await lease(db);
  await accept(db, 1, [add("a"), add("b", "bins-1")]);
  const { seq } = await commitAll(db, held, { batch: id(40), roles: ["bins-0", "bins-1", "targets"] });
  await db.markVisible(held, seq);
  await foldAll(db, held);
  return { held, head: (await db.publisher()).head };
}

export const adoptCases: readonly Case[] = [
  {
    name: "an adoption is the head, visible, above every version it names, and lifts what halted",
    run: async ({ database, reopen }) => {
      const { held, head } = await started(database);
      await database.halt(held, { code: "diverged", reason: "x" });
      const { seq } = await database.adopt(held, adoptionOf(head, {
        settings: { nested_delegations: { stamp: "x", roles: {} } },
        envelopes: [{ role: "root", version: 2, bytes: Buffer.from("root 2") }, { role: "targets", version: 99, bytes: Buffer.from("targets 99") }],
      }));
      assert.equal(seq, 2);
      for (const open of [() => Promise.resolve(database), reopen]) {
        const db = await open();
        const { lease: _, ...state } = await db.publisher();
        assert.deepEqual(state, { seq: 2, visible: 2, head: sha256("the stored timestamp"), counter: 102, pressedAtMs: START });
        assert.equal((await db.head())?.timestamp.toString(), "the stored timestamp");
        assert.deepEqual(await db.committed(sha256("the stored timestamp")), { seq: 2 });
        assert.deepEqual(await db.committed(head), { seq: 1 });
        assert.equal((await db.envelope("root"))?.bytes.toString(), "root 2");
        assert.equal((await db.envelope("targets"))?.version, 99);
        assert.equal((await db.role("snapshot"))?.version, 101);
        assert.deepEqual(await db.setting("nested_delegations"), { stamp: "x", roles: {} });
      }
    },
  },
  {
    name: "an adoption never lowers the counter",
    run: async ({ database }) => {
      const { held, head } = await started(database);
      await database.allocate(held, 1, 1000);
      await database.adopt(held, adoptionOf(head));
      assert.equal((await database.publisher()).counter, 1001);
    },
  },
  {
    name: "a role takes the targets staged for it, and nothing else; other roles keep theirs",
    run: async ({ database }) => {
      const { held, head } = await started(database);
      await database.stageAdopted(held, id(90), "bins-0", [{ path: "z", fragment: "{}" }]);
      await database.stageAdopted(held, id(90), "bins-0", [{ path: "a", fragment: '{"length":1}' }, { path: "c", fragment: "{}" }]);
      await database.stageAdopted(held, id(89), "bins-0", [{ path: "of another adoption", fragment: "{}" }]);
      assert.deepEqual(await listed(database, "bins-0"), { "bins-0": ["a"] });
      const counted = await database.adopt(held, adoptionOf(head, { roles: [stored("bins-0", 100), stored("bins-2", 98), stored("bins-1", 97, false)] }));
      assert.deepEqual(counted, { seq: 2, readBack: 2, dropped: 0 });
      await foldAll(database, held);
      assert.deepEqual(await listed(database, "bins-0", "bins-1", "bins-2"), { "bins-0": ["a", "c", "z"], "bins-1": ["b"], "bins-2": [] });
      assert.equal((await database.role("bins-0"))?.version, 100);
      assert.equal((await database.role("bins-1"))?.version, 97);
      assert.deepEqual({ ...await database.role("bins-2") }, { ...pressed("bins-2", 98), kind: "bins", parent: "targets", retired: false });
    },
  },
  {
    name: "a role that takes nothing lists nothing, and says how much is gone",
    run: async ({ database }) => {
      const { held, head } = await started(database);
      assert.deepEqual(await database.adopt(held, adoptionOf(head, { roles: [{ ...stored("bins-0", 100), retired: true }] })), { seq: 2, readBack: 0, dropped: 1 });
      await foldAll(database, held);
      assert.deepEqual(await listed(database, "bins-0"), { "bins-0": [] });
      assert.equal((await database.role("bins-0"))?.retired, true);
    },
  },
  {
    name: "changes of an adoption end with it, the others stay open",
    run: async ({ database }) => {
      const { held, head } = await started(database);
      await accept(database, 2, [add("c"), add("d", "bins-1")]);
      await accept(database, 3, [add("e")], { held: true });
      const [c, d, e] = await database.pendingChanges();
      assert.deepEqual([c?.path, d?.path, e?.path, e?.held], ["c", "d", "e", true]);
      await database.stageAdopted(held, id(90), "bins-0", [{ path: "c", fragment: c?.fragment ?? "" }]);
      await database.adopt(held, adoptionOf(head, {
        roles: [stored("bins-0", 100)],
        changes: [{ id: c?.id ?? 0, task: id(2), outcome: "apply", role: "bins-0" }, { id: e?.id ?? 0, task: id(3), outcome: "set-aside", role: "bins-0" }],
        results: [{ task: id(3), result: { ...success(), state: "FAILURE" } }],
      }));
      assert.deepEqual(paths(await open(database)), ["d"]);
      assert.equal((await database.getTask(id(2)))?.result, undefined);
      assert.equal((await database.getTask(id(3)))?.result?.state, "FAILURE");
      assert.deepEqual(await database.backlog(), { changes: 1, bytes: 1 + '{"length":1}'.length });
      await foldAll(database, held);
      assert.deepEqual(await listed(database, "bins-0"), { "bins-0": ["c"] });
      assert.deepEqual((await database.taskChanges(id(2))).map(({ path, outcome }) => [path, outcome]), [["c", "apply"], ["d", undefined]]);
    },
  },
  {
    name: "what was committed and never shown is open again, and its tasks go on",
    run: async ({ database }) => {
      const { held } = await started(database);
      await accept(database, 2, [add("c")]);
      const cut = await cutAndStage(database, held, { batch: id(41), roles: ["bins-0"] });
      await database.stageTaskResults(held, id(41), [{ task: id(2), result: success() }]);
      await commitAllOf(database, held, cut);
      assert.deepEqual(await open(database), []);
      assert.deepEqual(paths(await database.pendingChanges()), ["c"]);
      assert.equal((await database.backlog()).changes, 0);

      const { seq } = await database.adopt(held, adoptionOf((await database.publisher()).head, { roles: [stored("bins-1", 99, false)] }));
      assert.equal(seq, 3);
      assert.deepEqual(paths(await open(database)), ["c"]);
      assert.equal((await database.backlog()).changes, 1);
      assert.equal((await database.getTask(id(2)))?.result, undefined);
      await foldAll(database, held);
      assert.deepEqual(await listed(database, "bins-0"), { "bins-0": ["a"] });
      assert.equal((await database.role("bins-0"))?.version, 1);
      // And is published once more.
      await commitAll(database, held, { batch: id(42), known: true });
      await foldAll(database, held);
      assert.deepEqual(await listed(database, "bins-0"), { "bins-0": ["a", "c"] });
    },
  },
  {
    name: "what was shown and not folded yet is folded first",
    run: async ({ database }) => {
      const { held } = await started(database);
      await accept(database, 2, [add("c"), remove("b", "bins-1")]);
      const { seq } = await commitAll(database, held, { batch: id(41), known: true });
      await database.markVisible(held, seq);
      await database.adopt(held, adoptionOf((await database.publisher()).head));
      await foldAll(database, held);
      assert.deepEqual(await listed(database, "bins-0", "bins-1"), { "bins-0": ["a", "c"], "bins-1": [] });
    },
  },
  {
    name: "the task that presses roles again is accepted with it",
    run: async ({ database }) => {
      const { held, head } = await started(database);
      await database.adopt(held, adoptionOf(head, { press: { task: { id: id(7), kind: "force_online_metadata_update", createdMs: START, request: { roles: ["bins-1"] } }, roles: ["bins-1"] } }));
      assert.deepEqual((await open(database)).map(({ kind, role, task }) => [kind, role, task]), [["refresh", "bins-1", id(7)]]);
      assert.deepEqual((await database.getTask(id(7)))?.request, { roles: ["bins-1"] });
    },
  },
  {
    name: "no file the lost history may refer to goes before its time, and no adopted one at all",
    run: async ({ database }) => {
      const { held } = await started(database);
      await cutAndStage(database, held, { batch: id(41), roles: ["bins-0", "bins-1"] });
      const { counter } = await database.publisher();
      await database.dropBatch(held, id(41), true);
      const live = counter - 3;
      await database.adopt(held, adoptionOf((await database.publisher()).head, { roles: [stored("bins-0", live, false), stored("bins-1", 99, false)] }));
      await foldAll(database, held);
      await commitAll(database, held, { batch: id(42), roles: ["bins-0", "bins-1"], known: true }, { garbageNotBeforeMs: START + 9000 });
      await foldAll(database, held);
      const due = async (at: number): Promise<string[]> => (await database.dueGarbage(at, 100)).map(({ name }) => name);
      assert.deepEqual(await due(START + 4999), []);
      const first = await due(START + 5000);
      assert(first.includes(`${live + 1}.bins-1.json`) && !first.includes(`${live}.bins-0.json`), first.join());
      assert((await due(START + 9000)).includes(`${live}.bins-0.json`));
    },
  },
  {
    name: "an adoption on another head, or beside an open batch, changes nothing",
    run: async ({ database }) => {
      const { held, head } = await started(database);
      await refuses("stale-base", database.adopt(held, adoptionOf("ff")));
      await accept(database, 2, [add("c")]);
      await cutAndStage(database, held, { batch: id(41) });
      await refuses("stale-base", database.adopt(held, adoptionOf(head)));
      await database.dropBatch(held, id(41), false);
      const change = { id: 999, task: id(2), outcome: "apply", role: "bins-0" } as const;
      await refuses("stale-base", database.adopt(held, adoptionOf(head, { roles: [stored("bins-0", 100)], changes: [change] })));
      assert.equal((await database.publisher()).seq, 1);
      assert.deepEqual(await listed(database, "bins-0"), { "bins-0": ["a"] });
    },
  },
  {
    name: "an adoption without the lease changes nothing",
    run: async ({ database }) => {
      const { held, head } = await started(database);
      const late = { ...held, holder: "another" };
      await refuses("lease-lost", database.stageAdopted(late, id(90), "bins-0", [{ path: "z", fragment: "{}" }]));
      await refuses("lease-lost", database.adopt(late, adoptionOf(head)));
      assert.equal((await database.publisher()).seq, 1);
    },
  },
];

async function commitAllOf(db: Database, held: Awaited<ReturnType<typeof lease>>, cut: Awaited<ReturnType<typeof cutAndStage>>): Promise<void> {
  const bytes = Buffer.from("never shown");
  const n = cut.roles.length;
  await db.commit(held, {
    batch: id(41), base: cut.base, pressedAtMs: START, timestamp: { ...pressed("timestamp", cut.first + n + 1, FAR), sha256: sha256(bytes), bytes },
    snapshot: pressed("snapshot", cut.first + n), envelopes: [], newRoles: bins([]), garbageNotBeforeMs: START + 1000,
  });
}
