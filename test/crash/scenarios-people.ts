// What people sign: versions of delegated roles and of targets that begin to wait, are signed, are stopped; documents signed elsewhere.

import { publishAll, untilAsked } from "./at-rest.ts";
import { BOTH_BINS, repository, type Scenario } from "./scenario.ts";
import { PEOPLE } from "./holders.ts";
import type { World } from "./world.ts";

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
  await untilAsked(world);
  await publishAll(world);
  await world.accept(world.adds(["s/a", "s/b"]));
}

export const OF_PEOPLE: Readonly<Record<string, Scenario>> = {
  // A new version of a role that people sign begins to wait for them.
  begun: { prepare: signedRole },
  // People have signed it; nobody has looked.
  signed: {
    prepare: async (world) => {
      await signedRole(world);
      await untilAsked(world);
      await world.signAll();
      await world.accept(world.adds(["s/c", "p"]));
    },
  },
  // Nobody shall sign it.
  stopped: {
    prepare: async (world) => {
      await signedRole(world);
      await untilAsked(world);
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
      await untilAsked(world);
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
      await untilAsked(world);
      await world.signAll();
      await world.accept(world.adds(["p"]));
    },
  },
  // Nobody shall sign targets; what waits beside it goes with it.
  targetsstopped: {
    options: { offlineTargets: true },
    prepare: async (world) => {
      await signedTargets(world);
      await untilAsked(world);
      await world.accept(world.adds(["p"]));
      await world.accept(await world.stops("targets"));
    },
  },
  // The first document that a team signed elsewhere, with the delegation to it.
  outside: { prepare: (world) => uploaded(world, 1_000) },
  // Its next one.
  outsidenext: { prepare: (world) => uploaded(world, 1_000, 2_000) },
};
