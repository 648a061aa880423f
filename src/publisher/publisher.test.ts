import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createPublisherStage, DAY_MS, type Stage } from "../../test/fakes/publisher-stage.ts";
import { parseEnvelope } from "../tuf/parse.ts";
import { TrustedSet } from "../tuf/trusted-set.ts";

/** What a client that starts from the trusted root sees: every target of every bin. */
async function seen(stage: Stage): Promise<Map<string, string>> {
  const read = async (name: string): Promise<Buffer> => {
    const file = await stage.storage.read(name, 10_000_000);
    assert.ok(file, `${name} is missing`);
    return file.bytes;
  };
  const trusted = new TrustedSet(stage.root, { now: stage.clock.now() });
  trusted.updateTimestamp(await read("timestamp.json"));
  const timestamp = trusted.timestamp!.signed;
  trusted.updateSnapshot(await read(`${String(timestamp.meta["snapshot.json"].version)}.snapshot.json`));
  const targets = new Map<string, string>();
  for (const [file, meta] of Object.entries(trusted.snapshot!.signed.meta).sort(([a], [b]) => (a === "targets.json" ? -1 : b === "targets.json" ? 1 : 0))) {
    const role = file.slice(0, -".json".length);
    trusted.updateTargets(await read(`${String(meta.version)}.${file}`), role, role === "targets" ? "root" : "targets");
    for (const path of Object.keys(trusted.targets(role)!.signed.targets)) targets.set(path, role);
  }
  return targets;
}

async function bootstrapped(bins = 4): Promise<Stage> {
  const stage = createPublisherStage();
  const task = await stage.bootstrap(bins);
  assert.equal((await stage.task(task)).result?.state, "SUCCESS");
  return stage;
}

describe("bootstrap", () => {
  test("publishes every bin, targets, snapshot, root and timestamp, and ends its task", async () => {
    const stage = createPublisherStage();
    const task = await stage.bootstrap(8);
    assert.deepEqual((await stage.task(task)).result?.details, { bootstrap: `Bootstrap finished ${task}` });
    assert.equal((await seen(stage)).size, 0);
    assert.equal(await stage.database.setting("bootstrap"), task);
    assert.deepEqual((await stage.storage.read("1.root.json", 1_000_000))?.bytes, stage.root);
  });

  test("rounds a number of bins that is no power of two down", async () => {
    const stage = await bootstrapped(7);
    assert.equal(await stage.database.setting("number_of_delegated_bins"), 4);
  });

  test("refuses a storage that holds another repository, and leaves it alone", async () => {
    const stage = createPublisherStage();
    await stage.storage.create("timestamp.json", Buffer.from("somebody else's"));
    const task = await stage.bootstrap(4);
    const { result } = await stage.task(task);
    assert.equal(result?.state, "ERRORED");
    assert.match(result.error ?? "", /already holds timestamp.json/);
    assert.equal((await stage.storage.read("timestamp.json", 100))?.bytes.toString(), "somebody else's");
  });

  test("refuses an expired root with the date", async () => {
    const stage = createPublisherStage({ rootDays: -1 });
    const { result } = await stage.task(await stage.bootstrap(4));
    assert.equal(result?.state, "ERRORED");
    assert.match(result.error ?? "", /root expired at 2029-12-31/);
  });
});

describe("a batch", () => {
  test("makes an added artifact visible to a client, and only then ends its task", async () => {
    const stage = await bootstrapped();
    const task = await stage.add(["a/b.txt"]);
    assert.equal((await stage.task(task)).result, undefined);
    await stage.settle();
    assert.deepEqual([...(await seen(stage)).keys()], ["a/b.txt"]);
    const { result } = await stage.task(task);
    assert.equal(result?.state, "SUCCESS");
    assert.deepEqual(result.details?.["added_artifacts"], ["a/b.txt"]);
  });

  test("names what was put: a role whose name is taken gets another, and the snapshot pressed meanwhile is pressed again", async () => {
    const stage = await bootstrapped();
    const next = (await stage.database.publisher()).counter + 1;
    for (let bin = 0; bin < 4; bin++) await stage.storage.create(`${String(next)}.bins-${String(bin)}.json`, Buffer.from("somebody else's"));
    const task = await stage.add(["a/b.txt"]);
    await stage.settle();
    assert.deepEqual([...(await seen(stage)).keys()], ["a/b.txt"]);
    assert.equal((await stage.task(task)).result?.state, "SUCCESS");
  });

  test("presses each touched role once, whatever the number of requests", async () => {
    const stage = await bootstrapped();
    const before = stage.signers.signatures;
    for (let i = 0; i < 20; i++) await stage.add([`file-${String(i)}`]);
    await stage.settle();
    assert.ok(stage.signers.signatures - before <= 4 + 2, "four bins, snapshot and timestamp at most");
    assert.equal((await seen(stage)).size, 20);
  });

  test("gives no version number twice, across roles and publishes", async () => {
    const stage = await bootstrapped();
    for (let i = 0; i < 5; i++) {
      await stage.add([`f${String(i)}`, `g${String(i)}`]);
      await stage.settle();
    }
    const versions = stage.storage.names().filter((name) => /^\d+\./.test(name) && !name.endsWith(".root.json")).map((name) => name.split(".")[0]);
    assert.equal(new Set(versions).size, versions.length);
  });

  test("removes what is listed, and reports what is not", async () => {
    const stage = await bootstrapped();
    await stage.add(["one", "two"]);
    await stage.settle();
    const task = await stage.remove(["one", "three"]);
    await stage.settle();
    assert.deepEqual([...(await seen(stage)).keys()], ["two"]);
    assert.deepEqual((await stage.task(task)).result?.details, { deleted_artifacts: ["one"], not_found_artifacts: ["three"] });
  });

  test("of removals that find nothing publishes nothing", async () => {
    const stage = await bootstrapped();
    const before = (await stage.database.publisher()).seq;
    const task = await stage.remove(["nothing"]);
    await stage.settle();
    assert.equal((await stage.task(task)).result?.state, "SUCCESS");
    assert.equal((await stage.database.publisher()).seq, before);
  });

  test("applies the last of several changes to one path, and ends all their tasks", async () => {
    const stage = await bootstrapped();
    const tasks = [await stage.add(["p"], { length: 1 }), await stage.remove(["p"]), await stage.add(["p"], { length: 3 })];
    await stage.settle();
    assert.deepEqual([...(await seen(stage)).keys()], ["p"]);
    for (const task of tasks) assert.equal((await stage.task(task)).result?.state, "SUCCESS");
  });

  test("publishes held changes when asked, and not before", async () => {
    const stage = await bootstrapped();
    const held = await stage.add(["later"], { held: true });
    await stage.add(["now"]);
    await stage.settle();
    assert.deepEqual([...(await seen(stage)).keys()], ["now"]);
    assert.equal((await stage.task(held)).result, undefined);
    assert.equal((await stage.task(held)).held, true);
    const release = await stage.releaseHeld();
    await stage.settle();
    assert.deepEqual([...(await seen(stage)).keys()].sort(), ["later", "now"]);
    assert.equal((await stage.task(held)).result?.state, "SUCCESS");
    assert.equal((await stage.task(release)).result?.message, "Publish Artifacts Processed");
  });

  test("lets a newer change absorb an older held one, so that a later release can't undo it", async () => {
    const stage = await bootstrapped();
    const held = await stage.add(["p"], { held: true, length: 1 });
    await stage.add(["p"], { length: 2 });
    await stage.settle();
    assert.equal((await stage.task(held)).result?.state, "SUCCESS");
    await stage.releaseHeld();
    await stage.settle();
    const file = stage.storage.names().filter((name) => name.includes("bins-")).map((name) => ({ name, version: Number(name.split(".")[0]) })).sort((a, b) => b.version - a.version);
    const newest = await Promise.all(file.map(async ({ name }) => parseEnvelope((await stage.storage.read(name, 100_000))!.bytes, "targets").signed.targets["p"]?.length));
    assert.equal(newest.find((length) => length !== undefined), 2);
  });

  test("splits over the batch bound without losing or doubling anything", async () => {
    const stage = createPublisherStage({ policy: { maxBatchChanges: 7 } });
    await stage.bootstrap(4);
    const paths = Array.from({ length: 30 }, (_, i) => `many/${String(i)}`);
    const task = await stage.add(paths);
    await stage.settle();
    assert.deepEqual([...(await seen(stage)).keys()].sort(), [...paths].sort());
    const { result } = await stage.task(task);
    assert.deepEqual(result?.details?.["added_artifacts"], paths);
  });

  test("sets a path aside that clients would order differently, and publishes the rest", async () => {
    const stage = createPublisherStage();
    await stage.bootstrap(2);
    const astral = Array.from({ length: 12 }, (_, i) => `\u{10000}${String(i)}`);
    const high = Array.from({ length: 12 }, (_, i) => `\uFF5E${String(i)}`);
    const first = await stage.add(high);
    await stage.settle();
    const second = await stage.add([...astral, "fine"]);
    await stage.settle();
    assert.equal((await stage.task(first)).result?.state, "SUCCESS");
    const { result } = await stage.task(second);
    assert.equal(result?.state, "FAILURE");
    assert.match(result.message, /order/);
    const all = await seen(stage);
    assert.ok(all.has("fine"));
    for (const path of high) assert.ok(all.has(path));
  });
});

describe("signers that misbehave", () => {
  test("a signature by another key never leaves, and publishing goes on when the signer is right again", async () => {
    const stage = await bootstrapped();
    const before = await stage.storage.read("timestamp.json", 20_000);
    const open = stage.signers.open.bind(stage.signers);
    stage.signers.open = async (uri, key) => {
      const signer = await open(uri, key);
      return { uri, sign: async (bytes) => signer.sign(Buffer.concat([bytes, Buffer.from("x")])) };
    };
    stage.publisher = stage.newPublisher();
    await stage.database.releaseLease((await stage.database.publisher()).lease);
    await stage.publisher.takeOver();
    const task = await stage.add(["p"]);
    await assert.rejects(stage.settle(), { code: "signature-invalid" });
    assert.deepEqual((await stage.storage.read("timestamp.json", 20_000))?.bytes, before?.bytes);
    stage.signers.open = open;
    await stage.settle();
    assert.equal((await stage.task(task)).result?.state, "SUCCESS");
  });
});

describe("storage and database disagree", () => {
  test("a missing timestamp is written again", async () => {
    const stage = await bootstrapped();
    await stage.storage.remove("timestamp.json");
    await stage.clock.advance(DAY_MS / 24);
    await stage.settle();
    assert.equal((await seen(stage)).size, 0);
  });

  test("a damaged timestamp is written again, and the damage is reported", async () => {
    const stage = await bootstrapped();
    await stage.storage.remove("timestamp.json");
    await stage.storage.create("timestamp.json", Buffer.from("{ torn"));
    await stage.clock.advance(DAY_MS / 24);
    await stage.settle();
    assert.equal((await seen(stage)).size, 0);
    assert.ok(stage.telemetry.events.some((event) => /damaged/.test(event.event)));
  });

  test("another repository's timestamp is never overwritten", async () => {
    const stage = await bootstrapped();
    const other = await bootstrapped();
    const foreign = (await other.storage.read("timestamp.json", 20_000))!.bytes;
    await stage.storage.remove("timestamp.json");
    await stage.storage.create("timestamp.json", foreign);
    await stage.add(["p"]);
    await stage.clock.advance(DAY_MS / 24);
    await assert.rejects(stage.settle(), { code: "foreign" });
    assert.deepEqual((await stage.storage.read("timestamp.json", 20_000))?.bytes, foreign);
  });

  test("what an earlier process was halted by is lifted once publishing goes on", async () => {
    const stage = await bootstrapped();
    const { lease } = await stage.database.publisher();
    await stage.database.halt(lease, { code: "diverged", reason: "an older database" });
    await stage.clock.advance(DAY_MS / 24);
    const next = stage.newPublisher();
    assert.equal(await next.takeOver(), true);
    await next.turn();
    assert.equal((await stage.database.publisher()).halted, undefined);
  });
});
