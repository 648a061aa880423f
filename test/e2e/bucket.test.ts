// `rstuf serve` with a bucket, as a process, and clients that read the bucket itself.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { startProgram } from "../demo/running-service.ts";
import { openS3Server, S3_BUCKET } from "../fakes/buckets/s3.ts";
import type { ObjectServer } from "../fakes/buckets/objects.ts";

const run = promisify(execFile);
const BIN = join(import.meta.dirname, "..", "..", "bin", "rstuf.js");

describe("rstuf serve with a bucket", () => {
  test("publishes there, and a client that reads the bucket downloads what was added, before and after a restart; backup and restore go there too", () => inFolder(async (folder, server) => {
    const files = join(folder, "data", "files");
    await mkdir(files, { recursive: true });
    for (const restarted of [false, true]) {
      const name = `hello-${String(restarted)}.txt`;
      await writeFile(join(files, name), name);
      const service = await startProgram(["serve", "--trial", "--bins", "4", "--port", "0", "--data-dir", join(folder, "data")], environmentOf(server));
      try {
        const added = await fetch(`${service.origin}/api/v1/artifacts/`, {
          method: "POST",
          headers: { "content-type": "application/json", prefer: "wait=30" },
          body: JSON.stringify({ artifacts: [{ path: name, info: { length: name.length, hashes: { sha256: createHash("sha256").update(name).digest("hex") } } }] }),
        });
        assert.equal(((await added.json()) as { data: { state: string } }).data.state, "SUCCESS");
        const output = join(folder, "downloads");
        await run(process.execPath, [
          BIN, "download", name, "--metadata-url", `${server.url}/${S3_BUCKET}/tuf/`, "--artifacts-url", `${service.origin}/files/`,
          "--root", join(folder, "data", "trusted", "1.root.json"), "--cache-dir", join(folder, "client"), "--output-dir", output,
        ]);
        assert.equal(await readFile(join(output, name), "utf8"), name);
        assert.equal((await fetch(`${service.origin}/metadata/timestamp.json`)).status, 200);
      } finally {
        assert.equal(await service.stop(), 0);
      }
    }
    const backup = join(folder, "backup");
    const admin = (...args: string[]): Promise<unknown> => run(process.execPath, [BIN, "admin", ...args], { env: { ...process.env, ...environmentOf(server), RSTUF_STORAGE_PREFIX: prefix } });
    let prefix = "tuf";
    await admin("backup", backup, "--data-dir", join(folder, "data"));
    await assert.rejects(admin("restore", backup, "--data-dir", join(folder, "restored")), /holds a repository already/);
    prefix = "restored";
    await admin("restore", backup, "--data-dir", join(folder, "restored"));
    assert.deepEqual(server.objects.get("restored/timestamp.json")?.bytes, server.objects.get("tuf/timestamp.json")?.bytes);
    assert.ok(!server.seen.some(({ key }) => key === "" || key === "tuf/"), "nothing was listed");
  }));

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
