import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { runCli, type CliWorld } from "../../../test/fakes/cli.ts";
import { databaseViewOf, publishedRows } from "../../../test/fakes/published-rows.ts";
import { RepositoryBuilder } from "../../../test/fakes/repository-builder.ts";
import { openWebServer } from "../../../test/fakes/web-server.ts";
import { DatabaseError } from "../../ports/database.ts";
import type { OpenService } from "../check-published.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");
const cwd = mkdtempSync(join(tmpdir(), "rstuf-fsck-"));
after(() => rmSync(cwd, { recursive: true, force: true }));

const repository = new RepositoryBuilder({ now: NOW, bins: 4 });
repository.add("a.txt", "a");
repository.publish();
mkdirSync(join(cwd, "metadata"));
for (const [name, bytes] of repository.files) writeFileSync(join(cwd, "metadata", name), bytes);
writeFileSync(join(cwd, "root.json"), repository.files.get("1.root.json")!);
// The same with one bin gone, and a path in it that would clear the screen if it were printed as it is.
mkdirSync(join(cwd, "damaged"));
const gone = `${repository.roles.get("bins-2")!.version}.bins-2.json`;
for (const [name, bytes] of repository.files) if (name !== gone) writeFileSync(join(cwd, "damaged", name), bytes);

const run = (argv: readonly string[], world: Partial<CliWorld> = {}) => runCli(["fsck", ...argv], { cwd, now: NOW, ...world });

describe("rstuf fsck", () => {
  test("says that a sound repository is sound, and what it looked at", async () => {
    const { stdout, stderr, exitCode } = await run(["--metadata", "metadata", "--root", "root.json"]);
    assert.match(stdout, /^sound: 1 root, 5 targets roles, 1 path, [0-9,]+ bytes read\n$/);
    assert.equal(stderr, "");
    assert.equal(exitCode, 0);
  });

  test("takes a folder, a file: URL and an http address", async () => {
    const server = await openWebServer((path) => repository.files.get(path.replace(/^m\//, "")));
    try {
      for (const where of [join(cwd, "metadata"), pathToFileURL(join(cwd, "metadata")).href, `${server.url}/m`, `${server.url}/m/`]) {
        assert.equal((await run(["--metadata", where, "--root", "root.json"])).exitCode, 0, where);
      }
    } finally {
      await server.close();
    }
  });

  test("prints one line per fault and answers 1", async () => {
    const { stdout, exitCode } = await run(["--metadata", "damaged", "--root", "root.json"]);
    assert.deepEqual(stdout.split("\n").slice(0, 2).map((line) => line.replace(/:.*$/, "")), ["FAULT missing (rule 45)", "1 fault"]);
    assert.ok(stdout.includes(gone));
    assert.equal(exitCode, 1);
  });

  test("prints one object with --json", async () => {
    const { stdout, exitCode } = await run(["--metadata", "damaged", "--root", "root.json", "--json"]);
    const report = JSON.parse(stdout) as { sound: boolean; faults: { rule: number; code: string; subject: string }[]; roles: number };
    assert.equal(report.sound, false);
    assert.deepEqual(report.faults.map(({ rule, code, subject }) => [rule, code, subject]), [[45, "missing", gone]]);
    assert.equal(report.roles, 4);
    assert.equal(exitCode, 1);
  });

  test("a folder that is not there is no repository without files: it is named wrongly", async () => {
    const { stdout, stderr, exitCode } = await run(["--metadata", "nowhere", "--root", "root.json"]);
    assert.match(stderr, /there is no folder nowhere \(file-unreadable\)\n {2}do: {2}name the folder/);
    assert.deepEqual([stdout, exitCode], ["", 1]);
  });

  test("says what is wrong with the root it was given", async () => {
    assert.match((await run(["--metadata", "metadata", "--root", "none.json"])).stderr, /none\.json cannot be read: there is no such file or folder \(file-unreadable\)/);
    writeFileSync(join(cwd, "payload.json"), '{"metadata":{"root":{}}}');
    assert.match((await run(["--metadata", "metadata", "--root", "payload.json"])).stderr, /payload\.json is no root \(file-unreadable\)\n {2}why: .*\n {2}do: {2}name the root\.json/);
    writeFileSync(join(cwd, "large.json"), Buffer.alloc(600_000));
    assert.match((await run(["--metadata", "metadata", "--root", "large.json"])).stderr, /longer than the 512000 bytes/);
  });

  test("never prints what could steer a terminal", async () => {
    const evil = new RepositoryBuilder({ now: NOW, bins: 2 });
    evil.add("\u001b[2J\u202e", "x");
    evil.publish();
    mkdirSync(join(cwd, "evil"));
    for (const [name, bytes] of evil.files) writeFileSync(join(cwd, "evil", name), bytes);
    const { stdout } = await run(["--metadata", "evil", "--root", "evil/1.root.json"]);
    assert.match(stdout, /FAULT target/);
    assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  });

  test("compares with the database of --data-dir, and closes it", async () => {
    const rows = publishedRows(repository);
    rows.state = { ...rows.state, seq: rows.state.seq + 1 };
    let closed = 0;
    const openService: OpenService = async (place) => {
      assert.deepEqual(place, { dataDir: "data", config: undefined });
      return { database: databaseViewOf(rows), files: async () => ({ read: async (name) => repository.files.get(name) }), firstRoot: async () => repository.files.get("1.root.json"), close: async () => { closed += 1; } };
    };
    const { stdout, exitCode } = await run(["--metadata", "metadata", "--root", "root.json", "--data-dir", "data"], { parts: { openService } });
    assert.match(stdout, /^FAULT visible \(rule 42\): publisher /);
    assert.equal(exitCode, 1);
    assert.equal(closed, 1);
    // Metadata and root may be the service's own.
    assert.equal((await run(["--data-dir", "data"], { parts: { openService } })).stdout, stdout);
  });

  test("says what is missing when neither files nor service are named", async () => {
    const { stderr, exitCode } = await run(["--metadata", "metadata"]);
    assert.match(stderr, /--metadata and --root, or whose/);
    assert.equal(exitCode, 2);
  });

  test("says why a database cannot be opened", async () => {
    const openService = async () => {
      throw new DatabaseError("unavailable", "a service is running on this data directory");
    };
    const { stderr, exitCode } = await run(["--metadata", "metadata", "--root", "root.json", "--data-dir", "data"], { parts: { openService } });
    assert.equal(stderr, "error: a service is running on this data directory (unavailable)\n");
    assert.equal(exitCode, 1);
  });

  test("draws progress on a terminal alone, and leaves none of it behind", async () => {
    const argv = ["--metadata", "metadata", "--root", "root.json"];
    const { stderr } = await run(argv, { isTty: true, tickMs: 1000 });
    assert.match(stderr, /5 of 5 targets roles/);
    assert.ok(stderr.endsWith("\r\u001b[K"));
    assert.equal((await run(argv, { isTty: false, tickMs: 1000 })).stderr, "");
    assert.equal((await run([...argv, "--json"], { isTty: true, tickMs: 1000 })).stderr, "");
  });
});
