// docs/operate/first-root.md, run as written: root keys made offline, a root two of three sign,
// a service without trial, a bootstrap over REST; then an artifact through the CI step.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { blocks, ROOT, sh } from "./pages.ts";

const folder = mkdtempSync(join(tmpdir(), "rstuf-real-"));
after(() => { rmSync(folder, { recursive: true, force: true }); });

test("a real repository begins as docs/operate/first-root.md says", async () => {
  // A checkout of its own, as far as the page's commands can tell.
  for (const name of ["rstuf", "node_modules", "docs"]) symlinkSync(join(ROOT, name), join(folder, name));
  const steps = blocks("docs/operate/first-root.md", "sh");
  const serving = steps.findIndex((step) => step.includes("rstuf serve"));
  assert.ok(serving > 0);
  for (const step of steps.slice(0, serving)) {
    const ended = await sh(`set -e\n${step}`, { cwd: folder });
    assert.equal(ended.code, 0, `${step}${ended.stderr}`);
  }

  const service = spawn("sh", ["-c", `exec ${steps[serving]!}`], { cwd: folder, env: { ...process.env, RSTUF_SERVER_PORT: "0" }, stdio: ["ignore", "pipe", "pipe"] });
  try {
    let stderr = "";
    service.stderr.on("data", (chunk: Buffer) => { stderr += chunk.toString(); });
    const origin = await new Promise<string>((resolve, reject) => {
      let stdout = "";
      service.stdout.on("data", (chunk: Buffer) => {
        stdout += chunk.toString();
        const ready = /^ready (\S+)$/m.exec(stdout)?.[1];
        if (ready !== undefined) resolve(ready);
      });
      service.once("exit", () => { reject(new Error(stderr)); });
    });
    const environment = { RSTUF_URL: origin, FILE: join(folder, "app.txt"), ARTIFACT: "app.txt" };
    for (const step of steps.slice(serving + 1)) {
      const ended = await sh(`set -e\n${step}`, { cwd: folder, environment });
      assert.equal(ended.code, 0, `${step}${ended.stdout}${ended.stderr}`);
      assert.match(ended.stdout, /Bootstrap completed/);
      assert.match(ended.stdout, /"ready":true/);
    }

    writeFileSync(environment.FILE, "real life");
    const published = await sh(blocks("docs/integrate/ci.md", "sh")[0]!, { environment });
    assert.equal(published.code, 0, published.stderr);
    const metadata = `--metadata '${join(folder, "rstuf-data", "metadata")}' --root '${join(folder, "rstuf-data", "trusted", "1.root.json")}'`;
    const sound = await sh(`./rstuf fsck ${metadata}`);
    assert.equal(sound.code, 0, `${sound.stdout}${sound.stderr}`);
    const root = JSON.parse(readFileSync(join(folder, "rstuf-data", "metadata", "1.root.json"), "utf8")) as { signatures: unknown[]; signed: { roles: { root: { threshold: number; keyids: string[] } } } };
    assert.deepEqual([root.signatures.length, root.signed.roles.root.threshold, root.signed.roles.root.keyids.length], [2, 2, 3]);
  } finally {
    const gone = once(service, "exit");
    service.kill("SIGKILL");
    await gone;
  }
});
