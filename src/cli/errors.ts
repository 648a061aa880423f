import { AppError, reasonOf } from "../lib/app-error.ts";

/**
 * A command could not do what it was asked.
 *
 * - `file-unreadable`  a file named on the command line cannot be read, or is not what it should be
 * - `file-exists`      a file that would be made is there already; nothing was overwritten
 * - `file-unwritable`  a file could not be written
 * - `key-unreadable`   no key that TUF clients can use
 * - `not-here`         this build of the program cannot do it
 */
export class CliError extends AppError<"file-unreadable" | "file-exists" | "file-unwritable" | "key-unreadable" | "not-here"> {}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EACCES: "this user may not",
  EPERM: "this user may not",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of the path is no folder",
  ENOSPC: "the disk is full",
  EROFS: "the file system is read-only",
};

/** What the system said, in words. */
export function systemReason(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return REASONS[code] ?? reasonOf(error);
}
