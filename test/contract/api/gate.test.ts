// Who may talk to the service, and from where.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { createTestApi, HEADERS } from "./fixture.ts";

const TOKEN = "rstuf-0123456789abcdef";
const tokens = [
  { sha256: createHash("sha256").update("another").digest("hex"), name: "another" },
  { sha256: createHash("sha256").update(TOKEN).digest("hex"), name: "ci" },
];

describe("the name a request is addressed to", () => {
  const rows = [
    { host: "localhost", status: 200 },
    { host: "localhost:8080", status: 200 },
    { host: "LOCALHOST", status: 200 },
    { host: "127.0.0.1:5", status: 200 },
    { host: "[::1]:8080", status: 200 },
    { host: "evil.example", status: 421 },
    { host: "localhost.evil.example", status: 421 },
    { host: "evil.example:80:localhost", status: 421 },
  ];
  for (const { host, status } of rows) {
    test(`${JSON.stringify(host)} gets ${status}`, async () => {
      const { app } = await createTestApi();
      for (const url of ["/api/v1/bootstrap/", "/openapi.json", "/metrics"]) {
        assert.equal((await app.inject({ url, headers: { host } })).statusCode, status, url);
      }
    });
  }

  test("is not asked of probes, which come by address", async () => {
    const { app } = await createTestApi();
    assert.equal((await app.inject({ url: "/healthz", headers: { host: "10.0.0.7:8080" } })).statusCode, 200);
    assert.equal((await app.inject({ url: "/readyz", headers: { host: "10.0.0.7:8080" } })).statusCode, 200);
  });

  test("may be an address where numbers are scraped: a page that was rebound to us says its name", async () => {
    const { app } = await createTestApi();
    const status = async (url: string, host: string): Promise<number> => (await app.inject({ url, headers: { host } })).statusCode;
    for (const host of ["10.0.0.7:9090", "10.0.0.7", "[fd00::7]:9090"]) assert.deepEqual([await status("/metrics", host), await status("/openapi.json", host)], [200, 421], host);
    for (const host of ["10.0.0.7.evil.example", "10.0.0", "a[::1]", "[::1].example"]) assert.equal(await status("/metrics", host), 421, host);
  });

  test("may be one that is allowed, with its port or with any", async () => {
    const { app } = await createTestApi({ settings: { allowedHosts: ["repo.example", "other.example:8443"] } });
    const status = async (host: string): Promise<number> => (await app.inject({ url: "/openapi.json", headers: { host } })).statusCode;
    assert.deepEqual(await Promise.all(["repo.example", "repo.example:1", "other.example:8443", "other.example", "localhost"].map(status)), [200, 200, 200, 421, 421]);
  });
});

describe("with tokens", () => {
  const rows: readonly { readonly name: string; readonly headers: Record<string, string>; readonly status: number }[] = [
    { name: "none", headers: {}, status: 401 },
    { name: "a wrong one", headers: { authorization: "Bearer wrong" }, status: 401 },
    { name: "the hash instead of the token", headers: { authorization: `Bearer ${tokens[1]!.sha256}` }, status: 401 },
    { name: "another scheme", headers: { authorization: `Basic ${TOKEN}` }, status: 401 },
    { name: "the token and more", headers: { authorization: `Bearer ${TOKEN}x` }, status: 401 },
    { name: "an empty one", headers: { authorization: "Bearer " }, status: 401 },
    { name: "the right one", headers: { authorization: `Bearer ${TOKEN}` }, status: 200 },
    { name: "the right one, scheme in lower case", headers: { authorization: `bearer ${TOKEN}` }, status: 200 },
  ];
  for (const { name, headers, status } of rows) {
    test(`${name}: ${status} for every request to /api/v1`, async () => {
      const { app } = await createTestApi({ settings: { tokens } });
      for (const url of ["/api/v1/bootstrap/", "/api/v1/bootstrap", "/%61pi/v1/bootstrap/", "/api/v1/task/?task_id=1", "/api/v1/config"]) {
        const response = await app.inject({ url, headers: { ...HEADERS, ...headers } });
        assert.equal(response.statusCode, status, url);
        if (status === 401) assert.equal(response.headers["www-authenticate"], "Bearer");
      }
    });
  }

  test("unknown paths of the API tell nothing without one either", async () => {
    const { app } = await createTestApi({ settings: { tokens } });
    assert.equal((await app.inject({ url: "/api/v1/secret", headers: HEADERS })).statusCode, 401);
  });

  test("metadata and probes need none", async () => {
    const { app, metadata } = await createTestApi({ settings: { tokens } });
    metadata.set("timestamp.json", Buffer.from("{}"));
    for (const url of ["/metadata/timestamp.json", "/healthz", "/readyz", "/metrics"]) assert.equal((await app.inject({ url, headers: HEADERS })).statusCode, 200, url);
  });

  test("no token appears in logs", async () => {
    const { app, telemetry } = await createTestApi({ settings: { tokens } });
    await app.inject({ method: "POST", url: "/api/v1/artifacts/publish/", headers: { ...HEADERS, authorization: `Bearer ${TOKEN}` } });
    await app.inject({ method: "POST", url: "/api/v1/artifacts/publish/", headers: { ...HEADERS, authorization: "Bearer a-wrong-one" } });
    const logs = JSON.stringify(telemetry.events);
    assert.match(logs, /"ci"/);
    assert.doesNotMatch(logs, new RegExp(`${TOKEN}|a-wrong-one`));
  });
});

describe("a write that a web page makes a browser send", () => {
  const rows: readonly { readonly name: string; readonly headers: Record<string, string>; readonly status: number }[] = [
    { name: "without any of the headers (curl)", headers: {}, status: 202 },
    { name: "from this service's own page", headers: { "sec-fetch-site": "same-origin", origin: "http://localhost" }, status: 202 },
    { name: "typed by the user", headers: { "sec-fetch-site": "none" }, status: 202 },
    { name: "cross-site", headers: { "sec-fetch-site": "cross-site" }, status: 403 },
    { name: "from another port of this machine", headers: { "sec-fetch-site": "same-site" }, status: 403 },
    { name: "with a foreign Origin", headers: { origin: "https://evil.example" }, status: 403 },
    { name: "with Origin null", headers: { origin: "null" }, status: 403 },
    { name: "with our host and another scheme", headers: { origin: "https://localhost" }, status: 403 },
    { name: "with our host and another port", headers: { origin: "http://localhost:1" }, status: 403 },
    { name: "from the public origin", headers: { origin: "https://repo.example" }, status: 202 },
  ];
  for (const { name, headers, status } of rows) {
    test(`${name}: ${status}`, async () => {
      const { app, database } = await createTestApi({ settings: { publicOrigins: ["https://repo.example"] } });
      const response = await app.inject({ method: "POST", url: "/api/v1/artifacts/publish/", headers: { ...HEADERS, ...headers } });
      assert.equal(response.statusCode, status);
      assert.deepEqual(await database.backlog(), { changes: 0, bytes: 0 });
    });
  }

  test("never carries permission for others to read the answer", async () => {
    const { app } = await createTestApi();
    const response = await app.inject({ url: "/api/v1/bootstrap/", headers: { ...HEADERS, origin: "https://evil.example" } });
    assert.deepEqual(Object.keys(response.headers).filter((name) => name.startsWith("access-control")), []);
  });
});

describe("the type of a body", () => {
  const rows: readonly { readonly headers: Record<string, string>; readonly status: number }[] = [
    { headers: { "content-type": "application/json" }, status: 202 },
    { headers: { "content-type": "application/json; charset=utf-8" }, status: 202 },
    { headers: { "content-type": "application/json; charset=latin1" }, status: 415 },
    { headers: { "content-type": "text/plain" }, status: 415 },
    { headers: { "content-type": "application/x-www-form-urlencoded" }, status: 415 },
    { headers: { "content-type": "multipart/form-data; boundary=x" }, status: 415 },
    { headers: { "content-type": "application/json", "content-encoding": "gzip" }, status: 415 },
    { headers: { "content-type": "" }, status: 415 },
  ];
  for (const { headers, status } of rows) {
    test(`${JSON.stringify(headers)} gets ${status}`, async () => {
      const { app } = await createTestApi();
      const response = await app.inject({ method: "POST", url: "/api/v1/artifacts/", headers: { ...HEADERS, ...headers }, payload: '{"artifacts":[]}' });
      assert.equal(response.statusCode, status, response.body);
    });
  }
});

describe("writes per address", () => {
  test("beyond the limit are 429 with Retry-After, and come back with time", async () => {
    const { app, clock } = await createTestApi({ settings: { rateLimit: { writesPerSecond: 1, burst: 2 } } });
    const write = async () => app.inject({ method: "POST", url: "/api/v1/artifacts/publish/", headers: HEADERS });
    const read = async () => app.inject({ url: "/api/v1/bootstrap/", headers: HEADERS });
    assert.deepEqual([(await write()).statusCode, (await write()).statusCode], [202, 202]);
    const refused = await write();
    assert.equal(refused.statusCode, 429);
    assert.equal(refused.headers["retry-after"], "1");
    assert.equal((await read()).statusCode, 200);
    await clock.advance(1000);
    assert.equal((await write()).statusCode, 202);
    assert.equal((await write()).statusCode, 429);
  });
});

describe("disabled endpoints", () => {
  const gone = { "POST /api/v1/artifacts/publish/": 404, "POST /api/v1/artifacts/delete": 404, "POST /api/v1/artifacts/": 404 };
  const rows: readonly { readonly entry: string; readonly expect: Record<string, number> }[] = [
    { entry: "{'POST'}/api/v1/artifacts/publish/", expect: { "POST /api/v1/artifacts/publish/": 404, "POST /api/v1/artifacts/delete": 422 } },
    { entry: "POST /api/v1/artifacts/publish", expect: { "POST /api/v1/artifacts/publish": 404, "POST /api/v1/artifacts/delete": 422 } },
    { entry: "/api/v1/artifacts/", expect: gone },
    { entry: "/api/v1/artifacts", expect: gone },
    { entry: "{'PUT'}/api/v1/config/", expect: { "PUT /api/v1/config/": 405, "GET /api/v1/config/": 200 } },
    { entry: "{'GET', 'PUT'}/api/v1/config/", expect: { "PUT /api/v1/config/": 404, "GET /api/v1/config/": 404 } },
    { entry: "/metrics", expect: { "GET /metrics": 404, "GET /healthz": 200 } },
    { entry: "/", expect: { "GET /": 404, "GET /api/v1/config/": 200 } },
    { entry: "/metadata", expect: { "GET /metadata/timestamp.json": 404 } },
  ];
  for (const { entry, expect } of rows) {
    test(entry, async () => {
      const { app, metadata } = await createTestApi({ settings: { disabledEndpoints: [entry] } });
      metadata.set("timestamp.json", Buffer.from("{}"));
      for (const [line, status] of Object.entries(expect)) {
        const [method, url] = line.split(" ") as ["GET" | "POST" | "PUT", string];
        const payload = method === "GET" ? {} : { payload: {} };
        assert.equal((await app.inject({ method, url, headers: HEADERS, ...payload })).statusCode, status, line);
      }
    });
  }

  test("are not in the OpenAPI document", async () => {
    const { app } = await createTestApi({ settings: { disabledEndpoints: ["/api/v1/artifacts/"] } });
    const document = (await app.inject({ url: "/openapi.json", headers: HEADERS })).json<{ paths: object }>();
    assert.deepEqual(Object.keys(document.paths).filter((path) => path.includes("artifacts")), []);
  });

  for (const entry of ["/api/v1/artefacts/", "DELETE /api/v1/artifacts/", "artifacts", "{POST/api/v1/config/"]) {
    test(`${entry} is refused at start: it would disable nothing`, async () => {
      await assert.rejects(createTestApi({ settings: { disabledEndpoints: [entry] } }), { code: "disabled-endpoint-unknown" });
    });
  }
});
