// Artifacts, refreshes and delegations of the online key, and what publishers before left behind.

import { binOf } from "../../src/tuf/bins.ts";
import { dieAfter, publishAll } from "./at-rest.ts";
import { BOTH_BINS, repository, type Scenario } from "./scenario.ts";

const HOUR_MS = 3_600_000;

export const OF_ARTIFACTS: Readonly<Record<string, Scenario>> = {
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
      world.history.uponCut = () => world.accept(world.adds(other ?? []));
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
