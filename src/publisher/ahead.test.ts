import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { imports, many, turns } from "../../test/fakes/long-import.ts";
import { createPublisherStage, type Stage } from "../../test/fakes/publisher-stage.ts";
import { binIndexOf } from "../tuf/bins.ts";

const byPlace = many(2_000).sort((a, b) => binIndexOf(32, a) - binIndexOf(32, b));
/** Of the second batch, and of the last. */
const [soon, late] = [byPlace[500]!, byPlace.at(-1)!];

/** An import in batches of 300 of which the next one is read while each is cut; `reads` from its beginning, and `behind` what was read; what was `cut`, and what was refused. */
async function stageOf() {
  const stage = createPublisherStage({ policy: { maxBatchChanges: 300 } });
  await stage.bootstrap(64);
  const task = await imports(stage, byPlace);
  const { database } = stage;
  const [openChanges, cut] = [database.openChanges.bind(database), database.cut.bind(database)];
  const seen = { reads: 0, behind: 0, cuts: [] as ("import" | "others")[], refused: 0, whileCut: [] as number[] };
  let holds: Promise<void> | undefined;
  database.openChanges = async (limit) => {
    if (limit.imported !== undefined) seen[limit.behind === undefined ? "reads" : "behind"] += 1;
    const open = await openChanges(limit);
    if (limit.behind !== undefined) await holds;
    return open;
  };
  database.cut = async (...args) => {
    const isImport = args[1].changes.length > 100;
    seen.cuts.push(isImport ? "import" : "others");
    const before = seen.behind;
    try {
      if (isImport) await turns(20);
      return await cut(...args);
    } catch (error) {
      seen.refused += 1;
      throw error;
    } finally {
      if (isImport) seen.whileCut.push(seen.behind - before);
    }
  };
  /** What is read ahead comes when `letGo` is called. */
  const hold = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    holds = promise;
    return () => {
      holds = undefined;
      resolve(undefined);
    };
  };
  return { stage, task, seen, hold };
}

async function lengths(stage: Stage): Promise<Map<string, number>> {
  const rows = await stage.database.artifacts({ from: "" }, undefined, 3_000);
  return new Map(rows.map(({ path, fragment }) => [path, (JSON.parse(fragment) as { length: number }).length]));
}

describe("the next batch of an import", () => {
  test("is read while the one before it is cut: from its beginning it is read once, and once more when nothing was behind", { timeout: 30_000 }, async () => {
    const { stage, task, seen } = await stageOf();
    await stage.settle();
    assert.equal((await stage.task(task)).result?.state, "SUCCESS");
    assert.equal((await lengths(stage)).size, 2_000);
    assert.equal(seen.reads, 2);
    assert.ok(seen.whileCut.length > 3);
    assert.ok(seen.whileCut.every((reads) => reads > 0), String(seen.whileCut));
    assert.equal(seen.refused, 0);
  });

  test("lets whoever comes while it is waited for go first, and is not read again", { timeout: 30_000 }, async () => {
    const { stage, seen, hold } = await stageOf();
    await stage.database.releaseLease((await stage.database.publisher()).lease);
    stage.publisher = stage.newPublisher();
    const letGo = hold();
    const stopping = new AbortController();
    const running = stage.publisher.run(stopping.signal);
    while ((await lengths(stage)).size === 0) await turns(10);
    // The turn of the next one has begun: it waits.
    await turns(200);
    assert.deepEqual(seen.cuts, ["import"]);
    const other = await stage.add(["other"]);
    await turns(10);
    letGo();
    while ((await lengths(stage)).size < 2_001) await turns(10);
    stopping.abort();
    await running;
    assert.equal((await stage.task(other)).result?.state, "SUCCESS");
    assert.deepEqual(seen.cuts.slice(0, 3), ["import", "others", "import"]);
    assert.ok(seen.reads <= 3, String(seen.reads));
  });

  for (const [what, path] of [["was read", soon], ["comes later", late]] as const) {
    test(`is never put over what was accepted after it, of a path that ${what}`, { timeout: 30_000 }, async () => {
      const { stage, task, seen } = await stageOf();
      await stage.publisher.turn();
      const newer = await stage.add([path], { length: 9 });
      await stage.settle();
      assert.equal((await lengths(stage)).get(path), 9);
      assert.equal(seen.refused, 0, "nothing was cut that another batch has");
      assert.deepEqual([(await stage.task(newer)).result?.state, (await stage.task(task)).result?.state], ["SUCCESS", "SUCCESS"]);
      const { result } = await stage.task(task);
      assert.equal(result?.details?.["imported_artifacts"], 2_000);
    });

    test(`is never put over what passes the one before it, of a path that ${what}`, { timeout: 30_000 }, async () => {
      const { stage, seen } = await stageOf();
      const cut = stage.database.cut.bind(stage.database);
      let asked: string | undefined;
      stage.database.cut = async (...args) => {
        const answer = await cut(...args);
        asked ??= await stage.add([path], { length: 9 });
        return answer;
      };
      await stage.settle();
      assert.equal((await lengths(stage)).get(path), 9);
      assert.equal(seen.refused, 0);
    });
  }

  test("comes with what was accepted before it, also when others were first", { timeout: 30_000 }, async () => {
    const { stage, seen } = await stageOf();
    await stage.publisher.turn();
    await stage.add(["other"]);
    await stage.publisher.turn();
    // After a batch of others it is the import's turn, whoever is there: these have paths of what was read, and none.
    await stage.add([soon], { length: 9 });
    await stage.add(["another"]);
    await stage.settle();
    const all = await lengths(stage);
    assert.deepEqual([all.get(soon), all.size, seen.refused], [9, 2_002, 0]);
  });

  test("is not put before what was accepted before it, and is open only now", { timeout: 30_000 }, async () => {
    const stage = createPublisherStage({ policy: { maxBatchChanges: 300 } });
    await stage.bootstrap(64);
    // As one that waited until people signed.
    const older = await stage.add([soon], { length: 5 });
    await imports(stage, byPlace);
    const openChanges = stage.database.openChanges.bind(stage.database);
    let waits = true;
    stage.database.openChanges = async (limit) => (await openChanges(limit)).filter(({ task }) => !waits || task !== older);
    await stage.publisher.turn();
    await stage.add(["other"]);
    await stage.publisher.turn();
    waits = false;
    await stage.settle();
    assert.equal((await lengths(stage)).get(soon), 7);
  });

  test("takes along what is held, and was accepted before it", { timeout: 30_000 }, async () => {
    const stage = createPublisherStage({ policy: { maxBatchChanges: 300 } });
    await stage.bootstrap(64);
    await stage.add([soon, late], { held: true, length: 5 });
    await imports(stage, byPlace);
    await stage.publisher.turn();
    await stage.releaseHeld();
    await stage.settle();
    const all = await lengths(stage);
    assert.deepEqual([all.get(soon), all.get(late)], [7, 7]);
  });

  test("is read anew when what leads found the database in doubt", { timeout: 30_000 }, async () => {
    const { stage, seen } = await stageOf();
    const commit = stage.database.commit.bind(stage.database);
    let fails = 1;
    stage.database.commit = (...args) => (fails-- > 0 ? Promise.reject(new Error("the disk is gone")) : commit(...args));
    await assert.rejects(stage.publisher.turn(), /the disk is gone/);
    const { reads } = seen;
    await stage.publisher.turn();
    assert.equal(seen.reads, reads + 1, "from its beginning");
    await stage.settle();
    assert.equal((await lengths(stage)).size, 2_000);
    assert.equal(seen.refused, 0);
  });

  test("that killed a process is not planned ahead", { timeout: 30_000 }, async () => {
    const { stage, seen } = await stageOf();
    const openChanges = stage.database.openChanges.bind(stage.database);
    stage.database.openChanges = async (limit) => (await openChanges(limit)).map((change) => (change.path === soon ? { ...change, attempts: 1 } : change));
    await stage.publisher.turn();
    await stage.publisher.turn();
    assert.deepEqual([seen.reads, seen.cuts.length], [2, 2], "the second batch was read in its turn");
  });
});
