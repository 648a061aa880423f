// Other people's TUF clients, as programs that all print the same report.
//
// A client keeps a folder: run it again with the same folder and it is a returning client,
// with the root, timestamp, snapshot and bins that it trusted last time.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { GO_CLIENT, PYTHON } from "./install.ts";

/** What one run of a client came to. */
export interface ClientReport {
  /** It started from what it had kept. */
  readonly returning: boolean;
  /** Of the top-level roles it trusts now. */
  readonly versions: Readonly<Record<string, number>>;
  readonly targets: Readonly<Record<string, Fate>>;
  /** Why it could not even refresh. */
  readonly error?: string;
}

/** What became of one path that was asked for. */
export type Fate =
  | { readonly state: "downloaded"; readonly sha256: string }
  /** No role lists it. */
  | { readonly state: "not-found" }
  | { readonly state: "refused"; readonly reason: string };

export interface Client {
  readonly name: "python-tuf" | "go-tuf" | "tuf-js";
  readonly command: readonly string[];
}

export const PYTHON_TUF: Client = { name: "python-tuf", command: [PYTHON, join(import.meta.dirname, "python", "client.py")] };
export const GO_TUF: Client = { name: "go-tuf", command: [GO_CLIENT] };
/** Reading more than some 1,000 bins takes it minutes. */
export const TUF_JS: Client = { name: "tuf-js", command: [process.execPath, join(import.meta.dirname, "js", "client.ts")] };

export interface Visit {
  /** Base URL, with a trailing slash, as all below. */
  readonly metadata: string;
  readonly artifacts: string;
  /** File of the root that a fresh client begins with. */
  readonly root: string;
  /** The folder this client keeps. */
  readonly cache: string;
  /** Artifacts lie under their own names on the server, without the hash. */
  readonly plainNames?: boolean;
}

/** Refreshes and downloads `paths`. @throws when the program itself breaks */
export async function visit(client: Client, { metadata, artifacts, root, cache, plainNames }: Visit, paths: readonly string[]): Promise<ClientReport> {
  const flags = ["--metadata", metadata, "--artifacts", artifacts, "--root", root, "--cache", cache, ...(plainNames === true ? ["--plain-names"] : [])];
  return JSON.parse(await outputOf([...client.command, ...flags, "--", ...paths])) as ClientReport;
}

/** A minute is long for any of them; more is a hang. */
const TIME_OUT_MS = 60_000;

export class OutputError extends Error {
  /** It was ended because its time was over. */
  readonly timedOut: boolean;

  constructor(message: string, timedOut: boolean) {
    super(message);
    this.timedOut = timedOut;
  }
}

/** What a program prints, given `input` on stdin. No proxy of this machine comes between it and the loopback. */
export function outputOf([program = "", ...args]: readonly string[], { timeOutMs = TIME_OUT_MS, input = "" }: { readonly timeOutMs?: number; readonly input?: string } = {}): Promise<string> {
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/_proxy$/i.test(name)));
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { env: environment, timeout: timeOutMs, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new OutputError(`${[program, ...args].join(" ").slice(0, 300)} failed (${String(error.code ?? error.signal)}):\n${stderr}${stdout}`, error.killed === true));
    });
    // A program that ended without reading its input says why on stderr.
    child.stdin?.on("error", () => {}).end(input);
  });
}
