// Lists of the service: artifact list, artifact info, task list.

import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { tmpdir } from "node:os";
import { describe, test } from "node:test";
import { createTestContext, runCli } from "../../../test/fakes/cli.ts";
import { openRestServer } from "../../../test/fakes/rest-server.ts";
import { widthOf } from "../output/width.ts";
import { runProgram } from "../program.ts";

const cwd = tmpdir();
const SHA256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
const artifact = (n: number) => ({ path: `app/${String(n).padStart(5, "0")}`, role: "bins-1", version: 3, length: n, hashes: { sha256: SHA256 }, published: "2026-11-22T18:00:00.250000Z" });

/** Artifacts 0 to `total` in pages, as the service has them. */
const listing = (total: number) => openRestServer(({ url }) => {
  const query = new URL(url, "http://x").searchParams;
  const from = Number(query.get("cursor") ?? "0");
  const to = Math.min(total, from + Number(query.get("limit") ?? "100"));
  return { body: { data: Array.from({ length: Math.max(0, to - from) }, (_, at) => artifact(from + at)), ...(to < total ? { next: String(to) } : {}) } };
});

describe("rstuf artifact list", () => {
  test("asks for no more than it tells, and says that there are more", async () => {
    await using server = await listing(2500);
    const { stdout, stderr, exitCode } = await runCli(["artifact", "list", "app/", "--limit", "1200", "--role", "bins-1", "--api-server", server.url], { cwd });
    assert.equal(exitCode, 0);
    assert.equal(stdout.trim().split("\n").length, 1201, "a title above all of them");
    assert.match(stdout, new RegExp(`^app/01199 +1,199 +bins-1 +${SHA256}$`, "m"));
    assert.match(stderr, /There are more/);
    assert.deepEqual(server.asked.map(({ url }) => url), ["/api/v1/artifacts/?prefix=app%2F&role=bins-1&limit=1000", "/api/v1/artifacts/?prefix=app%2F&role=bins-1&limit=200&cursor=1000"]);
  });

  test("--all goes on to the end; --json tells one a line", async () => {
    await using server = await listing(2500);
    const { stdout, stderr } = await runCli(["artifact", "list", "--all", "--json", "--api-server", server.url], { cwd });
    assert.deepEqual(stdout.trim().split("\n").map((line) => (JSON.parse(line) as { length: number }).length), Array.from({ length: 2500 }, (_, at) => at));
    assert.equal(stderr, "");
  });

  test("stops asking when nobody reads on, and says when the output cannot be written", async () => {
    for (const [code, told, exitCode] of [["EPIPE", /^$/, 0], ["ENOSPC", /^error: what was to be told could not be written \(file-unwritable\)\n {2}why: the disk is full\n/, 1]] as const) {
      await using server = await listing(100_000);
      const world = createTestContext({ cwd });
      const stdout = new Writable({ write: (_piece, _encoding, done) => { done(Object.assign(new Error(code), { code })); } });
      await runProgram({ ...world.context, stdout }, ["artifact", "list", "--all", "--api-server", server.url]);
      // A stream tells its error a turn later.
      await new Promise((resolve) => setImmediate(resolve));
      assert.match(world.stderr(), told);
      assert.equal(world.exitCode(), exitCode);
      assert.equal(server.asked.length, 1);
    }
  });

  test("an empty page in between is not the end, and nothing at all is said in words", async () => {
    await using server = await openRestServer([{ body: { data: [], next: "x" } }, { body: { data: [artifact(1)] } }]);
    assert.match((await runCli(["artifact", "list", "--api-server", server.url], { cwd })).stdout, /app\/00001/);
    await using empty = await listing(0);
    assert.match((await runCli(["artifact", "list", "nothing/", "--api-server", empty.url], { cwd })).stderr, /No artifact like that/);
  });

  test("fits 80 columns at a terminal, and no name steers it", async () => {
    await using server = await openRestServer([{ body: { data: [{ ...artifact(1), path: `deep/${"er/".repeat(40)}\u001b[31mred` }] } }]);
    const { stdout } = await runCli(["artifact", "list", "--api-server", server.url], { cwd, isStdoutTty: true, columns: 80, env: { NO_COLOR: "1" } });
    for (const line of stdout.split("\n")) assert.ok(widthOf(line) <= 80, line);
    assert.ok(!stdout.includes("\u001b"));
  });
});

describe("rstuf artifact info", () => {
  test("says all of it, and 1 for what is not listed", async () => {
    await using server = await openRestServer(({ url }) => ({ body: { data: url.includes("gone") ? [] : [{ ...artifact(39), custom: { build: 7 } }] } }));
    const { stdout, exitCode } = await runCli(["artifact", "info", "app/00039", "--api-server", server.url], { cwd, now: Date.UTC(2026, 10, 23, 18) });
    assert.equal(exitCode, 0);
    assert.equal(stdout, `path       app/00039\nbytes      39\nsha256     ${SHA256}\nrole       bins-1, version 3\npublished  2026-11-22T18:00:00Z (23 hours ago)\ncustom     {"build":7}\n`);
    const gone = await runCli(["artifact", "info", "app/00039", "gone", "--json", "--api-server", server.url], { cwd });
    assert.equal(gone.exitCode, 1);
    const [found, error] = gone.stdout.trim().split("\n").map((line) => JSON.parse(line) as { path?: string; error?: { code: string } });
    assert.deepEqual([found?.path, error?.error?.code], ["app/00039", "artifact-unknown"]);
  });
});

describe("rstuf task list", () => {
  const task = { task_id: "7ec7dcba3e9a428ea12ea11491bec71c", task: "add_artifacts", state: "FAILURE", created: "2026-11-22T18:00:00.250000Z", ended: "2026-11-22T18:00:01.250000Z", message: "Adding artifact(s) Failed", error: "no role takes it" };

  test("tells ids whole, what failed with its reason, and asks for what was said", async () => {
    await using server = await openRestServer([{ body: { data: [task] } }]);
    const { stdout, exitCode } = await runCli(["task", "list", "--state", "FAILURE", "--kind", "add_artifacts", "--since", "2026-11-22", "--api-server", server.url], { cwd, now: Date.UTC(2026, 10, 22, 19) });
    assert.equal(exitCode, 0);
    assert.match(stdout, /^7ec7dcba3e9a428ea12ea11491bec71c {2}FAILURE {2}add artifacts {2}59 minutes ago {2}no role takes it$/m);
    assert.deepEqual(server.asked.map(({ url }) => url), ["/api/v1/tasks?state=FAILURE&task=add_artifacts&created_from=2026-11-22T00%3A00%3A00.000Z&limit=50"]);
  });

  test("a time that is none, and a state that is none, are used wrongly", async () => {
    assert.equal((await runCli(["task", "list", "--since", "yesterday"], { cwd })).exitCode, 2);
    assert.equal((await runCli(["task", "list", "--state", "LOST"], { cwd })).exitCode, 2);
  });
});
