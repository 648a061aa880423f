// The recorded transcripts against the API with a publisher behind it, both on fakes.
//
// The private halves of the recorded keys are not ours. So the root of the recorded bootstrap
// is replayed with keys of the same types under the same keyids, signed anew; that the
// recorded signatures verify is a test of its own.

import assert from "node:assert/strict";
import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { SettingValue } from "../../../src/ports/database.ts";
import { checkBootstrapRoot } from "../../../src/roles/bootstrap.ts";
import { canonicalize } from "../../../src/tuf/canonical.ts";
import type { Json } from "../../../src/tuf/documents.ts";
import { person, type Person } from "../../delegations/world.ts";
import { createPublisherStage, type Stage } from "../../fakes/publisher-stage.ts";
import { ARTIFACT_DEVIATIONS, BOOTSTRAP_DEVIATIONS, DELEGATION_DEVIATIONS } from "./deviations.ts";
import { createTestApi, HEADERS } from "./fixture.ts";
import { replayTranscript, type ReplayTarget } from "./replay.ts";

const RECORDED_AT = Date.parse("2026-11-22T18:26:46Z");

function transcript(name: string): string {
  return readFileSync(join(import.meta.dirname, "transcripts", name), "utf8");
}

async function targetOver(stage: Stage): Promise<ReplayTarget> {
  const { app } = await createTestApi({ given: "fresh", deps: { database: stage.database, clock: stage.clock } });
  return {
    async request(method, path, json) {
      const payload = json === null ? {} : { payload: json as object };
      const response = await app.inject({ method: method as "GET", url: path, headers: HEADERS, ...payload });
      return { status: response.statusCode, body: response.json() };
    },
    settle: () => stage.settle(),
  };
}

interface RecordedRoot {
  signatures: { keyid: string; sig: string }[];
  signed: { keys: Record<string, { keytype: string; keyval: { public: string } }>; roles: { root: { keyids: string[] } } };
}

/** The transcript with every key replaced by one of ours, and its root signed by them; those of `people` are ours already. */
function withOurKeys(text: string, stage: Stage, people: ReadonlyMap<string, Person> = new Map()): string {
  const [recorded] = rootsOf(text);
  assert.ok(recorded);
  let replaced = text;
  const privateKeys = new Map<string, KeyObject>();
  for (const [keyid, key] of Object.entries(recorded.signed.keys)) {
    if (people.has(keyid)) continue;
    if (key.keytype === "rsa") {
      const ours = stage.signers.addRsa(`fn:${keyid}`);
      replaced = replaced.replaceAll(JSON.stringify(key.keyval.public), JSON.stringify(ours.keyval.public));
      continue;
    }
    const pair = key.keytype === "ed25519" ? generateKeyPairSync("ed25519") : generateKeyPairSync("ec", { namedCurve: "P-256" });
    privateKeys.set(keyid, pair.privateKey);
    const ours = key.keytype === "ed25519"
      ? Buffer.from(pair.publicKey.export({ format: "jwk" }).x ?? "", "base64url").toString("hex")
      : pair.publicKey.export({ type: "spki", format: "pem" });
    replaced = replaced.replaceAll(JSON.stringify(key.keyval.public), JSON.stringify(ours));
  }
  const [root] = rootsOf(replaced);
  const canonical = canonicalize(root!.signed);
  for (const { keyid, sig } of recorded.signatures) {
    const one = people.get(keyid);
    if (one !== undefined) {
      replaced = replaced.replaceAll(sig, one.sign(root!.signed));
      continue;
    }
    const key = privateKeys.get(keyid)!;
    const ours = sign(key.asymmetricKeyType === "ed25519" ? null : "sha256", canonical, key).toString("hex");
    replaced = replaced.replaceAll(sig, ours);
  }
  return replaced;
}

/** The transcript with the keys of people replaced by ours of the same kinds, under the same keyids; and who they are. */
function withOurPeople(text: string): { readonly text: string; readonly people: ReadonlyMap<string, Person> } {
  const people = new Map<string, Person>();
  let replaced = text;
  for (const line of text.trim().split("\n")) {
    const { request } = JSON.parse(line) as { request?: { json?: { delegations?: Delegated; settings?: { roles: { delegations?: Delegated } } } | null } };
    const { keys = {} } = request?.json?.delegations ?? request?.json?.settings?.roles.delegations ?? {};
    for (const [keyid, key] of Object.entries(keys)) {
      if (people.has(keyid)) continue;
      const one = person(key.keytype);
      people.set(keyid, one);
      replaced = replaced.replaceAll(JSON.stringify(key.keyval.public), JSON.stringify(one.key.keyval["public"]));
    }
  }
  return { text: replaced, people };
}

interface Delegated {
  readonly keys?: Readonly<Record<string, { readonly keytype: "rsa" | "ed25519"; readonly keyval: { readonly public: string } }>>;
}

/** Whoever signs in the transcript signs what waits here. */
function signing(target: ReplayTarget, people: ReadonlyMap<string, Person>): ReplayTarget {
  return {
    settle: () => target.settle(),
    async request(method, path, json) {
      const { role, signature } = (json ?? {}) as { role?: string; signature?: { keyid: string } };
      if (path !== "/api/v1/metadata/sign" || role === undefined || signature === undefined) return target.request(method, path, json);
      const { body } = await target.request("GET", path, null);
      const waiting = (body as { data: { metadata: Record<string, { signed: Json }> } }).data.metadata[role];
      assert.ok(waiting, `nothing waits for ${role}`);
      return target.request(method, path, { role, signature: { keyid: signature.keyid, sig: people.get(signature.keyid)?.sign(waiting.signed) } });
    },
  };
}

/** The signed roots that were posted. */
function rootsOf(text: string): RecordedRoot[] {
  return text.trim().split("\n").flatMap((line) => {
    const { request } = JSON.parse(line) as { request?: { json?: { metadata?: { root?: RecordedRoot } } | null } };
    const root = request?.json?.metadata?.root;
    return root?.signatures !== undefined && root.signatures.length > 0 ? [root] : [];
  });
}

describe("recorded transcripts", () => {
  test("bins-artifacts-config is answered as recorded, and every task ends as it did", async () => {
    const stage = createPublisherStage({ startMs: RECORDED_AT });
    await stage.bootstrap(4);
    const report = await replayTranscript(transcript("bins-artifacts-config.jsonl"), await targetOver(stage), ARTIFACT_DEVIATIONS);
    assert.deepEqual(report.faults, []);
    assert.equal(report.compared, 31);
  });

  test("bootstrap-validation-errors is answered as recorded, up to the finished repository", async () => {
    const stage = createPublisherStage({ startMs: RECORDED_AT });
    await stage.publisher.takeOver();
    const text = withOurKeys(transcript("bootstrap-validation-errors.jsonl"), stage);
    const report = await replayTranscript(text, await targetOver(stage), BOOTSTRAP_DEVIATIONS);
    assert.deepEqual(report.faults, []);
    assert.equal(report.compared, 25);
  });

  test("custom-delegations is answered as recorded, with people who sign", async () => {
    const stage = createPublisherStage({ startMs: RECORDED_AT });
    await stage.publisher.takeOver();
    const { text, people } = withOurPeople(transcript("custom-delegations.jsonl"));
    const report = await replayTranscript(withOurKeys(text, stage, people), signing(await targetOver(stage), people), DELEGATION_DEVIATIONS);
    assert.deepEqual(report.faults, []);
    assert.equal(report.compared, 47 - DELEGATION_DEVIATIONS.filter(({ skip }) => skip === true).length);
  });

  test("the recorded root verifies as it was signed", () => {
    const [root] = rootsOf(transcript("bootstrap-validation-errors.jsonl"));
    const bytes = Buffer.from(JSON.stringify(root as unknown as SettingValue));
    assert.equal(checkBootstrapRoot(bytes, RECORDED_AT, { allowUnportable: false }).complete, true);
  });

  test("a difference is reported, a recorded 500 without a row too, and a row that fits no line", async () => {
    const line = (status: number, response: unknown): string => JSON.stringify({ request: { method: "GET", path: "/", json: null }, status, response });
    const text = [line(200, { message: "a" }), line(500, "Internal Server Error"), line(200, { message: "b" })].join("\n");
    const target: ReplayTarget = { request: () => Promise.resolve({ status: 200, body: { message: "b" } }), settle: () => Promise.resolve() };
    const report = await replayTranscript(text, target, [{ line: 7, reason: "none" }]);
    assert.deepEqual(report.faults.map((fault) => fault.split(":")[0]), ["line 0 (GET /)", "line 1 (GET /)", "line 1 (GET /)", "line 1 (GET /)", "deviation for line 7 matches no line"]);
  });
});
