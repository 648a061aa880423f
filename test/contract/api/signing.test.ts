// Signing over HTTP, with a publisher behind it: roots come, are signed, stopped, refused.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { DAY_MS, START } from "../../fakes/publisher-stage.ts";
import { signedBy } from "../../fakes/root-holders.ts";
import { createRotationStage, type RotationStage, type RotationStageOptions } from "../../fakes/rotation-stage.ts";
import { createTestApi, HEADERS } from "./fixture.ts";

interface Task {
  readonly data: { readonly task_id: string; readonly state: string; readonly result?: Record<string, unknown> };
}

interface World {
  readonly stage: RotationStage;
  readonly call: (line: string, payload?: unknown) => Promise<{ readonly status: number; readonly body: unknown }>;
  /** Sends, lets the publisher work, and answers the task. */
  readonly done: (line: string, payload: unknown) => Promise<Task["data"]>;
}

async function world(options: RotationStageOptions = {}): Promise<World> {
  const stage = createRotationStage(options);
  await stage.bootstrap(4);
  const { app } = await createTestApi({ given: "fresh", deps: { database: stage.database, clock: stage.clock } });
  const call: World["call"] = async (line, payload) => {
    const [method, url] = line.split(" ") as ["GET", string];
    const response = await app.inject({ method, url, headers: { ...HEADERS, "content-type": "application/json" }, ...(payload === undefined ? {} : { payload: JSON.stringify(payload) }) });
    return { status: response.statusCode, body: response.json() };
  };
  return {
    stage,
    call,
    async done(line, payload) {
      const { status, body } = await call(line, payload);
      assert.equal(status, 202, JSON.stringify(body));
      await stage.settleAll();
      return ((await call(`GET /api/v1/task/?task_id=${(body as Task).data.task_id}`)).body as Task).data;
    },
  };
}

describe("root over HTTP", () => {
  test("is posted, shown raw beside the trusted one, signed, and published", async () => {
    const { stage, call, done } = await world({ people: 2, threshold: 2 });
    const root = signedBy(stage.plan(2, { expiresMs: START + 30 * DAY_MS }), stage.holders[0]!);
    const posted = await done("POST /api/v1/metadata", { metadata: { root } });
    assert.deepEqual([posted.state, posted.result?.["task"], posted.result?.["message"], posted.result?.["details"]], ["SUCCESS", "metadata_update", "Metadata Update Processed", { role: "root", update: "Root v2 is pending signatures" }]);
    const shown = (await call("GET /api/v1/metadata/sign/")).body as { data: { metadata: Record<string, unknown> } };
    assert.deepEqual(shown.data.metadata, { root: JSON.parse(JSON.stringify(root)) as unknown, trusted_root: JSON.parse(stage.root.toString()) as unknown });
    const config = (await call("GET /api/v1/config")).body as { data: Record<string, unknown> };
    assert.deepEqual(config.data["root_signing"], shown.data.metadata["root"]);

    const signed = await done("POST /api/v1/metadata/sign/", { role: "root", signature: stage.holders[1]!.sign(root.signed) });
    assert.deepEqual([signed.state, signed.result?.["task"], signed.result?.["details"]], ["SUCCESS", "sign_metadata", { update: "Metadata update finished" }]);
    assert.deepEqual((await call("GET /api/v1/metadata/sign")).body, { message: "No metadata pending signing available" });
    const after = (await call("GET /api/v1/config")).body as { data: Record<string, { signed: { version: number } } | null> };
    assert.equal(after.data["trusted_root"]?.signed.version, 2);
    assert.equal(after.data["root_signing"], null);
    assert.ok(!Object.hasOwn(after.data, "rotation"));
  });

  test("is stopped once, and only while it waits", async () => {
    const { stage, call, done } = await world({ people: 2, threshold: 2 });
    await done("POST /api/v1/metadata/", { metadata: { root: signedBy(stage.plan(2), stage.holders[0]!) } });
    const stopped = await done("POST /api/v1/metadata/sign/delete/", { role: "root" });
    assert.equal(stopped.result?.["message"], "Deletion of root metadata successful, signing process stopped");
    const again = await call("POST /api/v1/metadata/sign/delete", { role: "root" });
    assert.deepEqual(again, { status: 404, body: { detail: { message: "No signing process for root.", error: "The root role is not in a signing process." }, code: "not-signing" } });
  });

  test("is the only thing there is while the first one waits: everything else says so", async () => {
    const { stage, call } = await world({ people: 2, threshold: 2, firstSigners: 1 });
    const delegations = { keys: {}, roles: [{ name: "r", terminating: true, keyids: [], threshold: 1, paths: ["r/*"] }] };
    const rows = [
      ["POST /api/v1/metadata/", { metadata: { root: signedBy(stage.plan(2), ...stage.holders) } }], ["POST /api/v1/metadata/online", { roles: [] }],
      ["POST /api/v1/delegations/", { delegations }], ["PUT /api/v1/delegations/", { delegations }], ["POST /api/v1/delegations/delete", { delegations }],
      ["POST /api/v1/artifacts/", { artifacts: [] }], ["POST /api/v1/artifacts/delete", { artifacts: ["a"] }], ["PUT /api/v1/config/", { settings: { expiration: { root: 1 } } }], ["GET /api/v1/config/", undefined],
    ] as const;
    for (const [line, payload] of rows) {
      const { status, body } = await call(line, payload);
      assert.deepEqual([status, (body as { code?: string }).code], [404, "bootstrap-required"], line);
      assert.match((body as { detail: { error: string } }).detail.error, /requires bootstrap( finished)?\. State: signing$/i, line);
    }
    assert.deepEqual((await stage.database.signingEvents()).map(({ role, kind }) => [role, kind]), [["root", "bootstrap"]]);
  });

  test("nothing at all is no metadata, and other roles are none", async () => {
    const { call, done } = await world();
    const nothing = await done("POST /api/v1/metadata/", { metadata: {} });
    assert.deepEqual([nothing.state, nothing.result?.["message"], nothing.result?.["error"]], ["ERRORED", "Metadata Update Failed", "Unsupported Metadata type"]);
    const { status } = await call("POST /api/v1/metadata/", { metadata: { targets: {} } });
    assert.equal(status, 422);
  });

  test("a private key in it is refused, and not repeated", async () => {
    const { stage, call } = await world();
    const root = stage.plan(2);
    const [keyid, key] = Object.entries(root.keys)[0]!;
    const bad = { ...root, keys: { ...root.keys, [keyid]: { ...key, keyval: { ...key.keyval, private: "secret-secret" } } } };
    const { status, body } = await call("POST /api/v1/metadata/", { metadata: { root: signedBy(bad, stage.holders[0]!) } });
    assert.equal(status, 422);
    assert.ok(!JSON.stringify(body).includes("secret-secret"));
  });

  test("hostile documents and signatures are never a 500, and change nothing", async () => {
    const { stage, call } = await world({ people: 2, threshold: 2 });
    const good = JSON.parse(JSON.stringify(signedBy(stage.plan(2), stage.holders[0]!))) as Record<string, unknown>;
    const settings = await stage.database.settings();
    const paths = fc.constantFrom("signatures", "signed", "signed.keys", "signed.roles", "signed.roles.root", "signed.roles.root.keyids", "signed.roles.root.threshold", "signed.roles.timestamp",
      "signed.version", "signed.expires", "signed.spec_version", "signed._type", "signed.consistent_snapshot", "signatures.0", "signatures.0.keyid", "signatures.0.sig");
    await fc.assert(fc.asyncProperty(paths, fc.jsonValue({ maxDepth: 2 }), async (path, value) => {
      const root = structuredClone(good);
      const names = path.split(".");
      let at = root;
      for (const name of names.slice(0, -1)) at = at[name] as Record<string, unknown>;
      if (JSON.stringify(at[names.at(-1)!]) === JSON.stringify(value)) return;
      at[names.at(-1)!] = value;
      const { status, body } = await call("POST /api/v1/metadata/", { metadata: { root } });
      assert.ok(status === 202 || status === 422, `${String(status)} ${JSON.stringify(body)}`);
      await stage.settleAll();
      assert.deepEqual(await stage.database.signingEvents(), []);
      assert.deepEqual(await stage.database.settings(), settings);
    }), { numRuns: 150 });
    await fc.assert(fc.asyncProperty(fc.jsonValue({ maxDepth: 2 }), fc.jsonValue({ maxDepth: 2 }), async (role, signature) => {
      for (const [line, payload] of [["POST /api/v1/metadata/sign", { role, signature }], ["POST /api/v1/metadata/sign/delete", { role }], ["POST /api/v1/metadata/", { metadata: role, compromised: signature }]] as const) {
        const { status } = await call(line, payload);
        assert.ok([202, 404, 422].includes(status), `${line} ${String(status)}`);
      }
    }), { numRuns: 60 });
    assert.deepEqual(await stage.database.settings(), settings);
    assert.deepEqual(stage.storage.peek("2.root.json"), undefined);
  });
});

