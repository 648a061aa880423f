// A desk with keys in a drawer, and a terminal on it: the real program, asked and answered as a
// key holder would. What was drawn is looked at too: no line wider than the terminal, no colour
// where none is wanted, the cursor given back.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { widthOf } from "../../src/cli/output/width.ts";
import { generateKeyPair } from "../../src/drivers/signer/file/generate.ts";
import { keyidOf, publicKeyOf } from "../../src/tuf/keys.ts";
import { parseEnvelope, type ParsedEnvelope } from "../../src/tuf/parse.ts";
import { openTerminal, type Terminal } from "../fakes/terminal.ts";

export const COLUMNS = 80;
const HANGS_MS = 60_000;
export const PASSWORD = "correct horse";
const ENTER = "\r";
export const DOWN = "\x1b[B";
export const CTRL_C = "\x03";

export interface Sitting extends Terminal {
  /** Waits for the question as one to be answered: an answered one is drawn once more, with another sign. */
  readonly asks: (question: string) => Promise<void>;
  /** The same, then types the answer and Enter. */
  readonly answers: (question: string, ...keys: readonly string[]) => Promise<void>;
}

export class Desk implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "rstuf-desk-"));
  readonly #running = new Set<number>();

  constructor() {
    mkdirSync(join(this.folder, "keys"));
    for (const name of ["ann", "bob", "carol", "online", "next"]) {
      const pair = generateKeyPair("ed25519");
      writeFileSync(join(this.folder, "keys", name), pair.privatePem(name === "ann" ? PASSWORD : undefined), { mode: 0o600 });
      writeFileSync(join(this.folder, "keys", `${name}.pub`), pair.publicPem);
    }
  }

  /** Runs a command at the terminal until `talk` is over and the program has ended, and answers its exit code. */
  async run(argv: readonly string[], env: Readonly<Record<string, string>>, talk: (sitting: Sitting) => Promise<void>): Promise<{ readonly exitCode: number; readonly raw: string; readonly seen: string }> {
    const terminal = openTerminal(argv, { cwd: this.folder, env, columns: COLUMNS });
    this.#running.add(terminal.pid);
    void terminal.ended.then(() => this.#running.delete(terminal.pid));
    const asks = async (question: string): Promise<void> => {
      await terminal.sees(new RegExp(`◆[^\\n]*${question.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}`));
    };
    const answers = async (question: string, ...keys: readonly string[]): Promise<void> => {
      await asks(question);
      terminal.types(...keys, ENTER);
    };
    // A question that never comes must not hang the run: the program's end tells what was on the screen instead.
    const hung = setTimeout(() => process.kill(terminal.pid, "SIGKILL"), HANGS_MS);
    let exitCode: number;
    try {
      await talk({ ...terminal, asks, answers });
      ({ exitCode } = await terminal.ended);
    } finally {
      clearTimeout(hung);
    }
    const raw = terminal.raw();
    assertReadable(raw);
    return { exitCode, raw, seen: terminal.seen() };
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  root(file: string): ParsedEnvelope<"root"> {
    const payload = JSON.parse(readFileSync(this.path(file), "utf8")) as { metadata: { root: unknown } };
    return parseEnvelope(Buffer.from(JSON.stringify(payload.metadata.root)), "root");
  }

  keyid(name: string, root: ParsedEnvelope<"root">): string {
    const wanted = publicKeyOf(readFileSync(this.path(`keys/${name}.pub`)));
    return Object.entries(root.signed.keys).find(([, key]) => key.keyval["public"] === wanted.keyval["public"])?.[0] ?? keyidOf(wanted);
  }

  [Symbol.dispose](): void {
    for (const pid of this.#running) process.kill(pid, "SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Each piece that was drawn in one go stands on one line; the cursor is shown again; no password, no trace. */
function assertReadable(raw: string): void {
   
  for (const piece of raw.split(/\r?\n|\r|\u001b\[[0-9;?]*[A-LP-Zf-hs-u]/)) {
    const text = stripVTControlCharacters(piece);
    assert.ok(widthOf(text) <= COLUMNS, `${widthOf(text)} columns: ${text}`);
  }
  assert.ok(raw.lastIndexOf("\u001b[?25h") >= raw.lastIndexOf("\u001b[?25l"), "the cursor was left hidden");
  assert.ok(!raw.includes(PASSWORD) && !raw.includes("PRIVATE KEY"), "something secret was shown");
  assert.ok(!/^\s+at .*:\d+:\d+/m.test(raw), `a stack trace was shown:\n${raw}`);
}

/** Whether any colour or weight was set. */
export function isColoured(raw: string): boolean {
   
  return /\u001b\[[0-9;]*[1-9][0-9;]*m/.test(raw);
}
