import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { compared, figure } from "./figures.ts";

const around = (value: number, count = 30): number[] => Array.from({ length: count }, (_, i) => value * (0.8 + (0.4 * ((i * 7) % count)) / count));

describe("compared", () => {
  for (const { name, before, now, verdict } of [
    { name: "the same numbers in another order are the same", before: figure("p", "r", around(40)), now: figure("p", "r", around(40).reverse()), verdict: "same" },
    { name: "half as much again is slower", before: figure("p", "r", around(40)), now: figure("p", "r", around(60)), verdict: "slower" },
    { name: "a third less is faster", before: figure("p", "r", around(60)), now: figure("p", "r", around(40)), verdict: "faster" },
    { name: "a difference below a tenth is noise, however sure", before: figure("p", "r", around(100, 200)), now: figure("p", "r", around(108, 200)), verdict: "same" },
    { name: "one slow sample is noise", before: figure("p", "r", around(40)), now: figure("p", "r", [...around(40).slice(1), 4000]), verdict: "same" },
    { name: "scatter wider than the difference is noise", before: figure("p", "r", [20, 90, 30, 60, 100, 50, 25]), now: figure("p", "r", [30, 100, 35, 70, 110, 62, 28]), verdict: "same" },
    { name: "a machine that was slower altogether is no regression", before: figure("p", "r", around(40), { limit: 10 }), now: figure("p", "r", around(60), { limit: 15 }), verdict: "same" },
    { name: "a machine that was faster hides no gain and makes no fault", before: figure("p", "r", around(40), { limit: 10 }), now: figure("p", "r", around(40), { limit: 5 }), verdict: "same" },
    { name: "of single samples only a large difference counts", before: figure("p", "r", [10_000]), now: figure("p", "r", [14_000]), verdict: "same" },
    { name: "of single samples a large difference counts", before: figure("p", "r", [10_000]), now: figure("p", "r", [16_000]), verdict: "slower" },
  ] as const) {
    it(name, () => { assert.equal(compared(before, now), verdict); });
  }
});
