// People who sign with a Sigstore identity: what of theirs is taken, and what is not.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { sigstoreScheme, TrustedRootError, useSigstore } from "../../src/drivers/verifier/sigstore/sigstore.ts";
import { fsck } from "../../src/fsck/fsck.ts";
import { bootstrap } from "../../src/operations/bootstrap.ts";
import { getSigning } from "../../src/operations/get-signing.ts";
import { signMetadata } from "../../src/operations/sign-metadata.ts";
import { verifySignature } from "../../src/tuf/crypto.ts";
import type { JsonObject, Key, Root, Signature } from "../../src/tuf/documents.ts";
import { TufError } from "../../src/tuf/errors.ts";
import { MAX_BUNDLE_BYTES, SIGSTORE, useForeignScheme } from "../../src/tuf/foreign-schemes.ts";
import { parseKey, samePublicKey } from "../../src/tuf/keys.ts";
import { rootOf, signedBy } from "../fakes/root-holders.ts";
import { createWorld } from "../delegations/world.ts";
import { runCli } from "../fakes/cli.ts";
import { createRotationStage, type RotationStage } from "../fakes/rotation-stage.ts";
import { createSigstore, type Sigstore, type SigstoreHolder } from "../fakes/sigstore.ts";
import { DAY_MS, START } from "../fakes/publisher-stage.ts";

const DOCUMENT = { a: 1, b: ["ü"] };
const BYTES = Buffer.from('{"a":1,"b":["ü"]}');

let sigstore: Sigstore;
let ann: SigstoreHolder;
before(async () => {
  sigstore = await createSigstore();
  ann = sigstore.holder("ann@example.org");
  useForeignScheme(SIGSTORE, await sigstoreScheme(sigstore.trustedRoot));
});
after(() => { useForeignScheme(SIGSTORE, undefined); });

describe("a Sigstore signature", () => {
  test("counts over the bytes it was made for, by the identity and issuer of the key, sig in either case", async () => {
    const signature = await ann.sign(DOCUMENT);
    assert.equal(verifySignature(ann.key, signature, BYTES), true);
    assert.equal(verifySignature(ann.key, { ...signature, sig: signature.sig.toUpperCase() }, BYTES), true);
  });

  const refused: readonly { readonly name: string; readonly make: () => Promise<{ key?: Key; signature: Signature; bytes?: Buffer }> }[] = [
    { name: "over other bytes", make: async () => ({ signature: await ann.sign(DOCUMENT), bytes: Buffer.from("{}") }) },
    { name: "by another identity", make: async () => ({ signature: await ann.sign(DOCUMENT, { identity: "eve@example.org" }) }) },
    { name: "by an identity that the key's would match as an expression", make: async () => ({ key: sigstore.holder("a.n@example.org").key, signature: await ann.sign(DOCUMENT) }) },
    { name: "by an identity of which the key's is a part", make: async () => ({ signature: await ann.sign(DOCUMENT, { identity: "xann@example.org" }) }) },
    { name: "from another issuer", make: async () => ({ signature: await ann.sign(DOCUMENT, { issuer: "https://other.example" }) }) },
    { name: "whose sig is not the bundle's", make: async () => ({ signature: { ...(await ann.sign(DOCUMENT)), sig: (await ann.sign(DOCUMENT)).sig } }) },
    { name: "without its bundle", make: async () => ({ signature: { keyid: ann.keyid, sig: (await ann.sign(DOCUMENT)).sig } }) },
    { name: "under another Sigstore", make: async () => ({ signature: await (await createSigstore()).holder("ann@example.org").sign(DOCUMENT) }) },
    { name: "with a bundle that is too large", make: async () => { const good = await ann.sign(DOCUMENT); return { signature: { ...good, bundle: { ...good.bundle, more: "x".repeat(MAX_BUNDLE_BYTES) } } }; } },
    { name: "that no log took", make: async () => { const good = await ann.sign(DOCUMENT); return { signature: { ...good, bundle: { ...good.bundle, verificationMaterial: { ...(good.bundle["verificationMaterial"] as JsonObject), tlogEntries: [] } } } }; } },
  ];
  for (const { name, make } of refused) {
    test(`${name} does not count`, async () => {
      const { key = ann.key, signature, bytes = BYTES } = await make();
      assert.equal(verifySignature(key, signature, bytes), false);
    });
  }

  test("never throws and never counts, whatever is put into its bundle", async () => {
    const good = await ann.sign(DOCUMENT);
    const places: (readonly string[])[] = [];
    const walk = (value: unknown, at: readonly string[]): void => {
      if (at.length > 0) places.push(at);
      if (typeof value === "object" && value !== null) for (const [name, member] of Object.entries(value)) walk(member, [...at, name]);
    };
    walk(good.bundle, []);
    // What proves nothing by itself: how a name is given, and what is stated twice.
    const idle = /mediaType|inclusionPromise|inclusionProof|timestampVerificationData|rfc3161|logIndex|messageDigest|digest|algorithm|integratedTime/;
    fc.assert(fc.property(fc.constantFrom(...places), fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.base64String()), (at, value) => {
      const bundle = structuredClone(good.bundle) as Record<string, unknown>;
      const last = at.at(-1)!;
      const owner = at.slice(0, -1).reduce<Record<string, unknown>>((where, name) => where[name] as Record<string, unknown>, bundle);
      if (JSON.stringify(owner[last]) === JSON.stringify(value)) return;
      owner[last] = value;
      const counts = verifySignature(ann.key, { ...good, bundle: bundle as JsonObject }, BYTES);
      assert.ok(!counts || idle.test(at.join(".")), at.join("."));
    }), { numRuns: 100 });
  });
});

describe("a Sigstore key", () => {
  test("is one for each identity and issuer, whatever else it says", () => {
    assert.ok(samePublicKey(ann.key, { ...ann.key, "x-rstuf-key-name": "other" }));
    assert.ok(!samePublicKey(ann.key, sigstore.holder("ann@example.org", "https://other.example").key));
    assert.ok(!samePublicKey(ann.key, sigstore.holder("bob@example.org").key));
  });

  for (const keyval of [{}, { identity: "ann@example.org" }, { identity: "", issuer: "x" }, { identity: ["a"], issuer: "x" }, { identity: "a".repeat(1025), issuer: "x" }]) {
    test(`with keyval ${JSON.stringify(keyval).slice(0, 40)} is refused`, () => {
      assert.throws(() => parseKey({ ...ann.key, keyval }, "k"), (error) => error instanceof TufError && error.code === "key-malformed");
    });
  }
});

/** A repository whose root Ann and somebody with a key file must both sign. */
async function shared(): Promise<{ stage: RotationStage; rootBy: (version: number) => Root }> {
  const stage = createRotationStage();
  await stage.bootstrap(2);
  const rootBy = (version: number): Root => rootOf({ version, holders: [...stage.holders.slice(0, 1), ann as unknown as RotationStage["holders"][number]], threshold: 2, online: stage.online, expiresMs: START + 90 * DAY_MS });
  const root = rootBy(2);
  const task = await stage.update({ signatures: [...signedBy(root, stage.holders[0]!).signatures, await ann.sign(root)], signed: root });
  await stage.settleAll();
  assert.deepEqual((await stage.ended(task)).details, { role: "root" });
  return { stage, rootBy };
}

describe("a root that somebody with a Sigstore identity signs", () => {
  test("waits for them, keeps their bundle, and is published with it", async () => {
    const { stage, rootBy } = await shared();
    const root = rootBy(3);
    const pending = await stage.update(signedBy(root, stage.holders[0]!));
    await stage.settleAll();
    assert.match(JSON.stringify((await stage.ended(pending)).details), /is pending signatures/);
    const signature = await ann.sign(root);
    const hostile: readonly Signature[] = [
      { ...signature, bundle: {} }, { keyid: signature.keyid, sig: signature.sig }, await ann.sign(root, { identity: "eve@example.org" }), await ann.sign(rootBy(4)),
      { ...stage.holders[0]!.sign(root), bundle: signature.bundle },
    ];
    for (const bad of hostile) {
      const { taskId } = await signMetadata(stage.operations, { role: "root", signature: bad });
      assert.equal((await stage.ended(taskId)).error, "Invalid signature");
    }
    const task = await stage.sign(signature);
    assert.equal(((await getSigning(stage.operations))["root"] as unknown as { signatures: unknown[] }).signatures.length, 2);
    await stage.settleAll();
    assert.deepEqual((await stage.ended(task)).details, { update: "Metadata update finished" });
    const published = JSON.parse(stage.storage.peek("3.root.json")!.toString()) as { signatures: Signature[] };
    assert.deepEqual(published.signatures.find(({ keyid }) => keyid === ann.keyid), signature);
    const files = { read: async (name: string) => stage.storage.peek(name) };
    assert.deepEqual((await fsck({ files, database: stage.database, root: stage.root, now: stage.clock.now() })).faults, []);
  });

  test("may be the first one", async () => {
    const stage = createRotationStage();
    const root = rootOf({ version: 1, holders: [ann as unknown as RotationStage["holders"][number]], threshold: 1, online: stage.online, expiresMs: START + 90 * DAY_MS });
    const signature = await ann.sign(root);
    const days = (expiration: number) => ({ expiration });
    const roles = { root: days(365), targets: days(365), snapshot: days(1), timestamp: days(1), bins: { expiration: 7, number_of_delegated_bins: 2 } };
    await stage.publisher.takeOver();
    await bootstrap(stage.operations, { settings: { roles }, metadata: { root: JSON.parse(JSON.stringify({ signatures: [signature], signed: root })) as JsonObject } });
    await stage.settle();
    assert.deepEqual((JSON.parse(stage.storage.peek("1.root.json")!.toString()) as { signatures: unknown }).signatures, [signature]);
  });

  test("is refused, naming the setting, where no trusted root of Sigstore is configured", async () => {
    const stage = createRotationStage();
    await stage.bootstrap(2);
    const root = rootOf({ version: 2, holders: [...stage.holders, ann as unknown as RotationStage["holders"][number]], threshold: 1, online: stage.online, expiresMs: START + 90 * DAY_MS });
    useForeignScheme(SIGSTORE, undefined);
    try {
      const { error } = await stage.ended(await stage.update(signedBy(root, stage.holders[0]!)));
      assert.match(error ?? "", /keys\.sigstoreTrustedRoot/);
    } finally {
      useForeignScheme(SIGSTORE, await sigstoreScheme(sigstore.trustedRoot));
    }
  });
});

describe("a delegated role that somebody with a Sigstore identity signs", () => {
  test("waits for their bundle, over these bytes and no others, and is published with it", async () => {
    const world = await createWorld();
    await world.bootstrap([{ name: "prod", paths: ["prod/*"], days: 60, keyids: [ann.keyid], threshold: 1 }, { name: "default", paths: ["*"] }], { [ann.keyid]: ann.key });
    const pending = async (): Promise<unknown> => (await world.request("GET", "/api/v1/metadata/sign")).body.data?.metadata?.["prod"]?.signed;
    const sign = async (signature: object) => world.ended("POST", "/api/v1/metadata/sign", { role: "prod", signature });
    const first = await ann.sign(await pending());
    assert.equal((await sign(first)).state, "SUCCESS");

    const { body } = await world.request("POST", "/api/v1/artifacts/", { artifacts: [{ path: "prod/a", info: { length: 1, hashes: { sha256: "ab".repeat(32) } } }] });
    await world.stage.settle();
    const document = await pending();
    const signature = await ann.sign(document);
    const hostile: readonly object[] = [first, { ...signature, bundle: first.bundle }, { ...signature, bundle: {} }, { keyid: signature.keyid, sig: signature.sig }, await ann.sign(document, { identity: "eve@example.org" })];
    for (const bad of hostile) assert.deepEqual(await sign(bad).then(({ state, error }) => [state, error]), ["ERRORED", "Invalid signature"]);
    assert.deepEqual(await world.found("prod/a"), []);

    assert.deepEqual((await sign(signature)).details, { update: "Role prod signing complete" });
    const { version } = (await world.stage.database.role("prod"))!;
    assert.deepEqual((JSON.parse(world.stage.storage.peek(`${String(version)}.prod.json`)!.toString()) as { signatures: unknown }).signatures, [signature]);
    assert.deepEqual(await world.found("prod/a"), ["prod/a"]);
    const { body: task } = await world.request("GET", `/api/v1/task/?task_id=${body.data?.task_id ?? ""}`);
    assert.equal((task as unknown as { data: { state: string } }).data.state, "SUCCESS");
    await world.fsck();
  });
});

describe("rstuf artifact repository", () => {
  test("trusts a root that somebody with a Sigstore identity signed, with --sigstore-trusted-root alone", async () => {
    const cwd = await mkdtemp(join(tmpdir(), "rstuf-sigstore-"));
    const online = createRotationStage().online;
    const root = rootOf({ version: 1, holders: [ann as unknown as RotationStage["holders"][number]], threshold: 1, online, expiresMs: START + 90 * DAY_MS });
    const put = (name: string, value: unknown): Promise<void> => writeFile(join(cwd, name), JSON.stringify(value));
    await put("root.json", { signatures: [await ann.sign(root)], signed: root });
    await put("forged.json", { signatures: [await ann.sign(root, { identity: "eve@example.org" })], signed: root });
    await put("trusted_root.json", sigstore.trustedRoot);
    await put("none.json", {});
    const run = (verb: readonly string[], file: string, ...more: readonly string[]) => runCli(["artifact", "repository", ...verb, "--root", file, ...more], { cwd, now: START });
    const add = ["add", "--name", "tools", "--metadata-url", "http://m", "--artifacts-url", "http://a"];
    useForeignScheme(SIGSTORE, undefined);
    try {
      const without = await run(add, "root.json");
      assert.deepEqual([without.exitCode, /--sigstore-trusted-root/.test(without.stderr)], [1, true], without.stderr);
      const wrong = await run(add, "root.json", "--sigstore-trusted-root", "none.json");
      assert.deepEqual([wrong.exitCode, /none\.json is no trusted root/.test(wrong.stderr)], [1, true], wrong.stderr);
      assert.equal((await run(add, "forged.json", "--sigstore-trusted-root", "trusted_root.json")).exitCode, 1);
      const added = await run(add, "root.json", "--sigstore-trusted-root", "trusted_root.json");
      assert.equal(added.exitCode, 0, added.stderr);
      useForeignScheme(SIGSTORE, undefined);
      assert.equal((await run(["update", "tools"], "root.json", "--sigstore-trusted-root", "trusted_root.json")).exitCode, 0);
    } finally {
      useForeignScheme(SIGSTORE, await sigstoreScheme(sigstore.trustedRoot));
      await rm(cwd, { recursive: true });
    }
  });
});

describe("the trusted root's file", () => {
  test("is read, or refused in one sentence", async () => {
    const folder = await mkdtemp(join(tmpdir(), "rstuf-sigstore-"));
    try {
      const file = join(folder, "trusted_root.json");
      for (const text of ["", "[]", "{}", '{"tlogs":[],"certificateAuthorities":[]}', `{"x":"${"x".repeat(1_048_576)}"}`]) {
        await writeFile(file, text);
        await assert.rejects(useSigstore(file), (error) => error instanceof TrustedRootError && error.message.includes(file));
      }
      await writeFile(file, JSON.stringify(sigstore.trustedRoot));
      await useSigstore(file);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
