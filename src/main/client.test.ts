import { test } from "node:test";
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFakeClock } from "../../test/fakes/clock.ts";
import { RepositoryBuilder } from "../../test/fakes/repository-builder.ts";
import { openWebServer } from "../../test/fakes/web-server.ts";
import { ClientError, folder, openClient } from "./client.ts";

test("an embedder opens a client, finds and downloads over HTTP", async () => {
  const now = Date.UTC(2030, 0, 15);
  const repository = new RepositoryBuilder({ now, bins: 4, keytype: "ecdsa" });
  repository.add("dir/a b.txt", "hello");
  repository.publish();
  const server = await openWebServer((path) => (path.startsWith("m/") ? repository.files.get(path.slice(2)) : repository.artifacts.get(path.slice(2))));
  const base = await mkdtemp(join(tmpdir(), "embedder-"));
  try {
    const root = repository.files.get("1.root.json");
    assert.ok(root);
    const client = await openClient({
      metadataUrl: `${server.url}/m`,
      artifactsUrl: `${server.url}/f`,
      trust: { root },
      cacheDir: join(base, "cache"),
      clock: createFakeClock(now),
    });
    assert.equal((await client.refresh()).root, 1);
    assert.equal((await client.find("dir/a b.txt"))?.role, repository.binOf("dir/a b.txt"));
    const { file } = await client.download("dir/a b.txt", folder(join(base, "out")));
    assert.equal(String(await readFile(file)), "hello");
    await assert.rejects(client.download("other", folder(base)), (error) => error instanceof ClientError && error.code === "artifact-unknown");
  } finally {
    await server.close();
    await rm(base, { recursive: true });
  }
});
