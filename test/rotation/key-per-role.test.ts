// A different online key for each role: given, changed one by one, and all at once after a compromise.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fsck } from "../../src/fsck/fsck.ts";
import { changeDelegations } from "../../src/operations/change-delegations.ts";
import type { DelegationEdit } from "../../src/roles/custom-delegations.ts";
import type { Key, Root } from "../../src/tuf/documents.ts";
import { keyidOf } from "../../src/tuf/keys.ts";
import { parseEnvelope } from "../../src/tuf/parse.ts";
import { signedBy } from "../fakes/root-holders.ts";
import { createRotationStage, type RotationStage } from "../fakes/rotation-stage.ts";
import { Clients } from "./clients.ts";

type Online = "timestamp" | "snapshot" | "targets";

function withKeys(root: Root, keys: Readonly<Partial<Record<Online, Key>>>): Root {
  const roles = { ...root.roles };
  const all: Record<string, Key> = { ...root.keys };
  for (const [role, key] of Object.entries(keys) as [Online, Key][]) {
    roles[role] = { keyids: [keyidOf(key)], threshold: 1 };
    all[keyidOf(key)] = key;
  }
  const used = new Set(Object.values(roles).flatMap(({ keyids }) => keyids));
  return { ...root, roles, keys: Object.fromEntries(Object.entries(all).filter(([keyid]) => used.has(keyid))) };
}

interface Started {
  readonly stage: RotationStage;
  readonly clients: Clients;
  root: Root;
  change(keys: Readonly<Partial<Record<Online, Key>>>, compromised?: boolean): Promise<void>;
  edit(edit: DelegationEdit): Promise<Readonly<Record<string, unknown>> | undefined>;
  /** The keyids that signed the current file of each role. */
  signers(...roles: readonly string[]): readonly string[];
}

async function started(bins: number): Promise<Started> {
  const stage = createRotationStage();
  await stage.bootstrap(bins);
  await stage.settle();
  await stage.add(["one", "two"]);
  await stage.settle();
  const clients = new Clients(stage);
  stage.storage.hooks = { after: (operation) => { if (operation === "create" || operation === "replace") clients.look(); } };
  clients.look();
  const world: Started = {
    stage,
    clients,
    root: stage.plan(1),
    async change(keys, compromised = false) {
      if (compromised) stage.storage.hooks = {};
      world.root = withKeys({ ...world.root, version: world.root.version + 1 }, keys);
      const task = await stage.update(signedBy(world.root, stage.holders[0]!), compromised);
      await stage.settleAll();
      assert.deepEqual((await stage.ended(task)).details, { role: "root" });
      const report = await fsck({ files: { read: async (name: string) => stage.storage.peek(name) }, database: stage.database, root: stage.root, now: stage.clock.now() });
      assert.deepEqual(report.faults, []);
    },
    async edit(edit) {
      const { taskId } = await changeDelegations(stage.operations, edit);
      await stage.settle();
      const { state, details, error } = await stage.ended(taskId);
      assert.equal(state, "SUCCESS", error);
      return details;
    },
    signers(...roles) {
      const timestamp = parseEnvelope(stage.storage.peek("timestamp.json")!, "timestamp");
      const version = timestamp.signed.meta["snapshot.json"].version;
      const snapshot = parseEnvelope(stage.storage.peek(`${String(version)}.snapshot.json`)!, "snapshot");
      const fileOf = (role: string): Buffer => stage.storage.peek(`${String(snapshot.signed.meta[`${role}.json`]!.version)}.${role}.json`)!;
      return roles.map((role) => (role === "timestamp" ? timestamp : role === "snapshot" ? snapshot : parseEnvelope(fileOf(role), "targets")).signatures.map(({ keyid }) => keyid).join());
    },
  };
  return world;
}

const ROLES = ["timestamp", "snapshot", "targets", "bins-0", "bins-1"];

describe("a key for each role", () => {
  test("is given to timestamp, snapshot and targets one after another; bins go with a key that leaves", async () => {
    const world = await started(2);
    const { stage, clients } = world;
    const first = keyidOf(stage.online);
    const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => stage.signers.addEd25519(`fn:${name}`)) as [Key, Key, Key, Key];
    await world.change({ timestamp: a });
    // The first key still signs for others, and so for the bins.
    assert.deepEqual(world.signers(...ROLES), [keyidOf(a), first, first, first, first]);
    await world.change({ snapshot: b });
    assert.deepEqual(world.signers(...ROLES), [keyidOf(a), keyidOf(b), first, first, first]);
    await world.change({ targets: c });
    assert.deepEqual(world.signers(...ROLES), [a, b, c, c, c].map(keyidOf));
    // And each again by itself.
    await world.change({ targets: d });
    assert.deepEqual(world.signers(...ROLES), [a, b, d, d, d].map(keyidOf));
    await world.change({ snapshot: c });
    assert.deepEqual(world.signers(...ROLES), [a, c, d, d, d].map(keyidOf));
    assert.ok(clients.walks > 50);
    await stage.add(["three"]);
    await stage.settle();
  });

  test("is given to bins, in one publish with all of them, and kept when root's keys change", async () => {
    const world = await started(4);
    const { stage } = world;
    const own = stage.signers.addEd25519("fn:bins");
    const keyid = keyidOf(own);
    const { seq } = await stage.database.publisher();
    await world.edit({ action: "bins", roles: [], keyids: [keyid], keys: { [keyid]: own } });
    assert.equal((await stage.database.publisher()).seq, seq + 1);
    assert.deepEqual(world.signers("targets", "bins-0", "bins-3"), [keyidOf(stage.online), keyid, keyid]);
    const next = stage.signers.addEd25519("fn:next");
    await world.change({ timestamp: next, snapshot: next, targets: next });
    assert.deepEqual(world.signers("targets", "bins-0", "bins-3"), [keyidOf(next), keyid, keyid]);
    // The catch-all is signed as its bins are, and both go back to the online key.
    await world.edit({ action: "add", keys: {}, roles: [{ name: "nightly", terminating: true, keyids: [], threshold: 1, paths: ["nightly/*"] }] });
    assert.deepEqual(world.signers("catch-all", "nightly"), [keyid, keyidOf(next)]);
    await world.edit({ action: "bins", roles: [], keyids: [], bins: 8 });
    assert.deepEqual(world.signers("catch-all", "bins-0", "bins-7"), [next, next, next].map(keyidOf));
  });

  test("changes with the roles below roles, and the bins below them", async () => {
    const world = await started(2);
    const { stage } = world;
    const [a, b] = ["a", "b"].map((name) => stage.signers.addEd25519(`fn:${name}`)) as [Key, Key];
    const role = (name: string, paths: string[], more: object = {}) => ({ name, terminating: true, keyids: [], threshold: 1, paths, ...more });
    await world.edit({ action: "add", keys: {}, roles: [role("up", ["up/*"]), role("down", ["up/down*"], { parent: "up", bins: 2 })] });
    await stage.add(["up/1", "up/down-2"]);
    await stage.settle();
    await world.change({ timestamp: a, snapshot: a, targets: a });
    const all = [...ROLES, "catch-all", "up", "down", "down-bins-0", "down-bins-1"];
    assert.deepEqual(world.signers(...all), all.map(() => keyidOf(a)));
    await world.change({ timestamp: b, snapshot: b, targets: b }, true);
    assert.deepEqual(world.signers(...all), all.map(() => keyidOf(b)));
  });

  test("after a compromise all of them go at once, whichever signed what", async () => {
    const world = await started(2);
    const { stage } = world;
    const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => stage.signers.addEd25519(`fn:${name}`)) as [Key, Key, Key, Key];
    await world.change({ timestamp: a, targets: b });
    const first = keyidOf(stage.online);
    assert.deepEqual(world.signers(...ROLES), [keyidOf(a), first, keyidOf(b), first, first]);
    await world.change({ timestamp: c, snapshot: d, targets: c }, true);
    assert.deepEqual(world.signers(...ROLES), [c, d, c, d, d].map(keyidOf));
  });

  test("is proved before anything names it: another key behind the URI, or people's, is refused", async () => {
    const world = await started(2);
    const { stage } = world;
    const liar = { ...stage.signers.addEd25519("fn:liar"), keyval: { public: "ab".repeat(32) } };
    const person = stage.holders[1]!;
    for (const [keyid, key] of [[keyidOf(liar), liar], [person.keyid, person.key]] as const) {
      const { taskId } = await changeDelegations(stage.operations, { action: "bins", roles: [], keyids: [keyid], keys: { [keyid]: key } });
      await stage.settle();
      assert.equal((await stage.ended(taskId)).state, "FAILURE");
    }
    assert.deepEqual(world.signers("bins-0"), [keyidOf(stage.online)]);
  });
});
