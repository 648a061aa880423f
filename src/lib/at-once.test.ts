import assert from "node:assert/strict";
import { test } from "node:test";
import { atOnce } from "./at-once.ts";

test("answers stand in the order of the items, whichever ended first; no more than so many are under way", async () => {
  let under = 0;
  let most = 0;
  const held: (() => void)[] = [];
  const ends = async (item: number): Promise<number> => {
    most = Math.max(most, ++under);
    await new Promise<void>((resolve) => {
      held.push(resolve);
      // The last that began ends first.
      if (held.length === 3) setImmediate(() => { for (const end of held.splice(0).reverse()) end(); });
    });
    under -= 1;
    return item * 10;
  };
  assert.deepEqual(await atOnce(3, [1, 2, 3, 4, 5, 6], ends), [10, 20, 30, 40, 50, 60]);
  assert.equal(most, 3);
  assert.deepEqual(await atOnce(3, [], ends), []);
});

test("nothing begins after the first error", async () => {
  const begun: number[] = [];
  const work = async (item: number): Promise<void> => {
    begun.push(item);
    await Promise.resolve();
    if (item === 2) throw new Error("two");
  };
  await assert.rejects(atOnce(2, [1, 2, 3, 4, 5, 6, 7, 8], work), /two/);
  const count = begun.length;
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([begun.length, count <= 3], [count, true]);
});
