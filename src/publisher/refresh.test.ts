import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { apart } from "../../test/fakes/apart.ts";
import { createPublisherStage, DAY_MS, HOUR_MS, type Stage } from "../../test/fakes/publisher-stage.ts";
import { leastHoursLeft, type Untouched } from "../../test/simulation/untouched.ts";

describe("refresh", () => {
  test("through 130 days hour by hour no role is ever in its last hour, and no tick presses more than twice its share", async () => {
    const bins = 32;
    const { leastHoursLeft: least, mostPressed, share, files } = await apart<Untouched>(import.meta.resolve("../../test/simulation/untouched.ts"), "untouched", 130, bins);
    assert.ok(least > 1, `${String(least)} h left`);
    assert.ok(mostPressed <= 2 * share, `${String(mostPressed)} pressed, share ${String(share)}`);
    assert.ok(files < bins * 3 + 24 * 8, "retention keeps the folder bounded");
  });

  for (const days of [1, 2]) {
    test(`bins that live ${String(days)} day(s) stay fresh, too`, async () => {
      const stage = createPublisherStage();
      await stage.bootstrap(32, { bins: days });
      for (let hour = 0; hour < 10 * 24; hour++) {
        await stage.clock.advance(HOUR_MS);
        await stage.settle();
        assert.ok((await leastHoursLeft(stage)) > 1, `hour ${String(hour)}`);
      }
    });
  }

  test("files that a timestamp reaches stay until it has expired, an edge has let it go, and a day more", async () => {
    const stage = createPublisherStage();
    await stage.bootstrap(2, { timestamp: 1 });
    const first = stage.storage.names().filter((name) => /bins-|snapshot/.test(name));
    await stage.add(["a", "b", "c", "d", "e", "f"]);
    await stage.settle();
    // The first timestamp lives a day, an edge may lag a day (edgeStaleMs), and a day on top.
    for (let hour = 1; hour <= 3 * 24; hour++) {
      const names = new Set(stage.storage.names());
      for (const name of first) assert.ok(names.has(name), `${name} went in hour ${String(hour)}`);
      await stage.clock.advance(HOUR_MS);
      await stage.settle();
    }
    await stage.clock.advance(2 * HOUR_MS);
    await stage.settle();
    const names = new Set(stage.storage.names());
    assert.ok(first.every((name) => !names.has(name)), "and then they go");
  });

  test("after a jump of 40 days everything is fresh before anything else", async () => {
    const stage = createPublisherStage();
    await stage.bootstrap(16);
    await stage.clock.advance(40 * DAY_MS);
    assert.ok((await leastHoursLeft(stage)) < 0);
    await stage.settle();
    assert.ok((await leastHoursLeft(stage)) > 12);
  });

  describe("a forced refresh of many bins", () => {
    const BINS = 512;
    const versions = async (stage: Stage): Promise<ReadonlyMap<string, number>> => new Map((await stage.database.roles()).map(({ role, version }) => [role, version]));
    const pressedSince = async (stage: Stage, before: ReadonlyMap<string, number>): Promise<number> => [...(await versions(stage))].filter(([role, version]) => version > (before.get(role) ?? 0)).length;

    test("goes in slices, on which others publish, and ends when every role has a new version", async () => {
      const stage = createPublisherStage();
      await stage.bootstrap(BINS);
      const before = await versions(stage);
      const task = await stage.refresh(["targets", "bins", "snapshot", "timestamp"]);
      const add = await stage.add(["a"]);
      await stage.publisher.turn();
      const first = await pressedSince(stage, before);
      assert.ok(first >= 64 && first < BINS / 2, `${String(first)} roles in the first slice`);
      assert.equal((await stage.task(add)).result?.state, "SUCCESS");
      assert.equal((await stage.task(task)).result, undefined);
      await stage.settle();
      assert.equal((await stage.task(task)).result?.state, "SUCCESS");
      assert.equal(await pressedSince(stage, before), BINS + 1);
    });

    test("is not doubled by the publishes between its slices", async () => {
      const stage = createPublisherStage();
      await stage.bootstrap(BINS);
      const { counter } = await stage.database.publisher();
      await stage.refresh(["bins"]);
      await stage.settle();
      const used = (await stage.database.publisher()).counter - counter;
      assert.ok(used < BINS + 50, `${String(used)} versions for ${String(BINS)} bins`);
    });

    test("that a crash interrupts ends all the same", async () => {
      const stage = createPublisherStage();
      await stage.bootstrap(BINS);
      const before = await versions(stage);
      const task = await stage.refresh(["bins"]);
      await stage.publisher.turn();
      stage.publisher = stage.newPublisher();
      await stage.clock.advance(stage.deps.policy.leaseMs + 1);
      assert.ok(await stage.publisher.takeOver());
      await stage.settle();
      assert.equal((await stage.task(task)).result?.state, "SUCCESS");
      assert.equal(await pressedSince(stage, before), BINS);
    });
  });

  test("a clock that falls back before the last publish signs nothing", async () => {
    const stage = createPublisherStage();
    await stage.bootstrap(2);
    stage.clock.jump(-6 * 60_000);
    await stage.add(["p"]);
    await assert.rejects(stage.settle(), { code: "clock" });
  });

  test("a small step back reuses the head's time", async () => {
    const stage = createPublisherStage();
    await stage.bootstrap(2);
    const before = (await stage.database.publisher()).pressedAtMs;
    stage.clock.jump(-60_000);
    const task = await stage.add(["p"]);
    await stage.settle();
    assert.equal((await stage.task(task)).result?.state, "SUCCESS");
    assert.equal((await stage.database.publisher()).pressedAtMs, before);
  });
});
