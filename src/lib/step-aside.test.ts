import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { StepAside } from "./step-aside.ts";

const stepping = (): StepAside => new StepAside({ quietMs: 40, mostMs: 150 });

describe("long work", () => {
  test("does not stand aside for nobody, nor for steps of what did not begin", () => {
    const aside = stepping();
    assert.equal(aside.leftMs(0), 0);
    aside.goesOn(10);
    assert.deepEqual([aside.leftMs(10), aside.isOn(10)], [0, false]);
  });

  test("stands aside until it has been quiet", () => {
    const aside = stepping();
    aside.begins(1_000);
    assert.equal(aside.leftMs(1_010), 30);
    aside.goesOn(1_030);
    assert.equal(aside.leftMs(1_030), 40);
    assert.equal(aside.leftMs(1_070), 0);
    assert.equal(aside.isOn(1_070), true, "another step may come");
  });

  test("goes on a little after the last step, or at once", () => {
    const aside = stepping();
    aside.begins(1_000);
    aside.ends(1_010);
    assert.equal(aside.leftMs(1_010), 0);
    const lingering = new StepAside({ quietMs: 40, mostMs: 150, lingerMs: 15 });
    lingering.begins(1_000);
    lingering.ends(1_010);
    assert.deepEqual([lingering.leftMs(1_010), lingering.leftMs(1_024), lingering.leftMs(1_025)], [15, 1, 0]);
    lingering.ends(1_145);
    assert.equal(lingering.leftMs(1_145), 5, "not beyond its bound");
  });

  test("is not kept for ever: it has as long as it stood aside", () => {
    const aside = stepping();
    aside.begins(1_000);
    for (let now = 1_000; now < 1_300; now += 10) {
      aside.begins(now);
      aside.goesOn(now);
      assert.equal(aside.leftMs(now) > 0, now < 1_150, String(now));
      assert.equal(aside.isOn(now), now < 1_150);
    }
    aside.begins(1_300);
    assert.equal(aside.leftMs(1_300), 40);
  });
});
