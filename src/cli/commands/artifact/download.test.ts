import { after, before, beforeEach, describe, test } from "node:test";
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { runCli } from "../../../../test/fakes/cli.ts";
import { RepositoryBuilder } from "../../../../test/fakes/repository-builder.ts";
import { openWebServer } from "../../../../test/fakes/web-server.ts";
import type { WebAnswer, WebServer } from "../../../../test/fakes/web-server.ts";
import { downloadTodo } from "./download-todo.ts";
import { DOWNLOAD_EXAMPLES } from "./download.ts";

const NOW = Date.UTC(2030, 0, 15);
const BIG = Buffer.alloc(3_000_000, "big");

let base = "";
let cwd = "";
let count = 0;
let server: WebServer;
let repository: RepositoryBuilder;
const bent = new Map<string, WebAnswer>();

before(async () => {
  base = await mkdtemp(join(tmpdir(), "rstuf-download-"));
  server = await openWebServer((path) => {
    const metadata = path.startsWith("metadata/") ? repository.files.get(path.slice(9)) : undefined;
    return bent.get(path) ?? metadata ?? (path.startsWith("files/") ? repository.artifacts.get(path.slice(6)) : undefined);
  });
});
after(async () => {
  await server.close();
  await rm(base, { recursive: true });
});
beforeEach(async () => {
  bent.clear();
  repository = new RepositoryBuilder({ now: NOW, bins: 4 });
  repository.add("hello.txt", "hello");
  repository.add("dir/big.bin", BIG);
  repository.publish();
  cwd = join(base, String((count += 1)));
  await mkdir(join(cwd, "rstuf-data", "trusted"), { recursive: true });
  await writeFile(join(cwd, "rstuf-data", "trusted", "1.root.json"), repository.files.get("1.root.json") ?? "");
});

/** Runs the command as a shell would, in a home of its own. */
async function run(args: readonly string[], options: { readonly isTty?: boolean } = {}) {
  const { exitCode: code, stdout, stderr } = await runCli(["download", ...args], { cwd, now: NOW, isTty: options.isTty === true, tickMs: options.isTty === true ? 500 : 1 });
  return { code, stdout, stderr };
}

const addresses = () => ["--metadata-url", `${server.url}/metadata`, "--artifacts-url", `${server.url}/files/`];
const trusting = () => [...addresses(), "--root", "rstuf-data/trusted/1.root.json"];

describe("rstuf download", () => {
  for (const example of DOWNLOAD_EXAMPLES) {
    test(`example: ${example}`, async () => {
      const args = example.replaceAll("http://127.0.0.1:8080", server.url).split(" ").slice(2);
      const { code, stdout, stderr } = await run(args);
      assert.equal(code, 0, stderr);
      assert.notEqual(stdout, "");
      const folder = example.includes("--output-dir downloads") ? "downloads" : ".";
      assert.equal(String(await readFile(join(cwd, folder, "hello.txt"))), "hello");
    });
  }

  test("the help shows every example and the exit codes", async () => {
    const { stdout: help } = await run(["--help"]);
    const unbroken = help.replaceAll(/ \\\n +/g, " ");
    for (const example of DOWNLOAD_EXAMPLES) assert.ok(unbroken.includes(example), help);
    assert.match(help, /Exit codes: 0 .* 1 .* 2 /);
  });

  test("several artifacts, one missing: the others are there, exit 1", async () => {
    const { code, stdout, stderr } = await run([...trusting(), "hello.txt", "nope", "dir/big.bin"]);
    assert.equal(code, 1);
    assert.match(stdout, /Downloaded hello\.txt \(5 bytes, verified\)/);
    assert.match(stderr, /^error: nope: .*not in the repository.* \(artifact-unknown\)\n {2}do: {2}is it spelled as the repository has it/);
    assert.deepEqual(await readFile(join(cwd, "dir", "big.bin")), BIG);
  });

  test("a changed artifact is refused and leaves nothing behind", async () => {
    bent.set("files/hello.txt", Buffer.from("jello"));
    const { code, stdout, stderr } = await run([...trusting(), "-P", "out", "hello.txt"]);
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.match(stderr, /artifact-hash/);
    assert.deepEqual(await readdir(join(cwd, "out")), []);
  });

  test("an endless artifact and an endless timestamp are refused over HTTP", async () => {
    bent.set("files/hello.txt", "endless");
    assert.match((await run([...trusting(), "hello.txt"])).stderr, /artifact-too-large/);
    bent.set("metadata/timestamp.json", "endless");
    assert.match((await run([...trusting(), "hello.txt"])).stderr, /metadata-too-large/);
  });

  test("the root is remembered: once given, it needs not be given again", async () => {
    assert.equal((await run([...trusting(), "hello.txt"])).code, 0);
    const again = await run([...addresses(), "dir/big.bin"]);
    assert.equal(again.code, 0, again.stderr);
  });

  test("a rollback is refused across runs", async () => {
    const early = repository.fileOf("timestamp");
    repository.publish();
    assert.equal((await run([...trusting(), "hello.txt"])).code, 0);
    bent.set("metadata/timestamp.json", early);
    const { code, stderr } = await run([...addresses(), "hello.txt"]);
    assert.equal(code, 1);
    assert.match(stderr, /timestamp-rollback/);
  });

  test("without a root nothing is asked for, and the reason names both ways", async () => {
    const before = server.requests.length;
    const { code, stderr } = await run([...addresses(), "hello.txt"]);
    assert.equal(code, 1);
    assert.match(stderr, /no-trusted-root\)\n {2}do: {2}say --root .*--trust-on-first-use/);
    assert.equal(server.requests.length, before);
  });

  test("the root may come from a URL", async () => {
    assert.equal((await run([...addresses(), "--root", `${server.url}/metadata/1.root.json`, "hello.txt"])).code, 0);
    const missing = await run([...addresses(), "--root", `${server.url}/nope`, "hello.txt"]);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /file-unreadable/);
  });

  test("a repository in folders is read by file: URLs and plain paths", async () => {
    const folder = join(cwd, "carried");
    await mkdir(join(folder, "metadata"), { recursive: true });
    await mkdir(join(folder, "files", "dir"), { recursive: true });
    for (const [name, bytes] of repository.files) await writeFile(join(folder, "metadata", name), bytes);
    for (const [name, bytes] of repository.artifacts) await writeFile(join(folder, "files", name), bytes);
    const { code, stderr } = await run(["--metadata-url", pathToFileURL(join(folder, "metadata")).href, "--artifacts-url", "carried/files", "--root", "carried/metadata/1.root.json", "hello.txt"]);
    assert.equal(code, 0, stderr);
  });

  test("says which file is no metadata, of a server that is not there why, and to every refusal what to do", async () => {
    const web = await openWebServer(() => Buffer.from("<h1>It works!</h1>"));
    try {
      const page = await run(["--metadata-url", `${web.url}/metadata/`, "--artifacts-url", `${web.url}/files/`, "--trust-on-first-use", "hello.txt"]);
      assert.match(page.stderr, /^error: root: not JSON \(json-syntax\)\n {2}do: {2}what is there is no metadata of TUF/);
      assert.equal(page.code, 1);
    } finally {
      await web.close();
    }
    const gone = await run(["--metadata-url", `${web.url}/metadata/`, "--artifacts-url", `${web.url}/files/`, "--trust-on-first-use", "hello.txt"]);
    assert.match(gone.stderr, /^error: \S+1\.root\.json could not be fetched: nothing listens there \(metadata-unavailable\)\n {2}do: {2}try again; is the address right/);
    for (const code of ["timestamp-expired", "snapshot-rollback", "document-field", "threshold", "artifact-hash"]) assert.notEqual(downloadTodo(code), "");
  });

  test("--json is one object per artifact, failures too", async () => {
    const { code, stdout } = await run([...trusting(), "--json", "hello.txt", "nope"]);
    assert.equal(code, 1);
    const [got, failed] = stdout.trimEnd().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual({ ...got, hashes: undefined, version: undefined }, { path: "hello.txt", state: "downloaded", file: join(cwd, "hello.txt"), length: 5, role: repository.binOf("hello.txt"), hashes: undefined, version: undefined });
    assert.deepEqual({ ...failed, message: undefined, todo: undefined }, { path: "nope", state: "failed", code: "artifact-unknown", message: undefined, todo: undefined });
    assert.equal((JSON.parse((await run([...trusting(), "--json", "hello.txt"])).stdout) as { state: string }).state, "unchanged");
  });

  test("--quiet says nothing when all is well", async () => {
    assert.deepEqual(await run([...trusting(), "--quiet", "hello.txt"], { isTty: true }), { code: 0, stdout: "", stderr: "" });
  });

  test("progress is drawn on a terminal, for large files alone, and wiped", async () => {
    const { stderr } = await run([...trusting(), "dir/big.bin", "hello.txt"], { isTty: true });
    assert.match(stderr, /3\.0 MB of 3\.0 MB.* {2}dir\/big\.bin/);
    assert.ok(!stderr.includes("hello.txt"));
    assert.ok(stderr.endsWith("\r\u001b[K"));
    assert.equal((await run([...trusting(), "-P", "other", "dir/big.bin"])).stderr, "");
  });

  test("--hash-prefix asks for HASH.NAME", async () => {
    bent.set("files/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824.hello.txt", Buffer.from("hello"));
    assert.equal((await run([...trusting(), "--hash-prefix", "hello.txt"])).code, 0);
    assert.match(server.requests.at(-1) ?? "", /^files\/2cf24d/);
  });

  test("a path out of the folder is refused", async () => {
    const { code, stderr } = await run([...trusting(), "-P", "out", "../escape"]);
    assert.equal(code, 1);
    assert.match(stderr, /unsafe-name/);
  });

  test("control characters do not reach the terminal", async () => {
    const { stderr } = await run([...trusting(), "\u001b[2Jx"]);
    assert.ok(!stderr.includes("\u001b"), JSON.stringify(stderr));
  });

  test("without its addresses it is used wrongly", async () => {
    for (const argv of [["hello.txt"], trusting()]) assert.equal((await run(argv)).code, 2);
  });
});
