// What waits for signatures, as those see it who are to decide: several roles at once, page by page, in words.

import assert from "node:assert/strict";
import { createHash, createPublicKey, verify } from "node:crypto";
import { describe, test } from "node:test";
import type { Key } from "../../src/tuf/documents.ts";
import { DAY_MS } from "../fakes/publisher-stage.ts";
import { createWorld, person, type Person, type Role, type World } from "./world.ts";

interface Holder { readonly keyid: string; readonly name?: string }
interface Event {
  readonly id: string;
  readonly role: string;
  readonly kind: string;
  readonly version: number;
  readonly state: string;
  readonly started: string;
  readonly started_by: string;
  readonly task_id?: string;
  readonly published_with: readonly string[];
  readonly expires: string;
  readonly deadline: string;
  readonly replaces?: { readonly version: number; readonly expires: string };
  readonly signing: string;
  readonly complete: boolean;
  readonly demands: readonly { readonly by: string; readonly threshold: number; readonly needed: number; readonly signed: readonly Holder[]; readonly missing: readonly Holder[] }[];
  readonly sha256: string;
  readonly changes: readonly string[];
  readonly metadata: { readonly signatures: readonly object[]; readonly signed: { readonly version: number } };
  readonly in_force?: Event["metadata"];
  readonly bytes: string;
}

const named = (one: Person, name: string): Key => ({ ...one.key, "x-rstuf-key-name": name });
const [ANN, BOB, CEM] = [person(), person(), person()];
const KEYS: Readonly<Record<string, Key>> = { [ANN.keyid]: named(ANN, "Ann"), [BOB.keyid]: named(BOB, "Bob"), [CEM.keyid]: named(CEM, "Cem") };
const role = (name: string, more: Partial<Role> = {}): Role => ({ name, paths: [`${name}/*`], days: 60, keyids: [ANN.keyid, BOB.keyid], threshold: 2, ...more });
const HASH = "ab".repeat(32);

async function list(world: World, query = ""): Promise<{ readonly data: readonly Event[]; readonly next?: string }> {
  const { status, body } = await world.request("GET", `/api/v1/signing-events${query}`);
  assert.equal(status, 200, JSON.stringify(body));
  return body as unknown as { data: Event[]; next?: string };
}

async function one(world: World, of: string): Promise<Event> {
  const { data } = await list(world, `?role=${of}`);
  assert.equal(data.length, 1, `${of} waits ${String(data.length)} times`);
  const { status, body } = await world.request("GET", `/api/v1/signing-events/${data[0]!.id}`);
  assert.equal(status, 200);
  return body as unknown as Event;
}

async function sign(world: World, of: string, ...people: readonly Person[]): Promise<void> {
  for (const each of people) {
    const { metadata } = await one(world, of);
    await world.ended("POST", "/api/v1/metadata/sign", { role: of, signature: { keyid: each.keyid, sig: each.sign(metadata.signed) } });
  }
}

async function signedRoles(...roles: readonly Role[]): Promise<World> {
  const world = await createWorld();
  await world.bootstrap([...roles, { name: "default", paths: ["*", "*/*"] }], KEYS);
  for (const { name } of roles) await sign(world, name, ANN, BOB);
  assert.deepEqual((await list(world)).data, []);
  return world;
}

async function begun(world: World, ...paths: readonly string[]): Promise<void> {
  await world.request("POST", "/api/v1/artifacts/", { artifacts: paths.map((path) => ({ path, info: { length: 1, hashes: { sha256: HASH } } })) });
  await world.stage.settle();
}

describe("signing events", () => {
  test("several roles wait at once, page by page, while one of them goes", async () => {
    const world = await createWorld();
    const roles = ["r1", "r2", "r3", "r4", "r5"].map((name) => role(name));
    await world.bootstrap(roles, KEYS);
    const first = await list(world, "?limit=2");
    assert.deepEqual([first.data.length, first.data.every((each) => !("changes" in each) && !("bytes" in each))], [2, true]);
    await sign(world, first.data[1]!.role, ANN, BOB);
    const second = await list(world, `?limit=2&cursor=${first.next!}`);
    const third = await list(world, `?limit=2&cursor=${second.next!}`);
    assert.deepEqual([second.data.length, third.data.length, third.next], [2, 1, undefined]);
    assert.deepEqual([...first.data, ...second.data, ...third.data].map((event) => event.role).sort(), roles.map(({ name }) => name));
    assert.deepEqual((await list(world, "?state=frozen")).data, []);
  });

  test("a role's first version: what delegates to it, who may sign, and the text to sign", async () => {
    const world = await createWorld();
    await world.bootstrap([role("prod", { days: 60 })], KEYS);
    const event = await one(world, "prod");
    assert.deepEqual([event.kind, event.state, event.started_by, event.replaces, event.signing, event.complete, event.published_with], ["delegated", "open", "request", undefined, "offline", false, []]);
    assert.ok(event.task_id);
    assert.deepEqual(event.changes, [
      "role prod added: paths prod/*",
      `role prod: key Ann (ed25519, ${ANN.keyid}) added`,
      `role prod: key Bob (ed25519, ${BOB.keyid}) added`,
      "role prod: threshold 2 of 2",
      "the first version",
      `expires ${event.expires}`,
    ]);
    assert.equal(event.sha256, createHash("sha256").update(event.bytes).digest("hex"));
    assert.deepEqual(JSON.parse(event.bytes), event.metadata.signed);
    assert.deepEqual(event.demands, [{ by: "new", threshold: 2, needed: 2, signed: [], missing: [{ keyid: ANN.keyid, name: "Ann", keytype: "ed25519" }, { keyid: BOB.keyid, name: "Bob", keytype: "ed25519" }] }]);

    // What a tool of its own signs is taken: the text is exactly what is signed.
    const raw = ANN.sign(event.metadata.signed);
    assert.ok(verify(null, Buffer.from(event.bytes), createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(ANN.key.keyval.public, "hex").toString("base64url") }, format: "jwk" }), Buffer.from(raw, "hex")));
    await sign(world, "prod", ANN);
    const [demand] = (await one(world, "prod")).demands;
    assert.deepEqual([demand?.needed, demand?.signed.map(({ name }) => name), demand?.missing.map(({ name }) => name)], [1, ["Ann"], ["Bob"]]);
    await sign(world, "prod", BOB);
    const { status, body } = await world.request("GET", `/api/v1/signing-events/${event.id}`);
    assert.deepEqual([status, (body as { code?: string }).code], [404, "no-such-signing-event"]);
  });

  test("artifacts that wait, and those that go", async () => {
    const world = await signedRoles(role("prod"));
    await begun(world, "prod/a", "prod/b");
    const event = await one(world, "prod");
    assert.equal(event.started_by, "artifacts");
    assert.deepEqual(event.changes, [`artifact prod/a added: 1 bytes, sha256 ${HASH}`, `artifact prod/b added: 1 bytes, sha256 ${HASH}`, `expires ${event.expires} instead of ${event.replaces!.expires}`]);
    // The version in force ends before the one that is signed.
    assert.equal(event.deadline, event.replaces!.expires);
    await sign(world, "prod", ANN, BOB);
    await world.request("POST", "/api/v1/artifacts/delete", { artifacts: ["prod/a"] });
    await world.stage.settle();
    assert.equal((await one(world, "prod")).changes[0], `artifact prod/a removed: 1 bytes, sha256 ${HASH}`);
  });

  test("other keys and another threshold of a role, under which its documents are signed", async () => {
    const world = await signedRoles(role("prod"));
    await world.update([role("prod", { keyids: [ANN.keyid, CEM.keyid, BOB.keyid], threshold: 3 })], KEYS);
    const event = await one(world, "prod");
    assert.deepEqual(event.changes.slice(0, 3), [`role prod: key Cem (ed25519, ${CEM.keyid}) added`, "role prod: threshold from 2 to 3", "nothing but the version and when it expires"]);
    assert.equal(event.demands[0]?.threshold, 3);
  });

  test("a role that people take over from the service: what it lists already is no news", async () => {
    const world = await createWorld();
    await world.bootstrap([{ name: "prod", paths: ["prod/*"], days: 60 }], KEYS);
    await world.add("prod/a");
    await world.update([role("prod")], KEYS);
    const event = await one(world, "prod");
    assert.deepEqual(event.changes.filter((words) => words.startsWith("artifact")), []);
    assert.ok(event.replaces);
    assert.ok(event.changes.includes("role prod: threshold from 1 to 2"));
  });

  test("roles that are published together name each other", async () => {
    const world = await signedRoles(role("prod"), role("test"));
    await begun(world, "prod/a");
    await sign(world, "prod", ANN, BOB);
    await world.remove("prod");
    const before = (await list(world)).data.length;
    assert.equal(before, 0);
    const again = await signedRoles(role("prod", { paths: ["p*/*"] }), role("test", { paths: ["*/*"] }));
    await begun(again, "prod/a");
    await sign(again, "prod", ANN, BOB);
    await again.remove("prod");
    const event = await one(again, "test");
    assert.deepEqual(event.changes.slice(0, 2), ["role prod removed: paths p*/*", `artifact prod/a added: 1 bytes, sha256 ${HASH}`]);
  });

  test("a role that nears its end asks by itself", async () => {
    const world = await signedRoles(role("prod", { days: 60 }));
    await world.stage.clock.advance(41 * DAY_MS);
    await world.stage.settle();
    const event = await one(world, "prod");
    assert.deepEqual([event.started_by, event.task_id, event.changes[0]], ["expiry", undefined, "nothing but the version and when it expires"]);
  });

  test("every signed role brings the document it follows, so that signers far away see what changes", async () => {
    const world = await signedRoles(role("prod"));
    await begun(world, "prod/a");
    const event = await one(world, "prod");
    assert.equal(event.in_force?.signed.version, event.replaces!.version);
    assert.deepEqual(event.in_force, JSON.parse(world.stage.storage.peek(`${String(event.replaces!.version)}.prod.json`)!.toString()));
  });
});

describe("a role below another that people sign", () => {
  test("signers find its keys as those of other roles", async () => {
    const world = await createWorld();
    await world.bootstrap([{ name: "a", paths: ["a/*"] }, { name: "default", paths: ["*", "*/*"] }], KEYS);
    await world.delegate([role("deep", { parent: "a", paths: ["a/d*"] })], KEYS);
    const { metadata } = (await world.request("GET", "/api/v1/metadata/sign")).body.data!;
    const shown = metadata!["trusted_targets"] as unknown as { signatures: unknown[]; signed: { delegations: { keys: Record<string, Key>; roles: { name: string; keyids: string[] }[] } } };
    const deep = shown.signed.delegations.roles.find(({ name }) => name === "deep");
    assert.deepEqual([deep?.keyids, shown.signatures], [[ANN.keyid, BOB.keyid], []]);
    assert.equal(shown.signed.delegations.keys[ANN.keyid]?.keyval.public, ANN.key.keyval.public);
    assert.deepEqual((await one(world, "deep")).changes.slice(0, 2), ["role deep added: paths a/d*", `role deep: key Ann (ed25519, ${ANN.keyid}) added`]);
    await sign(world, "deep", ANN, BOB);
    // As for every later version.
    await begun(world, "a/d1");
    const later = (await world.request("GET", "/api/v1/metadata/sign")).body.data!.metadata!["trusted_targets"] as unknown as typeof shown;
    assert.ok(later.signed.delegations.roles.some(({ name }) => name === "deep"));
    await world.fsck();
  });
});

describe("refusals", () => {
  test("a cursor that is none, a state that is none, a limit beyond bounds", async () => {
    const world = await createWorld();
    for (const query of ["?cursor=WyJ4Il0", "?state=odd", "?limit=0", "?limit=101"]) {
      assert.equal((await world.request("GET", `/api/v1/signing-events${query}`)).status, 422, query);
    }
  });
});
