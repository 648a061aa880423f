// What the built-in server sends compressed is read by every client: those that ask for it get it, the others the
// files as they are. A proxy between them notes what was asked for and what came.

import assert from "node:assert/strict";
import { createServer, request, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { GO_TUF, PYTHON_TUF, TUF_JS, visit, type Client } from "./clients.ts";
import { startService, type Service } from "./service.ts";
import { startWebServer, type WebServer } from "./web-server.ts";

interface Passed {
  readonly name: string;
  readonly asked: string | undefined;
  readonly came: string | undefined;
}

const ends = new AsyncDisposableStack();
const passed: Passed[] = [];
let service: Service;
let web: WebServer;
let proxied: string;

before(async () => {
  service = ends.use(await startService({ online: "ed25519", root: ["ed25519"], bins: 256 }));
  web = ends.use(await startWebServer(service.metadataFolder));
  await service.add(Array.from({ length: 300 }, (_, at) => web.put(`some/where/package-${String(at)}.whl`, `package ${String(at)}`)));
  const proxy = createServer((from, to) => {
    const headers: IncomingHttpHeaders = { ...from.headers, host: new URL(service.origin).host };
    request(`${service.origin}${from.url ?? ""}`, { method: from.method, headers }, (answer) => {
      passed.push({ name: (from.url ?? "").split("/").at(-1) ?? "", asked: from.headers["accept-encoding"], came: answer.headers["content-encoding"] });
      to.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(to);
    }).end();
  });
  await new Promise<void>((resolve) => { proxy.listen(0, "127.0.0.1", resolve); });
  ends.defer(async () => { proxy.closeAllConnections(); await new Promise((resolve) => proxy.close(resolve)); });
  proxied = `http://127.0.0.1:${String((proxy.address() as AddressInfo).port)}/metadata/`;
});
after(() => ends.disposeAsync());

for (const [client, reads] of [[PYTHON_TUF, undefined], [GO_TUF, "gzip"], [TUF_JS, undefined]] as const satisfies readonly (readonly [Client, string | undefined])[]) {
  test(`${client.name} reads what it asked for, fresh and returning`, async (t) => {
    passed.length = 0;
    for (const path of ["some/where/package-1.whl", "some/where/package-299.whl"]) {
      const report = await visit(client, { metadata: proxied, artifacts: web.artifacts, root: service.root, cache: join(service.folder, `codings-${client.name}`) }, [path]);
      assert.deepEqual([report.error, report.targets[path]?.state], [undefined, "downloaded"]);
    }
    const snapshots = passed.filter(({ name }) => name.endsWith(".snapshot.json"));
    assert.ok(snapshots.length > 0);
    for (const { asked, came } of passed) if (came !== undefined) assert.ok(asked?.includes(came), `${came} was not asked for: ${String(asked)}`);
    assert.ok(passed.every(({ name, came }) => name !== "timestamp.json" || came === undefined));
    if (reads !== undefined) assert.ok(snapshots.every(({ came }) => came === reads), JSON.stringify(snapshots));
    t.diagnostic(`${client.name} asks for ${String(snapshots[0]?.asked)} and gets ${snapshots[0]?.came ?? "the file as it is"}`);
  });
}
