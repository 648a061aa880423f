// What PostgreSQL or the way to it threw, in the port's words.

import pg from "pg";

import { DatabaseError } from "../../../ports/database.ts";

/**
 * What a failed call means for the transaction it was part of:
 * - `gone`     the session ended; the server rolled back, unless it was committing
 * - `conflict` the server rolled back because of others (deadlock, lock wait, too slow)
 * - `refused`  it was at fault itself
 */
export type Fate = "gone" | "conflict" | "refused";

/** https://www.postgresql.org/docs/18/errcodes-appendix.html: whole codes, or classes by their first two characters. */
const FATES: Readonly<Record<string, Fate>> = {
  "08": "gone", "57P01": "gone", "57P02": "gone", "57P03": "gone", "57P05": "gone", "25P03": "gone", "25P04": "gone", "25006": "gone", "53300": "gone",
  "40": "conflict", "55P03": "conflict", "57014": "conflict",
};

const SAYS: Readonly<Record<string, { readonly code: "unavailable" | "damaged"; readonly says: string }>> = {
  "28": { code: "unavailable", says: "refuses this user or password" },
  "3D": { code: "unavailable", says: "does not exist" },
  "42501": { code: "unavailable", says: "does not let this user do that" },
  "40": { code: "unavailable", says: "gave precedence to another transaction" },
  "55P03": { code: "unavailable", says: "is held up by another transaction" },
  "57014": { code: "unavailable", says: "took too long" },
  "53": { code: "unavailable", says: "has run out of disk, memory or connections" },
  "58": { code: "unavailable", says: "could not be read or written" },
  "57": { code: "unavailable", says: "is being stopped or started" },
  "25": { code: "unavailable", says: "is read-only, or ended an idle transaction" },
  "08": { code: "unavailable", says: "cannot be reached" },
  "XX": { code: "damaged", says: "is damaged" },
  "42P01": { code: "damaged", says: "lacks a table of ours" },
};

const lookUp = <T>(table: Readonly<Record<string, T>>, sqlState: string): T | undefined => table[sqlState] ?? table[sqlState.slice(0, 2)];

/** The session ended under a statement, or could not be had: what the socket said is the cause. */
export class LostSession extends Error {}

export function fateOf(error: unknown): Fate {
  if (error instanceof pg.DatabaseError) return lookUp(FATES, error.code ?? "") ?? (error.severity === "FATAL" ? "gone" : "refused");
  return error instanceof LostSession ? "gone" : "refused";
}

/** `error` as a DatabaseError when it is the server's or the network's fault; else as it is. */
export function faultOf(error: unknown, server: string): unknown {
  if (error instanceof pg.DatabaseError) {
    const known = lookUp(SAYS, error.code ?? "");
    return known ? new DatabaseError(known.code, `the database ${server} ${known.says}: ${error.message}`, { cause: error }) : error;
  }
  if (error instanceof LostSession) return new DatabaseError("unavailable", `the database ${server} cannot be reached: ${error.message}`, { cause: error });
  return error;
}

/** What a failed COMMIT means: known not to have happened, or unclear. An ERROR rolls back; whatever ends the session may come after the commit. */
export function commitFaultOf(error: unknown, server: string): unknown {
  if (error instanceof pg.DatabaseError && error.severity === "ERROR") return faultOf(error, server);
  if (!(error instanceof pg.DatabaseError) && !(error instanceof LostSession)) return error;
  return new DatabaseError("unclear", `whether the last transaction on ${server} is stored is not known`, { cause: error });
}
