// Custom roles and hash bins in one repository.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createWorld, tufJs, type Role } from "./world.ts";

const NIGHTLY: Role = { name: "nightly", paths: ["nightly/*", "nightly/.*"] };
const SIGNED: Role = { name: "signed", paths: ["signed/*"], terminating: false };

/** Files written since. */
const filesSince = (before: ReadonlySet<string>, after: readonly string[]): string[] => after.filter((name) => !before.has(name)).map((name) => name.replace(/^[0-9]+\./, "")).sort();

describe("a repository of bins", () => {
  test("gets custom roles: bins keep their names, and no client notices", async (context) => {
    const world = await createWorld();
    const js = await tufJs(context, world);
    await world.stage.bootstrap(16);
    await world.add("a", "pool/b", ".well-known/c", "deep/er/and/deep/er/c");
    const back = world.returning();
    const all = ["a", "pool/b", ".well-known/c", "deep/er/and/deep/er/c"];
    assert.deepEqual(await back.found(...all), all);
    assert.deepEqual(await js.found(...all), all);
    const before = new Set(world.stage.storage.names());
    const owners = await world.owners(...all);

    assert.deepEqual((await world.delegate([NIGHTLY])).details, { delegated_roles: ["nightly"], failed_roles: [] });
    assert.deepEqual(filesSince(before, world.stage.storage.names()), ["catch-all.json", "nightly.json", "snapshot.json", "targets.json"]);
    assert.deepEqual(world.targets().delegations?.roles?.map(({ name }) => name), ["nightly", "catch-all"]);
    assert.deepEqual(await world.owners(...all), owners);
    assert.deepEqual(await back.found(...all), all);
    assert.deepEqual(await js.found(...all), all);
    await world.fsck();

    const more = ["nightly/1", "nightly/.2", "nightly/x/3", "pool/4"];
    assert.equal((await world.add(...more)).state, "SUCCESS");
    assert.deepEqual((await world.owners(...more)).map((role) => role?.replace(/-.*/, "")), ["nightly", "nightly", "bins", "bins"]);
    assert.deepEqual(await back.found(...all, ...more), [...all, ...more]);
    assert.deepEqual(await js.found(...all, ...more), [...all, ...more]);
    await world.fsck();
  });

  test("gives a custom role what it takes from the bins, and takes it back when the role goes", async (context) => {
    const world = await createWorld();
    const js = await tufJs(context, world);
    await world.stage.bootstrap(4);
    await world.add("nightly/1", "nightly/2", "other");
    const back = world.returning();
    const all = ["nightly/1", "nightly/2", "other"];
    assert.deepEqual(await back.found(...all), all);
    assert.deepEqual((await world.delegate([NIGHTLY])).details["moved_artifacts"], 2);
    assert.deepEqual(await world.owners("nightly/1", "nightly/2"), ["nightly", "nightly"]);
    assert.deepEqual(await back.found(...all), all);
    assert.deepEqual(await js.found(...all), all);
    await world.fsck();
    assert.deepEqual((await world.remove("nightly", "catch-all")).details, {
      delegated_roles: ["nightly"], moved_artifacts: 2,
      failed_roles: [{ role: "catch-all", reason: "it takes what no other role takes, and carries the repository's bins" }],
    });
    assert.deepEqual(await back.found(...all), all);
    assert.deepEqual(await js.found(...all), all);
    await world.fsck();
  });

  test("keeps what clients would not find beside custom roles: the edit fails and names it", async () => {
    const world = await createWorld();
    await world.stage.bootstrap(4);
    const deep = Array.from({ length: 17 }, (_, at) => String(at)).join("/");
    await world.add("a", deep);
    const { seq } = await world.stage.database.publisher();
    const done = await world.delegate([NIGHTLY]);
    assert.equal(done.state, "FAILURE");
    assert.match(done.error ?? "", /at most 16 segments/);
    assert.equal((await world.stage.database.publisher()).seq, seq);
    assert.deepEqual(await world.found("a", deep), ["a", deep]);
  });

  test("in classic style needs no role between: custom roles come before the bins", async () => {
    const world = await createWorld({ policy: { binsStyle: "classic" } });
    await world.stage.bootstrap(4);
    await world.add("a", "signed/b");
    assert.deepEqual((await world.delegate([SIGNED])).details, { delegated_roles: ["signed"], failed_roles: [], moved_artifacts: 1 });
    assert.deepEqual(world.targets().delegations?.roles?.map(({ name }) => name), ["signed", "bins-0", "bins-1", "bins-2", "bins-3"]);
    assert.deepEqual(await world.found("a", "signed/b"), ["a", "signed/b"]);
    await world.fsck();
  });
});

describe("both at bootstrap", () => {
  test("is asked for with `bins` among the delegations", async (context) => {
    const world = await createWorld();
    const js = await tufJs(context, world);
    assert.equal((await world.bootstrap([NIGHTLY, SIGNED], {}, 9)).state, "SUCCESS");
    assert.equal((await world.stage.database.setting("number_of_delegated_bins")), 8);
    assert.equal((await world.stage.database.setting("bins_expiration")), 7);
    const all = ["nightly/1", "signed/2", "3", "signed/4/5"];
    await world.add(...all);
    assert.deepEqual((await world.owners(...all)).map((role) => role?.replace(/-.*/, "")), ["nightly", "signed", "bins", "bins"]);
    assert.deepEqual(await js.found(...all), all);
    assert.deepEqual((await world.ended("POST", "/api/v1/metadata/online", { roles: [] })).details, { updated_roles: ["snapshot", "timestamp", "targets", "nightly", "signed", "catch-all", "bins"] });
    const { body } = await world.request("GET", "/api/v1/config/");
    const shown = (body.data as unknown as { delegations: { roles: { name: string }[] } }).delegations;
    assert.deepEqual(shown.roles.map(({ name }) => name), ["nightly", "signed"]);
    await world.fsck();
  });

  test("and later, in a repository of custom roles", async () => {
    const world = await createWorld();
    await world.bootstrap([NIGHTLY]);
    const back = world.returning();
    await world.add("nightly/1");
    assert.deepEqual(await back.found("nightly/1"), ["nightly/1"]);
    assert.deepEqual((await world.add("other")).details["invalid_paths"], ["other"]);
    assert.equal((await world.delegate([], {}, 4)).state, "SUCCESS");
    assert.equal((await world.add("other")).state, "SUCCESS");
    assert.deepEqual(await back.found("nightly/1", "other"), ["nightly/1", "other"]);
    const twice = await world.delegate([], {}, 8);
    assert.match(twice.error ?? "", /has bins already/);
    await world.fsck();
  });
});

describe("paths about which clients disagree", () => {
  test("have no owner where some of them would stop before it", async () => {
    const world = await createWorld();
    // tuf-js does not see that `hidden/*` takes a dot file; the others end their search there.
    await world.bootstrap([{ name: "hidden", paths: ["hidden/*"] }], {}, 4);
    assert.deepEqual((await world.add("hidden/.x", "hidden/y")).details["invalid_paths"], ["hidden/.x"]);
  });

  test("go to the next role where nobody stops", async (context) => {
    const world = await createWorld();
    const js = await tufJs(context, world);
    await world.bootstrap([{ name: "hidden", paths: ["hidden/*"], terminating: false }], {}, 4);
    assert.equal((await world.add("hidden/.x", "hidden/y")).state, "SUCCESS");
    assert.deepEqual(await js.found("hidden/.x", "hidden/y"), ["hidden/.x", "hidden/y"]);
    assert.deepEqual(await world.found("hidden/.x", "hidden/y"), ["hidden/.x", "hidden/y"]);
    await world.fsck();
  });

  test("beyond the bounds of the catch-all are told as invalid", async () => {
    const world = await createWorld();
    await world.bootstrap([NIGHTLY], {}, 4);
    const fits = Array.from({ length: 16 }, (_, at) => (at < 2 ? `.${String(at)}` : String(at))).join("/");
    const refused = ["a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q", "a//b", ".a/.b/.c"];
    assert.deepEqual((await world.add(fits, ...refused)).details["invalid_paths"], refused);
    assert.deepEqual(await world.found(fits), [fits]);
  });
});
