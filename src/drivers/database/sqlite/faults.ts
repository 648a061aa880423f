// What SQLite threw, in the port's words.

import { DatabaseError } from "../../../ports/database.ts";

const BUSY = 5;
const FULL = 13;

/** Primary result codes (https://www.sqlite.org/rescode.html) that are the machine's fault, or the file's. */
const CODES: ReadonlyMap<number, { readonly code: "unavailable" | "damaged"; readonly says: string }> = new Map([
  [3, { code: "unavailable", says: "may not be accessed" }],
  [BUSY, { code: "unavailable", says: "is locked by another connection" }],
  [6, { code: "unavailable", says: "is locked by another connection" }],
  [8, { code: "unavailable", says: "cannot be written" }],
  [10, { code: "unavailable", says: "could not be read or written" }],
  [11, { code: "damaged", says: "is damaged" }],
  [FULL, { code: "unavailable", says: "cannot grow, the disk is full" }],
  [14, { code: "unavailable", says: "cannot be opened" }],
  [26, { code: "damaged", says: "is no SQLite database" }],
]);

function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined;
  return error.errcode & 0xff;
}

/** `error` as a DatabaseError when it is the machine's fault or the file's; else as it is. */
export function faultOf(error: unknown, file: string): unknown {
  const known = CODES.get(resultCode(error) ?? -1);
  return known ? new DatabaseError(known.code, `the database ${file} ${known.says}`, { cause: error }) : error;
}

/** What a failed COMMIT means: known not to have happened, or unclear. */
export function commitFaultOf(error: unknown, file: string): unknown {
  const code = resultCode(error);
  if (code === BUSY || code === FULL) return faultOf(error, file);
  return new DatabaseError("unclear", `whether the last transaction on ${file} is stored is not known`, { cause: error });
}
