// Adopting what a lost history published: one transaction, and what it leaves alone.

import assert from "node:assert/strict";

import { PLACES } from "../../../src/ports/database.ts";
import type { Adoption, ChangeOutcome, CutChange, Database, NewChange, OpenChange, PendingChange, PlaceRange } from "../../../src/ports/database.ts";
import { binIndexOf } from "../../../src/tuf/bins.ts";
import { accept, add, bins, commitAll, cutAndStage, FAR, foldAll, id, lease, NO_LIMIT, open, paths, pressed, refuses, remove, sha256, START, success } from "./subject.ts";
import type { Case } from "./subject.ts";

function adoptionOf(base: string, rest: Partial<Adoption> = {}): Adoption {
  const bytes = Buffer.from("the stored timestamp");
  return {
    id: id(90), base, timestamp: { ...pressed("timestamp", 102), sha256: sha256(bytes), bytes }, snapshot: pressed("snapshot", 101),
    roles: [], envelopes: [], counter: 102, results: [], garbageNotBeforeMs: START + 5000, ...rest,
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

const ALL: PlaceRange = { from: 0, before: PLACES };
const placeOf = ({ path }: { readonly path: string }): number => binIndexOf(32, path);

/** An import of `changes`, accepted. */
async function imported(db: Database, n: number, changes: readonly NewChange[]): Promise<void> {
  const lines = changes.length;
  await db.openImport({ task: id(n), principal: "p", key: `key-${n}`, writer: "w", maxChanges: 1000, maxOpen: 10 });
  // In two runs.
  await db.stageImport({ task: id(n), writer: "w", after: 0, lines: 1, invalid: 0, changes: changes.slice(0, 1) });
  await db.stageImport({ task: id(n), writer: "w", after: 1, lines, invalid: 0, changes: changes.slice(1) });
  await db.accept({ task: { id: id(n), kind: "import_artifacts", createdMs: START, request: { imported: { lines, invalid: 0 } } }, changes: [], held: false, import: { writer: "w", lines }, limits: NO_LIMIT });
}

const pendingImported = async (db: Database, range: PlaceRange = ALL, limit = NO_LIMIT): Promise<readonly PendingChange[]> => {
  const found = await db.pendingImported(range, limit);
  assert.ok(found !== undefined, "more than the limit says");
  return [...found].sort((a, b) => a.accepted - b.accepted || a.id - b.id);
};

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
      assert.ok(c !== undefined && d !== undefined && e !== undefined && c.accepted === d.accepted && d.accepted < e.accepted);
      await database.stageAdopted(held, id(90), "bins-0", [{ path: "c", fragment: c.fragment }]);
      await database.stageEnded(held, id(90), [{ id: c.id, task: id(2), outcome: "set-aside", role: "bins-1" }]);
      await database.stageEnded(held, id(90), [{ id: c.id, task: id(2), outcome: "apply", role: "bins-0" }, { id: e.id, task: id(3), outcome: "set-aside", role: "bins-0" }]);
      await database.stageEnded(held, id(89), [{ id: d.id, task: id(2), outcome: "apply", role: "bins-1" }]);
      assert.equal((await open(database)).length, 2, "what is staged is open");
      await database.adopt(held, adoptionOf(head, {
        roles: [stored("bins-0", 100)],
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
    name: "pending changes of imports come by place, whole places, and never more than asked for",
    run: async ({ database }) => {
      await started(database);
      assert.deepEqual(await pendingImported(database), []);
      const many = Array.from({ length: 40 }, (_, n) => add(`m${String(n)}`));
      await imported(database, 2, many);
      await accept(database, 3, [add("m1"), add("of a request")]);
      await imported(database, 4, [add("m1", "bins-0", '{"length":9}'), add("x")]);
      await database.openImport({ task: id(5), principal: "p", key: "k", writer: "w", maxChanges: 1000, maxOpen: 10 });
      await database.stageImport({ task: id(5), writer: "w", after: 0, lines: 1, invalid: 0, changes: [add("of no task yet")] });

      const requests = await database.pendingChanges();
      assert.deepEqual(paths(requests), ["m1", "of a request"]);
      const all = await pendingImported(database);
      assert.deepEqual(paths(all).sort(), [...paths(many), "m1", "x"].sort());
      assert.ok(all.every((change) => change.imported === true && !change.held && change.kind === "add"));
      const order = [...all, ...requests].filter(({ path }) => path === "m1").sort((a, b) => a.accepted - b.accepted);
      assert.deepEqual(order.map(({ task, fragment }) => [task, fragment]), [[id(2), '{"length":2}'], [id(3), '{"length":2}'], [id(4), '{"length":9}']]);

      const half = 2 ** 31;
      assert.deepEqual(paths(await pendingImported(database, { from: half, before: PLACES })), paths(all.filter((change) => placeOf(change) >= half)));
      assert.equal(await database.pendingImported(ALL, { changes: 41, bytes: 1e9 }), undefined);
      assert.equal((await pendingImported(database, ALL, { changes: 42, bytes: 1e9 })).length, 42);
      assert.equal(await database.pendingImported(ALL, { changes: 1000, bytes: 400 }), undefined);
      const place = placeOf({ path: "m1" });
      assert.deepEqual((await pendingImported(database, { from: place, before: place + 1 }, { changes: 1, bytes: 1 })).map(({ task }) => task), [id(2), id(4)], "a place comes whole");
      assert.deepEqual(await pendingImported(database, { from: place + 1, before: place + 2 }), []);
    },
  },
  {
    name: "of imports, what waits for people and what no client saw is pending too; what is in a batch, or shown, is not",
    run: async ({ database }) => {
      const { held } = await started(database);
      await imported(database, 2, ["c", "d", "e", "f", "g"].map((path) => add(path)));
      const of = async (...names: readonly string[]): Promise<OpenChange[]> => (await database.openChanges({ changes: 10, bytes: 1e9, imported: 10 })).filter(({ path }) => names.includes(path));
      const { seq } = await commitAll(database, held, { batch: id(41), changes: await of("c"), known: true });
      await database.markVisible(held, seq);
      assert.deepEqual(paths(await pendingImported(database)).sort(), ["d", "e", "f", "g"], "c was shown");
      await foldAll(database, held);
      await commitAll(database, held, { batch: id(42), changes: await of("d"), known: true });
      await database.setWaiting(held, (await of("e")).map((change) => ({ id: change.id, task: id(2), for: "team" })));
      await cutAndStage(database, held, { batch: id(43), changes: await of("f") });
      assert.deepEqual(paths(await pendingImported(database)).sort(), ["d", "e", "g"], "f is in a batch");
      await database.dropBatch(held, id(43), false);
      assert.deepEqual(paths(await pendingImported(database)).sort(), ["d", "e", "f", "g"]);
    },
  },
  {
    name: "what is left of an import is told as an adoption will leave it, and is so then",
    run: async ({ database }) => {
      const { held } = await started(database);
      await imported(database, 2, ["c", "d", "e"].map((path) => add(path)));
      const c = (await database.openChanges({ changes: 10, bytes: 1e9, imported: 10 })).filter(({ path }) => path === "c");
      const { seq } = await commitAll(database, held, { batch: id(41), changes: c, known: true, outcomeOf: () => "set-aside" });
      await database.markVisible(held, seq);
      await foldAll(database, held);
      const backlog = await database.backlog();
      const pending = await pendingImported(database);
      const end = (path: string, outcome: ChangeOutcome): CutChange[] => pending.filter((change) => change.path === path).map((change) => ({ id: change.id, task: id(2), outcome, role: "bins-1" }));
      await database.stageEnded(held, id(90), end("d", "set-aside"));
      assert.deepEqual(await database.importRemainder(id(2), 5, id(90)), { open: true, setAside: 0, paths: [] });
      await database.stageEnded(held, id(90), end("e", "apply"));
      const told = await database.importRemainder(id(2), 5, id(90));
      assert.deepEqual({ ...told, paths: [...told.paths].sort() }, { open: false, setAside: 2, paths: ["c", "d"] });
      assert.equal((await database.importRemainder(id(2), 5)).open, true);
      assert.equal((await database.importRemainder(id(2), 5, id(89))).open, true);

      await database.stageAdopted(held, id(90), "bins-1", pending.filter(({ path }) => path === "e"));
      await database.adopt(held, adoptionOf((await database.publisher()).head, { roles: [stored("bins-1", 99)], results: [{ task: id(2), result: success() }] }));
      assert.deepEqual(await pendingImported(database), []);
      assert.deepEqual((await database.taskChanges(id(2))).filter(({ path }) => path !== "c").map(({ path, outcome }) => [path, outcome]).sort(), [["d", "set-aside"], ["e", "apply"]]);
      assert.deepEqual(await database.backlog(), backlog, "an import is not in it");
      assert.equal((await database.getTask(id(2)))?.result?.state, "SUCCESS");
      await foldAll(database, held);
      assert.deepEqual(await listed(database, "bins-0", "bins-1"), { "bins-0": ["a"], "bins-1": ["e"] });
    },
  },
  {
    name: "what is staged for an adoption is read back by role and path, that adoption's alone",
    run: async ({ database }) => {
      const { held } = await started(database);
      await database.stageAdopted(held, id(90), "bins-0", [{ path: "y", fragment: '{"length":1}' }, { path: "z", fragment: '{"length":2}' }]);
      await database.stageAdopted(held, id(89), "bins-0", [{ path: "of another", fragment: "{}" }]);
      const asked = ["a", "y", "z", "of another"].flatMap((path) => [{ role: "bins-0", path }, { role: "bins-1", path }]);
      assert.deepEqual([...await database.adoptedTargets(id(90), asked)].map((row) => ({ ...row })).sort((a, b) => (a.path < b.path ? -1 : 1)), [
        { role: "bins-0", path: "y", fragment: '{"length":1}' }, { role: "bins-0", path: "z", fragment: '{"length":2}' },
      ]);
      assert.deepEqual(await database.adoptedTargets(id(90), []), []);
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
      await database.stageEnded(held, id(90), [{ id: 999, task: id(2), outcome: "apply", role: "bins-0" }]);
      await refuses("stale-base", database.adopt(held, adoptionOf(head, { roles: [stored("bins-0", 100)] })));
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
      await refuses("lease-lost", database.stageEnded(late, id(90), [{ id: 1, task: id(1), outcome: "apply", role: "bins-0" }]));
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
