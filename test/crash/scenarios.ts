// What a publisher may be doing when a fault meets it. Each prepares a world in which the next
// publisher that starts does it.

import { Actor } from "./actor.ts";
import { TEST_POLICY } from "../fakes/publisher-stage.ts";
import { ROTATION } from "../../src/publisher/rotation.ts";
import { binOf } from "../../src/tuf/bins.ts";
import { PEOPLE, rest, World, type WorldOptions } from "./world.ts";

export interface Scenario {
  readonly options?: WorldOptions;
  /** The publisher is left alone for so long after it did what there was to do, milliseconds. */
  readonly lastsMs?: number;
  /** Clients may be refused by keys: the old ones are compromised. */
  readonly failsClosed?: true;
  /** Brings the world there. */
  prepare(world: World): Promise<void>;
}

export const settle = rest;

/** So long a publisher tries at most, at a stretch, milliseconds of its clock. */
const PATIENCE_MS = 180_000;

/** Lets time pass until `done`, at most three minutes of it. Answers whether it came to that. */
export async function until(world: World, done: () => boolean | Promise<boolean>, stepMs = 250): Promise<boolean> {
  for (let passed = 0; passed <= PATIENCE_MS; passed += stepMs) {
    await settle();
    if (await done()) return true;
    await world.clock.advance(stepMs);
  }
  return false;
}

/** Nothing accepted waits, no keys are changing, and what is committed is visible. People sign what waits for them. */
export async function isSettled(world: World): Promise<boolean> {
  if (await world.signAll()) return false;
  const { seq, visible } = await world.inner.publisher();
  return seq === visible && (await world.openTasks()) === 0 && (await world.inner.openBatches()).length === 0 && ((await world.inner.setting(ROTATION)) ?? null) === null;
}

/** A publisher does what there is to do, and ends. */
export async function publishAll(world: World): Promise<void> {
  const actor = new Actor(world).start();
  if (!(await until(world, () => isSettled(world)))) throw new Error("a publisher without faults does not come to rest");
  await actor.stop();
}

async function repository(world: World): Promise<void> {
  await world.accept(world.bootstrap(2));
  await publishAll(world);
  await world.accept(world.adds(["before"]));
  await publishAll(world);
}

/** A publisher works until something waits for people, and ends. */
async function begin(world: World): Promise<void> {
  const actor = new Actor(world).start();
  if (!(await until(world, async () => (await world.inner.signingEvents()).some(({ state }) => state === "open")))) throw new Error("nothing comes to wait for people");
  await actor.stop();
}

/** The change of delegations that adds a role which two of three people sign. */
function addsSigned(world: World, ...paths: readonly string[]): ReturnType<World["delegates"]> {
  const keys = Object.fromEntries(PEOPLE.map(({ keyid, key }) => [keyid, key]));
  return world.delegates({ action: "add", keys, roles: [{ name: "signed", terminating: true, keyids: PEOPLE.map(({ keyid }) => keyid), threshold: 2, paths }] });
}

/** People sign targets, and are to sign a version of it that adds a role of the online key and one of theirs, which takes artifacts of the bins. */
async function signedTargets(world: World): Promise<void> {
  world.people = PEOPLE.slice(0, 2);
  await repository(world);
  await world.accept(world.adds(BOTH_BINS));
  await publishAll(world);
  await world.accept(addsSigned(world, "?"));
  await world.accept(world.delegates({ action: "add", keys: {}, roles: [{ name: "custom", terminating: true, keyids: [], threshold: 1, paths: ["c/*"] }] }));
}

/** `team` signs its documents elsewhere, and has uploaded `versions`; the last of them is not published. */
async function uploaded(world: World, ...versions: readonly number[]): Promise<void> {
  await repository(world);
  const [team] = PEOPLE;
  await world.accept(world.delegates({ action: "add", keys: { [team.keyid]: team.key }, roles: [{ name: "team", terminating: true, keyids: [team.keyid], threshold: 1, paths: ["t/*"], signing: "outside" }] }));
  for (const version of versions) {
    await publishAll(world);
    await world.uploads("team", team, version, [`t/${String(version)}`, "t/all"]);
  }
}

/** `signed` is there, and an artifact of it waits for two signatures. */
async function signedRole(world: World): Promise<void> {
  await repository(world);
  world.people = PEOPLE.slice(0, 2);
  await world.accept(addsSigned(world, "s/*"));
  await begin(world);
  await publishAll(world);
  await world.accept(world.adds(["s/a", "s/b"]));
}

/** A publisher that dies after the `nth` call of that name. */
export async function dieAfter(world: World, name: string, nth = 1): Promise<void> {
  const actor = new Actor(world);
  let count = 0;
  actor.fault = (call) => (call.name === name && ++count === nth ? "killed" : undefined);
  actor.start();
  if (!(await until(world, () => actor.dead))) throw new Error(`no publisher called ${name}`);
  await world.clock.advance(15_001);
}

const HOUR_MS = 3_600_000;
/** Keys that change settle soon, and what a signer did not answer is asked again soon. */
const SOON: WorldOptions = { policy: { settleMs: 2_000, refresh: { ...TEST_POLICY.refresh, tickMs: 10_000 } } };

/** Paths of both of two bins. */
export const BOTH_BINS = ["a", "b", "c", "d", "e", "f"];

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  bootstrap: {
    prepare: async (world) => {
      await world.accept(world.bootstrap(2));
    },
  },
  add: {
    prepare: async (world) => {
      await repository(world);
      await world.accept(world.adds(["p"]));
    },
  },
  bulk: {
    prepare: async (world) => {
      await repository(world);
      await world.accept(world.adds(BOTH_BINS));
      await world.accept(world.removes(["before", "never"]));
    },
  },
  // A task whose changes ride in two batches.
  split: {
    options: { policy: { maxBatchChanges: 2 } },
    prepare: async (world) => {
      await repository(world);
      await world.accept(world.adds(["p", "q", "r"]));
    },
  },
  // Imports, whose changes ride in several batches (of one import at a time, whatever the engine takes for "about two"), and a
  // newer word on one of their paths; the rows of one follow while the next is pressed.
  import: {
    options: { policy: { maxBatchChanges: 2, foldBehindFrom: 1 } },
    prepare: async (world) => {
      await repository(world);
      await world.import(BOTH_BINS.slice(0, 3));
      await world.import(BOTH_BINS.slice(3));
      await world.accept(world.adds(["a"]));
    },
  },
  // An import of one bin, and an artifact of the other that somebody adds while it is pressed.
  overtaken: {
    options: { policy: { foldBehindFrom: 1 } },
    prepare: async (world) => {
      await repository(world);
      const [own, other] = ["bins-0", "bins-1"].map((bin) => BOTH_BINS.filter((path) => binOf("bins", 1, path) === bin));
      await world.import(own ?? []);
      world.uponCut = () => world.accept(world.adds(other ?? []));
    },
  },
  release: {
    prepare: async (world) => {
      await repository(world);
      await world.accept(world.adds(["p"], { held: true }));
      await world.accept(world.release());
    },
  },
  nothing: {
    prepare: async (world) => {
      await repository(world);
      await world.accept(world.removes(["never"]));
    },
  },
  // Leading with nothing to do: the lease is renewed.
  idle: {
    lastsMs: 6_000,
    prepare: repository,
  },
  refresh: {
    prepare: async (world) => {
      await repository(world);
      await world.accept(world.refresh(["bins", "targets"]));
    },
  },
  // Every role in a share of its own.
  shared: {
    options: { policy: { share: { fromRoles: 2, mostRoles: 1 } } },
    prepare: async (world) => {
      await repository(world);
      await world.accept(world.refresh(["bins"]));
    },
  },
  due: {
    prepare: async (world) => {
      await repository(world);
      await world.clock.advance(17 * HOUR_MS);
    },
  },
  // A batch that died left names behind, and later ones made them old.
  collect: {
    prepare: async (world) => {
      await repository(world);
      await world.accept(world.adds(BOTH_BINS));
      await dieAfter(world, "storage.create snapshot");
      await publishAll(world);
      await world.accept(world.adds(["p"]));
    },
  },
  // The publisher before died in the middle of a batch.
  unfinished: {
    prepare: async (world) => {
      await repository(world);
      await world.accept(world.adds(["p"]));
      await dieAfter(world, "storage.create role");
    },
  },
  // The publisher before died between the commit and the timestamp.
  unprojected: {
    prepare: async (world) => {
      await repository(world);
      await world.accept(world.adds(["p"]));
      await dieAfter(world, "database.commit");
    },
  },
  // The publisher before died before it brought the rows up to date.
  unfolded: {
    prepare: async (world) => {
      await repository(world);
      await world.accept(world.adds(["p"]));
      await dieAfter(world, "database.markVisible", 3);
      await world.accept(world.adds(["q"]));
    },
  },
  // Names that the database forgot it used.
  taken: {
    prepare: async (world) => {
      await repository(world);
      const { counter } = await world.inner.publisher();
      for (const ahead of [1, 2]) for (const role of ["bins-0", "bins-1", "snapshot"]) world.storage.tamper(`${String(counter + ahead)}.${role}.json`, Buffer.from("{}"));
      await world.accept(world.adds(["p"]));
    },
  },
  // A unit of several roles: custom ones before the bins, one below the other, that take an artifact each.
  unit: {
    prepare: async (world) => {
      await repository(world);
      await world.accept(world.adds(BOTH_BINS));
      await publishAll(world);
      const role = (name: string, path: string, parent?: string) => ({ name, terminating: true, keyids: [], threshold: 1, paths: [path], ...(parent === undefined ? {} : { parent }) });
      await world.accept(world.delegates({ action: "add", keys: {}, roles: [role("custom", "?"), role("below", "b", "custom")] }));
    },
  },
  // A new version of a role that people sign begins to wait for them.
  begun: { prepare: signedRole },
  // People have signed it; nobody has looked.
  signed: {
    prepare: async (world) => {
      await signedRole(world);
      await begin(world);
      await world.signAll();
      await world.accept(world.adds(["s/c", "p"]));
    },
  },
  // Nobody shall sign it.
  stopped: {
    prepare: async (world) => {
      await signedRole(world);
      await begin(world);
      await world.accept(world.adds(["s/c"]));
      await world.accept(await world.stops("signed"));
    },
  },
  // A role that takes artifacts of the bins, with the envelope that people have signed.
  signedunit: {
    prepare: async (world) => {
      await repository(world);
      await world.accept(world.adds(BOTH_BINS));
      await publishAll(world);
      await world.accept(addsSigned(world, "?"));
      await begin(world);
      world.people = PEOPLE.slice(0, 2);
      await world.signAll();
      await world.accept(world.adds(["p"]));
    },
  },
  // A version of targets that people sign, of theirs alone to sign, with a role whose envelope they sign beside it, begins to wait.
  targetsbegun: { options: { offlineTargets: true }, prepare: signedTargets },
  // People have signed both; nobody has looked.
  targetssigned: {
    options: { offlineTargets: true },
    prepare: async (world) => {
      await signedTargets(world);
      await begin(world);
      await world.signAll();
      await world.accept(world.adds(["p"]));
    },
  },
  // Nobody shall sign targets; what waits beside it goes with it.
  targetsstopped: {
    options: { offlineTargets: true },
    prepare: async (world) => {
      await signedTargets(world);
      await begin(world);
      await world.accept(world.adds(["p"]));
      await world.accept(await world.stops("targets"));
    },
  },
  // The first document that a team signed elsewhere, with the delegation to it.
  outside: { prepare: (world) => uploaded(world, 1_000) },
  // Its next one.
  outsidenext: { prepare: (world) => uploaded(world, 1_000, 2_000) },
  // A root of the same online key that people have signed.
  root: {
    options: SOON,
    prepare: async (world) => {
      await repository(world);
      world.poll();
      await world.accept(world.updatesRoot(world.nextRoot({ threshold: 2 })));
      await world.accept(world.adds(["p"]));
    },
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
  },
  // Every bin, and every artifact, in one head.
  resize: {
    prepare: async (world) => {
      await repository(world);
      await world.accept(world.adds(BOTH_BINS));
      await publishAll(world);
      await world.accept(world.delegates({ action: "bins", roles: [], bins: 8 }));
    },
  },
  // A signer that does not answer: the publisher halts and says so.
  halted: {
    prepare: async (world) => {
      await repository(world);
      await world.accept(world.adds(["p"]));
      let failures = 1;
      world.signers.beforeSign = () => {
        if (failures-- > 0) throw new Error("no answer");
      };
    },
  },
};

/** The calls of a publisher that does it without a fault, and ends. */
export async function trace(scenario: Scenario): Promise<readonly string[]> {
  const world = new World(scenario.options);
  await scenario.prepare(world);
  const actor = new Actor(world).start();
  if (!(await until(world, () => isAtRest(world, actor)))) throw new Error("a publisher without faults does not come to rest");
  await world.clock.advance(scenario.lastsMs ?? 0);
  await actor.stop();
  await world.requireWhole();
  return actor.calls;
}

/** The publisher leads, turned at least once, and has nothing more to do. */
export async function isAtRest(world: World, actor: Actor): Promise<boolean> {
  return actor.calls.includes("database.openChanges") && (await isSettled(world));
}
