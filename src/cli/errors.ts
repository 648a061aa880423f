import { AppError, reasonOf } from "../lib/app-error.ts";

/**
 * A command could not do what it was asked. The message says what happened, `why` for what
 * reason, `todo` what the reader may do.
 *
 * - `file-unreadable`   a file named on the command line cannot be read, or is not what it should be
 * - `file-exists`       a file that would be made is there already; nothing was overwritten
 * - `file-unwritable`   a file could not be written
 * - `key-unreadable`    no key that TUF clients can use
 * - `key-not-asked`     a key that may not sign the document
 * - `document-unreadable` no document that people sign, or not all that signing it needs
 * - `signature-refused` a signature that the service would not take
 * - `plan-invalid`      a plan that cannot be carried out; every fault is named
 * - `bootstrap-done`    the service has a repository already
 * - `bootstrap-missing` the service has no repository yet
 * - `lines-invalid`     lines of a list of artifacts that cannot be imported, each with its number
 * - `signing-pending`   another document of that role waits for signatures already
 * - `nothing-pending`   no document waits for signatures, or none of that role
 * - `setting-unknown`   the repository has no setting or role of that name
 * - `artifact-unknown`  the repository lists no artifact of that path
 * - `task-unknown`      the service knows no task of that number
 * - `role-unknown`      the repository has no delegated role of that name
 * - `role-refused`      the service did not do to a role what was asked
 * - `declined`          somebody said no
 * - `config-unreadable` the configuration file cannot be read or is not what it should be
 * - `server-missing`    no address of a service was given
 * - `repository-missing` no repository of that name, or none at all, is configured
 * - `answer-missing`    something had to be asked, and there is no terminal to ask at (exit 2)
 * - `misused`           options that do not go together (exit 2)
 * - `interrupted`       Ctrl-C (exit 130)
 * - `busy`              somebody else is at work there
 * - `not-here`          this build of the program cannot do it
 */
export class CliError extends AppError<
  | "file-unreadable"
  | "file-exists"
  | "file-unwritable"
  | "key-unreadable"
  | "key-not-asked"
  | "document-unreadable"
  | "signature-refused"
  | "plan-invalid"
  | "bootstrap-done"
  | "bootstrap-missing"
  | "lines-invalid"
  | "signing-pending"
  | "nothing-pending"
  | "setting-unknown"
  | "artifact-unknown"
  | "task-unknown"
  | "role-unknown"
  | "role-refused"
  | "declined"
  | "config-unreadable"
  | "server-missing"
  | "repository-missing"
  | "answer-missing"
  | "misused"
  | "interrupted"
  | "busy"
  | "not-here"
> {
  readonly why: string | undefined;
  readonly todo: string | undefined;

  constructor(code: CliError["code"], message: string, told: { readonly why?: string; readonly todo?: string; readonly cause?: unknown } = {}) {
    super(code, message, told.cause === undefined ? undefined : { cause: told.cause });
    this.why = told.why;
    this.todo = told.todo;
  }
}

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
