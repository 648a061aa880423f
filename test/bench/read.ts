// `npm run bench:read`: pages of the read API over a large repository, and what reading does to publishing.
//
//   npm run bench:read -- [--artifacts 1000000] [--bins 16384] [--rounds 60] [--publishes 40] [--readers 4] [--data DIR] [--out docs/performance]
//
// The repository is imported as users do it; of `--data`, where an earlier run left one, it is used again. Tasks, a hundred
// thousand, are put into its database while it is stopped, as months of releases would leave them. Publishes of one
// artifact are timed in turns, alone and beside readers who page without end, so that both see the same machine.

import { fork } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parseArgs } from "node:util";
import { behindCatchAll } from "../../src/roles/catch-all.ts";
import { delegationTreeOf, ownerOf, type DelegationTree } from "../../src/roles/delegation.ts";
import { binOf, bitLengthOf } from "../../src/tuf/bins.ts";
import type { Delegations } from "../../src/tuf/documents.ts";
import { figure, type Figure } from "./figures.ts";
import { measureSignatures, median } from "./limits.ts";
import { floors, untilQuiet } from "./measure.ts";
import { page, type Run } from "./page.ts";
import { folderPlace } from "./place.ts";
import { artifactOf } from "./artifact.ts";
import { Stage } from "./stage.ts";

const { values } = parseArgs({
  options: {
    artifacts: { type: "string", default: "1000000" },
    bins: { type: "string", default: "16384" },
    rounds: { type: "string", default: "60" },
    publishes: { type: "string", default: "40" },
    readers: { type: "string", default: "4" },
    data: { type: "string" },
    out: { type: "string", default: "docs/performance" },
  },
});
const [artifacts, bins, rounds, publishes, readers] = [values.artifacts, values.bins, values.rounds, values.publishes, values.readers].map(Number) as [number, number, number, number, number];
const TASKS = 100_000;
const PAGE_MS = 20;
const PLACE = "SQLite, folder";

const started = new Date();
const load = loadavg()[0] ?? 0;
const said = (what: string): void => { process.stderr.write(`${String(Math.round((Date.now() - started.getTime()) / 1000)).padStart(5)} s  ${what}\n`); };
const agent = new Agent({ keepAlive: true, maxSockets: 100 });
const place = folderPlace();
const limits = { ...measureSignatures(), ...(await place.limits()) };
const figures: Figure[] = [];
let ended = false;
let floorMs = 0;
const notes: string[] = [];

const stage = await opened();
try {
  await measurePages(stage);
  measureLookUps();
  await measurePublishing(stage);
  ended = true;
} finally {
  await stage.close();
  agent.destroy();
}
process.stdout.write(write());

/** A repository of that size, at rest. */
async function opened(): Promise<Stage> {
  const mark = values.data === undefined ? undefined : join(values.data, "bench-read.json");
  const known = mark === undefined || !existsSync(mark) ? undefined : JSON.parse(readFileSync(mark, "utf8")) as { bins: number; artifacts: number; count: number };
  if (known !== undefined && (known.bins !== bins || known.artifacts !== artifacts)) throw new Error(`${values.data ?? ""} holds ${String(known.artifacts)} artifacts in ${String(known.bins)} bins: name another folder`);
  const kept = { folder: values.data, count: known?.count ?? 0 };
  said(known === undefined ? `a repository of ${String(bins)} bins` : "the repository of an earlier run");
  const stage = await Stage.open(bins, place, {}, kept);
  if (known === undefined) {
    said(`importing ${String(artifacts)} artifacts`);
    await stage.import(artifacts);
    await untilQuiet(stage);
    said(`${String(TASKS)} tasks`);
    await stage.restart(() => { fillTasks(stage.database); });
  }
  // Those that the publishes below add, too, are of another run's numbers.
  if (mark !== undefined) writeFileSync(mark, JSON.stringify({ bins, artifacts, count: stage.count + 10_000 }));
  await untilQuiet(stage);
  return stage;
}

function fillTasks(file: string): void {
  using db = new DatabaseSync(file);
  db.exec("BEGIN");
  const task = db.prepare("INSERT INTO task (id, kind, created_ms, request, held, open) VALUES (?, 'add_artifacts', ?, '{}', 0, 0)");
  const result = db.prepare("INSERT INTO result (task, created_ms, ended_ms, state, message, body) VALUES (?, ?, ?, ?, '', ?)");
  for (let n = TASKS; n > 0; n--) {
    const at = Date.now() - n * 20_000;
    const { lastInsertRowid: no } = task.run(createHash("sha256").update(`task ${String(n)}`).digest("hex").slice(0, 32), at);
    const state = n % 1000 === 500 ? "FAILURE" : "SUCCESS";
    result.run(no, at, at, state, JSON.stringify({ state, message: "", lastUpdateMs: at }));
  }
  db.exec("COMMIT");
}

interface Answered {
  readonly status: number;
  readonly body: string;
}

function get(origin: string, path: string): Promise<Answered> {
  const { promise, resolve, reject } = Promise.withResolvers<Answered>();
  const sent = request(`${origin}${path}`, { agent }, (answer) => {
    let body = "";
    answer.setEncoding("utf8");
    answer.on("data", (chunk: string) => { body += chunk; });
    answer.once("end", () => { resolve({ status: answer.statusCode ?? 0, body }); });
    answer.once("error", reject);
  });
  sent.once("error", reject);
  sent.end();
  return promise;
}

async function measurePages({ origin }: Stage): Promise<void> {
  const time = async (path: () => string): Promise<readonly number[]> => {
    const times: number[] = [];
    for (let n = 0; n <= rounds; n++) {
      const asked = path();
      const began = performance.now();
      const { status, body } = await get(origin, asked);
      if (n > 0) times.push(performance.now() - began);
      if (status !== 200) throw new Error(`${asked}: ${String(status)} ${body.slice(0, 200)}`);
    }
    return times;
  };
  const any = (): string => artifactOf(Math.floor(Math.random() * artifacts)).path;
  const cursor = (...where: readonly (string | number)[]): string => Buffer.from(JSON.stringify(where)).toString("base64url");
  const bin = (): string => binOf("bins", bitLengthOf(bins), any());
  const folder = (): string => any().slice(0, "packages/ab/".length);
  said("pages");
  const floor = await time(() => "/healthz");
  floorMs = median(floor);
  keep("a request that does nothing", floor);
  for (const [name, path] of [
    ["page: 100 artifacts, the first", () => "/api/v1/artifacts"],
    ["page: 100 artifacts, from anywhere", () => `/api/v1/artifacts?cursor=${cursor(any(), "")}`],
    ["page: 1,000 artifacts, from anywhere", () => `/api/v1/artifacts?limit=1000&cursor=${cursor(any(), "")}`],
    ["page: one artifact by its path", () => `/api/v1/artifacts?path=${any()}`],
    ["page: 100 artifacts of a folder, the first", () => `/api/v1/artifacts?prefix=${folder()}`],
    ["page: 100 artifacts of a folder, from anywhere", () => { const path = any(); return `/api/v1/artifacts?prefix=${path.slice(0, 12)}&cursor=${cursor(path, "")}`; }],
    ["page: the artifacts of a bin", () => `/api/v1/artifacts?role=${bin()}`],
    ["page: 100 roles, the first", () => "/api/v1/roles"],
    ["page: 100 roles, from anywhere", () => `/api/v1/roles?cursor=${cursor(bin())}`],
    ["page: one role, its artifacts counted", () => `/api/v1/roles/${bin()}`],
    ["page: 100 tasks, the first", () => "/api/v1/tasks"],
    ["page: 100 tasks, from anywhere", () => `/api/v1/tasks?cursor=${cursor(Date.now() - Math.floor(Math.random() * TASKS) * 20_000, 0)}`],
    ["page: 100 tasks that failed", () => "/api/v1/tasks?state=FAILURE"],
    ["page: the delegation tree", () => "/api/v1/delegations"],
  ] as const) {
    // Of a thousand the budget is that of ten pages.
    const thousand = name.includes("1,000");
    keep(name, await time(path), { limit: floorMs, ...(thousand ? {} : { budget: PAGE_MS }) });
  }
}

/** What the door, and a client, take to find who lists a path: alone, and behind a custom role and the catch-all (ADR 0012). */
function measureLookUps(): void {
  said("who takes a path");
  const role = { keyids: ["k"], threshold: 1 };
  const below: Delegations = { keys: {}, succinct_roles: { ...role, bit_length: bitLengthOf(bins), name_prefix: "bins" } };
  const behind = behindCatchAll(below);
  const custom = { ...role, name: "nightly", paths: ["nightly/*"], terminating: true };
  const both: Delegations = { ...behind.top, roles: [custom, ...(behind.top.roles ?? [])] };
  const trees: readonly (readonly [string, DelegationTree])[] = [
    ["bins alone", delegationTreeOf({ delegations: below })],
    ["behind a custom role and the catch-all", delegationTreeOf({ delegations: both }, new Map([["catch-all", behind.bins]]))],
  ];
  const paths = Array.from({ length: 1000 }, (_, n) => artifactOf(n).path);
  for (const [name, tree] of trees) {
    const times = Array.from({ length: 21 }, () => {
      const began = performance.now();
      for (const path of paths) if (ownerOf(tree, path) === undefined) throw new Error(`nobody takes ${path}`);
      return performance.now() - began;
    });
    keep(`the role of 1,000 paths: ${name}`, times.slice(1));
  }
}

async function measurePublishing(stage: Stage): Promise<void> {
  said("publishes, alone and beside readers");
  const { origin } = stage;
  const crowd = fork(join(import.meta.dirname, "read-crowd.ts"), [origin, String(readers)], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const told = async (what: "begin" | "end"): Promise<number> => {
    crowd.send(what);
    return ((await once(crowd, "message")) as [number])[0];
  };
  const alone: number[] = [];
  const beside: number[] = [];
  const statuses: { readonly alone: number[]; readonly beside: number[] } = { alone: [], beside: [] };
  const task = createHash("sha256").update("task 1").digest("hex").slice(0, 32);
  const status = async (): Promise<number> => {
    const began = performance.now();
    await get(origin, `/api/v1/task/?task_id=${task}`);
    return performance.now() - began;
  };
  const cpu = { alone: 0, beside: 0 };
  let pages = 0;
  let readMs = 0;
  await stage.add(1);
  for (let n = 0; n < publishes; n++) {
    const before = await stage.cpuMs();
    alone.push(await stage.add(1));
    cpu.alone += await stage.cpuMs() - before;
    statuses.alone.push(await status());
    await told("begin");
    const began = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 100));
    beside.push(await stage.add(1));
    statuses.beside.push(await status());
    readMs += performance.now() - began;
    pages += await told("end");
  }
  crowd.disconnect();
  await once(crowd, "exit");
  const limit = floors(limits, bins).publish;
  keep("one artifact visible", alone, { budget: 40, budgetP95: 120, limit, cpuMs: Math.round(cpu.alone / publishes) });
  keep(`one artifact visible beside ${String(readers)} readers`, beside, { budget: 40, budgetP95: 120, limit });
  keep("state of a task", statuses.alone, { limit: floorMs });
  keep(`state of a task beside ${String(readers)} readers`, statuses.beside, { limit: floorMs });
  notes.push(
    `Beside readers who page without end (${String(Math.round((pages * 1000) / readMs))} pages of 100 artifacts a second; they run on the same cores, at a low priority, for they stand for other machines) a publish takes **${(median(beside) / median(alone)).toFixed(2)}** times as long as alone.`,
  );
}

function keep(row: string, times: readonly number[], rest: Partial<Figure> = {}): void {
  figures.push(figure(PLACE, row, times, rest));
  write();
}

function write(): string {
  const run: Run = {
    command: `npm run bench:read -- ${process.argv.slice(2).map((one) => (one === values.data ? "DIR" : one)).join(" ")}`.replace(/ -- $/, ""),
    started: started.toISOString(),
    minutes: Math.round((Date.now() - started.getTime()) / 60_000),
    ended,
    machine: { cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length, memory: `${String(Math.round(totalmem() / 2 ** 30))} GiB`, node: process.version, platform: `${process.platform} ${process.arch}`, "load before": load.toFixed(1), artifacts: artifacts.toLocaleString("en"), bins: bins.toLocaleString("en"), tasks: TASKS.toLocaleString("en") },
    limits: { [PLACE]: limits }, figures, readers: [],
    notes,
  };
  mkdirSync(values.out, { recursive: true });
  writeFileSync(join(values.out, "read.json"), `${JSON.stringify(run)}\n`);
  const text = page(run, []);
  writeFileSync(join(values.out, "read.md"), text);
  return text;
}
