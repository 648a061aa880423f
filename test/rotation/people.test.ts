// Online keys change where people sign beside them: nobody is refused, and the rest waits for people.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fsck } from "../../src/fsck/fsck.ts";
import { changeDelegations } from "../../src/operations/change-delegations.ts";
import { stopSigning } from "../../src/operations/stop-signing.ts";
import { noteOf } from "../../src/roles/pending-edit.ts";
import type { Delegations, Targets } from "../../src/tuf/documents.ts";
import { keyidOf } from "../../src/tuf/keys.ts";
import { parseEnvelope } from "../../src/tuf/parse.ts";
import { createHolder, signedBy, type Holder } from "../fakes/root-holders.ts";
import { takeOver, withTrap, type Trap } from "./changing.ts";
import { createRotationStage, type RotationStage } from "../fakes/rotation-stage.ts";
import { Clients } from "./clients.ts";

const [ANN, BOB] = [createHolder(), createHolder()];

interface World {
  readonly stage: RotationStage;
  readonly clients: Clients;
  /** The online key, and the one that comes. */
  readonly old: string;
  readonly next: string;
  change(compromised?: boolean): Promise<string>;
  sign(role: string, ...holders: readonly Holder[]): Promise<void>;
  /** Delegated roles that wait for people. */
  asked(): Promise<readonly string[]>;
  /** The paths that what is published of the role lists. */
  targetsOf(role: string): Promise<readonly string[]>;
  /** Who signed what is published of the role. */
  signers(role: string): Promise<readonly string[]>;
  targets(): Promise<Targets>;
  fsck(): Promise<void>;
}

/** `mixed` is signed by Ann or Bob and the online key, `pool` by Ann, with bins that the online key signs; `both` by two online keys. */
async function repository(trap?: Trap): Promise<World> {
  const stage = createRotationStage();
  await stage.bootstrap(2);
  const [other, next] = [stage.signers.addEd25519("fn:other"), stage.signers.addEcdsa("fn:next")];
  const old = keyidOf(stage.online);
  const keys = { [ANN.keyid]: ANN.key, [BOB.keyid]: BOB.key, [keyidOf(other)]: other };
  const role = { terminating: true, "x-rstuf-expire-policy": 60, parent: null };
  await changeDelegations(stage.operations, {
    action: "add", keys, bins: null,
    roles: [
      { ...role, name: "mixed", keyids: [old, ANN.keyid, BOB.keyid], threshold: 2, paths: ["mixed/*"] },
      { ...role, name: "pool", keyids: [ANN.keyid], threshold: 1, paths: ["pool/*"], bins: 2 },
      { ...role, name: "both", keyids: [old, keyidOf(other)], threshold: 2, paths: ["both/*"] },
    ],
  } as never);
  await stage.settle();
  const published = async (name: string) => parseEnvelope(stage.storage.peek(`${String((await stage.database.role(name))!.version)}.${name}.json`)!, "targets");
  const world: World = {
    stage, clients: new Clients(stage), old, next: keyidOf(next),
    async change(compromised = false) {
      return await stage.update(signedBy(stage.plan(2, { online: next }), stage.holders[0]!), compromised);
    },
    async sign(name, ...holders) {
      for (const holder of holders) {
        const event = (await stage.database.signingEvents()).find((each) => each.role === name && each.state === "open");
        assert(event, `nothing waits for ${name}`);
        const task = await stage.sign(holder.sign((JSON.parse(event.document.toString()) as { signed: unknown }).signed), name);
        await stage.settle();
        assert.equal((await stage.ended(task)).state, "SUCCESS", (await stage.ended(task)).error);
      }
    },
    async asked() {
      return (await stage.database.signingEvents()).filter(({ kind, state }) => kind === "delegated" && state === "open").map(({ role }) => role);
    },
    async targetsOf(name) {
      return Object.keys((await published(name)).signed.targets);
    },
    async signers(name) {
      return (await published(name)).signatures.map(({ keyid }) => keyid);
    },
    async targets() {
      return parseEnvelope((await stage.database.envelope("targets"))!.bytes, "targets").signed;
    },
    async fsck() {
      const files = { read: async (name: string) => stage.storage.peek(name) };
      assert.deepEqual((await fsck({ files, database: stage.database, root: stage.root, now: stage.clock.now() })).faults, []);
    },
  };
  await world.sign("mixed", ANN);
  await world.sign("pool", ANN);
  await stage.add(["mixed/a", "pool/a", "both/a", "one"]);
  await stage.settle();
  await world.sign("mixed", BOB);
  stage.storage.hooks = { after: (operation) => { if (operation === "create" || operation === "replace") world.clients.look(); } };
  if (trap !== undefined) await withTrap(stage, trap);
  world.clients.look();
  return world;
}

const keyidsOf = ({ delegations }: Targets, name: string): readonly string[] => delegations?.roles?.find((role) => role.name === name)?.keyids ?? [];
const poolBins = async ({ stage }: World): Promise<readonly string[]> => {
  const nested = (await stage.database.setting("nested_delegations")) as unknown as { roles: Record<string, Delegations> };
  return nested.roles["pool"]?.succinct_roles?.keyids ?? [];
};

/** Ann signed nothing yet of a version of `mixed` that waits, and meanwhile the online key changed. */
async function changedWhileSigning(): Promise<{ readonly world: World; readonly begun: string }> {
  const world = await repository();
  const begun = await world.stage.add(["mixed/b"]);
  await world.stage.settle();
  await world.change();
  await world.stage.settleAll();
  return { world, begun };
}

describe("a new online key where people sign too", () => {
  test("refuses nobody; what this service signs changes hands, and the rest waits for people", async () => {
    const world = await repository();
    const { stage, old, next } = world;
    const task = await world.change();
    await stage.settleAll();
    assert.equal((await stage.ended(task)).state, "SUCCESS");
    await world.fsck();
    assert.deepEqual((await stage.database.signingEvents()).map(({ role, state }) => [role, state]), [["mixed", "open"], ["pool", "open"]]);
    assert.deepEqual([keyidsOf(await world.targets(), "both").includes(old), (await world.signers("both")).includes(next)], [false, true]);

    // Until people have signed the old key counts, and signs.
    assert.deepEqual([keyidsOf(await world.targets(), "mixed").includes(old), await poolBins(world)], [true, [old]]);
    const added = await stage.add(["pool/b", "mixed/b"]);
    await stage.settle();
    assert.deepEqual((await stage.task(added)).waitingFor, ["mixed"]);
    await world.fsck();

    await world.sign("mixed", ANN);
    assert.deepEqual([keyidsOf(await world.targets(), "mixed"), (await world.signers("mixed")).toSorted()], [[next, ANN.keyid, BOB.keyid], [next, ANN.keyid].toSorted()]);
    await world.sign("mixed", BOB);
    await world.sign("pool", ANN);
    assert.deepEqual([await poolBins(world), await world.signers("pool-bins-0"), await world.signers("pool-bins-1")], [[next], [next], [next]]);
    assert.equal((await stage.ended(added)).state, "SUCCESS");

    // From now on nobody needs the old key.
    stage.signers.remove("fn:online");
    const later = await stage.add(["pool/c", "mixed/c", "both/c", "two"]);
    await stage.settle();
    await world.sign("mixed", ANN);
    assert.equal((await stage.ended(later)).state, "SUCCESS");
    assert.deepEqual([await stage.database.signingEvents(), (await stage.database.setting("handed_keys")) ?? null], [[], null]);
    world.clients.look();
    await world.fsck();
  });

  test("a version that people were signing is published with the old key, and given up when that is gone", async () => {
    for (const gone of [false, true]) {
      const { world, begun: added } = await changedWhileSigning();
      const { stage } = world;
      if (gone) stage.signers.remove("fn:online");
      await world.sign("mixed", ANN).catch((error: unknown) => { if (!gone) throw error; });
      if (!gone) assert.equal((await stage.ended(added)).state, "SUCCESS");
      const [event] = (await stage.database.signingEvents()).filter(({ role }) => role === "mixed");
      assert.ok(event);
      assert.deepEqual(noteOf(event).edit?.role?.keyids, [world.next, ANN.keyid, BOB.keyid]);
      await world.sign("mixed", BOB);
      assert.equal((await stage.ended(added)).state, "SUCCESS");
      world.clients.look();
      await world.fsck();
    }
  });

  test("artifacts that come while keys change are signed once, beside the key that comes", async () => {
    const world = await repository();
    const { stage } = world;
    await world.change();
    for (const phase of ["overlap", "shown"]) {
      await stage.settle();
      const added = await stage.add([`mixed/${phase}`]);
      await stage.settle();
      assert.equal(((await stage.database.setting("rotation")) as { phase?: string } | null)?.phase, phase);
      assert.deepEqual([(await stage.task(added)).waitingFor, await world.asked()], [["mixed"], []]);
      await stage.clock.advance(stage.deps.policy.settleMs);
    }
    await stage.settleAll();
    assert.deepEqual(await world.asked(), ["mixed", "pool"]);
    stage.signers.remove("fn:online");
    await world.sign("mixed", ANN);
    assert.deepEqual([await world.asked(), (await world.targetsOf("mixed")).slice(1)], [["pool"], ["mixed/overlap", "mixed/shown"]]);
    world.clients.look();
    await world.fsck();
  });

  test("but where a recovery that waits for people holds the change back, they are asked at once", async () => {
    const world = await repository();
    const { stage } = world;
    await world.change();
    await stage.settle();
    await stage.update(signedBy(stage.plan(2, { online: stage.signers.addEd25519("fn:last"), threshold: 2 }), stage.holders[0]!), true);
    await stage.add(["mixed/b"]);
    await stage.settle();
    assert.deepEqual(await world.asked(), ["mixed"]);
    await world.sign("mixed", ANN);
    await world.fsck();
  });

  test("what waits for the role when its key is exchanged is signed with that, once", async () => {
    const { world } = await changedWhileSigning();
    const { stage } = world;
    const added = await stage.add(["mixed/c"]);
    const removed = await stage.remove(["mixed/a"]);
    await stage.settle();
    await world.sign("mixed", ANN);
    const [event] = (await stage.database.signingEvents()).filter(({ role }) => role === "mixed");
    assert.deepEqual(event === undefined ? [] : noteOf(event).edit?.role?.keyids, [world.next, ANN.keyid, BOB.keyid]);
    const late = await stage.add(["mixed/d"]);
    await stage.settle();
    await world.sign("mixed", BOB);
    for (const task of [added, removed]) assert.equal((await stage.ended(task)).state, "SUCCESS");
    assert.deepEqual((await stage.task(late)).waitingFor, ["mixed"]);
    await world.sign("mixed", ANN);
    assert.equal((await stage.ended(late)).state, "SUCCESS");
    assert.deepEqual((await stage.database.signingEvents()).filter(({ role }) => role === "mixed"), []);
    world.clients.look();
    await world.fsck();
  });

  test("stopped, what it carried is not lost: it waits with the next", async () => {
    const { world } = await changedWhileSigning();
    const { stage } = world;
    const added = await stage.add(["mixed/c"]);
    await stage.settle();
    await world.sign("mixed", ANN);
    await stopSigning(stage.operations, "mixed");
    await stage.settle();
    await world.sign("mixed", BOB);
    assert.equal((await stage.ended(added)).state, "SUCCESS");
    await world.fsck();
  });

  test("stopped, it is asked for again: the old key has to go", async () => {
    const world = await repository();
    await world.change();
    await world.stage.settleAll();
    const first = (await world.stage.database.signingEvents()).find(({ role }) => role === "mixed");
    await stopSigning(world.stage.operations, "mixed");
    await world.stage.settle();
    const second = (await world.stage.database.signingEvents()).find(({ role }) => role === "mixed");
    assert.ok(second !== undefined && second.id !== first?.id);
    await world.sign("mixed", ANN);
    await world.fsck();
  });

  test("a second change of keys before people signed the first: they sign for the last one", async () => {
    const world = await repository();
    const { stage } = world;
    await world.change();
    await stage.settleAll();
    const third = stage.signers.addEd25519("fn:third");
    await stage.update(signedBy(stage.plan(3, { online: third }), stage.holders[0]!));
    await stage.settleAll();
    for (const [role, holder] of [["mixed", ANN], ["pool", ANN], ["mixed", BOB], ["pool", ANN]] as const) await world.sign(role, holder);
    assert.deepEqual([keyidsOf(await world.targets(), "mixed"), await poolBins(world)], [[keyidOf(third), ANN.keyid, BOB.keyid], [keyidOf(third)]]);
    for (const uri of ["fn:online", "fn:next"]) stage.signers.remove(uri);
    const added = await stage.add(["pool/b", "mixed/b", "both/b"]);
    await stage.settle();
    await world.sign("mixed", ANN);
    assert.equal((await stage.ended(added)).state, "SUCCESS");
    world.clients.look();
    await world.fsck();
  });

  test("killed anywhere, up to the signatures of people, it goes on where it was", async () => {
    // Every thirteenth effect here; a change of keys alone meets every fault in the crash table.
    for (let at = 2; ; at += 13) {
      const trap: Trap = { at, when: at % 2 === 0 ? "before" : "after", count: 0, dead: false, armed: false };
      const world = await repository(trap);
      const { stage } = world;
      const survive = async (act: () => Promise<unknown>): Promise<void> => {
        try {
          await act();
        } catch (error) {
          if (!trap.dead) throw error;
          await takeOver(stage);
        }
      };
      await world.change();
      await survive(() => stage.settleAll());
      for (const [role, holder] of [["mixed", ANN], ["pool", ANN]] as const) await survive(() => world.sign(role, holder));
      assert.deepEqual([keyidsOf(await world.targets(), "mixed"), await poolBins(world)], [[world.next, ANN.keyid, BOB.keyid], [world.next]], `killed at ${String(at)}`);
      world.clients.look();
      await world.fsck();
      if (!trap.dead) break;
      assert.ok(at < 150);
    }
  });
});

describe("recovery from a compromise where people sign too", () => {
  test("needs no old key, which signs nothing any more; what only it could sign waits, named by its hash", async () => {
    const world = await repository();
    const { stage, old, next } = world;
    const waiting = await stage.add(["mixed/b"]);
    await stage.settle();
    stage.signers.remove("fn:online");
    stage.storage.hooks = {};
    const task = await world.change(true);
    await stage.settleAll();
    assert.equal((await stage.ended(task)).state, "SUCCESS");
    assert.deepEqual([(await world.signers("both")).includes(next), keyidsOf(await world.targets(), "both").includes(old)], [true, false]);
    const meta = async (): Promise<Readonly<Record<string, { hashes?: unknown }>>> => {
      const { version } = parseEnvelope(stage.storage.peek("timestamp.json")!, "timestamp").signed.meta["snapshot.json"];
      return parseEnvelope(stage.storage.peek(`${String(version)}.snapshot.json`)!, "snapshot").signed.meta;
    };
    const listed = await meta();
    assert.ok(listed["pool-bins-0.json"]?.hashes !== undefined && listed["pool-bins-1.json"]?.hashes !== undefined);
    assert.equal(listed["bins-0.json"]?.hashes, undefined);
    await world.fsck();

    // What people had begun to sign beside the lost key is begun anew beside the next.
    const [mixed] = (await stage.database.signingEvents()).filter(({ role }) => role === "mixed");
    assert.deepEqual(mixed === undefined ? undefined : noteOf(mixed).edit?.role?.keyids, [next, ANN.keyid, BOB.keyid]);
    const added = await stage.add(["pool/b", "one more"]);
    await stage.settle();
    assert.deepEqual((await stage.task(added)).waitingFor, ["pool"]);
    // A restart finds it so.
    await takeOver(stage);
    await stage.add(["again"]);
    await stage.settle();
    assert.ok((await meta())["pool-bins-0.json"]?.hashes !== undefined);
    await world.sign("pool", ANN);
    assert.equal((await stage.ended(added)).state, "SUCCESS");
    assert.equal((await meta())["pool-bins-0.json"]?.hashes, undefined);
    // What it carried is signed with the change of its key.
    await world.sign("mixed", ANN);
    assert.equal((await stage.ended(waiting)).state, "SUCCESS");
    assert.equal((await stage.database.setting("handed_keys")) ?? null, null);
    await world.fsck();
  });

  test("a change of delegations that people signed with the lost key is never published", async () => {
    const world = await repository();
    const { stage, old, next } = world;
    await changeDelegations(stage.operations, { action: "add", keys: { [ANN.keyid]: ANN.key }, bins: null, roles: [{ name: "late", keyids: [old, ANN.keyid], threshold: 2, paths: ["late/*"], terminating: true, "x-rstuf-expire-policy": 60, parent: null }] } as never);
    await stage.settle();
    const event = (await stage.database.signingEvents()).find(({ role }) => role === "late");
    stage.storage.hooks = {};
    // Signed and frozen in the very turn in which the recovery is carried out.
    await stage.sign(ANN.sign((JSON.parse(event!.document.toString()) as { signed: unknown }).signed), "late");
    await world.change(true);
    await stage.settleAll();
    assert.ok(!keyidsOf(await world.targets(), "late").includes(old));
    if (keyidsOf(await world.targets(), "late").length === 0) await world.sign("late", ANN);
    assert.deepEqual(keyidsOf(await world.targets(), "late"), [next, ANN.keyid]);
    await world.fsck();
  });
});
