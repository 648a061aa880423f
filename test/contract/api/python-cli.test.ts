// The requests of the Python implementation's own CLI (1.0.0b1), as it spells them, and what it looks at
// in the answers: it compares messages, polls until SUCCESS, ERRORED or FAILURE, wants `status` true
// with SUCCESS and `error` with ERRORED. Written down while that CLI was driven against this service.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SETTINGS } from "../../../src/config/schema.ts";
import type { SettingValue } from "../../../src/ports/database.ts";
import { DAY_MS, START } from "../../fakes/publisher-stage.ts";
import { rootOf, signedBy } from "../../fakes/root-holders.ts";
import { createRotationStage, type RotationStage } from "../../fakes/rotation-stage.ts";
import { createTestApi, HEADERS } from "./fixture.ts";

interface Body {
  readonly message: string;
  readonly data?: { readonly task_id?: string; readonly metadata?: Readonly<Record<string, { signed: { _type: string } }>> };
}

/** As python-requests sends them. */
const SENT = { ...HEADERS, "user-agent": "python-requests/2.34.2", accept: "*/*", "accept-encoding": "gzip, deflate", connection: "keep-alive" };

async function cli(stage: RotationStage) {
  const { app } = await createTestApi({ given: "fresh", deps: { database: stage.database, clock: stage.clock } });
  const get = async (url: string): Promise<Body> => {
    const response = await app.inject({ url, headers: SENT });
    assert.equal(response.statusCode, 200, response.body);
    return response.json();
  };
  return {
    get,
    /** `send_payload` and `task_status`: the state the CLI stops at, with the result it prints. */
    async send(url: string, payload: unknown, message: string) {
      const response = await app.inject({ method: "POST", url, headers: { ...SENT, "content-type": "application/json" }, payload: JSON.stringify(payload) });
      assert.equal(response.statusCode, 202, response.body);
      const body: Body = response.json();
      assert.equal(body.message, message);
      assert.match(body.data?.task_id ?? "", /^[0-9a-f]{32}$/);
      await stage.settleAll();
      const task = (await get(`/api/v1/task/?task_id=${body.data!.task_id!}`)).data as unknown as { state: string; result: { status: boolean; error?: string; details?: unknown } };
      assert.equal(task.result.status, task.state === "SUCCESS");
      return { state: task.state, details: task.result.details, error: task.result.error };
    },
  };
}

const role = (expiration: number) => ({ expiration });

function ceremony(stage: RotationStage, signers: number) {
  const root = signedBy(rootOf({ version: 1, holders: stage.holders, threshold: 2, online: stage.online, expiresMs: START + 365 * DAY_MS }), ...stage.holders.slice(0, signers));
  const roles = { root: role(365), timestamp: role(1), snapshot: role(1), targets: role(365), bins: { expiration: 1, number_of_delegated_bins: 2 }, delegations: null };
  return { settings: { roles }, metadata: { root }, timeout: 300 };
}

async function started(signers: number) {
  const stage = createRotationStage({ people: 3, threshold: 2 });
  await stage.publisher.takeOver();
  const python = await cli(stage);
  assert.deepEqual(await python.get("/api/v1/bootstrap/"), { data: { bootstrap: false }, message: "System available for bootstrap." });
  const payload = ceremony(stage, signers);
  const done = await python.send("/api/v1/bootstrap/", payload, "Bootstrap accepted.");
  assert.equal(done.state, "SUCCESS");
  return { stage, python, root: payload.metadata.root, done };
}

describe("the Python CLI", () => {
  test("bootstraps with one signature of two, and signs the second one", async () => {
    const { stage, python, root, done } = await started(1);
    assert.deepEqual(done.details, { bootstrap: "Root v1 is pending signature" });
    const pending = await python.get("/api/v1/metadata/sign/");
    assert.deepEqual(pending.data?.metadata, { root: JSON.parse(JSON.stringify(root)) as SettingValue });
    const signed = await python.send("/api/v1/metadata/sign/", { signature: stage.holders[1]!.sign(root.signed), role: "root" }, "Metadata sign accepted.");
    assert.deepEqual(signed, { state: "SUCCESS", details: { bootstrap: "Bootstrap Finished" }, error: undefined });
    assert.deepEqual(await python.get("/api/v1/metadata/sign/"), { message: "No metadata pending signing available" });
  });

  test("updates root, stops signing, updates again, and is told when it comes too late", async () => {
    const { stage, python } = await started(2);
    const next = signedBy(rootOf({ version: 2, holders: stage.holders, threshold: 2, online: stage.online, expiresMs: START + 400 * DAY_MS }), stage.holders[0]!);
    const half = await python.send("/api/v1/metadata/", { metadata: { root: next } }, "Metadata update accepted.");
    assert.deepEqual(half.details, { role: "root", update: "Root v2 is pending signatures" });
    assert.deepEqual(Object.keys((await python.get("/api/v1/metadata/sign/")).data!.metadata!), ["root", "trusted_root"]);
    const stopped = await python.send("/api/v1/metadata/sign/delete", { role: "root" }, "Metadata sign delete accepted.");
    assert.equal(stopped.state, "SUCCESS");
    const whole = signedBy(next.signed, stage.holders[0]!, stage.holders[1]!);
    assert.deepEqual((await python.send("/api/v1/metadata/", { metadata: { root: whole } }, "Metadata update accepted.")).details, { role: "root" });
    const again = await python.send("/api/v1/metadata/", { metadata: { root: whole } }, "Metadata update accepted.");
    assert.deepEqual([again.state, again.error], ["ERRORED", "Failed to verify the trust: Expected root version 3 instead got version 2"]);
    const late = await python.send("/api/v1/metadata/sign/", { signature: stage.holders[2]!.sign(next.signed), role: "root" }, "Metadata sign accepted.");
    assert.deepEqual([late.state, late.error], ["ERRORED", "No signatures pending for root"]);
  });

  test("adds and deletes artifacts, length as a string too", async () => {
    const { python } = await started(2);
    const info = { length: "630", hashes: { "blake2b-256": "ab".repeat(32) }, custom: null };
    const added = await python.send("/api/v1/artifacts/", { artifacts: [{ info, path: "a/b/hello.txt" }], add_task_id_to_custom: false, publish_artifacts: true }, "New Artifact(s) successfully submitted.");
    assert.deepEqual((added.details as { added_artifacts: unknown }).added_artifacts, ["a/b/hello.txt"]);
    const removed = await python.send("/api/v1/artifacts/delete", { artifacts: ["a/b/hello.txt", "none"] }, "Remove Artifact(s) successfully submitted.");
    assert.deepEqual(removed.details, { deleted_artifacts: ["a/b/hello.txt"], not_found_artifacts: ["none"] });
  });

  test("that changes the online key sees the new root within the half minute its functional tests wait", () => {
    assert.ok((SETTINGS.get("rotation.settleSeconds")?.value as number) <= 15);
  });
});
