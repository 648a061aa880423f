// How a command line ended, for scripts. Stable: a number is never given another meaning.

export const EXIT = {
  done: 0,
  /** Refused or failed; the reason is on stderr. */
  failed: 1,
  /** The command line itself is wrong, or lacks what could not be asked for. */
  misused: 2,
  /** The work goes on at the service, and the time to wait for it is over. */
  unfinished: 3,
  /** Ctrl-C. What was asked of the service before is not taken back. */
  interrupted: 130,
} as const;

export const EXIT_CODES_TEXT = "Exit codes: 0 done, 1 refused or failed, 2 used wrongly, 3 not finished in time,\n130 interrupted.";

const BY_ERROR: Readonly<Record<string, number>> = {
  "answer-missing": EXIT.misused,
  misused: EXIT.misused,
  "task-unfinished": EXIT.unfinished,
  interrupted: EXIT.interrupted,
};

/** The exit code that an error's code means. */
export function exitCodeOf(errorCode: string): number {
  return BY_ERROR[errorCode] ?? EXIT.failed;
}
