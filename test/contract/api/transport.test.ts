// TLS, and the artifacts of a trial as a plain web server would serve them.

import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:https";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import type { ArtifactFiles } from "../../../src/api/files.ts";
import { createTestApi, HEADERS } from "./fixture.ts";

// A throw-away pair for localhost, made for this test; it protects nothing.
const cert = `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUPN0Z7ijyI6zEqQ9z7vI0L5ZspJMwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzAxMjc0NloYDzIxMjYxMDMw
MDEyNzQ2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASZIDebsNsjCzkRPQtex5L/n/3Cd8roH4DZR+knWa0Kb2I1f7/n1LSB
h/CbRKngdrNELO4AQjzrwUSuu2q1aSmVo28wbTAdBgNVHQ4EFgQU5xpb5OMLHMML
J22oFCju+KaxwK0wHwYDVR0jBBgwFoAU5xpb5OMLHMMLJ22oFCju+KaxwK0wDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIhAPwodf8P3lDcQYv3OpCabm+jJHa0yQKpT9ZnCUD9djOcAiAG
V1MkxX6lUZqWDcmW3UiaZKQM3FadTd52Jq1jj6NwBA==
-----END CERTIFICATE-----`;
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgKtzFlb3LUfVzto2n
scJ5HN7doEXuGPg9ttQ3rXdbppyhRANCAASZIDebsNsjCzkRPQtex5L/n/3Cd8ro
H4DZR+knWa0Kb2I1f7/n1LSBh/CbRKngdrNELO4AQjzrwUSuu2q1aSmV
-----END PRIVATE KEY-----`;

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
