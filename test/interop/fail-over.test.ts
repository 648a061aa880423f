// PostgreSQL's primary is lost under load, and its synchronous standby promoted. Longer, with everything else that befalls a
// fleet: `npm run test:chaos -- --standby`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { chaos } from "../chaos/chaos.ts";
import { faultsOf } from "../kill/outcome.ts";

test("whatever was accepted before the primary was lost is published by the standby; no client is refused, no process restarted", { timeout: 180_000 }, async () => {
  const { blows, outcome, unsound } = await chaos({
    apis: 2, workers: 2, bins: 8, senders: 2, leaseMs: 5_000, standby: true, blows: ["fail over to the standby"], seconds: 0,
  });
  assert.deepEqual(blows, { "fail over to the standby": 1 });
  assert.ok(outcome.accepted > 10, String(outcome.accepted));
  assert.deepEqual(faultsOf(outcome, unsound), []);
});
