// What befalls a worker between any two steps of a publish, one after the other: `npm run test:chaos -- --points`.

import { FATES, Points, type Fate } from "./points.ts";

/** Of a helper: what befalls its lease or database is the leader's story. */
const HELPERS: readonly Fate[] = ["stands before", "stands after"];
const LEASE_MS = 3_000;

/** Answers what broke; nothing when all held. */
export async function everyPoint(every: number, from: number, tell: (what: string) => void): Promise<{ readonly struck: number; readonly faults: readonly string[] }> {
  const points = await Points.start([LEASE_MS, LEASE_MS]);
  const faults: string[] = [];
  let struck = 0;
  try {
    for (const [whom, fates] of [["leader", FATES], ["helper", HELPERS]] as const) {
      for (const fate of fates) {
        for (let point = from; ; point += every) {
          const what = `the ${whom} ${fate} message ${String(point)}`;
          let met: boolean;
          try {
            met = await points.strike(point, fate, whom);
          } catch (error) {
            faults.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
            tell(`FAILED: ${faults.at(-1) ?? ""}`);
            met = true;
            if (faults.length > 5) return { struck, faults };
          }
          if (!met) {
            tell(`the ${whom} ${fate}: a publish has ${String(point - 1)} messages or fewer`);
            break;
          }
          struck += 1;
          tell(what);
        }
      }
    }
    return { struck, faults };
  } finally {
    await points.end();
  }
}
