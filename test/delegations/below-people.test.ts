// Roles below a role that people sign: its envelope delegates to them, so that its people sign whenever that changes.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Delegations } from "../../src/tuf/documents.ts";
import { keyidOf } from "../../src/tuf/keys.ts";
import { parseEnvelope } from "../../src/tuf/parse.ts";
import { createHolder, signedBy } from "../fakes/root-holders.ts";
import { createOfflineWorld, wantedRole, type OfflineWorld } from "./offline-world.ts";

const [ANN, BOB] = [createHolder(), createHolder()];
const KEYS = { [ANN.keyid]: ANN.key, [BOB.keyid]: BOB.key };
const EU = wantedRole("eu", ["prod/eu*"], { parent: "prod" });

/** Ann signs `prod`, which lists prod/1 and prod/eu1; the people of the world sign targets, or the online key does. */
async function repository(offline = false): Promise<OfflineWorld> {
  const world = createOfflineWorld({ offline });
  await world.bootstrap();
  const targets = async (): Promise<void> => { if (offline) await world.sign("targets", world.people[0]!, world.people[1]!); };
  await targets();
  await world.edit({ action: "add", keys: KEYS, roles: [wantedRole("prod", ["prod/*"], { keyids: [ANN.keyid] })] });
  await targets();
  await world.sign("prod", ANN);
  await world.add("prod/1", "prod/eu1");
  await world.sign("prod", ANN);
  assert.deepEqual(await listed(world, "prod"), ["prod/1", "prod/eu1"]);
  return world;
}

async function published(world: OfflineWorld, role: string): Promise<{ readonly targets: object; readonly delegations?: Delegations }> {
  const { version } = (await world.stage.database.role(role))!;
  return parseEnvelope(world.stage.storage.peek(`${String(version)}.${role}.json`)!, "targets").signed;
}

const listed = async (world: OfflineWorld, role: string): Promise<readonly string[]> => Object.keys((await published(world, role)).targets);
const below = async (world: OfflineWorld, role: string): Promise<readonly string[]> => (await published(world, role)).delegations?.roles?.map(({ name }) => name) ?? [];
const waiting = async (world: OfflineWorld): Promise<readonly string[]> => Object.keys(await world.waiting()).filter((name) => !name.startsWith("trusted_")).sort();
const detailsOf = async (world: OfflineWorld, task: string): Promise<Readonly<Record<string, unknown>>> => (await world.task(task)).result?.details ?? {};

for (const offline of [false, true]) {
  describe(`roles below a role that people sign${offline ? ", where people sign targets, too" : ""}`, () => {
    test("come when its people have signed, and take what it listed of their paths; then the online key signs them alone", async () => {
      const world = await repository(offline);
      const added = await detailsOf(world, await world.edit({ action: "add", keys: {}, roles: [EU] }));
      assert.deepEqual([added["delegated_roles"], added["failed_roles"], added["waiting_for"]], [["eu"], [], ["prod"]]);
      assert.deepEqual([await below(world, "prod"), await waiting(world)], [[], ["prod"]]);
      await world.fsck();
      const early = await world.add("prod/eu2");
      assert.equal((await world.task(early)).state, "RUNNING");
      await world.sign("prod", ANN);
      assert.deepEqual([await below(world, "prod"), await listed(world, "prod"), await listed(world, "eu")], [["eu"], ["prod/1"], ["prod/eu1", "prod/eu2"]]);
      assert.equal((await world.task(early)).state, "SUCCESS");
      const [online, theirs] = [await world.add("prod/eu3"), await world.add("prod/2")];
      assert.deepEqual([(await world.task(online)).state, (await world.task(theirs)).state], ["SUCCESS", "RUNNING"]);
      await world.sign("prod", ANN);
      assert.deepEqual(await listed(world, "prod"), ["prod/1", "prod/2"]);
      await world.fsck();
    });

    test("go with it in one request, which its people need not sign", async () => {
      const world = await repository(offline);
      await world.edit({ action: "add", keys: {}, roles: [EU] });
      await world.sign("prod", ANN);
      await world.edit({ action: "add", keys: {}, roles: [wantedRole("eu-west", ["prod/eu-west*"], { parent: "eu" })] });
      const gone = await world.edit({ action: "delete", roles: [{ name: "prod" }, { name: "eu" }, { name: "eu-west" }] });
      assert.deepEqual(await waiting(world), offline ? ["targets"] : []);
      if (offline) await world.sign("targets", world.people[0]!, world.people[1]!);
      const { state, result } = await world.task(gone);
      assert.deepEqual([state, result?.details?.["delegated_roles"], result?.details?.["failed_roles"]], ["SUCCESS", ["prod", "eu", "eu-west"], []]);
      assert.deepEqual(world.targets().signed.delegations?.roles?.map(({ name }) => name), ["catch-all"]);
      await world.fsck();
    });

    test("keep the old online key until its people have signed the new one", async () => {
      const world = await repository(offline);
      const { stage } = world;
      await world.edit({ action: "add", keys: {}, roles: [EU] });
      await world.sign("prod", ANN);
      const next = stage.signers.addEcdsa("fn:next");
      await stage.update(signedBy(stage.plan(2, { online: next }), stage.holders[0]!));
      await stage.settleAll();
      const keys = async (): Promise<readonly string[]> => (await published(world, "prod")).delegations?.roles?.[0]?.keyids ?? [];
      assert.deepEqual(await keys(), [keyidOf(stage.online)]);
      assert.equal((await world.task(await world.add("prod/eu2"))).state, "SUCCESS");
      assert.deepEqual(await waiting(world), offline ? ["prod", "targets"] : ["prod"]);
      await world.sign("prod", ANN);
      if (offline) await world.sign("targets", world.people[0]!, world.people[1]!);
      stage.signers.remove("fn:online");
      assert.deepEqual([await keys(), world.signers("eu")], [[keyidOf(next)], [keyidOf(next)]]);
      assert.equal((await world.task(await world.add("prod/eu3"))).state, "SUCCESS");
      await world.fsck();
    });
  });
}

describe("below a role that people sign", () => {
  test("change and go as they came: its people sign, and it lists again what they listed", async () => {
    const world = await repository();
    await world.edit({ action: "add", keys: {}, roles: [EU] });
    await world.sign("prod", ANN);
    await world.edit({ action: "update", keys: {}, roles: [{ ...EU, paths: ["prod/eu*", "prod/emea*"] }] });
    assert.deepEqual((await published(world, "prod")).delegations?.roles?.[0]?.paths, ["prod/eu*"]);
    await world.sign("prod", ANN);
    assert.deepEqual((await published(world, "prod")).delegations?.roles?.[0]?.paths, ["prod/eu*", "prod/emea*"]);
    await world.fsck();
    const gone = await detailsOf(world, await world.edit({ action: "delete", roles: [{ name: "eu" }] }));
    assert.deepEqual(gone["waiting_for"], ["prod"]);
    await world.sign("prod", ANN);
    assert.deepEqual([await below(world, "prod"), await listed(world, "prod")], [[], ["prod/1", "prod/eu1"]]);
    await world.fsck();
  });

  test("may be people's, too: both sign, and both come in one head", async () => {
    const world = await repository();
    const added = await detailsOf(world, await world.edit({ action: "add", keys: KEYS, roles: [{ ...EU, keyids: [BOB.keyid] }] }));
    assert.deepEqual(added["waiting_for"], ["eu", "prod"]);
    await world.sign("eu", BOB);
    assert.deepEqual(await below(world, "prod"), []);
    await world.sign("prod", ANN);
    assert.deepEqual([await below(world, "prod"), await listed(world, "eu")], [["eu"], ["prod/eu1"]]);
    // And one more below that, of the online key.
    await world.edit({ action: "add", keys: {}, roles: [wantedRole("eu-west", ["prod/eu-west*"], { parent: "eu" })] });
    assert.deepEqual(await waiting(world), ["eu"]);
    await world.sign("eu", BOB);
    assert.equal((await world.task(await world.add("prod/eu-west1"))).state, "SUCCESS");
    assert.deepEqual(await listed(world, "eu-west"), ["prod/eu-west1"]);
    await world.fsck();
  });

  test("stopped, nothing of it happens, and what waited for it goes where it goes now", async () => {
    const world = await repository();
    await world.edit({ action: "add", keys: {}, roles: [EU] });
    const early = await world.add("prod/eu2");
    await world.stage.stop("prod");
    await world.stage.settle();
    await world.sign("prod", ANN);
    assert.equal((await world.task(early)).state, "SUCCESS");
    assert.deepEqual([await below(world, "prod"), await listed(world, "prod")], [[], ["prod/1", "prod/eu1", "prod/eu2"]]);
    await world.fsck();
  });

  test("a key in wrong hands signs nothing: what it signed waits until its people have signed another", async () => {
    const world = await repository();
    const { stage } = world;
    await world.edit({ action: "add", keys: {}, roles: [EU] });
    await world.sign("prod", ANN);
    stage.storage.hooks = {};
    const next = stage.signers.addEcdsa("fn:next");
    await stage.update(signedBy(stage.plan(2, { online: next }), stage.holders[0]!), true);
    await stage.settleAll();
    const added = await world.add("prod/eu2");
    assert.deepEqual([(await world.task(added)).state, (await detailsOf(world, added))["waiting_for"]], ["RUNNING", ["prod"]]);
    await world.sign("prod", ANN);
    assert.equal((await world.task(added)).state, "SUCCESS");
    assert.deepEqual(world.signers("eu"), [keyidOf(next)]);
    await world.fsck();
  });

  test("no role is signed elsewhere, nor below one that is: each says what to do", async () => {
    const world = await repository();
    const failed = async (role: ReturnType<typeof wantedRole>): Promise<unknown> => (await detailsOf(world, await world.edit({ action: "add", keys: KEYS, roles: [role] })))["failed_roles"];
    assert.deepEqual(await failed({ ...EU, keyids: [BOB.keyid], signing: "outside" }), [{ role: "eu", reason: "people are asked to sign its parent role prod, and what a team signs elsewhere waits for nobody but the people of targets: give the role another parent" }]);
    await world.edit({ action: "add", keys: KEYS, roles: [wantedRole("team", ["team/*"], { keyids: [BOB.keyid], signing: "outside" })] });
    await world.upload("team", 1, ["team/1"], BOB);
    assert.deepEqual(await failed(wantedRole("sub", ["team/sub*"], { parent: "team" })), [{ role: "sub", reason: "parent role team is signed elsewhere, by documents that delegate to nobody: give it another parent" }]);
    await world.fsck();
  });

  test("a document of a role declared while this service signed its parent is refused once people do", async () => {
    const world = await repository();
    await world.edit({ action: "add", keys: {}, roles: [wantedRole("web", ["web/*"])] });
    await world.edit({ action: "add", keys: KEYS, roles: [wantedRole("web-team", ["web/team*"], { parent: "web", keyids: [BOB.keyid], signing: "outside" })] });
    await world.edit({ action: "update", keys: KEYS, roles: [wantedRole("web", ["web/*"], { keyids: [ANN.keyid] })] });
    await world.sign("web", ANN);
    const { state, result } = await world.task(await world.upload("web-team", 1, ["web/team1"], BOB));
    assert.equal(state, "FAILURE");
    assert.match(result?.error ?? "", /people are asked to sign its parent role web.*delete role web-team, and add it below another parent/);
    await world.fsck();
  });

  test("a change beside one that waits for the same people is refused by name, and so is a role below one that is not there yet", async () => {
    const world = await repository();
    await world.edit({ action: "add", keys: {}, roles: [EU] });
    const failed = async (...roles: readonly ReturnType<typeof wantedRole>[]): Promise<unknown> => (await detailsOf(world, await world.edit({ action: "add", keys: KEYS, roles })))["failed_roles"];
    assert.deepEqual(await failed(wantedRole("us", ["prod/us*"], { parent: "prod" })), [{ role: "us", reason: "role prod waits for signatures of another change of delegations: sign that first, or stop it" }]);
    assert.deepEqual(await failed(wantedRole("eu-west", ["prod/eu-west*"], { parent: "eu" })), [{ role: "eu-west", reason: "parent role eu waits for its first signatures: add this one when it is there" }]);
  });
});

for (const offline of [false, true]) {
  test(`what waits for people is not forgotten when their role goes to the online key${offline ? ", by the word of those who sign targets" : ""}`, async () => {
    const world = await repository(offline);
    await world.edit({ action: "add", keys: {}, roles: [EU] });
    const toOnline = { action: "update" as const, keys: {}, roles: [wantedRole("prod", ["prod/*"])] };
    const asked = await world.edit(toOnline);
    if (!offline) assert.deepEqual((await detailsOf(world, asked))["failed_roles"], [{ role: "prod", reason: "role prod waits for signatures of another change of delegations: sign that first, or stop it" }]);
    assert.deepEqual(await waiting(world), ["prod"]);
    await world.sign("prod", ANN);
    if (offline) await world.sign("targets", world.people[0]!, world.people[1]!);
    else await world.edit(toOnline);
    assert.deepEqual([await below(world, "prod"), world.signers("prod"), await waiting(world)], [["eu"], [keyidOf(world.stage.online)], []]);
    await world.fsck();
  });
}

describe("a version of targets that takes the envelope of a role people sign", () => {
  const byBob = { action: "update" as const, keys: KEYS, roles: [wantedRole("prod", ["prod/*"], { keyids: [BOB.keyid] })] };
  const signTargets = (world: OfflineWorld): Promise<unknown> => world.sign("targets", world.people[0]!, world.people[1]!);
  const states = async (world: OfflineWorld, ...tasks: readonly string[]): Promise<readonly string[]> => Promise.all(tasks.map(async (task) => (await world.task(task)).state));

  test("takes the place of one that was being signed, whose artifacts wait for the next", async () => {
    const world = await repository(true);
    const release = await world.add("prod/2");
    const edit = await world.edit(byBob);
    await signTargets(world);
    assert.deepEqual(await world.sign("prod", ANN), ["Invalid signature"]);
    await world.sign("prod", BOB);
    assert.deepEqual(await states(world, edit, release), ["SUCCESS", "RUNNING"]);
    await world.sign("prod", BOB);
    assert.deepEqual([await states(world, release), await listed(world, "prod")], [["SUCCESS"], ["prod/1", "prod/2", "prod/eu1"]]);
    await world.fsck();
  });

  test("waits for a change of what is below the role that is being signed", async () => {
    const world = await repository(true);
    await world.edit({ action: "add", keys: {}, roles: [EU] });
    const edit = await world.edit(byBob);
    assert.deepEqual(await waiting(world), ["prod"]);
    assert.equal((await world.task(await world.add("a"))).state, "SUCCESS");
    await world.sign("prod", ANN);
    assert.deepEqual(await waiting(world), ["prod", "targets"]);
    await signTargets(world);
    await world.sign("prod", BOB);
    assert.deepEqual([await states(world, edit), await below(world, "prod"), world.signers("prod")], [["SUCCESS"], ["eu"], [BOB.keyid]]);
    await world.fsck();
  });

  test("is followed by what is asked of the role meanwhile", async () => {
    const world = await repository(true);
    const edit = await world.edit(byBob);
    const added = await world.edit({ action: "add", keys: {}, roles: [EU] });
    assert.deepEqual([(await detailsOf(world, added))["waiting_for"], await waiting(world)], [["targets"], ["prod", "targets"]]);
    await world.sign("prod", BOB);
    await signTargets(world);
    assert.deepEqual([await states(world, edit), await waiting(world)], [["SUCCESS"], ["prod"]]);
    await world.sign("prod", BOB);
    assert.deepEqual([await states(world, added), await below(world, "prod")], [["SUCCESS"], ["eu"]]);
    await world.fsck();
  });

  test("gives way as a whole when the role goes to a team that signs elsewhere", async () => {
    const world = await repository(true);
    await world.edit(byBob);
    await world.edit({ action: "update", keys: KEYS, roles: [wantedRole("prod", ["prod/*"], { keyids: [BOB.keyid], signing: "outside" })] });
    assert.deepEqual(await waiting(world), []);
    assert.equal((await world.task(await world.add("a"))).state, "SUCCESS");
    const uploaded = await world.upload("prod", 1000, ["prod/9"], BOB);
    await signTargets(world);
    assert.deepEqual([await states(world, uploaded), await listed(world, "prod")], [["SUCCESS"], ["prod/9"]]);
    await world.fsck();
  });
});
