// The publisher as it runs: left alone, woken, told to stop.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createPublisherStage, HOUR_MS } from "../../test/fakes/publisher-stage.ts";

describe("Publisher.run", () => {
  for (const state of ["before bootstrap", "after bootstrap"] as const) {
    test(`${state}, with nothing to do, it rests until a tick or a hint`, async () => {
      const stage = createPublisherStage();
      if (state === "after bootstrap") {
        await stage.bootstrap(2);
        await stage.database.releaseLease((await stage.database.publisher()).lease);
        stage.publisher = stage.newPublisher();
      }
      let asked = 0;
      const setting = stage.database.setting.bind(stage.database);
      const openChanges = stage.database.openChanges.bind(stage.database);
      stage.database.setting = (name) => { asked++; return setting(name); };
      stage.database.openChanges = (limit) => { asked++; return openChanges(limit); };
      const stopping = new AbortController();
      const running = stage.publisher.run(stopping.signal);
      await stage.clock.whenSleeping(2);
      const atRest = asked;
      await stage.clock.advance(HOUR_MS / 2);
      assert.ok(asked - atRest <= 2, `asked ${String(asked - atRest)} times in half an hour`);
      stopping.abort();
      await running;
      assert.equal(await stage.database.takeLease("another", 1000) === undefined, false, "the lease was given up");
    });
  }

  test("a request wakes it at once", async () => {
    const stage = createPublisherStage();
    await stage.bootstrap(2);
    await stage.database.releaseLease((await stage.database.publisher()).lease);
    stage.publisher = stage.newPublisher();
    const stopping = new AbortController();
    const running = stage.publisher.run(stopping.signal);
    await stage.clock.whenSleeping(2);
    const visible = new Promise<void>((resolve) => {
      const unsubscribe = stage.database.subscribe("visible", () => { unsubscribe(); resolve(); });
    });
    const task = await stage.add(["p"]);
    await visible;
    await stage.clock.whenSleeping(2);
    assert.equal((await stage.task(task)).result?.state, "SUCCESS");
    stopping.abort();
    await running;
  });

  for (const [who, options] of [["the configuration", { policy: { minIntervalMs: 1_000 } }], ["the storage", { minReplaceMs: 1_000 }]] as const) {
    test(`timestamps are as far apart as ${who} asks`, { timeout: 20_000 }, async () => {
      const stage = createPublisherStage(options);
      await stage.bootstrap(2);
      // Of a bootstrap and of a batch.
      for (const path of ["p", "q"]) {
        const shown = stage.storage.peek("timestamp.json");
        await stage.add([path]);
        const turning = stage.publisher.turn();
        await stage.clock.whenSleeping(1);
        await stage.clock.advance(999);
        assert.deepEqual(stage.storage.peek("timestamp.json"), shown);
        await stage.clock.advance(1);
        await turning;
        assert.notDeepEqual(stage.storage.peek("timestamp.json"), shown);
      }
    });
  }
});
