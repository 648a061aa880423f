// What a publisher may be doing when a fault meets it: a world prepared so that the next publisher that starts does it.

import { publishAll } from "./at-rest.ts";
import type { World, WorldOptions } from "./world.ts";

export interface Scenario {
  readonly options?: WorldOptions;
  /** The publisher is left alone for so long after it did what there was to do, milliseconds. */
  readonly lastsMs?: number;
  /** Clients may be refused by keys: the old ones are compromised. */
  readonly failsClosed?: true;
  /** Brings the world there. */
  prepare(world: World): Promise<void>;
  /** What must be so when it is over, beside what always must. @throws what is not */
  requireDone?(world: World): Promise<void>;
}

/** Two bins, and an artifact in one of them. */
export async function repository(world: World): Promise<void> {
  await world.accept(world.bootstrap(2));
  await publishAll(world);
  await world.accept(world.adds(["before"]));
  await publishAll(world);
}

/** Paths of both of two bins. */
export const BOTH_BINS = ["a", "b", "c", "d", "e", "f"];
