// One process per database file.
//
// SQLite's own locks let two processes write in turns; two publishers and two group commits on one
// file are not what this driver is for. So a second file beside it, `<file>.lock`, is held with an
// exclusive SQLite lock for the life of the process (Node has no flock); the system releases it
// when the process dies, however it dies. Nobody else may open that file: closing any descriptor
// of it would release the lock.

import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { DatabaseError } from "../../../ports/database.ts";
import { faultOf } from "./faults.ts";

/** Linux's statfs types of file systems whose locks and shared memory do not hold between machines. */
const NETWORK: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"], [0x517b, "SMB"], [0xff534d42, "CIFS"], [0xfe534d42, "SMB"], [0x01021997, "9p"], [0x5346414f, "AFS"],
]);

const WAIT_MS = 500;

/** @throws DatabaseError `unavailable` when another process has the file, or it lies on a network file system */
export function lockFor(file: string): { release(): void } {
  refuseNetwork(file);
  const path = `${file}.lock`;
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(path, { timeout: WAIT_MS });
    lock.exec("PRAGMA journal_mode = MEMORY");
    lock.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    lock?.close();
    const fault = faultOf(error, path);
    const busy = error instanceof Error && "errcode" in error && error.errcode === 5;
    throw busy ? new DatabaseError("unavailable", `the database ${file} is used by another process (it holds ${path})`, { cause: error }) : fault;
  }
  const held = lock;
  return { release: () => held.close() };
}

function refuseNetwork(file: string): void {
  if (process.platform !== "linux") return;
  let type: number;
  try {
    ({ type } = statfsSync(dirname(file)));
  } catch (error) {
    throw new DatabaseError("unavailable", `the folder of the database ${file} cannot be read`, { cause: error });
  }
  const name = NETWORK.get(type >>> 0);
  if (name) throw new DatabaseError("unavailable", `the database ${file} lies on a network file system (${name}), where SQLite's locks do not hold; use a local disk`);
}
