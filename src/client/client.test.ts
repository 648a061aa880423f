import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { hashHex } from "../tuf/crypto.ts";
import type { FakeClock } from "../../test/fakes/clock.ts";
import { createMemoryCache } from "../../test/fakes/client-storage.ts";
import { ARTIFACTS_URL, createStage, METADATA_URL, NOW } from "../../test/fakes/client-setup.ts";
import { FetchError } from "../ports/fetcher.ts";
import { createTestKey, DAY_MS, RepositoryBuilder } from "../../test/fakes/repository-builder.ts";

function simple(options: Partial<ConstructorParameters<typeof RepositoryBuilder>[0]> = {}): RepositoryBuilder {
  const repository = new RepositoryBuilder({ now: NOW, bins: 16, ...options });
  repository.add("a/b.txt", "hello");
  repository.publish();
  return repository;
}

/** The whole body after a minute. */
async function* late(clock: FakeClock, body: Uint8Array): AsyncGenerator<Uint8Array> {
  await clock.sleep(60_000);
  yield body;
}

describe("refresh", () => {
  test("a fresh client fetches the top-level roles, and nothing more", async () => {
    const stage = createStage(simple());
    const versions = await stage.client().refresh();
    assert.deepEqual(versions, { root: 1, timestamp: stage.repository.timestamp.version, snapshot: stage.repository.snapshot.version, targets: 1 });
    assert.deepEqual(stage.asked(), ["2.root.json", "timestamp.json", `${String(versions.snapshot)}.snapshot.json`, "1.targets.json"]);
  });

  test("a returning client fetches the next root and timestamp.json only", async () => {
    const stage = createStage(simple());
    await stage.client().find("a/b.txt");
    stage.asked();
    assert.ok(await stage.client().find("a/b.txt"));
    assert.deepEqual(stage.asked(), ["2.root.json", "timestamp.json"]);
  });

  test("a returning client fetches what changed", async () => {
    const stage = createStage(simple());
    await stage.client().find("a/b.txt");
    stage.asked();
    stage.repository.add("a/b.txt", "hello again");
    stage.repository.publish();
    stage.serve();
    const found = await stage.client().find("a/b.txt");
    assert.equal(found?.target.length, 11);
    assert.deepEqual(
      stage.asked().map((name) => name.replace(/^\d+\.(?!root)/, "")),
      ["2.root.json", "timestamp.json", "snapshot.json", `${String(stage.repository.binOf("a/b.txt"))}.json`],
    );
  });

  test("files have plain names where snapshots are not consistent", async () => {
    const stage = createStage(simple({ consistentSnapshot: false }));
    await stage.client().find("a/b.txt");
    assert.deepEqual(stage.asked(), ["2.root.json", "timestamp.json", "snapshot.json", "targets.json", `${String(stage.repository.binOf("a/b.txt"))}.json`]);
  });

  test("many searches at once load each role once", async () => {
    const stage = createStage(simple());
    const client = stage.client();
    await client.refresh();
    stage.asked();
    await Promise.all(Array.from({ length: 20 }, () => client.find("a/b.txt")));
    assert.equal(stage.asked().length, 1);
  });

  test("a failed refresh is not remembered", async () => {
    const stage = createStage(simple());
    const client = stage.client();
    stage.fetcher.web.clear();
    await assert.rejects(client.find("a/b.txt"), { code: "metadata-not-found" });
    stage.serve();
    assert.ok(await client.find("a/b.txt"));
  });

  for (const { role } of [{ role: "timestamp" }, { role: "snapshot" }, { role: "targets" }, { role: "bins-0" }]) {
    for (const { name, damage } of [
      { name: "cut short", damage: (bytes: Buffer) => bytes.subarray(0, 40) },
      { name: "empty", damage: () => Buffer.alloc(0) },
      { name: "with a flipped byte", damage: (bytes: Buffer) => { const copy = Buffer.from(bytes); const at = copy.indexOf("expires") + 12; copy[at] = (copy[at] ?? 0) ^ 1; return copy; } },
    ]) {
      test(`a cached ${role} ${name} counts as absent`, async () => {
        const repository = new RepositoryBuilder({ now: NOW, bins: 2 });
        for (let index = 0; index < 8; index += 1) repository.add(String(index), "x");
        repository.publish();
        const stage = createStage(repository);
        const findAll = async () => {
          const client = stage.client();
          for (let index = 0; index < 8; index += 1) assert.ok(await client.find(String(index)));
        };
        await findAll();
        const kept = stage.cache.kept.get(role);
        assert.ok(kept);
        stage.cache.kept.set(role, damage(kept));
        await findAll();
        assert.deepEqual(stage.cache.kept.get(role), kept);
      });
    }
  }

  for (const { name, status } of [
    { name: "404", status: "not-found" as const },
    { name: "403, as some buckets say", status: "denied" as const },
  ]) {
    test(`${name} for the next root ends the chain`, async () => {
      const stage = createStage(simple());
      stage.fetcher.web.set(`${METADATA_URL}2.root.json`, new FetchError(status, "no"));
      assert.equal((await stage.client().refresh()).root, 1);
    });
  }

  for (const status of ["gone", "unavailable"] as const) {
    test(`${status} for the next root fails the refresh: it may be there`, async () => {
      const stage = createStage(simple());
      stage.fetcher.web.set(`${METADATA_URL}2.root.json`, new FetchError(status, "no"));
      await assert.rejects(stage.client().refresh(), { code: "metadata-unavailable" });
    });
  }

  test("a root chain that comes slowly, but never too slowly, ends with the refresh's own deadline", async () => {
    const stage = createStage(simple());
    for (let count = 0; count < 50; count += 1) stage.repository.publishRoot();
    stage.serve();
    for (const [url, answer] of [...stage.fetcher.web]) {
      if (answer instanceof Uint8Array) stage.fetcher.web.set(url, late(stage.clock, answer));
    }
    const outcome = assert.rejects(stage.client().refresh(), { code: "too-slow" });
    await stage.clock.whenSleeping();
    await stage.clock.advance(700_000);
    await outcome;
    assert.ok(stage.asked().length < 15);
  });

  test("what a parent says of the length goes before what a client reads by itself", async () => {
    const small = { limits: { snapshotBytes: 10, targetsBytes: 10 } };
    const told = createStage(simple({ hashes: "all" }));
    assert.ok(await told.client(small).find("a/b.txt"));
    assert.ok(await told.client(small).find("a/b.txt"), "from the cache too");
    const untold = createStage(simple({ hashes: "none" }));
    await assert.rejects(untold.client(small).refresh(), { code: "metadata-too-large" });
    const boasting = createStage(simple({ hashes: "all" }));
    await assert.rejects(boasting.client({ limits: { announcedBytes: 200 } }).refresh(), { code: "metadata-too-large", message: /over the 200/ });
  });

  test("a frozen timestamp ends the update: nothing more is fetched", async () => {
    const stage = createStage(simple());
    await stage.client().refresh();
    stage.asked();
    stage.clock.jump(40 * DAY_MS);
    stage.repository.publishRoot((root) => { root.expires = stage.repository.expires(400); });
    stage.serve();
    await assert.rejects(stage.client().refresh(), { code: "timestamp-expired" });
    assert.deepEqual(stage.asked(), ["2.root.json", "3.root.json", "timestamp.json"]);
  });

  test("a failed search is not remembered", async () => {
    const stage = createStage(simple());
    const client = stage.client();
    await client.refresh();
    stage.fetcher.web.clear();
    await assert.rejects(client.find("a/b.txt"), { code: "metadata-not-found" });
    stage.serve();
    assert.ok(await client.find("a/b.txt"));
  });

  test("a new timestamp key also lets go of what the old snapshot listed (TUF 5.3.11)", async () => {
    const stage = createStage(simple());
    const bin = stage.repository.binOf("a/b.txt") ?? "";
    const document = stage.repository.role(bin);
    document.version = 900;
    stage.repository.snapshot.meta[`${bin}.json`] = { version: 900 };
    stage.repository.put(bin, 900, stage.repository.sign(bin, document));
    stage.repository.publishSnapshot();
    stage.repository.publishTimestamp();
    stage.serve();
    assert.equal((await stage.client().find("a/b.txt"))?.version, 900);
    stage.repository.rotate(["timestamp"]);
    stage.repository.publishRoot();
    stage.repository.role(bin);
    stage.repository.publish();
    stage.serve();
    assert.ok(((await stage.client().find("a/b.txt"))?.version ?? 900) < 900);
  });

  test("a slow process does not put an older timestamp over a newer one in a shared cache", async () => {
    const stage = createStage(simple());
    const oldTimestamp = stage.repository.fileOf("timestamp");
    let newer: Buffer | undefined;
    stage.fetcher.web.set(`${METADATA_URL}timestamp.json`, () => {
      // While this answer is under way, another process finishes a newer refresh.
      stage.repository.publish();
      newer = stage.repository.fileOf("timestamp");
      stage.cache.kept.set("timestamp", newer);
      return oldTimestamp;
    });
    await stage.client().refresh();
    assert.deepEqual(stage.cache.kept.get("timestamp"), newer);
  });
});

describe("the trusted root", () => {
  test("without one, nothing is fetched", async () => {
    const stage = createStage(simple());
    await assert.rejects(stage.client({ trust: "cache" }).refresh(), { code: "no-trusted-root" });
    assert.deepEqual(stage.asked(), []);
  });

  test("is taken on first use only when asked, and once", async () => {
    const stage = createStage(simple());
    await stage.client({ trust: "first-use" }).refresh();
    assert.equal(stage.asked()[0], "1.root.json");
    const other = simple();
    stage.serve(other.files);
    await assert.rejects(stage.client({ trust: "first-use" }).refresh(), { code: "threshold" });
  });

  test("is the newest of the cache when none is given", async () => {
    const stage = createStage(simple());
    stage.repository.publishRoot();
    stage.serve();
    await stage.client().refresh();
    stage.asked();
    await stage.client({ trust: "cache" }).refresh();
    assert.equal(stage.asked()[0], "3.root.json");
  });

  test("a damaged newest root of the cache is passed over for the one before", async () => {
    const stage = createStage(simple());
    stage.repository.publishRoot();
    stage.serve();
    await stage.client().refresh();
    stage.cache.kept.set("root-2", Buffer.from("{"));
    stage.asked();
    assert.equal((await stage.client({ trust: "cache" }).refresh()).root, 2);
    assert.equal(stage.asked()[0], "2.root.json");
  });

  for (const { name, forget } of [
    { name: "the cached chain", forget: [] },
    { name: "a cached chain with a gap", forget: ["root-2"] },
    { name: "a cached chain that begins above it", forget: ["root-1"] },
  ]) {
    test(`a given root of another repository displaces ${name}, also when nothing more can be had`, async () => {
      const stage = createStage(simple());
      stage.repository.publishRoot();
      stage.repository.publishRoot();
      stage.serve();
      await stage.client().refresh();
      for (const kept of forget) stage.cache.kept.delete(kept);
      const other = simple();
      const root = other.files.get("1.root.json");
      assert.ok(root);
      stage.serve(new Map(), new Map());
      await assert.rejects(stage.client({ trust: { root } }).refresh(), { code: "metadata-not-found" });
      assert.deepEqual(await stage.cache.rootVersions(), [1]);
      stage.serve(other.files);
      assert.equal((await stage.client({ trust: "cache" }).refresh()).root, 1);
    });
  }

  test("a given root that the cache does not hold keeps what follows from it", async () => {
    const stage = createStage(simple());
    stage.repository.publishRoot();
    stage.repository.publishRoot();
    stage.serve();
    await stage.client().refresh();
    stage.cache.kept.delete("root-1");
    stage.asked();
    assert.equal((await stage.client().refresh()).root, 3);
    assert.equal(stage.asked()[0], "4.root.json");
  });

  test("a given older root does not undo the guard against rollback", async () => {
    const stage = createStage(simple());
    const second = stage.repository.publishRoot();
    stage.repository.rotate(["timestamp"]);
    stage.repository.publishRoot();
    stage.repository.publish();
    const early = stage.repository.copyFiles();
    stage.repository.publish();
    stage.serve();
    await stage.client({ trust: { root: second } }).refresh();
    stage.serve(early);
    await assert.rejects(stage.client().refresh(), { code: "timestamp-rollback" });
  });

  test("a given root beyond a change of keys lets go of what the old keys signed", async () => {
    const stage = createStage(simple({ versions: "each" }));
    stage.repository.snapshot.version = 900;
    stage.repository.publishSnapshot();
    stage.repository.publishTimestamp();
    stage.serve();
    assert.equal((await stage.client().refresh()).snapshot, 901);
    // Fast-forward recovery (TUF 5.3.11) by a new snapshot key, told to the client by a newer first root.
    stage.repository.rotate(["snapshot"]);
    const root = stage.repository.publishRoot();
    stage.repository.snapshot.version = 1;
    stage.repository.publish();
    stage.serve();
    assert.equal((await stage.client({ trust: { root } }).refresh()).snapshot, 2);
  });

  test("a chain of 256 is followed at once, a longer one by the next refresh", async () => {
    const stage = createStage(simple());
    for (let count = 0; count < 299; count += 1) stage.repository.publishRoot();
    stage.serve();
    assert.equal((await stage.client().refresh()).root, 257);
    assert.equal((await stage.client().refresh()).root, 300);
  });

  test("a refusal after 256 roots says that the chain goes on", async () => {
    const stage = createStage(simple());
    for (let count = 0; count < 260; count += 1) stage.repository.publishRoot();
    stage.repository.rotate(["timestamp", "snapshot", "targets"]);
    stage.repository.publishRoot();
    stage.repository.publish();
    stage.serve();
    await assert.rejects(stage.client().refresh(), { code: "threshold", message: /stopped at root version 257/ });
    assert.equal((await stage.client().refresh()).root, 262);
  });
});

describe("find", () => {
  test("finds nothing by the name of an object's own methods", async () => {
    const stage = createStage(simple({ bins: 0 }));
    for (const path of ["toString", "constructor", "hasOwnProperty"]) assert.equal(await stage.client().find(path), undefined);
  });

  for (const { style } of [{ style: "succinct" as const }, { style: "classic" as const }]) {
    for (const bins of [2, 8, 32, 256]) {
      test(`finds every path in its bin (${style}, ${String(bins)})`, async () => {
        const repository = new RepositoryBuilder({ now: NOW, bins, binStyle: style });
        for (let index = 0; index < 40; index += 1) repository.add(`dir/${String(index)}`, "x");
        repository.publish();
        const client = createStage(repository).client();
        for (let index = 0; index < 40; index += 1) assert.equal((await client.find(`dir/${String(index)}`))?.role, repository.binOf(`dir/${String(index)}`));
      });
    }
  }

  test("the first role in order of priority wins", async () => {
    const repository = new RepositoryBuilder({ now: NOW });
    repository.delegate("targets", "first", { paths: ["a/*"] });
    repository.delegate("targets", "second", { paths: ["*/*"] });
    repository.add("a/x", "one", "first");
    repository.add("a/x", "second", "second");
    repository.add("a/y", "second", "second");
    repository.publish();
    const client = createStage(repository).client();
    assert.equal((await client.find("a/x"))?.role, "first");
    assert.equal((await client.find("a/y"))?.role, "second");
    assert.equal(await client.find("a/z"), undefined);
  });

  test("a child is searched before its parent's next sibling", async () => {
    const repository = new RepositoryBuilder({ now: NOW });
    repository.delegate("targets", "first");
    repository.delegate("first", "child");
    repository.delegate("targets", "second");
    repository.add("x", "child", "child");
    repository.add("x", "second", "second");
    repository.publish();
    assert.equal((await createStage(repository).client().find("x"))?.role, "child");
  });

  test("a terminating delegation ends the search after its own subtree", async () => {
    const repository = new RepositoryBuilder({ now: NOW });
    repository.delegate("targets", "first", { terminating: true });
    repository.delegate("first", "child");
    repository.delegate("targets", "second");
    repository.add("x", "second", "second");
    repository.add("y", "child", "child");
    repository.publish();
    const client = createStage(repository).client();
    assert.equal(await client.find("x"), undefined);
    assert.equal((await client.find("y"))?.role, "child");
  });

  test("a terminating delegation further down ends the whole search too", async () => {
    const repository = new RepositoryBuilder({ now: NOW });
    repository.delegate("targets", "first");
    repository.delegate("first", "child", { terminating: true });
    repository.delegate("targets", "second");
    repository.add("x", "second", "second");
    repository.publish();
    assert.equal(await createStage(repository).client().find("x"), undefined);
  });

  test("a terminating delegation for other paths ends nothing", async () => {
    const repository = new RepositoryBuilder({ now: NOW });
    repository.delegate("targets", "first", { terminating: true, paths: ["other/*"] });
    repository.delegate("targets", "second");
    repository.add("x", "second", "second");
    repository.publish();
    assert.equal((await createStage(repository).client().find("x"))?.role, "second");
  });

  test("a cycle of delegations ends", async () => {
    const repository = new RepositoryBuilder({ now: NOW });
    const key = createTestKey();
    repository.delegate("targets", "a", {}, [key]);
    repository.delegate("a", "b", {}, [key]);
    repository.delegate("b", "a", {}, [key]);
    repository.publish();
    assert.equal(await createStage(repository).client().find("x"), undefined);
  });

  test("a role that two roles delegate to needs the trust of the one that leads to it", async () => {
    const repository = new RepositoryBuilder({ now: NOW });
    const right = createTestKey();
    repository.delegate("targets", "a");
    repository.delegate("targets", "b");
    repository.delegate("a", "shared", { paths: ["by-a"] }, [createTestKey()]);
    repository.delegate("b", "shared", { paths: ["by-b"] }, [right]);
    repository.add("by-a", "x", "shared");
    repository.add("by-b", "x", "shared");
    repository.publish();
    const client = createStage(repository).client();
    assert.equal((await client.find("by-b"))?.role, "shared");
    await assert.rejects(client.find("by-a"), { code: "threshold" });
  });

  test("32 delegated roles are searched, the 33rd is refused by name of the limit", async () => {
    const build = (count: number) => {
      const repository = new RepositoryBuilder({ now: NOW });
      const key = createTestKey();
      for (let index = 1; index <= count; index += 1) repository.delegate("targets", `role-${String(index)}`, {}, [key]);
      repository.add("x", "x", `role-${String(count)}`);
      repository.publish();
      return createStage(repository).client();
    };
    assert.equal((await build(32).find("x"))?.role, "role-32");
    await assert.rejects(build(33).find("x"), { code: "delegations-limit" });
  });

  test("a role on the way that is missing fails the search", async () => {
    const repository = new RepositoryBuilder({ now: NOW });
    repository.delegate("targets", "first");
    repository.delegate("targets", "second");
    repository.add("x", "x", "second");
    repository.publishRoles();
    delete repository.snapshot.meta["first.json"];
    repository.publishSnapshot();
    repository.publishTimestamp();
    await assert.rejects(createStage(repository).client().find("x"), { code: "targets-not-in-snapshot" });
  });
});

describe("download", () => {
  test("puts verified bytes where the destination says", async () => {
    const stage = createStage(simple());
    const seen: number[] = [];
    const got = await stage.client().download("a/b.txt", stage.destination, { progress: (received, length) => seen.push(received, length) });
    assert.equal(got.state, "downloaded");
    assert.equal(got.file, "/memory/a/b.txt");
    assert.equal(String(stage.destination.files.get("a/b.txt")), "hello");
    assert.deepEqual(seen, [5, 5]);
  });

  test("leaves the right file alone, and replaces a wrong one", async () => {
    const stage = createStage(simple());
    const client = stage.client();
    stage.destination.files.set("a/b.txt", Buffer.from("hello"));
    stage.asked();
    assert.equal((await client.download("a/b.txt", stage.destination)).state, "unchanged");
    assert.ok(!stage.asked().includes("files/a/b.txt"));
    stage.destination.files.set("a/b.txt", Buffer.from("jello"));
    assert.equal((await client.download("a/b.txt", stage.destination)).state, "downloaded");
    assert.equal(String(stage.destination.files.get("a/b.txt")), "hello");
  });

  test("an empty artifact downloads", async () => {
    const repository = new RepositoryBuilder({ now: NOW });
    repository.add("empty", "");
    repository.publish();
    const stage = createStage(repository);
    await stage.client().download("empty", stage.destination);
    assert.deepEqual(stage.destination.files.get("empty"), Buffer.alloc(0));
  });

  test("a path nobody lists is refused", async () => {
    const stage = createStage(simple());
    await assert.rejects(stage.client().download("a/c.txt", stage.destination), { code: "artifact-unknown" });
  });

  test("a listed artifact that the server does not have", async () => {
    const stage = createStage(simple());
    stage.fetcher.web.delete(`${ARTIFACTS_URL}a/b.txt`);
    await assert.rejects(stage.client().download("a/b.txt", stage.destination), { code: "artifact-not-found" });
    assert.equal(stage.destination.open.size, 0);
  });

  test("an unsafe name is refused before anything is fetched", async () => {
    const stage = createStage(simple());
    await assert.rejects(stage.client().download("../x", stage.destination), { code: "unsafe-name" });
    assert.deepEqual(stage.asked(), []);
  });

  test("every known hash must match, unknown ones are passed over, none is refused", async () => {
    const repository = new RepositoryBuilder({ now: NOW });
    repository.add("both", "x", "targets", ["sha256", "sha512"]);
    repository.add("odd", "x");
    repository.add("unknown", "x");
    const { targets } = repository.role("targets");
    Object.assign(targets["both"]?.hashes ?? {}, { sha512: "0".repeat(128) });
    Object.assign(targets["odd"]?.hashes ?? {}, { "future-hash": "ab" });
    if (targets["unknown"]) targets["unknown"].hashes = { "future-hash": "ab" };
    repository.publish();
    const stage = createStage(repository);
    const client = stage.client();
    await assert.rejects(client.download("both", stage.destination), { code: "artifact-hash" });
    assert.equal((await client.download("odd", stage.destination)).state, "downloaded");
    await assert.rejects(client.download("unknown", stage.destination), { code: "artifact-hash-unknown" });
  });

  test("asks for the hash before the last segment only when told, and snapshots are consistent", async () => {
    const hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    for (const { hashPrefix, consistentSnapshot, asks } of [
      { hashPrefix: true, consistentSnapshot: true, asks: `files/a/${hash}.b.txt` },
      { hashPrefix: true, consistentSnapshot: false, asks: "files/a/b.txt" },
      { hashPrefix: false, consistentSnapshot: true, asks: "files/a/b.txt" },
    ]) {
      const stage = createStage(simple({ consistentSnapshot }));
      stage.fetcher.web.set(`${ARTIFACTS_URL}a/${hash}.b.txt`, "hello");
      await stage.client({ hashPrefix }).download("a/b.txt", stage.destination);
      assert.equal(stage.asked().at(-1), asks);
    }
  });

  test("two clients share a cache", async () => {
    const cache = createMemoryCache();
    const stage = createStage(simple(), { cache });
    const [first, second] = await Promise.all([stage.client().find("a/b.txt"), stage.client().find("a/b.txt")]);
    assert.deepEqual(first, second);
  });
});

describe("a download that broke off", () => {
  const BIG = Buffer.alloc(3_000_000, "0123456789");
  const url = `${ARTIFACTS_URL}big.bin`;
  /** So much comes, and then the connection breaks. */
  const cut = (bytes: Buffer, at: number) => async function* (): AsyncGenerator<Uint8Array> {
    for (let from = 0; from < at; from += 100_000) yield bytes.subarray(from, Math.min(at, from + 100_000));
    throw new FetchError("unavailable", "the connection broke");
  };
  const stageOf = () => {
    const repository = simple();
    repository.add("big.bin", BIG);
    repository.publish();
    const stage = createStage(repository);
    const froms: (number | undefined)[] = [];
    const fetcher = { fetch: (address: string, options?: { readonly signal?: AbortSignal; readonly from?: number }) => {
      if (address === url) froms.push(options?.from);
      return stage.fetcher.fetch(address, options);
    } };
    const brokenOff = async (bytes: Buffer, at: number): Promise<void> => {
      stage.fetcher.web.set(url, cut(bytes, at)());
      await assert.rejects(stage.client({ fetcher }).download("big.bin", stage.destination), { code: "artifact-unavailable" });
      assert.equal(stage.destination.open.size, 0);
      stage.fetcher.web.set(url, BIG);
    };
    return { stage, froms, brokenOff, again: () => stage.client({ fetcher }).download("big.bin", stage.destination) };
  };

  test("goes on behind what came, and is verified whole", async () => {
    const { stage, froms, brokenOff, again } = stageOf();
    await brokenOff(BIG, 2_000_000);
    assert.equal((await again()).state, "downloaded");
    assert.ok(stage.destination.files.get("big.bin")?.equals(BIG));
    assert.deepEqual(froms, [undefined, 2_000_000]);
    assert.equal(stage.destination.left.size, 0);
  });

  test("of which wrong bytes were left is fetched once more from its beginning", async () => {
    const { stage, froms, brokenOff, again } = stageOf();
    await brokenOff(Buffer.alloc(3_000_000, "x"), 2_000_000);
    assert.equal((await again()).state, "downloaded");
    assert.ok(stage.destination.files.get("big.bin")?.equals(BIG));
    assert.deepEqual(froms, [undefined, 2_000_000, undefined]);
  });

  test("of which more was left than there is, or all of it, or another server's rest comes", async () => {
    for (const { left, asks } of [{ left: Buffer.concat([BIG, BIG]), asks: [undefined] }, { left: BIG, asks: [] }]) {
      const { stage, froms, again } = stageOf();
      stage.destination.left.set(hashHex("sha256", BIG), left);
      assert.equal((await again()).state, "downloaded");
      assert.ok(stage.destination.files.get("big.bin")?.equals(BIG));
      assert.deepEqual(froms, asks);
    }
  });

  test("from a server that lies about the whole is refused, after two tries, and nothing is kept", async () => {
    for (const lie of [Buffer.alloc(3_000_000, "x"), Buffer.alloc(4_000_000, "0123456789")]) {
      const { stage, froms, brokenOff, again } = stageOf();
      await brokenOff(BIG, 2_000_000);
      stage.fetcher.web.set(url, lie);
      await assert.rejects(again(), { code: lie.length > BIG.length ? "artifact-too-large" : "artifact-hash" });
      assert.deepEqual(froms, [undefined, 2_000_000, undefined]);
      assert.ok(!stage.destination.files.has("big.bin") && stage.destination.left.size === 0);
    }
  });

  test("is broken off by its signal; of a small one nothing is left", async () => {
    const { stage, again } = stageOf();
    const stop = new AbortController();
    stage.fetcher.web.set(url, cut(BIG, 3_000_000)());
    await assert.rejects(stage.client().download("big.bin", stage.destination, { signal: stop.signal, progress: (received) => { if (received >= 2_000_000) stop.abort(); } }), { code: "artifact-unavailable" });
    assert.equal([...stage.destination.left.values()][0]?.length, 2_000_000);
    stage.fetcher.web.set(url, cut(BIG, 900_000)());
    stage.destination.left.clear();
    await assert.rejects(again());
    assert.equal(stage.destination.left.size, 0);
  });
});
