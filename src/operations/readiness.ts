// Whether this service can do its work now, and if not, why: what /readyz answers.

import type { Clock } from "../ports/clock.ts";
import type { Database, PublisherState } from "../ports/database.ts";
import { reasonOf } from "../lib/app-error.ts";

export interface Readiness {
  readonly ready: boolean;
  /** One sentence each; empty when ready. */
  readonly reasons: readonly string[];
}

/** Ready: the database answers, a publisher leads and is not halted, and nothing that clients need has expired or waits to be shown. */
export async function readiness(database: Database, clock: Pick<Clock, "now">): Promise<Readiness> {
  try {
    const state = await database.publisher();
    const reasons = [...faultsOf(state, await database.now())];
    for (const [kind, expiresMs] of state.seq === 0 ? [] : await database.firstExpiry()) {
      if (expiresMs <= clock.now()) reasons.push(`a ${kind} role expired at ${new Date(expiresMs).toISOString()}`);
    }
    return { ready: reasons.length === 0, reasons };
  } catch (error) {
    return { ready: false, reasons: [`the database does not answer: ${reasonOf(error)}`] };
  }
}

function* faultsOf(state: PublisherState, databaseNow: number): Generator<string> {
  if (state.lease.untilMs < databaseNow) yield "no publisher leads";
  if (state.halted !== undefined) yield `publishing is halted, ${state.halted.code}: ${state.halted.reason}`;
  if (state.seq > 0 && state.visible === 0) yield "the repository is committed and not yet shown to clients";
}
