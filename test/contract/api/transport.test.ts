// TLS, and the artifacts of a trial as a plain web server would serve them.

import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:https";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import type { ArtifactFiles } from "../../../src/api/files.ts";
import { cert, key } from "../../fakes/tls/localhost.ts";
import { createTestApi, HEADERS } from "./fixture.ts";

test("with a certificate the service speaks TLS", async (context) => {
  const { app } = await createTestApi({ settings: { tls: { cert, key } } });
  await app.listen({ host: "127.0.0.1", port: 0 });
  context.after(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  const sent = request({ host: "127.0.0.1", port, path: "/healthz", ca: cert, agent: false });
  sent.end();
  const [response] = (await once(sent, "response")) as [import("node:http").IncomingMessage];
  response.resume();
  assert.equal(response.statusCode, 200);
  await assert.rejects(fetch(`http://127.0.0.1:${port}/healthz`));
});

describe("/files/", () => {
  const asked: string[] = [];
  const files: ArtifactFiles = {
    open: (path) => {
      asked.push(path);
      return Promise.resolve(path === "a/b c.html" ? { bytes: 5, content: Readable.from([Buffer.from("<b>x!")]) } : undefined);
    },
  };

  test("sends bytes that no browser takes for a page", async () => {
    const { app } = await createTestApi({ deps: { files } });
    const response = await app.inject({ url: "/files/a/b%20c.html", headers: HEADERS });
    assert.deepEqual([response.statusCode, response.body], [200, "<b>x!"]);
    assert.equal(response.headers["content-type"], "application/octet-stream");
    assert.equal(response.headers["content-disposition"], "attachment");
    assert.equal(response.headers["x-content-type-options"], "nosniff");
    assert.equal(response.headers["content-length"], "5");
  });

  for (const path of ["", "../rstuf.db", "a/../../x", "%2e%2e/x", "a/%2e%2e/x", "a%2f..%2fx", ".ssh/id", "a/.git/config", "a//b", "/etc/passwd", "a%00b", "a%5c..%5cb"]) {
    test(`${JSON.stringify(path)} is 404 and not even looked for`, async () => {
      const { app } = await createTestApi({ deps: { files } });
      asked.length = 0;
      const response = await app.inject({ url: `/files/${path}`, headers: HEADERS });
      assert.equal(response.statusCode, 404);
      assert.deepEqual(asked.filter((name) => name.split("/").some((segment) => segment.startsWith("."))), []);
    });
  }

  test("are not there without a folder", async () => {
    const { app } = await createTestApi();
    assert.equal((await app.inject({ url: "/files/a", headers: HEADERS })).statusCode, 404);
  });
});
