import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, test } from "node:test";
import { runCli, type CliWorld } from "../../../../test/fakes/cli.ts";
import { RepositoryBuilder } from "../../../../test/fakes/repository-builder.ts";
import { openWebServer } from "../../../../test/fakes/web-server.ts";
import { sha256Hex } from "../../../tuf/crypto.ts";

const NOW = Date.UTC(2030, 0, 15);
const base = mkdtempSync(join(tmpdir(), "rstuf-repository-"));
after(() => rmSync(base, { recursive: true, force: true }));
const repository = new RepositoryBuilder({ now: NOW, bins: 2 });
repository.add("hello.txt", "hello");
repository.publish();
const ROOT = repository.files.get("1.root.json")!;
const file = (): string => readFileSync(join(cwd, ".rstuf.yml"), "utf8");

let cwd = "";
beforeEach(() => {
  cwd = mkdtempSync(join(base, "home-"));
  writeFileSync(join(cwd, "root.json"), ROOT);
});
const run = (argv: readonly string[], world: Partial<CliWorld> = {}) => runCli(["artifact", ...argv], { cwd, now: NOW, ...world });
const add = (name: string, ...more: string[]) => run(["repository", "add", "-n", name, "-r", "root.json", "-m", "http://m", "-a", "http://a", ...more]);

describe("rstuf artifact repository", () => {
  test("add keeps the root as the Python CLI does, and the rest of the file as it is", async () => {
    writeFileSync(join(cwd, ".rstuf.yml"), "# mine\nSERVER: http://s\n");
    const { stdout, stderr, exitCode } = await add("tools");
    assert.equal(exitCode, 0, stderr);
    assert.match(stdout, new RegExp(`to compare: ${sha256Hex(ROOT)}`));
    assert.equal(file(), `# mine\nSERVER: http://s\nREPOSITORIES:\n  tools:\n    metadata_url: http://m\n    artifact_base_url: http://a\n    hash_prefix: false\n    trusted_root: ${ROOT.toString("base64")}\nCURRENT_REPOSITORY: tools\n`);
    assert.equal(statSync(join(cwd, ".rstuf.yml")).mode & 0o777, 0o600);
  });

  test("add asks what is missing at a terminal, and names it elsewhere", async () => {
    const talk: NonNullable<CliWorld["talk"]> = async (person) => {
      await person.answers("What shall the repository be called", "tools");
      await person.answers("Where is its metadata?", "http://m");
      await person.answers("Where are its artifacts?", "http://a");
      await person.answers("Which root do you trust?", "root.json");
    };
    assert.equal((await run(["repository", "add"], { talk })).exitCode, 0);
    assert.match(file(), /tools:/);
    assert.match((await run(["repository", "add", "-n", "x", "-m", "http://m", "-a", "http://a"])).stderr, /--root FILE is missing/);
  });

  test("update changes what is said alone, the hash prefix too", async () => {
    await add("tools", "-p");
    await run(["repository", "update", "tools", "-a", "https://new"]);
    assert.match(file(), /artifact_base_url: https:\/\/new\n {4}hash_prefix: true/);
    assert.match(file(), /metadata_url: http:\/\/m\n/);
    await run(["repository", "update", "tools", "--no-hash-prefix"]);
    assert.match(file(), /hash_prefix: false/);
    for (const nothing of [[], ["--json"], ["--sigstore-trusted-root", "root.json"]]) assert.equal((await run(["repository", "update", "tools", ...nothing])).exitCode, 2);
  });

  test("what is no root is never kept", async () => {
    const forged = JSON.parse(ROOT.toString()) as { signed: { version: number } };
    forged.signed.version = 9;
    writeFileSync(join(cwd, "forged.json"), JSON.stringify(forged));
    for (const root of ["forged.json", "none.json"]) assert.match((await run(["repository", "add", "-n", "x", "-r", root, "-m", "http://m", "-a", "http://a"])).stderr, /\(file-unreadable\)\n {2}why: /);
    assert.throws(file);
  });

  test("set, show and delete know which repositories there are", async () => {
    await add("tools");
    await add("games");
    assert.match((await run(["repository", "set", "nope"])).stderr, /Repository nope is missing.*\n {2}why: there are: tools, games/);
    await run(["repository", "set", "games"]);
    assert.match((await run(["repository", "show"])).stdout, /^tools\n[^]*^games \(default\)$/m);
    const shown = JSON.parse((await run(["repository", "show", "tools", "--json"])).stdout) as Record<string, unknown>;
    assert.deepEqual([shown["metadataUrl"], shown["artifactsUrl"], shown["rootSha256"]], ["http://m", "http://a", sha256Hex(ROOT)]);
    await run(["repository", "delete", "games"]);
    assert.ok(!file().includes("games"));
    assert.equal((await run(["repository", "delete", "games"])).exitCode, 1);
    await run(["repository", "delete", "tools"]);
    assert.match((await run(["repository", "show"])).stdout, /There are no configured repositories/);
  });

  test("download uses the current one, its root and its folder; what is said on the line goes first", async () => {
    const server = await openWebServer((path) => (path.startsWith("metadata/") ? repository.files.get(path.slice(9)) : repository.artifacts.get(path.replace("files/", ""))));
    try {
      await run(["repository", "add", "-n", "tools", "-r", `${server.url}/metadata/1.root.json`, "-m", `${server.url}/metadata`, "-a", `${server.url}/files`, "--download-dir", "got"]);
      assert.equal((await run(["download", "hello.txt"])).exitCode, 0);
      assert.equal(readFileSync(join(cwd, "got", "hello.txt"), "utf8"), "hello");
      assert.equal((await run(["download", "hello.txt", "--directory-prefix", "elsewhere", "--repository", "tools"])).exitCode, 0);
      assert.equal(readFileSync(join(cwd, "elsewhere", "hello.txt"), "utf8"), "hello");
      assert.equal((await run(["download", "hello.txt", "--repository", "nope"])).exitCode, 1);
    } finally {
      await server.close();
    }
  });
});
