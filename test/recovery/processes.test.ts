// One process per data directory, and one that was stopped for longer than its lease.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { taskState } from "../kill/load.ts";
import { startService } from "../kill/service.ts";

const folder = mkdtempSync(join(tmpdir(), "rstuf-processes-"));
after(() => { rmSync(folder, { recursive: true, force: true }); });

/** Accepts one artifact; answers its task. */
async function add(origin: string, path: string): Promise<string> {
  const body = { artifacts: [{ path, info: { length: 1, hashes: { sha256: "ab".repeat(32) } } }] };
  const answer = await fetch(`${origin}/api/v1/artifacts/`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  return ((await answer.json()) as { data: { task_id: string } }).data.task_id;
}

async function succeeds(origin: string, task: string): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if ((await taskState(origin, task)).state === "SUCCESS") return;
    await sleep(50);
  }
  assert.fail(`task ${task} did not succeed: ${(await taskState(origin, task)).text}`);
}

test("a second process on the same data directory is refused with a sentence; one that was stopped for longer than its lease goes on", { timeout: 60_000 }, async () => {
  const dataDir = join(folder, "data");
  const service = await startService(dataDir, 4, 3_000);
  try {
    const second = await run(["serve", "--data-dir", dataDir, "--port", "0"]);
    assert.equal(second.code, 1);
    assert.match(second.stderr, /^rstuf: the database .* is used by another process/m);
    assert.doesNotMatch(second.stderr, /\n\s+at /);
    const admin = await run(["admin", "recover", "--adopt", "--data-dir", dataDir]);
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
  const sound = await run(["fsck", "--metadata", join(dataDir, "metadata"), "--root", join(dataDir, "trusted", "1.root.json"), "--data-dir", dataDir]);
  assert.equal(sound.code, 0, sound.stdout);
});

function run(args: readonly string[]): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "..", "..", "bin", "rstuf.js"), ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (piece: Buffer) => { stdout += piece.toString(); });
  child.stderr.on("data", (piece: Buffer) => { stderr += piece.toString(); });
  return new Promise((resolve) => { child.once("close", (code) => { resolve({ code, stdout, stderr }); }); });
}
