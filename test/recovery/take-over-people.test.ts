// A repository that is taken over, of which people sign top-level targets or delegated roles: what they signed stays, they are
// asked for what comes next, and clients that were there before notice nothing.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { LeaseHold } from "../../src/publisher/lease-hold.ts";
import { takeOver, type TakenOver } from "../../src/publisher/take-over.ts";
import { createOfflineWorld, wantedRole, type OfflineWorld } from "../delegations/offline-world.ts";
import { createPublisherStage, DAY_MS } from "../fakes/publisher-stage.ts";
import { RepositoryBuilder } from "../fakes/repository-builder.ts";
import { createHolder, type Holder } from "../fakes/root-holders.ts";

interface Former {
  readonly world: OfflineWorld;
  readonly ann: Holder;
}

/** Ann signs `prod`, the online key `rest` and bins; targets is the people's, or the online key's. */
async function former(offline: boolean): Promise<Former> {
  const ann = createHolder();
  const world = createOfflineWorld({ offline });
  await world.bootstrap();
  if (offline) await world.sign("targets", world.people[0]!, world.people[1]!);
  await world.edit({ action: "add", keys: { [ann.keyid]: ann.key }, roles: [wantedRole("prod", ["prod/*"], { keyids: [ann.keyid], "x-rstuf-expire-policy": 365 }), wantedRole("rest", ["rest/*"])] });
  if (offline) await world.sign("targets", world.people[0]!, world.people[1]!);
  await world.sign("prod", ann);
  await world.add("prod/1");
  await world.sign("prod", ann);
  await world.add("rest/1", "a");
  return { world, ann };
}

async function adopt(from: OfflineWorld, offline: boolean): Promise<{ readonly world: OfflineWorld; readonly taken: TakenOver }> {
  const world = createOfflineWorld({ offline, former: from.stage });
  world.stage.storage.hooks = {};
  const hold = await LeaseHold.take(world.stage.database, world.stage.clock, 15_000, "adopter");
  assert.ok(hold);
  const taken = await takeOver(world.stage.deps, hold);
  await world.stage.clock.advance(15_001);
  assert.ok(await world.stage.publisher.takeOver());
  await world.stage.settle();
  return { world, taken };
}

for (const offline of [true, false]) {
  describe(`a repository is taken over whose delegated role people sign${offline ? ", and whose targets, too" : ""}`, () => {
    test("what they signed stays as it is, everything else is pressed, and they sign what comes next", async () => {
      const { world: before, ann } = await former(offline);
      const versions = { targets: before.targets().version, names: before.stage.storage.names().filter((name) => name.includes(".prod.")) };
      const { world, taken } = await adopt(before, offline);
      assert.deepEqual(taken.people.map(({ role }) => role).sort(), offline ? ["prod", "targets"] : ["prod"]);
      assert.equal(taken.artifacts, 3);
      assert.equal((await world.task(taken.task)).state, "SUCCESS");
      assert.equal(world.targets().version === versions.targets, offline, "targets is pressed only where this service signs it");
      assert.deepEqual(world.stage.storage.names().filter((name) => name.includes(".prod.")), versions.names);
      assert.equal(await world.stage.database.setting("targets_online_key"), !offline);
      await world.fsck();
      before.clients.look();

      assert.equal((await world.task(await world.add("b", "rest/2"))).state, "SUCCESS");
      const release = await world.add("prod/2");
      assert.equal((await world.task(release)).state, "RUNNING");
      await world.sign("prod", ann);
      assert.equal((await world.task(release)).state, "SUCCESS");
      const edit = await world.edit({ action: "add", keys: {}, roles: [wantedRole("more", ["more/*"])] });
      if (offline) {
        assert.equal((await world.task(edit)).state, "RUNNING");
        await world.sign("targets", world.people[0]!, world.people[2]!);
      }
      assert.equal((await world.task(edit)).state, "SUCCESS");
      assert.equal((await world.task(await world.add("more/1"))).state, "SUCCESS");
      await world.fsck();
      before.clients.look();
    });

    test("asks for what ran out, and publishes the rest meanwhile", async () => {
      const { world: before, ann } = await former(offline);
      before.stage.storage.hooks = {};
      await before.stage.clock.advance(400 * DAY_MS);
      const { world, taken } = await adopt(before, offline);
      assert.ok(taken.people.every(({ expires }) => Date.parse(expires) < world.stage.clock.now()));
      const asked = async (): Promise<readonly string[]> => Object.keys(await world.waiting()).filter((name) => !name.startsWith("trusted_")).sort();
      assert.deepEqual(await asked(), taken.people.map(({ role }) => role).sort());
      await world.sign("prod", ann);
      if (offline) await world.sign("targets", world.people[0]!, world.people[1]!);
      assert.equal((await world.task(await world.add("b"))).state, "SUCCESS");
      assert.deepEqual(await asked(), []);
      await world.fsck();
    });
  });
}

describe("a repository is not taken over, and says why,", () => {
  test("whose part in what people sign, too, is not here", async () => {
    const world = createOfflineWorld({ offline: false });
    await world.bootstrap();
    const [ann, second] = [createHolder(), world.stage.signers.addEd25519("fn:second")];
    await world.edit({ action: "add", keys: { [ann.keyid]: ann.key, second }, roles: [wantedRole("prod", ["prod/*"], { keyids: [ann.keyid, "second"], threshold: 2 })] });
    await world.sign("prod", ann);
    assert.deepEqual((await adopt(world, false)).taken.people.map(({ role }) => role), ["prod"]);
    world.stage.signers.remove("fn:second");
    await assert.rejects(adopt(world, false), { code: "foreign", message: /^prod cannot be signed here: no private key for fn:second.*Nothing was changed$/ });
  });

  for (const { name, make, says } of [
    { name: "whose timestamp names no key of this service", make: () => undefined, says: /^timestamp needs 1 keys of this service, and root names fewer: only a key with a member x-rstuf-online-key-uri is one\..* Nothing was changed$/ },
    { name: "whose targets lists artifacts itself", make: (repository: RepositoryBuilder) => { repository.add("a", "content", "targets"); }, says: /^targets itself lists 1 artifacts; here delegated roles list them\..* Nothing was changed$/ },
  ]) {
    test(name, async () => {
      const stage = createPublisherStage();
      const repository = new RepositoryBuilder({ now: stage.clock.now(), bins: 2 });
      make(repository);
      repository.publish();
      for (const [file, bytes] of repository.files) stage.storage.tamper(file, bytes);
      const hold = await LeaseHold.take(stage.database, stage.clock, 15_000, "adopter");
      assert.ok(hold);
      await assert.rejects(takeOver(stage.deps, hold), { code: "foreign", message: says });
      assert.equal(await stage.database.head(), undefined);
    });
  }
});
