// A role whose team signs it elsewhere and uploads it: declared, verified, published byte for byte, never edited.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Json, Key } from "../../src/tuf/documents.ts";
import { DAY_MS } from "../fakes/publisher-stage.ts";
import { createWorld, person, tufJs, type Ended, type Person, type Role, type World } from "./world.ts";

const [ANN, BOB, CEM] = [person(), person("ecdsa"), person("rsa")];
const KEYS: Readonly<Record<string, Key>> = Object.fromEntries([ANN, BOB, CEM].map(({ keyid, key }) => [keyid, key]));
const HASH = "ab".repeat(32);
const DEFAULT: Role = { name: "default", paths: ["*"], days: 7 };

const team = (more: object = {}): Role => ({ name: "team", paths: ["team/*"], keyids: [ANN.keyid, BOB.keyid], threshold: 2, signing: "outside", ...more }) as Role;

const target = (length = 1, more: object = {}): object => ({ length, hashes: { sha256: HASH }, ...more });

interface Document {
  readonly version: number;
  readonly targets?: Readonly<Record<string, unknown>>;
  readonly expires?: string;
  readonly more?: object;
}

/** As a team's own tool writes it: indented, with a line feed at the end. */
function signed(world: World, { version, targets = {}, expires, more = {} }: Document, ...people: readonly Person[]): Buffer {
  const until = expires ?? `${new Date(world.stage.clock.now() + 30 * DAY_MS).toISOString().slice(0, 19)}Z`;
  const document = { _type: "targets", spec_version: "1.0.31", version, expires: until, targets, ...more } as unknown as Json;
  return Buffer.from(`${JSON.stringify({ signed: document, signatures: people.map((one) => ({ keyid: one.keyid, sig: one.sign(document) })) }, null, 1)}\n`);
}

interface Refusal { readonly code?: string; readonly detail?: string }

async function put(world: World, bytes: Buffer, role = "team"): Promise<{ readonly status: number; readonly body: Refusal & { readonly data?: { readonly task_id: string } } }> {
  return await world.request("PUT", `/api/v1/delegations/${role}/metadata`, bytes) as never;
}

/** The upload is accepted, and its task ends. */
async function upload(world: World, bytes: Buffer, role = "team"): Promise<Ended> {
  const { status, body } = await put(world, bytes, role);
  assert.equal(status, 202, JSON.stringify(body));
  await world.stage.settle();
  const { data } = (await world.request("GET", `/api/v1/task/?task_id=${body.data!.task_id}`)).body as unknown as { data: { state: string; result: Omit<Ended, "state"> } };
  return { ...data.result, state: data.state };
}

async function refused(world: World, bytes: Buffer, words: RegExp, role = "team"): Promise<void> {
  const before = await world.stage.database.publisher();
  const { status, body } = await put(world, bytes, role);
  assert.deepEqual([status, body.code], [422, "request-invalid"], JSON.stringify(body));
  assert.match(body.detail ?? "", words);
  await world.stage.settle();
  assert.equal((await world.stage.database.publisher()).seq, before.seq);
}

async function repository(roles: readonly Role[] = [DEFAULT]): Promise<World> {
  const world = await createWorld();
  await world.bootstrap(roles, KEYS);
  return world;
}

/** With a first document of the team in force. */
async function withTeam(more: object = {}, targets: Readonly<Record<string, unknown>> = { "team/a": target() }): Promise<World> {
  const world = await repository();
  await world.delegate([team(more)], KEYS);
  assert.equal((await upload(world, signed(world, { version: 1, targets }, ANN, BOB))).state, "SUCCESS");
  return world;
}

const versionOf = async (world: World, role = "team"): Promise<number | undefined> => (await world.stage.database.role(role))?.version;

describe("a role that a team signs elsewhere", () => {
  test("comes with its first document: byte for byte, found by clients fresh and returning, and told", async (context) => {
    const world = await repository();
    const back = world.returning();
    await world.add("b");
    assert.deepEqual(await back.found("b"), ["b"]);
    const declared = await world.delegate([team()], KEYS);
    assert.deepEqual([declared.state, declared.details["waiting_for_metadata"], declared.details.delegated_roles], ["SUCCESS", ["team"], ["team"]]);
    // Nobody delegates to it before it has a document: clients would fail on every path.
    assert.deepEqual(world.targets().delegations?.roles?.map(({ name }) => name), ["default"]);
    const bytes = signed(world, { version: 1, targets: { "team/a": target(), "team/b": target(2, { custom: { "k\u00e9y": [1, "x"] } }) } }, ANN, BOB);
    const done = await upload(world, bytes);
    assert.deepEqual([done.state, done.message, done.details], ["SUCCESS", "Delegated Metadata Published", { role: "team", version: 1, changed_artifacts: 2, removed_artifacts: 0 }]);
    assert.ok(world.stage.storage.peek("1.team.json")!.equals(bytes));
    const js = await tufJs(context, world);
    for (const client of [world, back, js]) assert.deepEqual(await client.found("team/a", "team/b", "b", "team/c"), ["team/a", "team/b", "b"]);
    const role = (await world.request("GET", "/api/v1/roles/team")).body as unknown as { signing: string; version: number; artifacts: object; expires: string };
    assert.deepEqual([role.signing, role.version, role.artifacts], ["outside", 1, { count: 2, more: false }]);
    const list = (await world.request("GET", "/api/v1/artifacts?role=team")).body as unknown as { data: { path: string; custom?: object; version: number }[] };
    assert.deepEqual(list.data.map(({ path, version, custom }) => [path, version, custom]), [["team/a", 1, undefined], ["team/b", 1, { "k\u00e9y": [1, "x"] }]]);
    await world.fsck();
  });

  test("goes on with versions of the team's choice; what is gone from a document is gone", async () => {
    const world = await withTeam();
    const back = world.returning();
    assert.deepEqual(await back.found("team/a"), ["team/a"]);
    const second = await upload(world, signed(world, { version: 20261126, targets: { "team/b": target(2), "team/a": target(7) } }, ANN, BOB));
    assert.deepEqual(second.details, { role: "team", version: 20261126, changed_artifacts: 2, removed_artifacts: 0 });
    const third = await upload(world, signed(world, { version: 20261127, targets: { "team/b": target(2) } }, ANN, BOB));
    assert.deepEqual(third.details, { role: "team", version: 20261127, changed_artifacts: 0, removed_artifacts: 1 });
    assert.deepEqual([await back.found("team/a", "team/b"), await world.found("team/a", "team/b")], [["team/b"], ["team/b"]]);
    // Every number of ours is above.
    await world.add("c");
    assert.ok((await versionOf(world, "default"))! > 20261127);
    await world.fsck();
  });

  test("the same bytes again are nothing; other bytes of that version, or of an earlier one, are refused", async () => {
    const world = await withTeam();
    const { seq } = await world.stage.database.publisher();
    const same = world.stage.storage.peek("1.team.json")!;
    assert.deepEqual((await upload(world, same)).details["version"], 1);
    assert.equal((await world.stage.database.publisher()).seq, seq);
    await refused(world, signed(world, { version: 1, targets: {} }, ANN, BOB), /version 1 is not above 1/);
    // Two in the queue: the second is judged when its turn comes.
    const bytes = signed(world, { version: 5, targets: {} }, ANN, BOB);
    const accepted = [await put(world, bytes), await put(world, bytes), await put(world, signed(world, { version: 4 }, ANN, BOB))];
    await world.stage.settle();
    const states = [];
    for (const { body } of accepted) states.push(((await world.request("GET", `/api/v1/task/?task_id=${body.data!.task_id}`)).body as unknown as { data: { state: string } }).data.state);
    assert.deepEqual(states, ["SUCCESS", "SUCCESS", "FAILURE"]);
    assert.equal(await versionOf(world), 5);
    await world.fsck();
  });

  test("with an Idempotency-Key the same upload is the same task, another one is refused", async () => {
    const world = await withTeam();
    const send = async (bytes: Buffer): Promise<{ status: number; body: Refusal & { data?: { task_id: string } } }> =>
      await world.request("PUT", "/api/v1/delegations/team/metadata", bytes, { "idempotency-key": "one" }) as never;
    const bytes = signed(world, { version: 2 }, ANN, BOB);
    const first = await send(bytes);
    assert.equal(first.status, 202);
    assert.equal((await send(bytes)).body.data?.task_id, first.body.data?.task_id);
    await world.stage.settle();
    assert.equal((await send(bytes)).body.data?.task_id, first.body.data?.task_id);
    const other = await send(signed(world, { version: 3 }, ANN, BOB));
    assert.deepEqual([other.status, other.body.code], [422, "idempotency-key-reused"]);
  });

  test("no version uses up the numbers there are", async () => {
    const world = await withTeam();
    await refused(world, signed(world, { version: 2 ** 51 + 1 }, ANN, BOB), /too high: the next version of team is from 2 to 2251799813685248/);
    assert.equal((await upload(world, signed(world, { version: 2 ** 51 }, ANN, BOB))).state, "SUCCESS");
    await world.add("x");
    assert.ok((await versionOf(world, "default"))! > 2 ** 51);
    await refused(world, signed(world, { version: 2 ** 51 + 2 ** 20 + 1 }, ANN, BOB), /too high/);
    assert.equal((await upload(world, signed(world, { version: 2 ** 51 + 2 ** 20 }, ANN, BOB))).state, "SUCCESS");
    await world.fsck();
  });

  const wrong: readonly { readonly name: string; readonly bytes: (world: World) => Buffer; readonly words: RegExp }[] = [
    { name: "below its threshold", bytes: (world) => signed(world, { version: 2 }, ANN), words: /signed by 1 of the keys of team, 2 are needed/ },
    { name: "one key twice", bytes: (world) => signed(world, { version: 2 }, ANN, ANN), words: /stands twice/ },
    { name: "a stranger's signature among them", bytes: (world) => signed(world, { version: 2 }, ANN, BOB, CEM), words: /is none by a key of team/ },
    { name: "a signature over other bytes", bytes: (world) => Buffer.from(signed(world, { version: 2 }, ANN, BOB).toString().replace('"version": 2', '"version": 3')), words: /signed by 0/ },
    { name: "expired", bytes: (world) => signed(world, { version: 2, expires: "2020-01-01T00:00:00Z" }, ANN, BOB), words: /must live/ },
    { name: "for ever", bytes: (world) => signed(world, { version: 2, expires: "9999-12-31T23:59:59Z" }, ANN, BOB), words: /36,500 days/ },
    { name: "a path of another role", bytes: (world) => signed(world, { version: 2, targets: { x: target() } }, ANN, BOB), words: /"x" is not team's: clients ask default for it/ },
    { name: "a path nobody takes", bytes: (world) => signed(world, { version: 2, targets: { "team/x/y": target() } }, ANN, BOB), words: /"team\/x\/y" is not delegated to team/ },
    { name: "a path outside of the repository", bytes: (world) => signed(world, { version: 2, targets: { "team/../x": target() } }, ANN, BOB), words: /\.\. segment/ },
    { name: "a hash that is none", bytes: (world) => signed(world, { version: 2, targets: { "team/x": { length: 1, hashes: { sha256: "xx" } } } }, ANN, BOB), words: /hex/ },
    { name: "more than TUF says of a target", bytes: (world) => signed(world, { version: 2, targets: { "team/x": target(1, { odd: 1 }) } }, ANN, BOB), words: /more than length, hashes and custom/ },
    { name: "delegations of its own", bytes: (world) => signed(world, { version: 2, more: { delegations: { keys: { [CEM.keyid]: CEM.key }, roles: [] } } }, ANN, BOB), words: /delegates to other roles/ },
    { name: "text that is not in normalisation form C", bytes: (world) => signed(world, { version: 2, more: { note: "e\u0301" } }, ANN, BOB), words: /normalisation form C/ },
    { name: "members that clients order differently", bytes: (world) => signed(world, { version: 2, more: { note: { "\uFFFD": 1, "\u{1F600}": 1 } } }, ANN, BOB), words: /order clients disagree about/ },
    { name: "another major version of TUF", bytes: (world) => signed(world, { version: 2, more: { spec_version: "2.0.0" } }, ANN, BOB), words: /spec_version|no targets metadata/ },
    { name: "another type", bytes: (world) => signed(world, { version: 2, more: { _type: "snapshot", meta: {} } }, ANN, BOB), words: /metadata of type snapshot/ },
    { name: "members beside signed and signatures", bytes: (world) => Buffer.from(signed(world, { version: 2 }, ANN, BOB).toString().replace("{", '{"odd":1,')), words: /beside signed and signatures/ },
    { name: "more bytes than clients read", bytes: (world) => Buffer.concat([signed(world, { version: 2 }, ANN, BOB), Buffer.alloc(5_000_000, " ")]), words: /clients read 5000000/ },
  ];
  test("whatever clients would not take, or not find, is refused at the door with the reason", async (context) => {
    const world = await withTeam();
    for (const { name, bytes, words } of wrong) await context.test(name, () => refused(world, bytes(world), words));
    for (const text of ["", "[]", "{}", '{"signed":1}', '{"signed":{},"signatures":{}}', '{"signed":{"a":1,"a":2},"signatures":[]}']) {
      const { status } = await put(world, Buffer.from(text));
      assert.equal(status, 422, text);
    }
    assert.equal(await versionOf(world), 1);
  });

  test("nobody else changes it: artifacts of its paths are refused, a refresh passes it by, nobody is asked to sign it", async () => {
    const world = await withTeam();
    for (const [path, body] of [["/api/v1/artifacts/", { artifacts: [{ path: "team/x", info: { length: 1, hashes: { sha256: HASH } } }] }], ["/api/v1/artifacts/delete", { artifacts: ["team/a"] }]] as const) {
      const { status, body: answer } = await world.request("POST", path, body);
      assert.equal(status, 422);
      assert.match(JSON.stringify(answer), /its team signs it elsewhere.*"role-outside"/);
    }
    await world.stage.clock.advance(26 * DAY_MS);
    await world.stage.settle();
    assert.equal(await versionOf(world), 1);
    assert.deepEqual(await world.stage.database.signingEvents(), []);
    await world.ended("POST", "/api/v1/metadata/online", { roles: ["targets"] });
    assert.equal(await versionOf(world), 1);
    assert.equal((await world.request("POST", "/api/v1/metadata/online", { roles: ["team"] })).status, 404);
    // It is told of before it expires.
    await world.stage.clock.advance(DAY_MS / 24);
    await world.stage.settle();
    const told = (await world.stage.database.notices("", 1_000)).rows.filter(({ kind }) => kind === "role-expiring").map(({ about }) => about["role"]);
    assert.ok(told.includes("team"));
  });

  test("what other roles listed of its paths is theirs to say from now on", async () => {
    const world = await createWorld();
    await world.bootstrap([{ name: "other", paths: ["other/*"] }], KEYS, 4);
    await world.add("team/a", "team/old", "b");
    await world.delegate([team()], KEYS);
    const { status, body } = await world.request("POST", "/api/v1/artifacts/", { artifacts: [{ path: "team/late", info: { length: 1, hashes: { sha256: HASH } } }] });
    assert.equal(status, 202, JSON.stringify(body));
    await upload(world, signed(world, { version: 3, targets: { "team/a": target(9) } }, ANN, BOB));
    assert.deepEqual(await world.owners("team/a", "team/old", "team/late"), ["team", undefined, undefined]);
    assert.deepEqual(await world.found("b"), ["b"]);
    await world.fsck();
  });

  test("other keys count from the document that they sign; until then the old ones do", async () => {
    const world = await withTeam();
    const changed = await world.update([team({ keyids: [BOB.keyid, CEM.keyid] })], KEYS);
    assert.deepEqual(changed.details["waiting_for_metadata"], ["team"]);
    assert.equal((await upload(world, signed(world, { version: 2, targets: { "team/a": target(2) } }, ANN, BOB))).state, "SUCCESS");
    assert.deepEqual(world.targets().delegations?.roles?.find(({ name }) => name === "team")?.keyids, [ANN.keyid, BOB.keyid]);
    await world.fsck();
    await refused(world, signed(world, { version: 3 }, ANN, CEM), /signed by 1 of the keys/);
    assert.equal((await upload(world, signed(world, { version: 3, targets: { "team/a": target(3) } }, BOB, CEM))).state, "SUCCESS");
    assert.deepEqual(world.targets().delegations?.roles?.find(({ name }) => name === "team")?.keyids, [BOB.keyid, CEM.keyid]);
    await refused(world, signed(world, { version: 4 }, ANN, BOB), /signed by 1 of the keys/);
    assert.deepEqual(await world.found("team/a"), ["team/a"]);
    await world.fsck();
  });

  test("what the document in force proves already counts at once", async () => {
    const world = await withTeam();
    const changed = await world.update([team({ keyids: [ANN.keyid, BOB.keyid, CEM.keyid], paths: ["team/*", "team/*/*"] })], KEYS);
    assert.deepEqual([changed.details["waiting_for_metadata"], changed.details.delegated_roles], [undefined, ["team"]]);
    assert.deepEqual(await world.found("team/a"), ["team/a"]);
    assert.equal((await upload(world, signed(world, { version: 2, targets: { "team/x/y": target() } }, CEM, BOB))).state, "SUCCESS");
    await world.fsck();
  });

  test("its paths are not taken from under it: the document without them comes first", async () => {
    const world = await withTeam({ paths: ["team/*", "more/*"] }, { "team/a": target(), "more/b": target() });
    // The next document is one of the role as it will be.
    const changed = await world.update([team({ paths: ["team/*"] })], KEYS);
    assert.deepEqual(changed.details["waiting_for_metadata"], ["team"]);
    await refused(world, signed(world, { version: 2, targets: { "more/c": target(), "team/../x": target() } }, ANN, BOB), /more\/c/);
    assert.equal((await upload(world, signed(world, { version: 3, targets: { "team/a": target() } }, ANN, BOB))).state, "SUCCESS");
    assert.deepEqual([await world.found("team/a", "more/b"), world.targets().delegations?.roles?.find(({ name }) => name === "team")?.paths], [["team/a"], ["team/*"]]);
    await world.fsck();
  });

  test("given back to the service it is signed here, with what it lists; taken away from it, from the document that the team signs", async () => {
    const world = await withTeam();
    const back = world.returning();
    assert.deepEqual(await back.found("team/a"), ["team/a"]);
    await world.update([{ name: "team", paths: ["team/*"], signing: "service" } as Role], {});
    assert.ok((await versionOf(world))! > 1);
    await world.add("team/b");
    assert.deepEqual(await back.found("team/a", "team/b"), ["team/a", "team/b"]);
    assert.equal((await put(world, signed(world, { version: 2 }, ANN, BOB))).status, 404);
    await world.fsck();
    await world.update([team()], KEYS);
    await world.add("team/c");
    const last = (await versionOf(world))!;
    await refused(world, signed(world, { version: last, targets: {} }, ANN, BOB), /not above/);
    assert.equal((await upload(world, signed(world, { version: last + 1, targets: { "team/b": target() } }, ANN, BOB))).state, "SUCCESS");
    assert.deepEqual(await back.found("team/a", "team/b", "team/c"), ["team/b"]);
    await world.fsck();
  });

  test("deleted it is gone with what it lists; its name goes on above its last version", async () => {
    const world = await createWorld();
    await world.bootstrap([{ name: "other", paths: ["other/*"] }], KEYS, 4);
    await world.delegate([team()], KEYS);
    await upload(world, signed(world, { version: 7, targets: { "team/a": target() } }, ANN, BOB));
    const back = world.returning();
    assert.deepEqual(await back.found("team/a"), ["team/a"]);
    const deleted = await world.remove("team");
    assert.deepEqual([deleted.details["dropped_artifacts"], deleted.details["moved_artifacts"]], [["team/a"], undefined]);
    assert.deepEqual(await back.found("team/a"), []);
    await world.add("team/a");
    assert.deepEqual(await back.found("team/a"), ["team/a"]);
    assert.equal((await put(world, signed(world, { version: 8 }, ANN, BOB))).status, 404);
    await world.delegate([team()], KEYS);
    await refused(world, signed(world, { version: 7 }, ANN, BOB), /not above 7/);
    assert.equal((await upload(world, signed(world, { version: 8, targets: {} }, ANN, BOB))).state, "SUCCESS");
    assert.deepEqual(await back.found("team/a"), []);
    await world.fsck();
  });

  test("declared and not there yet: its name is taken, it can be changed, and taken back", async () => {
    const world = await repository();
    await world.delegate([team()], KEYS);
    const listed = async (query: string): Promise<unknown[]> => ((await world.request("GET", `/api/v1/roles${query}`)).body.data as unknown as { name: string; state: string }[]).map(({ name, state }) => `${name} ${state}`);
    assert.ok((await listed("?limit=1000")).includes("team declared"));
    assert.deepEqual(await listed("?state=declared"), ["team declared"]);
    assert.deepEqual(await listed("?kind=targets"), ["targets fresh"]);
    const { status, body } = await world.request("GET", "/api/v1/roles/team");
    assert.equal(status, 200);
    const { version, state, delegated_by: by, signing, threshold } = body as Record<string, unknown>;
    assert.deepEqual([version, state, by, signing, threshold], [undefined, "declared", "targets", "outside", 2]);
    assert.deepEqual((await world.delegate([{ name: "Team", paths: ["x/*"] }])).details.failed_roles, [{ role: "Team", reason: "role already exists" }]);
    assert.deepEqual((await world.update([team({ threshold: 1 })], KEYS)).details["waiting_for_metadata"], ["team"]);
    assert.equal((await upload(world, signed(world, { version: 1 }, BOB))).state, "SUCCESS");
    assert.ok((await listed("?limit=1000")).includes("team fresh"));
    await world.delegate([team({ name: "second", paths: ["second/*"] })], KEYS);
    assert.deepEqual((await world.remove("second")).details.delegated_roles, ["second"]);
    assert.equal((await put(world, signed(world, { version: 1 }, ANN, BOB), "second")).status, 404);
    await world.fsck();
  });

  test("roles that can't be so are refused", async () => {
    const world = await repository([DEFAULT, { name: "on", paths: ["on/*"] }]);
    const online = world.stage.online;
    const doors: readonly (readonly [object, RegExp])[] = [
      [{ keyids: [] }, /keys of its own/], [{ bins: 4 }, /no bins/], [{ signing: "nobody" }, /literal|enum|outside/],
    ];
    for (const [more, words] of doors) {
      const { status, body } = await world.request("POST", "/api/v1/delegations/", { delegations: { keys: KEYS, roles: [{ terminating: true, ...team(more) }] } });
      assert.equal(status, 422);
      assert.match(JSON.stringify(body), words);
    }
    const keyid = world.targets().delegations!.roles![0]!.keyids[0]!;
    assert.ok(online);
    const failed = await world.delegate([team({ keyids: [keyid], threshold: 1 })], {});
    assert.match(failed.details.failed_roles?.[0]?.reason ?? "", /no key of this service/);
    // Nothing is delegated by it.
    await world.delegate([team()], KEYS);
    await upload(world, signed(world, { version: 1 }, ANN, BOB));
    assert.match((await world.delegate([{ name: "below", parent: "team", paths: ["team/b*"] }])).details.failed_roles?.[0]?.reason ?? "", /signed elsewhere/);
    await world.fsck();
  });
});
