// What a command may touch of the world. The composition root makes one; tests make their own.

import type { Writable } from "node:stream";
import type { Clock } from "../ports/clock.ts";

export interface CliContext {
  /** Results, for people or, with --json, for programs. Nothing else goes here. */
  readonly stdout: Writable;
  /** Progress and reasons. */
  readonly stderr: Writable;
  readonly env: (name: string) => string | undefined;
  readonly cwd: string;
  /** Whether stderr is a terminal: only then are progress lines drawn. */
  readonly isTty: boolean;
  readonly clock: Clock;
  /** Of this program, e.g. `0.1.0`. */
  readonly version: string;
  /** 0 ok, 1 refused or failed, 2 used wrongly. */
  setExitCode(code: number): void;
}
