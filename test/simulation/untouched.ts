// Many days of a repository that nobody touches, hour by hour, on fakes.

import { createPublisherStage, DAY_MS, HOUR_MS, type Stage } from "../fakes/publisher-stage.ts";
import { shareOf } from "../../src/roles/refresh.ts";

export interface Untouched {
  /** The least time any live role other than root had left in any hour, hours. */
  readonly leastHoursLeft: number;
  /** The most role files, snapshot and timestamp aside, pressed in one hour; and what a tick's fair share is. */
  readonly mostPressed: number;
  readonly share: number;
  /** How many files there are in the end. */
  readonly files: number;
}

/** Lives of a week (bins), a month (targets), a day (snapshot, timestamp). */
export async function untouched(days: number, bins: number): Promise<Untouched> {
  const stage = createPublisherStage();
  await stage.bootstrap(bins, { bins: 7, targets: 30 });
  await stage.add(["in/one/bin"]);
  await stage.settle();
  const seen = new Set<string>(stage.storage.names());
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  for (let hour = 0; hour < days * 24; hour++) {
    await stage.clock.advance(HOUR_MS);
    await stage.settle();
    least = Math.min(least, await leastHoursLeft(stage));
    most = Math.max(most, pressedSince(stage, seen));
  }
  return { leastHoursLeft: least, mostPressed: most, share: shareOf(bins + 1, 7 * DAY_MS, stage.deps.policy.refresh), files: stage.storage.names().length };
}

/** Of live roles other than root. */
export async function leastHoursLeft(stage: Stage): Promise<number> {
  const expiries = [...(await stage.database.firstExpiry())].filter(([kind]) => kind !== "root").map(([, expires]) => expires);
  return (Math.min(...expiries) - stage.clock.now()) / HOUR_MS;
}

function pressedSince(stage: Stage, seen: Set<string>): number {
  const fresh = stage.storage.names().filter((name) => !seen.has(name));
  for (const name of fresh) seen.add(name);
  return fresh.filter((name) => !/(snapshot|timestamp|root)\.json$/.test(name)).length;
}
