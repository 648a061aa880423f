import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { imports, long, many, turns } from "../../test/fakes/long-import.ts";
import { createPublisherStage } from "../../test/fakes/publisher-stage.ts";
import type { Rest } from "../ports/rest.ts";
import { binIndexOf } from "../tuf/bins.ts";

describe("while others pass, a long batch", () => {
  test("is not cut further", { timeout: 30_000 }, async () => {
    const { stage, byPlace, commits, beside } = await long();
    const { database } = stage;
    const cut = database.cut.bind(database);
    let committed: number | undefined;
    database.cut = (lease, batch, rest) => cut(lease, batch, rest && (async () => {
      await stage.add(byPlace.slice(-1));
      while (!beside.isPublished) await turns(1);
      await rest();
      committed = commits.length;
    }));
    await stage.publisher.turn();
    assert.equal(committed, 1, "the cut went on when they were committed");
    assert.equal(commits.length, 2);
  });

  test("puts no file", { timeout: 30_000 }, async () => {
    const { stage, byPlace, commits, beside } = await long();
    const { storage } = stage;
    const createAll = storage.createAll.bind(storage);
    const rested: number[] = [];
    storage.createAll = async (files, rest) => {
      if (files.length > 16 || commits.length > 0) return createAll(files, rest);
      const before = beside.batches;
      await stage.add(byPlace.slice(-1 - before, byPlace.length - before));
      while (!beside.isPublished) await turns(1);
      await (rest as Rest)();
      rested.push(commits.length);
      return createAll(files, rest);
    };
    await stage.publisher.turn();
    assert.deepEqual(rested, [1], "it went on when they were committed");
  });

  test("lets them pass while its last files are put", { timeout: 30_000 }, async () => {
    const { stage, byPlace, batches, commits } = await long();
    const { storage } = stage;
    const createAll = storage.createAll.bind(storage);
    let puts = 0;
    storage.createAll = async (files, rest) => {
      // Of 21 bins 16 are put, then 5.
      if (++puts === 2) {
        await stage.add(byPlace.slice(-1));
        while (commits.length === 0) await turns(1);
      }
      return createAll(files, rest);
    };
    await stage.publisher.turn();
    assert.deepEqual(commits, [batches[1], batches[0]]);
  });
});

describe("who overtakes a long batch", () => {
  test("takes none of its changes, also of those that change nothing", { timeout: 30_000 }, async () => {
    const [held, late] = Array.from({ length: 500 }, (_, n) => `other ${String(n)}`).filter((path) => binIndexOf(6, path) > 60) as [string, string];
    const byPlace = many(2_000).sort((a, b) => binIndexOf(32, a) - binIndexOf(32, b));
    const stage = createPublisherStage({ policy: { maxBatchChanges: 300 } });
    await stage.bootstrap(64);
    const { database } = stage;
    await imports(stage, byPlace);
    // Of a path of the import, so that all that waits is in its batch; and of one that is added held, and removed.
    const tasks = [await stage.add(byPlace.slice(0, 1), { length: 8 }), await stage.add([held], { held: true }), await stage.remove([held])];
    const openChanges = database.openChanges.bind(database);
    database.openChanges = async (limit) => {
      const open = await openChanges(limit);
      if (limit.imported !== undefined && tasks.length === 3) tasks.push(await stage.add([late]));
      return open;
    };
    await stage.settle();
    for (const task of tasks) assert.equal((await stage.task(task)).result?.state, "SUCCESS", task);
  });
});

describe("who comes before the next batch of an import is cut", () => {
  for (const when of ["read", "planned"] as const) {
    test(`while it is ${when}, goes first, once: that batch is dropped`, { timeout: 30_000 }, async () => {
      // While it is planned others are heard after each few hundred changes.
      const [most, count] = when === "read" ? [1_500, 3_500] : [2_500, 7_000];
      const stage = createPublisherStage({ policy: { maxBatchChanges: most } });
      await stage.bootstrap(64);
      await imports(stage, many(count));
      await stage.database.releaseLease((await stage.database.publisher()).lease);
      stage.publisher = stage.newPublisher();
      const { database } = stage;
      const [openChanges, cut] = [database.openChanges.bind(database), database.cut.bind(database)];
      const events: string[] = [];
      let others = 0;
      const add = (): Promise<string> => stage.add([`other ${String(++others)}`]);
      database.cut = (lease, batch, rest) => {
        events.push(batch.changes.length > 10 ? "import" : "other");
        return cut(lease, batch, rest);
      };
      database.openChanges = async (limit) => {
        const open = await openChanges(limit);
        // A larger one is read in two pieces.
        if (limit.imported === undefined || !events.includes("import") || (limit.behind === undefined) !== (when === "read")) return open;
        events.push("read");
        if (others === 2) return open;
        if (when === "read") await add();
        else setImmediate(() => { void add(); });
        return open;
      };
      const stopping = new AbortController();
      const running = stage.publisher.run(stopping.signal);
      while (events.length < 6) await turns(1);
      stopping.abort();
      await running;
      assert.deepEqual(events.slice(0, 5), ["import", "read", "other", "read", "other"]);
      assert.equal(events[5], "import", "the one that came then passed");
    });
  }

  test("of whom nothing comes holds it up once", { timeout: 30_000 }, async () => {
    const stage = createPublisherStage({ policy: { maxBatchChanges: 1_500 } });
    await stage.bootstrap(64);
    const task = await imports(stage, many(3_500));
    await stage.database.releaseLease((await stage.database.publisher()).lease);
    const { database } = stage;
    const [openChanges, subscribe] = [database.openChanges.bind(database), database.subscribe.bind(database)];
    const hints: (() => void)[] = [];
    database.subscribe = (topic, call) => {
      if (topic === "work") hints.push(call);
      return subscribe(topic, call);
    };
    stage.publisher = stage.newPublisher();
    database.openChanges = async (limit) => {
      const open = await openChanges(limit);
      if (limit.imported !== undefined) setImmediate(() => { for (const hint of hints) hint(); });
      return open;
    };
    const stopping = new AbortController();
    const running = stage.publisher.run(stopping.signal);
    while ((await stage.task(task)).result === undefined) await turns(1);
    stopping.abort();
    await running;
    assert.equal((await stage.task(task)).result?.state, "SUCCESS");
  });
});
