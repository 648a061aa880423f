import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createPublisherStage, DAY_MS } from "../../test/fakes/publisher-stage.ts";
import { readiness } from "./readiness.ts";

describe("readiness", () => {
  test("before bootstrap a service with a leading publisher is ready", async () => {
    const stage = createPublisherStage();
    assert.equal((await readiness(stage.database, stage.clock)).ready, false);
    await stage.publisher.takeOver();
    assert.deepEqual(await readiness(stage.database, stage.clock), { ready: true, reasons: [] });
  });

  test("after a jump of 40 days it is not ready until everything is fresh", async () => {
    const stage = createPublisherStage();
    await stage.bootstrap(8);
    assert.equal((await readiness(stage.database, stage.clock)).ready, true);
    await stage.clock.advance(40 * DAY_MS);
    const expired = await readiness(stage.database, stage.clock);
    assert.equal(expired.ready, false);
    assert.match(expired.reasons.join("; "), /a bins role expired/);
    await stage.settle();
    assert.deepEqual(await readiness(stage.database, stage.clock), { ready: true, reasons: [] });
  });

  test("says that root expired, which nobody here can renew", async () => {
    const stage = createPublisherStage({ rootDays: 10 });
    await stage.bootstrap(2);
    await stage.clock.advance(11 * DAY_MS);
    await stage.settle();
    assert.match((await readiness(stage.database, stage.clock)).reasons.join("; "), /a root role expired/);
  });

  test("says why publishing is halted", async () => {
    const stage = createPublisherStage();
    await stage.bootstrap(2);
    await stage.database.halt((await stage.database.publisher()).lease, { code: "diverged", reason: "another history" });
    assert.match((await readiness(stage.database, stage.clock)).reasons.join("; "), /halted, diverged: another history/);
  });

  test("a database that does not answer is a reason, not an error", async () => {
    const stage = createPublisherStage();
    stage.database.publisher = () => Promise.reject(new Error("gone"));
    assert.deepEqual(await readiness(stage.database, stage.clock), { ready: false, reasons: ["the database does not answer: gone"] });
  });
});
