import assert from "node:assert/strict";
import { test } from "node:test";
import { createPublisherStage } from "../../test/fakes/publisher-stage.ts";
import { parseEnvelope } from "../tuf/parse.ts";
import { jump } from "./jump.ts";
import { LeaseHold } from "./lease-hold.ts";

test("after a jump no snapshot lists a role below it, however many roles there are", async () => {
  const stage = createPublisherStage();
  await stage.bootstrap(256);
  await stage.clock.advance(20_000);
  const hold = await LeaseHold.take(stage.database, stage.clock, 15_000, "by hand");
  assert.ok(hold);
  const { counter } = (await jump(stage.deps, hold, 1_000))!;
  await stage.database.releaseLease(hold.lease);
  await stage.add(["meanwhile"]);
  stage.publisher = stage.newPublisher();
  assert.ok(await stage.publisher.takeOver());
  await stage.settle();
  const snapshots = stage.storage.names().filter((name) => name.endsWith(".snapshot.json") && Number(name.split(".")[0]) > counter);
  assert.ok(snapshots.length > 0);
  for (const name of snapshots) {
    const low = Object.entries(parseEnvelope(stage.storage.peek(name)!, "snapshot").signed.meta).filter(([, { version }]) => version <= counter);
    assert.deepEqual(low.length, 0, `${name} lists ${String(low.length)} roles below the jump`);
  }
  assert.equal((await stage.database.setting("press_first")) ?? null, null);
});
