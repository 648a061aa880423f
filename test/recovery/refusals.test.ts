// What `rstuf admin` refuses, and that nothing was changed then.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { openSqlite } from "../../src/drivers/database/sqlite/sqlite.ts";
import { programParts } from "../../src/main/commands/tree.ts";
import { runCli, type CliRun } from "../fakes/cli.ts";
import { makePythonRepository } from "./python-repository.ts";

const folder = mkdtempSync(join(tmpdir(), "rstuf-refusals-"));
after(() => { rmSync(folder, { recursive: true, force: true }); });
const at = (...names: readonly string[]): string => join(folder, ...names);
const rstuf = (...args: readonly string[]): Promise<CliRun> => runCli(args, { cwd: folder, parts: programParts({ cwd: folder }) });

/** A repository of its own in `at(name)`, and its configuration. */
async function repository(name: string): Promise<string> {
  const { metadata, keys } = makePythonRepository(at(name), ["a"]);
  writeFileSync(at(`${name}.yaml`), JSON.stringify({ dataDir: at(name, "data"), keyDir: keys, metadata: { directory: metadata } }));
  const { exitCode, stderr } = await rstuf("admin", "adopt", "--config", at(`${name}.yaml`));
  assert.equal(exitCode, 0, stderr);
  return at(`${name}.yaml`);
}

before(async () => {
  await repository("one");
  await repository("two");
  mkdirSync(at("empty"));
  await (await openSqlite({ file: at("empty", "rstuf.db") })).close();
  writeFileSync(at("empty.yaml"), JSON.stringify({ dataDir: at("empty") }));
  writeFileSync(at("elsewhere.yaml"), JSON.stringify({ dataDir: at("one", "data"), metadata: { directory: at("elsewhere") } }));
  writeFileSync(at("over-two.yaml"), JSON.stringify({ dataDir: at("one", "data"), metadata: { directory: at("two", "metadata") } }));
  writeFileSync(at("faulty.yaml"), "storage: { kind: s3 }\n");
  const { exitCode, stderr } = await rstuf("admin", "backup", "backup", "--config", "empty.yaml");
  assert.equal(exitCode, 0, stderr);
});

/** Every file but what an open database has beside it; an empty folder is nothing. */
const files = (): string[] => readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && !/^rstuf\.db(?:-wal|-shm|\.lock)$/.test(entry.name)).map(({ parentPath, name }) => join(parentPath, name)).sort();

describe("rstuf admin", () => {
  for (const { what, args, exitCode = 1, says } of [
    { what: "recover that says neither --adopt nor --jump", args: ["recover", "--data-dir", "one/data"], exitCode: 2, says: /say --adopt, --jump/ },
    { what: "a jump backwards", args: ["recover", "--jump", "-1", "--data-dir", "one/data"], exitCode: 2, says: /whole number/i },
    { what: "a jump by nothing", args: ["recover", "--jump", "0", "--data-dir", "one/data"], exitCode: 2, says: /whole number/i },
    { what: "a jump beyond what a number holds", args: ["recover", "--jump", "1000000000001", "--data-dir", "one/data"], exitCode: 2, says: /whole number/i },
    { what: "recover of a folder without a database", args: ["recover", "--adopt", "--data-dir", "nowhere"], says: /holds no rstuf\.db[^]*database\.url/ },
    { what: "recover of a database without a repository", args: ["recover", "--adopt", "--data-dir", "empty"], says: /holds no repository/ },
    { what: "a backup of a folder without a database", args: ["backup", "never", "--data-dir", "nowhere"], says: /holds no rstuf\.db/ },
    { what: "a backup into a folder that is not empty", args: ["backup", "backup", "--config", "empty.yaml"], says: /is not empty/ },
    { what: "a restore of what is no backup", args: ["restore", "empty", "--data-dir", "never"], says: /no finished backup/ },
    { what: "a restore over a data directory", args: ["restore", "backup", "--config", "two.yaml"], says: /is not empty/ },
    { what: "a restore of the database beside metadata, over a database", args: ["restore", "backup", "--keep-metadata", "--config", "two.yaml"], says: /is there already/ },
    { what: "an adoption into a database that has a repository", args: ["adopt", "--config", "one.yaml"], says: /holds a repository already/ },
    { what: "an adoption with another first root", args: ["adopt", "--config", "one.yaml", "--root", "two/metadata/1.root.json"], says: /holds a repository already|not the root/ },
    { what: "a move that names no other place", args: ["migrate", "--config", "one.yaml", "--to", "one.yaml"], says: /no other database/ },
    { what: "a move of a folder without a database", args: ["migrate", "--data-dir", "nowhere", "--to", "elsewhere.yaml"], says: /holds no rstuf\.db/ },
    { what: "a move of a database without a repository", args: ["migrate", "--config", "empty.yaml", "--to", "elsewhere.yaml"], says: /no repository yet/ },
    { what: "a move over another repository", args: ["migrate", "--config", "one.yaml", "--to", "over-two.yaml"], says: /holds another [^]*a repository was published there/ },
    { what: "a move whose target is no configuration", args: ["migrate", "--config", "one.yaml", "--to", "faulty.yaml"], says: /storage\.bucket/ },
    { what: "a move that does not say where", args: ["migrate", "--config", "one.yaml"], exitCode: 2, says: /--to/ },
    { what: "advice on a folder without a database", args: ["advise", "--data-dir", "nowhere"], says: /holds no rstuf\.db/ },
  ]) {
    test(`refuses ${what}`, async () => {
      const before = files();
      const ended = await rstuf("admin", ...args);
      assert.equal(ended.exitCode, exitCode, `${ended.stdout}${ended.stderr}`);
      assert.match(ended.stderr, says);
      assert.doesNotMatch(ended.stderr, /\n\s+at /);
      assert.deepEqual(files(), before);
      assert.ok(!existsSync(at("never")));
    });
  }
});
