import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { heldRows, imports, long, many, turns } from "../../test/fakes/long-import.ts";
import { createPublisherStage, type Stage } from "../../test/fakes/publisher-stage.ts";
import { binIndexOf } from "../tuf/bins.ts";

async function bootstrapped(): Promise<Stage> {
  const stage = createPublisherStage({ policy: { maxBatchChanges: 300 } });
  await stage.bootstrap(4);
  return stage;
}

async function listed(stage: Stage): Promise<Map<string, number>> {
  const { head } = await stage.database.publisher();
  const all = await stage.database.readTargets(head, ["bins-0", "bins-1", "bins-2", "bins-3"]);
  return new Map([...all.values()].flat().map((target) => [target.path, (JSON.parse(target.fragment) as { length: number }).length]));
}

/** Two paths of one of 64 bins that clients order differently. */
function disputed(bin: number): readonly [string, string] {
  const found = (first: string): string => Array.from({ length: 10_000 }, (_, i) => `z/${first}${String(i)}`).find((path) => binIndexOf(6, path) === bin)!;
  return [found("\u{1f600}"), found("\ufb00")];
}

describe("an import", () => {
  test("is published in batches, and its task ends with the last one", async () => {
    const stage = await bootstrapped();
    const task = await imports(stage, many(2000));
    await stage.publisher.turn();
    assert.equal((await stage.task(task)).result, undefined);
    const some = (await listed(stage)).size;
    assert.ok(some > 0 && some < 2000, String(some));
    await stage.settle();
    assert.equal((await listed(stage)).size, 2000);
    const { result } = await stage.task(task);
    assert.deepEqual([result?.state, result?.details], ["SUCCESS", { lines: 2000, imported_artifacts: 2000, invalid_paths: 0 }]);
  });

  test("lets others go between its batches", async () => {
    const stage = await bootstrapped();
    const task = await imports(stage, many(2000));
    await stage.publisher.turn();
    const other = await stage.add(["other"]);
    await stage.publisher.turn();
    assert.equal((await stage.task(other)).result?.state, "SUCCESS");
    assert.equal((await stage.task(task)).result, undefined);
  });

  test("never undoes what was accepted after it, whichever is published first", async () => {
    const stage = await bootstrapped();
    const task = await imports(stage, many(1000), 7);
    await stage.publisher.turn();
    const newer = await stage.add(many(1000).filter((_, i) => i % 3 === 0), { length: 8 });
    const removed = await stage.remove(many(1000).filter((_, i) => i % 3 === 1));
    await stage.settle();
    const targets = await listed(stage);
    assert.deepEqual(many(1000).map((path) => targets.get(path)), many(1000).map((_, i) => [8, undefined, 7][i % 3]));
    assert.equal((await stage.task(task)).result?.details?.["imported_artifacts"], 1000);
    assert.equal((await stage.task(newer)).result?.state, "SUCCESS");
    const { result } = await stage.task(removed);
    assert.deepEqual(result?.details?.["not_found_artifacts"], []);
  });

  test("comes after what was accepted before it", async () => {
    const stage = await bootstrapped();
    await stage.add(many(500), { length: 5 });
    await stage.add(["dir/held", ...many(3)], { held: true, length: 6 });
    await imports(stage, [...many(500), "dir/held"], 7);
    await stage.settle();
    await stage.releaseHeld();
    await stage.settle();
    assert.deepEqual([...new Set((await listed(stage)).values())], [7]);
  });

  test("is overtaken by what is accepted while it is pressed, of other roles; what is of its own waits", async () => {
    const stage = createPublisherStage({ policy: { maxBatchChanges: 300 } });
    await stage.bootstrap(64);
    const byPlace = many(2000).sort((a, b) => binIndexOf(32, a) - binIndexOf(32, b));
    const task = await imports(stage, byPlace);
    const cut = stage.database.cut.bind(stage.database);
    const commits: string[] = [];
    const commit = stage.database.commit.bind(stage.database);
    let asked: readonly string[] = [];
    const batches: string[] = [];
    stage.database.cut = async (...args) => {
      const answer = await cut(...args);
      batches.push(args[1].id);
      // The last path is of the last bin, the first of the first; each is said anew.
      if (batches.length === 1) asked = [await stage.add(byPlace.slice(-1), { length: 9 }), await stage.add(byPlace.slice(0, 1), { length: 8 })];
      return answer;
    };
    stage.database.commit = (...args) => {
      commits.push(args[1].batch);
      return commit(...args);
    };
    await stage.publisher.turn();
    assert.deepEqual(commits, [batches[1], batches[0]], "the second one overtook");
    const states = async (): Promise<unknown[]> => Promise.all([...asked, task].map(async (one) => (await stage.task(one)).result?.state));
    assert.deepEqual(await states(), ["SUCCESS", undefined, undefined]);
    await stage.settle();
    assert.deepEqual(await states(), ["SUCCESS", "SUCCESS", "SUCCESS"]);
    const rows = await stage.database.artifacts({ from: "" }, undefined, 3000);
    assert.equal(rows.length, 2000);
    const said = new Map(rows.map(({ path, fragment: text }) => [path, (JSON.parse(text) as { length: number }).length]));
    assert.deepEqual([said.get(byPlace.at(-1)!), said.get(byPlace[0]!), said.get(byPlace[1]!)], [9, 8, 7]);
  });

  test("is overtaken while it is cut", { timeout: 30_000 }, async () => {
    const stage = createPublisherStage({ policy: { maxBatchChanges: 300 } });
    await stage.bootstrap(64);
    const byPlace = many(2000).sort((a, b) => binIndexOf(32, a) - binIndexOf(32, b));
    const task = await imports(stage, byPlace);
    const cut = stage.database.cut.bind(stage.database);
    const commit = stage.database.commit.bind(stage.database);
    const batches: string[] = [];
    const other = Promise.withResolvers<string>();
    stage.database.cut = async (...args) => {
      const answer = await cut(...args);
      batches.push(args[1].id);
      if (batches.length > 1) return answer;
      other.resolve(stage.add(byPlace.slice(-1), { length: 9 }));
      while (commits.length === 0) await turns(1);
      return answer;
    };
    const commits: string[] = [];
    stage.database.commit = (...args) => {
      commits.push(args[1].batch);
      return commit(...args);
    };
    await stage.publisher.turn();
    assert.deepEqual(commits, [batches[1], batches[0]]);
    assert.equal((await stage.task(await other.promise)).result?.state, "SUCCESS");
    await stage.settle();
    assert.equal((await stage.task(task)).result?.state, "SUCCESS");
    const rows = await stage.database.artifacts({ from: "" }, undefined, 3000);
    assert.deepEqual(rows.filter(({ fragment }) => fragment.includes('"length":9')).map(({ path }) => path), byPlace.slice(-1));
  });

  test("is overtaken between two of its roles", { timeout: 30_000 }, async () => {
    const { stage, byPlace, commits, batches } = await long();
    let pressed = 0;
    stage.signers.beforeSign = () => { pressed += 1; };
    const read = stage.database.readTargets.bind(stage.database);
    let other: string | undefined;
    stage.database.readTargets = async (...args) => {
      if (other === undefined) {
        other = await stage.add(byPlace.slice(-1), { length: 9 });
        await turns(2);
      }
      return read(...args);
    };
    const commit = stage.database.commit.bind(stage.database);
    let pressedByThen: number | undefined;
    stage.database.commit = (...args) => {
      pressedByThen ??= pressed;
      return commit(...args);
    };
    await stage.publisher.turn();
    assert.deepEqual(commits, [batches[1], batches[0]]);
    assert.ok(pressedByThen! < 16, `${String(pressedByThen)} signatures by then, of 16 roles that are put together`);
    assert.equal((await stage.task(other!)).result?.state, "SUCCESS");
  });

  test("while others are published, beside one of its batches or between two, rows rest", { timeout: 30_000 }, async () => {
    const { stage, byPlace, beside } = await long();
    const fold = stage.database.fold.bind(stage.database);
    let folds = 0;
    stage.database.fold = async (lease) => {
      folds += 1;
      if (beside.isPublished) beside.folds += 1;
      await turns(1);
      return fold(lease, 3);
    };
    await stage.publisher.turn();
    // Of two bins, neither of which is of these batches.
    for (const [n, place, at] of [[1, "between two", 2_999], [2, "beside the second", 2_800]] as const) {
      const other = await stage.add(byPlace.slice(at, at + 1), { length: 9 });
      await turns(2);
      await stage.publisher.turn();
      assert.equal((await stage.task(other)).result?.state, "SUCCESS");
      assert.deepEqual([beside.batches, beside.folds], [n, 0], place);
      if (n === 1) assert.ok(folds < 100, "most rows are on their way");
    }
    await stage.settle();
    assert.ok(folds > 900, String(folds));
  });

  test("behind what others published beside it, it lingers, so that their clients can read", { timeout: 30_000 }, async () => {
    const { stage, byPlace } = await long({ lingerMs: 15 });
    const sleep = stage.clock.sleep.bind(stage.clock);
    const others: string[] = [];
    const lingers: unknown[] = [];
    stage.clock.sleep = async (ms, signal) => {
      if (ms !== 15) return sleep(ms, signal);
      const other = others.at(-1);
      lingers.push(other !== undefined && (await stage.task(other)).result?.state);
    };
    const fold = stage.database.fold.bind(stage.database);
    stage.database.fold = async (lease) => {
      await turns(1);
      return fold(lease, 3);
    };
    await stage.publisher.turn();
    assert.deepEqual(lingers, [], "nobody was there");
    // Between two batches, and beside the second.
    for (const at of [2_999, 2_800]) {
      others.push(await stage.add(byPlace.slice(at, at + 1), { length: 9 }));
      await turns(2);
      await stage.publisher.turn();
    }
    assert.deepEqual(lingers, ["SUCCESS", "SUCCESS"]);
    await stage.settle();
    assert.equal(lingers.length, 2);
  });

  test("a batch takes what was read of it when somebody asks for something else meanwhile", { timeout: 30_000 }, async () => {
    const stage = createPublisherStage({ policy: { maxBatchChanges: 20_000 } });
    await stage.bootstrap(64);
    await imports(stage, many(9_000));
    await stage.database.releaseLease((await stage.database.publisher()).lease);
    stage.publisher = stage.newPublisher();
    const [openChanges, cut] = [stage.database.openChanges.bind(stage.database), stage.database.cut.bind(stage.database)];
    const cuts: number[] = [];
    let asks = 2;
    stage.database.openChanges = async (limit) => {
      const open = await openChanges(limit);
      // The first batch finds out what a change costs; the second gives way.
      if (cuts.length > 0 && open.length > 500 && asks > 0) {
        asks -= 1;
        await stage.add([`other ${String(asks)}`]);
      }
      return open;
    };
    stage.database.cut = (lease, batch) => {
      cuts.push(batch.changes.length);
      return cut(lease, batch);
    };
    const stopping = new AbortController();
    const running = stage.publisher.run(stopping.signal);
    while (cuts.reduce((sum, one) => sum + one, 0) < 9_002) await turns(1);
    stopping.abort();
    await running;
    const large = cuts.filter((one) => one > 1);
    assert.ok(large.length > 2 && (large[1] ?? 0) < 5_000, `batches of ${large.join(", ")}`);
  });

  test("what others asked for before is published before its batch, not in it, unless it is of one of its paths", async () => {
    const stage = createPublisherStage({ policy: { maxBatchChanges: 300 } });
    await stage.bootstrap(64);
    const byPlace = many(2000).sort((a, b) => binIndexOf(32, a) - binIndexOf(32, b));
    const cut = stage.database.cut.bind(stage.database);
    const cuts: ReadonlySet<string>[] = [];
    stage.database.cut = (...args) => {
      cuts.push(new Set(args[1].changes.map(({ task }) => task)));
      return cut(...args);
    };
    const task = await imports(stage, byPlace);
    const other = await stage.add(byPlace.slice(-1), { length: 9 });
    await stage.publisher.turn();
    // The first takes the import's own word on that path along, and absorbs it.
    assert.deepEqual(cuts, [new Set([task, other]), new Set([task])]);
    assert.equal((await stage.task(other)).result?.state, "SUCCESS");

    // Now the next slice's first path: in their order, in one batch.
    const next = byPlace.findIndex((path) => binIndexOf(6, path) === 1 + binIndexOf(6, byPlace[0]!) + 8);
    const own = await stage.add(byPlace.slice(next, next + 1), { length: 8 });
    await stage.settle();
    assert.equal((await stage.task(own)).result?.state, "SUCCESS");
    const rows = await stage.database.artifacts({ from: "" }, undefined, 3000);
    const said = new Map(rows.map(({ path, fragment: text }) => [path, (JSON.parse(text) as { length: number }).length]));
    assert.deepEqual([said.get(byPlace.at(-1)!), said.get(byPlace[next]!), said.get(byPlace[0]!)], [9, 8, 7]);
  });

  test("ends with its own batch when what overtook took its last change but those", async () => {
    const stage = createPublisherStage({ policy: { maxBatchChanges: 3, foldBehindFrom: 1 } });
    await stage.bootstrap(64);
    const byPlace = many(200).sort((a, b) => binIndexOf(32, a) - binIndexOf(32, b));
    const [last] = byPlace.slice(-1) as [string];
    const task = await imports(stage, [...byPlace.slice(0, 3), last]);
    const cut = stage.database.cut.bind(stage.database);
    let other: string | undefined;
    stage.database.cut = async (...args) => {
      const answer = await cut(...args);
      other ??= await stage.add([last], { length: 9 });
      return answer;
    };
    const commit = stage.database.commit.bind(stage.database);
    const ended: unknown[] = [];
    stage.database.commit = async (...args) => {
      ended.push((await stage.task(task)).result?.state);
      return commit(...args);
    };
    await stage.publisher.turn();
    assert.deepEqual(ended, [undefined, undefined], "what overtook is published, and it has not ended");
    assert.deepEqual([(await stage.task(other!)).result?.state, (await stage.task(task)).result?.state], ["SUCCESS", "SUCCESS"]);
  });

  test("what overtakes it and cannot be pressed is set aside, and nothing else", async () => {
    const stage = createPublisherStage({ policy: { maxBatchChanges: 300 } });
    await stage.bootstrap(64);
    // Clients would order these two differently.
    const [known, refused] = disputed(63);
    await stage.add([known]);
    await stage.settle();
    const byPlace = many(2000).sort((a, b) => binIndexOf(32, a) - binIndexOf(32, b));
    const task = await imports(stage, byPlace);
    const cut = stage.database.cut.bind(stage.database);
    let other: string | undefined;
    stage.database.cut = async (...args) => {
      const answer = await cut(...args);
      other ??= await stage.add([refused]);
      return answer;
    };
    await stage.settle();
    assert.equal((await stage.task(other!)).result?.state, "FAILURE");
    assert.equal((await stage.task(task)).result?.state, "SUCCESS");
    assert.equal((await stage.database.artifacts({ from: "" }, undefined, 3000)).length, 2001);
  });

  test("its rows follow while the next batch is pressed, and one that touches the same role waits for them", async () => {
    const stage = createPublisherStage({ policy: { maxBatchChanges: 300 } });
    await stage.bootstrap(64);
    const rows = heldRows(stage);
    const paths = many(2000);
    const task = await imports(stage, paths);
    rows.hold();
    await stage.publisher.turn();
    assert.equal(rows.held, 1);
    const head = async (): Promise<string> => (await stage.database.publisher()).head;
    const unfolded = await head();
    await assert.rejects(stage.database.readTargets(unfolded, []), { code: "stale-base" });

    // Removes what was just published: whether it is there, only its row says.
    const removed = await stage.remove(paths);
    let over = false;
    const turn = stage.publisher.turn().then(() => { over = true; });
    for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([over as boolean, await head() === unfolded], [false, true]);
    rows.letGo();
    await turn;
    await stage.settle();
    assert.equal((await stage.task(task)).result?.state, "SUCCESS");
    assert.deepEqual((await stage.task(removed)).result?.details?.["not_found_artifacts"], []);
    assert.deepEqual((await stage.database.artifacts({ from: "" }, undefined, 10)).length, 0);
  });

  test("what would overtake it, of roles whose rows are still on their way, waits for these and not for it", async () => {
    const stage = createPublisherStage({ policy: { maxBatchChanges: 300, foldBehindFrom: 1 } });
    await stage.bootstrap(64);
    const byPlace = many(2000).sort((a, b) => binIndexOf(32, a) - binIndexOf(32, b));
    const rows = heldRows(stage);
    const task = await imports(stage, byPlace);
    rows.hold();
    await stage.publisher.turn();
    assert.equal(rows.held, 1, "the first batch is published, and its rows follow");
    const cut = stage.database.cut.bind(stage.database);
    const commit = stage.database.commit.bind(stage.database);
    const [batches, commits]: [string[], string[]] = [[], []];
    let other: string | undefined;
    stage.database.cut = async (...args) => {
      const answer = await cut(...args);
      batches.push(args[1].id);
      other ??= await stage.add(byPlace.slice(0, 1), { length: 8 });
      return answer;
    };
    stage.database.commit = (...args) => {
      commits.push(args[1].batch);
      return commit(...args);
    };
    const turn = stage.publisher.turn();
    for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(commits, [], "its role's rows are not there");
    rows.letGo();
    await turn;
    assert.deepEqual(commits, [batches[1], batches[0]], "then it overtook");
    assert.equal((await stage.task(other!)).result?.state, "SUCCESS");
    await stage.settle();
    assert.equal((await stage.task(task)).result?.state, "SUCCESS");
    const listed = await stage.database.artifacts({ from: "" }, undefined, 3000);
    assert.match(listed.find(({ path }) => path === byPlace[0])?.fragment ?? "", /"length":8/);
  });

  test("goes on when its rows could not be written, nothing lost", async () => {
    const stage = createPublisherStage({ policy: { maxBatchChanges: 300 } });
    await stage.bootstrap(64);
    const fold = stage.database.fold.bind(stage.database);
    let faults = 1;
    const task = await imports(stage, many(1500));
    stage.database.fold = async (...args) => {
      if (faults-- > 0) throw new Error("the disk is full");
      return fold(...args);
    };
    await stage.publisher.turn();
    await assert.rejects(stage.publisher.turn(), /the disk is full/);
    await stage.settle();
    assert.equal((await stage.database.artifacts({ from: "" }, undefined, 2000)).length, 1500);
    assert.equal((await stage.task(task)).result?.state, "SUCCESS");
  });

  test("that another publisher died with goes on, applied once", async () => {
    const stage = await bootstrapped();
    const task = await imports(stage, many(1000));
    await stage.publisher.turn();
    // In the middle of a batch, which then is never committed.
    stage.signers.beforeSign = () => { throw new Error("the process is killed"); };
    await assert.rejects(stage.publisher.turn());
    stage.signers.beforeSign = undefined;
    await stage.clock.advance(60_000);
    const next = stage.newPublisher();
    assert.ok(await next.takeOver());
    while (await next.turn());
    assert.equal((await listed(stage)).size, 1000);
    assert.equal((await stage.task(task)).result?.state, "SUCCESS");
  });
});
