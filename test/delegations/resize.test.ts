// Another number of bins, on a live repository.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createWorld, tufJs, type World } from "./world.ts";

const PATHS = Array.from({ length: 60 }, (_, n) => `pool/${String(n)}`);
const resize = (world: World, bins: number, role?: string) => world.ended("PUT", "/api/v1/delegations/bins", { number_of_delegated_bins: bins, ...(role === undefined ? {} : { role }) });

describe("resizing bins", () => {
  for (const style of ["succinct", "classic"] as const) {
    test(`${style}: more, fewer, and as many digits as before; clients lose nothing, and names stay in snapshot`, async (context) => {
      const world = await createWorld({ policy: { binsStyle: style } });
      const js = await tufJs(context, world);
      await world.stage.bootstrap(4);
      await world.add(...PATHS);
      const back = world.returning();
      assert.deepEqual(await back.found(...PATHS), PATHS);
      for (const bins of [8, 64, 32, 2, 4]) {
        const { seq } = await world.stage.database.publisher();
        const done = await resize(world, bins);
        assert.deepEqual([done.state, done.details], ["SUCCESS", { delegated_roles: [], failed_roles: [], number_of_delegated_bins: bins }]);
        assert.equal((await world.stage.database.publisher()).seq, seq + 1);
        assert.deepEqual(await back.found(...PATHS), PATHS);
        assert.deepEqual(await world.found(...PATHS), PATHS);
        assert.equal(await world.stage.database.setting("number_of_delegated_bins"), bins);
        await world.fsck();
        await world.add(`after/${String(bins)}`);
        assert.deepEqual(await back.found(`after/${String(bins)}`), [`after/${String(bins)}`]);
      }
      assert.deepEqual(await js.found(...PATHS), PATHS);
      const rows = await world.stage.database.roles();
      assert.deepEqual(rows.filter(({ kind, retired }) => kind === "bins" && !retired).map(({ role }) => role).sort(), ["bins-0", "bins-1", "bins-2", "bins-3"]);
      assert.equal(rows.filter(({ kind, retired }) => kind === "bins" && retired).length, 4 + 64);
      await world.fsck();
    });
  }

  test("beside custom roles, and of the bins below one", async () => {
    const world = await createWorld();
    await world.bootstrap([{ name: "pool", paths: ["pool/*"], bins: 2 }], {}, 4);
    const all = [...PATHS, "x", "y/z"];
    await world.add(...all);
    await resize(world, 16);
    await resize(world, 8, "pool");
    assert.deepEqual(await world.found(...all), all);
    assert.match((await world.owners("pool/1"))[0] ?? "", /^pool-bins-[0-7]$/);
    assert.match((await world.owners("x"))[0] ?? "", /^bins-[0-9a-f]$/);
    assert.match((await resize(world, 8, "none")).error ?? "", /role none has no bins/);
    await world.fsck();
  });

  test("to the number there is publishes nothing; to no number of bins is refused", async () => {
    const world = await createWorld();
    await world.stage.bootstrap(4);
    const { seq } = await world.stage.database.publisher();
    assert.equal((await resize(world, 5)).state, "SUCCESS");
    assert.equal((await world.stage.database.publisher()).seq, seq);
    assert.equal((await world.request("PUT", "/api/v1/delegations/bins", { number_of_delegated_bins: 1 })).status, 422);
    assert.equal((await world.request("PUT", "/api/v1/delegations/bins", { number_of_delegated_bins: 16385 })).status, 422);
  });

  test("keeps its place among the requests around it", async () => {
    const world = await createWorld();
    await world.stage.bootstrap(4);
    await world.add("gone", "kept");
    const first = await world.stage.remove(["gone"]);
    await world.request("PUT", "/api/v1/delegations/bins", { number_of_delegated_bins: 64 });
    const last = await world.stage.add(["new"]);
    await world.stage.settle();
    for (const task of [first, last]) assert.equal((await world.stage.task(task)).result?.state, "SUCCESS");
    assert.deepEqual(await world.found("gone", "kept", "new"), ["kept", "new"]);
    await world.fsck();
  });

  test("survives a publisher that dies at every step of it", async () => {
    for (let step = 1; ; step++) {
      const world = await createWorld();
      await world.stage.bootstrap(4);
      await world.add(...PATHS.slice(0, 8));
      let left = step;
      world.stage.storage.hooks = { after: () => { if (--left === 0) throw new Error("killed"); } };
      const { body } = await world.request("PUT", "/api/v1/delegations/bins", { number_of_delegated_bins: 2 });
      await world.stage.settle().catch(() => undefined);
      world.stage.storage.hooks = {};
      await world.stage.clock.advance(60_000);
      world.stage.publisher = world.stage.newPublisher();
      await world.stage.publisher.takeOver();
      await world.stage.settle();
      assert.equal((await world.stage.task(body.data?.task_id ?? "")).result?.state, "SUCCESS");
      assert.deepEqual(await world.found(...PATHS.slice(0, 8)), PATHS.slice(0, 8));
      await world.fsck();
      if (left > 0) break;
    }
  });
});
