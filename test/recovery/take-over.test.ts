// `rstuf admin adopt` on a repository another implementation made, and `rstuf admin migrate`
// to a bucket, as processes; a client that was there before goes on with what it remembers.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { startProgram } from "../demo/running-service.ts";
import { openS3Server, S3_BUCKET } from "../fakes/buckets/s3.ts";
import { makePythonRepository, type PythonRepository } from "./python-repository.ts";

const run = promisify(execFile);
const BIN = join(import.meta.dirname, "..", "..", "bin", "rstuf.js");
const rstuf = (...args: string[]): Promise<{ stdout: string }> => run(process.execPath, [BIN, ...args]);

describe("rstuf admin adopt", () => {
  test("takes over what is published; versions go on, and a returning client notices nothing; then it all moves to a bucket", () => inFolder(async (folder, python) => {
    const { config, data, visit } = await placesIn(folder, python);
    await visit(pathToFileURL(`${python.metadata}/`).href, "old.txt");

    const taken = JSON.parse((await rstuf("admin", "adopt", "--config", config, "--root", join(python.metadata, "1.root.json"), "--json")).stdout) as { artifacts: number; bins: number; counter: number; timestampVersion: number };
    assert.deepEqual([taken.artifacts, taken.bins, taken.timestampVersion, taken.counter], [2, 4, python.version, python.version]);
    await assert.rejects(rstuf("admin", "adopt", "--config", config), /holds a repository already/);

    await serving(["--config", config], async (origin) => {
      await add(origin, python, "new.txt");
      const { signed } = (await (await fetch(`${origin}/metadata/timestamp.json`)).json()) as { signed: { version: number } };
      assert.ok(signed.version > python.version);
    });
    for (const name of ["old.txt", "older.txt", "new.txt"]) await visit(pathToFileURL(`${python.metadata}/`).href, name);
    await rstuf("fsck", "--metadata", python.metadata, "--root", join(python.metadata, "1.root.json"));

    const server = await openS3Server();
    try {
      const bucket = join(folder, "bucket.yaml");
      await writeFile(bucket, JSON.stringify({ dataDir: data, keyDir: python.keys, storage: { kind: "s3", bucket: S3_BUCKET, prefix: "tuf", endpoint: server.url, accessKeyId: "id", secretAccessKey: "hunter2" } }));
      await rstuf("admin", "migrate", "--config", config, "--to", bucket);
      assert.deepEqual(server.objects.get("tuf/timestamp.json")?.bytes, await readFile(join(python.metadata, "timestamp.json")));
      assert.match((await rstuf("admin", "migrate", "--config", config, "--to", bucket)).stdout, /Moved to s3:\/\/metadata\/tuf\//);
      await serving(["--config", bucket], (origin) => add(origin, python, "newest.txt"));
      for (const name of ["old.txt", "newest.txt"]) await visit(`${server.url}/${S3_BUCKET}/tuf/`, name);
      // The bucket went on: to move the old place over it would roll clients back.
      await assert.rejects(rstuf("admin", "migrate", "--config", config, "--to", bucket), /was moved already/);
    } finally {
      await server.close();
    }
  }));

  for (const [what, spoil, says] of [
    ["a file the snapshot names is missing", (python: PythonRepository) => rm(join(python.metadata, "1.targets.json")), /1\.targets\.json is not in storage/],
    ["a file was changed", async (python: PythonRepository) => {
      const file = join(python.metadata, "1.targets.json");
      await writeFile(file, (await readFile(file, "utf8")).replace("2036", "2037"));
    }, /1\.targets\.json does not verify/],
    ["the online key is not here", (python: PythonRepository) => rm(python.keys, { recursive: true }), /cannot be signed here/],
  ] as const) {
    test(`refuses, and changes nothing, when ${what}`, () => inFolder(async (folder, python) => {
      const { config } = await placesIn(folder, python);
      await spoil(python);
      const before = await readFile(join(python.metadata, "timestamp.json"));
      await assert.rejects(rstuf("admin", "adopt", "--config", config), says);
      assert.deepEqual(await readFile(join(python.metadata, "timestamp.json")), before);
    }));
  }

  test("refuses a first root that is not the one named, and a place without a repository", () => inFolder(async (folder, python) => {
    const { config } = await placesIn(folder, python);
    const other = join(folder, "other.root.json");
    await writeFile(other, "{}");
    await assert.rejects(rstuf("admin", "adopt", "--config", config, "--root", other), /not the root you named/);
    await assert.rejects(rstuf("admin", "adopt", "--data-dir", join(folder, "nothing")), /no published repository/);
    assert.ok(!existsSync(join(folder, "nothing")));
  }));
});

// ---------------------------------------------------------------- beneath

async function inFolder(act: (folder: string, python: PythonRepository) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "rstuf-take-over-"));
  try {
    await act(folder, makePythonRepository(folder, ["old.txt", "older.txt"]));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Places {
  readonly config: string;
  readonly data: string;
  /** One client, which remembers. */
  readonly visit: (metadataUrl: string, artifact: string) => Promise<void>;
}

async function placesIn(folder: string, python: PythonRepository): Promise<Places> {
  const config = join(folder, "adopt.yaml");
  const data = join(folder, "data");
  await writeFile(config, JSON.stringify({ dataDir: data, keyDir: python.keys, metadata: { directory: python.metadata } }));
  return {
    config,
    data,
    async visit(metadataUrl, artifact) {
      const output = await mkdtemp(join(folder, "got-"));
      await rstuf("download", artifact, "--metadata-url", metadataUrl, "--artifacts-url", pathToFileURL(`${python.files}/`).href, "--root", join(python.metadata, "1.root.json"), "--cache-dir", join(folder, "client"), "--output-dir", output);
      assert.equal(await readFile(join(output, artifact), "utf8"), artifact);
    },
  };
}

async function serving(args: readonly string[], act: (origin: string) => Promise<void>): Promise<void> {
  const service = await startProgram(["serve", "--port", "0", ...args]);
  try {
    await act(service.origin);
  } finally {
    assert.equal(await service.stop(), 0, service.stderr());
  }
}

/** Puts the file where it is served from, and waits until clients can see it. */
async function add(origin: string, python: PythonRepository, path: string): Promise<void> {
  await writeFile(join(python.files, path), path);
  const answer = await fetch(`${origin}/api/v1/artifacts/`, {
    method: "POST",
    headers: { "content-type": "application/json", prefer: "wait=30" },
    body: JSON.stringify({ artifacts: [{ path, info: { length: path.length, hashes: { sha256: createHash("sha256").update(path).digest("hex") } } }] }),
  });
  const { data } = (await answer.json()) as { data: { state: string } };
  assert.equal(data.state, "SUCCESS");
}
