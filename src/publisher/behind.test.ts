import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Behind } from "./behind.ts";

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

const settled = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve); });
