// Somebody at a terminal, for prompts that take their streams: reads the screen, then types.
// Nothing is timed: each answer waits until its question is on the screen.

import { PassThrough, Writable } from "node:stream";
import { stripVTControlCharacters } from "node:util";

export const KEYS = { enter: "\r", up: "\x1b[A", down: "\x1b[B", left: "\x1b[D", right: "\x1b[C", space: " ", ctrlC: "\x03", tab: "\t", backspace: "\x7f" } as const;

export interface Person {
  readonly stdin: PassThrough;
  readonly screen: Writable;
  /** Waits until this is on the screen, below what was matched before. Rejects when the command ends first. */
  sees(pattern: string | RegExp): Promise<string>;
  types(...keys: readonly string[]): void;
  /** Sees the question, then types the answer and Enter. */
  answers(question: string | RegExp, ...keys: readonly string[]): Promise<void>;
  /** All that was ever on the screen, without colours and movements. */
  seen(): string;
  /** The command has ended. */
  leave(): void;
}

export function createPerson(options: { readonly columns: number }): Person {
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => stdin });
  let all = "";
  let fresh = "";
  let left = false;
  let waiting: (() => void) | undefined;
  const screen = Object.assign(
    new Writable({
      write(piece: Buffer | string, _encoding, done) {
        const text = stripVTControlCharacters(String(piece));
        all += text;
        fresh += text;
        done();
        waiting?.();
      },
    }),
    { columns: options.columns, rows: 50, isTTY: true },
  );

  const person: Person = {
    stdin,
    screen,
    async sees(pattern) {
      for (;;) {
        const at = typeof pattern === "string" ? fresh.indexOf(pattern) : (pattern.exec(fresh)?.index ?? -1);
        if (at >= 0) {
          const text = fresh;
          fresh = "";
          return text;
        }
        if (left) throw new Error(`the command ended, and ${String(pattern)} was never on the screen. It said:\n${all}`);
        await new Promise<void>((resolve) => (waiting = resolve));
      }
    },
    types(...keys) {
      for (const key of keys) stdin.write(key);
    },
    async answers(question, ...keys) {
      await person.sees(question);
      person.types(...keys, KEYS.enter);
    },
    seen: () => all,
    leave() {
      left = true;
      waiting?.();
    },
  };
  return person;
}
