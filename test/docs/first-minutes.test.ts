// What a newcomer does: start the trial, paste what it prints, stop it, start it again.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, describe, test } from "node:test";
import { startProgram, type RunningService } from "../demo/running-service.ts";
import { ROOT, sh, type Ended } from "./pages.ts";

const folder = mkdtempSync(join(tmpdir(), "rstuf-first-"));
const dataDir = join(folder, "data");
const environment = { HOME: folder, XDG_DATA_HOME: join(folder, "share") };
const litter = new Set<string>();
let running: RunningService | undefined;

after(async () => {
  await running?.stop("SIGKILL");
  for (const file of litter) rmSync(file, { force: true });
  rmSync(folder, { recursive: true, force: true });
});

/** As `npm start -- --port 0 --data-dir DIR` does. */
async function start(): Promise<RunningService> {
  running = await startProgram(["serve", "--trial", "--port", "0", "--data-dir", dataDir], environment);
  return running;
}

const commandsOf = (output: string): readonly string[] => output.split("\n").filter((line) => line.startsWith("  $ ")).map((line) => line.slice("  $ ".length));

/** Where `rstuf download` says it put the file; removed at the end, for it may lie in the checkout. */
function downloaded({ stdout }: Ended): string {
  const said = / as (.+hello\.txt)$/m.exec(stdout)?.[1];
  assert.ok(said !== undefined, stdout);
  const file = resolve(ROOT, said);
  litter.add(file);
  return file;
}

async function stopWithin5s(service: RunningService): Promise<void> {
  const began = performance.now();
  assert.equal(await service.stop("SIGINT"), 0, service.stderr());
  assert.ok(performance.now() - began < 5_000);
}

describe("the first five minutes", () => {
  let root: Buffer;
  let wordsOfDownload: string;

  test("the commands a trial prints run as printed, and the download equals the file", async () => {
    const service = await start();
    const commands = commandsOf(service.stdout());
    assert.ok(commands.length >= 4, service.stdout());
    const ended: Ended[] = [];
    for (const command of commands) {
      const one = await sh(command, { environment });
      assert.equal(one.code, 0, `${command}\n${one.stdout}${one.stderr}`);
      ended.push(one);
    }
    assert.ok(ended.some(({ stdout }) => /"state":\s*"SUCCESS"/.test(stdout)), "no command shows the task as SUCCESS");
    wordsOfDownload = commands.at(-1)!;
    assert.match(wordsOfDownload, /download/);
    assert.deepEqual(readFileSync(downloaded(ended.at(-1)!)), readFileSync(join(dataDir, "files", "hello.txt")));
    root = readFileSync(join(dataDir, "trusted", "1.root.json"));
  });

  test("it prints where everything is, and that the root key lies on this disk", async () => {
    assert.ok(running);
    const words = running.stdout();
    for (const path of ["/", "/metadata/timestamp.json", "/healthz", "/readyz", "/metrics", "/openapi.json"]) {
      assert.equal((await fetch(`${running.origin}${path}`)).status, 200, path);
    }
    for (const said of [`${running.origin}/metadata/`, `${running.origin}/healthz`, "WARNING", "root key", join(dataDir, "keys")]) assert.ok(words.includes(said), said);
  });

  test("an interrupt ends it within five seconds with exit code 0", async () => {
    assert.ok(running);
    await stopWithin5s(running);
  });

  test("a second start on the same data directory goes on where it was", async () => {
    const before = readFileSync(join(dataDir, "metadata", "timestamp.json"));
    const service = await start();
    assert.deepEqual(readFileSync(join(dataDir, "trusted", "1.root.json")), root);
    assert.equal(versionOf(readFileSync(join(dataDir, "metadata", "timestamp.json"))) >= versionOf(before), true);
    for (const file of litter) rmSync(file, { force: true });
    const again = await sh(commandsOf(service.stdout()).at(-1)!, { environment });
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(readFileSync(downloaded(again)), readFileSync(join(dataDir, "files", "hello.txt")));
    await stopWithin5s(service);
  });
});

const versionOf = (timestamp: Buffer): number => (JSON.parse(timestamp.toString()) as { signed: { version: number } }).signed.version;
