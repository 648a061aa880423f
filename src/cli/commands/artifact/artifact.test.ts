import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, test } from "node:test";
import { runCli, type CliWorld } from "../../../../test/fakes/cli.ts";
import { KEYS } from "../../../../test/fakes/person.ts";
import { openRestServer, type Asked, type RestAnswer } from "../../../../test/fakes/rest-server.ts";
import type { AddPayload } from "../../../sdk/api-types.ts";
import { hashHex } from "../../../tuf/crypto.ts";

const base = mkdtempSync(join(tmpdir(), "rstuf-artifact-"));
after(() => rmSync(base, { recursive: true, force: true }));
let cwd = "";
beforeEach(() => {
  cwd = mkdtempSync(join(base, "home-"));
  mkdirSync(join(cwd, "dist", "sub"), { recursive: true });
  writeFileSync(join(cwd, "hello.txt"), "hello\n");
  for (const name of ["b.whl", "a.whl", "notes.tmp", "sub/c.whl"]) writeFileSync(join(cwd, "dist", name), name);
});

const run = (argv: readonly string[], world: Partial<CliWorld> = {}) => runCli(["artifact", ...argv], { cwd, sleeps: true, ...world });

/** Accepts everything; each task has succeeded at once. */
const accepting = (details: object = {}, state = "SUCCESS") => openRestServer((asked: Asked): RestAnswer => {
  const ended = asked.headers.prefer === undefined ? {} : { state, result: { status: state === "SUCCESS", message: "done", details } };
  return { status: asked.method === "GET" ? 200 : 202, body: { data: { task_id: "t1", last_update: "2026-01-01T00:00:00Z", artifacts: [], ...ended }, message: "accepted" } };
});
const sent = (asked: Asked | undefined): AddPayload => JSON.parse(asked?.body ?? "{}") as AddPayload;
const paths = (asked: Asked | undefined): string[] => sent(asked).artifacts.map(({ path }) => path);

describe("rstuf artifact add", () => {
  test("sends path, length and sha256 of a file, and says the task as older scripts read it", async () => {
    await using server = await accepting();
    const { stdout, exitCode } = await run(["add", "hello.txt", "--api-server", server.url]);
    assert.deepEqual(sent(server.asked[0]), { artifacts: [{ path: "hello.txt", info: { length: 6, hashes: { sha256: hashHex("sha256", Buffer.from("hello\n")) } } }], publish_artifacts: true });
    assert.match(stdout, /^RSTUF task ID \(use to check its status\) is: t1$/m);
    assert.equal(exitCode, 0);
    assert.equal(server.asked[0]?.headers.prefer, undefined);
  });

  test("takes folders, patterns, links to files, exclusions, and a prefix with or without its slash", async () => {
    symlinkSync("../../hello.txt", join(cwd, "dist", "sub", "link.txt"));
    symlinkSync("..", join(cwd, "dist", "sub", "loop"));
    await using server = await accepting();
    const add = (...argv: string[]) => run(["add", ...argv, "--api-server", server.url]);
    for (const prefix of [["--prefix", "app/1.0"], ["-p", "app/1.0/"]]) await add("dist", ...prefix, "--exclude", "*.tmp");
    await add("dist/**/*.whl");
    await add("dist/a.whl", "hello.txt");
    const expected = ["app/1.0/a.whl", "app/1.0/b.whl", "app/1.0/sub/c.whl", "app/1.0/sub/link.txt"];
    assert.deepEqual(server.asked.map((asked) => paths(asked).sort()), [expected, expected, ["a.whl", "b.whl", "sub/c.whl"], ["a.whl", "hello.txt"]]);
  });

  test("further hashes and custom go along", async () => {
    await using server = await accepting();
    await run(["add", "hello.txt", "--hash", "blake2b-256", "--hash", "sha512", "--custom", '{"build":7}', "--no-publish", "--api-server", server.url]);
    const { artifacts, publish_artifacts } = sent(server.asked[0]);
    const bytes = Buffer.from("hello\n");
    assert.deepEqual(artifacts[0]?.info, { length: 6, hashes: { sha256: hashHex("sha256", bytes), "blake2b-256": hashHex("blake2b-256", bytes), sha512: hashHex("sha512", bytes) }, custom: { build: 7 } });
    assert.equal(publish_artifacts, false);
  });

  test("many files go in several requests, each with its task; --json tells one a line", async () => {
    for (let n = 0; n < 25; n += 1) writeFileSync(join(cwd, "dist", `f${String(n).padStart(2, "0")}`), String(n));
    await using server = await accepting();
    const { stdout } = await run(["add", "dist", "--batch", "10", "--json", "--api-server", server.url]);
    assert.deepEqual(server.asked.map((asked) => paths(asked).length), [10, 10, 9]);
    assert.equal(new Set(server.asked.flatMap(paths)).size, 29);
    assert.deepEqual(stdout.trim().split("\n").map((line) => (JSON.parse(line) as { artifacts: unknown[] }).artifacts.length), [10, 10, 9]);
  });

  test("a manifest lists files to measure and artifacts that are measured, from a file or stdin", async () => {
    await using server = await accepting();
    const text = '# built by CI\n{"file":"hello.txt","path":"greetings/hello.txt","custom":{"a":1}}\n\n{"path":"x","length":3,"hashes":{"sha256":"00"}}\nold.tgz;39;blake2b-256;ff\n';
    writeFileSync(join(cwd, "list"), text);
    for (const argv of [["list"], ["-"]]) await run(["add", "--manifest", ...argv, "--api-server", server.url], { stdin: text });
    for (const asked of server.asked) {
      assert.deepEqual(sent(asked).artifacts.map(({ path, info }) => [path, info.length, Object.keys(info.hashes), info.custom]), [["greetings/hello.txt", 6, ["sha256"], { a: 1 }], ["x", 3, ["sha256"], undefined], ["old.tgz", 39, ["blake2b-256"], undefined]]);
    }
    assert.equal(server.asked.length, 2);
  });

  const faulty: readonly { readonly name: string; readonly argv: readonly string[]; readonly says: RegExp; readonly code: number }[] = [
    { name: "no file", argv: ["none"], says: /none cannot be read \(file-unreadable\)\n {2}why: there is no such file/, code: 1 },
    { name: "a pattern that matches nothing", argv: ["*.zip"], says: /holds no file to add/, code: 1 },
    { name: "two files under one path", argv: ["dist/a.whl", "dist"], says: /two files would be "a\.whl" .*misused/, code: 2 },
    { name: "a path no repository can hold", argv: ["hello.txt", "--prefix", "/abs"], says: /can be no path in a repository/, code: 2 },
    { name: "a line that is none", argv: ["--manifest", "bad"], says: /bad, line 2: it is no `path;size;hash-type;hash`/, code: 1 },
    { name: "a hash nobody knows", argv: ["hello.txt", "--hash", "md5"], says: /One of sha224|One of sha256|One of /, code: 2 },
    { name: "waiting for what is held", argv: ["hello.txt", "--wait", "--no-publish"], says: /makes no sense/, code: 2 },
    { name: "nothing to add, and nobody to ask", argv: [], says: /FILE is missing, and there is no terminal/, code: 2 },
  ];
  for (const { name, argv, says, code } of faulty) {
    test(`refuses ${name}, and sends nothing`, async () => {
      writeFileSync(join(cwd, "bad"), "a;1;sha256;00\nnonsense\n");
      await using server = await accepting();
      const { stderr, exitCode } = await run(["add", ...argv, "--api-server", server.url]);
      assert.match(stderr, says);
      assert.equal(exitCode, code);
      assert.equal(server.asked.length, 0);
    });
  }

  test("--dry-run sends nothing", async () => {
    await using server = await accepting();
    const { stdout, exitCode } = await run(["add", "dist", "--dry-run", "--api-server", server.url]);
    assert.match(stdout, /^sub\/c\.whl/m);
    assert.deepEqual([exitCode, server.asked.length], [0, 0]);
  });

  test("--wait lets the service wait, and fails when the task does, or a path was invalid", async () => {
    const add = async (server: string) => run(["add", "hello.txt", "--wait", "--api-server", server]);
    await using good = await accepting();
    assert.match((await add(good.url)).stdout, /Published: every client/);
    assert.equal(good.asked[0]?.headers.prefer, "wait=20");
    await using bad = await accepting({}, "FAILURE");
    const failed = await add(bad.url);
    assert.match(failed.stderr, /adding hello\.txt: the task ended as FAILURE \(task-failed\)\n {2}why: done/);
    await using invalid = await accepting({ invalid_paths: ["hello.txt"] });
    assert.deepEqual([failed.exitCode, (await add(invalid.url)).exitCode], [1, 1]);
  });

  test("a refused artifact is named by its path", async () => {
    await using server = await openRestServer([{ status: 422, body: { code: "request-invalid", detail: [{ type: "x", loc: ["body", "artifacts", 1, "info", "length"], msg: "too long" }] } }]);
    const { stderr, exitCode } = await run(["add", "dist/a.whl", "dist/b.whl", "--api-server", server.url]);
    assert.match(stderr, /why: b\.whl \(info\.length\): too long/);
    assert.equal(exitCode, 1);
  });

  test("asks step by step at a terminal", async () => {
    await using server = await accepting();
    const { stdout, exitCode } = await run(["add", "--api-server", server.url], {
      talk: async (person) => {
        await person.answers("File or folder to add", "hello.txt");
        await person.answers("In which folder of the repository", "greetings");
        await person.answers("Wait until clients can see it?");
      },
    });
    assert.deepEqual(paths(server.asked[0]), ["greetings/hello.txt"]);
    assert.match(stdout, /Published/);
    assert.equal(exitCode, 0);
  });

  test("Ctrl-C at a question ends it with 130, nothing sent", async () => {
    await using server = await accepting();
    const { exitCode } = await run(["add", "--api-server", server.url], { talk: async (person) => { await person.sees("File or folder"); person.types(KEYS.ctrlC); } });
    assert.deepEqual([exitCode, server.asked.length], [130, 0]);
  });
});

describe("rstuf artifact delete and publish", () => {
  test("delete sends each path once, and tells what was not there", async () => {
    writeFileSync(join(cwd, "list"), "b\na\n");
    await using server = await accepting({ not_found_artifacts: ["b"] });
    const { stdout, stderr, exitCode } = await run(["delete", "a", "--from", "list", "--wait", "--api-server", server.url]);
    assert.deepEqual(JSON.parse(server.asked[0]?.body ?? ""), { artifacts: ["a", "b"], publish_artifacts: true });
    assert.match(stdout, /Deleted/);
    assert.match(stderr, /not in the repository: b/);
    assert.equal(exitCode, 1);
  });

  test("delete without a path asks at a terminal, and names it elsewhere", async () => {
    await using server = await accepting();
    await run(["delete", "--api-server", server.url], { talk: (person) => person.answers("Path of the artifact", "x") });
    assert.deepEqual(JSON.parse(server.asked[0]?.body ?? ""), { artifacts: ["x"], publish_artifacts: true });
    assert.equal((await run(["delete", "--api-server", server.url])).exitCode, 2);
  });

  test("publish tells the roles, or that nothing was held", async () => {
    for (const [roles, says] of [[["bins-1"], /new versions of bins-1/], [null, /Nothing was held/]] as const) {
      await using server = await accepting({ artifact_roles: roles });
      assert.match((await run(["publish", "--wait", "--api-server", server.url])).stdout, says);
    }
  });
});

describe("rstuf task", () => {
  const task = async (argv: readonly string[], states: readonly string[]) => {
    await using server = await openRestServer(states.map((state) => ({ body: { data: { task_id: "t", state, result: { message: `m ${state}`, details: { deep: [1] } } }, message: "" } })));
    return await runCli(["task", ...argv, "--api-server", server.url], { cwd, sleeps: true, tickMs: 100 });
  };

  test("info waits until it ended, as before; --now does not", async () => {
    assert.match((await task(["info", "t"], ["RUNNING", "SUCCESS"])).stdout, /state {4}SUCCESS/);
    const now = await task(["info", "t", "--now", "-a"], ["RUNNING", "SUCCESS"]);
    assert.match(now.stdout, /state {4}RUNNING[^]*"deep"/);
    assert.equal(now.exitCode, 0);
  });
  test("a task that failed is exit 1, one that goes on too long 3", async () => {
    assert.equal((await task(["info", "t"], ["ERRORED"])).exitCode, 1);
    assert.equal((await task(["info", "t", "--timeout", "1"], ["RUNNING"])).exitCode, 3);
  });
  test("watch tells each state", async () => {
    const { stderr, exitCode } = await task(["watch", "t"], ["PENDING", "RUNNING", "SUCCESS"]);
    assert.deepEqual([...stderr.matchAll(/ (\w+) {2}m \w+$/gm)].map(([, state]) => state), ["PENDING", "RUNNING", "SUCCESS"]);
    assert.equal(exitCode, 0);
    const json = await task(["watch", "t", "--json"], ["PENDING", "SUCCESS"]);
    assert.deepEqual(json.stdout.trim().split("\n").map((line) => (JSON.parse(line) as { state: string }).state), ["PENDING", "SUCCESS"]);
  });
});
