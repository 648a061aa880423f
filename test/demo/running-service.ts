// The real program in a process of its own, as a user starts it.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..", "..");

export interface RunningService {
  readonly origin: string;
  readonly process: ChildProcess;
  /** All that was written to stdout so far. */
  stdout(): string;
  /** All that was written to stderr so far. */
  stderr(): string;
  /** Ends it as Ctrl-C does, and answers its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts `rstuf ARGS` and resolves once it says `ready`. @throws when it ends before that, with its stderr */
export async function startProgram(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<RunningService> {
  const child = spawn(process.execPath, [join(ROOT, "bin", "rstuf.js"), ...args], {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => { stderr += chunk.toString(); });
  const exited = once(child, "exit") as Promise<[number | null]>;
  const origin = await new Promise<string>((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
      const ready = /^(?:ready |\{"ready":")(https?:[^\s"]+)/m.exec(stdout)?.[1];
      if (ready !== undefined) resolve(ready);
    });
    child.once("exit", (code) => { reject(new Error(`rstuf ${args.join(" ")} ended with ${String(code)} before it was ready\n${stderr}`)); });
    child.once("error", reject);
  });
  return {
    origin,
    process: child,
    stdout: () => stdout,
    stderr: () => stderr,
    async stop(signal = "SIGINT") {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      const [code] = await exited;
      return code;
    },
  };
}
