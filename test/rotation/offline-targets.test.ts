// Keys that change where people sign top-level targets: online keys, theirs, to offline and back, and after a compromise.
// Clients fresh, returning and in flight look at every file that is put.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { keyidOf } from "../../src/tuf/keys.ts";
import { createOfflineWorld, wantedRole, type OfflineWorld } from "../delegations/offline-world.ts";
import { uploadMetadata } from "../../src/operations/upload-metadata.ts";
import { DAY_MS } from "../fakes/publisher-stage.ts";
import { createHolder, signedBy } from "../fakes/root-holders.ts";
import type { RootPlan } from "../fakes/root-holders.ts";

async function repository(offline = true): Promise<OfflineWorld> {
  const world = createOfflineWorld({ offline });
  await world.bootstrap();
  if (offline) await world.sign("targets", world.people[0]!, world.people[1]!);
  await world.add("a", "b", "c", "d");
  return world;
}

/** Sends root `version`, fully signed. */
async function update(world: OfflineWorld, version: number, more: Partial<RootPlan>, { compromised = false, offline = undefined as boolean | undefined } = {}): Promise<string> {
  const { stage } = world;
  const task = await stage.update(signedBy(stage.plan(version, more), stage.holders[0]!), compromised, offline === undefined ? {} : { targets_online_key: !offline });
  await stage.settle();
  return task;
}

const shown = (world: OfflineWorld, version: number): boolean => world.stage.storage.peek(`${String(version)}.root.json`) !== undefined;
const offlineOf = ({ people }: OfflineWorld): Partial<RootPlan> => ({ targets: { holders: people, threshold: 2 } });

describe("an online key that changes while people sign targets", () => {
  test("timestamp and snapshot take it at once, bins when targets is signed", async () => {
    const world = await repository();
    const { stage } = world;
    const [was, next] = [keyidOf(stage.online), stage.signers.addEcdsa("fn:next")];
    const before = world.targets().version;
    const task = await update(world, 2, { online: next });
    await stage.settleAll();
    assert.deepEqual((await world.task(task)).state, "SUCCESS");
    assert.deepEqual([world.signers("snapshot"), world.signers("bins-0"), world.targets().version], [[keyidOf(next)], [was], before]);
    await world.add("e", "f");
    await world.fsck();
    // Asked for at once.
    const [signed] = Object.values((await world.waiting())["targets"]!.signed.delegations?.keys ?? {});
    assert.equal(signed?.keytype, "ecdsa");
    await world.sign("targets", world.people[0]!, world.people[2]!);
    for (const bin of ["bins-0", "bins-1", "bins-2", "bins-3"]) assert.deepEqual(world.signers(bin), [keyidOf(next)]);
    await world.add("g");
    assert.deepEqual(Object.keys(await world.waiting()), []);
    assert.equal(await stage.database.setting("handed_keys"), null);
    await world.fsck();
  });

  test("twice before they sign: bins take the last one", async () => {
    const world = await repository();
    const [second, third] = [world.stage.signers.addEcdsa("fn:second"), world.stage.signers.addEd25519("fn:third")];
    await update(world, 2, { online: second });
    await world.stage.settleAll();
    await world.sign("targets", world.people[0]!);
    await update(world, 3, { online: third });
    await world.stage.settleAll();
    // What was signed names the second key, and is published as it was signed.
    await world.sign("targets", world.people[1]!);
    assert.deepEqual(world.signers("bins-0"), [keyidOf(second)]);
    await world.fsck();
    await world.sign("targets", world.people[1]!, world.people[2]!);
    assert.deepEqual(world.signers("bins-0"), [keyidOf(third)]);
    await world.fsck();
  });

  test("with an edit that waits, and roles below targets: one version for all", async () => {
    const world = await repository();
    await world.edit({ action: "add", keys: {}, roles: [wantedRole("one", ["one/*"])] });
    await world.sign("targets", world.people[0]!, world.people[1]!);
    await world.add("one/a");
    const next = world.stage.signers.addEcdsa("fn:next");
    await update(world, 2, { online: next });
    const task = await world.edit({ action: "add", keys: {}, roles: [wantedRole("two", ["two/*"])] });
    await world.stage.settleAll();
    await world.sign("targets", world.people[1]!, world.people[2]!);
    assert.equal((await world.task(task)).state, "SUCCESS");
    for (const role of ["one", "two", "catch-all", "bins-3"]) assert.deepEqual(world.signers(role), [keyidOf(next)], role);
    assert.deepEqual(Object.keys(await world.waiting()), []);
    await world.fsck();
  });
});

describe("a root that changes who signs targets", () => {
  test("gives it to people: they sign it beside root, and no client is refused", async () => {
    const world = await repository(false);
    const task = await update(world, 2, offlineOf(world), { offline: true });
    await world.stage.settleAll();
    assert.equal(shown(world, 2), false);
    assert.deepEqual((await world.task(task)).result?.details, { role: "root", update: "Root v2 is pending signatures" });
    assert.deepEqual(Object.keys(await world.waiting()).filter((role) => !role.startsWith("trusted_")).sort(), ["root", "targets"]);
    // Meanwhile artifacts go on, and a change of delegations waits.
    assert.equal((await world.task(await world.add("e"))).state, "SUCCESS");
    const edit = await world.edit({ action: "add", keys: {}, roles: [wantedRole("one", ["one/*"])] });
    assert.equal((await world.task(edit)).result?.message, "Waiting for signatures");
    await world.sign("targets", world.people[0]!, world.people[1]!);
    await world.stage.settleAll();
    assert.ok(shown(world, 2));
    assert.equal(await world.stage.database.setting("targets_online_key"), false);
    await world.fsck();
    await world.sign("targets", world.people[0]!, world.people[2]!);
    assert.equal((await world.task(edit)).state, "SUCCESS");
    assert.deepEqual([...world.targets().keyids].sort(), [world.people[0]!.keyid, world.people[2]!.keyid].sort());
    await world.fsck();
  });

  for (const when of ["already", "soon"] as const) test(`a role that was declared before, signed elsewhere, comes with its document when people ${when} sign targets, once they have signed that`, async () => {
    const world = await repository(false);
    const { stage } = world;
    const ann = createHolder();
    await world.edit({ action: "add", keys: { [ann.keyid]: ann.key }, roles: [wantedRole("team", ["team/*"], { keyids: [ann.keyid], signing: "outside" })] });
    await update(world, 2, offlineOf(world), { offline: true });
    if (when === "already") {
      await world.sign("targets", world.people[0]!, world.people[1]!);
      await stage.settleAll();
    }
    assert.equal(shown(world, 2), when === "already");
    const document = { _type: "targets", spec_version: "1.0.31", version: 1, expires: new Date(stage.clock.now() + 30 * DAY_MS).toISOString().replace(/\.\d+/, ""), targets: {} };
    const { taskId } = await uploadMetadata(stage.operations, { role: "team", bytes: Buffer.from(JSON.stringify({ signed: document, signatures: [ann.sign(document)] })) });
    await stage.settle();
    assert.equal((await world.task(taskId)).state, "RUNNING");
    await world.sign("targets", world.people[0]!, world.people[1]!);
    if (when === "soon") {
      await stage.settleAll();
      assert.equal((await world.task(taskId)).state, "RUNNING");
      await world.sign("targets", world.people[0]!, world.people[1]!);
    }
    assert.equal((await world.task(taskId)).state, "SUCCESS");
    assert.ok(stage.storage.peek("1.team.json"));
    assert.equal((await world.task(await world.add("after"))).state, "SUCCESS");
    await world.fsck();
  });

  test("among people: the old ones and the new ones sign it", async () => {
    const world = await repository();
    const dan = createHolder();
    const [ann, bob] = [world.people[0]!, world.people[1]!];
    await update(world, 2, { targets: { holders: [ann, dan], threshold: 2 } });
    await world.sign("targets", ann, dan);
    assert.equal(shown(world, 2), false);
    await world.sign("targets", bob);
    await world.stage.settleAll();
    assert.ok(shown(world, 2));
    await world.fsck();
    await world.edit({ action: "add", keys: {}, roles: [wantedRole("one", ["one/*"])] });
    await assert.rejects(() => world.sign("targets", bob).then((told) => { if (told[0] === "Invalid signature") throw new Error("refused"); }), /refused/);
    await world.sign("targets", ann, dan);
    await world.fsck();
  });

  test("takes it back online: the people sign it once more", async () => {
    const world = await repository();
    const task = await update(world, 2, { targets: undefined as never });
    assert.equal(shown(world, 2), false);
    await world.sign("targets", world.people[1]!, world.people[2]!);
    await world.stage.settleAll();
    assert.ok(shown(world, 2));
    assert.equal((await world.task(task)).state, "SUCCESS");
    assert.deepEqual(world.targets().keyids, [keyidOf(world.stage.online)]);
    assert.equal(await world.stage.database.setting("targets_online_key"), true);
    const edit = await world.edit({ action: "add", keys: {}, roles: [wantedRole("one", ["one/*"])] });
    assert.equal((await world.task(edit)).state, "SUCCESS");
    await world.fsck();
  });

  test("and an online key with it: what was owed goes along", async () => {
    const world = await repository();
    const [second, third] = [world.stage.signers.addEcdsa("fn:second"), world.stage.signers.addEd25519("fn:third")];
    await update(world, 2, { online: second });
    await world.stage.settleAll();
    await update(world, 3, { online: third, targets: undefined as never });
    await world.sign("targets", world.people[1]!, world.people[2]!);
    await world.stage.settleAll();
    for (const role of ["targets", "bins-0", "bins-3", "snapshot"]) assert.deepEqual(world.signers(role), [keyidOf(third)], role);
    assert.equal(await world.stage.database.setting("handed_keys"), null);
    await world.fsck();
  });

  test("takes the place of a version that waits; what that carried waits for the next", async () => {
    const world = await repository();
    const edit = await world.edit({ action: "add", keys: {}, roles: [wantedRole("one", ["one/*"])] });
    await world.sign("targets", world.people[0]!);
    await update(world, 2, { targets: undefined as never });
    assert.deepEqual((await world.waiting())["targets"]!.signatures, []);
    await world.sign("targets", world.people[0]!, world.people[1]!);
    await world.stage.settleAll();
    assert.equal((await world.task(edit)).state, "SUCCESS");
    assert.deepEqual(world.targets().signed.delegations?.roles?.map(({ name }) => name), ["one", "catch-all"]);
    await world.fsck();
  });

  test("is stopped with targets, or targets with it; nothing was shown", async () => {
    for (const role of ["root", "targets"]) {
      const world = await repository(false);
      await update(world, 2, offlineOf(world), { offline: true });
      await world.sign("targets", world.people[0]!);
      await world.stage.stop(role);
      await world.stage.settleAll();
      assert.deepEqual([await world.stage.database.signingEvents(), shown(world, 2)], [[], false]);
      const edit = await world.edit({ action: "add", keys: {}, roles: [wantedRole("one", ["one/*"])] });
      assert.equal((await world.task(edit)).state, "SUCCESS");
      await world.fsck();
    }
  });

  test("is refused where it was not meant: a targets key that names no signer", async () => {
    const world = await repository(false);
    const task = await update(world, 2, offlineOf(world));
    assert.match((await world.task(task)).result?.error ?? "", /role targets needs 1|targets_online_key false/);
    assert.deepEqual(await world.stage.database.signingEvents(), []);
  });
});

test("a compromised online key: targets is signed beside root, and nothing of the old key is left", async () => {
  const world = await repository();
  const { stage } = world;
  await world.edit({ action: "add", keys: {}, roles: [wantedRole("one", ["one/*"])] });
  const next = stage.signers.addEd25519("fn:next");
  await update(world, 2, { online: next }, { compromised: true });
  assert.equal(shown(world, 2), false);
  // Clients that hold the old root and are on their way are refused: meant.
  stage.storage.hooks = {};
  await world.sign("targets", world.people[0]!, world.people[1]!);
  await stage.settleAll();
  assert.ok(shown(world, 2));
  for (const role of ["snapshot", "bins-0", "bins-1", "bins-2", "bins-3"]) assert.deepEqual(world.signers(role), [keyidOf(next)], role);
  assert.equal(JSON.stringify(world.targets().signed).includes(keyidOf(stage.online)), false);
  await world.fsck();
  // What was being signed waits for the next version.
  await world.sign("targets", world.people[0]!, world.people[1]!);
  assert.deepEqual(world.targets().signed.delegations?.roles?.map(({ name }) => name), ["one", "catch-all"]);
  await world.fsck();
});
