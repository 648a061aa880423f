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
