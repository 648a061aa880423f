// A document that a team signed elsewhere, and a publisher that dies at any of its calls: published once, byte
// for byte, with its artifacts and its delegation, or not yet.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fsck } from "../../src/fsck/fsck.ts";
import { filesOfStorage } from "../../src/fsck/files.ts";
import type { Json } from "../../src/tuf/documents.ts";
import { person } from "../delegations/world.ts";
import { Actor } from "./actor.ts";
import { publishAll, until } from "./scenarios.ts";
import { World } from "./world.ts";

const ANN = person();

function document(world: World, version: number, path: string): string {
  const expires = `${new Date(world.clock.now() + 30 * 86_400_000).toISOString().slice(0, 19)}Z`;
  const signed = { _type: "targets", spec_version: "1.0.31", version, expires, targets: { [path]: { length: version, hashes: { sha256: "ab".repeat(32) } } } } as unknown as Json;
  return JSON.stringify({ signatures: [{ keyid: ANN.keyid, sig: ANN.sign(signed) }], signed }, null, 2);
}

/** A repository whose team has uploaded `uploads` documents, the last of which is not published yet. */
async function waiting(uploads: 1 | 2): Promise<{ readonly world: World; readonly task: string; readonly bytes: string }> {
  const world = new World();
  await world.accept(world.bootstrap(2));
  await publishAll(world);
  const role = { name: "team", terminating: true, keyids: [ANN.keyid], threshold: 1, paths: ["team/*"], signing: "outside" as const };
  await world.accept(world.delegates({ action: "add", keys: { [ANN.keyid]: ANN.key }, roles: [role] }));
  await publishAll(world);
  for (let version = 1; ; version++) {
    const bytes = document(world, version, `team/${String(version)}`);
    const request = world.request("metadata_delegation", [{ kind: "document", role: "team", path: "", fragment: bytes }]);
    await world.inner.accept(request);
    if (version === uploads) return { world, task: request.task.id, bytes };
    await publishAll(world);
  }
}

/** The calls that publishing it makes, in order. */
async function callsOf(uploads: 1 | 2): Promise<readonly string[]> {
  const { world } = await waiting(uploads);
  const calls: string[] = [];
  const actor = new Actor(world);
  actor.fault = (call) => {
    calls.push(call.name);
    return undefined;
  };
  actor.start();
  assert.ok(await until(world, async () => (await world.inner.role("team"))?.version === uploads));
  await actor.stop();
  return calls;
}

const WRITES = /^(?:database\.(?:allocate|cut|stage\w+|commit|markVisible|fold)|storage\.(?:create|createAll|replace)\b.*)$/;

for (const uploads of [1, 2] as const) {
  describe(uploads === 1 ? "the first document, with its delegation" : "the next document", async () => {
    const writes = [...new Set((await callsOf(uploads)).filter((name) => WRITES.test(name)))];

    test("there are calls to die at", () => {
      assert.ok(writes.includes("database.commit") && writes.includes("database.stageMoves") && writes.some((name) => name.startsWith("storage.create")), writes.join());
    });

    for (const name of writes) {
      for (const fault of ["killed", "not stored", "failed"] as const) {
        test(`${name}: ${fault}`, async () => {
          const { world, task, bytes } = await waiting(uploads);
          const actor = new Actor(world);
          let met = 0;
          actor.fault = (call) => (call.name === name && met++ === 0 ? fault : undefined);
          actor.start();
          assert.ok(await until(world, async () => actor.dead || (await world.inner.getTask(task))?.result !== undefined));
          if (!actor.dead) await actor.stop();
          await world.clock.advance(15_001);
          await publishAll(world);
          assert.ok(met > 0);
          assert.equal((await world.inner.getTask(task))?.result?.state, "SUCCESS");
          assert.equal(world.storage.copy().peek(`${String(uploads)}.team.json`)?.toString(), bytes);
          assert.deepEqual((await world.inner.artifacts({ role: "team" }, undefined, 9)).map(({ path }) => path), [`team/${String(uploads)}`]);
          const report = await fsck({ files: filesOfStorage(world.storage.copy()), root: world.root, database: world.inner, now: world.clock.now() });
          assert.deepEqual(report.faults, []);
        });
      }
    }
  });
}
