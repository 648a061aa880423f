// Scenarios in which every call of the publisher, not only those of the table, meets every fault.

import type { FaultKind } from "./actor.ts";
import { runCase } from "./case.ts";
import { SCENARIOS, trace } from "./scenarios.ts";
import { isRead } from "./table.ts";

const kindsOf = (call: string): readonly FaultKind[] => {
  if (isRead(call)) return ["not stored", "killed", "paused before"];
  return ["not stored", "failed", "killed", "paused before", "paused after", ...(call === "storage.createAll" ? ["half stored" as const] : []), ...(call.startsWith("storage.replace") ? ["late" as const] : [])];
};

/** Answers how many faults were met. @throws the first that broke a promise, and where */
export async function everyCall(names: readonly string[], tell: (what: string) => void): Promise<number> {
  let met = 0;
  for (const name of names) {
    const scenario = SCENARIOS[name];
    if (scenario === undefined) throw new Error(`nothing is known of "${name}"`);
    const calls = await trace(scenario);
    for (const [at, call] of calls.entries()) {
      for (const kind of kindsOf(call)) {
        try {
          await runCase(scenario, { kind, at });
        } catch (error) {
          throw new Error(`${name}: call ${String(at)}, ${call}, ${kind}`, { cause: error });
        }
        met += 1;
      }
      if ((at + 1) % 20 === 0 || at + 1 === calls.length) tell(`${name}: ${String(at + 1)} of ${String(calls.length)} calls, ${String(met)} faults so far`);
    }
  }
  return met;
}
