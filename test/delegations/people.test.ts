// Delegated roles that people sign, wholly or beside the online key: begun, signed, published, stopped.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Key } from "../../src/tuf/documents.ts";
import { parseEnvelope } from "../../src/tuf/parse.ts";
import { DAY_MS, HOUR_MS } from "../fakes/publisher-stage.ts";
import { createWorld, person, tufJs, type Ended, type Person, type Role, type World } from "./world.ts";

const [ANN, BOB, CEM] = [person(), person("ecdsa"), person("rsa")];
const KEYS: Readonly<Record<string, Key>> = Object.fromEntries([ANN, BOB, CEM].map(({ keyid, key }) => [keyid, key]));
const PROD: Role = { name: "prod", paths: ["prod/*"], days: 60, keyids: [ANN.keyid, BOB.keyid, CEM.keyid], threshold: 2 };
const DEFAULT: Role = { name: "default", paths: ["*", "*/*"], days: 7 };

/** Signs what waits for the role. */
async function sign(world: World, role: string, ...people: readonly Person[]): Promise<string[]> {
  const said: string[] = [];
  for (const one of people) {
    const { metadata = {} } = (await world.request("GET", "/api/v1/metadata/sign")).body.data ?? {};
    const pending = metadata[role];
    assert.ok(pending, `nothing waits for ${role}`);
    const ended = await world.ended("POST", "/api/v1/metadata/sign", { role, signature: { keyid: one.keyid, sig: one.sign(pending.signed as never) } });
    said.push((ended.details["update"] as string | undefined) ?? ended.error ?? "");
  }
  return said;
}

const pendingOf = async (world: World): Promise<Readonly<Record<string, { readonly signed: { readonly version: number; readonly targets?: object } }>>> =>
  (await world.request("GET", "/api/v1/metadata/sign")).body.data?.metadata ?? {};

/** The task of an accepted request, not waited for. */
async function begun(world: World, paths: readonly string[], more: object = {}): Promise<string> {
  const artifacts = paths.map((path) => ({ path, info: { length: 1, hashes: { sha256: "ab".repeat(32) } } }));
  const { status, body } = await world.request("POST", "/api/v1/artifacts/", { artifacts, ...more });
  assert.equal(status, 202);
  await world.stage.settle();
  return body.data?.task_id ?? "";
}

async function stateOf(world: World, task: string): Promise<{ state: string; message?: string; details?: Record<string, unknown> }> {
  const { data } = (await world.request("GET", `/api/v1/task/?task_id=${task}`)).body as unknown as { data: { state: string; result?: { message: string; details: Record<string, unknown> } } };
  return { state: data.state, ...data.result };
}

/** Bootstrapped, with prod signed by two of three. */
async function repository(): Promise<World> {
  const world = await createWorld();
  await world.bootstrap([PROD, DEFAULT], KEYS);
  await sign(world, "prod", ANN, CEM);
  return world;
}

describe("bootstrap with a role that people sign", () => {
  test("the repository begins without it; it comes, in its place, with its first envelope", async (context) => {
    const world = await createWorld();
    const done = await world.bootstrap([PROD, DEFAULT], KEYS);
    assert.match(String(done.details["bootstrap"]), /^Bootstrap finished/);
    assert.deepEqual(world.targets().delegations?.roles?.map(({ name }) => name), ["default"]);
    const js = await tufJs(context, world);
    const back = world.returning();
    await world.add("a");
    assert.deepEqual([await js.found("a"), await back.found("a")], [["a"], ["a"]]);
    await world.fsck();

    const { version } = (await pendingOf(world))["prod"]!.signed;
    assert.deepEqual(await sign(world, "prod", ANN, BOB), [`prod v${String(version)} is pending signatures`, "Role prod signing complete"]);
    assert.deepEqual(world.targets().delegations?.roles?.map(({ name }) => name), ["prod", "default"]);
    assert.ok(world.stage.storage.peek(`${String(version)}.prod.json`));
    assert.deepEqual([await js.found("a"), await back.found("a"), await world.found("a")], [["a"], ["a"], ["a"]]);
    assert.equal((await world.stage.database.setting("prod_expiration")), 60);
    await world.fsck();
  });

  test("signers are shown who signs it, before anybody delegates to it", async () => {
    const world = await createWorld();
    await world.bootstrap([PROD, DEFAULT], KEYS);
    const { trusted_targets: shown } = (await pendingOf(world)) as unknown as { trusted_targets: { signatures: unknown[]; signed: { delegations: { keys: object; roles: { name: string; keyids: string[] }[] } } } };
    assert.deepEqual(shown.signatures, []);
    assert.deepEqual(shown.signed.delegations.roles.map(({ name }) => name), ["prod", "default"]);
    assert.deepEqual(shown.signed.delegations.roles[0]?.keyids, PROD.keyids);
    await sign(world, "prod", ANN, BOB);
    await begun(world, ["prod/a"]);
    const after = (await pendingOf(world)) as unknown as { trusted_targets: { signatures: unknown[] } };
    assert.equal(after.trusted_targets.signatures.length, 1);
  });

  test("what is for it waits, and is signed once it is there", async () => {
    const world = await createWorld();
    await world.bootstrap([PROD, { ...DEFAULT, paths: ["*"] }], KEYS);
    const task = await begun(world, ["prod/a", "b"]);
    assert.deepEqual((await stateOf(world, task)).details?.["waiting_for"], ["prod"]);
    await sign(world, "prod", ANN, BOB);
    assert.equal((await stateOf(world, task)).message, "Waiting for signatures");
    assert.deepEqual(Object.keys((await pendingOf(world))["prod"]?.signed.targets ?? {}), ["prod/a"]);
    await sign(world, "prod", BOB, CEM);
    assert.deepEqual(await stateOf(world, task).then(({ state, details }) => [state, details]), ["SUCCESS", { added_artifacts: ["prod/a", "b"], invalid_paths: [], artifact_roles: ["prod", "default"] }]);
    assert.deepEqual(await world.found("prod/a", "b"), ["prod/a", "b"]);
    await world.fsck();
  });

  test("a path of it never goes to another role meanwhile", async () => {
    const world = await createWorld();
    await world.bootstrap([PROD, DEFAULT], KEYS);
    await begun(world, ["prod/a"]);
    assert.deepEqual(await world.found("prod/a"), []);
    await sign(world, "prod", ANN, BOB);
    await sign(world, "prod", ANN, BOB);
    assert.deepEqual(await world.found("prod/a"), ["prod/a"]);
    await world.fsck();
  });
});

describe("artifacts of a role that people sign", () => {
  test("wait until clients can see them; those of other roles do not", async () => {
    const world = await repository();
    const task = await begun(world, ["prod/a", "x", "deep/er/none"]);
    const waiting = await stateOf(world, task);
    assert.deepEqual([waiting.state, waiting.message, waiting.details?.["waiting_for"]], ["RUNNING", "Waiting for signatures", ["prod"]]);
    assert.deepEqual(await world.found("prod/a", "x"), ["x"]);
    await sign(world, "prod", ANN);
    assert.equal((await stateOf(world, task)).state, "RUNNING");
    await sign(world, "prod", CEM);
    assert.deepEqual((await stateOf(world, task)).details, { added_artifacts: ["prod/a", "x"], invalid_paths: ["deep/er/none"], artifact_roles: ["prod", "default"] });
    assert.deepEqual(await world.found("prod/a", "x"), ["prod/a", "x"]);
    await world.fsck();
  });

  test("what arrives while people sign waits for the next version", async () => {
    const world = await repository();
    const first = await begun(world, ["prod/a"]);
    await sign(world, "prod", ANN);
    const second = await begun(world, ["prod/b"]);
    assert.deepEqual(Object.keys((await pendingOf(world))["prod"]?.signed.targets ?? {}), ["prod/a"]);
    await sign(world, "prod", BOB);
    assert.deepEqual([(await stateOf(world, first)).state, (await stateOf(world, second)).state], ["SUCCESS", "RUNNING"]);
    assert.deepEqual(Object.keys((await pendingOf(world))["prod"]?.signed.targets ?? {}), ["prod/a", "prod/b"]);
    await sign(world, "prod", CEM, BOB);
    assert.equal((await stateOf(world, second)).state, "SUCCESS");
    assert.deepEqual(await world.found("prod/a", "prod/b"), ["prod/a", "prod/b"]);
    await world.fsck();
  });

  test("removals are signed as well, and one that finds nothing needs nobody", async () => {
    const world = await repository();
    await begun(world, ["prod/a", "prod/b"]);
    await sign(world, "prod", ANN, BOB);
    const none = await world.ended("POST", "/api/v1/artifacts/delete", { artifacts: ["prod/none"] });
    assert.deepEqual([none.state, none.details], ["SUCCESS", { deleted_artifacts: [], not_found_artifacts: ["prod/none"] }]);
    assert.deepEqual(await pendingOf(world), {});
    const { body } = await world.request("POST", "/api/v1/artifacts/delete", { artifacts: ["prod/a"] });
    await world.stage.settle();
    await sign(world, "prod", ANN, BOB);
    assert.deepEqual((await stateOf(world, body.data?.task_id ?? "")).details, { deleted_artifacts: ["prod/a"], not_found_artifacts: [] });
    assert.deepEqual(await world.found("prod/a", "prod/b"), ["prod/b"]);
    await world.fsck();
  });

  test("held ones are held until they are published, and then wait", async () => {
    const world = await repository();
    const task = await begun(world, ["prod/a"], { publish_artifacts: false });
    assert.deepEqual([(await stateOf(world, task)).message, await pendingOf(world)], ["Held until published", {}]);
    await world.request("POST", "/api/v1/artifacts/publish/");
    await world.stage.settle();
    assert.equal((await stateOf(world, task)).message, "Waiting for signatures");
    await sign(world, "prod", ANN, BOB);
    assert.equal((await stateOf(world, task)).state, "SUCCESS");
    await world.fsck();
  });

  test("a held change that a newer one absorbed is never published later", async () => {
    const world = await repository();
    await begun(world, ["prod/a"], { publish_artifacts: false });
    const { body } = await world.request("POST", "/api/v1/artifacts/", { artifacts: [{ path: "prod/a", info: { length: 7, hashes: { sha256: "cd".repeat(32) } } }] });
    await world.stage.settle();
    await world.request("POST", "/api/v1/artifacts/publish/");
    await world.stage.settle();
    await sign(world, "prod", ANN, BOB);
    assert.equal((await stateOf(world, body.data?.task_id ?? "")).state, "SUCCESS");
    const { head } = await world.stage.database.publisher();
    const [target] = (await world.stage.database.readTargets(head, ["prod"])).get("prod") ?? [];
    assert.match(target?.fragment ?? "", /"length":7/);
    assert.deepEqual(await pendingOf(world), {});
    await world.fsck();
  });

  test("never overtake an import: they wait for their people, and it goes on", async () => {
    const world = await createWorld({ policy: { foldBehindFrom: 1 } });
    await world.bootstrap([PROD, DEFAULT], KEYS);
    await sign(world, "prod", ANN, CEM);
    const cut = world.stage.database.cut.bind(world.stage.database);
    let task = "";
    world.stage.database.cut = async (...args) => {
      const answer = await cut(...args);
      if (task === "") {
        const { body } = await world.request("POST", "/api/v1/artifacts/", { artifacts: [{ path: "prod/a", info: { length: 1, hashes: { sha256: "ab".repeat(32) } } }] });
        task = body.data?.task_id ?? "";
      }
      return answer;
    };
    const lines = ["x", "y", "z"].map((path) => `${JSON.stringify({ path, info: { length: 1, hashes: { sha256: "ab".repeat(32) } } })}\n`).join("");
    const { status, body } = await world.request("POST", "/api/v1/artifacts/import", lines, { "content-type": "application/x-ndjson" });
    assert.equal(status, 202);
    await world.stage.publisher.turn();
    assert.notEqual(task, "");
    assert.equal((await stateOf(world, body.data?.task_id ?? "")).state, "SUCCESS", "it was not dropped for them");
    await world.stage.settle();
    assert.equal((await stateOf(world, task)).message, "Waiting for signatures");
    await sign(world, "prod", ANN, BOB);
    assert.deepEqual(await world.found("prod/a", "x", "y", "z"), ["prod/a", "x", "y", "z"]);
    await world.fsck();
  });

  test("what is stopped ends with that reason, and what waited goes on", async () => {
    const world = await repository();
    const [bad, later] = [await begun(world, ["prod/bad", "x"]), await begun(world, ["prod/good"])];
    const stopped = await world.ended("POST", "/api/v1/metadata/sign/delete", { role: "prod" });
    assert.equal(stopped.message, "Deletion of prod metadata successful, signing process stopped");
    const ended = await stateOf(world, bad);
    assert.equal(ended.state, "FAILURE");
    assert.match(ended.message ?? "", /prod\/bad: the signing of prod version [0-9]+ was stopped/);
    assert.deepEqual((await stateOf(world, later)).message, "Waiting for signatures");
    await sign(world, "prod", ANN, BOB);
    assert.deepEqual(await world.found("prod/bad", "prod/good", "x"), ["prod/good", "x"]);
    await world.fsck();
  });

  test("a change that can't be written is set aside, and the rest is signed", async () => {
    const world = await repository();
    const good = await begun(world, ["prod/\u{ffee}"]);
    await sign(world, "prod", ANN, BOB);
    assert.equal((await stateOf(world, good)).state, "SUCCESS");
    const mixed = await begun(world, ["prod/\u{1f600}", "prod/z"]);
    await sign(world, "prod", ANN, BOB);
    const ended = await stateOf(world, mixed);
    assert.equal(ended.state, "FAILURE");
    assert.deepEqual(ended.details?.["applied_artifacts"], ["prod/z"]);
    await world.fsck();
  });
});

describe("a role of people and the online key", () => {
  test("waits for people alone; the online key signs when they have", async (context) => {
    const world = await createWorld();
    await world.bootstrap([DEFAULT]);
    const js = await tufJs(context, world);
    const online = world.targets().delegations?.roles?.[0]?.keyids[0] ?? "";
    const done = await world.delegate([{ name: "mixed", paths: ["mixed/?"], keyids: [online, ANN.keyid, BOB.keyid], threshold: 2 }], KEYS);
    assert.deepEqual(done.details, { delegated_roles: ["mixed"], failed_roles: [], waiting_for: ["mixed"] });
    // Of "*/*" and "mixed/?" the first in order takes a path.
    const { version } = (await pendingOf(world))["mixed"]!.signed;
    assert.deepEqual(await sign(world, "mixed", BOB), ["Role mixed signing complete"]);
    const file = parseEnvelope(world.stage.storage.peek(`${String(version)}.mixed.json`)!, "targets");
    assert.deepEqual(file.signatures.map(({ keyid }) => keyid).sort(), [online, BOB.keyid].sort());
    assert.deepEqual(await js.found("x"), []);
    await world.fsck();
  });
});

describe("bins below a role that people sign", () => {
  test("their number is theirs to say: it is refused alone, and signed with an update of the role", async () => {
    const world = await createWorld();
    const pool: Role = { name: "pool", paths: ["pool/*"], days: 60, keyids: [ANN.keyid], threshold: 1, bins: 4 };
    await world.bootstrap([pool, DEFAULT], KEYS);
    await sign(world, "pool", ANN);
    await world.add("pool/a", "x");
    const alone = await world.ended("PUT", "/api/v1/delegations/bins", { number_of_delegated_bins: 8, role: "pool" });
    assert.equal(alone.state, "FAILURE");
    assert.match(alone.error ?? "", /people sign role pool/);
    await world.add("pool/b");
    const done = await world.update([{ ...pool, bins: 8 }], KEYS);
    assert.deepEqual(done.details["waiting_for"], ["pool"]);
    await sign(world, "pool", ANN);
    await world.add("pool/c");
    assert.deepEqual(await world.found("pool/a", "pool/b", "pool/c", "x"), ["pool/a", "pool/b", "pool/c", "x"]);
    await world.fsck();
  });
});

describe("a change of delegations of a role that people sign", () => {
  test("new keys and the envelope they sign share a head; until then the old ones count", async (context) => {
    const world = await repository();
    const js = await tufJs(context, world);
    await begun(world, ["prod/a"]);
    await sign(world, "prod", ANN, BOB);
    const done = await world.update([{ ...PROD, keyids: [CEM.keyid], threshold: 1 }], KEYS);
    assert.deepEqual(done.details, { delegated_roles: ["prod"], failed_roles: [], waiting_for: ["prod"] });
    assert.deepEqual(await js.found("prod/a"), ["prod/a"]);
    assert.equal(world.targets().delegations?.roles?.[0]?.threshold, 2);
    assert.match((await sign(world, "prod", ANN))[0] ?? "", /Invalid signature/);
    assert.deepEqual(await sign(world, "prod", CEM), ["Role prod signing complete"]);
    assert.deepEqual(world.targets().delegations?.roles?.map(({ name, threshold }) => [name, threshold]), [["prod", 1], ["default", 1]]);
    assert.deepEqual([await js.found("prod/a"), await world.found("prod/a")], [["prod/a"], ["prod/a"]]);
    await world.fsck();
  });

  test("paths alone change without anybody, unless artifacts move", async () => {
    const world = await repository();
    const done = await world.update([{ ...PROD, paths: ["prod/*", "more/*"] }], KEYS);
    assert.deepEqual(done.details, { delegated_roles: ["prod"], failed_roles: [] });
    assert.deepEqual(world.targets().delegations?.roles?.[0]?.paths, ["prod/*", "more/*"]);
    await world.add("y/a");
    const moving = await world.update([{ ...PROD, paths: ["prod/*", "y/*"] }], KEYS);
    assert.deepEqual(moving.details["waiting_for"], ["prod"]);
    const task = await begun(world, ["y/b", "z/c"]);
    assert.deepEqual((await stateOf(world, task)).details?.["waiting_for"], ["prod"]);
    await sign(world, "prod", ANN, BOB);
    assert.deepEqual(world.targets().delegations?.roles?.[0]?.paths, ["prod/*", "y/*"]);
    await sign(world, "prod", ANN, BOB);
    assert.equal((await stateOf(world, task)).state, "SUCCESS");
    assert.deepEqual(await world.found("y/a", "y/b", "z/c"), ["y/a", "y/b", "z/c"]);
    await world.fsck();
  });

  test("deleting needs nobody; its name may be used again, above its last version", async (context) => {
    const world = await repository();
    const js = await tufJs(context, world);
    await begun(world, ["prod/a"]);
    await sign(world, "prod", ANN, BOB);
    const back = world.returning();
    assert.deepEqual([await back.found("prod/a"), await js.found("prod/a")], [["prod/a"], ["prod/a"]]);
    const last = (await world.stage.database.role("prod"))?.version ?? 0;
    const gone = await world.remove("prod");
    assert.deepEqual(gone.details, { delegated_roles: ["prod"], failed_roles: [], moved_artifacts: 1 });
    assert.deepEqual([await back.found("prod/a"), await js.found("prod/a")], [["prod/a"], ["prod/a"]]);
    await world.delegate([{ ...PROD, paths: ["again/*/*"] }], KEYS);
    await sign(world, "prod", CEM, BOB);
    assert.ok(((await world.stage.database.role("prod"))?.version ?? 0) > last);
    assert.deepEqual([await back.found("prod/a"), await js.found("prod/a"), await world.found("prod/a")], [["prod/a"], ["prod/a"], ["prod/a"]]);
    await world.fsck();
  });

  test("deleting a role whose artifacts go to one that people sign waits for them", async () => {
    const world = await createWorld();
    await world.bootstrap([{ name: "fast", paths: ["a/*"] }, { ...PROD, paths: ["a/*", "b/*"] }], KEYS);
    await sign(world, "prod", ANN, BOB);
    await world.add("a/1");
    const done = await world.remove("fast");
    assert.deepEqual(done.details, { delegated_roles: ["fast"], failed_roles: [], waiting_for: ["prod"] });
    assert.deepEqual(await world.found("a/1"), ["a/1"]);
    assert.equal((await sign(world, "prod", ANN, CEM))[1], "Role prod signing complete");
    assert.deepEqual(world.targets().delegations?.roles?.map(({ name }) => name), ["prod"]);
    assert.deepEqual(await world.found("a/1"), ["a/1"]);
    await world.fsck();
  });

  test("a later change of the same role takes the place of one that waits", async () => {
    const world = await repository();
    await world.delegate([{ name: "beta", paths: ["x/y/*"], keyids: [ANN.keyid] }, { name: "on", paths: ["on/x/*"] }], KEYS);
    assert.deepEqual(world.targets().delegations?.roles?.map(({ name }) => name), ["prod", "default", "on"]);
    assert.deepEqual((await world.delegate([{ name: "Beta", paths: ["q/q/*"] }])).details.failed_roles, [{ role: "Beta", reason: "role already exists" }]);
    const done = await world.update([{ name: "beta", paths: ["x/z/*"], keyids: [BOB.keyid] }], KEYS);
    assert.deepEqual(done.details, { delegated_roles: ["beta"], failed_roles: [], waiting_for: ["beta"] });
    assert.match((await sign(world, "beta", ANN))[0] ?? "", /Invalid signature/);
    await sign(world, "beta", BOB);
    assert.deepEqual(world.targets().delegations?.roles?.map(({ name, paths }) => [name, paths?.[0]]), [["prod", "prod/*"], ["default", "*"], ["beta", "x/z/*"], ["on", "on/x/*"]]);
    await world.fsck();
  });

  test("one that is stopped never happens, and what waited for it goes where it goes now", async () => {
    const world = await createWorld();
    await world.bootstrap([PROD, DEFAULT], KEYS);
    const task = await begun(world, ["prod/a"]);
    await world.ended("POST", "/api/v1/metadata/sign/delete", { role: "prod" });
    assert.equal((await stateOf(world, task)).state, "SUCCESS");
    assert.deepEqual(world.targets().delegations?.roles?.map(({ name }) => name), ["default"]);
    assert.deepEqual(await pendingOf(world), {});
    await world.fsck();
  });
});

describe("time", () => {
  test("a role that people sign asks for the next version before it expires", async () => {
    const world = await repository();
    await begun(world, ["prod/a"]);
    await sign(world, "prod", ANN, BOB);
    const { expiresMs } = (await world.stage.database.role("prod"))!;
    for (let day = 0; day < 39; day++) {
      await world.stage.clock.advance(DAY_MS);
      await world.stage.settle();
    }
    assert.deepEqual(await pendingOf(world), {});
    for (let day = 0; day < 2; day++) {
      await world.stage.clock.advance(DAY_MS);
      await world.stage.settle();
    }
    assert.ok((await pendingOf(world))["prod"]);
    await sign(world, "prod", ANN, BOB);
    assert.ok((await world.stage.database.role("prod"))!.expiresMs > expiresMs + 30 * DAY_MS);
    await world.fsck();
  });

  test("a role with a window of its own asks by that: given with it, changed with it, and by itself", async () => {
    const world = await createWorld();
    await world.bootstrap([{ ...PROD, signing_window: 5 }, DEFAULT], KEYS);
    await sign(world, "prod", ANN, CEM);
    const windowOf = async (): Promise<unknown> => ((await world.request("GET", "/api/v1/roles/prod")).body as { signing_window_seconds?: number }).signing_window_seconds;
    const sleep = async (days: number): Promise<void> => {
      for (let day = 0; day < days; day++) {
        await world.stage.clock.advance(DAY_MS);
        await world.stage.settle();
      }
    };
    assert.equal(await windowOf(), 5 * 86_400);
    await sleep(54);
    assert.deepEqual(await pendingOf(world), {});
    await sleep(2);
    assert.ok((await pendingOf(world))["prod"]);
    await sign(world, "prod", ANN, BOB);

    assert.equal((await world.update([{ ...PROD, signing_window: 30 }], KEYS)).state, "SUCCESS");
    assert.equal(await windowOf(), 30 * 86_400);
    assert.equal((await world.update([PROD], KEYS)).state, "SUCCESS");
    assert.equal(await windowOf(), 30 * 86_400, "what is not said stays");
    const set = async (windows: object): Promise<Ended> => world.ended("PUT", "/api/v1/config/", { settings: { expiration: {}, signing_window: windows } });
    assert.deepEqual((await set({ prod: 2, bins: 3, nobody: 3 })).details, { updated_roles: ["prod"], invalid_roles: ["bins", "nobody"] });
    assert.equal(await windowOf(), 2 * 86_400);
    await sleep(55);
    assert.deepEqual(await pendingOf(world), {});
    await set({ prod: 3650 });
    assert.equal(await windowOf(), 30 * 86_400, "no more than half of its life");
    await sleep(1);
    assert.ok((await pendingOf(world))["prod"]);
    await sign(world, "prod", ANN, BOB);
    await set({ prod: null });
    assert.equal(await windowOf(), 20 * 86_400, "a third of its life, as all others");
    await set({ prod: 7 });
    await world.remove("prod");
    assert.equal(await world.stage.database.setting("prod_signing_window"), null);
    await world.fsck();
  });

  test("a document that would expire soon is not signed any more: another takes its place, with what it carried", async () => {
    const world = await repository();
    const task = await begun(world, ["prod/a"]);
    const before = (await pendingOf(world))["prod"]!.signed.version;
    await sign(world, "prod", ANN);
    for (let hour = 0; hour < 60 * 24; hour += 12) {
      await world.stage.clock.advance(12 * HOUR_MS);
      await world.stage.settle();
    }
    const after = (await pendingOf(world))["prod"]!.signed;
    assert.ok(after.version > before);
    assert.deepEqual(Object.keys(after.targets ?? {}), ["prod/a"]);
    await sign(world, "prod", CEM, BOB);
    assert.equal((await stateOf(world, task)).state, "SUCCESS");
    await world.fsck();
  });
});
