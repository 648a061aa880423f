/**
 * The root of every error this program throws on purpose.
 *
 * `code` is API: stable, never reused, asserted in tests. `message` says what was
 * being done, to what, and what the reader may do; it never holds a secret.
 */
export class AppError<Code extends string = string> extends Error {
  readonly code: Code;

  constructor(code: Code, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** What a `catch` caught, as one line for a log or a task's reason. */
export function reasonOf(error: unknown): string {
  if (error instanceof AppError) return `${error.message} (${error.code})`;
  return error instanceof Error ? error.message : String(error);
}
