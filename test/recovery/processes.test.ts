// One process per data directory, and one that was stopped for longer than its lease.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { succeeds } from "../kill/load.ts";
import { faultsIn, rstuf, startService } from "../kill/service.ts";

const folder = mkdtempSync(join(tmpdir(), "rstuf-processes-"));
after(() => { rmSync(folder, { recursive: true, force: true }); });

/** Accepts one artifact; answers its task. */
async function add(origin: string, path: string): Promise<string> {
  const body = { artifacts: [{ path, info: { length: 1, hashes: { sha256: "ab".repeat(32) } } }] };
  const answer = await fetch(`${origin}/api/v1/artifacts/`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  return ((await answer.json()) as { data: { task_id: string } }).data.task_id;
}

test("a second process on the same data directory is refused with a sentence; one that was stopped for longer than its lease goes on", { timeout: 60_000 }, async () => {
  const dataDir = join(folder, "data");
  const service = await startService(dataDir, 4, 3_000);
  try {
    const second = await rstuf("serve", "--data-dir", dataDir, "--port", "0");
    assert.equal(second.code, 1);
    assert.match(second.stderr, /^rstuf: the database .* is used by another process/m);
    assert.doesNotMatch(second.stderr, /\n\s+at /);
    const admin = await rstuf("admin", "recover", "--adopt", "--data-dir", dataDir);
    assert.equal(admin.code, 1);
    assert.match(admin.stderr, /used by another process/);

    const before = await add(service.origin, "before");
    service.child.kill("SIGSTOP");
    // The lease is three seconds; what runs out meanwhile is the point.
    await sleep(3_500);
    service.child.kill("SIGCONT");
    await succeeds(service.origin, before);
    await succeeds(service.origin, await add(service.origin, "after"));
    for (let tries = 0; (await fetch(`${service.origin}/readyz`)).status !== 200; tries++) {
      assert.ok(tries < 200, "it is ready again");
      await sleep(50);
    }
  } finally {
    assert.equal(await service.stop(), 0);
  }
  assert.equal(await faultsIn(dataDir), "");
});
