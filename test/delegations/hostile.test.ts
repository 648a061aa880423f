// Delegations that no repository could have: each is refused with the place and the reason, and
// whatever is sent, the answer is never a 500 and nothing changes by half.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Key } from "../../src/tuf/documents.ts";
import { createWorld, person, wanted, type Answer, type World } from "./world.ts";

const ANN = person();
const GOOD = { name: "good", terminating: true, keyids: [] as string[], threshold: 1, paths: ["good/*"], "x-rstuf-expire-policy": 7 };

interface Row {
  readonly name: string;
  readonly role?: Record<string, unknown>;
  readonly roles?: readonly Record<string, unknown>[];
  readonly keys?: Readonly<Record<string, unknown>>;
  readonly loc: readonly (string | number)[];
  readonly says: RegExp;
}

const NAME = ["roles", 0, "name"] as const;
const ROWS: readonly Row[] = [
  ...["../evil", "a/b", "", "a b", "é", "a.b", "x".repeat(201)].map((name): Row => ({ name: `the name ${JSON.stringify(name.slice(0, 20))}`, role: { name }, loc: NAME, says: /role name/ })),
  ...["root", "Targets", "SNAPSHOT", "timestamp"].map((name): Row => ({ name: `the reserved name ${name}`, role: { name }, loc: NAME, says: /top-level/ })),
  ...["bins", "bins-0", "BINS-x"].map((name): Row => ({ name: `the name ${name}`, role: { name }, loc: NAME, says: /names of bins/ })),
  { name: "a name of digits", role: { name: "007" }, loc: NAME, says: /all digits/ },
  { name: "the name toString", role: { name: "toString" }, loc: NAME, says: /every object/ },
  { name: "one name twice, in another case", roles: [GOOD, { ...GOOD, name: "GOOD" }], loc: ["roles", 1, "name"], says: /twice/ },
  { name: "an empty pattern", role: { paths: ["a", ""] }, loc: ["roles", 0], says: /No empty strings/ },
  { name: "no pattern", role: { paths: [] }, loc: ["roles", 0, "paths"], says: /at least 1 item/ },
  ...["a[bc]", "{a,b}", "!a", "a\\b", "**", "+(a)", "/a", "../a", "#a"].map((pattern): Row => ({ name: `the pattern ${pattern}`, role: { paths: ["ok", pattern] }, loc: ["roles", 0, "paths", 1], says: /path pattern/ })),
  { name: "hash prefixes beside paths", role: { path_hash_prefixes: ["a"] }, loc: ["roles", 0, "path_hash_prefixes"], says: /path_hash_prefixes/ },
  { name: "a threshold of 0", role: { threshold: 0 }, loc: ["roles", 0, "threshold"], says: /at least 1/ },
  { name: "a keyid without its key", role: { keyids: ["nobody"] }, loc: ["roles", 0, "keyids", 0], says: /not among the keys/ },
  { name: "a keyid twice", role: { keyids: [ANN.keyid, ANN.keyid] }, keys: { [ANN.keyid]: ANN.key }, loc: ["roles", 0, "keyids"], says: /twice/ },
  { name: "a lifetime of 0", role: { "x-rstuf-expire-policy": 0 }, loc: ["roles", 0, "x-rstuf-expire-policy"], says: /greater than 0/ },
  { name: "a lifetime of a thousand years", role: { "x-rstuf-expire-policy": 365_000 }, loc: ["roles", 0, "x-rstuf-expire-policy"], says: /less than/ },
  { name: "a signing window of 0", role: { signing_window: 0 }, loc: ["roles", 0, "signing_window"], says: /greater than 0/ },
  { name: "a signing window of eleven years", role: { signing_window: 4015 }, loc: ["roles", 0, "signing_window"], says: /less than/ },
  { name: "a signing window of a role signed elsewhere", role: { signing_window: 5, signing: "outside", keyids: [ANN.keyid] }, keys: { [ANN.keyid]: ANN.key }, loc: ["roles", 0, "signing_window"], says: /nobody here is asked/ },
  { name: "a key that is none", keys: { k: { keytype: "ed25519", scheme: "ed25519", keyval: { public: "zz" } } }, loc: ["keys", "k"], says: /key/ },
  { name: "a key of an unknown type", keys: { k: { keytype: "dsa", scheme: "dsa", keyval: { public: "zz" } } }, loc: ["keys", "k"], says: /not supported/ },
  { name: "a private key", keys: { k: { keytype: "rsa", scheme: "rsassa-pss-sha256", keyval: { public: "-----BEGIN PRIVATE KEY-----" } } }, loc: ["keys", "k", "keyval"], says: /must never be sent/ },
  { name: "257 roles", roles: Array.from({ length: 257 }, (_, n) => ({ ...GOOD, name: `r${String(n)}` })), loc: ["roles"], says: /at most 256/ },
  { name: "1,025 patterns", role: { paths: Array.from({ length: 1025 }, (_, n) => `p${String(n)}`) }, loc: ["roles"], says: /at most 1024/ },
];

const bodyOf = ({ role, roles, keys = {} }: Row): unknown => ({ delegations: { keys, roles: roles ?? [{ ...GOOD, ...role }] } });

async function bootstrapped(): Promise<World> {
  const world = await createWorld();
  await world.bootstrap([{ name: "first", paths: ["first/*"] }]);
  await world.add("first/a");
  return world;
}

describe("delegations are refused at every door, with the place and the reason:", () => {
  for (const row of ROWS) {
    test(row.name, async () => {
      const world = await createWorld();
      const settings = { roles: { root: { expiration: 365 }, targets: { expiration: 365 }, snapshot: { expiration: 1 }, timestamp: { expiration: 1 }, ...(bodyOf(row) as object) } };
      const first = await world.request("POST", "/api/v1/bootstrap/", { settings, metadata: { root: JSON.parse(world.stage.root.toString()) as unknown } });
      assert.equal(first.status, 422);
      assert.deepEqual((await world.request("GET", "/api/v1/bootstrap/")).body, { data: { bootstrap: false }, message: "System available for bootstrap." });

      await world.bootstrap([{ name: "first", paths: ["first/*"] }]);
      const before = await stateOf(world);
      for (const method of ["POST", "PUT"] as const) requireRefused(await world.request(method, "/api/v1/delegations/", bodyOf(row)), row);
      await world.stage.settle();
      assert.deepEqual(await stateOf(world), before);
    });
  }
});

function requireRefused({ status, body }: Answer, { loc, says }: Row): void {
  assert.equal(status, 422, JSON.stringify(body));
  const details = body.detail !== undefined && "length" in body.detail ? body.detail : [];
  const found = details.find((detail) => JSON.stringify(detail.loc) === JSON.stringify(["body", "delegations", ...loc]));
  assert.match(found?.msg ?? `nothing at ${JSON.stringify(details)}`, says);
}

async function stateOf(world: World): Promise<unknown> {
  return [world.stage.storage.names(), (await world.stage.database.publisher()).seq, await world.stage.database.backlog(), await world.stage.database.settings()];
}

test("before bootstrap each answers 404 as other endpoints do", async () => {
  const world = await createWorld();
  const tooEarly = { detail: { message: "Task not accepted.", error: "Requires bootstrap finished. State: None" }, code: "bootstrap-required" };
  for (const [method, path] of [["POST", "/api/v1/delegations/"], ["PUT", "/api/v1/delegations/"], ["POST", "/api/v1/delegations/delete"]] as const) {
    assert.deepEqual(await world.request(method, path, { delegations: { keys: {}, roles: [GOOD] } }), { status: 404, body: tooEarly });
  }
});

describe("roles that people sign", () => {
  test("whatever is sent as a signature, the answer is no, and nothing changes", async () => {
    const world = await bootstrapped();
    await world.delegate([{ name: "ann", paths: ["ann/*"], keyids: [ANN.keyid] }], { [ANN.keyid]: ANN.key });
    const before = JSON.stringify((await world.request("GET", "/api/v1/metadata/sign")).body);
    const names = world.stage.storage.names();
    const signature = fc.record({ keyid: fc.oneof(fc.constant(ANN.keyid), fc.string(), fc.constant("__proto__")), sig: fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom("0", "1", "7", "9", "a", "c", "f"), maxLength: 300 }), fc.constant(ANN.sign({ other: 1 }))) });
    await fc.assert(fc.asyncProperty(fc.oneof(fc.constant("ann"), fc.constant("Ann"), fc.constant("first"), fc.string()), signature, async (role, given) => {
      const { status, body } = await world.request("POST", "/api/v1/metadata/sign", { role, signature: given });
      assert.ok(status === 202 || (status >= 400 && status < 500), String(status));
      if (status !== 202) return;
      await world.stage.settle();
      const { body: task } = await world.request("GET", `/api/v1/task/?task_id=${body.data?.task_id ?? ""}`);
      assert.equal((task as unknown as { data: { state: string } }).data.state, "ERRORED");
    }), { numRuns: 60 });
    assert.equal(JSON.stringify((await world.request("GET", "/api/v1/metadata/sign")).body), before);
    assert.deepEqual(world.stage.storage.names(), names);
  });

  test("a key that names the signer of another key ends the edit, and halts nothing", async () => {
    const world = await bootstrapped();
    const key: Key = { ...ANN.key, "x-rstuf-online-key-uri": "fn:online" };
    const done = await world.delegate([{ name: "other", paths: ["other/*"], keyids: [ANN.keyid] }], { [ANN.keyid]: key });
    assert.equal(done.state, "FAILURE");
    assert.equal((await world.stage.database.publisher()).halted, undefined);
    assert.equal((await world.add("first/b")).state, "SUCCESS");
  });

  test("a key that names a signer this service does not have ends the edit, and halts nothing", async () => {
    const world = await bootstrapped();
    const key: Key = { ...ANN.key, "x-rstuf-online-key-uri": "fn:none" };
    const done = await world.delegate([{ name: "other", paths: ["other/*"], keyids: [ANN.keyid] }], { [ANN.keyid]: key });
    assert.equal(done.state, "FAILURE");
    assert.equal((await world.add("first/b")).state, "SUCCESS");
    await world.fsck();
  });
});

const text = fc.oneof(fc.constantFrom("first", "good", "../evil", "root", "bins-1", "7", "a/*", "*", "**", "", "toString", "__x__", ANN.keyid), fc.string({ maxLength: 8 }));
const junk = fc.oneof(fc.constantFrom(null, true, -1, 0, 1, 2, 1.5, 2 ** 40, "1"), text, fc.array(text, { maxLength: 3 }), fc.dictionary(text, text, { maxKeys: 2 }));
/** Right often enough that whole documents are. */
const mostly = (good: fc.Arbitrary<unknown>, bad: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> => fc.oneof({ weight: 12, arbitrary: good }, { weight: 1, arbitrary: bad });
const role = mostly(fc.record({
  name: mostly(fc.constantFrom("first", "good", "second", "third"), junk), terminating: mostly(fc.boolean(), junk), keyids: mostly(fc.constant([]), fc.array(text, { maxLength: 2 })),
  threshold: mostly(fc.constant(1), junk), paths: mostly(fc.array(fc.constantFrom("first/*", "good/*", "*", "*/*"), { minLength: 1, maxLength: 3 }), junk), "x-rstuf-expire-policy": mostly(fc.constant(7), junk),
}), junk);
const key = fc.oneof(fc.constant(ANN.key), fc.record({ keytype: text, scheme: text, keyval: fc.oneof(fc.record({ public: text }), junk) }), junk);
const document = mostly(fc.record({ keys: mostly(fc.constant({}), fc.oneof(fc.dictionary(text, key, { maxKeys: 2 }), junk)), roles: mostly(fc.array(role, { maxLength: 3 }), junk) }), junk);

test("whatever documents come, none is answered with a 500, every accepted one ends, and the repository stays sound", async () => {
  const world = await bootstrapped();
  let changed = 0;
  await fc.assert(fc.asyncProperty(fc.constantFrom("POST /api/v1/delegations/", "PUT /api/v1/delegations/", "POST /api/v1/delegations/delete"), document, async (where, delegations) => {
    const [method, path] = where.split(" ") as ["POST" | "PUT", string];
    const { seq } = await world.stage.database.publisher();
    const { status, body } = await world.request(method, path, { delegations });
    assert.ok(status === 202 || status === 422, `${String(status)} ${JSON.stringify(body)}`);
    await world.stage.settle();
    const after = (await world.stage.database.publisher()).seq;
    if (status === 422) assert.equal(after, seq);
    else {
      assert.ok(after <= seq + 1, "one head at most");
      changed += after - seq;
      assert.notEqual((await world.stage.task(body.data?.task_id ?? "")).result, undefined);
    }
  }), { numRuns: 300, seed: 4 });
  assert.ok(changed > 10, `${String(changed)} of them changed something`);
  await world.fsck();
  assert.equal((await world.add("first/z")).state, "SUCCESS");
});

test("the role that shows the form is one that is taken", async () => {
  const world = await bootstrapped();
  assert.deepEqual((await world.ended("POST", "/api/v1/delegations/", bodyOf({ name: "", loc: [], says: /./ }))).details.delegated_roles, ["good"]);
  assert.deepEqual(wanted({ name: "good", paths: ["good/*"] }), GOOD);
});
