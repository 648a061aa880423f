// Online keys change under the eyes of clients. What a crash at any step of it does: the crash table, scenarios root, keys
// and lostkey (`npm run test:rotation` for every call, and with as many bins as there may be).

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { signedBy } from "../fakes/root-holders.ts";
import { assertDone, started, takeOver, type Trap } from "./changing.ts";
import { Clients } from "./clients.ts";

const isBins = (rotation: unknown): boolean => (rotation as { phase?: string } | null | undefined)?.phase === "bins";

describe("an online-key rotation", () => {
  test("refuses no client, fresh, returning or in flight, and publishes artifacts meanwhile", async () => {
    const { stage, clients, next } = await started(8);
    const openedSince = new Set<string>();
    const open = stage.signers.open.bind(stage.signers);
    stage.signers.open = (uri, key) => {
      if (stage.storage.peek("2.root.json") !== undefined) openedSince.add(uri);
      return open(uri, key);
    };
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
    assert.deepEqual([...openedSince], ["fn:next"], "the old key stays in no memory");
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
    await stage.update(signedBy(stage.plan(2, { online: last, threshold: 2 }), stage.holders[0]!), true);
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
    assert.match((await stage.ended(late)).error ?? "", /version 2 is published, and its change of keys is under way; a recovery is version 3 now/);
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
        await takeOver(stage);
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
});
