// All that a publisher may be doing when a fault meets it, by the names of the crash table.

import { Actor } from "./actor.ts";
import { isAtRest, until } from "./at-rest.ts";
import type { Scenario } from "./scenario.ts";
import { OF_ARTIFACTS } from "./scenarios-artifacts.ts";
import { OF_PEOPLE } from "./scenarios-people.ts";
import { OF_ROOT } from "./scenarios-root.ts";
import { World } from "./world.ts";

export const SCENARIOS: Readonly<Record<string, Scenario>> = { ...OF_ARTIFACTS, ...OF_PEOPLE, ...OF_ROOT };

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
