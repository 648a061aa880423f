// Limits over a real connection: what is too much, too slow or cut off is refused at once, in
// bounded memory, and the next request is served as if nothing had been.

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type AddressInfo, type Socket } from "node:net";
import { describe, test, type TestContext } from "node:test";
import type { ApiSettings } from "../../../src/api/settings.ts";
import { createTestApi, type TestApi } from "./fixture.ts";

interface Listening extends TestApi {
  readonly port: number;
  open(): Promise<Socket>;
}

async function listen(context: TestContext, limits: Partial<ApiSettings["limits"]> = {}): Promise<Listening> {
  const api = await createTestApi({ limits });
  await api.app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = api.app.server.address() as AddressInfo;
  const sockets: Socket[] = [];
  context.after(async () => {
    for (const socket of sockets) socket.destroy();
    await api.app.close();
  });
  return {
    ...api,
    port,
    async open() {
      const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
      socket.on("error", () => undefined);
      sockets.push(socket);
      await once(socket, "connect");
      return socket;
    },
  };
}

/** What arrives until the connection ends or `enough` is in it. */
async function received(socket: Socket, enough?: RegExp): Promise<string> {
  let text = "";
  for await (const piece of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    text += piece.toString();
    if (enough?.test(text) === true) break;
  }
  return text;
}

const HEAD = "POST /api/v1/artifacts/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

async function stillServes({ port }: Listening): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/healthz`);
  assert.equal(response.status, 200);
}

describe("a body", () => {
  test("declared as 200 MB is refused before it is sent", async (context) => {
    const api = await listen(context);
    const socket = await api.open();
    socket.write(`${HEAD}Content-Length: 200000000\r\n\r\n{"artifacts":[`);
    assert.match(await received(socket, /body-too-large/), /^HTTP\/1\.1 413 /);
    await stillServes(api);
  });

  test("of 200 MB that does not say so is refused when it passes the limit, in bounded memory", async (context) => {
    const api = await listen(context, { bodyBytes: 4 * 1024 * 1024, bodyBytesInFlight: 8 * 1024 * 1024 });
    const socket = await api.open();
    socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`);
    const chunk = Buffer.concat([Buffer.from("100000\r\n"), Buffer.alloc(0x100000, 0x20), Buffer.from("\r\n")]);
    const before = process.memoryUsage().arrayBuffers;
    const over = new AbortController();
    const answered = received(socket, /body-too-large/).finally(() => over.abort());
    let sent = 0;
    const pump = async (): Promise<void> => {
      while (sent < 200 && !over.signal.aborted) {
        sent += 1;
        if (!socket.write(chunk)) await once(socket, "drain", { signal: over.signal });
      }
    };
    void pump().catch(() => undefined);
    assert.match(await answered, /^HTTP\/1\.1 413 /);
    assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024);
    await stillServes(api);
  });

  test("is asked for with 100 Continue only when it will be read", async (context) => {
    const api = await listen(context);
    const refused = await api.open();
    refused.write(`${HEAD}Expect: 100-continue\r\nContent-Length: 200000000\r\n\r\n`);
    assert.match(await received(refused, /body-too-large/), /^HTTP\/1\.1 413 /);

    const welcome = await api.open();
    welcome.write(`${HEAD}Expect: 100-continue\r\nContent-Length: 16\r\n\r\n`);
    assert.match(await received(welcome, /\r\n\r\n/), /^HTTP\/1\.1 100 Continue/);
    welcome.write('{"artifacts":[]}');
    assert.match(await received(welcome, /successfully/), /^HTTP\/1\.1 202 /);
  });

  test("cut short is 400, and nothing of it is applied", async (context) => {
    const api = await listen(context);
    const socket = await api.open();
    socket.end(`${HEAD}Content-Length: 1000\r\n\r\n{"artifacts":[`);
    assert.match(await received(socket), /^HTTP\/1\.1 400 /);
    assert.equal((await api.database.backlog()).changes, 0);
    await stillServes(api);
  });

  test("that comes too slowly is 408", async (context) => {
    const api = await listen(context, { headersTimeoutMs: 200, requestTimeoutMs: 400 });
    const socket = await api.open();
    socket.write(`${HEAD}Content-Length: 1000\r\n\r\n{"artifacts":[`);
    assert.match(await received(socket), /^HTTP\/1\.1 408 /);
    await stillServes(api);
  });

  test("nested 10,000 deep is 422 and reaches no recursion", async (context) => {
    const api = await listen(context);
    const response = await fetch(`http://127.0.0.1:${api.port}/api/v1/artifacts/`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "[".repeat(10_000) + "]".repeat(10_000),
    });
    assert.equal(response.status, 422);
    assert.equal(((await response.json()) as { code: string }).code, "json-depth");
  });

  test("waits its turn, or is refused with 503, when too many large ones come at one time", async (context) => {
    const api = await listen(context, { bodyBytesInFlight: 2_000_000 });
    const first = await api.open();
    first.write(`${HEAD}Content-Length: 1500000\r\n\r\n{"artifacts":[`);
    const second = await api.open();
    // The first reservation is made when its headers are read; the second comes after it on the loop.
    await stillServes(api);
    second.write(`${HEAD}Content-Length: 1500000\r\n\r\n`);
    const text = await received(second, /body-budget/);
    assert.match(text, /^HTTP\/1\.1 503 /);
    assert.match(text, /retry-after: 1/i);
    first.destroy();
    await once(first, "close");
    await stillServes(api);
  });
});

describe("a connection", () => {
  test("whose headers never end is closed with 408", async (context) => {
    const api = await listen(context, { headersTimeoutMs: 200, requestTimeoutMs: 400 });
    const socket = await api.open();
    socket.write("GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ");
    assert.match(await received(socket), /^HTTP\/1\.1 408 /);
  });

  test("with more than 16 KiB of headers is refused", async (context) => {
    const api = await listen(context);
    const socket = await api.open();
    socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ${"a".repeat(17_000)}\r\n\r\n`);
    assert.match(await received(socket), /^HTTP\/1\.1 431 /);
  });

  test("beyond the limit is closed, and those there are served", async (context) => {
    const api = await listen(context, { connections: 2 });
    const first = await api.open();
    const second = await api.open();
    const third = await api.open();
    assert.equal(await received(third), "");
    for (const socket of [first, second]) {
      socket.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
      assert.match(await received(socket, /ok/), /^HTTP\/1\.1 200 /);
    }
  });

  test("that is kept for many requests does not remember them", async (context) => {
    const api = await listen(context);
    const kept: Socket[] = [];
    api.app.server.on("connection", (socket: Socket) => kept.push(socket));
    const socket = await api.open();
    const listeners: number[] = [];
    for (let request = 0; request < 4; request++) {
      socket.write(`${HEAD}Content-Length: 2\r\n\r\n{}`);
      assert.match(await received(socket, /artifacts/), /^HTTP\/1\.1 422 /);
      listeners.push(kept[0]?.listenerCount("close") ?? -1);
    }
    assert.deepEqual([kept.length, new Set(listeners).size], [1, 1], `close listeners after each request: ${listeners.join(", ")}`);
  });

  test("that speaks no HTTP gets 400", async (context) => {
    const api = await listen(context);
    const socket = await api.open();
    socket.end("\x16\x03\x01hello\r\n\r\n");
    assert.match(await received(socket), /^HTTP\/1\.1 400 /);
  });
});

describe("a hundred thousand artifacts in one request", () => {
  test("are accepted, and others are served meanwhile", async (context) => {
    const api = await listen(context);
    const hash = "ab".repeat(32);
    const artifacts = Array.from({ length: 100_000 }, (_, index) => ({ path: `dir/${index}/file.tar.gz`, info: { length: index, hashes: { sha256: hash } } }));
    const body = JSON.stringify({ artifacts });
    let longest = 0;
    let last = performance.now();
    const watch = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 5);
    const response = await fetch(`http://127.0.0.1:${api.port}/api/v1/artifacts/`, { method: "POST", headers: { "content-type": "application/json" }, body });
    const text = await response.text();
    clearInterval(watch);
    assert.equal(response.status, 202, text.slice(0, 300));
    assert.equal((await api.database.backlog()).changes, 100_000);
    context.diagnostic(`longest turn of the loop ${longest.toFixed(0)} ms, body ${body.length} bytes`);
  });
});
