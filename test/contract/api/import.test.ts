// POST /api/v1/artifacts/import over a real connection: what is stored when it breaks off, how it
// goes on, what is refused, and that other bodies' limits are not its own.

import assert from "node:assert/strict";
import { once } from "node:events";
import { request, type ClientRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test, type TestContext } from "node:test";
import type { ApiSettings } from "../../../src/api/settings.ts";
import { createTestApi, type TestApi } from "./fixture.ts";

const HASH = "ab".repeat(32);
const artifact = (path: string, length = 1): string => `${JSON.stringify({ path, info: { length, hashes: { sha256: HASH } } })}\n`;
const artifacts = (from: number, to: number): string => Array.from({ length: to - from }, (_, i) => artifact(`dir/file-${String(from + i)}`)).join("");

interface Answer {
  readonly status: number;
  readonly body: { data?: Record<string, unknown>; detail?: readonly { loc: readonly unknown[]; code: string; msg: string }[] | { error: string }; code?: string };
}

interface Listening extends TestApi {
  post(query: string, headers?: Record<string, string>): ClientRequest;
  send(text: string, query?: string, headers?: Record<string, string>): Promise<Answer>;
  stored(key: string): Promise<Answer>;
  taken(): Promise<number>;
}

async function listen(context: TestContext, limits: Partial<ApiSettings["limits"]> = {}): Promise<Listening> {
  const api = await createTestApi({ limits });
  await api.app.listen({ host: "127.0.0.1", port: 0 });
  context.after(() => api.app.close());
  const { port } = api.app.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${String(port)}/api/v1/artifacts/import`;
  const post = (query: string, headers: Record<string, string> = {}): ClientRequest =>
    request(`${url}${query}`, { method: "POST", headers: { "content-type": "application/x-ndjson", ...headers } });
  return {
    ...api,
    post,
    send: async (text, query = "", headers = {}) => answerTo(post(query, headers), text),
    stored: async (key) => {
      const response = await fetch(`${url}?key=${key}`);
      return { status: response.status, body: await response.json() as Answer["body"] };
    },
    taken: async () => (await api.database.openChanges({ changes: 1e6, bytes: 1e9, imported: 1e6 })).length,
  };
}

async function answerTo(sent: ClientRequest, text: string): Promise<Answer> {
  const answered = once(sent, "response") as Promise<[import("node:http").IncomingMessage]>;
  sent.end(text);
  const [response] = await answered;
  let body = "";
  for await (const piece of response) body += String(piece);
  return { status: response.statusCode ?? 0, body: JSON.parse(body) as Answer["body"] };
}

const faultsOf = (body: Answer["body"]): readonly { loc: readonly unknown[]; code: string }[] => (Array.isArray(body.detail) ? body.detail as { loc: readonly unknown[]; code: string }[] : []);

async function until(is: () => Promise<boolean>): Promise<void> {
  while (!(await is())) await new Promise((resolve) => setImmediate(resolve));
}

const KEY = { "idempotency-key": "nightly" };

describe("an import", () => {
  test("is one task, whatever its size: a body larger than other bodies may be", async (context) => {
    const api = await listen(context, { bodyBytes: 1000, artifactsPerRequest: 10 });
    const { status, body } = await api.send(artifacts(0, 500));
    assert.equal(status, 202);
    assert.equal(body.data?.["lines"], 500);
    assert.equal(await api.taken(), 500);
    const task = await api.database.getTask(String(body.data["task_id"]));
    assert.deepEqual([task?.kind, task?.request], ["import_artifacts", { imported: { lines: 500, invalid: 0 } }]);
  });

  test("that breaks off is stored up to there, and goes on after it, once", async (context) => {
    const api = await listen(context);
    const broken = api.post("", KEY);
    broken.on("error", () => undefined);
    broken.write(artifacts(0, 40));
    broken.write(artifact("dir/half").slice(0, 20));
    await until(async () => (await api.stored("nightly")).status === 200);
    broken.destroy();
    await until(async () => (await api.stored("nightly")).body.data?.["lines"] === 40);
    assert.equal(await api.taken(), 0);
    assert.equal((await api.send(artifacts(50, 60), "?after=50", KEY)).body.code, "import-gap");
    const rest = await api.send(artifacts(30, 60), "?after=30", KEY);
    assert.deepEqual([rest.status, rest.body.data?.["lines"]], [202, 60]);
    assert.equal(await api.taken(), 60);
    const again = await api.send(artifacts(0, 60), "", KEY);
    assert.deepEqual([again.status, again.body.data?.["task_id"]], [202, rest.body.data?.["task_id"]]);
    assert.equal(await api.taken(), 60);
    assert.deepEqual((await api.stored("nightly")).body.data, { lines: 60, invalid_paths: 0, task_id: rest.body.data?.["task_id"] });
  });

  test("without a key leaves nothing behind when it breaks off", async (context) => {
    const api = await listen(context, { openImports: 1 });
    const broken = api.post("");
    broken.on("error", () => undefined);
    broken.write(artifacts(0, 40));
    await until(async () => (await api.send(artifact("other"))).status === 429);
    broken.destroy();
    await until(async () => (await api.send(artifact("other"))).status === 202);
  });

  test("is taken over by who goes on with it; the first one's lines are not stored twice", async (context) => {
    const api = await listen(context);
    const first = api.post("", KEY);
    first.write(artifacts(0, 10));
    await until(async () => (await api.stored("nightly")).status === 200);
    assert.equal((await api.send(artifacts(0, 20), "", KEY)).status, 202);
    assert.equal((await answerTo(first, artifacts(10, 20))).status, 409);
    assert.equal(await api.taken(), 20);
  });

  test("lists its faults by line, keeps the lines before the first, and goes on when it is put right", async (context) => {
    const api = await listen(context);
    const text = [artifact("a"), artifact("/b"), "{\n", artifact("d", -1), "\n", "[]\n", `{"path":"g","info":{"length":1,"hashes":{}},"x":1}\n`, "x".repeat(70_000) + "\n", artifact("i")].join("");
    const { status, body } = await api.send(text, "", KEY);
    assert.equal(status, 422);
    assert.deepEqual(faultsOf(body).map(({ loc, code }) => [loc[1], code]), [
      [2, "target-path"], [3, "json-syntax"], [4, "target-length"], [5, "json-syntax"], [6, "artifact"], [7, "artifact"], [8, "line-too-long"],
    ]);
    assert.equal((await api.stored("nightly")).body.data?.["lines"], 1);
    assert.equal((await api.send(artifact("b"), "?after=1", KEY)).body.data?.["lines"], 2);
    assert.equal(await api.taken(), 2);
  });

  test("with a hundred faults is read no further", async (context) => {
    const api = await listen(context);
    const { body } = await api.send("{}\n".repeat(5000));
    assert.equal(faultsOf(body).length, 100);
  });

  test("may be tried: a dry run tells the faults, and keeps nothing", async (context) => {
    const api = await listen(context);
    assert.deepEqual(await api.send(artifacts(0, 300), "?dry_run=true", KEY), { status: 200, body: { data: { lines: 300, invalid_paths: 0 }, message: "Import checked." } });
    assert.equal((await api.send(artifact("a") + artifact("/b"), "?dry_run=true")).status, 422);
    assert.equal((await api.stored("nightly")).status, 404);
    assert.equal(await api.taken(), 0);
  });

  test("reads lines wherever the pieces are cut", async (context) => {
    const api = await listen(context);
    const sent = api.post("");
    const text = Buffer.from(artifact("dir/ä-€") + artifact("dir/二") + artifact("end").trimEnd());
    for (const byte of text) sent.write(Buffer.from([byte]));
    assert.equal((await answerTo(sent, "")).body.data?.["lines"], 3);
    const changes = await api.database.openChanges({ changes: 10, bytes: 1e6, imported: 10 });
    assert.deepEqual(changes.map(({ path }) => path).sort(), ["dir/ä-€", "dir/二", "end"].sort());
  });

  test("that has nothing in it ends at once", async (context) => {
    const api = await listen(context);
    const { body } = await api.send("");
    assert.equal((await api.database.getTask(String(body.data?.["task_id"])))?.result?.state, "SUCCESS");
  });

  test("holds no more lines than it may", async (context) => {
    const api = await listen(context, { importArtifacts: 10 });
    const { status, body } = await api.send(artifacts(0, 11));
    assert.equal(status, 422);
    assert.equal(faultsOf(body)[0]?.code, "import-too-large");
  });

  test("on which nothing moves ends with 408, and one that moves takes as long as it likes", async (context) => {
    const api = await listen(context, { requestTimeoutMs: 150 });
    const moving = api.post("", KEY);
    let line = 0;
    const drip = setInterval(() => { moving.write(artifact(`drip/${String(line++)}`)); }, 20);
    const stalled = api.post("");
    stalled.write(artifact("a"));
    const [answer] = await once(stalled, "response") as [import("node:http").IncomingMessage];
    assert.equal(answer.statusCode, 408);
    clearInterval(drip);
    assert.equal((await answerTo(moving, "")).status, 202);
  });

  test("is NDJSON, and other requests are not", async (context) => {
    const api = await listen(context);
    assert.equal((await api.send(artifact("a"), "", { "content-type": "application/json" })).status, 415);
    const { port } = api.app.server.address() as AddressInfo;
    const other = await fetch(`http://127.0.0.1:${String(port)}/api/v1/artifacts/`, { method: "POST", headers: { "content-type": "application/x-ndjson" }, body: artifact("a") });
    assert.equal(other.status, 415);
  });
});
