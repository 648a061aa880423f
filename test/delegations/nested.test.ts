// Delegations below delegations, and bins below a custom role.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createWorld, person, tufJs, type Role } from "./world.ts";

const DISTRO: Role = { name: "distro", paths: ["distro/*", "distro/*/*"] };
const MAIN: Role = { name: "distro-main", parent: "distro", paths: ["distro/main/*"] };
const CORE: Role = { name: "distro-main-core", parent: "distro-main", paths: ["distro/main/core*"] };
const REST: Role = { name: "rest", paths: ["*"] };

const ALL = ["distro/x", "distro/main/y", "distro/main/core-z", "w"];
const OWNERS = ["distro", "distro-main", "distro-main-core", "rest"];

describe("roles below roles", () => {
  test("come one below the other in one request, each path in the deepest role that takes it", async (context) => {
    const world = await createWorld();
    const js = await tufJs(context, world);
    await world.bootstrap([DISTRO, REST]);
    await world.add(...ALL);
    const back = world.returning();
    assert.deepEqual(await back.found(...ALL), ALL);
    assert.deepEqual(await js.found(...ALL), ALL);
    const { seq } = await world.stage.database.publisher();
    const done = await world.delegate([MAIN, CORE]);
    assert.deepEqual(done.details, { delegated_roles: ["distro-main", "distro-main-core"], failed_roles: [], moved_artifacts: 2 });
    assert.equal((await world.stage.database.publisher()).seq, seq + 1);
    assert.deepEqual(await world.owners(...ALL), OWNERS);
    assert.deepEqual(await back.found(...ALL), ALL);
    assert.deepEqual(await js.found(...ALL), ALL);
    assert.equal((await world.stage.database.role("distro-main-core"))?.parent, "distro-main");
    await world.fsck();
    await world.add("distro/main/core-2", "distro/3");
    assert.deepEqual(await world.owners("distro/main/core-2", "distro/3"), ["distro-main-core", "distro"]);
    await world.fsck();
    const { body } = await world.request("GET", "/api/v1/config/");
    const shown = (body.data as unknown as { delegations: { roles: { name: string; parent?: string }[] } }).delegations;
    assert.deepEqual(shown.roles.map(({ name, parent }) => [name, parent]), [["distro", undefined], ["distro-main", "distro"], ["distro-main-core", "distro-main"], ["rest", undefined]]);
  });

  test("at bootstrap, with keys of their own in the envelope of who delegates to them", async (context) => {
    const world = await createWorld();
    const js = await tufJs(context, world);
    const own = world.stage.signers.addEd25519("fn:own");
    const { keyidOf } = await import("../../src/tuf/keys.ts");
    const keyid = keyidOf(own);
    assert.equal((await world.bootstrap([DISTRO, { ...MAIN, keyids: [keyid] }, CORE, REST], { [keyid]: own })).state, "SUCCESS");
    assert.equal(Object.hasOwn(world.targets().delegations?.keys ?? {}, keyid), false);
    await world.add(...ALL);
    assert.deepEqual(await world.owners(...ALL), OWNERS);
    assert.deepEqual(await js.found(...ALL), ALL);
    // And another one, in one head.
    const other = world.stage.signers.addEd25519("fn:other");
    const back = world.returning();
    assert.deepEqual(await back.found(...ALL), ALL);
    assert.deepEqual((await world.update([{ ...MAIN, keyids: [keyidOf(other)] }], { [keyidOf(other)]: other })).details, { delegated_roles: ["distro-main"], failed_roles: [] });
    assert.deepEqual(await back.found(...ALL), ALL);
    assert.deepEqual(await js.found(...ALL), ALL);
    await world.fsck();
  });

  test("are refused where they make no sense, each with its reason", async () => {
    const world = await createWorld();
    await world.bootstrap([DISTRO, { name: "binned", paths: ["b/*"], bins: 4 }]);
    const done = await world.delegate([
      { name: "lost", parent: "none", paths: ["distro/a"] },
      { name: "apart", parent: "distro", paths: ["other/*"] },
      { name: "beside", parent: "binned", paths: ["b/*"] },
      { name: "binned-bins-x", paths: ["c"] },
      MAIN,
    ]);
    assert.deepEqual(done.details.delegated_roles, ["distro-main"]);
    assert.deepEqual(done.details.failed_roles, [
      { role: "lost", reason: "parent role none doesn't exist" },
      { role: "apart", reason: "parent role distro takes none of its paths, so that no client would look for them here" },
      { role: "beside", reason: "parent role binned delegates to bins, and to either those or custom roles" },
      { role: "binned-bins-x", reason: "its name lies where the names of bins lie" },
    ]);
    assert.deepEqual((await world.update([{ ...MAIN, parent: "binned" }, { ...DISTRO, paths: ["elsewhere/*"] }])).details.failed_roles, [
      { role: "distro-main", reason: "its parent is distro, and stays so: delete the role and add it again" },
      { role: "distro", reason: "role distro-main below it would take none of these paths" },
    ]);
    const self = await world.request("POST", "/api/v1/delegations/", { delegations: { keys: {}, roles: [{ name: "me", parent: "me", terminating: true, keyids: [], threshold: 1, paths: ["a"] }] } });
    assert.equal(self.status, 422);
    await world.fsck();
  });

  test("are deleted from below, or all in one request", async (context) => {
    const world = await createWorld();
    const js = await tufJs(context, world);
    await world.bootstrap([DISTRO, MAIN, CORE, REST]);
    await world.add(...ALL);
    const back = world.returning();
    assert.deepEqual(await back.found(...ALL), ALL);
    const refused = await world.remove("distro-main");
    assert.deepEqual(refused.details.failed_roles, [{ role: "distro-main", reason: "it delegates to distro-main-core: delete that role too, in the same request, or first" }]);
    assert.deepEqual((await world.remove("distro-main", "distro-main-core")).details, { delegated_roles: ["distro-main", "distro-main-core"], failed_roles: [], moved_artifacts: 2 });
    assert.deepEqual(await world.owners(...ALL), ["distro", "distro", "distro", "rest"]);
    assert.deepEqual(await back.found(...ALL), ALL);
    assert.deepEqual(await js.found(...ALL), ALL);
    assert.equal((await world.stage.database.role("distro-main-core"))?.retired, true);
    await world.fsck();
    await world.delegate([MAIN, CORE]);
    assert.deepEqual(await world.owners(...ALL), OWNERS);
    assert.deepEqual(await back.found(...ALL), ALL);
    assert.deepEqual(await js.found(...ALL), ALL);
    await world.fsck();
  });

  test("of people wait for them", async () => {
    const world = await createWorld();
    const ann = person();
    await world.bootstrap([DISTRO]);
    const done = await world.delegate([{ ...MAIN, keyids: [ann.keyid] }], { [ann.keyid]: ann.key });
    assert.deepEqual([done.details.failed_roles, done.details["waiting_for"]], [[], [MAIN.name]]);
  });

  test("no deeper, and no more of them, than a client walks", async () => {
    const world = await createWorld();
    await world.bootstrap([{ name: "r0x", paths: ["a/*"] }]);
    const chain = Array.from({ length: 40 }, (_, n): Role => ({ name: `r${String(n + 1)}x`, parent: `r${String(n)}x`, paths: ["a/*"] }));
    const done = await world.delegate(chain);
    assert.equal(done.details.delegated_roles?.length, 30);
    assert.match(done.details.failed_roles?.[0]?.reason ?? "", /clients give up after 31/);
    await world.add("a/x");
    assert.deepEqual(await world.owners("a/x"), ["r30x"]);
    await world.fsck();
  });
});

describe("bins below a custom role", () => {
  test("list what it takes, and keep doing so when the role is updated", async (context) => {
    const world = await createWorld();
    const js = await tufJs(context, world);
    await world.bootstrap([{ name: "pool", paths: ["pool/*"] }, REST]);
    await world.add("pool/1", "pool/2", "x");
    const back = world.returning();
    const all = ["pool/1", "pool/2", "x"];
    assert.deepEqual(await back.found(...all), all);
    assert.deepEqual((await world.update([{ name: "pool", paths: ["pool/*"], bins: 5 }])).details, { delegated_roles: ["pool"], failed_roles: [], moved_artifacts: 2 });
    assert.deepEqual((await world.owners(...all)).map((role) => role?.replace(/-[0-9a-f]$/, "")), ["pool-bins", "pool-bins", "rest"]);
    assert.deepEqual(await back.found(...all), all);
    assert.deepEqual(await js.found(...all), all);
    await world.fsck();
    await world.update([{ name: "pool", paths: ["pool/*", "pond/*"] }]);
    await world.add("pond/3");
    assert.match((await world.owners("pond/3"))[0] ?? "", /^pool-bins-[0-3]$/);
    assert.deepEqual(await js.found(...all, "pond/3"), [...all, "pond/3"]);
    assert.deepEqual((await world.remove("pool")).details["dropped_artifacts_count"], 3);
    assert.deepEqual(await back.found(...all), ["x"]);
    await world.fsck();
  });

  test("two levels down, beside the repository's own", async (context) => {
    const world = await createWorld();
    const js = await tufJs(context, world);
    await world.bootstrap([DISTRO, { ...MAIN, bins: 2 }], {}, 4);
    const all = ["distro/main/1", "distro/2", "3"];
    await world.add(...all);
    assert.deepEqual((await world.owners(...all)).map((role) => role?.replace(/-[0-9a-f]$/, "")), ["distro-main-bins", "distro", "bins"]);
    assert.deepEqual(await js.found(...all), all);
    await world.fsck();
  });
});
