// Online keys change under the eyes of clients, and through a crash at every step.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fsck } from "../../src/fsck/fsck.ts";
import { keyidOf } from "../../src/tuf/keys.ts";
import { parseEnvelope } from "../../src/tuf/parse.ts";
import type { Database } from "../../src/ports/database.ts";
import type { Key } from "../../src/tuf/documents.ts";
import { Publisher } from "../../src/publisher/publisher.ts";
import { signedBy } from "../fakes/root-holders.ts";
import { createRotationStage, type RotationStage } from "../fakes/rotation-stage.ts";
import { Clients } from "./clients.ts";

const EFFECTS: ReadonlySet<string> = new Set(["freezeEvent", "endEvent", "cut", "stageResults", "commit", "markVisible", "fold", "endTasks"]);

class Killed extends Error {}

/** Kills the publisher at its n-th effect, before or after it took place; then nothing of it does anything more. */
interface Trap {
  at: number;
  when: "before" | "after";
  count: number;
  dead: boolean;
  armed: boolean;
}

async function started(bins: number, trap?: Trap): Promise<{ stage: RotationStage; clients: Clients; next: Key }> {
  const stage = createRotationStage();
  await stage.bootstrap(bins);
  const added = await stage.add(["one", "two"]);
  await stage.settle();
  assert.equal((await stage.ended(added)).state, "SUCCESS");
  const clients = new Clients(stage);
  const effect = async <T>(act: () => Promise<T>): Promise<T> => {
    if (trap?.armed !== true) return act();
    if (trap.dead) throw new Killed();
    trap.count += 1;
    if (trap.count === trap.at && trap.when === "before") {
      trap.dead = true;
      throw new Killed();
    }
    const answer = await act();
    if (trap.count === trap.at) {
      trap.dead = true;
      throw new Killed();
    }
    return answer;
  };
  stage.storage.hooks = { after: (operation) => { if (operation === "create" || operation === "replace") clients.look(); } };
  if (trap !== undefined) {
    stage.publisher = await mortal(stage, effect);
    await stage.settle();
    trap.armed = true;
  }
  clients.look();
  return { stage, clients, next: stage.signers.addEcdsa("fn:next") };
}

/** The stage's publisher, on ports through which it can be killed. */
async function mortal(stage: RotationStage, effect: <T>(act: () => Promise<T>) => Promise<T>): Promise<Publisher> {
  const through = <P extends object>(port: P, names: ReadonlySet<string>): P => new Proxy(port, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      const call = (...args: unknown[]): unknown => (value as (...args: unknown[]) => unknown).apply(target, args);
      return typeof name === "string" && names.has(name) ? (...args: unknown[]) => effect(async () => call(...args)) : call;
    },
  });
  const publisher = new Publisher({
    ...stage.deps,
    database: through<Database>(stage.database, EFFECTS),
    storage: through(stage.storage, new Set(["create", "createAll", "replace"])),
  });
  await stage.clock.advance(20_000);
  assert.equal(await publisher.takeOver(), true);
  return publisher;
}

/** What must be so when it is over. */
async function assertDone(stage: RotationStage, clients: Clients, task: string, next: Key, bins: number): Promise<void> {
  assert.deepEqual((await stage.ended(task)).details, { role: "root" });
  clients.look();
  const keyid = keyidOf(next);
  const timestamp = parseEnvelope(stage.storage.peek("timestamp.json")!, "timestamp");
  assert.deepEqual(timestamp.signatures.map((signature) => signature.keyid), [keyid]);
  const snapshot = parseEnvelope(stage.storage.peek(`${String(timestamp.signed.meta["snapshot.json"].version)}.snapshot.json`)!, "snapshot");
  assert.deepEqual(snapshot.signatures.map((signature) => signature.keyid), [keyid]);
  assert.equal(Object.keys(snapshot.signed.meta).length, bins + 1);
  for (const [file, meta] of Object.entries(snapshot.signed.meta)) {
    const role = parseEnvelope(stage.storage.peek(`${String(meta.version)}.${file}`)!, "targets");
    assert.deepEqual(role.signatures.map((signature) => signature.keyid), [keyid], file);
    if (file === "targets.json") assert.deepEqual(Object.keys(role.signed.delegations?.keys ?? {}), [keyid]);
  }
  const settings = await stage.database.settings();
  assert.equal((settings["online_key"] as { keyid: string }).keyid, keyid);
  assert.equal(settings["rotation"] ?? null, null);
  assert.deepEqual(await stage.database.signingEvents(), []);
  const files = { read: async (name: string) => stage.storage.peek(name) };
  const report = await fsck({ files, database: stage.database, root: stage.root, now: stage.clock.now() });
  assert.deepEqual(report.faults, []);
}

const isBins = (rotation: unknown): boolean => (rotation as { phase?: string } | null | undefined)?.phase === "bins";

describe("an online-key rotation", () => {
  test("refuses no client, fresh, returning or in flight, and publishes artifacts meanwhile", async () => {
    const { stage, clients, next } = await started(8);
    const task = await stage.update(signedBy(stage.plan(2, { online: next }), stage.holders[0]!));
    const added: string[] = [];
    for (let i = 0; i < 12; i++) {
      added.push(await stage.add([`path ${String(i)}`]));
      while (await stage.publisher.turn());
      await stage.clock.advance(stage.deps.policy.settleMs / 3);
    }
    await stage.settleAll();
    await assertDone(stage, clients, task, next, 8);
    for (const id of added) assert.equal((await stage.ended(id)).state, "SUCCESS");
    assert.ok(clients.walks > 50, String(clients.walks));
  });

  test("goes through the same phases when the key stays and only its object changes", async () => {
    const { stage, clients } = await started(4);
    // The same key, kept elsewhere: another URI makes another key object, and so another keyid.
    const moved = { ...stage.online, "x-rstuf-key-name": "moved" };
    const task = await stage.update(signedBy(stage.plan(2, { online: moved }), stage.holders[0]!));
    await stage.settleAll();
    await assertDone(stage, clients, task, moved, 4);
  });

  test("a second one waits until the first is done", async () => {
    const { stage, next } = await started(4);
    await stage.update(signedBy(stage.plan(2, { online: next }), stage.holders[0]!));
    while (await stage.publisher.turn());
    const other = stage.signers.addEd25519("fn:other");
    const result = await stage.ended(await stage.update(signedBy(stage.plan(2, { online: other }), stage.holders[0]!)));
    assert.match(result.error ?? "", /under way/);
    await stage.settleAll();
    const task = await stage.update(signedBy(stage.plan(3, { online: other }), stage.holders[0]!));
    await stage.settleAll();
    assert.deepEqual((await stage.ended(task)).details, { role: "root" });
  });

  test("presses bins in slices, between which artifacts are published", async () => {
    const { stage, clients, next } = await started(2048);
    stage.storage.hooks = {};
    const task = await stage.update(signedBy(stage.plan(2, { online: next }), stage.holders[0]!));
    while (await stage.publisher.turn());
    for (let phase = 0; phase < 2; phase++) {
      await stage.clock.advance(stage.deps.policy.settleMs);
      while (!isBins(await stage.database.setting("rotation")) && (await stage.publisher.turn()));
    }
    const added = await stage.add(["between"]);
    await stage.publisher.turn();
    assert.deepEqual(await stage.database.setting("rotation").then(isBins), true, "the bins are not all done");
    assert.equal((await stage.ended(added)).state, "SUCCESS");
    while (await stage.publisher.turn());
    await assertDone(stage, clients, task, next, 2048);
  });

  for (const when of ["before", "after"] as const) {
    test(`a root that changes no online key, killed ${when} any of its steps, is published by the next publisher`, async () => {
      for (let at = 1, survived = false; !survived; at++) {
        const trap: Trap = { at, when, count: 0, dead: false, armed: false };
        const { stage, clients } = await started(2, trap);
        const task = await stage.update(signedBy(stage.plan(2, { threshold: 2 }), ...stage.holders));
        try {
          await stage.settleAll();
          survived = true;
        } catch (error) {
          assert.ok(trap.dead, String(error));
          stage.publisher = new Publisher(stage.deps);
          await stage.clock.advance(20_000);
          assert.equal(await stage.publisher.takeOver(), true);
          await stage.settleAll();
        }
        await assertDone(stage, clients, task, stage.online, 2);
        assert.equal((await stage.database.envelope("root"))?.version, 2);
        assert.ok(at < 50);
      }
    });

    test(`killed ${when} any of its steps is ended by the next publisher, and refuses no client`, { timeout: 60_000 }, async () => {
      let survived = false;
      for (let at = 1; !survived; at++) {
        const trap: Trap = { at, when, count: 0, dead: false, armed: false };
        const { stage, clients, next } = await started(2, trap);
        const task = await stage.update(signedBy(stage.plan(2, { online: next }), stage.holders[0]!));
        try {
          await stage.settleAll();
          survived = true;
        } catch (error) {
          assert.ok(trap.dead, String(error));
          stage.publisher = new Publisher(stage.deps);
          await stage.clock.advance(20_000);
          assert.equal(await stage.publisher.takeOver(), true);
          await stage.settleAll();
        }
        await assertDone(stage, clients, task, next, 2);
        assert.ok(at < 200, "it never survives");
      }
    });
  }
});

describe("a recovery from a compromise", () => {
  test("replaces every online key in one head, without a signature of the old one", async () => {
    const { stage, next } = await started(8);
    stage.storage.hooks = {};
    stage.signers.remove("fn:online");
    const task = await stage.update(signedBy(stage.plan(2, { online: next }), stage.holders[0]!), true);
    await stage.settle();
    await assertDone(stage, new Clients(stage), task, next, 8);
  });

  test("shows everything new before the new root, and the root before the timestamp", async () => {
    const { stage, next } = await started(4);
    stage.storage.hooks = {};
    const from = stage.storage.journal.length;
    await stage.update(signedBy(stage.plan(2, { online: next }), stage.holders[0]!), true);
    await stage.settle();
    const steps = stage.storage.journal.slice(from).filter((line) => !line.startsWith("read") && !line.includes("1.root.json"));
    assert.deepEqual(steps.slice(-2), ["create 2.root.json", "replace timestamp.json"]);
    assert.match(steps.at(-3) ?? "", /snapshot/);
  });

  for (const settles of [0, 1, 2]) {
    test(`ends a change of keys that is under way, after ${String(settles)} settle time(s)`, async () => {
      // Bins follow after two settle times; more of them than one slice holds.
      const bins = settles === 2 ? 2048 : 8;
      const { stage, next } = await started(bins);
      stage.storage.hooks = {};
      await stage.update(signedBy(stage.plan(2, { online: next }), stage.holders[0]!));
      while (await stage.publisher.turn());
      for (let phase = 0; phase < settles; phase++) {
        await stage.clock.advance(stage.deps.policy.settleMs);
        await stage.publisher.turn();
      }
      assert.notEqual((await stage.database.setting("rotation")) ?? null, null);
      const last = stage.signers.addEd25519("fn:last");
      stage.signers.remove("fn:online");
      stage.signers.remove("fn:next");
      const task = await stage.update(signedBy(stage.plan(settles === 0 ? 2 : 3, { online: last }), stage.holders[0]!), true);
      while (await stage.publisher.turn());
      await assertDone(stage, new Clients(stage), task, last, bins);
    });
  }

  /** A change of keys that overlaps: both sign, and root 2 waits to be shown. */
  async function overlapping(trap?: Trap) {
    const { stage, next } = await started(4, trap);
    stage.storage.hooks = {};
    const root = signedBy(stage.plan(2, { online: next, threshold: 1 }), stage.holders[0]!);
    const changed = await stage.update(root);
    while (await stage.publisher.turn());
    assert.deepEqual((await stage.database.settings())["rotation"], { phase: "overlap", event: (await stage.database.signingEvents())[0]!.id });
    return { stage, next, root, changed };
  }

  test("hurries the very root that waits to be shown, when it is sent again", async () => {
    const { stage, next, root, changed } = await overlapping();
    stage.signers.remove("fn:online");
    const task = await stage.update(root, true);
    while (await stage.publisher.turn());
    await assertDone(stage, new Clients(stage), task, next, 4);
    assert.deepEqual((await stage.ended(changed)).details, { role: "root" }, "its bytes are those that are published");
  });

  test("that waits for signatures holds back the root it will replace, and lets it go on when it is stopped", async () => {
    const { stage, next, changed } = await overlapping();
    const last = stage.signers.addEd25519("fn:last");
    await stage.update(signedBy(stage.plan(2, { online: last })), true);
    for (let i = 0; i < 5; i++) {
      await stage.clock.advance(stage.deps.policy.settleMs);
      while (await stage.publisher.turn());
    }
    assert.equal(stage.storage.peek("2.root.json"), undefined);
    const artifacts = await stage.add(["meanwhile"]);
    while (await stage.publisher.turn());
    assert.equal((await stage.ended(artifacts)).state, "SUCCESS");
    await stage.stop();
    await stage.settleAll();
    await assertDone(stage, new Clients(stage), changed, next, 4);
  });

  test("comes too late for a root that a crash left in storage, and says so", async () => {
    const { stage, next, root, changed } = await overlapping();
    await stage.storage.create("2.root.json", (await stage.database.signingEvents())[0]!.frozen!);
    const late = await stage.update(root, true);
    while (await stage.publisher.turn());
    assert.match((await stage.ended(late)).error ?? "", /Expected root version 3 instead got version 2/);
    await stage.settleAll();
    await assertDone(stage, new Clients(stage), changed, next, 4);
  });

  test("in the middle of an overlap, killed anywhere, is ended by the next publisher", async () => {
    for (let at = 1; ; at++) {
      const trap: Trap = { at, when: at % 2 === 0 ? "before" : "after", count: Number.NEGATIVE_INFINITY, dead: false, armed: false };
      const { stage } = await overlapping(trap);
      const last = stage.signers.addEd25519("fn:last");
      const task = await stage.update(signedBy(stage.plan(2, { online: last }), stage.holders[0]!), true);
      trap.count = 0;
      let survived = true;
      try {
        await stage.settleAll();
      } catch (error) {
        assert.ok(trap.dead, String(error));
        survived = false;
        stage.publisher = new Publisher(stage.deps);
        await stage.clock.advance(20_000);
        assert.equal(await stage.publisher.takeOver(), true);
        await stage.settleAll();
      }
      await assertDone(stage, new Clients(stage), task, last, 4);
      if (survived) break;
      assert.ok(at < 100);
    }
  });

  test("is refused while any old online key stays", async () => {
    const { stage } = await started(4);
    const result = await stage.ended(await stage.update(signedBy(stage.plan(2), stage.holders[0]!), true));
    assert.match(result.error ?? "", /still has the online key/);
  });

  test("killed anywhere is ended by the next publisher", async () => {
    for (let at = 1; ; at++) {
      const trap: Trap = { at, when: at % 2 === 0 ? "before" : "after", count: 0, dead: false, armed: false };
      const { stage, next } = await started(2, trap);
      stage.storage.hooks = {};
      const task = await stage.update(signedBy(stage.plan(2, { online: next }), stage.holders[0]!), true);
      let survived = true;
      try {
        await stage.settleAll();
      } catch (error) {
        assert.ok(trap.dead, String(error));
        survived = false;
        stage.publisher = new Publisher(stage.deps);
        await stage.clock.advance(20_000);
        assert.equal(await stage.publisher.takeOver(), true);
        await stage.settleAll();
      }
      await assertDone(stage, new Clients(stage), task, next, 2);
      if (survived) break;
      assert.ok(at < 100);
    }
  });
});
