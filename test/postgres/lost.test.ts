// A PostgreSQL that comes back without its last commits, and does not say so (rule 17).

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { systemClock, systemRandom } from "../../src/drivers/clock/system/clock.ts";
import { openPostgres } from "../../src/drivers/database/postgres/postgres.ts";
import { filesOfStorage } from "../../src/fsck/files.ts";
import { fsck } from "../../src/fsck/fsck.ts";
import type { Database } from "../../src/ports/database.ts";
import { adopt } from "../../src/publisher/adopt.ts";
import type { PublisherDeps } from "../../src/publisher/deps.ts";
import { LeaseHold } from "../../src/publisher/lease-hold.ts";
import { Publisher } from "../../src/publisher/publisher.ts";
import { binOf } from "../../src/tuf/bins.ts";
import { verifyThreshold } from "../../src/tuf/threshold.ts";
import { withinAMinute } from "../chaos/within-a-minute.ts";
import { emptyCache, visit, type Cache } from "../crash/clients.ts";
import { signedRoot, TEST_POLICY } from "../fakes/publisher-stage.ts";
import { createMemorySigners } from "../fakes/signer.ts";
import { createMemoryStorage } from "../fakes/storage.ts";
import { createMemoryTelemetry } from "../fakes/telemetry.ts";
import { startPostgres } from "../servers/postgres.ts";

const LEASE_MS = 3_000;

/** The first paths with that beginning that go to the first, or the second, of two bins. */
const pathsOf = (start: string, bin: "bins-0" | "bins-1"): string[] =>
  Array.from({ length: 40 }, (_, n) => `${start}/${String(n)}`).filter((path) => binOf("bins", 1, path) === bin);

async function accept(database: Database, path: string, more: object = {}): Promise<string> {
  const id = randomBytes(16).toString("hex");
  const changes = path === "" ? [] : [{ kind: "add" as const, role: "", path, fragment: `{"hashes":{"sha256":"${"ab".repeat(32)}"},"length":1}` }];
  await database.accept({ task: { id, kind: path === "" ? "bootstrap" : "add_artifacts", createdMs: Date.now(), request: { paths: changes.map((change) => change.path) } }, changes, held: false, limits: { changes: 1e6, bytes: 1e9 }, ...more });
  return id;
}

const ended = (database: Database, task: string): Promise<string> => withinAMinute(() => "the end of a task", async () => (await database.getTask(task))?.result?.state);

test("a database that lost its last commits halts whoever leads: nothing is written until they are adopted, and nothing visible vanishes", { timeout: 120_000 }, async () => {
  await using parts = new AsyncDisposableStack();
  const server = await startPostgres();
  parts.defer(() => server.stop());
  const database = await openPostgres({ url: server.url("postgres") });
  parts.defer(() => database.close());
  const storage = createMemoryStorage();
  const signers = createMemorySigners();
  const deps: PublisherDeps = { database, storage, signers, verify: verifyThreshold, clock: systemClock, random: systemRandom, telemetry: createMemoryTelemetry(), policy: { ...TEST_POLICY, leaseMs: LEASE_MS, refresh: { ...TEST_POLICY.refresh, tickMs: 200 } } };
  const root = signedRoot(signers.addEd25519("fn:online"), Date.now() + 1e11);
  const leads = (): (() => Promise<void>) => {
    const over = new AbortController();
    const running = new Publisher(deps).run(over.signal);
    return async () => {
      over.abort();
      await running;
    };
  };
  const returning: Cache = emptyCache();
  const sees = (cache: Cache): string[] => [...(visit(storage, root, cache, Date.now())?.targets.keys() ?? [])].sort();

  let stop = leads();
  const roles = Object.fromEntries(["root", "targets", "snapshot", "timestamp", "bins"].map((role) => [role, { expiration: 30, ...(role === "bins" ? { number_of_delegated_bins: 2 } : {}) }]));
  const begun = randomBytes(16).toString("hex");
  await accept(database, "", { settings: { bootstrap: `pre-${begun}`, bootstrap_request: { settings: { roles }, metadata: { root: JSON.parse(root.toString()) as Record<string, never> } } }, expectBootstrap: { was: undefined }, task: { id: begun, kind: "bootstrap", createdMs: Date.now(), request: {} } });
  await ended(database, begun);
  await ended(database, await accept(database, "kept"));
  await server.save();
  const lost = pathsOf("lost", "bins-0").slice(0, 2).sort();
  for (const path of lost) assert.equal(await ended(database, await accept(database, path)), "SUCCESS");
  assert.deepEqual(sees(returning), ["kept", ...lost]);

  const [shown, names] = [storage.peek("timestamp.json"), storage.names()];
  await server.goBack();
  const [there = "", elsewhere = ""] = [pathsOf("pending", "bins-0")[0], pathsOf("pending", "bins-1")[0]];
  const conflicting = await accept(database, there);
  const pending = await accept(database, elsewhere);
  // Before that it may tell that it met a server that was away.
  await withinAMinute(() => "a publisher that halts", async () => (await database.publisher()).halted?.code === "diverged" ? true : undefined);
  await sleep(1_000);
  assert.deepEqual(storage.peek("timestamp.json"), shown);
  assert.deepEqual(storage.names(), names, "something was written");
  assert.equal((await database.getTask(pending))?.result, undefined);
  await stop();

  const hold = await withinAMinute(() => "the lease", () => LeaseHold.take(database, systemClock, LEASE_MS, "a person"));
  assert.ok(await adopt(deps, hold));
  await database.releaseLease(hold.lease);
  stop = leads();
  assert.equal(await ended(database, pending), "SUCCESS");
  // Whether the lost history had removed it again nobody knows: its caller is told.
  assert.equal(await ended(database, conflicting), "FAILURE");
  await stop();
  for (const cache of [returning, emptyCache()]) assert.deepEqual(sees(cache), ["kept", ...lost, elsewhere].sort());
  const report = await fsck({ files: filesOfStorage(storage.copy()), root, database, now: Date.now() });
  assert.deepEqual(report.faults, []);
});
