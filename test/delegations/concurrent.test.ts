// Two people sign a delegated role in the same instant: over HTTP, each before an API of its own on the
// database, while a publisher works. Nothing is lost.
//
//   ROUNDS=500 npm test -- test/delegations/concurrent.test.ts

import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { filesOfStorage } from "../../src/fsck/files.ts";
import { fsck } from "../../src/fsck/fsck.ts";
import { Publisher } from "../../src/publisher/publisher.ts";
import { parseEnvelope } from "../../src/tuf/parse.ts";
import { verifyThreshold } from "../../src/tuf/threshold.ts";
import { createTestApi } from "../contract/api/fixture.ts";
import { openPostgresSubject } from "../contract/database/postgres.ts";
import { openSqliteSubject } from "../contract/database/sqlite.ts";
import { START, type Subject } from "../contract/database/subject.ts";
import { createFakeClock, createFakeRandom } from "../fakes/clock.ts";
import { DAY_MS, signedRoot, TEST_POLICY } from "../fakes/publisher-stage.ts";
import { createMemorySigners } from "../fakes/signer.ts";
import { createMemoryStorage } from "../fakes/storage.ts";
import { createMemoryTelemetry } from "../fakes/telemetry.ts";
import { person, wanted, type Person } from "./world.ts";

const asked = process.env["ROUNDS"];

for (const [name, open, rounds] of [["SQLite", openSqliteSubject, 40], ["PostgreSQL", openPostgresSubject, 10]] as const) {
  const count = asked === undefined ? rounds : Number(asked);
  test(`${name}: ${String(count)} rounds of two signers at once, and every one is published by both`, { timeout: 600_000 }, async () => {
    const subject = await open();
    try {
      await signTogether(subject, count);
    } finally {
      await subject.close();
    }
  });
}

interface Answer {
  readonly data: { readonly task_id: string; readonly state?: string; readonly result?: { readonly details?: { readonly update?: string } }; readonly metadata?: Readonly<Record<string, { readonly signed: never }>> };
}

async function signTogether(subject: Subject, rounds: number): Promise<void> {
  const { database } = subject;
  const clock = createFakeClock(START);
  const storage = createMemoryStorage();
  const signers = createMemorySigners();
  const root = signedRoot(signers.addEd25519("fn:online"), START + 3650 * DAY_MS);
  const publisher = new Publisher({ database, storage, signers, verify: verifyThreshold, clock, random: createFakeRandom(1), telemetry: createMemoryTelemetry(), policy: TEST_POLICY });
  assert.ok(await publisher.takeOver());
  const settle = async (): Promise<void> => { while (await publisher.turn()); };
  const doors: { readonly origin: string; close(): Promise<void> }[] = [];
  for (const seed of [11, 12]) {
    const { app } = await createTestApi({ given: "fresh", deps: { database: await subject.connect(), clock, random: createFakeRandom(seed) } });
    await app.listen({ host: "127.0.0.1", port: 0 });
    doors.push({ origin: `http://127.0.0.1:${String((app.server.address() as AddressInfo).port)}`, close: () => app.close() });
  }
  const call = async (door: number, method: string, path: string, body?: unknown): Promise<Answer["data"]> => {
    const response = await fetch(doors[door]!.origin + path, { method, ...(body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }) });
    const text = await response.text();
    assert.ok(response.ok, text);
    return (JSON.parse(text) as Answer).data;
  };
  const task = (id: string): Promise<Answer["data"]> => call(0, "GET", `/api/v1/task/?task_id=${id}`);
  const people = [person(), person("ecdsa")] as const;
  const together = async (): Promise<void> => {
    const { metadata } = await call(0, "GET", "/api/v1/metadata/sign");
    const pending = metadata?.["prod"];
    assert.ok(pending, "something waits for prod");
    const sign = (one: Person, door: number): Promise<Answer["data"]> => call(door, "POST", "/api/v1/metadata/sign", { role: "prod", signature: { keyid: one.keyid, sig: one.sign(pending.signed) } });
    const sent = await Promise.all(people.map(sign));
    await settle();
    const said = await Promise.all(sent.map(async ({ task_id: id }) => {
      const { state, result } = await task(id);
      assert.equal(state, "SUCCESS");
      return result?.details?.update ?? "";
    }));
    assert.equal(said.filter((text) => text === "Role prod signing complete").length, 1, said.join());
    assert.equal(said.filter((text) => /^prod v[0-9]+ is pending signatures$/.test(text)).length, 1, said.join());
  };

  const role = wanted({ name: "prod", paths: ["prod/*"], days: 60, keyids: people.map(({ keyid }) => keyid), threshold: 2 });
  const delegations = { keys: Object.fromEntries(people.map(({ keyid, key }) => [keyid, key])), roles: [role] };
  const expiration = { root: 365, targets: 365, snapshot: 1, timestamp: 1 };
  const settings = { roles: { ...Object.fromEntries(Object.entries(expiration).map(([name, days]) => [name, { expiration: days }])), bins: null, delegations } };
  await call(0, "POST", "/api/v1/bootstrap/", { settings, metadata: { root: JSON.parse(root.toString()) as unknown }, timeout: 300 });
  await settle();
  await together();
  for (let round = 0; round < rounds; round++) {
    const { task_id: id } = await call(round % 2, "POST", "/api/v1/artifacts/", { artifacts: [{ path: `prod/${String(round % 7)}`, info: { length: round + 1, hashes: { sha256: "ab".repeat(32) } } }] });
    await settle();
    await together();
    assert.equal((await task(id)).state, "SUCCESS", `round ${String(round)}`);
    const { version } = (await database.role("prod"))!;
    assert.equal(parseEnvelope(storage.peek(`${String(version)}.prod.json`)!, "targets").signatures.length, 2);
  }
  const report = await fsck({ files: filesOfStorage(storage), root, database, now: clock.now() });
  assert.deepEqual([report.faults, report.notes], [[], []]);
  for (const door of doors) await door.close();
}
