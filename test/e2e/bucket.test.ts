// `rstuf serve` with a bucket, as a process, and clients that read the bucket itself.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { programParts } from "../../src/main/commands/tree.ts";
import { startProgram } from "../demo/running-service.ts";
import { openS3Server, S3_BUCKET } from "../fakes/buckets/s3.ts";
import type { ObjectServer } from "../fakes/buckets/objects.ts";
import { runCli } from "../fakes/cli.ts";
import { describeOnEach, type EngineState } from "./engines.ts";

describeOnEach("rstuf serve with a bucket", (engine) => {
  test("publishes there, and a client that reads the bucket downloads what was added, before and after a restart; backup and restore go there too", () => inFolder(async (folder, server) => {
    await using parts = new AsyncDisposableStack();
    const configuration = async (name: string, state: EngineState, prefix: string): Promise<string> => {
      await writeFile(join(folder, name), JSON.stringify({ ...state.config, storage: { kind: "s3", bucket: S3_BUCKET, prefix, endpoint: server.url, accessKeyId: "id", secretAccessKey: "hunter2" } }));
      return join(folder, name);
    };
    const [state, empty] = [await engine.state(), await engine.state()];
    parts.defer(async () => { await Promise.all([state.drop(), empty.drop()]); });
    const config = await configuration("rstuf.yaml", state, "tuf");
    const files = join(folder, "data", "files");
    await mkdir(files, { recursive: true });
    for (const restarted of [false, true]) {
      const name = `hello-${String(restarted)}.txt`;
      await writeFile(join(files, name), name);
      const service = await startProgram(["serve", "--trial", "--bins", "4", "--port", "0", "--data-dir", join(folder, "data"), "--config", config]);
      try {
        const added = await fetch(`${service.origin}/api/v1/artifacts/`, {
          method: "POST",
          headers: { "content-type": "application/json", prefer: "wait=30" },
          body: JSON.stringify({ artifacts: [{ path: name, info: { length: name.length, hashes: { sha256: createHash("sha256").update(name).digest("hex") } } }] }),
        });
        assert.equal(((await added.json()) as { data: { state: string } }).data.state, "SUCCESS");
        const output = join(folder, "downloads");
        await rstuf([
          "download", name, "--metadata-url", `${server.url}/${S3_BUCKET}/tuf/`, "--artifacts-url", `${service.origin}/files/`,
          "--root", join(folder, "data", "trusted", "1.root.json"), "--cache-dir", join(folder, "client"), "--output-dir", output,
        ]);
        assert.equal(await readFile(join(output, name), "utf8"), name);
        assert.equal((await fetch(`${service.origin}/metadata/timestamp.json`)).status, 200);
      } finally {
        assert.equal(await service.stop(), 0);
      }
    }
    const backup = join(folder, "backup");
    await rstuf(["admin", "backup", backup, "--data-dir", join(folder, "data"), "--config", config]);
    const restore = ["admin", "restore", backup, "--data-dir", join(folder, "restored"), "--config"];
    assert.match(await rstuf([...restore, await configuration("same.yaml", empty, "tuf")], 1), /holds a repository already/);
    await rstuf([...restore, await configuration("other.yaml", empty, "restored")]);
    assert.deepEqual(server.objects.get("restored/timestamp.json")?.bytes, server.objects.get("tuf/timestamp.json")?.bytes);
    assert.ok(!server.seen.some(({ key }) => key === "" || key === "tuf/"), "nothing was listed");
  }));
});

describe("rstuf serve with a bucket", () => {
  test("a store that ignores conditions ends the start, naming bucket and promise; no secret is shown", () => inFolder(async (folder, server) => {
    server.clone = { ignoresAbsent: true };
    await assert.rejects(
      startProgram(["serve", "--port", "0", "--data-dir", join(folder, "data")], environmentOf(server)),
      (error: Error) => /ended with 1[^]*bucket metadata[^]*create never changes a name that exists/.test(error.message) && !error.message.includes("hunter2"),
    );
  }));
});

const environmentOf = (server: ObjectServer): Record<string, string> => ({
  RSTUF_STORAGE_KIND: "s3", RSTUF_STORAGE_BUCKET: S3_BUCKET, RSTUF_STORAGE_PREFIX: "tuf", RSTUF_STORAGE_ENDPOINT: server.url,
  RSTUF_STORAGE_ACCESS_KEY_ID: "id", RSTUF_STORAGE_SECRET_ACCESS_KEY: "hunter2",
});

/** In this process, which is quicker. Answers what it said. */
async function rstuf(args: readonly string[], exitCode = 0): Promise<string> {
  const ended = await runCli(args, { cwd: tmpdir(), parts: programParts({ cwd: tmpdir() }) });
  assert.equal(ended.exitCode, exitCode, `rstuf ${args.join(" ")}\n${ended.stdout}${ended.stderr}`);
  return ended.stderr;
}

async function inFolder(act: (folder: string, server: ObjectServer) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "rstuf-bucket-"));
  const server = await openS3Server();
  try {
    await act(folder, server);
  } finally {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }
}
