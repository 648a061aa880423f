// A database restored from yesterday, over metadata of today (rule 17).

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, test } from "node:test";
import { readiness } from "../../src/operations/readiness.ts";
import { adopt } from "../../src/publisher/adopt.ts";
import { PublisherError } from "../../src/publisher/errors.ts";
import { jump } from "../../src/publisher/jump.ts";
import type { Storage, StoredFile } from "../../src/ports/storage.ts";
import { HOUR_MS, withCalls, World } from "./world.ts";

let world: World;
afterEach(() => world.remove());

const diverged = (error: unknown): boolean => error instanceof PublisherError && error.code === "diverged";
const numbered = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, n) => `${prefix}/${String(n)}`);

/** Eight bins and some artifacts; a copy of the database; then whatever `lost` does, and the copy put back. */
async function restored(before: () => Promise<void>, lost: () => Promise<void>): Promise<void> {
  world = new World();
  await world.open();
  await world.bootstrap(8);
  await world.add(numbered("early", 20));
  await world.settle();
  await before();
  world.backUpDatabase("yesterday.db");
  await lost();
  await world.close();
  world.restoreDatabase("yesterday.db");
  await world.open();
}

describe("a database older than what is published", () => {
  test("nothing is written, and adopting brings back all that was visible, for a client that keeps its cache too", async () => {
    const all = [...numbered("early", 20), ...numbered("late", 30)];
    const visible = all.filter((path) => path !== "early/3" && path !== "late/4");
    let returning: Awaited<ReturnType<World["client"]>>;
    await restored(async () => {
      returning = await world.client();
      await returning.refresh();
    }, async () => {
      await world.add(numbered("late", 30));
      await world.settle();
      await world.drop(["early/3", "late/4"]);
      await world.settle();
      await world.pass(HOUR_MS);
      assert.deepEqual(await world.seen(returning, all), visible);
    });

    const published = world.files();
    await assert.rejects(world.lead(), diverged);
    assert.deepEqual(world.files(), published);
    assert.deepEqual(await world.seen(returning!, all), visible);
    await world.database.halt((await world.hold()).lease, { code: "diverged", reason: "say what to do" });
    assert.equal((await readiness(world.database, world.clock)).ready, false);

    const seen: [number, number][] = [];
    const adopted = await adopt(world.deps, await world.hold(), (read, of) => seen.push([read, of]));
    assert.ok(adopted !== undefined);
    assert.deepEqual(seen, seen.map((_each, at) => [at + 1, seen.length]), "bins too are counted as they are read");
    assert.ok(seen.length > 1);
    assert.deepEqual([adopted.readBack, adopted.dropped], [29, 1]);
    assert.deepEqual([adopted.pressed, adopted.conflicts, adopted.roots], [[], [], []]);
    assert.deepEqual(world.files(), published);
    await world.requireSound();
    assert.deepEqual(await world.seen(returning!, all), visible);

    await world.lead();
    await world.add(["new"]);
    await world.settle();
    assert.deepEqual(await world.seen(returning!, [...all, "new"]), [...visible, "new"]);
    assert.deepEqual(await world.seen(await world.client(), [...all, "new"]), [...visible, "new"]);
    await world.requireSound();
    assert.equal(await adopt(world.deps, await world.hold()), undefined);
  });

  test("pending changes: as published already, done; of a role not published since, still pending; else set aside", async () => {
    const tasks: Record<string, string> = {};
    await restored(async () => {
      await world.pass(HOUR_MS);
      tasks["done"] = await world.add(["twice"]);
      tasks["aside"] = await world.add(["came and went"]);
      tasks["held"] = await world.add(["held"], { held: true });
      tasks["gone"] = await world.drop(["early/1"]);
      tasks["absorbed"] = await world.add(["again"]);
      tasks["last"] = await world.drop(["again"]);
    }, async () => {
      await world.settle();
      await world.drop(["came and went"]);
      await world.settle();
    });
    const adopted = await adopt(world.deps, await world.hold());
    assert.equal(adopted?.done, 4);
    assert.deepEqual(adopted.conflicts.map(({ task, path }) => [task, path]), [[tasks["aside"], "came and went"], [tasks["held"], "held"]]);
    for (const name of ["done", "gone", "absorbed", "last"]) assert.equal((await world.task(tasks[name]!)).result?.state, "SUCCESS", name);
    const aside = (await world.task(tasks["aside"]!)).result;
    assert.equal(aside?.state, "FAILURE");
    assert.match(aside.error ?? "", /conflict/);

    await world.lead();
    assert.deepEqual(await world.seen(await world.client(), ["twice", "came and went", "early/1", "again"]), ["twice"]);
    // Its bin is newer: the lost history may have released it, and removed it again.
    assert.equal((await world.task(tasks["held"]!)).result?.state, "FAILURE");
    await world.requireSound();
  });

  test("changes of a bin that was not published since stay pending, and are published", async () => {
    let waiting = "";
    await restored(async () => { waiting = await world.add(["waits"]); }, async () => {
      // The lost history published another bin only: its own copy of this change was never cut.
      const lease = (await world.database.publisher()).lease;
      await world.database.endTasks(lease, [{ task: waiting, result: { state: "FAILURE", message: "given up", lastUpdateMs: 0 } }]);
      await world.add([await elsewhere("waits")]);
      await world.settle();
    });
    const adopted = await adopt(world.deps, await world.hold());
    assert.deepEqual([adopted?.open, adopted?.done, adopted?.conflicts.length], [1, 0, 0]);
    await world.lead();
    assert.equal((await world.task(waiting)).result?.state, "SUCCESS");
    assert.deepEqual(await world.seen(await world.client(), ["waits"]), ["waits"]);
  });

  test("an import that was pending: page by page, as published already, done; overruled by what was accepted beside it, that counts; else set aside", async () => {
    const all = numbered("import", 60);
    let task = "";
    let beside = "";
    await restored(async () => {
      await world.add([all[1]!, all[2]!], { length: 7 });
      task = await world.import(all);
      beside = await world.drop([all[2]!, all[3]!]);
      await world.add([all[4]!], { length: 8 });
    }, async () => {
      await world.settle();
      await world.drop([all[5]!, all[6]!]);
      await world.settle();
    });
    const adopted = await adopt({ ...world.deps, policy: { ...world.deps.policy, maxBatchChanges: 7 } }, await world.hold());
    // Of requests 5, of the import 60.
    assert.deepEqual([adopted?.done, adopted?.setAside, adopted?.open], [63, 2, 0]);
    assert.deepEqual(adopted?.conflicts.map((conflict) => [conflict.task, conflict.path]).sort(), [[task, all[5]], [task, all[6]]].sort());
    assert.match(adopted.conflicts[0]?.reason ?? "", /^conflict: bins-\d was published again/);
    const { result } = await world.task(task);
    assert.deepEqual([result?.state, result?.details], ["FAILURE", { lines: 60, imported_artifacts: 58, invalid_paths: 0, set_aside: 2 }]);
    assert.equal((await world.task(beside)).result?.state, "SUCCESS");
    await world.lead();
    assert.deepEqual(await world.seen(await world.client(), all), all.filter((_path, n) => ![2, 3, 5, 6].includes(n)));
    await world.requireSound();
  });

  test("an import whose bins were not published since stays pending, but for what their documents say, and is published", async () => {
    const all = numbered("import", 60);
    let task = "";
    await restored(async () => { task = await world.import(all); }, async () => {
      // The lost history gave the import up, and published one bin only.
      await world.database.endTasks((await world.database.publisher()).lease, [{ task, result: { state: "FAILURE", message: "given up", lastUpdateMs: 0 } }]);
      await world.add([all[0]!]);
      await world.settle();
    });
    const adopted = await adopt({ ...world.deps, policy: { ...world.deps.policy, maxBatchChanges: 7 } }, await world.hold());
    assert.equal(adopted?.done, 1);
    assert.ok(adopted.open > 40 && adopted.setAside > 0 && adopted.open + adopted.setAside + adopted.done === 60, JSON.stringify([adopted.open, adopted.setAside]));
    assert.equal((await world.task(task)).result, undefined);
    await world.lead();
    const { result } = await world.task(task);
    assert.deepEqual([result?.state, result?.details?.["set_aside"]], ["FAILURE", adopted.setAside]);
    assert.equal((await world.seen(await world.client(), all)).length, 60 - adopted.setAside);
    await world.requireSound();
  });

  test("a role whose file is missing or damaged is pressed again above everything seen, and a returning client goes on", async () => {
    let returning: Awaited<ReturnType<World["client"]>>;
    await restored(async () => { returning = await world.client(); }, async () => {
      await world.add(numbered("late", 30));
      await world.settle();
      await world.seen(returning, ["late/1"]);
    });
    const versions = await snapshotVersions();
    rmSync(join(world.metadata, `${String(versions.get("bins-0"))}.bins-0.json`));
    writeFileSync(join(world.metadata, `${String(versions.get("bins-1"))}.bins-1.json`), "{");
    const adopted = await adopt(world.deps, await world.hold());
    assert.deepEqual(adopted?.pressed.map(({ role }) => role), ["bins-0", "bins-1"]);
    assert.match(adopted.pressed[0]?.reason ?? "", /missing/);
    assert.match(adopted.pressed[1]?.reason ?? "", /damaged/);
    await world.lead();
    const after = await snapshotVersions();
    for (const [role, version] of after) assert.ok(version >= versions.get(role)!, role);
    assert.ok(after.get("bins-0")! > Math.max(...versions.values()));
    assert.ok((await world.seen(returning!, numbered("early", 20))).length === 20);
    await world.requireSound();
  });

  test("without the snapshot every role is pressed again above everything seen", async () => {
    let returning: Awaited<ReturnType<World["client"]>>;
    await restored(async () => { returning = await world.client(); }, async () => {
      await world.add(numbered("late", 30));
      await world.settle();
      await world.seen(returning, ["late/1"]);
    });
    const versions = await snapshotVersions();
    rmSync(join(world.metadata, [...world.files().keys()].filter((name) => name.endsWith(".snapshot.json")).sort((a, b) => parseInt(a) - parseInt(b)).at(-1)!));
    const adopted = await adopt(world.deps, await world.hold());
    assert.equal(adopted?.pressed.length, 9);
    assert.equal(adopted.roles.length, 0);
    await world.lead();
    for (const [role, version] of await snapshotVersions()) assert.ok(version > Math.max(...versions.values()), role);
    assert.deepEqual(await world.seen(returning!, ["early/1", "late/1"]), ["early/1"]);
    await world.requireSound();
  });

  test("what was committed and never shown is published again, once", async () => {
    const task = await committedUnseen(() => world.add(["early/1", "ours"], { length: 2 }));
    const adopted = await adopt(world.deps, await world.hold());
    assert.ok(adopted !== undefined);
    await world.lead();
    const { result } = await world.task(task);
    assert.ok(result?.state === "SUCCESS" || adopted.conflicts.length > 0);
    const client = await world.client();
    assert.deepEqual(await world.seen(client, ["late"]), ["late"]);
    assert.equal((await client.find("early/1"))?.target.length, adopted.conflicts.some(({ path }) => path === "early/1") ? 1 : 2);
    await world.requireSound();
  });

  test("a change of delegations that was committed and never shown is published again, whole", async () => {
    const role = { name: "custom", terminating: true, keyids: [], threshold: 1, paths: ["early/*"] };
    const task = await committedUnseen(() => world.delegate({ action: "add", keys: {}, roles: [role] }));
    await adopt(world.deps, await world.hold());
    await world.lead();
    const { result } = await world.task(task);
    assert.deepEqual([result?.state, result?.details?.["delegated_roles"], result?.details?.["failed_roles"]], ["SUCCESS", ["custom"], []]);
    assert.ok((await snapshotVersions()).has("custom"));
    const client = await world.client();
    assert.deepEqual(await world.seen(client, ["early/1", "late"]), ["early/1", "late"]);
    assert.equal((await client.find("early/1"))?.role, "custom");
    await world.requireSound();
  });

  test("nothing is read back that the delegated keys did not sign", async () => {
    await restored(() => Promise.resolve(), async () => {
      await world.add(numbered("late", 30));
      await world.settle();
    });
    const name = `${String((await snapshotVersions()).get("bins-3"))}.bins-3.json`;
    const bin = JSON.parse(world.files().get(name)!) as { signed: { targets: Record<string, unknown> } };
    bin.signed.targets["forged"] = { length: 1, hashes: { sha256: "ab".repeat(32) } };
    writeFileSync(join(world.metadata, name), JSON.stringify(bin));
    const adopted = await adopt(world.deps, await world.hold());
    assert.deepEqual(adopted?.pressed.map(({ role }) => role), ["bins-3"]);
    assert.equal((await world.database.listed(undefined, ["forged"])).size, 0);
    await world.lead();
    await world.requireSound();
  });

  test("roots that follow from ours are read back; one that does not stops everything", async () => {
    let returning: Awaited<ReturnType<World["client"]>>;
    await restored(async () => { returning = await world.client(); }, async () => {
      for (const version of [2, 3]) writeFileSync(join(world.metadata, `${String(version)}.root.json`), world.rootOf(version));
      await world.add(["late"]);
      await world.settle();
      assert.equal((await returning.refresh()).root, 3);
    });
    writeFileSync(join(world.metadata, "4.root.json"), world.rootOf(4, generateKeyPairSync("ed25519").privateKey));
    await assert.rejects(world.hold().then((hold) => adopt(world.deps, hold)), (error: unknown) => error instanceof PublisherError && error.code === "foreign");
    assert.equal((await world.database.envelope("root"))?.version, 1);
    rmSync(join(world.metadata, "4.root.json"));

    assert.deepEqual((await adopt(world.deps, await world.hold()))?.roots, [2, 3]);
    assert.deepEqual(await world.database.setting("trusted_root"), JSON.parse(world.rootOf(3).toString()), "the next one is made from it");
    await world.requireSound();
    await world.lead();
    await world.add(["new"]);
    await world.settle();
    assert.deepEqual(await world.seen(returning!, ["late", "new"]), ["late", "new"]);
    await world.requireSound();
  });

  test("cut off before its commit nothing changed, after it all is done; either way it may be run again", async () => {
    await restored(() => Promise.resolve(), async () => {
      await world.add(["late"]);
      await world.settle();
    });
    const cut = { before: new Error("killed before"), after: new Error("killed after") };
    const dying = (when: "before" | "after"): typeof world.deps => ({
      ...world.deps,
      database: new Proxy(world.database, {
        get: (target, name) => {
          const own: unknown = Reflect.get(target, name);
          if (name !== "adopt") return typeof own === "function" ? (own as () => unknown).bind(target) : own;
          return async (...args: Parameters<typeof target.adopt>) => {
            if (when === "before") throw cut.before;
            await target.adopt(...args);
            throw cut.after;
          };
        },
      }),
    });
    const published = world.files();
    await assert.rejects(world.hold().then((hold) => adopt(dying("before"), hold)), cut.before);
    assert.equal((await world.database.publisher()).seq, 2);
    await assert.rejects(world.lead(), diverged);
    await assert.rejects(world.hold().then((hold) => adopt(dying("after"), hold)), cut.after);
    assert.equal(await adopt(world.deps, await world.hold()), undefined);
    assert.deepEqual(world.files(), published);
    await world.lead();
    assert.deepEqual(await world.seen(await world.client(), ["late"]), ["late"]);
    await world.requireSound();
  });

  test("another repository's timestamp, or another root in the chain, is never adopted", async () => {
    await restored(() => Promise.resolve(), async () => {
      await world.add(["late"]);
      await world.settle();
    });
    writeFileSync(join(world.metadata, "2.root.json"), world.root);
    const code = (error: unknown): boolean => error instanceof PublisherError && error.code === "foreign";
    await assert.rejects(world.hold().then((hold) => adopt(world.deps, hold)), code);
    rmSync(join(world.metadata, "2.root.json"));

    const timestamp = JSON.parse(world.files().get("timestamp.json")!) as { signatures: { sig: string }[]; signed: { version: number } };
    timestamp.signed.version += 1;
    writeFileSync(join(world.metadata, "timestamp.json"), JSON.stringify(timestamp));
    await assert.rejects(world.hold().then((hold) => adopt(world.deps, hold)), code);
    assert.equal((await world.database.publisher()).seq, 2);
  });
});

describe("database and metadata restored together", () => {
  test("after a jump every role is above what a returning client has seen", async () => {
    world = new World();
    await world.open();
    await world.bootstrap(4);
    await world.add(["one"]);
    await world.settle();
    const returning = await world.client();
    world.backUpDatabase("yesterday.db");
    const yesterday = world.files();
    await world.add(numbered("late", 9));
    await world.settle();
    await world.seen(returning, ["one"]);
    await world.close();
    world.restoreDatabase("yesterday.db");
    for (const name of world.files().keys()) rmSync(join(world.metadata, name));
    for (const [name, bytes] of yesterday) writeFileSync(join(world.metadata, name), bytes, "latin1");
    await world.open();
    await world.lead();
    await assert.rejects(world.seen(returning, ["one"]), { code: "timestamp-rollback" });

    const jumped = await jump(world.deps, await world.hold(), 1000);
    assert.ok(jumped !== undefined);
    await world.lead();
    assert.equal((await world.task(jumped.task)).result?.state, "SUCCESS");
    for (const [role, version] of await snapshotVersions()) assert.ok(version > 1000, role);
    assert.deepEqual(await world.seen(returning, ["one", "late/1"]), ["one"]);
    await world.requireSound();
  });
});

/** The publisher of a restored database commits what `accept` asks for before it learns that storage went on. */
async function committedUnseen(accept: () => Promise<string>): Promise<string> {
  await restored(() => Promise.resolve(), async () => {
    await world.add(["late"]);
    await world.settle();
  });
  const timestamp = world.files().get("timestamp.json")!;
  const unseen = async (storage: Storage): Promise<StoredFile> => ({ ...(await storage.read("timestamp.json", 99_999))!, bytes: (await world.database.head())!.timestamp });
  let sees = false;
  await world.close();
  await world.open((storage) => withCalls(storage, { read: (name, most) => (name === "timestamp.json" && !sees ? unseen(storage) : storage.read(name, most)) }));
  await world.lead();
  sees = true;
  const task = await accept();
  await assert.rejects(world.settle(), diverged);
  assert.equal((await world.database.publisher()).seq, 3);
  await world.close();
  await world.open();
  assert.equal(world.files().get("timestamp.json"), timestamp);
  await assert.rejects(world.lead(), diverged);
  return task;
}

async function snapshotVersions(): Promise<Map<string, number>> {
  const timestamp = JSON.parse(world.files().get("timestamp.json")!) as { signed: { meta: Record<string, { version: number }> } };
  const snapshot = JSON.parse(world.files().get(`${String(timestamp.signed.meta["snapshot.json"]!.version)}.snapshot.json`)!) as { signed: { meta: Record<string, { version: number }> } };
  return new Map(Object.entries(snapshot.signed.meta).map(([file, { version }]) => [file.replace(".json", ""), version]));
}

/** A path in another bin than `path`. */
async function elsewhere(path: string): Promise<string> {
  const { delegationTreeOf, ownerOf } = await import("../../src/roles/delegation.ts");
  const { parseEnvelope } = await import("../../src/tuf/parse.ts");
  const tree = delegationTreeOf(parseEnvelope((await world.database.envelope("targets"))!.bytes, "targets").signed);
  for (let n = 0; ; n++) if (ownerOf(tree, `other/${String(n)}`) !== ownerOf(tree, path)) return `other/${String(n)}`;
}
