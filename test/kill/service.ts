// The real program, killed in the middle of what its log says it is doing.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

const BIN = join(import.meta.dirname, "..", "..", "bin", "rstuf.js");

/** What a publisher is in the middle of after each event of its log; undefined: between publishes. */
const STEP_AFTER: Readonly<Record<string, Step | undefined>> = {
  "planned batch": "cut",
  "cut batch": "press and put roles",
  "pressed roles": "press and put snapshot",
  "put snapshot": "commit",
  "committed batch": "replace timestamp",
  "published batch": "fold",
  "folded batch": undefined,
};
export const STEPS = ["cut", "press and put roles", "press and put snapshot", "commit", "replace timestamp", "fold"] as const;
export type Step = (typeof STEPS)[number];

export interface ServiceProcess {
  readonly origin: string;
  readonly child: ChildProcess;
  /** The step it is in, by the last line of its log that was read. */
  step(): Step | undefined;
  /** Every line of the log that is no publish's: to show when something is wrong. */
  readonly complaints: readonly string[];
  /** Calls back at each event of a publish. */
  onStep(listener: ((step: Step | undefined) => void) | undefined): void;
  /** Resolves with the step it died in, once its log is read to the end. */
  kill(): Promise<Step | undefined>;
  /** Resolves with its exit code. */
  stop(): Promise<number | null>;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs another command of the program to its end. */
export function rstuf(...args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [BIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (piece: Buffer) => { stdout += piece.toString(); });
  child.stderr.on("data", (piece: Buffer) => { stderr += piece.toString(); });
  return new Promise((resolve) => { child.once("close", (code) => { resolve({ code, stdout, stderr }); }); });
}

/** What fsck has to say against a data directory nobody uses; empty when it is content. */
export async function faultsIn(dataDir: string): Promise<string> {
  const { code, stdout, stderr } = await rstuf("fsck", "--metadata", join(dataDir, "metadata"), "--root", join(dataDir, "trusted", "1.root.json"), "--data-dir", dataDir);
  return code === 0 ? "" : `${stdout}${stderr}`;
}

/** Resolves once it says `ready`. */
export async function startService(dataDir: string, bins: number, leaseMs: number): Promise<ServiceProcess> {
  const child = spawn(process.execPath, [BIN, "serve", "--trial", "--bins", String(bins), "--port", "0", "--data-dir", dataDir], {
    env: { ...process.env, RSTUF_LOG_LEVEL: "debug", RSTUF_PUBLISHER_LEASE_MS: String(leaseMs) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const complaints: string[] = [];
  let step: Step | undefined;
  let listener: ((step: Step | undefined) => void) | undefined;
  const log = createInterface({ input: child.stderr });
  const logEnded = once(log, "close");
  log.on("line", (line) => {
    const event = /"event":"([^"]*)"\}$/.exec(line)?.[1] ?? "";
    if (/"level":"(?:warn|error|fatal)"/.test(line) || !line.startsWith("{")) complaints.push(line);
    if (!(event in STEP_AFTER)) return;
    step = STEP_AFTER[event];
    listener?.(step);
  });
  const exited = once(child, "exit") as Promise<[number | null, string | null]>;
  const origin = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const ready = /^ready (\S+)$/.exec(line)?.[1];
      if (ready !== undefined) resolve(ready);
    });
    void exited.then(([code]) => { reject(new Error(`rstuf serve ended with ${String(code)} before it was ready\n${complaints.join("\n")}`)); });
  });
  return {
    origin,
    child,
    complaints,
    step: () => step,
    onStep: (listen) => { listener = listen; },
    async kill() {
      child.kill("SIGKILL");
      await exited;
      await logEnded;
      return step;
    },
    async stop() {
      child.kill("SIGTERM");
      return (await exited)[0];
    },
  };
}
