import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { describe, test } from "node:test";
import { systemClock, systemRandom } from "./clock.ts";

describe("systemClock", () => {
  test("tells milliseconds since 1970, and never runs backwards where it promises not to", () => {
    assert.ok(Math.abs(systemClock.now() - Date.now()) < 1_000);
    const readings = Array.from({ length: 1_000 }, () => systemClock.monotonic());
    assert.deepEqual(readings.toSorted((a, b) => a - b), readings);
  });

  test("sleeps no shorter than asked", async () => {
    const before = systemClock.monotonic();
    await systemClock.sleep(5);
    assert.ok(systemClock.monotonic() - before >= 5);
  });

  test("wakes at once when the signal aborts, also from a sleep longer than a timer holds", async () => {
    for (const ms of [60_000, 2 ** 40]) {
      const waking = new AbortController();
      const slept = systemClock.sleep(ms, waking.signal);
      waking.abort();
      await slept;
    }
  });

  test("does not begin to sleep when the signal has aborted, nor for no time", async () => {
    await systemClock.sleep(60_000, AbortSignal.abort());
    await systemClock.sleep(0);
    await systemClock.sleep(-1);
  });

  test("leaves nothing on the signal behind", async () => {
    const waking = new AbortController();
    await systemClock.sleep(1, waking.signal);
    assert.equal(getEventListeners(waking.signal, "abort").length, 0);
  });
});

describe("systemRandom", () => {
  test("gives as many bytes as asked, in lower-case hex, never the same", () => {
    const seen = new Set(Array.from({ length: 1_000 }, () => systemRandom.hex(16)));
    assert.equal(seen.size, 1_000);
    for (const text of seen) assert.match(text, /^[0-9a-f]{32}$/);
  });

  test("gives fractions from 0 to below 1, spread over them", () => {
    const tenths = new Set(Array.from({ length: 2_000 }, () => {
      const fraction = systemRandom.fraction();
      assert.ok(fraction >= 0 && fraction < 1);
      return Math.floor(fraction * 10);
    }));
    assert.equal(tenths.size, 10);
  });
});
