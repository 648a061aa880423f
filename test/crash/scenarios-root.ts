// Root changes: alone, with another online key, and after a compromise of it.

import assert from "node:assert/strict";
import { onlineKeyOf } from "../../src/roles/root-update.ts";
import { parseEnvelope } from "../../src/tuf/parse.ts";
import { TEST_POLICY } from "../fakes/publisher-stage.ts";
import { repository, type Scenario } from "./scenario.ts";
import type { World, WorldOptions } from "./world.ts";

/** Keys that change settle soon, and what a signer did not answer is asked again soon. */
const SOON: WorldOptions = { policy: { settleMs: 2_000, refresh: { ...TEST_POLICY.refresh, tickMs: 10_000 } } };

export const OF_ROOT: Readonly<Record<string, Scenario>> = {
  // A root of the same online key that people have signed.
  root: {
    options: SOON,
    prepare: async (world) => {
      await repository(world);
      world.poll();
      await world.accept(world.updatesRoot(world.nextRoot({ threshold: 2 })));
      await world.accept(world.adds(["p"]));
    },
    requireDone: requireNewKeysAlone,
  },
  // A root with another online key: both sign, settle, the root is shown, settle, the bins follow, the old key is dropped.
  keys: {
    options: SOON,
    prepare: async (world) => {
      await repository(world);
      world.poll();
      await world.accept(world.updatesRoot(world.nextRoot({ online: world.nextKey() })));
      await world.accept(world.adds(["p"]));
    },
    requireDone: requireNewKeysAlone,
  },
  // The online key is in wrong hands, and gone: a new root and everything new at once.
  lostkey: {
    failsClosed: true,
    options: SOON,
    prepare: async (world) => {
      await repository(world);
      await world.accept(world.updatesRoot(world.nextRoot({ online: world.nextKey() }), true));
      world.signers.remove("fn:online");
    },
    requireDone: requireNewKeysAlone,
  },
};

/** Everything published is signed by the online key that root 2 names, and by no other. */
async function requireNewKeysAlone(world: World): Promise<void> {
  const root = parseEnvelope((await world.inner.envelope("root"))!.bytes, "root").signed;
  assert.equal(root.version, 2);
  const { keyid } = onlineKeyOf(root)!;
  const targets = parseEnvelope((await world.inner.envelope("targets"))!.bytes, "targets").signed;
  assert.deepEqual([targets.delegations?.succinct_roles?.keyids, Object.keys(targets.delegations?.keys ?? {})], [[keyid], [keyid]]);
  for (const { role, version } of await world.inner.roles()) {
    if (role === "root") continue;
    const file = world.storage.peek(role === "timestamp" ? "timestamp.json" : `${String(version)}.${role}.json`)!;
    assert.deepEqual(parseEnvelope(file).signatures.map((each) => each.keyid), [keyid], role);
  }
  assert.equal((await world.inner.setting("online_key") as { readonly keyid?: string } | null)?.keyid, keyid);
}
