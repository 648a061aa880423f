// First roots that are refused: after the first publish only their key holders could mend them.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createPublisherStage, DAY_MS, START } from "../../test/fakes/publisher-stage.ts";
import { createHolder, rootOf, signedBy, type RootPlan } from "../../test/fakes/root-holders.ts";
import type { Key } from "../tuf/documents.ts";

const [ANN, BOB] = [createHolder(), createHolder()];
const rootBy = (online: Key, more: Partial<RootPlan> = {}): ReturnType<typeof rootOf> => rootOf({ version: 1, holders: [ANN], threshold: 1, online, expiresMs: START + 365 * DAY_MS, ...more });
const asKeyed = (online: Key): typeof ANN => ({ keyid: "0".repeat(64), key: online, sign: (signed) => ANN.sign(signed) });

const refusals: readonly (readonly [string, (online: Key) => unknown, RegExp])[] = [
  ["of another version than 1", (online) => signedBy(rootBy(online, { version: 2 }), ANN), /version/],
  ["of another spec version", (online) => signedBy({ ...rootBy(online), spec_version: "2.0.0" }, ANN), /spec_version|2\.0\.0/],
  ["with a threshold over the number of keys", (online) => signedBy(rootBy(online, { threshold: 2 }), ANN), /threshold 2 and 1 distinct keys/],
  ["with the online key among root keys", (online) => signedBy(rootBy(online, { holders: [ANN, asKeyed(online)] }), ANN), /uses a root key/],
  ["over 512,000 bytes", (online) => signedBy(Object.assign(rootBy(online), { "x-rstuf-padding": "a".repeat(512_000) }), ANN), /bytes; clients read 512000/],
  ["without consistent snapshots", (online) => signedBy({ ...rootBy(online), consistent_snapshot: false }, ANN), /consistent_snapshot/],
  ["with no signature", (online) => signedBy(rootBy(online)), /at least one valid signature/],
  ["whose signature is not hexadecimal", (online) => ({ signed: rootBy(online), signatures: [{ keyid: ANN.keyid, sig: "xyz" }] }), /signature/],
  ["signed over other bytes", (online) => ({ signed: rootBy(online), signatures: [ANN.sign({})] }), /signature/],
  ["signed by somebody unknown", (online) => signedBy(rootBy(online), BOB), /signature/],
  ["signed by somebody unknown too", (online) => signedBy(rootBy(online), ANN, BOB), /signature/],
  ["signed twice by one key", (online) => signedBy(rootBy(online, { holders: [ANN, BOB], threshold: 2 }), ANN, ANN), /twice|signed/],
];

describe("a first root is refused with the reason, and nothing changes:", () => {
  for (const [name, make, reason] of refusals) {
    test(name, async () => {
      const stage = createPublisherStage({ root: (online) => make(online) as ReturnType<typeof signedBy> });
      const { result } = await stage.task(await stage.bootstrap(4));
      assert.deepEqual([result?.state, result?.message], ["ERRORED", "Bootstrap Failed"]);
      assert.match(result?.error ?? "", reason);
      assert.deepEqual(stage.storage.names(), []);
      assert.deepEqual(await stage.database.settings(), { bootstrap: null, bootstrap_request: null });
      assert.deepEqual([(await stage.database.publisher()).seq, await stage.database.signingEvents()], [0, []]);
    });
  }
});
