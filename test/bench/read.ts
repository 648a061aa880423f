// `npm run bench:read`: pages of the read API over a large repository, and what reading does to publishing.
//
//   npm run bench:read -- [--artifacts 1000000] [--bins 16384] [--rounds 100] [--publishes 30] [--readers 4]
//
// A trial repository is made and stopped, and rows are put into its database as an import would leave them; then the
// service runs on it. Pages are timed over HTTP, beside a request that does nothing. Publishes of one artifact are timed
// in turns, alone and while readers page through everything, so that both see the same machine.

import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parseArgs } from "node:util";
import { binOf, bitLengthOf } from "../../src/tuf/bins.ts";
import { startProgram, type RunningService } from "../demo/running-service.ts";
import { median, quantile } from "./limits.ts";

const { values } = parseArgs({
  options: {
    artifacts: { type: "string", default: "1000000" },
    bins: { type: "string", default: "16384" },
    rounds: { type: "string", default: "100" },
    publishes: { type: "string", default: "30" },
    readers: { type: "string", default: "4" },
  },
});
const [artifacts, bins, rounds, publishes, readers] = [values.artifacts, values.bins, values.rounds, values.publishes, values.readers].map(Number) as [number, number, number, number, number];
const PAGE_MS = 20;

const pathOf = (n: number): string => `packages/${String(n % 997).padStart(3, "0")}/release-${String(n).padStart(9, "0")}.tar.gz`;
const agent = new Agent({ keepAlive: true, maxSockets: 100 });
const said = (what: string): void => { process.stderr.write(`  ${what}\n`); };

const folder = await mkdtemp(join(tmpdir(), "rstuf-bench-read-"));
try {
  said(`a repository of ${String(bins)} bins`);
  await (await start()).stop();
  said(`${String(artifacts)} rows`);
  fill(join(folder, "rstuf.db"));
  const service = await start();
  try {
    await measure(service);
  } finally {
    await service.stop();
  }
} finally {
  agent.destroy();
  await rm(folder, { recursive: true, force: true });
}

function start(): Promise<RunningService> {
  return startProgram(["serve", "--trial", "--port", "0", "--bins", String(bins), "--data-dir", folder], { RSTUF_LOG_LEVEL: "error" });
}

/** Rows of artifacts in the order of the table, and as many tasks as a tenth of them. */
function fill(file: string): void {
  const db = new DatabaseSync(file);
  const rows = Array.from({ length: artifacts }, (_, n) => [binOf("bins", bitLengthOf(bins), pathOf(n)), n] as const).sort(([a, m], [b, n]) => (a < b ? -1 : a > b ? 1 : pathOf(m) < pathOf(n) ? -1 : 1));
  db.exec("BEGIN");
  const artifact = db.prepare("INSERT INTO artifact (role, path, fragment, published_ms) VALUES (?, ?, ?, ?)");
  for (const [role, n] of rows) artifact.run(role, pathOf(n), `{"hashes":{"sha256":"${createHash("sha256").update(String(n)).digest("hex")}"},"length":${String(n)}}`, 1_700_000_000_000 + n);
  const task = db.prepare("INSERT INTO task (id, kind, created_ms, request, held, open) VALUES (?, 'add_artifacts', ?, '{}', 0, 0)");
  const result = db.prepare("INSERT INTO result (task, created_ms, ended_ms, state, message, body) VALUES (?, ?, ?, ?, '', ?)");
  for (let n = 0; n < artifacts / 10; n++) {
    const at = Date.now() - n * 1000;
    const { lastInsertRowid: no } = task.run(createHash("sha256").update(`task ${String(n)}`).digest("hex").slice(0, 32), at);
    const state = n % 10_000 === 5_000 ? "FAILURE" : "SUCCESS";
    result.run(no, at, at, state, JSON.stringify({ state, message: "", lastUpdateMs: at }));
  }
  db.exec("COMMIT");
  db.close();
}

interface Answered {
  readonly status: number;
  readonly body: string;
}

function send(origin: string, path: string, payload?: object): Promise<Answered> {
  const { promise, resolve, reject } = Promise.withResolvers<Answered>();
  const sent = request(`${origin}${path}`, { method: payload === undefined ? "GET" : "POST", agent, headers: payload === undefined ? {} : { "content-type": "application/json", prefer: "wait=60" } }, (answer) => {
    let body = "";
    answer.setEncoding("utf8");
    answer.on("data", (chunk: string) => { body += chunk; });
    answer.once("end", () => { resolve({ status: answer.statusCode ?? 0, body }); });
    answer.once("error", reject);
  });
  sent.once("error", reject);
  sent.end(payload === undefined ? undefined : JSON.stringify(payload));
  return promise;
}

async function measure({ origin }: RunningService): Promise<void> {
  const out = process.stdout;
  const time = async (path: () => string): Promise<readonly number[]> => {
    const times: number[] = [];
    for (let n = 0; n < rounds; n++) {
      const began = performance.now();
      const { status, body } = await send(origin, path());
      times.push(performance.now() - began);
      if (status !== 200) throw new Error(`${path()}: ${String(status)} ${body.slice(0, 200)}`);
    }
    return times;
  };
  const somewhere = (): number => Math.floor(Math.random() * artifacts);
  const cursor = (): string => Buffer.from(JSON.stringify([pathOf(somewhere()), ""])).toString("base64url");
  said("pages");
  const floor = median(await time(() => "/healthz"));
  out.write(`\n${String(artifacts)} artifacts, ${String(bins)} bins; an HTTP request that does nothing: ${floor.toFixed(1)} ms\n  ${"page".padEnd(50)}${"median".padStart(10)}${"p95".padStart(10)}${"budget".padStart(10)}  median to floor\n`);
  let over = 0;
  for (const [name, path] of [
    ["100 artifacts, first page", () => "/api/v1/artifacts"],
    ["100 artifacts, from anywhere", () => `/api/v1/artifacts?cursor=${cursor()}`],
    ["100 artifacts of a prefix, from anywhere", () => `/api/v1/artifacts?prefix=packages/${pathOf(somewhere()).slice(9, 12)}/&cursor=${cursor()}`],
    ["one artifact by its path", () => `/api/v1/artifacts?path=${pathOf(somewhere())}`],
    ["the artifacts of a bin", () => `/api/v1/artifacts?role=${binOf("bins", bitLengthOf(bins), pathOf(somewhere()))}`],
    ["100 roles, from anywhere", () => `/api/v1/roles?cursor=${Buffer.from(JSON.stringify([binOf("bins", bitLengthOf(bins), pathOf(somewhere()))])).toString("base64url")}`],
    ["100 tasks", () => "/api/v1/tasks"],
    ["the tasks that failed", () => "/api/v1/tasks?state=FAILURE"],
    ["a role with its artifacts counted", () => `/api/v1/roles/${binOf("bins", bitLengthOf(bins), pathOf(somewhere()))}`],
  ] as const) {
    const times = await time(path);
    const isOver = median(times) > PAGE_MS;
    if (isOver) over += 1;
    out.write(`  ${name.padEnd(50)}${median(times).toFixed(1).padStart(7)} ms${quantile(times, 0.95).toFixed(1).padStart(7)} ms${`${String(PAGE_MS)} ms`.padStart(10)}  ${(median(times) / floor).toFixed(1)}${isOver ? "  over budget" : ""}\n`);
  }

  said("publishes, alone and while readers read");
  let next = 0;
  const publish = async (): Promise<number> => {
    const began = performance.now();
    const { body } = await send(origin, "/api/v1/artifacts/", { artifacts: [{ path: `bench/${String(next++)}`, info: { length: 1, hashes: { sha256: "ab".repeat(32) } } }] });
    if ((JSON.parse(body) as { data: { state?: string } }).data.state !== "SUCCESS") throw new Error(body.slice(0, 300));
    return performance.now() - began;
  };
  const alone: number[] = [];
  const beside: number[] = [];
  let pages = 0;
  for (let n = 0; n < publishes; n++) {
    alone.push(await publish());
    const done = new AbortController();
    const reading = Array.from({ length: readers }, async () => {
      for (let place = ""; !done.signal.aborted; pages++) {
        const { next: following } = JSON.parse((await send(origin, `/api/v1/artifacts${place}`)).body) as { next?: string };
        place = following === undefined ? "" : `?cursor=${following}`;
      }
    });
    beside.push(await publish());
    done.abort();
    await Promise.all(reading);
  }
  out.write(`\nOne artifact, until clients see it
  alone                        median ${median(alone).toFixed(1)} ms   p95 ${quantile(alone, 0.95).toFixed(1)} ms
  beside ${String(readers)} readers, who read ${String(pages)} pages   median ${median(beside).toFixed(1)} ms   p95 ${quantile(beside, 0.95).toFixed(1)} ms   ratio ${(median(beside) / median(alone)).toFixed(2)}
${over === 0 ? "Every page is within its budget." : `${String(over)} page(s) over the budget.`}\n`);
}
