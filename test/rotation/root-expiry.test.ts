// Root near its end asks for its next version by itself, fights with nobody, and is published once whatever dies.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fsck } from "../../src/fsck/fsck.ts";
import { filesOfStorage } from "../../src/fsck/files.ts";
import { putConfig } from "../../src/operations/put-config.ts";
import { listSigningEvents } from "../../src/operations/list-signing-events.ts";
import { getSigning } from "../../src/operations/get-signing.ts";
import type { PublisherPolicy } from "../../src/publisher/deps.ts";
import type { Root } from "../../src/tuf/documents.ts";
import { parseEnvelope } from "../../src/tuf/parse.ts";
import { DAY_MS, TEST_POLICY } from "../fakes/publisher-stage.ts";
import { createRotationStage, type RotationStage } from "../fakes/rotation-stage.ts";
import { signedBy, type Holder } from "../fakes/root-holders.ts";
import { Killed, takeOver, withTrap, type Trap } from "./changing.ts";

/** Of the settle time a fraction. */
const STEP_MS = TEST_POLICY.settleMs / 4;
const WINDOW = { signingWindows: { defaultMs: 14 * DAY_MS, rootMs: 30 * DAY_MS } };

/** Roots that two of three sign; the first one lives for 3,650 days, later ones for a year. */
async function repository(policy: Partial<PublisherPolicy> = WINDOW): Promise<RotationStage> {
  const stage = createRotationStage({ people: 3, threshold: 2, policy });
  await stage.bootstrap(2);
  await stage.settle();
  return stage;
}

async function sleep(stage: RotationStage, days: number): Promise<void> {
  await stage.clock.advance(days * DAY_MS);
  await stage.settle();
}

const pending = async (stage: RotationStage): Promise<Root | undefined> => ((await getSigning(stage.operations)) as unknown as { readonly root?: { readonly signed: Root } }).root?.signed;

async function sign(stage: RotationStage, ...holders: readonly Holder[]): Promise<readonly unknown[]> {
  const told: unknown[] = [];
  for (const holder of holders) {
    const task = await stage.sign(holder.sign(await pending(stage)));
    await stage.settle();
    told.push((await stage.ended(task)).details?.["update"]);
  }
  return told;
}

const published = (stage: RotationStage, version: number): Root => parseEnvelope(stage.storage.peek(`${String(version)}.root.json`)!, "root").signed;

async function requireSound(stage: RotationStage): Promise<void> {
  const report = await fsck({ files: filesOfStorage(stage.storage), root: stage.storage.peek("1.root.json")!, database: stage.database, now: stage.clock.now() });
  assert.deepEqual(report.faults, []);
}

describe("root near its end", () => {
  test("asks for its next version: same keys and thresholds, a new life; and again a year later", async () => {
    const stage = await repository();
    const [ann, bob, cem] = stage.holders as [Holder, Holder, Holder];
    await sleep(stage, 3619);
    assert.equal(await pending(stage), undefined);
    await sleep(stage, 2);
    const next = await pending(stage);
    assert.ok(next);
    const { version: _, expires, ...rest } = published(stage, 1);
    assert.deepEqual({ ...next }, { ...rest, version: 2, expires: next.expires });
    assert.ok(Date.parse(next.expires) > Date.parse(expires) + 300 * DAY_MS);
    const [view] = (await listSigningEvents(stage.operations, {}, undefined, 10)).rows;
    assert.deepEqual([view?.role, view?.startedBy, view?.task, view?.replaces?.version, view?.demands.length], ["root", "expiry", undefined, 1, 2]);
    const notices = (await stage.database.notices("", 1_000)).rows.filter(({ kind, about }) => kind === "signing-required" && (about as { role?: string }).role === "root");
    assert.equal(notices.length, 1);

    assert.deepEqual(await sign(stage, ann), ["Root v2 is pending signatures"]);
    assert.equal(stage.storage.peek("2.root.json"), undefined);
    assert.deepEqual(await sign(stage, cem), ["Metadata update finished"]);
    assert.equal(published(stage, 2).expires, next.expires);
    assert.equal(await pending(stage), undefined);
    await requireSound(stage);

    await sleep(stage, 336);
    assert.equal((await pending(stage))?.version, 3);
    await sign(stage, bob, cem);
    assert.equal(published(stage, 3).version, 3);
    await requireSound(stage);
  });

  test("asks by a window of its own, and never where it is switched off", async () => {
    const own = await repository();
    await putConfig(own.operations, { expiration: {}, signing_window: { root: 90 } });
    await sleep(own, 3561);
    assert.ok(await pending(own));
    const off = await repository({ signingWindows: { defaultMs: DAY_MS, rootMs: 0 } });
    await sleep(off, 3651);
    assert.equal(await pending(off), undefined);
  });

  test("gives way to a root that somebody asks for, and to one that waits already", async () => {
    const stage = await repository();
    await sleep(stage, 3621);
    const [ann, bob] = stage.holders as [Holder, Holder, Holder];
    const signing = await stage.sign(ann.sign(await pending(stage)));
    await stage.settle();
    assert.equal((await stage.ended(signing)).state, "SUCCESS");
    const later = stage.clock.now() + 50 * DAY_MS;
    const task = await stage.update(signedBy(stage.plan(2, { expiresMs: later }), ann));
    await stage.settle();
    assert.equal(Date.parse((await pending(stage))!.expires), later);
    await sleep(stage, 1);
    assert.equal((await listSigningEvents(stage.operations, {}, undefined, 10)).rows.length, 1);
    await sign(stage, bob);
    assert.equal(Date.parse(published(stage, 2).expires), later);
    assert.match((await stage.ended(task)).message, /Metadata Update/);
    await requireSound(stage);
  });

  test("waits until a change of online keys is over", async () => {
    const stage = await repository({ ...WINDOW, refresh: { ...TEST_POLICY.refresh, tickMs: STEP_MS } });
    const [ann, bob] = stage.holders as [Holder, Holder, Holder];
    const next = stage.signers.addEcdsa("fn:next");
    // The new root is near its end at once; the old key goes on signing for a settle time after it is shown.
    await stage.update(signedBy(stage.plan(2, { online: next, expiresMs: stage.clock.now() + 20 * DAY_MS }), ann, bob));
    const step = async (): Promise<void> => {
      await stage.clock.advance(STEP_MS);
      while (await stage.publisher.turn());
    };
    for (let steps = 0; stage.storage.peek("2.root.json") === undefined; steps++) {
      assert.ok(steps < 100, "the new root is never shown");
      await step();
    }
    await step();
    assert.notEqual((await stage.database.setting("rotation")) ?? null, null);
    assert.equal(await pending(stage), undefined);
    await stage.settleAll();
    await sleep(stage, 1);
    assert.equal((await pending(stage))?.version, 3);
    await sign(stage, ann, bob);
    assert.equal(published(stage, 3).roles.timestamp.keyids.join(), published(stage, 2).roles.timestamp.keyids.join());
    await requireSound(stage);
  });

  test("stopped, it asks again; a version that outlived itself is begun anew", async () => {
    const stage = await repository();
    await sleep(stage, 3621);
    await stage.stop();
    await sleep(stage, 1);
    const first = await pending(stage);
    assert.equal(first?.version, 2);
    await sleep(stage, 366);
    await sleep(stage, 1);
    const second = await pending(stage);
    assert.equal(second?.version, 2);
    assert.ok(Date.parse(second.expires) > Date.parse(first.expires));
  });

  test("is published once, though the publisher dies at every step of it", async () => {
    let steps = 0;
    for (const when of ["before", "after"] as const) {
      // Every other step before it is done, those between them after it.
      for (let at = when === "before" ? 1 : 2; ; at += 2) {
        const trap: Trap = { at, when, count: 0, dead: false, armed: false };
        const stage = await repository();
        await sleep(stage, 3619);
        await withTrap(stage, trap);
        const [ann, bob] = stage.holders as [Holder, Holder, Holder];
        const on = async (act: () => Promise<unknown>): Promise<void> => {
          await act().catch((error: unknown) => {
            if (!(error instanceof Killed) && !trap.dead) throw error;
          });
          if (trap.dead) {
            trap.dead = false;
            trap.at = Number.POSITIVE_INFINITY;
            await takeOver(stage);
            await stage.settle();
          }
        };
        await on(async () => sleep(stage, 2));
        for (const holder of [ann, bob]) await on(async () => sign(stage, holder));
        await on(async () => sleep(stage, 0));
        assert.equal(published(stage, 2).version, 2, `${when} ${String(at)}`);
        assert.deepEqual((await stage.database.signingEvents()).map(({ state }) => state), [], `${when} ${String(at)}`);
        await requireSound(stage);
        steps = Math.max(steps, trap.count);
        if (trap.at !== Number.POSITIVE_INFINITY) break;
      }
    }
    assert.ok(steps > 5);
  });
});
