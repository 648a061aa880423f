// What people sign of top-level targets, carried out by a publisher that dies at a step of it: whoever comes next ends it as
// if nothing had happened, and no client is refused meanwhile.

import assert from "node:assert/strict";
import { keyidOf } from "../../src/tuf/keys.ts";
import { createOfflineWorld, wantedRole, type OfflineWorld } from "../delegations/offline-world.ts";
import type { WantedRole } from "../../src/roles/custom-delegations.ts";
import { createHolder, signedBy, type Holder } from "../fakes/root-holders.ts";
import { Killed, takeOver, withTrap, type Trap } from "./changing.ts";

export interface Flow {
  readonly name: string;
  readonly offline: boolean;
  /** Before the publisher may die. Not there: it may die from the bootstrap on. */
  readonly prepared: boolean;
  act(world: OfflineWorld): Promise<void>;
}

const [FIRST, SECOND] = [0, 1] as const;
const TEAMS = [createHolder(), createHolder()] as const;
const signTargets = (world: OfflineWorld): Promise<readonly string[]> => world.sign("targets", world.people[FIRST]!, world.people[SECOND]!);
const version = (world: OfflineWorld): number => world.stage.storage.names().filter((name) => name.endsWith(".root.json")).length;

export const FLOWS: readonly Flow[] = [
  {
    name: "bootstrap", offline: true, prepared: false,
    async act(world) {
      await world.bootstrap();
      await signTargets(world);
      assert.equal(version(world), 1);
    },
  },
  {
    name: "a change of delegations", offline: true, prepared: true,
    async act(world) {
      const first = await world.edit({ action: "add", keys: {}, roles: [wantedRole("one", ["one/*"])] });
      const second = await world.edit({ action: "add", keys: {}, roles: [wantedRole("two", ["two/*"])] });
      const artifact = await world.add("one/b");
      await signTargets(world);
      await signTargets(world);
      for (const task of [first, second, artifact]) assert.equal((await world.task(task)).state, "SUCCESS");
      assert.deepEqual(world.targets().signed.delegations?.roles?.map(({ name }) => name), ["one", "two", "catch-all"]);
    },
  },
  {
    name: "roles that teams sign elsewhere", offline: true, prepared: true,
    async act(world) {
      const [ann, bob] = TEAMS;
      const role = (name: string, by: Holder): WantedRole => wantedRole(name, [`${name}/*`], { keyids: [by.keyid], signing: "outside" });
      await world.edit({ action: "add", keys: { [ann.keyid]: ann.key, [bob.keyid]: bob.key }, roles: [role("one", ann), role("two", bob)] });
      const other = await world.edit({ action: "add", keys: {}, roles: [wantedRole("three", ["three/*"])] });
      const uploads = [await world.upload("one", 7, ["one/a", "one/b"], ann), await world.upload("two", 1, ["two/a"], bob)];
      await signTargets(world);
      await signTargets(world);
      for (const task of [other, ...uploads]) assert.equal((await world.task(task)).state, "SUCCESS");
      assert.deepEqual(world.targets().signed.delegations?.roles?.map(({ name }) => name).sort(), ["catch-all", "one", "three", "two"]);
      assert.ok(world.stage.storage.peek("7.one.json") && world.stage.storage.peek("1.two.json"));
    },
  },
  {
    name: "another online key", offline: true, prepared: true,
    async act(world) {
      const next = world.stage.signers.addEcdsa("fn:next");
      await world.stage.update(signedBy(world.stage.plan(2, { online: next }), world.stage.holders[0]!));
      await world.stage.settleAll();
      await signTargets(world);
      for (const role of ["snapshot", "bins-0", "bins-3"]) assert.deepEqual(world.signers(role), [keyidOf(next)], role);
      assert.equal(await world.stage.database.setting("handed_keys"), null);
    },
  },
  {
    name: "targets to people", offline: false, prepared: true,
    async act(world) {
      await world.stage.update(signedBy(world.stage.plan(2, { targets: { holders: world.people, threshold: 2 } }), world.stage.holders[0]!), false, { targets_online_key: false });
      await world.stage.settleAll();
      await signTargets(world);
      await world.stage.settleAll();
      assert.equal(version(world), 2);
    },
  },
  {
    name: "targets back online", offline: true, prepared: true,
    async act(world) {
      await world.stage.update(signedBy(world.stage.plan(2, { targets: undefined as never }), world.stage.holders[0]!));
      await world.stage.settleAll();
      await signTargets(world);
      await world.stage.settleAll();
      assert.deepEqual([version(world), world.targets().keyids], [2, [keyidOf(world.stage.online)]]);
    },
  },
  {
    name: "recovery from a compromise", offline: true, prepared: true,
    async act(world) {
      // Clients of the old root that are on their way are refused: meant.
      world.stage.storage.hooks = {};
      const next = world.stage.signers.addEd25519("fn:next");
      await world.stage.update(signedBy(world.stage.plan(2, { online: next }), world.stage.holders[0]!), true);
      await world.stage.settleAll();
      await signTargets(world);
      await world.stage.settleAll();
      for (const role of ["snapshot", "bins-0", "bins-3"]) assert.deepEqual(world.signers(role), [keyidOf(next)], role);
    },
  },
];

/** Carries `flow` out with a publisher that dies at its `at`-th effect. Answers how many effects it had before its end. */
export async function run(flow: Flow, at: number, when: Trap["when"]): Promise<number> {
  const world = createOfflineWorld({ offline: flow.offline, leads: !flow.prepared });
  const { stage } = world;
  const trap: Trap = { at, when, count: 0, dead: false, armed: false };
  if (flow.prepared) {
    await world.bootstrap();
    if (flow.offline) await signTargets(world);
    await world.add("a", "b", "c", "d", "one/a");
  }
  await withTrap(stage, trap);
  const surviving = (rest: () => Promise<void>) => async (): Promise<void> => {
    try {
      await rest();
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      await takeOver(stage);
    }
  };
  Object.assign(stage, { settle: surviving(stage.settle.bind(stage)), settleAll: surviving(stage.settleAll.bind(stage)) });
  await flow.act(world);
  const added = await world.add("after");
  assert.equal((await world.task(added)).state, "SUCCESS");
  assert.deepEqual(await stage.database.signingEvents(), []);
  await world.fsck();
  return trap.count;
}
