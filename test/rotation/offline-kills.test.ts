// A publisher that dies while what people signed of targets becomes true. Every step: npm run test:offline-targets.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FLOWS, run } from "./offline-kills.ts";

/** So many deaths of each are tried, spread over its steps. */
const KILLS = 2;

describe("a publisher that dies in the middle of", () => {
  for (const [place, flow] of FLOWS.entries()) {
    test(flow.name, async () => {
      const steps = await run(flow, Number.POSITIVE_INFINITY, "before");
      assert.ok(steps > KILLS, String(steps));
      for (let kill = 0; kill < KILLS; kill++) await run(flow, 1 + Math.floor(((kill + (place % 3) / 3) * steps) / KILLS), kill % 2 === 0 ? "before" : "after");
    });
  }
});
