// Ctrl-C, for commands that have something to say before they end.

let signal: AbortSignal | undefined;

/** Aborts at the first SIGINT. The second one ends the process, as the first would have without us. */
export function interruption(): AbortSignal {
  if (signal === undefined) {
    const interrupted = new AbortController();
    process.once("SIGINT", () => interrupted.abort());
    signal = interrupted.signal;
  }
  return signal;
}
