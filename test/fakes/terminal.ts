// The real program in a real terminal: a pseudo-terminal of the system, read and typed at.

import { spawn, type IPty } from "@lydell/node-pty";
import { dirname, join } from "node:path";
import { stripVTControlCharacters } from "node:util";

const CHECKOUT = dirname(dirname(import.meta.dirname));

export interface Terminal {
  readonly pid: number;
  /** Waits until this was printed, after the end of what was matched before. Rejects when the program ends first. */
  readonly sees: (pattern: string | RegExp) => Promise<string>;
  /** Keys as they are: `"\r"` for Enter, `"\x03"` for Ctrl-C. */
  readonly types: (...keys: readonly string[]) => void;
  /** All output so far, without colours and movements. */
  seen(): string;
  /** The same with them. */
  raw(): string;
  readonly ended: Promise<{ readonly exitCode: number; readonly signal: number | undefined }>;
}

/** Starts `rstuf ARGV`. What is still running when the test ends is the caller's to end, by its pid. */
export function openTerminal(argv: readonly string[], options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>>; readonly columns?: number }): Terminal {
  const pty: IPty = spawn(process.execPath, [join(CHECKOUT, "bin", "rstuf.js"), ...argv], {
    name: "xterm-256color",
    cols: options.columns ?? 80,
    rows: 40,
    cwd: options.cwd,
    env: { PATH: process.env["PATH"], HOME: options.cwd, TERM: "xterm-256color", LANG: "C.UTF-8", ...options.env },
  });
  let all = "";
  /** Up to here, of the text without movements, everything was matched. */
  let read = 0;
  let hasEnded = false;
  let waiting: (() => void) | undefined;
  pty.onData((piece) => {
    all += piece;
    waiting?.();
  });
  const ended = new Promise<{ exitCode: number; signal: number | undefined }>((resolve) => {
    pty.onExit(({ exitCode, signal }) => {
      hasEnded = true;
      waiting?.();
      resolve({ exitCode, signal: signal === 0 ? undefined : signal });
    });
  });
  return {
    pid: pty.pid,
    async sees(pattern) {
      for (;;) {
        const text = stripVTControlCharacters(all).slice(read);
        const found = typeof pattern === "string" ? { index: text.indexOf(pattern), length: pattern.length } : { index: pattern.exec(text)?.index ?? -1, length: pattern.exec(text)?.[0].length ?? 0 };
        if (found.index >= 0) {
          read += found.index + found.length;
          return text;
        }
        if (hasEnded) throw new Error(`the program ended, and ${String(pattern)} was never printed. It said:\n${stripVTControlCharacters(all)}`);
        await new Promise<void>((resolve) => (waiting = resolve));
      }
    },
    types(...keys) {
      for (const key of keys) pty.write(key);
    },
    seen: () => stripVTControlCharacters(all),
    raw: () => all,
    ended,
  };
}
