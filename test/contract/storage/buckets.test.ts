// The storage contract on the bucket drivers, over HTTP; what they make of answers that
// leave open what happened; and the clones they refuse.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { StorageError, type Storage } from "../../../src/ports/storage.ts";
import type { Clone, Failure, ObjectServer } from "../../fakes/buckets/objects.ts";
import { BUCKET_STORES, bucketHarness, type BucketOptions, type BucketStore } from "./bucket-harness.ts";
import { storageContract } from "./suite.ts";

const ONE = Buffer.from('{"one":1}');
const TWO = Buffer.from('{"two":2}');
const NAME = "1.root.json";
const TIMESTAMP = "timestamp.json";
const yes = (): boolean => true;

interface Stage {
  readonly server: ObjectServer;
  readonly storage: Storage;
  readonly key: (name: string) => string;
}

for (const store of BUCKET_STORES) {
  storageContract(store.name, () => bucketHarness(store));

  describe(`${store.name}: unclear answers to a create`, () => {
    for (const failure of [500, 503, 429, 409, "reset", "hang"] as const) {
      test(`${failure} and not stored: tried again, created`, () => onStage(store, async ({ server, storage, key }) => {
        server.failure = firstPut(failure);
        assert.equal(await storage.create(NAME, ONE), "created");
        assert.deepEqual(server.objects.get(key(NAME))?.bytes, ONE);
      }, { requestMs: 150 }));
    }
    for (const failure of ["stored-reset", "stored-500"] as const) {
      test(`${failure}: read back, and ours`, () => onStage(store, async ({ server, storage }) => {
        server.failure = firstPut(failure);
        assert.equal(await storage.create(NAME, ONE), "created");
        assert.equal(server.seen.filter(({ kind }) => kind === "put").length, 1);
      }));
    }
    test("lands late, after another took the name: other, and the other's bytes stay", () => onStage(store, async ({ server, storage, key }) => {
      server.failure = (seen) => {
        if (seen.kind === "put") return seen.nth === 0 ? "late" : undefined;
        server.tamper(key(NAME), TWO);
        return undefined;
      };
      assert.equal(await storage.create(NAME, ONE), "other");
      assert.deepEqual(server.land(), ["condition"]);
      assert.deepEqual(server.objects.get(key(NAME))?.bytes, TWO);
    }));
    test("lands late, between reading back and the second try: created", () => onStage(store, async ({ server, storage, key }) => {
      server.failure = (seen) => {
        if (seen.kind !== "put") return undefined;
        if (seen.nth === 0) return "late";
        assert.deepEqual(server.land(), ["stored"]);
        return undefined;
      };
      assert.equal(await storage.create(NAME, ONE), "created");
      assert.deepEqual(server.objects.get(key(NAME))?.bytes, ONE);
    }));
    test("a refused condition with nothing there is tried again", () => onStage(store, async ({ server, storage }) => {
      server.failure = firstPut(412);
      assert.equal(await storage.create(NAME, ONE), "created");
    }));
    test("many at once: each unclear answer is settled by itself", () => onStage(store, async ({ server, storage }) => {
      const failures: readonly (Failure | undefined)[] = ["stored-reset", 503, undefined, "reset", "stored-500", 409, undefined];
      server.failure = (seen) => (seen.kind === "put" && seen.nth === 0 ? failures[Number(/([0-9]+)\.a\.json$/.exec(seen.key)?.[1]) % failures.length] : undefined);
      const files = Array.from({ length: 40 }, (_, at) => ({ name: `${String(at + 1)}.a.json`, bytes: Buffer.from(String(at)) }));
      assert.deepEqual(new Set(await storage.createAll(files)), new Set(["created"]));
      assert.deepEqual(new Set(await storage.createAll(files)), new Set(["same"]));
    }));
  });

  describe(`${store.name}: unclear answers to a replace`, () => {
    for (const failure of [500, 503, 409, "reset", "stored-reset", "stored-500"] as const) {
      test(`${failure}: replaced in the end, once`, () => onStage(store, async ({ server, storage, key }) => {
        await storage.create(TIMESTAMP, ONE);
        const { token } = await found(storage, TIMESTAMP);
        server.failure = (seen) => (seen.kind === "put" && seen.nth === 1 ? failure : undefined);
        assert.equal(await storage.replace(TIMESTAMP, TWO, token, yes), "replaced");
        assert.deepEqual(server.objects.get(key(TIMESTAMP))?.bytes, TWO);
        // The token stood for what is gone.
        assert.equal(await storage.replace(TIMESTAMP, ONE, token, yes), "conflict");
      }));
    }
    test("a write that lands late, over a newer timestamp, is refused by the store", () => onStage(store, async ({ server, storage, key }) => {
      const THREE = Buffer.from('{"three":3}');
      await storage.create(TIMESTAMP, ONE);
      const { token } = await found(storage, TIMESTAMP);
      server.failure = (seen) => {
        if (seen.kind === "put") return seen.nth === 1 ? "late" : undefined;
        // Another publisher goes on while we wait for our answer.
        if (seen.kind === "get" && server.seen.filter(({ kind }) => kind === "put").length === 2) server.tamper(key(TIMESTAMP), THREE);
        return undefined;
      };
      assert.equal(await storage.replace(TIMESTAMP, TWO, token, yes), "conflict");
      assert.deepEqual(server.land(), ["condition"]);
      assert.deepEqual(server.objects.get(key(TIMESTAMP))?.bytes, THREE);
    }));
    test("mayWrite is asked before each try", () => onStage(store, async ({ server, storage, key }) => {
      await storage.create(TIMESTAMP, ONE);
      const { token } = await found(storage, TIMESTAMP);
      server.failure = (seen) => (seen.kind === "put" && seen.nth === 1 ? 503 : undefined);
      let left = 1;
      assert.equal(await storage.replace(TIMESTAMP, TWO, token, () => left-- > 0), "conflict");
      assert.deepEqual(server.objects.get(key(TIMESTAMP))?.bytes, ONE);
    }));
    test("the same bytes written anew by somebody do not stop us", () => onStage(store, async ({ server, storage, key }) => {
      await storage.create(TIMESTAMP, ONE);
      const { token } = await found(storage, TIMESTAMP);
      server.tamper(key(TIMESTAMP), ONE);
      assert.equal(await storage.replace(TIMESTAMP, TWO, token, yes), "replaced");
    }));
  });

  describe(`${store.name}: what does not work`, () => {
    test("403 is `denied` at once, whatever is asked", () => onStage(store, async ({ server, storage }) => {
      server.failure = () => 403;
      await refused("denied", () => storage.create(NAME, ONE));
      await refused("denied", () => storage.read(NAME, 100));
      await refused("denied", () => storage.remove(NAME));
      await refused("denied", () => storage.replace(TIMESTAMP, ONE, "absent", yes));
      assert.equal(server.seen.length, 4);
      assert.equal(storage.traits.minReplaceMs, store.name === "gcs" ? 1_000 : 0);
    }));
    test("a store that stays away is `unavailable` when the time is over, and the call may be repeated", () => onStage(store, async ({ server, storage }) => {
      server.failure = () => 503;
      await refused("unavailable", () => storage.create(NAME, ONE));
      await refused("unavailable", () => storage.read(NAME, 100));
      await refused("unavailable", () => storage.remove(NAME));
      server.failure = () => undefined;
      assert.equal(await storage.create(NAME, ONE), "created");
    }, virtualTime()));
    test("nobody listens: `unavailable`, naming the place", async () => {
      const server = await store.serve();
      await server.close();
      const storage = await store.open(server, virtualTime());
      await assert.rejects(storage.read(NAME, 100), (error) => error instanceof StorageError && error.code === "unavailable" && error.message.includes(server.url));
      await storage.close();
    });
    test("an answer cut short is read again, never taken for the file", () => onStage(store, async ({ server, storage }) => {
      await storage.create(NAME, Buffer.alloc(100_000, "x"));
      server.failure = (seen) => (seen.kind === "get" && seen.nth === 0 ? "cut" : undefined);
      assert.equal((await storage.read(NAME, 200_000))?.bytes.length, 100_000);
    }));
  });

  describe(`${store.name}: what is written`, () => {
    test("type and caching go with every object, and no object is shared", () => onStage(store, async ({ server, storage, key }) => {
      await storage.createAll([{ name: NAME, bytes: ONE }, { name: "2.snapshot.json", bytes: TWO }]);
      await storage.replace(TIMESTAMP, ONE, "absent", yes);
      await storage.replace(TIMESTAMP, TWO, (await found(storage, TIMESTAMP)).token, yes);
      for (const name of [NAME, "2.snapshot.json", TIMESTAMP]) {
        const { contentType, cacheControl } = server.objects.get(key(name)) ?? {};
        assert.deepEqual({ contentType, cacheControl }, { contentType: "application/json", cacheControl: name === TIMESTAMP ? "no-cache" : "public, max-age=31536000, immutable" });
      }
      assert.ok(!server.seen.some(({ headers }) => "x-amz-acl" in headers), "no ACL unless asked for");
    }));
    test("no more requests at a time than allowed", () => onStage(store, async ({ server, storage }) => {
      let busy = 0;
      let busiest = 0;
      server.hold = async () => {
        busiest = Math.max(busiest, ++busy);
        // As long as it takes for all that may come to be here.
        for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate);
        busy -= 1;
      };
      await storage.createAll(Array.from({ length: 60 }, (_, at) => ({ name: `${String(at + 1)}.a.json`, bytes: ONE })));
      assert.ok(busiest > 1 && busiest <= 3, `several at a time, and at most 3, not ${String(busiest)}`);
    }, { concurrency: 3 }));
    test("prove leaves nothing behind", () => onStage(store, async ({ server, storage }) => {
      await storage.prove();
      assert.deepEqual([...server.objects.keys()], []);
    }));
  });

  describe(`${store.name}: prove refuses a clone that`, () => {
    const clones: readonly (readonly [string, Clone])[] = [
      ["ignores the condition that nothing be there", { ignoresAbsent: true }],
      ["ignores the condition that the old bytes be there", { ignoresMatch: true }],
      ["checks first and writes later", { checksEarly: true }],
      ["creates what should have been there", { createsOnMatch: true }],
      ["answers 403 for what is not there", { forbidsMissing: true }],
      ["reads what was there before", { readsStale: true }],
      ["deletes nothing", { keepsDeleted: true }],
      ["knows no conditions", { knowsNoConditions: true }],
    ];
    for (const [what, clone] of clones) {
      test(what, () => onStage(store, async ({ server, storage }) => {
        server.clone = clone;
        await refused("unsuitable", () => storage.prove());
      }, virtualTime()));
    }
    test("lets nobody in: that is `denied`, not a missing right to list", () => onStage(store, async ({ server, storage }) => {
      server.failure = () => 403;
      await refused("denied", () => storage.prove());
    }));
  });
}

// ---------------------------------------------------------------- beneath

async function onStage(store: BucketStore, act: (stage: Stage) => Promise<void>, options: BucketOptions = {}): Promise<void> {
  const server = await store.serve();
  const storage = await store.open(server, options);
  try {
    await act({ server, storage, key: (name) => `${store.prefix}${name}` });
  } finally {
    await storage.close();
    await server.close();
  }
}

/** Time that passes only while the storage waits between tries: what is given up is given up at once, however slow the machine. */
function virtualTime(): BucketOptions {
  let nowMs = 0;
  return {
    now: () => nowMs,
    async pause(ms) {
      nowMs += ms * 10;
      await new Promise(setImmediate);
    },
  };
}

const firstPut = (failure: Failure): ObjectServer["failure"] => (seen) => (seen.kind === "put" && seen.nth === 0 ? failure : undefined);

async function found(storage: Storage, name: string): Promise<NonNullable<Awaited<ReturnType<Storage["read"]>>>> {
  const file = await storage.read(name, 1_000_000);
  assert.ok(file !== undefined);
  return file;
}

async function refused(code: StorageError["code"], call: () => Promise<unknown>): Promise<void> {
  await assert.rejects(call, (error) => error instanceof StorageError && error.code === code, code);
}
