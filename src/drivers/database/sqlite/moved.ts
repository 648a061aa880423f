// A database file whose state was moved elsewhere: a file beside it says so, and nobody opens it by mistake.
//
// A file, so that it can be read, and taken away by whoever goes back. It is there before the state is
// stored at the other place, so that at no moment two services can start.

import { closeSync, existsSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";

import { DatabaseError } from "../../../ports/database.ts";

export const markOf = (file: string): string => `${file}.moved`;

/** @throws DatabaseError `moved` */
export function requireNotMoved(file: string): void {
  if (!existsSync(markOf(file))) return;
  const [says = ""] = readFileSync(markOf(file), "utf8").split("\n");
  throw new DatabaseError("moved", `${file} is not in use any more: ${says} (${markOf(file)} says how to go back)`);
}

/** Durable when it returns. `says`: in its first line where the state went, then what to do. */
export function markMoved(file: string, says: string): void {
  const descriptor = openSync(markOf(file), "w", 0o600);
  writeSync(descriptor, says);
  fsyncSync(descriptor);
  closeSync(descriptor);
  sync(dirname(file));
}

export function unmarkMoved(file: string): void {
  rmSync(markOf(file), { force: true });
  sync(dirname(file));
}

function sync(folder: string): void {
  const descriptor = openSync(folder, "r");
  fsyncSync(descriptor);
  closeSync(descriptor);
}
