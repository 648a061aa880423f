// Faults that the Python implementation has behind its REST contract, one by one, where no other test here meets them: not ours.
// docs/api/deviations.md tells what is otherwise, and why.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseEnvelope } from "../../../src/tuf/parse.ts";
import { createWorld, person, type Answer, type Ended, type World } from "../../delegations/world.ts";
import { DAY_MS, HOUR_MS } from "../../fakes/publisher-stage.ts";

const [ANN, BOB] = [person(), person("ecdsa")];
const KEYS = { [ANN.keyid]: ANN.key, [BOB.keyid]: BOB.key };
const REST = { name: "rest", paths: ["*", "*/*"] };
const LIFETIMES = { root: { expiration: 365 }, targets: { expiration: 365 }, snapshot: { expiration: 1 }, timestamp: { expiration: 1 } };

const withBins = (world: World, more: object = {}, root: Buffer = world.stage.root): Promise<Answer> => world.request("POST", "/api/v1/bootstrap/", {
  settings: { roles: { ...LIFETIMES, bins: { expiration: 7, number_of_delegated_bins: 3 }, delegations: null } }, metadata: { root: JSON.parse(root.toString()) as object }, ...more,
});

async function bins(): Promise<World> {
  const world = await createWorld();
  assert.equal((await withBins(world)).status, 202);
  await world.stage.settle();
  return world;
}

const adds = (path: string, length = 1): object => ({ artifacts: [{ path, info: { length, hashes: { sha256: "ab".repeat(32) } } }] });

/** The task of an accepted request, which need not end. */
async function accepted(world: World, path: string, body: unknown): Promise<string> {
  const answer = await world.request("POST", path, body);
  assert.equal(answer.status, 202, JSON.stringify(answer.body));
  return answer.body.data?.task_id ?? "";
}

async function taskOf(world: World, id: string): Promise<Ended> {
  const { data: { state, result } } = (await world.request("GET", `/api/v1/task/?task_id=${id}`)).body as unknown as { data: { state: string; result?: Omit<Ended, "state"> } };
  return { ...(result ?? { message: "", details: {} }), state };
}

async function configOf(world: World): Promise<Readonly<Record<string, unknown>>> {
  return ((await world.request("GET", "/api/v1/config/")).body as unknown as { data: Record<string, unknown> }).data;
}

/** What a role that people sign is waiting with. */
async function pendingOf(world: World, role: string): Promise<{ readonly version: number; readonly expires: string }> {
  const { signed } = (await world.request("GET", "/api/v1/metadata/sign")).body.data?.metadata?.[role] ?? {};
  assert.ok(signed, `nothing waits for ${role}`);
  return signed as never;
}

const signs = async (world: World, role: string, name = role, keyid = ANN.keyid): Promise<Ended> =>
  world.ended("POST", "/api/v1/metadata/sign", { role: name, signature: { keyid, sig: ANN.sign((await pendingOf(world, role))) } });

describe("bootstrap", () => {
  for (const timeout of [null, 0, -5, "300"]) {
    test(`a timeout of ${JSON.stringify(timeout)} ends nothing`, async () => {
      const world = await createWorld();
      assert.equal((await withBins(world, { timeout })).status, 202);
      await world.stage.settle();
      assert.equal((await configOf(world))["number_of_delegated_bins"], 2);
    });
  }

  test("one that failed leaves nothing behind on which the next one dies", async () => {
    const world = await createWorld();
    const root = JSON.parse(world.stage.root.toString()) as { signatures: object[] };
    const task = (await withBins(world, {}, Buffer.from(JSON.stringify({ ...root, signatures: [] })))).body.data?.task_id ?? "";
    await world.stage.settle();
    assert.deepEqual([(await taskOf(world, task)).error, world.stage.storage.names()], ["Metadata requires at least one valid signature", []]);
    await withBins(world);
    await world.stage.settle();
    assert.equal((await world.add("a")).state, "SUCCESS");
    await world.fsck();
  });
});

describe("role names", () => {
  test("one that begins with a digit is read back as it is written", async () => {
    const world = await createWorld();
    await world.bootstrap([{ name: "2024-lts", paths: ["2024/*"] }, { name: "1x", paths: ["1x/*"] }]);
    for (const path of ["2024/a", "1x/b", "2024/c"]) assert.equal((await world.add(path)).state, "SUCCESS");
    assert.equal((await world.found("2024/a", "1x/b", "2024/c")).length, 3);
    await world.fsck();
  });

  test("one with _ and capitals is shown, and signed, whole; its first version lives as long as the role says", async () => {
    const world = await createWorld();
    await world.bootstrap([{ name: "My_Role", paths: ["m/*"], keyids: [ANN.keyid], days: 60 }, REST], KEYS);
    assert.equal(Date.parse((await pendingOf(world, "My_Role")).expires), world.stage.clock.now() + 60 * DAY_MS);
    for (const other of ["my", "my_role", "MY_ROLE"]) assert.equal((await signs(world, "My_Role", other)).error, `No signatures pending for ${other}`);
    assert.deepEqual((await signs(world, "My_Role")).details, { update: "Role My_Role signing complete" });
  });
});

describe("delegations", () => {
  test("a request for nothing publishes nothing", async () => {
    const world = await createWorld();
    await world.bootstrap([REST]);
    const { seq } = await world.stage.database.publisher();
    for (const done of [await world.delegate([]), await world.update([]), await world.remove()]) assert.deepEqual([done.state, done.details], ["SUCCESS", { delegated_roles: [], failed_roles: [] }]);
    assert.equal((await world.stage.database.publisher()).seq, seq);
  });

  test("a key keeps what nobody here knows of it", async () => {
    const world = await createWorld();
    const key = { ...ANN.key, "x-foo-bar": { a: [1, null] }, other: "kept" };
    await world.bootstrap([{ name: "p", paths: ["m/*"], keyids: ["any-id"], days: 60 }, REST], { "any-id": key });
    assert.equal((await signs(world, "p", "p", "any-id")).state, "SUCCESS");
    assert.deepEqual(world.targets().delegations?.keys["any-id"], key);
  });

  test("a role that the online key may sign alone needs nobody", async () => {
    const world = await createWorld();
    await world.bootstrap([REST]);
    const online = world.targets().delegations?.roles?.[0]?.keyids[0] ?? "";
    const done = await world.delegate([{ name: "either", paths: ["x/y/*"], keyids: [ANN.keyid, online], threshold: 1 }], KEYS);
    assert.deepEqual(done.details, { delegated_roles: ["either"], failed_roles: [] });
    assert.deepEqual((await world.add("x/y/z")).details["artifact_roles"], ["either"]);
    await world.fsck();
  });

  test("a role deleted while its version waits for people takes nothing along", async () => {
    const world = await createWorld();
    await world.bootstrap([{ name: "prod", paths: ["prod/*"], keyids: [ANN.keyid], days: 60 }, REST], KEYS);
    await signs(world, "prod");
    const task = await accepted(world, "/api/v1/artifacts/", adds("prod/a"));
    await world.stage.settle();
    assert.ok("prod_signing" in (await configOf(world)));
    await world.remove("prod");
    assert.deepEqual((await taskOf(world, task)).details, { added_artifacts: ["prod/a"], invalid_paths: [], artifact_roles: ["rest"] });
    assert.deepEqual([await world.stage.database.signingEvents(), await world.found("prod/a")], [[], ["prod/a"]]);
    await world.fsck();
  });
});

describe("artifacts", () => {
  test("one path in two requests at once: both end, and the later one is what clients see", async () => {
    const world = await bins();
    const tasks = await Promise.all([1, 2].map((length) => accepted(world, "/api/v1/artifacts/", adds("p", length))));
    await world.stage.settle();
    for (const task of tasks) assert.deepEqual((await taskOf(world, task)).details["added_artifacts"], ["p"]);
    const removals = await Promise.all([1, 2].map(() => accepted(world, "/api/v1/artifacts/delete", { artifacts: ["p"] })));
    await world.stage.settle();
    for (const task of removals) assert.equal((await taskOf(world, task)).state, "SUCCESS");
    assert.deepEqual((await world.ended("POST", "/api/v1/artifacts/delete", { artifacts: ["p"] })).details, { deleted_artifacts: [], not_found_artifacts: ["p"] });
    await world.fsck();
  });

  test("many that are held keep nobody waiting", async () => {
    const world = await bins();
    const held = await Promise.all(Array.from({ length: 20 }, (_, n) => accepted(world, "/api/v1/artifacts/", { ...adds(`held/${String(n)}`), publish_artifacts: false })));
    assert.equal((await world.add("now")).state, "SUCCESS");
    assert.equal((await world.ended("PUT", "/api/v1/config/", { settings: { expiration: { bins: 9 } } })).state, "SUCCESS");
    for (const task of held) assert.equal((await taskOf(world, task)).message, "Held until published");
    assert.deepEqual(await world.found("now", "held/1"), ["now"]);
  });

  test("what became of a task can be asked after a day", async () => {
    const world = await bins();
    const task = await accepted(world, "/api/v1/artifacts/", adds("a"));
    await world.stage.settle();
    for (let hour = 0; hour < 26; hour += 2) {
      await world.stage.clock.advance(2 * HOUR_MS);
      await world.stage.settle();
    }
    assert.equal((await taskOf(world, task)).state, "SUCCESS");
  });
});

describe("settings", () => {
  test("every lifetime takes effect with the next version of its role", async () => {
    const world = await bins();
    const days = { root: 10, targets: 11, snapshot: 12, timestamp: 13, bins: 14 };
    assert.deepEqual((await world.ended("PUT", "/api/v1/config/", { settings: { expiration: days } })).details, { updated_roles: Object.keys(days), invalid_roles: [] });
    await world.ended("POST", "/api/v1/metadata/online", { roles: [] });
    const { storage, clock } = world.stage;
    for (const [role, file] of [["timestamp", /^timestamp/], ["snapshot", /\.snapshot/], ["targets", /\.targets/], ["bins", /\.bins-1/]] as const) {
      const name = storage.names().filter((each) => file.test(each)).sort((a, b) => Number.parseInt(a) - Number.parseInt(b)).at(-1)!;
      assert.equal(Date.parse(parseEnvelope(storage.peek(name)!).signed.expires), clock.now() + days[role] * DAY_MS, role);
    }
  });

  for (const days of [0, -1, 36_501, 1e12, 1.5, null, "x", "0"]) {
    test(`a lifetime of ${JSON.stringify(days)} days is refused, and publishing goes on`, async () => {
      const world = await bins();
      const { status, body } = await world.request("PUT", "/api/v1/config/", { settings: { expiration: { timestamp: days } } });
      assert.deepEqual([status, Array.isArray(body.detail) ? (body.detail[0] as { loc: unknown }).loc : body], [422, ["body", "settings", "expiration", "timestamp"]]);
      assert.equal((await configOf(world))["timestamp_expiration"], 1);
      assert.equal((await world.add("a")).state, "SUCCESS");
    });
  }
});

describe("POST /api/v1/metadata/online", () => {
  for (const roles of [["timestamp"], ["snapshot"], ["targets"], ["bins"], ["targets", "bins"], []]) {
    test(`${JSON.stringify(roles)}: clients get a new version of it and of what refers to it, and the task can be read`, async () => {
      const world = await bins();
      const before = shownIn(world);
      const task = await accepted(world, "/api/v1/metadata/online", { roles });
      await world.stage.settle();
      const after = shownIn(world);
      const asked = roles.length === 0 ? ["snapshot", "timestamp", "targets", "bins"] : roles;
      const files = new Set(["timestamp", "snapshot", ...asked.flatMap((role) => (role === "bins" ? ["bins-0", "bins-1"] : [role]))]);
      for (const [role, version] of after) assert.equal(version > before.get(role)!, files.has(role), role);
      const ended = await taskOf(world, task);
      assert.deepEqual([ended.state, ended.message, (ended as unknown as { task: string }).task], ["SUCCESS", "Force new online metadata update succeeded", "force_online_metadata_update"]);
      assert.deepEqual([...(ended.details["updated_roles"] as string[])].sort(), [...asked].sort());
      await world.fsck();
    });
  }
});

/** The versions that clients are led to, from the timestamp on. */
function shownIn({ stage: { storage } }: World): ReadonlyMap<string, number> {
  const timestamp = parseEnvelope(storage.peek("timestamp.json")!, "timestamp").signed;
  const { version } = timestamp.meta["snapshot.json"];
  const { meta } = parseEnvelope(storage.peek(`${String(version)}.snapshot.json`)!, "snapshot").signed;
  return new Map([["timestamp", timestamp.version], ["snapshot", version], ...Object.entries(meta).map(([file, listed]) => [file.slice(0, -".json".length), listed.version] as const)]);
}
