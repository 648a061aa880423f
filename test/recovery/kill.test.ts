// The short form of `npm run test:kill`: the real process, killed under load.

import assert from "node:assert/strict";
import { test } from "node:test";
import { killAgainAndAgain } from "../kill/kill.ts";

test("killed again and again under load: nothing lost, nothing stuck, no client refused", { timeout: 120_000 }, async () => {
  const figures = await killAgainAndAgain({ kills: 4, bins: 16, senders: 3 });
  const { lost, stuck, refusedRequests, refusals, unsound } = figures;
  assert.deepEqual({ lost, stuck, refusedRequests, refusals, unsound }, { lost: [], stuck: [], refusedRequests: [], refusals: [], unsound: "" });
  assert.ok(figures.accepted > 20 && figures.refreshes > 20, JSON.stringify(figures));
  assert.ok(figures.between <= 2, "kills hit publishes");
});
