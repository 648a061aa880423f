// Whether this service can do its work now, and if not, why: what /readyz answers.

import type { Clock } from "../ports/clock.ts";
import type { Database, PublisherState } from "../ports/database.ts";
import { reasonOf } from "../lib/app-error.ts";
import { parseEnvelope, parseExpires } from "../tuf/parse.ts";

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
    for (const [kind, expiresMs] of state.seq === 0 ? [] : await expiries(database)) {
      if (expiresMs <= clock.now()) reasons.push(`a ${kind} role expired at ${new Date(expiresMs).toISOString()}`);
    }
    return { ready: reasons.length === 0, reasons };
  } catch (error) {
    return { ready: false, reasons: [`the database does not answer: ${reasonOf(error)}`] };
  }
}

/** One of several processes is ready when the database answers it: what is wrong with publishing is wrong with all of them. */
export async function answering(database: Database): Promise<Readiness> {
  try {
    await database.publisher();
    return { ready: true, reasons: [] };
  } catch (error) {
    return { ready: false, reasons: [`the database does not answer: ${reasonOf(error)}`] };
  }
}

/** Of each kind the first moment at which one expires; root, which only its key holders can renew, too. */
async function expiries(database: Database): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>(await database.firstExpiry());
  const root = await database.envelope("root");
  if (root !== undefined) found.set("root", parseExpires(parseEnvelope(root.bytes, "root").signed.expires));
  return found;
}

function* faultsOf(state: PublisherState, databaseNow: number): Generator<string> {
  if (state.lease.untilMs < databaseNow) yield "no publisher leads";
  if (state.halted !== undefined) yield `publishing is halted, ${state.halted.code}: ${state.halted.reason}`;
  if (state.seq > 0 && state.visible === 0) yield "the repository is committed and not yet shown to clients";
}
