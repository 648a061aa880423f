// Flushing a whole file system: Node has no syncfs(2); coreutils' `sync -f` is it.
//
// A shell that stays starts it: forking a process of hundreds of megabytes takes some 25 ms of the thread
// that asks, forking a shell one. It ends when its input does, and so with this process, however that ends.

import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Readable, Writable } from "node:stream";

/** `unsupported`: nothing is known to be flushed. */
export type Flushed = "flushed" | "unsupported";

type Shell = ChildProcessByStdio<Writable, Readable, null>;

const LOOP = 'while IFS= read -r directory; do sync -f -- "$directory" </dev/null >/dev/null; echo $?; done';
/** From here on a shell's code says that there is no such program, or that a signal ended it. */
const NOT_RUN = 126;

export class Flusher {
  #shell: Shell | undefined;
  /** Whoever waits, in the order of asking, which is that of the answers. */
  #waiting: { readonly resolve: (flushed: Flushed) => void; readonly reject: (error: Error) => void }[] = [];
  #text = "";

  /** Flushes the file system that holds `directory`. Rejects when that was tried and failed. */
  flush(directory: string): Promise<Flushed> {
    if (directory.includes("\n")) return Promise.resolve("unsupported");
    return new Promise((resolve, reject) => {
      const shell = this.#shell ??= this.#start();
      this.#waiting.push({ resolve, reject });
      keepsAlive(shell, true);
      shell.stdin.write(`${directory}\n`);
    });
  }

  #start(): Shell {
    // A group of its own: who ends this process by Ctrl-C lets it finish what it is at.
    const shell = spawn("/bin/sh", ["-c", LOOP], { stdio: ["pipe", "pipe", "ignore"], cwd: "/", detached: true });
    // Not started, or ended by somebody. The next to ask tries again.
    const gone = (): void => {
      if (this.#shell !== shell) return;
      this.#shell = undefined;
      this.#text = "";
      for (const { resolve } of this.#waiting.splice(0)) resolve("unsupported");
    };
    shell.once("error", gone);
    shell.once("exit", gone);
    shell.stdin.on("error", gone);
    shell.stdout.on("data", (bytes: Buffer) => { if (this.#shell === shell) this.#hear(shell, bytes.toString()); });
    return shell;
  }

  #hear(shell: Shell, text: string): void {
    const lines = (this.#text + text).split("\n");
    this.#text = lines.pop() ?? "";
    for (const line of lines) {
      const code = Number(line);
      const waiting = this.#waiting.shift();
      if (code === 0) waiting?.resolve("flushed");
      else if (code >= NOT_RUN) waiting?.resolve("unsupported");
      else waiting?.reject(new Error(`sync -f ended with code ${line}`));
    }
    if (this.#waiting.length === 0) keepsAlive(shell, false);
  }
}

/** An idle shell is no reason for this process, or the thread, to go on. */
function keepsAlive(shell: Shell, yes: boolean): void {
  // Pipes are sockets, which their types do not say.
  for (const part of [shell, shell.stdin, shell.stdout] as unknown as { ref(): void; unref(): void }[]) {
    if (yes) part.ref();
    else part.unref();
  }
}
