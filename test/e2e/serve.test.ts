// The service as a process: how it starts, refuses to start, and ends.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { startProgram, type RunningService } from "../demo/running-service.ts";
import { describeOnEach } from "./engines.ts";

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "rstuf-serve-"));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const serve = (folder: string, more: readonly string[] = [], environment: Record<string, string> = {}): Promise<RunningService> =>
  startProgram(["serve", "--port", "0", "--data-dir", join(folder, "data"), ...more], environment);

describe("rstuf serve", () => {
  test("a data directory that another process uses ends the second at once, naming it", () => inFolder(async (folder) => {
    const service = await serve(folder);
    try {
      await assert.rejects(serve(folder), (error: Error) => error.message.includes("ended with 1") && error.message.includes(join(folder, "data", "rstuf.db")));
    } finally {
      await service.stop();
    }
  }));

  test("a taken port ends it at once, naming the port", () => inFolder(async (folder) => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as AddressInfo;
    try {
      await assert.rejects(startProgram(["serve", "--port", String(port), "--data-dir", join(folder, "data")]), (error: Error) => error.message.includes("ended with 1") && error.message.includes(String(port)));
    } finally {
      taken.close();
    }
  }));

  test("beyond this machine it does not listen without tokens or the frank flag", () => inFolder(async (folder) => {
    await assert.rejects(serve(folder, ["--host", "0.0.0.0"]), /ended with 1[^]*api\.tokensFile/);
    await assert.rejects(serve(folder, ["--host", "0.0.0.0", "--trial"]), /ended with 1[^]*api\.tokensFile/);
  }));

  test("with a tokens file every API request needs one of them; metadata needs none", () => inFolder(async (folder) => {
    const file = join(folder, "tokens");
    await writeFile(file, `# release pipeline\n${createHash("sha256").update("s3cret-token").digest("hex")} pipeline\n`);
    const service = await serve(folder, [], { RSTUF_API_TOKENS_FILE: file });
    try {
      const path = `${service.origin}/api/v1/bootstrap/`;
      assert.equal((await fetch(path)).status, 401);
      assert.equal((await fetch(path, { headers: { authorization: "Bearer wrong" } })).status, 401);
      assert.equal((await fetch(path, { headers: { authorization: "Bearer s3cret-token" } })).status, 200);
      assert.equal((await fetch(`${service.origin}/metadata/timestamp.json`)).status, 404);
      assert.ok(!service.stderr().includes("s3cret-token"));
    } finally {
      await service.stop();
    }
  }));

  test("metadata.listen serves /metadata/ on an address of its own, and nothing else", () => inFolder(async (folder) => {
    await mkdir(join(folder, "conf"));
    const config = join(folder, "conf", "rstuf.yaml");
    await writeFile(config, "metadata:\n  listen: 127.0.0.1:0\n");
    const service = await serve(folder, ["--trial", "--bins", "2", "--config", config]);
    try {
      const metadata = /^metadata (\S+)$/m.exec(service.stdout())?.[1];
      assert.ok(metadata, service.stdout());
      assert.equal((await fetch(new URL("timestamp.json", metadata))).status, 200);
      const missing = await fetch(new URL("2.root.json", metadata));
      assert.equal(missing.status, 404);
      assert.equal(missing.headers.get("cache-control"), "no-store");
      assert.equal((await fetch(new URL("/api/v1/bootstrap/", metadata))).status, 404);
      assert.equal((await fetch(new URL("/metrics", metadata))).status, 404);
    } finally {
      await service.stop();
    }
  }));

  test("a receiver of webhooks that keeps what it is sent delays no publish", () => inFolder(async (folder) => {
    let tries = 0;
    const receiver = createHttpServer(() => { tries += 1; });
    await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${String((receiver.address() as AddressInfo).port)}/`;
    const service = await serve(folder, ["--trial", "--bins", "2"], { RSTUF_WEBHOOKS_URLS: url, RSTUF_WEBHOOKS_SECRET: "a secret of thirty-two characters" });
    try {
      const publish = async (path: string): Promise<void> => {
        const body = JSON.stringify({ artifacts: [{ path, info: { length: 1, hashes: { sha256: "ab".repeat(32) } } }] });
        const added = await fetch(`${service.origin}/api/v1/artifacts/?wait=30`, { method: "POST", headers: { "content-type": "application/json" }, body });
        assert.equal(((await added.json()) as { data: { state: string } }).data.state, "SUCCESS");
      };
      const first = once(receiver, "request");
      await publish("a");
      await first;
      for (const path of ["b", "c", "d"]) await publish(path);
      // A publish that waited until its event was given up would have seen three tries of five seconds, and so would each before it.
      assert.ok(tries < 4 * 3, `${String(tries)} tries, and four publishes`);
    } finally {
      await service.stop();
      receiver.closeAllConnections();
      receiver.close();
    }
  }));

  test("--json tells a program where everything is", () => inFolder(async (folder) => {
    const service = await serve(folder, ["--trial", "--bins", "2", "--json"]);
    try {
      const told = JSON.parse(service.stdout()) as Record<string, string>;
      assert.equal(told["ready"], service.origin);
      assert.equal((await fetch(`${told["metadata"] ?? ""}timestamp.json`)).status, 200);
      assert.equal(told["files"], join(folder, "data", "files"));
    } finally {
      await service.stop();
    }
  }));
});

describeOnEach("rstuf serve", (engine) => {
  const onState = (run: (serve: (more?: readonly string[], environment?: Record<string, string>) => Promise<RunningService>) => Promise<void>): Promise<void> => inFolder(async (folder) => {
    const state = await engine.state();
    const config = join(folder, "rstuf.yaml");
    await writeFile(config, JSON.stringify(state.config));
    try {
      await run((more = [], environment) => serve(folder, ["--config", config, ...more], environment));
    } finally {
      await state.drop();
    }
  });

  test("without a bootstrap it is ready, says so over REST, and refuses artifacts", () => onState(async (serve) => {
    const service = await serve();
    try {
      assert.equal((await fetch(`${service.origin}/readyz`)).status, 200);
      assert.deepEqual(await (await fetch(`${service.origin}/api/v1/bootstrap/`)).json(), { data: { bootstrap: false }, message: "System available for bootstrap." });
      const refused = await fetch(`${service.origin}/api/v1/artifacts/`, { method: "POST", headers: { "content-type": "application/json" }, body: '{"artifacts":[]}' });
      assert.equal(refused.status, 404);
    } finally {
      assert.equal(await service.stop(), 0);
    }
  }));

  test("/metrics tells expiry, backlog, publishes, and who leads", () => onState(async (serve) => {
    const service = await serve(["--trial", "--bins", "2"]);
    try {
      const body = JSON.stringify({ artifacts: [{ path: "a", info: { length: 1, hashes: { sha256: "ab".repeat(32) } } }] });
      const added = await fetch(`${service.origin}/api/v1/artifacts/?wait=30`, { method: "POST", headers: { "content-type": "application/json" }, body });
      assert.equal(((await added.json()) as { data: { state: string } }).data.state, "SUCCESS");
      const text = await (await fetch(`${service.origin}/metrics`)).text();
      for (const name of ['rstuf_role_expiry_seconds{kind="root"}', 'rstuf_role_expiry_seconds{kind="bins"}', "rstuf_backlog_changes", "rstuf_publish_duration_seconds_count", "rstuf_last_publish_timestamp_seconds", "rstuf_publisher_leading 1"]) {
        assert.ok(text.includes(name), `${name} is missing from:\n${text.split("\n").filter((line) => line.startsWith("rstuf_")).join("\n")}`);
      }
    } finally {
      await service.stop();
    }
  }));

  test("a second start continues where the first was, also after SIGKILL", () => onState(async (serve) => {
    // A file's lock says that its process is dead; of a process elsewhere only its lease does.
    const leaseMs = engine.name === "SQLite" ? "600000" : "3000";
    const first = await serve(["--trial", "--bins", "4"], { RSTUF_PUBLISHER_LEASE_MS: leaseMs });
    const root = await (await fetch(`${first.origin}/metadata/1.root.json`)).text();
    await first.stop("SIGKILL");
    const second = await serve(["--trial", "--bins", "8"], { RSTUF_PUBLISHER_LEASE_MS: leaseMs });
    try {
      const body = JSON.stringify({ artifacts: [{ path: "a", info: { length: 1, hashes: { sha256: "ab".repeat(32) } } }] });
      const added = await fetch(`${second.origin}/api/v1/artifacts/?wait=8`, { method: "POST", headers: { "content-type": "application/json" }, body });
      assert.equal(((await added.json()) as { data: { state: string } }).data.state, "SUCCESS", "the dead process's lease is waited out, or known to be nobody's");
      assert.equal(await (await fetch(`${second.origin}/metadata/1.root.json`)).text(), root);
      assert.match(second.stdout(), /with 4 bins/);
    } finally {
      assert.equal(await second.stop("SIGTERM"), 0);
    }
  }));
});
