// What is done to a repository by hand, on PostgreSQL, a move from SQLite and a folder to PostgreSQL
// and a bucket, backup and restore, recovery, taking over, fsck; and what is refused, with what to do instead.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openClient } from "../../src/main/client.ts";
import { programParts } from "../../src/main/commands/tree.ts";
import { startProgram, type RunningService } from "../demo/running-service.ts";
import { openS3Server, S3_BUCKET } from "../fakes/buckets/s3.ts";
import { runCli, type CliRun } from "../fakes/cli.ts";
import { serveFolder } from "../kill/visitors.ts";
import { makePythonRepository } from "../recovery/python-repository.ts";
import { createDatabase } from "../servers/shared-postgres.ts";

const folder = mkdtempSync(join(tmpdir(), "rstuf-admin-pg-"));
after(() => { rmSync(folder, { recursive: true, force: true }); });
const at = (...names: readonly string[]): string => join(folder, ...names);
const LEASE = { RSTUF_PUBLISHER_LEASE_MS: "3000" };

function configuration(name: string, config: object): string {
  writeFileSync(at(name), JSON.stringify(config));
  return at(name);
}

/** In this process, which is quicker. */
const rstuf = (args: readonly string[]): Promise<CliRun> => runCli(args, { cwd: folder, parts: programParts({ cwd: folder }) });

/** Exit 0; answers stdout. */
async function done(...args: string[]): Promise<string> {
  const ended = await rstuf(args);
  assert.equal(ended.exitCode, 0, `rstuf ${args.join(" ")}\n${ended.stdout}${ended.stderr}`);
  return ended.stdout;
}

/** Exit 1 and no stack; answers stderr. */
async function refused(...args: string[]): Promise<string> {
  const ended = await rstuf(args);
  assert.equal(ended.exitCode, 1, `rstuf ${args.join(" ")}\n${ended.stdout}${ended.stderr}`);
  assert.doesNotMatch(ended.stderr, /\n\s+at /);
  return ended.stderr;
}

async function add(origin: string, path: string): Promise<string> {
  const answer = await fetch(`${origin}/api/v1/artifacts/`, {
    method: "POST", headers: { "content-type": "application/json", prefer: "wait=30" },
    body: JSON.stringify({ artifacts: [{ path, info: { length: 1, hashes: { sha256: "ab".repeat(32) } } }] }),
  });
  const { data } = (await answer.json()) as { data: { state: string; task_id: string } };
  assert.equal(data.state, "SUCCESS");
  return data.task_id;
}

async function running(args: readonly string[], act: (service: RunningService) => Promise<void>): Promise<void> {
  const service = await startProgram(args, LEASE);
  try {
    await act(service);
  } finally {
    assert.equal(await service.stop(), 0, service.stderr());
  }
}

test("a repository moves from SQLite and a folder to PostgreSQL and a bucket; a returning client and a task's caller notice nothing, and the old one cannot be started", { timeout: 240_000 }, async () => {
  const [store, bucket] = [await createDatabase(), await openS3Server()];
  try {
    let task = "";
    await running(["serve", "--trial", "--bins", "4", "--port", "0", "--data-dir", at("data")], async ({ origin }) => { task = await add(origin, "old"); });
    const root = readFileSync(at("data", "trusted", "1.root.json"));
    const visit = async (metadataUrl: string, ...paths: string[]): Promise<number> => {
      const client = await openClient({ metadataUrl, trust: { root }, cacheDir: at("client") });
      const { timestamp } = await client.refresh();
      for (const path of paths) assert.ok(await client.find(path), path);
      return timestamp;
    };
    const web = await serveFolder(at("data", "metadata"));
    const before = await visit(web.url, "old");
    web.close();

    const storage = { kind: "s3", bucket: S3_BUCKET, prefix: "tuf", endpoint: bucket.url, accessKeyId: "id", secretAccessKey: "hunter2" };
    const scaledOut = configuration("scaled-out.yaml", { dataDir: at("new"), keyDir: at("data", "keys"), database: { url: store.url }, storage });
    const said = await done("admin", "migrate", "--data-dir", at("data"), "--to", scaledOut);
    assert.match(said, /Moved to s3:[^]*Moved the state to PostgreSQL[^]*start rstuf api and rstuf worker[^]*cannot be started any more/);
    assert.match(await done("admin", "migrate", "--data-dir", at("data"), "--to", scaledOut), /Moved the state/, "said again it finds it done");
    assert.match(await done("fsck", "--config", scaledOut), /^sound:/);
    await assert.rejects(startProgram(["serve", "--port", "0", "--data-dir", at("data")]), /ended with 1[^]*moved to PostgreSQL/);
    for (const old of [["admin", "backup", at("never")], ["admin", "recover", "--adopt"], ["fsck"]]) assert.match(await refused(...old, "--data-dir", at("data")), /moved to PostgreSQL/);
    assert.equal(existsSync(at("never")), false);

    await running(["worker", "--config", scaledOut, "--listen", "127.0.0.1:0"], async () => {
      await running(["api", "--config", scaledOut, "--port", "0"], async ({ origin }) => {
        const known = (await (await fetch(`${origin}/api/v1/task/?task_id=${task}`)).json()) as { data: { state: string } };
        assert.equal(known.data.state, "SUCCESS");
        await add(origin, "new");
      });
      // A worker leads: nothing is done beside it.
      for (const command of [["admin", "recover", "--adopt", "--config", scaledOut], ["fsck", "--config", scaledOut]]) assert.match(await refused(...command), /a publisher is at work[^]*Stop\s+every\s+rstuf\s+worker/);
    });
    assert.ok(await visit(`${bucket.url}/${S3_BUCKET}/tuf/`, "old", "new") > before);
    assert.match(await done("fsck", "--config", scaledOut), /^sound:/);
    assert.match(await refused("admin", "migrate", "--data-dir", at("data"), "--to", scaledOut), /holds another timestamp\.json|went on: it was moved before/);

    // A backup is of one form, whatever the engine; restored it is the other engine's, or this one's.
    await done("admin", "backup", at("backup"), "--config", scaledOut);
    await done("admin", "restore", at("backup"), "--data-dir", at("single"));
    assert.match(await done("fsck", "--data-dir", at("single")), /^sound:/);
    const other = await createDatabase({ template: false });
    try {
      const again = configuration("again.yaml", { dataDir: at("again"), database: { url: other.url } });
      await done("admin", "restore", at("backup"), "--config", again);
      assert.match(await done("fsck", "--config", again), /^sound:/);
      assert.match(await refused("admin", "restore", at("backup"), "--config", configuration("twice.yaml", { dataDir: at("twice"), database: { url: other.url } })), /holds something already/);

      // The backup is older than what was published: what came since is read back, or gone ahead of.
      await running(["serve", "--config", scaledOut, "--port", "0"], async ({ origin }) => { await add(origin, "since"); });
      await store.run("DROP SCHEMA rstuf CASCADE");
      assert.match(await refused("admin", "recover", "--adopt", "--config", scaledOut), /holds no repository[^]*take over what is published/);
      await done("admin", "restore", at("backup"), "--config", scaledOut, "--keep-metadata");
      assert.match(await done("admin", "recover", "--adopt", "--jump", "1000", "--config", scaledOut), /1 artifact read back[^]*Every version from now on is above 1/);
      assert.match(await done("admin", "advise", "--config", scaledOut), /Advised/);
      await running(["serve", "--config", scaledOut, "--port", "0"], async ({ origin }) => { await add(origin, "last"); });
      await visit(`${bucket.url}/${S3_BUCKET}/tuf/`, "old", "new", "since", "last");
      assert.match(await done("fsck", "--config", scaledOut), /^sound:/);
    } finally {
      await other.drop();
    }
  } finally {
    await bucket.close();
    await store.drop();
  }
});

test("only the state moves when the metadata stays; a move that was cut off before it was stored is repeated, one that fails leaves the old database usable", { timeout: 240_000 }, async () => {
  const store = await createDatabase({ template: false });
  try {
    await running(["serve", "--trial", "--bins", "4", "--port", "0", "--data-dir", at("stay")], async ({ origin }) => { await add(origin, "one"); });
    const config = configuration("stay.yaml", { dataDir: at("stay"), database: { url: store.url } });
    assert.match(await refused("admin", "migrate", "--data-dir", at("stay"), "--to", configuration("same.yaml", { dataDir: at("stay") })), /and no other database/);

    await store.run("CREATE SCHEMA rstuf; CREATE FUNCTION rstuf.spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'spoilt'; END $$");
    await done("admin", "restore", await backupOf(at("stay")), "--config", config, "--keep-metadata");
    await store.run("DROP SCHEMA rstuf CASCADE");
    // Tables, and nothing in them; the last one refuses its row.
    assert.match(await refused("admin", "recover", "--jump", "1", "--config", config), /holds no repository/);
    await store.run("CREATE FUNCTION rstuf.spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'spoilt'; END $$; CREATE TRIGGER spoil BEFORE UPDATE ON rstuf.notice_log FOR EACH ROW EXECUTE FUNCTION rstuf.spoil()");
    assert.equal((await rstuf(["admin", "migrate", "--data-dir", at("stay"), "--to", config])).exitCode, 1);
    assert.match(await done("fsck", "--data-dir", at("stay")), /^sound:/, "the old one is in use still");
    await store.run("DROP TRIGGER spoil ON rstuf.notice_log");

    // As a run leaves it that was killed between the mark and the commit.
    writeFileSync(at("stay", "rstuf.db.moved"), `moved to PostgreSQL, elsewhere on 2026-01-01T00:00:00.000Z\n`);
    assert.match(await refused("admin", "migrate", "--data-dir", at("stay"), "--to", config), /moved to another database already/);
    const name = /PostgreSQL, \S+ on \S+ as postgres/.exec(await refused("admin", "migrate", "--config", config, "--to", configuration("elsewhere.yaml", { dataDir: at("stay") })))?.[0] ?? "";
    assert.notEqual(name, "");
    writeFileSync(at("stay", "rstuf.db.moved"), `moved to ${name} on 2026-01-01T00:00:00.000Z\n`);
    const moved = JSON.parse(await done("admin", "migrate", "--data-dir", at("stay"), "--to", config, "--json")) as { database: string; to?: string };
    assert.deepEqual([moved.database, moved.to], [name, undefined]);
    await running(["serve", "--config", config, "--port", "0"], async ({ origin }) => { await add(origin, "two"); });
    assert.match(await done("fsck", "--config", config), /^sound:/);
  } finally {
    await store.drop();
  }
});

async function backupOf(dataDir: string): Promise<string> {
  await done("admin", "backup", at("backup-of-stay"), "--data-dir", dataDir);
  return at("backup-of-stay");
}

test("a repository of the Python implementation is taken over into PostgreSQL, once", { timeout: 120_000 }, async () => {
  const store = await createDatabase();
  try {
    const python = makePythonRepository(at("python"), ["a.txt"]);
    const config = configuration("adopt.yaml", { dataDir: at("adopted"), keyDir: python.keys, metadata: { directory: python.metadata }, database: { url: store.url } });
    assert.match(await done("admin", "adopt", "--config", config), /Took over the repository/);
    assert.match(await refused("admin", "adopt", "--config", config), /holds a repository already/);
    // Before anything was published: the other implementation numbered roles each by itself, and that is no fault of what was taken over.
    assert.match(await done("fsck", "--config", config), /^note: 3 roles share a version[^]*^sound:/m);
    await done("admin", "backup", at("backup-of-adopted"), "--config", config);
    await running(["serve", "--config", config, "--port", "0"], async ({ origin }) => { await add(origin, "b.txt"); });
    assert.match(await done("fsck", "--config", config), /^sound:/);
  } finally {
    await store.drop();
  }
});
