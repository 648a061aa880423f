// Who is told to sign, and of roles that nobody signed in time.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Notice } from "../ports/database.ts";
import { LeaseHold } from "./lease-hold.ts";
import { Teller } from "./tell.ts";
import { createPublisherStage, DAY_MS, HOUR_MS, type Stage } from "../../test/fakes/publisher-stage.ts";

async function told(stage: Stage, kind: Notice["kind"]): Promise<Record<string, unknown>[]> {
  return (await stage.database.notices("", 10_000)).rows.filter((notice) => notice.kind === kind).map(({ about }) => ({ ...about }));
}

/** A tick; then whatever it found is done. */
async function tick(stage: Stage, ms = HOUR_MS): Promise<void> {
  await stage.clock.advance(ms);
  await stage.settle().catch(() => undefined);
}

test("a publish is told with the ends of its tasks, once clients see it", async () => {
  const stage = createPublisherStage();
  await stage.bootstrap(4);
  const id = await stage.add(["a"]);
  await stage.settle();
  const { rows } = await stage.database.notices("", 100);
  assert.deepEqual(rows.map(({ kind }) => kind), ["published", "task-finished", "published", "task-finished"]);
  assert.deepEqual([rows[2]?.about["changes"], rows[3]?.about["task_id"]], [1, id]);
});

test("roles that are signed in time are nobody's news, after a long pause either", async () => {
  const stage = createPublisherStage({ startMs: Date.UTC(2030, 0, 1) });
  await stage.bootstrap(4, { root: 3650 });
  for (let n = 0; n < 30; n++) await tick(stage);
  await tick(stage, 3 * DAY_MS);
  for (let n = 0; n < 5; n++) await tick(stage);
  assert.deepEqual(await told(stage, "role-expiring"), []);
});

test("a root that nobody renews is told of when it is late, and again when it is expired, once each", async () => {
  const stage = createPublisherStage({ rootDays: 60 });
  await stage.bootstrap(4, { root: 60 });
  for (let n = 0; n < 49 * 24; n += 6) await tick(stage, 6 * HOUR_MS);
  assert.deepEqual(await told(stage, "role-expiring"), []);
  for (let n = 0; n < 8; n++) await tick(stage, 6 * HOUR_MS);
  const late = await told(stage, "role-expiring");
  assert.deepEqual(late.map(({ role, version, state }) => [role, version, state]), [["root", 1, "late"]]);
  for (let n = 0; n < 12 * 4; n++) await tick(stage, 6 * HOUR_MS);
  // A publisher that takes over does not say it again.
  stage.publisher = stage.newPublisher();
  await stage.clock.advance(60_000);
  await stage.publisher.takeOver();
  for (let n = 0; n < 4; n++) await tick(stage, 6 * HOUR_MS);
  assert.deepEqual((await told(stage, "role-expiring")).map(({ role, state }) => [role, state]), [["root", "late"], ["root", "expired"]]);
});

test("what a signer that fails leaves unsigned is told as expiring, bins as one", async () => {
  const stage = createPublisherStage();
  await stage.bootstrap(4, { bins: 1 });
  stage.signers.remove("fn:online");
  for (let n = 0; n < 22; n++) await tick(stage);
  const expiring = await told(stage, "role-expiring");
  assert.deepEqual(expiring.filter(({ role }) => role === "timestamp").map(({ state }) => state), ["late"]);
  assert.equal(expiring.filter(({ role }) => String(role).startsWith("bins-")).length, 1);
});

test("who must sign is told once for each document, by whichever publisher leads", async () => {
  const stage = createPublisherStage();
  await stage.bootstrap(4);
  const start = (role: string, kind: "root" | "delegated", n: number) => ({
    id: n.toString(16).padStart(32, "0"), role, kind, version: 7, document: Buffer.from("{}"), signatures: [], task: (n + 100).toString(16).padStart(32, "0"), startedMs: 0,
  });
  const accept = async (n: number, event: ReturnType<typeof start>, isAnswered: boolean): Promise<void> => {
    await stage.database.accept({
      task: { id: event.task, kind: "metadata_update", createdMs: n, request: {} }, changes: [], held: false, event: { start: event }, limits: { changes: 1, bytes: 1 },
      ...(isAnswered ? { result: { state: "SUCCESS", message: "Metadata Update Processed", lastUpdateMs: n } } : {}),
    });
  };
  await stage.clock.advance(20_000);
  const hold = await LeaseHold.take(stage.database, stage.clock, 15_000, "tests");
  await accept(1, start("nightly", "delegated", 1), false);
  await accept(2, start("root", "root", 2), false);
  const teller = new Teller(stage.deps);
  await teller.signing(hold!, await stage.database.signingEvents());
  await teller.signing(hold!, await stage.database.signingEvents());
  await new Teller(stage.deps).signing(hold!, await stage.database.signingEvents());
  assert.deepEqual(await told(stage, "signing-required"), [{ role: "nightly", version: 7, signing_event: "1".padStart(32, "0") }]);
  await stage.database.endTasks(hold!.lease, [{ task: start("root", "root", 2).task, result: { state: "SUCCESS", message: "", lastUpdateMs: 0 } }]);
  await teller.signing(hold!, await stage.database.signingEvents());
  assert.deepEqual((await told(stage, "signing-required")).map(({ role }) => role), ["nightly", "root"]);
});
