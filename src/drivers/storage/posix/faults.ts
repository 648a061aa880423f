// What an errno means to callers of the storage port.

import { StorageError } from "../../../ports/storage.ts";

/** Worth another try within the second: a table is full for the moment, or a server lost track of a file. */
const TRANSIENT: ReadonlySet<string> = new Set(["EAGAIN", "EBUSY", "EINTR", "EMFILE", "ENFILE", "ENOMEM", "ESTALE"]);

const DENIED: ReadonlySet<string> = new Set(["EACCES", "EPERM", "EROFS"]);

/** What opening without following links answers for a link, a socket or a device. */
const NO_PLAIN_FILE: ReadonlySet<string> = new Set(["ELOOP", "ENXIO", "ENODEV", "EISDIR", "ENOTDIR"]);

/** The errno name, or "" for what is no system error. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

export function isTransient(error: unknown): boolean {
  return !(error instanceof StorageError) && TRANSIENT.has(errnoOf(error));
}

export function isNoPlainFile(error: unknown): boolean {
  return NO_PLAIN_FILE.has(errnoOf(error));
}

/** `doing` reads after "cannot": "create 1.root.json in /srv/metadata". */
export function storageErrorOf(error: unknown, doing: string): StorageError {
  if (error instanceof StorageError) return error;
  const code = errnoOf(error);
  if (DENIED.has(code)) return new StorageError("denied", `cannot ${doing}: ${code}; give this user write access to the folder`, { cause: error });
  if (isNoPlainFile(error)) return new StorageError("denied", `cannot ${doing}: it is no plain file, and links are not followed`, { cause: error });
  const remedy = code === "ENOSPC" || code === "EDQUOT" ? "; free some space" : code === "ENOENT" ? "; the folder is gone or not mounted" : "";
  const reason = code !== "" ? code : error instanceof Error ? error.message : String(error);
  return new StorageError("unavailable", `cannot ${doing}: ${reason}${remedy}`, { cause: error });
}
