// Work that takes long on a large repository shows at a terminal how far it is.

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { programParts } from "../../src/main/commands/tree.ts";
import { runCli } from "../fakes/cli.ts";
import { startService } from "../kill/service.ts";

const BINS = 16;
const folder = mkdtempSync(join(tmpdir(), "rstuf-progress-"));
after(() => { rmSync(folder, { recursive: true, force: true }); });

/** Runs a command at a terminal whose clock moves on whenever it is looked at. */
async function atTerminal(line: string): Promise<{ readonly said: string; readonly frames: readonly string[] }> {
  const { stdout, stderr, exitCode } = await runCli(line.split(" "), { cwd: folder, isTty: true, isStdoutTty: true, tickMs: 250, parts: programParts({ cwd: folder }) });
  assert.equal(exitCode, 0, `${line}\n${stdout}${stderr}`);
  for (const told of stdout.split("\n")) assert.ok(told.length <= 80 || !told.trim().includes(" "), `${line}: ${told}`);
  return { said: stdout, frames: stderr.split("\r\u001b[K") };
}

/** Each part of the work is counted up to its end, and nothing of it is left on the screen. */
function counts(line: string, frames: readonly string[], ...units: readonly string[]): void {
  assert.equal(frames.at(-1), "", `${line} leaves nothing behind`);
  for (const unit of units) {
    const drawn = frames.flatMap((frame) => { const [, done, of] = new RegExp(` (\\d+) of (\\d+) ${unit}`).exec(frame) ?? []; return of === undefined ? [] : [{ done: Number(done), of: Number(of) }]; });
    assert.ok(drawn.length > 3, `${line}: ${unit}\n${frames.join("\n")}`);
    for (const [at, { done }] of drawn.entries()) assert.ok(done >= (drawn[at - 1]?.done ?? 0) && done <= (drawn[at]?.of ?? 0), `${line}: ${unit}`);
    const { done, of } = drawn.at(-1) ?? { done: 0, of: 0 };
    assert.ok(done >= of - 1 && of >= BINS, `${line}: ${done} of ${of} ${unit}`);
  }
}

test("backup, restore, recover, adopt and migrate draw what they do, and wipe it", { timeout: 60_000 }, async () => {
  const service = await startService(join(folder, "data"), BINS, 30_000);
  try {
    const { frames } = await atTerminal("admin backup backup --data-dir data");
    counts("backup", frames, "metadata files", "roles looked at");
    const body = { artifacts: Array.from({ length: 100 }, (_, n) => ({ path: `p/${n}`, info: { length: 1, hashes: { sha256: "ab".repeat(32) } } })) };
    const answer = await fetch(`${service.origin}/api/v1/artifacts/?wait=30`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    assert.equal(answer.ok, true);
  } finally {
    assert.equal(await service.stop(), 0);
  }

  counts("restore", (await atTerminal("admin restore backup --data-dir restored")).frames, "metadata files", "roles looked at");
  cpSync(join(folder, "data", "metadata"), join(folder, "restored", "metadata"), { recursive: true });
  const recovered = await atTerminal("admin recover --adopt --data-dir restored");
  counts("recover", recovered.frames, "roles read");
  assert.match(recovered.said, /100 artifacts read back/);

  for (const name of ["metadata", "keys"]) cpSync(join(folder, "data", name), join(folder, "adopted", name), { recursive: true });
  counts("adopt", (await atTerminal("admin adopt --data-dir adopted --root data/trusted/1.root.json")).frames, "roles read");

  writeFileSync(join(folder, "to.yaml"), `metadata: { directory: ${JSON.stringify(join(folder, "moved"))} }\n`);
  counts("migrate", (await atTerminal("admin migrate --data-dir data --to to.yaml")).frames, "metadata files", "roles looked at");
});
