// The short form of `npm run test:kill`: the real process, killed under load.

import assert from "node:assert/strict";
import { test } from "node:test";
import { killAgainAndAgain } from "../kill/kill.ts";
import { faultsOf } from "../kill/outcome.ts";

test("killed again and again under load: nothing lost, nothing stuck, no client refused", { timeout: 120_000 }, async () => {
  const figures = await killAgainAndAgain({ kills: 4, bins: 16, senders: 3 });
  const { outcome, unsound } = figures;
  assert.deepEqual(faultsOf(outcome, unsound), []);
  assert.ok(outcome.accepted > 20 && outcome.refreshes > 20, JSON.stringify(figures));
  assert.ok(figures.between <= 2, "kills hit publishes");
});
