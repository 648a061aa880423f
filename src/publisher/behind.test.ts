import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Behind } from "./behind.ts";
import { LeaseHold } from "./lease-hold.ts";
import { foldAll } from "./publish.ts";

describe("rows that follow", () => {
  test("rest while others are published, and go on after them", async () => {
    const behind = new Behind();
    const slices = folding(behind, 3);
    behind.rest();
    await settled();
    assert.equal(slices.done, 0);
    behind.goOn();
    await settled();
    assert.equal(slices.done, 3);
  });

  test("do not rest while somebody waits for them", async () => {
    const behind = new Behind();
    const slices = folding(behind, 3);
    behind.rest();
    const waits = behind.passed(["bins-1"]);
    behind.rest();
    await waits;
    assert.equal(slices.done, 3);
    assert.equal(behind.isBusy, false);
  });

  test("rest even while somebody waits who is in no hurry", async () => {
    const behind = new Behind();
    const slices = folding(behind, 3);
    behind.rest();
    let over = false;
    const waits = behind.settled().then(() => { over = true; });
    await settled();
    assert.deepEqual([slices.done, over], [0, false]);
    behind.goOn();
    await waits;
    assert.equal(slices.done, 3);
  });
});

function folding(behind: Behind, slices: number): { done: number } {
  const count = { done: 0 };
  behind.begin(["bins-1"], async () => {
    for (let i = 0; i < slices; i++) {
      await Promise.resolve();
      await behind.turn();
      count.done += 1;
    }
  });
  return count;
}

const settled = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve); 
  test("are folded patiently, until somebody waits for them", async () => {
    const behind = new Behind();
    const patience: (boolean | undefined)[] = [];
    let waits: Promise<void> | undefined;
    const database = {
      fold: (_lease: unknown, _limit: number, patiently?: boolean) => {
        patience.push(patiently);
        if (patience.length === 2) waits = behind.ended();
        return Promise.resolve({ remaining: patience.length < 4 });
      },
    };
    const deps = { database } as unknown as Parameters<typeof foldAll>[0];
    const hold = Object.create(LeaseHold.prototype) as LeaseHold;
    behind.begin(["bins-0"], () => foldAll(deps, hold, behind));
    await behind.settled();
    await waits;
    assert.deepEqual(patience, [true, true, false, false]);
    patience.length = 3;
    await foldAll(deps, hold);
    assert.equal(patience.at(-1), false, "those of a batch that does not go behind");
  });
});
