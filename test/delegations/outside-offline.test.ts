// Both halves of PEP 480's shape: people sign targets, and teams sign their roles elsewhere. A role comes with its first
// document, in one head with the targets that people signed for it; after that its team needs nobody.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { WantedRole } from "../../src/roles/custom-delegations.ts";
import { DAY_MS } from "../fakes/publisher-stage.ts";
import { createHolder, type Holder } from "../fakes/root-holders.ts";
import { BINS, createOfflineWorld, wantedRole, type OfflineWorld } from "./offline-world.ts";

const [ANN, BOB] = [createHolder(), createHolder()];
const KEYS = { [ANN.keyid]: ANN.key, [BOB.keyid]: BOB.key };
const team = (more: Partial<WantedRole> = {}): WantedRole => wantedRole("team", ["team/*"], { keyids: [ANN.keyid], signing: "outside", ...more });
const WAITS = ["RUNNING", "Waiting for signatures", ["targets"]];

async function repository(): Promise<OfflineWorld> {
  const world = createOfflineWorld();
  await world.bootstrap();
  await world.sign("targets", world.people[0]!, world.people[1]!);
  return world;
}

const sign = (world: OfflineWorld): Promise<readonly string[]> => world.sign("targets", world.people[0]!, world.people[1]!);

const upload = (world: OfflineWorld, version: number, paths: readonly string[], { by = ANN, days = 30, role = "team" }: { readonly by?: Holder; readonly days?: number; readonly role?: string } = {}): Promise<string> =>
  world.upload(role, version, paths, by, days);

const told = async (world: OfflineWorld, task: string): Promise<readonly unknown[]> => {
  const { state, result } = await world.task(task);
  return [state, result?.message, result?.details?.["waiting_for"]];
};
const names = (world: OfflineWorld): readonly string[] => (world.targets().signed.delegations?.roles ?? []).map(({ name }) => name);

describe("a role that a team signs elsewhere, under targets that people sign", () => {
  test("comes when they have signed, in one head with its first document; later ones need nobody", async () => {
    const world = await repository();
    await world.add("team/before", "other");
    const declared = await world.edit({ action: "add", keys: KEYS, roles: [team()] });
    assert.deepEqual((await world.task(declared)).result?.details, { delegated_roles: ["team"], failed_roles: [], waiting_for_metadata: ["team"] });
    assert.deepEqual(await world.waiting(), {});
    const first = await upload(world, 1, ["team/a"]);
    assert.deepEqual(await told(world, first), WAITS);
    assert.equal((await world.task(await world.add("meanwhile"))).state, "SUCCESS");
    assert.ok(!names(world).includes("team"));
    await sign(world);
    assert.deepEqual((await world.task(first)).result?.details, { role: "team", version: 1, changed_artifacts: 1, removed_artifacts: 0 });
    assert.ok(names(world).includes("team"));
    assert.ok(world.stage.storage.peek("1.team.json"));
    assert.deepEqual(await world.stage.database.artifacts({ from: "team/", before: "team0" }, undefined, 10).then((rows) => rows.map(({ path, role }) => [path, role])), [["team/a", "team"]]);
    assert.deepEqual(await told(world, await upload(world, 2, ["team/a", "team/b"])), ["SUCCESS", "Delegated Metadata Published", undefined]);
    assert.deepEqual(await world.waiting(), {});
    await world.fsck();
  });

  test("begins with the repository: it is declared, and comes with its document", async () => {
    const world = createOfflineWorld();
    const days = (expiration: number): object => ({ expiration });
    await world.bootstrap({ roles: { root: days(365), targets: days(365), snapshot: days(1), timestamp: days(1), ...BINS, bins: null, delegations: { keys: KEYS, roles: [wantedRole("one", ["one/*"]), team()] } } });
    await sign(world);
    assert.deepEqual(names(world), ["one"]);
    const first = await upload(world, 1, ["team/a"]);
    await sign(world);
    assert.equal((await world.task(first)).state, "SUCCESS");
    assert.deepEqual(names(world), ["one", "team"]);
    await world.fsck();
  });

  test("is signed for together with what else waits; several teams are one version", async () => {
    const world = await repository();
    await world.edit({ action: "add", keys: KEYS, roles: [team(), team({ name: "crew", paths: ["crew/*"], keyids: [BOB.keyid] })] });
    const other = await world.edit({ action: "add", keys: {}, roles: [wantedRole("one", ["one/*"])] });
    const [first, second] = [await upload(world, 7, ["team/a"]), await upload(world, 2 ** 40, ["crew/a"], { by: BOB, role: "crew" })];
    await sign(world);
    assert.equal((await world.task(other)).state, "SUCCESS");
    assert.deepEqual([await told(world, first), await told(world, second)], [WAITS, WAITS]);
    await sign(world);
    for (const task of [first, second]) assert.equal((await world.task(task)).state, "SUCCESS");
    for (const name of ["one", "team", "crew"]) assert.ok(names(world).includes(name), name);
    assert.ok((await world.stage.database.publisher()).counter > 2 ** 40);
    await world.fsck();
  });

  test("takes other keys and paths with the next document and the people's signatures; until then the old ones count", async () => {
    const world = await repository();
    await world.edit({ action: "add", keys: KEYS, roles: [team()] });
    await upload(world, 1, ["team/a"]);
    await sign(world);
    const changed = await world.edit({ action: "update", keys: KEYS, roles: [team({ keyids: [BOB.keyid], paths: ["team/*", "team/*/*"] })] });
    assert.deepEqual((await world.task(changed)).result?.details?.["waiting_for_metadata"], ["team"]);
    assert.equal((await world.task(await upload(world, 2, ["team/b"]))).state, "SUCCESS");
    const next = await upload(world, 3, ["team/b", "team/x/y"], { by: BOB });
    assert.deepEqual(await told(world, next), WAITS);
    await sign(world);
    assert.equal((await world.task(next)).state, "SUCCESS");
    assert.deepEqual(world.signers("team"), [BOB.keyid]);
    await world.fsck();
  });

  test("goes when they have signed that, or becomes the service's; declared only, it is taken back at once", async () => {
    const world = await repository();
    await world.edit({ action: "add", keys: KEYS, roles: [team(), team({ name: "crew", paths: ["crew/*"] }), team({ name: "never", paths: ["never/*"] })] });
    for (const role of ["team", "crew"]) {
      await upload(world, 1, [`${role}/a`], { role });
      await sign(world);
    }
    const taken = await world.edit({ action: "delete", roles: [{ name: "never" }] });
    assert.deepEqual((await world.task(taken)).result?.details?.["delegated_roles"], ["never"]);
    assert.deepEqual(await world.waiting(), {});
    const gone = await world.edit({ action: "delete", roles: [{ name: "team" }] });
    const ours = await world.edit({ action: "update", keys: {}, roles: [wantedRole("crew", ["crew/*"], { signing: "service" })] });
    assert.deepEqual([await told(world, gone), await told(world, ours)], [WAITS, WAITS]);
    await sign(world);
    await sign(world);
    for (const task of [gone, ours]) assert.equal((await world.task(task)).state, "SUCCESS");
    assert.deepEqual([names(world).includes("team"), names(world).includes("crew")], [false, true]);
    assert.equal((await world.task(await world.add("crew/b"))).state, "SUCCESS");
    await world.fsck();
  });

  test("a document that runs out while people sign is refused, and what else waits goes on", async () => {
    const world = await repository();
    await world.edit({ action: "add", keys: KEYS, roles: [team(), team({ name: "crew", paths: ["crew/*"] })] });
    const short = await upload(world, 1, ["team/a"], { days: 1 });
    const long = await upload(world, 1, ["crew/a"], { role: "crew" });
    await world.sleep(DAY_MS);
    await sign(world).catch(() => undefined);
    if ((await world.waiting())["targets"] !== undefined) await sign(world);
    assert.match(String((await world.task(short)).result?.message), /Delegated Metadata Refused: it expires/);
    if ((await world.task(long)).state !== "SUCCESS") await sign(world);
    assert.equal((await world.task(long)).state, "SUCCESS");
    assert.deepEqual([names(world).includes("team"), names(world).includes("crew")], [false, true]);
    const again = await upload(world, 2, ["team/a"]);
    await sign(world);
    assert.equal((await world.task(again)).state, "SUCCESS");
    await world.fsck();
  });

  test("one version has one document of a role, and nothing else about it", async () => {
    const world = await repository();
    await world.edit({ action: "add", keys: KEYS, roles: [team()] });
    const other = await world.edit({ action: "add", keys: {}, roles: [wantedRole("one", ["one/*"])] });
    const uploads = [await upload(world, 3, ["team/a"]), await upload(world, 2, ["team/b"]), await upload(world, 4, ["team/c"])];
    await sign(world);
    assert.equal((await world.task(other)).state, "SUCCESS");
    await sign(world);
    const ends = await Promise.all(uploads.map((task) => told(world, task)));
    assert.deepEqual(ends.map(([state]) => state), ["SUCCESS", "FAILURE", "SUCCESS"]);
    assert.deepEqual(["3.team.json", "2.team.json", "4.team.json"].map((name) => world.stage.storage.peek(name) !== undefined), [true, false, true]);
    assert.deepEqual(await world.waiting(), {});
    await world.fsck();
  });

  test("is deleted after the document that was on its way, by the signatures that follow", async () => {
    const world = await repository();
    await world.edit({ action: "add", keys: KEYS, roles: [team()] });
    await upload(world, 1, ["team/a"]);
    await sign(world);
    const other = await world.edit({ action: "add", keys: {}, roles: [wantedRole("one", ["one/*"])] });
    await world.edit({ action: "update", keys: KEYS, roles: [team({ keyids: [BOB.keyid] })] });
    const next = await upload(world, 2, ["team/b"], { by: BOB });
    const gone = await world.edit({ action: "delete", roles: [{ name: "team" }] });
    await sign(world);
    await sign(world);
    assert.deepEqual([(await world.task(other)).state, (await world.task(next)).state, (await world.task(gone)).state], ["SUCCESS", "SUCCESS", "RUNNING"]);
    await sign(world);
    assert.equal((await world.task(gone)).state, "SUCCESS");
    assert.ok(!names(world).includes("team"));
    await world.fsck();
  });

  test("a version whose name holds another file is refused before anybody signs; the next one is free", async () => {
    const world = await repository();
    await world.edit({ action: "add", keys: KEYS, roles: [team()] });
    await world.stage.storage.create("1.team.json", Buffer.from("what another history left"));
    const [state, message] = await told(world, await upload(world, 1, ["team/a"]));
    assert.deepEqual([state, message], ["FAILURE", "Delegated Metadata Refused: storage holds another 1.team.json than the one that was signed (names-taken)"]);
    assert.deepEqual(await world.waiting(), {});
    const next = await upload(world, 2, ["team/a"]);
    await sign(world);
    assert.equal((await world.task(next)).state, "SUCCESS");
  });

  test("taken back while people sign for it: its document is refused, and what else waits goes on", async () => {
    const world = await repository();
    await world.edit({ action: "add", keys: KEYS, roles: [team()] });
    const first = await upload(world, 1, ["team/a"]);
    await world.edit({ action: "delete", roles: [{ name: "team" }] });
    const other = await world.edit({ action: "add", keys: {}, roles: [wantedRole("one", ["one/*"])] });
    await sign(world);
    assert.match(String((await told(world, first))[1]), /^Delegated Metadata Refused: no role team is signed outside any more/);
    await sign(world);
    assert.equal((await world.task(other)).state, "SUCCESS");
    assert.deepEqual(names(world), ["one", "catch-all"]);
    assert.equal(world.stage.storage.peek("1.team.json"), undefined);
    await world.fsck();
  });

  test("a request of such roles and of others is refused as a whole", async () => {
    const world = await repository();
    const task = await world.edit({ action: "add", keys: KEYS, roles: [wantedRole("one", ["one/*"]), team()] });
    assert.match(String((await world.task(task)).result?.error), /in a request of their own/);
    assert.deepEqual(await world.waiting(), {});
    await world.fsck();
  });
});
