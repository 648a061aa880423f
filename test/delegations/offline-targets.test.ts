// Top-level targets that people sign: a repository begun with it, changes of delegations as signing events, expiry, stops.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { jump } from "../../src/publisher/jump.ts";
import { LeaseHold } from "../../src/publisher/lease-hold.ts";
import type { Json } from "../../src/tuf/documents.ts";
import { DAY_MS } from "../fakes/publisher-stage.ts";
import { createHolder } from "../fakes/root-holders.ts";
import { BINS, createOfflineWorld, wantedRole, type OfflineWorld } from "./offline-world.ts";

async function repository(): Promise<OfflineWorld> {
  const world = createOfflineWorld();
  await world.bootstrap();
  await world.sign("targets", world.people[0]!, world.people[1]!);
  return world;
}

const stateOf = async (world: OfflineWorld, task: string): Promise<readonly unknown[]> => {
  const { state, result } = await world.task(task);
  return [state, result?.message, result?.details?.["waiting_for"]];
};
const WAITS = ["RUNNING", "Waiting for signatures", ["targets"]];

/** The publisher's lease has run out. */
async function released(world: OfflineWorld): Promise<LeaseHold> {
  await world.stage.clock.advance(15_001);
  const hold = await LeaseHold.take(world.stage.database, world.stage.clock, 15_000, "jumper");
  assert.ok(hold);
  return hold;
}

describe("a repository whose targets people sign", () => {
  test("begins when enough of them have signed, and shows nothing before", async () => {
    const world = createOfflineWorld();
    const begun = await world.bootstrap();
    assert.match(String(begun.result?.details?.["bootstrap"]), /^targets v\d+ is pending signature$/);
    assert.deepEqual(Object.keys(await world.waiting()), ["root", "targets"]);
    assert.deepEqual(world.stage.storage.names(), []);
    assert.deepEqual(await world.sign("targets", world.people[0]!), [`targets v${String((await world.waiting())["targets"]!.signed.version)} is pending signatures`]);
    assert.deepEqual(world.stage.storage.names(), []);
    await world.sign("targets", world.people[2]!);
    assert.deepEqual(world.targets().keyids, [world.people[0]!.keyid, world.people[2]!.keyid]);
    assert.equal(await world.stage.database.setting("targets_online_key"), false);
    assert.deepEqual(Object.keys(await world.waiting()), []);
    await world.fsck();
  });

  test("waits for root and targets alike, whoever is last", async () => {
    for (const last of ["root", "targets"]) {
      const world = createOfflineWorld({ people: 2, threshold: 2, firstSigners: 1 });
      const begun = await world.bootstrap();
      assert.match(String(begun.result?.details?.["bootstrap"]), /^Root v1, targets v\d+ are pending signatures$/);
      const sign = { root: () => world.sign("root", world.stage.holders[1]!), targets: () => world.sign("targets", world.people[0]!, world.people[1]!) };
      if (last === "root") await sign.targets();
      await sign.root();
      if (last === "targets") {
        assert.deepEqual(world.stage.storage.names(), []);
        await sign.targets();
      }
      assert.ok(world.stage.storage.peek("timestamp.json"));
      await world.fsck();
    }
  });

  test("begins at once with what a ceremony made and signed", async () => {
    const first = createOfflineWorld();
    await first.bootstrap();
    const composed = (await first.waiting())["targets"]!.signed;
    await first.stage.stop("targets");
    await first.stage.settle();
    const signed = { ...composed, version: 1 };
    const signatures = [first.people[0]!, first.people[1]!].map((one) => one.sign(signed));
    const done = await first.bootstrap({}, { targets: { signatures, signed } });
    assert.match(String(done.result?.details?.["bootstrap"]), /^Bootstrap finished/);
    assert.equal(first.targets().version, 1);
    const added = await first.add("a");
    assert.equal((await first.task(added)).state, "SUCCESS");
    await first.fsck();
  });

  test("refuses first targets that are not what it would make itself", async () => {
    for (const [change, reason] of [
      [{ expires: "2049-01-01T00:00:00Z" }, /later than the settings say/],
      [{ targets: { evil: { length: 1, hashes: { sha256: "ab".repeat(32) } } } }, /not what this service makes/],
      [{ _type: "root" }, /no TUF targets document/],
    ] as const) {
      const world = createOfflineWorld();
      await world.bootstrap();
      const signed = { ...(await world.waiting())["targets"]!.signed, ...change } as unknown as Json;
      await world.stage.stop("root");
      await world.stage.settle();
      const refused = await world.bootstrap({}, { targets: { signatures: [world.people[0]!.sign(signed)], signed } });
      assert.equal(refused.state, "ERRORED");
      assert.match(refused.result?.error ?? "", reason);
      assert.deepEqual(await world.stage.database.signingEvents(), []);
    }
  });

  test("says so on both sides: root alone, or the settings alone, is refused", async () => {
    const world = createOfflineWorld();
    const unsaid = await world.bootstrap({ targets_online_key: true });
    assert.match(unsaid.result?.error ?? "", /targets_online_key false/);
    const online = createOfflineWorld({ offline: false });
    const unnamed = await online.bootstrap({ targets_online_key: false });
    assert.match(unnamed.result?.error ?? "", /name the keys of people/);
  });

  test("is stopped as a whole, and begun again", async () => {
    const world = createOfflineWorld();
    await world.bootstrap();
    await world.sign("targets", world.people[0]!);
    await world.stage.stop("targets");
    await world.stage.settle();
    assert.deepEqual(await world.stage.database.signingEvents(), []);
    await world.bootstrap();
    await world.sign("targets", world.people[0]!, world.people[1]!);
    await world.fsck();
  });

  test("begins with every delegated role that people sign", async () => {
    const ann = createHolder();
    const world = createOfflineWorld();
    const roles = [wantedRole("prod", ["prod/*"], { keyids: [ann.keyid] }), wantedRole("rest", ["*"])];
    await world.bootstrap({ roles: { root: { expiration: 365 }, targets: { expiration: 365 }, snapshot: { expiration: 1 }, timestamp: { expiration: 1 }, bins: null, delegations: { keys: { [ann.keyid]: ann.key }, roles } } });
    assert.deepEqual(Object.keys(await world.waiting()).sort(), ["prod", "root", "targets"]);
    await world.sign("targets", world.people[0]!, world.people[1]!);
    assert.deepEqual(world.stage.storage.names(), []);
    await world.sign("prod", ann);
    assert.deepEqual(world.targets().signed.delegations?.roles?.map(({ name }) => name), ["prod", "rest"]);
    await world.fsck();
  });
});

describe("delegations of targets that people sign", () => {
  test("change when they have signed; artifacts go on meanwhile, and what is asked meanwhile waits for the next version", async () => {
    const world = await repository();
    const before = world.targets().version;
    const first = await world.edit({ action: "add", keys: {}, roles: [wantedRole("one", ["one/*"])] });
    assert.deepEqual(await stateOf(world, first), WAITS);
    assert.equal((await world.task(await world.add("a", "b"))).state, "SUCCESS");
    const pendingPath = await world.add("one/a");
    assert.equal((await world.task(pendingPath)).state, "SUCCESS");
    await world.sign("targets", world.people[0]!);
    const second = await world.edit({ action: "add", keys: {}, roles: [wantedRole("two", ["two/*"]), wantedRole("three", ["three/*"])] });
    const third = await world.edit({ action: "delete", roles: [{ name: "one" }] });
    assert.deepEqual([await stateOf(world, second), await stateOf(world, third)], [WAITS, WAITS]);
    assert.equal(world.targets().version, before);
    assert.deepEqual((await world.waiting())["targets"]!.signed.delegations?.roles?.map(({ name }) => name), ["one", "catch-all"]);

    await world.sign("targets", world.people[1]!);
    assert.deepEqual((await world.task(first)).result?.details, { delegated_roles: ["one"], failed_roles: [], moved_artifacts: 1 });
    assert.deepEqual(world.targets().signed.delegations?.roles?.map(({ name }) => name), ["one", "catch-all"]);
    await world.fsck();

    // Both that waited are in one version.
    assert.deepEqual((await world.waiting())["targets"]!.signed.delegations?.roles?.map(({ name }) => name), ["two", "three", "catch-all"]);
    await world.sign("targets", world.people[1]!, world.people[2]!);
    assert.deepEqual([(await world.task(second)).state, (await world.task(third)).state], ["SUCCESS", "SUCCESS"]);
    assert.deepEqual(world.targets().signed.delegations?.roles?.map(({ name }) => name), ["two", "three", "catch-all"]);
    await world.fsck();
  });

  test("a role that people sign comes with its own envelope, in the same head", async () => {
    const world = await repository();
    const ann = createHolder();
    await world.add("prod/old");
    const task = await world.edit({ action: "add", keys: { [ann.keyid]: ann.key }, roles: [wantedRole("prod", ["prod/*"], { keyids: [ann.keyid] })] });
    assert.deepEqual(Object.keys(await world.waiting()).filter((role) => !role.startsWith("trusted_")).sort(), ["prod", "targets"]);
    // What was signed is what is moved: paths of it wait.
    const later = await world.add("prod/new");
    assert.deepEqual(await stateOf(world, later), ["RUNNING", "Waiting for signatures", ["prod"]]);
    await world.sign("targets", world.people[0]!, world.people[2]!);
    assert.equal((await world.task(task)).state, "RUNNING");
    await world.sign("prod", ann);
    assert.equal((await world.task(task)).state, "SUCCESS");
    await world.fsck();
    await world.sign("prod", ann);
    assert.equal((await world.task(later)).state, "SUCCESS");
    await world.fsck();
  });

  test("roles below an online role, and refusals, need nobody", async () => {
    const world = await repository();
    await world.edit({ action: "add", keys: {}, roles: [wantedRole("one", ["one/*", "one/*/*"])] });
    await world.sign("targets", world.people[0]!, world.people[1]!);
    const { version } = world.targets();
    const below = await world.edit({ action: "add", keys: {}, roles: [wantedRole("sub", ["one/sub/*"], { parent: "one" })] });
    assert.equal((await world.task(below)).state, "SUCCESS");
    const again = await world.edit({ action: "add", keys: {}, roles: [wantedRole("one", ["one/*"])] });
    assert.deepEqual((await world.task(again)).result?.details?.["failed_roles"], [{ role: "one", reason: "role already exists" }]);
    assert.equal(world.targets().version, version);
    assert.deepEqual(Object.keys(await world.waiting()), []);
    await world.fsck();
  });

  test("another number of bins is a version of its own", async () => {
    const world = await repository();
    await world.add("a", "b", "c", "d");
    const role = await world.edit({ action: "add", keys: {}, roles: [wantedRole("one", ["one/*"])] });
    const bins = await world.edit({ action: "bins", roles: [], bins: 8 });
    await world.sign("targets", world.people[0]!, world.people[1]!);
    assert.equal((await world.task(role)).state, "SUCCESS");
    // Behind a custom role bins stand in the catch-all, which is signed online.
    assert.deepEqual((await world.task(bins)).result?.details, { delegated_roles: [], failed_roles: [], number_of_delegated_bins: 8 });
    await world.fsck();

    const alone = await repository();
    await alone.add("a", "b", "c", "d");
    const more = await alone.edit({ action: "bins", roles: [], bins: 16 });
    assert.deepEqual(await stateOf(alone, more), WAITS);
    await alone.add("e");
    await alone.sign("targets", alone.people[0]!, alone.people[1]!);
    assert.deepEqual((await alone.task(more)).result?.details, { delegated_roles: [], failed_roles: [], number_of_delegated_bins: 16 });
    await alone.fsck();
  });

  test("a path that only a role to come takes is accepted, and waits", async () => {
    const world = createOfflineWorld();
    await world.bootstrap({ roles: { root: { expiration: 365 }, targets: { expiration: 365 }, snapshot: { expiration: 1 }, timestamp: { expiration: 1 }, bins: null, delegations: { keys: {}, roles: [wantedRole("one", ["one/*"])] } } });
    await world.sign("targets", world.people[0]!, world.people[1]!);
    await world.edit({ action: "add", keys: {}, roles: [wantedRole("two", ["two/*"])] });
    const task = await world.add("two/a");
    assert.deepEqual(await stateOf(world, task), WAITS);
    await world.sign("targets", world.people[0]!, world.people[1]!);
    assert.equal((await world.task(task)).state, "SUCCESS");
    await world.fsck();
  });

  test("a stopped version's changes end with that reason; what waited behind them goes on", async () => {
    const world = await repository();
    const first = await world.edit({ action: "add", keys: {}, roles: [wantedRole("one", ["one/*"])] });
    const second = await world.edit({ action: "add", keys: {}, roles: [wantedRole("two", ["two/*"])] });
    await world.stage.stop("targets");
    await world.stage.settle();
    const { state, result } = await world.task(first);
    assert.equal(state, "FAILURE");
    assert.match(result?.error ?? "", /the signing of targets version \d+ was stopped/);
    assert.deepEqual(await stateOf(world, second), WAITS);
    await world.sign("targets", world.people[0]!, world.people[1]!);
    assert.deepEqual(world.targets().signed.delegations?.roles?.map(({ name }) => name), ["two", "catch-all"]);
    await world.fsck();
  });

  test("who signs what belongs to a stopped version, before the publisher looks, hears that it is gone; publishing goes on", async () => {
    const world = await repository();
    const [ann, ben] = world.people;
    const edit = await world.edit({ action: "add", keys: { [ann!.keyid]: ann!.key }, roles: [wantedRole("one", ["one/*"], { keyids: [ann!.keyid] }), wantedRole("two", ["two/*"])] });
    const pending = await world.waiting();
    await world.stage.sign(ben!.sign(pending["targets"]!.signed), "targets");
    await world.stage.stop("targets");
    const signed = await world.stage.sign(ann!.sign(pending["one"]!.signed), "one");
    const added = await world.add("two/a");
    assert.match((await world.task(signed)).result?.error ?? "", /the signing of targets version \d+ was stopped/);
    assert.equal((await world.task(edit)).state, "FAILURE");
    assert.equal((await world.task(added)).state, "SUCCESS");
    assert.deepEqual(await world.stage.database.signingEvents(), []);
    await world.fsck();
  });

  test("an edit that can't be beside the others fails alone", async () => {
    const world = await repository();
    const long = Array.from({ length: 20 }, () => "a").join("/");
    await world.add(long);
    const bad = await world.edit({ action: "add", keys: {}, roles: [wantedRole("one", ["one/*"])] });
    assert.equal((await world.task(bad)).state, "FAILURE");
    assert.match((await world.task(bad)).result?.error ?? "", /would be found no more/);
    assert.deepEqual(Object.keys(await world.waiting()), []);
    await world.fsck();
  });
});

describe("time", () => {
  test("targets asks for its next version before it expires, with what waits", async () => {
    const world = await repository();
    const first = world.targets().version;
    await world.sleep(365 * DAY_MS * 0.7);
    assert.ok((await world.waiting())["targets"]);
    assert.equal((await world.task(await world.add("a"))).state, "SUCCESS");
    await world.sign("targets", world.people[1]!, world.people[2]!);
    assert.ok(world.targets().version > first);
    await world.fsck();
  });

  test("targets asks by a window of its own, said at the beginning", async () => {
    const world = createOfflineWorld();
    const days = (expiration: number): object => ({ expiration });
    await world.bootstrap({ roles: { root: days(365), targets: { ...days(365), signing_window: 10 }, snapshot: days(1), timestamp: days(1), ...BINS } });
    await world.sign("targets", world.people[0]!, world.people[1]!);
    await world.sleep(354 * DAY_MS);
    assert.deepEqual(await world.waiting(), {});
    await world.sleep(2 * DAY_MS);
    assert.ok((await world.waiting())["targets"]);
  });

  test("after a jump people sign a version above all that clients may have seen", async () => {
    const world = await repository();
    const by = 1_000;
    const jumped = await jump(world.stage.deps, await released(world), by);
    await world.stage.clock.advance(15_001);
    await world.stage.publisher.takeOver();
    await world.stage.settle();
    assert.deepEqual(await stateOf(world, jumped!.task), WAITS);
    await world.sign("targets", world.people[0]!, world.people[1]!);
    assert.equal((await world.task(jumped!.task)).state, "SUCCESS");
    assert.ok(world.targets().version > by);
    await world.fsck();
  });

  test("a version whose own life ran out is begun anew with what it carried", async () => {
    const world = await repository();
    const task = await world.edit({ action: "add", keys: {}, roles: [wantedRole("one", ["one/*"])] });
    const { version } = (await world.waiting())["targets"]!.signed;
    await world.sign("targets", world.people[0]!);
    await world.sleep(365 * DAY_MS - 3_000_000);
    const again = (await world.waiting())["targets"]!;
    assert.ok(again.signed.version > version);
    assert.deepEqual(again.signatures, []);
    await world.sign("targets", world.people[0]!, world.people[1]!);
    assert.equal((await world.task(task)).state, "SUCCESS");
    await world.fsck();
  });
});

