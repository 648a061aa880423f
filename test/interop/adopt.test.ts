// `rstuf admin adopt` on metadata that python-tuf made the way the Python implementation does. Every client that
// trusted the old repository goes on at the same address, and notices nothing.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { startProgram } from "../demo/running-service.ts";
import { GO_TUF, outputOf, PYTHON_TUF, TUF_JS, visit, type ClientReport } from "./clients.ts";
import { PYTHON } from "./install.ts";
import { startWebServer, type WebServer } from "./web-server.ts";

const BIN = join(import.meta.dirname, "..", "..", "bin", "rstuf.js");
const OLD = ["app/old.txt", "app/older.txt", "lib/a.txt", "app/many/7.txt"];

for (const kind of ["bins", "custom"] as const) {
  describe(`a Python-made repository with ${kind}`, () => {
    const ends = new AsyncDisposableStack();
    const reports = new Map<string, ClientReport>();
    let folder: string;
    let config: string;
    let web: WebServer;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "rstuf-interop-adopt-"));
      ends.defer(() => rm(folder, { recursive: true, force: true }));
      await outputOf([PYTHON, join(import.meta.dirname, "python", "worker_repository.py"), "--folder", folder, "--artifacts", join(folder, "artifacts"), "--kind", kind]);
      web = ends.use(await startWebServer(join(folder, "metadata")));
      for (const path of OLD) web.put(path, `content of ${path}`);
      config = join(folder, "rstuf.yaml");
      await writeFile(config, JSON.stringify({ dataDir: join(folder, "state"), keyDir: join(folder, "keys"), metadata: { directory: join(folder, "metadata") } }));
    });
    after(() => ends.disposeAsync());

    const clients = [PYTHON_TUF, GO_TUF, TUF_JS];
    const look = (client: (typeof clients)[number], paths: readonly string[]): Promise<ClientReport> =>
      visit(client, { metadata: web.metadata, artifacts: web.artifacts, root: join(folder, "first-root.json"), cache: join(folder, `cache-${client.name}`) }, paths);
    const downloaded = (path: string): object => ({ state: "downloaded", sha256: createHash("sha256").update(`content of ${path}`).digest("hex") });

    test("is read by every client as it stands", async () => {
      for (const client of clients) {
        const report = await look(client, OLD);
        assert.deepEqual([report.error, report.returning], [undefined, false], client.name);
        assert.deepEqual(report.targets, Object.fromEntries(OLD.map((path) => [path, downloaded(path)])), client.name);
        reports.set(client.name, report);
      }
    });

    test("is taken over, everything read back", async () => {
      const child = spawn(process.execPath, [BIN, "admin", "adopt", "--config", config, "--root", join(folder, "first-root.json"), "--json"], { stdio: ["ignore", "pipe", "inherit"] });
      let stdout = "";
      child.stdout.on("data", (piece: Buffer) => { stdout += piece.toString(); });
      assert.deepEqual(await once(child, "close"), [0, null]);
      const taken = JSON.parse(stdout) as { artifacts: number; bins: number; rootVersion: number; timestampVersion: number; counter: number };
      assert.deepEqual([taken.artifacts, taken.bins, taken.rootVersion, taken.timestampVersion], [44, kind === "bins" ? 8 : 0, 2, 5]);
    });

    test("goes on in the new service: old artifacts and new ones, versions above those before, for returning clients and fresh ones", async () => {
      const service = await startProgram(["serve", "--config", config, "--port", "0"]);
      try {
        for (const [method, artifacts] of [["", [web.put("app/new.txt", "content of app/new.txt")]], ["delete", ["app/older.txt"]]] as const) {
          const answer = await fetch(`${service.origin}/api/v1/artifacts/${method}`, { method: "POST", headers: { "content-type": "application/json", prefer: "wait=30" }, body: JSON.stringify({ artifacts }) });
          assert.equal(((await answer.json()) as { data: { state: string } }).data.state, "SUCCESS");
        }
        const paths = [...OLD.filter((path) => path !== "app/older.txt"), "app/new.txt"];
        for (const client of clients) {
          const before = reports.get(client.name);
          const report = await look(client, [...paths, "app/older.txt"]);
          assert.deepEqual([report.error, report.returning], [undefined, true], client.name);
          assert.deepEqual(report.targets, { ...Object.fromEntries(paths.map((path) => [path, downloaded(path)])), "app/older.txt": { state: "not-found" } }, client.name);
          for (const role of ["timestamp", "snapshot", "targets"]) assert.ok((report.versions[role] ?? 0) > (before?.versions[role] ?? Infinity), `${client.name}: ${role}`);
          assert.equal(report.versions["root"], 2);
        }
        // What the key holders signed is served as they signed it.
        assert.deepEqual(Buffer.from(await (await fetch(`${service.origin}/metadata/1.root.json`)).arrayBuffer()), await readFile(join(folder, "first-root.json")));
      } finally {
        assert.equal(await service.stop(), 0, service.stderr());
      }
    });
  });
}
