// A publisher that stood still for longer than its lease, on storage that has no condition of
// its own: what it had in mind to write when it wakes, it must not write (rules 2, 3, 6, 14, 15).
//
// The fences stand one behind the other, so each is met alone here: the one before it was
// passed, and the ones behind it would let the write happen.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { planBatch } from "../../src/publisher/plan.ts";
import type { Head } from "../../src/publisher/head.ts";
import { readHead } from "../../src/publisher/read-head.ts";
import { LeaseHold } from "../../src/publisher/lease-hold.ts";
import { publish } from "../../src/publisher/publish.ts";
import { Sealer } from "../../src/publisher/seal.ts";
import { faultyDatabase, type PortCall } from "../fakes/faults.ts";
import { Actor, type FaultKind } from "./actor.ts";
import { isSettled, publishAll, settle, until } from "./at-rest.ts";
import { World } from "./world.ts";

/** Also a renewal that was on its way when the publisher came to stand is too old by then. */
const LEASE_MS = 15_001;

async function repository(): Promise<World> {
  const world = new World({ weakReplace: true });
  await world.accept(world.bootstrap(2));
  await publishAll(world);
  return world;
}

/** A publisher that leads, has committed `path` where `call` comes after the commit, and stands still at that call. */
async function standing(world: World, path: string, call: string, kind: FaultKind): Promise<Actor> {
  await world.accept(world.adds([path]));
  const actor = new Actor(world);
  actor.fault = (met: PortCall) => (actor.met === undefined && met.name === call && actor.calls.includes("database.cut") ? kind : undefined);
  actor.start();
  assert.ok(await until(world, () => actor.paused), `it never called ${call}`);
  return actor;
}

/** It goes on; answers what it called from then on until it gave up and asked for the lease again. */
async function awake(actor: Actor): Promise<readonly string[]> {
  const before = actor.calls.length;
  actor.resume();
  for (let turn = 0; turn < 20; turn++) await settle();
  const since = actor.calls.slice(before);
  const again = since.indexOf("database.takeLease");
  return again < 0 ? since : since.slice(0, again);
}

/** Another one takes over, and comes as far as its first replace of the timestamp. */
async function successorBeforeReplace(world: World): Promise<Actor> {
  await world.clock.advance(LEASE_MS);
  const successor = new Actor(world);
  successor.fault = (call) => (call.name === "storage.replace timestamp" && successor.met === undefined ? "paused before" : undefined);
  successor.start();
  assert.ok(await until(world, () => successor.paused));
  return successor;
}

async function bothEnd(world: World, actor: Actor, successor: Actor): Promise<void> {
  await actor.stop();
  successor.resume();
  await world.accept(world.adds(["after"]));
  assert.ok(await until(world, () => isSettled(world)));
  await successor.stop();
  await world.requireWhole();
}

describe("a publisher that stood still past its lease", () => {
  test("between reading the head and replacing the timestamp: it does not even ask storage to", async () => {
    const world = await repository();
    const actor = await standing(world, "p", "database.committed", "paused after");
    const successor = await successorBeforeReplace(world);
    const stored = world.stored;
    assert.ok(!(await awake(actor)).includes("storage.replace timestamp"));
    assert.deepEqual(world.stored, stored);
    await bothEnd(world, actor, successor);
  });

  test("in the middle of replacing, while what it read still lies there: it writes nothing", async () => {
    const world = await repository();
    const actor = await standing(world, "p", "storage.replace timestamp", "paused before");
    const successor = await successorBeforeReplace(world);
    const stored = world.stored;
    await awake(actor);
    assert.deepEqual(world.stored, stored, "it wrote after its lease");
    await bothEnd(world, actor, successor);
  });

  test("in the middle of replacing, and its commit was lost: it does not show what nobody knows any more", async () => {
    const world = await repository();
    const actor = await standing(world, "p", "storage.replace timestamp", "paused before");
    const lost = (await world.inner.head())?.timestamp;
    assert.ok(lost);
    world.loseCommits(world.history.lastOf("commit"));
    await world.clock.advance(LEASE_MS);
    await awake(actor);
    assert.ok(![...world.watch.shown.values()].some((shown) => shown.equals(lost)), "it wrote after its lease");
    await actor.stop();
    await publishAll(world);
    await world.requireWhole();
  });

  test("in the middle of replacing, while another one published: it writes nothing", async () => {
    const world = await repository();
    const actor = await standing(world, "p", "storage.replace timestamp", "paused before");
    await world.clock.advance(LEASE_MS);
    const successor = new Actor(world).start();
    await world.accept(world.adds(["q"]));
    assert.ok(await until(world, () => isSettled(world)));
    const stored = world.stored;
    await awake(actor);
    assert.deepEqual(world.stored, stored);
    await bothEnd(world, actor, successor);
  });

  for (const led of [false, true]) {
    test(`before the commit, ${led ? "while another one published" : "and nobody took its place"}: it does not ask for it`, async () => {
      const world = await repository();
      const actor = await standing(world, "p", "storage.create snapshot", "paused after");
      await world.clock.advance(LEASE_MS);
      const successor = new Actor(world);
      if (led) {
        successor.start();
        assert.ok(await until(world, () => isSettled(world)));
      }
      const calls = await awake(actor);
      assert.ok(!calls.includes("database.commit"), calls.join(", "));
      await actor.stop();
      await successor.stop();
      await world.clock.advance(LEASE_MS);
      await publishAll(world);
      await world.requireWhole();
    });
  }
});

test("two processes with one lease, as when a machine is cloned: the one whose head moved commits nothing", async () => {
  const world = await repository();
  const hold = await LeaseHold.take(world.database, world.clock, LEASE_MS, "one of two");
  assert.ok(hold);
  const head = await headOf(world);
  await world.accept(world.adds(["p"]));
  let wake = (): void => {};
  const first = new Promise<void>((resolve) => { wake = resolve; });
  const waits = faultyDatabase(() => world.database, { before: (call) => (call.name === "database.commit" ? first : undefined) });
  const slow = publishOpen(world, hold, head, waits);
  const refused = assert.rejects(slow, { code: "stale-base" });
  for (let turn = 0; turn < 20; turn++) await settle();
  await publishOpen(world, hold, head, world.database);
  const [{ head: moved }, stored] = [await world.inner.publisher(), world.stored];
  wake();
  await refused;
  assert.equal((await world.inner.publisher()).head, moved);
  assert.deepEqual(world.stored, stored);
  await world.database.releaseLease(hold.lease);
  await publishAll(world);
  await world.requireWhole();
});

test("an older timestamp that slipped through a weak replace is put right within a second of a take-over's watch", async () => {
  const world = await repository();
  const older = world.stored;
  const actor = await standing(world, "p", "storage.replace timestamp", "paused before");
  await world.clock.advance(LEASE_MS);
  const successor = new Actor(world).start();
  assert.ok(await until(world, () => isSettled(world)));
  const stored = world.stored;
  assert.notDeepEqual(stored, older);
  for (const second of [1, 2, 30]) {
    world.storage.tamper("timestamp.json", older);
    await world.clock.advance(1_000);
    await settle();
    assert.deepEqual(world.stored, stored, `second ${String(second)}`);
  }
  await bothEnd(world, actor, successor);
});

// ---------------------------------------------------------------- by hand

async function headOf(world: World): Promise<Head> {
  const head = await readHead(world.database, await world.database.publisher(), world.policy.snapshotHashes);
  assert.ok(head);
  return head;
}

/** Publishes what is open on `head`, and a refresh, so that there is something. */
async function publishOpen(world: World, hold: LeaseHold, head: Head, database: World["database"]): Promise<Head> {
  const deps = { ...world.deps(), database };
  const open = await database.openChanges({ changes: 100, bytes: 1e6 });
  const plan = planBatch({ open, tree: head.tree, listed: new Map(), unpressable: new Map(), refresh: [], force: true });
  return publish(deps, hold, new Sealer(deps), { head, plan, nowMs: world.clock.now() });
}
