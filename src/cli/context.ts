// What a command may touch of the world. The composition root makes one; tests make their own.

import type { Readable, Writable } from "node:stream";
import type { Clock } from "../ports/clock.ts";

export interface CliContext {
  /** Answers of a person, or a file for `-`. */
  readonly stdin: Readable;
  /** Results, for people or, with --json, for programs. Nothing else goes here. */
  readonly stdout: Writable;
  /** Progress, questions and reasons. */
  readonly stderr: Writable;
  readonly env: (name: string) => string | undefined;
  readonly cwd: string;
  /** Whether stderr is a terminal: only then are progress lines drawn. */
  readonly isTty: boolean;
  /** Whether stdout is one: only then are results coloured, and cut to its width. */
  readonly isStdoutTty: boolean;
  /** Whether somebody can be asked: stdin and stderr are terminals. */
  readonly canAsk: boolean;
  /** Of the terminal, now. */
  readonly columns: () => number;
  readonly clock: Clock;
  /** A float in [0, 1), for the pauses between tries. */
  readonly fraction: () => number;
  /** Of this program, e.g. `0.1.0`. */
  readonly version: string;
  /** Aborts at the first Ctrl-C. From the first call on, Ctrl-C does not end the process by itself; a second one does. */
  readonly interruption: () => AbortSignal;
  /** See `EXIT` in exit-codes.ts. */
  setExitCode(code: number): void;
}
