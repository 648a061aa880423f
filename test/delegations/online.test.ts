// Custom delegations that the online key signs: they come, change, go and come again, and every
// client, fresh or returning, finds what is there.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { keyidOf } from "../../src/tuf/keys.ts";
import { DAY_MS } from "../fakes/publisher-stage.ts";
import { person, createWorld, tufJs, type Role } from "./world.ts";

const STABLE: Role = { name: "stable", paths: ["stable/*", "lts/?"], days: 7 };
const NIGHTLY: Role = { name: "nightly", paths: ["nightly/*"], days: 2 };
const REST: Role = { name: "Rest_1", paths: ["*", "*/*"], days: 30 };

describe("bootstrap with custom delegations", () => {
  test("artifacts go to the first role a client's search would reach, and clients find them", async (context) => {
    const world = await createWorld();
    const js = await tufJs(context, world);
    assert.equal((await world.bootstrap([STABLE, NIGHTLY, REST])).message, "Bootstrap Processed");
    assert.deepEqual(world.targets().delegations?.roles?.map(({ name }) => name), ["stable", "nightly", "Rest_1"]);
    const added = await world.add("stable/a", "nightly/b", "c", "other/d", "much/too/deep");
    assert.deepEqual(added.details, { added_artifacts: ["stable/a", "nightly/b", "c", "other/d"], invalid_paths: ["much/too/deep"], artifact_roles: ["stable", "nightly", "Rest_1"] });
    const all = ["stable/a", "nightly/b", "c", "other/d", "much/too/deep"];
    assert.deepEqual(await world.found(...all), all.slice(0, 4));
    assert.deepEqual(await js.found(...all), all.slice(0, 4));
    await world.fsck();
  });

  test("the first head holds an envelope of every role, each with its own lifetime", async () => {
    const world = await createWorld();
    await world.bootstrap([STABLE, NIGHTLY, REST]);
    for (const { name, days } of [STABLE, NIGHTLY, REST]) {
      const row = await world.stage.database.role(name);
      assert.equal(row?.kind, "delegated");
      assert.equal(row.expiresMs, world.stage.clock.now() + (days ?? 0) * DAY_MS);
      assert.ok(world.stage.storage.peek(`${String(row.version)}.${name}.json`));
    }
  });

  test("settings show delegations and lifetimes as they are in force", async () => {
    const world = await createWorld();
    await world.bootstrap([STABLE, REST]);
    const { data } = (await world.request("GET", "/api/v1/config/")).body as unknown as { data: Record<string, { roles: unknown[] }> };
    assert.equal(data["stable_expiration"], 7);
    assert.equal(data["Rest_1_expiration"], 30);
    assert.equal(data["number_of_delegated_bins"], undefined);
    const online = world.targets().delegations?.roles?.[0]?.keyids ?? [];
    assert.deepEqual(data["delegations"]?.roles[0], { name: "stable", keyids: online, threshold: 1, terminating: true, paths: STABLE.paths, "x-rstuf-expire-policy": 7 });
  });

  test("every role is refreshed before it expires, and none is afterwards expired", async () => {
    const world = await createWorld();
    await world.bootstrap([STABLE, NIGHTLY, REST]);
    await world.add("stable/a", "nightly/b");
    for (let day = 0; day < 40; day++) {
      await world.stage.clock.advance(DAY_MS / 2);
      await world.stage.settle();
    }
    assert.deepEqual(await world.found("stable/a", "nightly/b"), ["stable/a", "nightly/b"]);
    await world.fsck();
  });
});

describe("a change of delegations", () => {
  test("adds at the end, in one head with the first envelope", async (context) => {
    const world = await createWorld();
    const js = await tufJs(context, world);
    await world.bootstrap([STABLE]);
    await world.add("stable/a");
    const back = world.returning();
    assert.deepEqual(await back.found("stable/a"), ["stable/a"]);
    assert.deepEqual(await js.found("stable/a"), ["stable/a"]);
    const { seq } = await world.stage.database.publisher();
    const done = await world.delegate([NIGHTLY, STABLE, REST]);
    assert.deepEqual(done.details, { delegated_roles: ["nightly", "Rest_1"], failed_roles: [{ role: "stable", reason: "role already exists" }] });
    assert.equal((await world.stage.database.publisher()).seq, seq + 1);
    assert.deepEqual(world.targets().delegations?.roles?.map(({ name }) => name), ["stable", "nightly", "Rest_1"]);
    await world.add("nightly/b");
    assert.deepEqual(await back.found("stable/a", "nightly/b"), ["stable/a", "nightly/b"]);
    assert.deepEqual(await js.found("stable/a", "nightly/b"), ["stable/a", "nightly/b"]);
    await world.fsck();
  });

  test("updates in place: priority kept, paths, keys and lifetime replaced, artifacts re-homed", async () => {
    const world = await createWorld();
    await world.bootstrap([STABLE, NIGHTLY, REST]);
    await world.add("stable/a", "lts/b", "nightly/c");
    const done = await world.update([{ ...STABLE, paths: ["stable/*", "nightly/*"], days: 3 }, { name: "none", paths: ["x"] }]);
    assert.deepEqual(done.details, { delegated_roles: ["stable"], failed_roles: [{ role: "none", reason: "role none doesn't exist." }], moved_artifacts: 2 });
    assert.deepEqual(world.targets().delegations?.roles?.map(({ name }) => name), ["stable", "nightly", "Rest_1"]);
    assert.deepEqual(await world.found("stable/a", "lts/b", "nightly/c"), ["stable/a", "lts/b", "nightly/c"]);
    const { head } = await world.stage.database.publisher();
    const read = await world.stage.database.readTargets(head, ["stable", "nightly", "Rest_1"]);
    assert.deepEqual(Object.fromEntries([...read].map(([role, targets]) => [role, targets.map(({ path }) => path)])), { stable: ["nightly/c", "stable/a"], nightly: [], Rest_1: ["lts/b"] });
    assert.equal((await world.stage.database.role("stable"))?.expiresMs, world.stage.clock.now() + 3 * DAY_MS);
    await world.fsck();
  });

  test("replaces the key of a role together with its envelope, in one head", async (context) => {
    const world = await createWorld();
    const js = await tufJs(context, world);
    await world.bootstrap([STABLE, REST]);
    await world.add("stable/a");
    const back = world.returning();
    await back.found("stable/a");
    await js.found("stable/a");
    const own = world.stage.signers.addEd25519("fn:own");
    const keyid = keyidOf(own);
    const { seq } = await world.stage.database.publisher();
    assert.deepEqual((await world.update([{ ...STABLE, keyids: [keyid] }], { [keyid]: own })).details, { delegated_roles: ["stable"], failed_roles: [] });
    assert.equal((await world.stage.database.publisher()).seq, seq + 1);
    assert.deepEqual(world.targets().delegations?.roles?.[0]?.keyids, [keyid]);
    assert.deepEqual(await back.found("stable/a"), ["stable/a"]);
    assert.deepEqual(await js.found("stable/a"), ["stable/a"]);
    await world.fsck();
    await world.update([STABLE]);
    assert.equal(Object.keys(world.targets().delegations?.keys ?? {}).includes(keyid), false);
    await world.fsck();
  });

  test("deletes: artifacts move to who takes them now, or are named as dropped", async (context) => {
    const world = await createWorld();
    const js = await tufJs(context, world);
    await world.bootstrap([STABLE, { name: "wide", paths: ["stable/*"] }]);
    await world.add("stable/a", "lts/1");
    const back = world.returning();
    await back.found("stable/a");
    await js.found("stable/a", "lts/1");
    const done = await world.remove("stable", "zip");
    assert.deepEqual(done.details, {
      delegated_roles: ["stable"], failed_roles: [{ role: "zip", reason: "Role 'zip' does not exists" }],
      moved_artifacts: 1, dropped_artifacts: ["lts/1"], dropped_artifacts_count: 1,
    });
    assert.deepEqual(await back.found("stable/a", "lts/1"), ["stable/a"]);
    assert.deepEqual(await js.found("stable/a", "lts/1"), ["stable/a"]);
    await world.fsck();
  });

  test("a deleted role stays in snapshot, and its name, used again, goes on above its last version", async (context) => {
    const world = await createWorld();
    const js = await tufJs(context, world);
    const back = world.returning();
    await world.bootstrap([STABLE, REST]);
    await world.add("stable/a");
    await back.found("stable/a");
    await js.found("stable/a");
    const last = (await world.stage.database.role("stable"))!.version;
    await world.remove("stable");
    assert.equal((await world.stage.database.role("stable"))?.retired, true);
    assert.deepEqual(await back.found("stable/a"), ["stable/a"]);
    assert.deepEqual(await js.found("stable/a"), ["stable/a"]);
    assert.deepEqual((await world.delegate([{ ...STABLE, keyids: [] }])).details, { delegated_roles: ["stable"], failed_roles: [] });
    assert.ok((await world.stage.database.role("stable"))!.version > last);
    await world.add("lts/x");
    assert.deepEqual(await back.found("stable/a", "lts/x"), ["stable/a", "lts/x"]);
    assert.deepEqual(await js.found("stable/a", "lts/x"), ["stable/a", "lts/x"]);
    await world.fsck();
  });

  test("keeps its place among the requests around it", async () => {
    const world = await createWorld();
    await world.bootstrap([STABLE, REST]);
    const { stage } = world;
    const first = await stage.add(["nightly/1"]);
    const { body } = await world.request("POST", "/api/v1/delegations/", { delegations: { keys: {}, roles: [{ name: "mine", terminating: true, keyids: [], threshold: 1, paths: ["a", "nightly/*"] }] } });
    const last = await stage.add(["nightly/2"]);
    await stage.settle();
    assert.equal((await stage.task(first)).result?.state, "SUCCESS");
    assert.equal((await stage.task(last)).result?.state, "SUCCESS");
    assert.deepEqual((await stage.task(body.data?.task_id ?? "")).result?.details, { delegated_roles: ["mine"], failed_roles: [] });
    assert.deepEqual(await world.found("nightly/1", "nightly/2"), ["nightly/1", "nightly/2"]);
    await world.fsck();
  });

  test("survives a publisher that dies at every step of it", async () => {
    for (let step = 1; ; step++) {
      const world = await createWorld();
      await world.bootstrap([STABLE, NIGHTLY, REST]);
      await world.add("stable/a", "nightly/b");
      let left = step;
      world.stage.storage.hooks = { after: () => { if (--left === 0) throw new Error("killed"); } };
      const { body } = await world.request("POST", "/api/v1/delegations/delete", { delegations: { roles: [{ name: "stable" }] } });
      await world.stage.settle().catch(() => undefined);
      world.stage.storage.hooks = {};
      await world.stage.clock.advance(60_000);
      world.stage.publisher = world.stage.newPublisher();
      await world.stage.publisher.takeOver();
      await world.stage.settle();
      assert.equal((await world.stage.task(body.data?.task_id ?? "")).result?.state, "SUCCESS");
      assert.deepEqual(await world.found("stable/a", "nightly/b"), ["stable/a", "nightly/b"]);
      await world.fsck();
      if (left > 0) break;
    }
  });

  test("with a threshold that can't be met, or too many roles to ask, fails for that role alone", async () => {
    const world = await createWorld();
    await world.bootstrap([STABLE]);
    const ann = person();
    const double = { ...ann.key, "x-rstuf-key-name": "the same" };
    const done = await world.delegate(
      [{ name: "none", paths: ["a"], threshold: 2 }, { name: "twice", paths: ["a"], keyids: [ann.keyid, "other"], threshold: 2 }, NIGHTLY],
      { [ann.keyid]: ann.key, other: double },
    );
    assert.deepEqual(done.details.delegated_roles, ["nightly"]);
    assert.deepEqual(done.details.failed_roles?.map(({ role, reason }) => [role, reason.replace(/[0-9a-f]{64}/, "K")]), [
      ["none", "If no keys assigned threshold must be 1"],
      ["twice", "threshold 2 can't be met by 1 distinct key(s)"],
    ]);
    const many = Array.from({ length: 40 }, (_, n): Role => ({ name: `r${String(n)}x`, paths: ["same/*"], terminating: false }));
    const walked = await world.delegate(many);
    assert.equal(walked.details.delegated_roles?.length, 31);
    assert.match(walked.details.failed_roles?.[0]?.reason ?? "", /clients give up after 31/);
    await world.fsck();
  });
});

describe("lifetimes and refreshes by hand", () => {
  test("PUT /config changes the lifetime of a delegated role from its next version on, not of one that is gone", async () => {
    const world = await createWorld();
    await world.bootstrap([STABLE, NIGHTLY]);
    await world.remove("nightly");
    const done = await world.ended("PUT", "/api/v1/config/", { settings: { expiration: { stable: 20, nightly: 20, targets: 100 } } });
    assert.deepEqual(done.details, { updated_roles: ["stable", "targets"], invalid_roles: ["nightly"] });
    await world.add("stable/a");
    assert.equal((await world.stage.database.role("stable"))?.expiresMs, world.stage.clock.now() + 20 * DAY_MS);
  });

  test("POST /metadata/online presses delegated roles by name, and all of them", async () => {
    const world = await createWorld();
    await world.bootstrap([STABLE, NIGHTLY]);
    const before = (await world.stage.database.role("stable"))!.version;
    const done = await world.ended("POST", "/api/v1/metadata/online", { roles: ["stable"] });
    assert.deepEqual(done.details, { updated_roles: ["stable"] });
    assert.ok((await world.stage.database.role("stable"))!.version > before);
    assert.deepEqual((await world.ended("POST", "/api/v1/metadata/online", { roles: [] })).details, { updated_roles: ["snapshot", "timestamp", "targets", "stable", "nightly"] });
    const bins = await world.request("POST", "/api/v1/metadata/online", { roles: ["bins"] });
    assert.deepEqual([bins.status, bins.body.detail], [404, { message: "Task not accepted.", error: "Custom target delegation used and bins cannot be bumped" }]);
    assert.equal((await world.request("POST", "/api/v1/metadata/online", { roles: ["none"] })).status, 404);
    await world.fsck();
  });
});
