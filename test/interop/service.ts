// The real service as a process of its own: real keys, a root signed here, bootstrap over REST.

import { spawn, type ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createFileSigners } from "../../src/drivers/signer/file/signers.ts";
import { generateKeyPair, writePrivatePem, type KeyPairType } from "../../src/drivers/signer/file/generate.ts";
import { canonicalize } from "../../src/tuf/canonical.ts";
import type { Json, Key, Root, Signature } from "../../src/tuf/documents.ts";
import { keyFileName, keyidOf } from "../../src/tuf/keys.ts";
import { SPEC_VERSION, formatExpires } from "../../src/tuf/parse.ts";
import type { Artifact } from "./web-server.ts";

const BIN = join(import.meta.dirname, "..", "..", "bin", "rstuf.js");
const DAY_MS = 86_400_000;
const START_MS = 30_000;
const STOP_MS = 10_000;
const TASK_MS = 60_000;

export interface ServiceOptions {
  /** Kind of the key that signs everything but root. */
  readonly online: KeyPairType;
  /** Kinds of the root keys; all of them must sign. */
  readonly root: readonly KeyPairType[];
  readonly bins: number;
  readonly binsStyle?: "succinct" | "classic";
  /** The online key's file is encrypted; the service reads the password from another file. */
  readonly encrypted?: boolean;
  readonly settleSeconds?: number;
  /** Between two looks at what expires; a minute when absent. */
  readonly tickMs?: number;
}

export interface Service {
  readonly origin: string;
  /** Base URL of the metadata, with a trailing slash. */
  readonly metadata: string;
  readonly metadataFolder: string;
  /** File of the root that a fresh client begins with. */
  readonly root: string;
  /** Where private online keys lie. */
  readonly keyDir: string;
  /** A folder for this test alone, gone when the service is. */
  readonly folder: string;
  /** Sends a request and waits for its task to succeed; its `result.details`. */
  submit(path: string, body?: unknown, method?: "POST" | "PUT"): Promise<Record<string, unknown>>;
  add(artifacts: readonly Artifact[]): Promise<void>;
  remove(paths: readonly string[]): Promise<void>;
  /** Ends the process as an operator would, and starts it again on the same data, on another port. */
  restart(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts the service on a data directory of its own and bootstraps it. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const waiting = await startUnbootstrapped(options);
  try {
    await waiting.submit("/api/v1/bootstrap/", waiting.bootstrap);
    return waiting;
  } catch (error) {
    await waiting[Symbol.asyncDispose]();
    throw error;
  }
}

/** The service before its bootstrap, and the request that it waits for. */
export async function startUnbootstrapped(options: ServiceOptions): Promise<Service & { readonly bootstrap: BootstrapRequest }> {
  const folder = await mkdtemp(join(tmpdir(), "rstuf-interop-"));
  let child: ChildProcess | undefined;
  const dispose = async (): Promise<void> => {
    if (child !== undefined) await stop(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const dataDir = join(folder, "state");
    const keyDir = join(folder, "keys");
    await mkdir(keyDir, { mode: 0o700 });
    const bootstrap = await ceremony(options, keyDir, join(folder, "root-keys"));
    const root = join(folder, "trusted-root.json");
    await writeFile(root, JSON.stringify(bootstrap.metadata.root));
    const config = join(folder, "config.json");
    // JSON is YAML.
    await writeFile(config, JSON.stringify({ log: { level: "warn" }, bins: { style: options.binsStyle ?? "succinct" }, signers: { passwordFile: await passwordFile(folder) }, rotation: { settleSeconds: options.settleSeconds ?? 10 }, ...(options.tickMs === undefined ? {} : { publisher: { tickMs: options.tickMs } }) }));
    let origin = "";
    const launch = async (): Promise<void> => {
      child = spawn(process.execPath, [BIN, "serve", "--data-dir", dataDir, "--key-dir", keyDir, "--port", "0", "--config", config], { stdio: ["ignore", "pipe", "pipe"] });
      origin = await untilReady(child);
    };
    await launch();
    const submit: Service["submit"] = (path, body, method = "POST") => submitAndWait(origin, path, body, method);
    return {
      get origin() {
        return origin;
      },
      get metadata() {
        return `${origin}/metadata/`;
      },
      metadataFolder: join(dataDir, "metadata"),
      root,
      keyDir,
      folder,
      bootstrap,
      submit,
      async add(artifacts) {
        await submit("/api/v1/artifacts/", { artifacts });
      },
      async remove(paths) {
        await submit("/api/v1/artifacts/delete", { artifacts: paths });
      },
      async restart() {
        if (child !== undefined) await stop(child);
        if (child?.exitCode !== 0) throw new Error(`the service did not end in order: ${String(child?.exitCode ?? child?.signalCode)}`);
        await launch();
      },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

const PASSWORD = "correct horse";

async function passwordFile(folder: string): Promise<string> {
  const file = join(folder, "password");
  await writeFile(file, `${PASSWORD}\n`, { mode: 0o600 });
  return file;
}

export interface BootstrapRequest {
  readonly settings: object;
  readonly metadata: { readonly root: { readonly signatures: readonly Signature[]; readonly signed: Root } };
}

/** What key holders do: makes the keys, and signs a root with all root keys. */
async function ceremony({ online, root, bins, encrypted }: ServiceOptions, keyDir: string, rootKeyDir: string): Promise<BootstrapRequest> {
  await mkdir(rootKeyDir, { mode: 0o700 });
  const onlinePair = generateKeyPair(online);
  await writePrivatePem(join(keyDir, keyFileName(onlinePair.key)), onlinePair.privatePem(encrypted === true ? PASSWORD : undefined));
  const onlineKey: Key = { ...onlinePair.key, "x-rstuf-key-name": "online", "x-rstuf-online-key-uri": `fn:${keyFileName(onlinePair.key)}` };
  const holders = await Promise.all(
    root.map(async (type, at) => {
      const pair = generateKeyPair(type);
      await writePrivatePem(join(rootKeyDir, keyFileName(pair.key)), pair.privatePem());
      const key: Key = { ...pair.key, "x-rstuf-key-name": `holder ${String(at + 1)}` };
      return { key, keyid: keyidOf(key) };
    }),
  );
  const onlineRole = { keyids: [keyidOf(onlineKey)], threshold: 1 };
  const signed: Root = {
    _type: "root",
    spec_version: SPEC_VERSION,
    version: 1,
    expires: formatExpires(Date.now() + 365 * DAY_MS),
    consistent_snapshot: true,
    keys: Object.fromEntries([...holders, { keyid: keyidOf(onlineKey), key: onlineKey }].map(({ keyid, key }) => [keyid, key])),
    roles: { root: { keyids: holders.map(({ keyid }) => keyid), threshold: holders.length }, timestamp: onlineRole, snapshot: onlineRole, targets: onlineRole },
  };
  const signers = createFileSigners({ keyDir: rootKeyDir, allow: [], env: () => undefined });
  const signatures: Signature[] = [];
  for (const { key, keyid } of holders) {
    const signer = await signers.open(`fn:${keyFileName(key)}`, key);
    signatures.push({ keyid, sig: await signer.sign(canonicalize(signed as unknown as Json)) });
  }
  const days = (expiration: number): { expiration: number } => ({ expiration });
  const roles = { root: days(365), targets: days(365), snapshot: days(1), timestamp: days(1), bins: { expiration: 7, number_of_delegated_bins: bins }, delegations: null };
  return { settings: { roles }, metadata: { root: { signatures, signed } } };
}

/** Resolves to the origin it printed. Its log follows on our stderr. */
function untilReady(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const { stdout, stderr } = child;
    if (stdout === null || stderr === null) throw new Error("the service was started without pipes");
    stderr.pipe(process.stderr, { end: false });
    const timer = setTimeout(() => reject(new Error("the service did not get ready")), START_MS);
    createInterface({ input: stdout }).on("line", (line) => {
      const [, origin] = /^ready (http:\/\/\S+)$/.exec(line) ?? [];
      if (origin === undefined) return;
      clearTimeout(timer);
      resolve(origin);
    });
    child.once("error", reject);
    child.once("exit", (code, signal) => reject(new Error(`the service ended (${String(code ?? signal)}) before it was ready`)));
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  child.kill("SIGTERM");
  await ended;
  clearTimeout(timer);
}

interface TaskAnswer {
  readonly data: { readonly task_id: string; readonly state?: string; readonly result?: { readonly status?: boolean; readonly details?: Record<string, unknown> } };
}

async function submitAndWait(origin: string, path: string, body: unknown, method: "POST" | "PUT"): Promise<Record<string, unknown>> {
  const response = await fetch(`${origin}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), prefer: "wait=30" },
  });
  const text = await response.text();
  if (response.status !== 202) throw new Error(`${method} ${path} was answered ${String(response.status)}: ${text}`);
  let answer = JSON.parse(text) as TaskAnswer;
  const giveUp = Date.now() + TASK_MS;
  while (answer.data.state !== "SUCCESS") {
    if (answer.data.state === "FAILURE" || answer.data.state === "ERRORED" || Date.now() > giveUp) throw new Error(`${method} ${path}: the task did not succeed: ${JSON.stringify(answer)}`);
    const task = await fetch(`${origin}/api/v1/task/?task_id=${answer.data.task_id}&wait=30`);
    answer = (await task.json()) as TaskAnswer;
  }
  return answer.data.result?.details ?? {};
}
