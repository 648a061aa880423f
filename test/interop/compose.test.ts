// deploy/scaled-out.compose.yaml without containers: its processes on loopback, each with the command and the variables
// that stand there, PostgreSQL, and nginx with deploy/web.conf before the metadata. A worker is killed; clients go on.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { startProgram, type RunningService } from "../demo/running-service.ts";
import { page } from "../docs/pages.ts";
import { startPostgres } from "../servers/postgres.ts";
import { PYTHON_TUF, visit } from "./clients.ts";
import { DEBIAN_ENVIRONMENT, NGINX } from "./debian.ts";
import { startWebServer } from "./web-server.ts";

interface Compose {
  readonly services: Readonly<Record<string, { readonly command: readonly string[]; readonly environment: Readonly<Record<string, string>>; readonly deploy?: { readonly replicas: number } }>>;
}

const TOKEN = "0123456789abcdef0123456789abcdef";

test("the processes of deploy/scaled-out.compose.yaml serve a repository; one worker dies, and it goes on", async () => {
  const parts = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "rstuf-interop-compose-"));
  parts.defer(() => { rmSync(folder, { recursive: true, force: true, maxRetries: 5 }); });
  try {
    const at = (...names: string[]): string => join(folder, ...names);
    for (const name of ["run/secrets", "state", "srv/packages/metadata", "nginx"]) mkdirSync(at(name), { recursive: true });
    chmodSync(folder, 0o755);
    chmodSync(at("nginx"), 0o777);
    writeFileSync(at("run/secrets/tokens"), `${createHash("sha256").update(TOKEN).digest("hex")} admin\n`);
    writeFileSync(at("run/secrets/database"), "not asked for on a socket\n");
    const server = await startPostgres();
    parts.defer(() => server.stop());
    await server.run("CREATE ROLE rstuf LOGIN");
    await server.run("CREATE DATABASE rstuf OWNER rstuf");

    // As in the file, but for what containers give: names of hosts, folders, ports.
    const { services } = parse(page("deploy/scaled-out.compose.yaml"), { merge: true }) as Compose;
    const environmentOf = (name: string): Record<string, string> => Object.fromEntries(Object.entries(services[name]!.environment).map(([key, value]) => [key, value
      .replace("rstuf@database/rstuf", `rstuf@/rstuf?host=${encodeURIComponent(server.socketDirectory)}`)
      .replace("/run/secrets/", `${at("run/secrets")}/`)
      .replace("/srv/metadata", at("srv/packages/metadata"))
      .replace("/var/lib/rstuf", at("state"))
      .replace("0.0.0.0:8080", "127.0.0.1:0")]));
    const image = { RSTUF_DATA_DIR: at("state"), RSTUF_SERVER_HOST: "0.0.0.0", RSTUF_SERVER_PORT: "0" };
    const start = async (name: string, more: Record<string, string> = {}): Promise<RunningService> => {
      const running = await startProgram(services[name]!.command, { ...image, ...environmentOf(name), ...more });
      parts.defer(async () => { await running.stop("SIGKILL"); });
      return running;
    };

    // What docs/operate/deploy.md has done before: the online key, and a first root.
    const trial = await startProgram(["serve", "--trial", "--bins", "4", "--host", "127.0.0.1", "--port", "0"], { ...environmentOf("worker"), RSTUF_DATA_DIR: at("state") });
    await trial.stop("SIGTERM");

    const api = await start("api", { RSTUF_SERVER_HOST: "127.0.0.1" });
    const workers = await Promise.all(Array.from({ length: services["worker"]?.deploy?.replicas ?? 0 }, () => start("worker", { RSTUF_PUBLISHER_LEASE_MS: "3000" })));
    assert.equal(workers.length, 2);

    const port = await new Promise<number>((resolve) => {
      const probe = createServer().listen(0, "127.0.0.1", () => {
        const { port: free } = probe.address() as AddressInfo;
        probe.close(() => { resolve(free); });
      });
    });
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${at("nginx", name)};`).join("\n");
    const site = page("deploy/web.conf").replace("listen 8080;", `listen 127.0.0.1:${String(port)};`).replaceAll("/srv/packages", at("srv/packages"));
    writeFileSync(at("nginx/nginx.conf"), `pid ${at("nginx/pid")};\ndaemon off;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n${temporary}\n${site}\n}\n`);
    const nginx = spawn(NGINX, ["-c", at("nginx/nginx.conf"), "-p", at("nginx")], { stdio: "ignore", env: { ...process.env, ...DEBIAN_ENVIRONMENT } });
    parts.defer(() => { nginx.kill("SIGTERM"); });
    const web = parts.use(await startWebServer(folder));

    const add = async (path: string): Promise<void> => {
      const answer = await fetch(`${api.origin}/api/v1/artifacts/`, {
        method: "POST", headers: { "content-type": "application/json", prefer: "wait=60", authorization: `Bearer ${TOKEN}` }, body: JSON.stringify({ artifacts: [web.put(path, path)] }),
      });
      const text = await answer.text();
      assert.equal(answer.status, 202, text);
      assert.equal((JSON.parse(text) as { data: { state: string } }).data.state, "SUCCESS", text);
    };
    const seen = async (...paths: string[]): Promise<void> => {
      const report = await visit(PYTHON_TUF, { metadata: `http://127.0.0.1:${String(port)}/metadata/`, artifacts: web.artifacts, root: at("state/trusted/1.root.json"), cache: at("client") }, paths);
      assert.deepEqual([report.error, paths.map((path) => report.targets[path]?.state)], [undefined, paths.map(() => "downloaded")]);
    };
    assert.equal((await fetch(`${api.origin}/api/v1/artifacts/`, { method: "POST" })).status, 401);
    await add("one.txt");
    await seen("one.txt");

    const leading = await Promise.all(workers.map(async ({ origin }) => /^rstuf_publisher_leading\S* 1$/m.test(await (await fetch(`${origin}/metrics`)).text())));
    assert.equal(leading.filter(Boolean).length, 1);
    const leader = workers[leading.indexOf(true)]!;
    await leader.stop("SIGKILL");
    await add("two.txt");
    await seen("one.txt", "two.txt");
    for (const running of [api, ...workers.filter((worker) => worker !== leader)]) assert.equal(await running.stop("SIGTERM"), 0, running.stderr());
    assert.ok(readFileSync(at("srv/packages/metadata/timestamp.json")).length > 0);
  } finally {
    await parts.disposeAsync();
  }
});
