import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { OpenChange } from "../ports/database.ts";
import { Behind } from "./behind.ts";
import type { PublisherDeps } from "./deps.ts";
import type { Head } from "./head.ts";
import { Overtaking } from "./overtake.ts";

describe("others, beside a long batch,", () => {
  test("are looked for when there is a hint, or none for a while, and not before each of its roles", async () => {
    const { overtaking, looks, clock, hint } = stage();
    await overtaking.pass();
    await overtaking.pass();
    assert.equal(looks.length, 1, "whoever came before it");
    hint();
    await overtaking.pass();
    assert.equal(looks.length, 2);
    clock.now += 250;
    await overtaking.pass();
    assert.equal(looks.length, 3, "a hint may be lost");
  });

  test("do not pass again before it had as long for itself", async () => {
    const { overtaking, looks, clock, hint } = stage({ lookMs: 80 });
    await overtaking.pass();
    hint();
    clock.now += 79;
    await overtaking.pass();
    assert.equal(looks.length, 1);
    clock.now += 1;
    await overtaking.pass();
    assert.equal(looks.length, 2);
  });

  test("let rows rest from the hint on until they have passed, and not while it is not their turn", async () => {
    const { overtaking, behind, clock, hint } = stage({ lookMs: 80 });
    const rests = async (): Promise<boolean> => {
      let goesOn = false;
      behind.turn().then(() => { goesOn = true; }, () => undefined);
      await turn();
      return !goesOn;
    };
    hint();
    assert.equal(await rests(), true);
    await overtaking.pass();
    assert.equal(await rests(), false);
    hint();
    assert.equal(await rests(), false, "it has the time that they took");
    clock.now += 80;
    hint();
    assert.equal(await rests(), true);
    overtaking.close();
    assert.equal(await rests(), false, "it is over");
  });

  test("let all of its roles wait while they pass", async () => {
    const { overtaking, looks, gate } = stage();
    const opened = gate();
    let passed = 0;
    const all = Promise.all([1, 2, 3].map(() => overtaking.pass().then(() => { passed += 1; })));
    await turn();
    assert.deepEqual([looks.length, passed], [1, 0]);
    opened();
    await all;
    assert.equal(passed, 3);
  });

  test("that fail are told once what was under way is over", async () => {
    const { overtaking, gate } = stage();
    const opened = gate(new Error("no database"));
    const work = Promise.withResolvers<undefined>();
    let told = false;
    const during = assert.rejects(overtaking.during(work.promise), /no database/).then(() => { told = true; });
    opened();
    await turn();
    assert.equal(told, false);
    work.resolve(undefined);
    await during;
  });
});

const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve); });

function stage({ lookMs = 0 }: { readonly lookMs?: number } = {}) {
  const looks: number[] = [];
  let hint = (): void => undefined;
  let gated: Promise<void> = Promise.resolve();
  const clock = { now: 0, monotonic: () => clock.now, sleep: (_: number, signal?: AbortSignal) => new Promise<void>((resolve) => { signal?.addEventListener("abort", () => { resolve(); }); }) };
  const database = {
    subscribe: (_: string, call: () => void) => {
      hint = call;
      return () => undefined;
    },
    openChanges: async (): Promise<readonly OpenChange[]> => {
      looks.push(clock.now);
      clock.now += lookMs;
      await gated;
      return [];
    },
  };
  const behind = new Behind();
  const overtaking = new Overtaking({ database, clock, policy: {} } as unknown as PublisherDeps, {
    head: {} as Head, own: new Set(), behind, publishes: () => Promise.reject(new Error("there is nothing to publish")), isGivenUp: () => false,
  });
  return {
    overtaking, behind, looks, clock, hint: () => { hint(); },
    gate: (error?: Error) => {
      const { promise, resolve, reject } = Promise.withResolvers<undefined>();
      gated = promise;
      return () => { if (error === undefined) resolve(undefined); else reject(error); };
    },
  };
}
