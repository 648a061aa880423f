import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";
import { openRestServer, type RestAnswer } from "../../test/fakes/rest-server.ts";
import { RestClient } from "./client.ts";
import { RestError } from "./errors.ts";
import { serverUrl } from "./server.ts";

const TASK: RestAnswer = { body: { data: { task_id: "t", state: "PENDING" }, message: "Task state." } };
const ADDED: RestAnswer = { status: 202, body: { data: { artifacts: ["a"], task_id: "t", last_update: "2026-01-01T00:00:00Z" }, message: "New Artifact(s) successfully submitted." } };

/** Time moves by what is slept. */
function timing(): { readonly slept: number[]; monotonic(): number; sleep(ms: number): Promise<void>; fraction(): number } {
  const slept: number[] = [];
  return { slept, monotonic: () => slept.reduce((sum, ms) => sum + ms, 0), sleep: async (ms) => void slept.push(ms), fraction: () => 1 };
}

const clientOf = (server: string, time = timing(), headers = {}): RestClient => new RestClient({ server, headers, userAgent: "rstuf/test", timing: time });
const getTask = (client: RestClient) => client.call("GET /api/v1/task/", { query: { task_id: "t" } });
const add = (client: RestClient) => client.call("POST /api/v1/artifacts/", { body: { artifacts: [] } });
const failure = async (work: Promise<unknown>): Promise<RestError> => {
  const error = await work.then(() => undefined, (thrown: unknown) => thrown);
  assert.ok(error instanceof RestError, String(error));
  return error;
};

describe("call", () => {
  test("sends query, headers, preference, body and a key of its own", async () => {
    await using server = await openRestServer([ADDED, ADDED, TASK]);
    const client = clientOf(`${server.url}/`, timing(), { authorization: "Bearer x" });
    await client.call("POST /api/v1/artifacts/", { body: { artifacts: [] }, waitSeconds: 30 });
    await client.call("POST /api/v1/artifacts/", { body: { artifacts: [] }, idempotencyKey: "mine" });
    await client.call("GET /api/v1/task/", { query: { task_id: "a b&c" } });
    const [first, second, third] = server.asked;
    assert.equal(first?.url, "/api/v1/artifacts/");
    assert.deepEqual([first.headers.authorization, first.headers.prefer, first.headers["content-type"], first.headers["user-agent"]], ["Bearer x", "wait=30", "application/json", "rstuf/test"]);
    assert.equal(first.body, '{"artifacts":[]}');
    assert.match(String(first.headers["idempotency-key"]), /^[0-9a-f-]{36}$/);
    assert.equal(second?.headers["idempotency-key"], "mine");
    assert.equal(third?.url, "/api/v1/task/?task_id=a+b%26c");
    assert.equal(third.headers["idempotency-key"], undefined);
  });

  for (const [name, fault] of [["a reset connection", "reset"], ["a 503", { status: 503 }]] as const) {
    test(`sends a write again after ${name}, with the same key`, async () => {
      await using server = await openRestServer([fault, fault, ADDED]);
      const time = timing();
      assert.equal((await add(clientOf(server.url, time))).data.task_id, "t");
      assert.equal(server.asked.length, 3);
      assert.equal(new Set(server.asked.map(({ headers }) => headers["idempotency-key"])).size, 1);
      assert.deepEqual(time.slept, [250, 500]);
    });
  }

  test("waits as long as Retry-After says, and gives up when that is too long", async () => {
    await using server = await openRestServer([{ status: 503, headers: { "retry-after": "7" } }, { status: 503, headers: { "retry-after": "3600" } }]);
    const time = timing();
    assert.equal((await failure(getTask(clientOf(server.url, time)))).code, "unavailable");
    assert.deepEqual(time.slept, [7000]);
  });

  test("gives up after five tries", async () => {
    await using server = await openRestServer([{ status: 503 }]);
    assert.equal((await failure(getTask(clientOf(server.url)))).status, 503);
    assert.equal(server.asked.length, 5);
  });

  test("sends nothing again that was refused, or broken by the service itself", async () => {
    for (const status of [400, 404, 422, 500]) {
      await using server = await openRestServer([{ status, body: { detail: "no", code: "some-code" } }]);
      assert.equal((await failure(add(clientOf(server.url)))).status, status);
      assert.equal(server.asked.length, 1);
    }
  });

  test("a stream is sent once: what was read is gone", async () => {
    await using server = await openRestServer(["reset", ADDED]);
    const body = (async function* () { yield Buffer.from("a"); })() as never;
    assert.equal((await failure(clientOf(server.url).call("POST /api/v1/artifacts/", { body }))).code, "unreachable");
    assert.ok(server.asked.length <= 1);
  });

  test("says at once that nothing listens there", async () => {
    let url = "";
    {
      await using server = await openRestServer([TASK]);
      url = server.url;
    }
    const error = await failure(getTask(clientOf(url)));
    assert.equal(error.code, "unreachable");
    assert.equal(error.why, "nothing listens there");
    assert.match(String(error.todo), /--api-server/);
  });

  test("follows no redirect: a token would go along", async () => {
    await using other = await openRestServer([TASK]);
    await using server = await openRestServer([{ status: 307, headers: { location: `${other.url}/api/v1/task/` } }]);
    const error = await failure(getTask(clientOf(server.url)));
    assert.equal(error.code, "redirected");
    assert.equal(other.asked.length, 0);
  });

  test("keeps nothing of what it streams, and follows no redirect with it", async () => {
    const piece = Buffer.alloc(256 * 1024, "x");
    let most = 0;
    async function* body(): AsyncGenerator<Buffer> {
      for (let sent = 0; sent < 800; sent += 1) {
        most = Math.max(most, process.memoryUsage().arrayBuffers);
        yield Buffer.from(piece);
      }
    }
    const before = process.memoryUsage().arrayBuffers;
    const server = createServer((request, response) => {
      request.resume().on("end", () => response.writeHead(307, { location: "http://127.0.0.1:1/" }).end());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const error = await failure(clientOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`).call("POST /api/v1/artifacts/import", { query: {}, body: body() }));
    server.close().closeAllConnections();
    assert.equal(error.code, "redirected");
    assert.match(error.message, /sends us to http:\/\/127\.0\.0\.1:1\//);
    assert.ok(most - before < 400 * piece.length, `${most - before} bytes were kept`);
  });

  test("names in an error where it went, with what the path was filled with", async () => {
    await using server = await openRestServer([{ status: 404, body: { detail: "no such role", code: "role-unknown" } }]);
    const error = await failure(clientOf(server.url).call("GET /api/v1/roles/{name}", { path: { name: "team a" } }));
    assert.equal(error.message, `GET ${server.url}/api/v1/roles/team%20a: the service declined`);
  });

  test("lists every fault of a request, with its place", async () => {
    const detail = [{ type: "value_error", loc: ["body", "artifacts", 0, "path"], msg: "Value error, no such path" }, { type: "missing", loc: ["body"], msg: "Field required" }];
    await using server = await openRestServer([{ status: 422, body: { detail, code: "request-invalid" } }]);
    const error = await failure(add(clientOf(server.url)));
    assert.equal(error.code, "refused");
    assert.equal(error.serverCode, "request-invalid");
    assert.deepEqual(error.faults, [{ at: "artifacts.0.path", message: "no such path" }, { at: "", message: "Field required" }]);
    assert.equal(error.why, "artifacts.0.path: no such path\nField required");
  });

  const answers: readonly { readonly name: string; readonly answer: RestAnswer; readonly code: RestError["code"] }[] = [
    { name: "401", answer: { status: 401, body: { detail: "x", code: "token-required" } }, code: "unauthorized" },
    { name: "403", answer: { status: 403, body: { detail: "x", code: "token-scope" } }, code: "unauthorized" },
    { name: "a page of another program", answer: { body: "<html>welcome</html>" }, code: "answer-unexpected" },
    { name: "a 404 of another program", answer: { status: 404, body: "not found" }, code: "answer-unexpected" },
    { name: "a refusal that is no JSON", answer: { status: 400, body: "x".repeat(10_000) }, code: "refused" },
    { name: "an answer without end", answer: { body: `"${"x".repeat(65 * 1024 * 1024)}"` }, code: "answer-unexpected" },
  ];
  for (const { name, answer, code } of answers) {
    test(`understands ${name}`, async () => {
      await using server = await openRestServer([answer]);
      const error = await failure(getTask(clientOf(server.url)));
      assert.equal(error.code, code);
      assert.ok((error.why ?? "").length < 1000);
    });
  }

  test("ends at once when the caller gives up", async () => {
    await using server = await openRestServer(() => new Promise(() => undefined));
    const gone = new AbortController();
    const work = clientOf(server.url).call("GET /api/v1/task/", { query: { task_id: "t" }, signal: gone.signal });
    gone.abort();
    assert.equal((await failure(work)).code, "interrupted");
  });

  test("gives up on a silent server", async () => {
    await using server = await openRestServer(() => new Promise(() => undefined));
    const client = new RestClient({ server: server.url, userAgent: "t", timing: timing(), timeoutMs: 5 });
    assert.equal((await failure(getTask(client))).code, "too-slow");
  });
});

describe("serverUrl", () => {
  for (const [given, read] of [["https://a.example", "https://a.example"], [" http://a:8080/ ", "http://a:8080"], ["https://a/rstuf/", "https://a/rstuf"], ["https://a/api/v1/", "https://a"]] as const) {
    test(`reads ${JSON.stringify(given)}`, () => assert.equal(serverUrl(given), read));
  }
  for (const given of ["a.example", "ftp://a", "https://user:pw@a", ""]) {
    test(`refuses ${JSON.stringify(given)}`, () => assert.throws(() => serverUrl(given), (error) => error instanceof RestError && error.code === "server-invalid" && !error.message.includes("pw")));
  }
});

describe("an answer of another program", () => {
  const odd: readonly { readonly name: string; readonly body: unknown; readonly why: RegExp }[] = [
    { name: "no JSON", body: "<h1>Welcome</h1>", why: /no JSON: <h1>Welcome/ },
    { name: "null", body: null, why: /^it is no object: null/ },
    { name: "an empty object", body: {}, why: /^`data` is missing: \{\}/ },
    { name: "a list where an object should be", body: { data: [] }, why: /^`data` is no object/ },
    { name: "a member of another kind", body: { data: { task_id: 7, state: "PENDING" } }, why: /^`data\.task_id` is no string/ },
  ];
  for (const { name, body, why } of odd) {
    test(`is told to be one: ${name}`, async () => {
      await using server = await openRestServer([{ body: body === null ? "null" : body }]);
      const error = await failure(getTask(clientOf(server.url)));
      assert.equal(error.code, "answer-unexpected");
      assert.match(error.why ?? "", why);
      assert.match(error.todo ?? "", /look at the address/);
    });
  }

  test("in a row of a list, too", async () => {
    await using server = await openRestServer([{ body: { data: [{ path: "a", role: "bins-0", length: 1, hashes: {} }, { path: "b" }] } }]);
    const error = await failure(clientOf(server.url).call("GET /api/v1/artifacts/", { query: {} }));
    assert.match(error.why ?? "", /^`data\.1\.role` is missing/);
  });
});
