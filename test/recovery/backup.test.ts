// A backup taken from a service that publishes, and the ways back from it.

import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { systemClock } from "../../src/drivers/clock/system/clock.ts";
import { openClient } from "../../src/main/client.ts";
import { programParts } from "../../src/main/commands/tree.ts";
import { runCli } from "../fakes/cli.ts";
import { send, succeeds } from "../kill/load.ts";
import { missing } from "../kill/outcome.ts";
import { faultsIn, rstuf, startService, type Ended } from "../kill/service.ts";
import { serveFolder } from "../kill/visitors.ts";

const folder = mkdtempSync(join(tmpdir(), "rstuf-backup-"));
after(() => { rmSync(folder, { recursive: true, force: true }); });
/** In this process, which is cheaper: what is refused needs no other. */
async function here(...argv: readonly string[]): Promise<Ended> {
  const { exitCode, ...said } = await runCli(argv, { cwd: folder, clock: systemClock, parts: programParts({ cwd: folder }) });
  return { code: exitCode, ...said };
}
const at = (...names: readonly string[]): string => join(folder, ...names);

test("a backup under load is whole; restored under newer metadata it adopts what came since, and a returning client goes on", { timeout: 120_000 }, async () => {
  const first = await startService(at("data"), 16, 3_000);
  const over = new AbortController();
  const senders = Array.from({ length: 3 }, (_, n) => send(`sender-${String(n)}`, () => first.origin, over.signal));
  const root = readFileSync(at("data", "metadata", "1.root.json"));
  for (const name of ["one", "two"]) {
    const taken = await rstuf("admin", "backup", at(name), "--data-dir", at("data"), "--json");
    assert.equal(taken.code, 0, taken.stderr);
    assert.ok((JSON.parse(taken.stdout) as { seq: number }).seq > 0);
    assert.ok(!existsSync(at(name, "keys")));
  }
  assert.equal((await rstuf("admin", "backup", at("one"), "--data-dir", at("data"))).code, 1, "a backup never writes over another");
  // Some requests go on after the last backup.
  await new Promise((resolve) => { setTimeout(resolve, 500); });
  over.abort();
  const sent = await Promise.all(senders);
  for (const { task } of sent.flatMap((each) => each.sent)) await succeeds(first.origin, task);
  assert.equal(await first.stop(), 0);

  // A client that has seen the newest.
  let web = await serveFolder(at("data", "metadata"));
  const lost = await missing(web.url, root, folder, sent);
  assert.deepEqual(lost, []);
  const client = () => openClient({ metadataUrl: web.url, trust: { root }, cacheDir: at("returning") });
  const before = await (await client()).refresh();
  web.close();

  const restored = await rstuf("admin", "restore", at("two"), "--data-dir", at("new"));
  assert.equal(restored.code, 0, restored.stderr);
  assert.match(restored.stdout, /--adopt[^]*--jump/);
  assert.equal(await faultsIn(at("new")), "");
  assert.equal((await rstuf("admin", "restore", at("two"), "--data-dir", at("new"))).code, 1, "a restore never writes over anything");

  // The newer metadata still exists.
  cpSync(at("data", "metadata"), at("new", "metadata"), { recursive: true });
  cpSync(at("data", "keys"), at("new", "keys"), { recursive: true });
  const adopted = await rstuf("admin", "recover", "--adopt", "--data-dir", at("new"));
  assert.equal(adopted.code, 0, adopted.stderr);
  assert.match(adopted.stdout, /artifacts? read back/);
  assert.equal(await faultsIn(at("new")), "");

  const second = await startService(at("new"), 16, 3_000);
  const more = new AbortController();
  const sender = send("later", () => second.origin, more.signal);
  await new Promise((resolve) => { setTimeout(resolve, 1_000); });
  more.abort();
  const later = await sender;
  for (const { task } of later.sent) await succeeds(second.origin, task);
  assert.equal(await second.stop(), 0);
  assert.equal(await faultsIn(at("new")), "");
  web = await serveFolder(at("new", "metadata"));
  const now = await (await client()).refresh();
  assert.ok(now.timestamp > before.timestamp && now.snapshot > before.snapshot);
  // What pended in the backup and was answered since is not done twice, nor undone.
  assert.deepEqual(await missing(web.url, root, folder, [...sent, later]), []);
  web.close();
});

test("a backup that was cut short, or changed since, is not restored; keys only when asked for", { timeout: 60_000 }, async () => {
  const service = await startService(at("other"), 4, 3_000);
  assert.equal(await service.stop(), 0);
  const taken = await here("admin", "backup", at("keyed"), "--data-dir", at("other"), "--with-keys");
  assert.equal(taken.code, 0, taken.stderr);
  assert.match(taken.stderr, /WARNING[^]*can sign for you/);
  assert.ok(existsSync(at("keyed", "keys")));

  cpSync(at("keyed"), at("short"), { recursive: true });
  rmSync(at("short", "backup.json"));
  const short = await here("admin", "restore", at("short"), "--data-dir", at("never"));
  assert.deepEqual([short.code, existsSync(at("never"))], [1, false]);

  cpSync(at("keyed"), at("changed"), { recursive: true });
  writeFileSync(at("changed", "rstuf.db"), Buffer.concat([readFileSync(at("changed", "rstuf.db")), Buffer.alloc(1)]));
  const changed = await here("admin", "restore", at("changed"), "--data-dir", at("never"));
  assert.deepEqual([changed.code, existsSync(at("never"))], [1, false]);
  assert.match(changed.stderr, /is not the file that was backed up/);

  cpSync(at("keyed"), at("torn"), { recursive: true });
  rmSync(at("torn", "metadata", "1.root.json"));
  const torn = await here("admin", "restore", at("torn"), "--data-dir", at("torn-data"), "--json");
  assert.equal(torn.code, 1);
  assert.match(torn.stderr, /not sound/);
  const { error } = JSON.parse(torn.stdout) as { error: { code: string; faults: readonly unknown[] } };
  assert.deepEqual([error.code, error.faults.length > 0], ["not-sound", true]);

  const restored = await here("admin", "restore", at("keyed"), "--data-dir", at("again"), "--json");
  assert.equal(restored.code, 0, restored.stderr);
  assert.equal((JSON.parse(restored.stdout) as { keys: number }).keys, 2);
  const again = await startService(at("again"), 4, 3_000);
  assert.equal(await again.stop(), 0);
});
