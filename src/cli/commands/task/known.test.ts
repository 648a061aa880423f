// Tasks that nobody knows: waiting for one ends, with words.

import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { describe, test } from "node:test";
import { runCli } from "../../../../test/fakes/cli.ts";
import { openRestServer, type RestAnswer } from "../../../../test/fakes/rest-server.ts";

const cwd = tmpdir();
const ID = "33e66671dcc84cdfa2535a1eb030104c";
const state = (name: string): RestAnswer => ({ body: { data: { task_id: ID, state: name }, message: "Task state." } });
const row = (id: string) => ({ task_id: id, task: "bootstrap", state: "PENDING", created: "2026-11-22T18:00:00Z" });

/** A service whose task goes through `states`, and whose list of PENDING tasks comes in these pages; without them it has no list. */
async function run(argv: readonly string[], states: readonly string[], pages?: readonly (readonly string[])[]) {
  let asked = 0;
  await using server = await openRestServer(({ url }) => {
    if (!url.startsWith("/api/v1/tasks")) return state(states[Math.min(asked++, states.length - 1)] ?? "");
    if (pages === undefined) return { status: 404, body: { detail: "Not Found" } };
    assert.match(url, /state=PENDING/);
    const at = Number(new URL(url, "http://x").searchParams.get("cursor") ?? "0");
    return { body: { data: (pages[at] ?? []).map(row), ...(at + 1 < pages.length ? { next: String(at + 1) } : {}) } };
  });
  return await runCli(["task", ...argv, "--api-server", server.url], { cwd, sleeps: true, tickMs: 1000 });
}

describe("waiting for a task", () => {
  for (const command of ["info", "watch"]) {
    test(`${command}: that the service does not list is an error at once, and says what to look at`, async () => {
      const { stdout, stderr, exitCode } = await run([command, ID], ["PENDING"], [[]]);
      assert.match(stderr, new RegExp(`^error: the service knows no task ${ID} \\(task-unknown\\)\n {2}why: .*\n {2}do: {2}rstuf task list`));
      assert.deepEqual([stdout, exitCode], ["", 1]);
    });
  }

  test("that is listed waits as long as it takes; so does one that began meanwhile, and the publish task of an artifact", async () => {
    assert.equal((await run(["info", ID], ["PENDING", "PENDING", "SUCCESS"], [["other"], [ID]])).exitCode, 0);
    assert.equal((await run(["info", ID], ["PENDING", "RUNNING", "SUCCESS"], [[]])).exitCode, 0);
    assert.equal((await run(["info", `publish_artifacts-${ID}`], ["PENDING", "SUCCESS"], [[ID]])).exitCode, 0);
  });

  test("where the service has no list it is given five minutes to begin, and no limit once it has", async () => {
    const never = await run(["watch", ID], ["PENDING"]);
    assert.match(never.stderr, /given five minutes to begin[^]*has not ended yet \(task-unfinished\)/);
    assert.equal(never.exitCode, 3);
    assert.equal((await run(["info", ID], ["PENDING", "PENDING", ...Array.from({ length: 400 }, () => "RUNNING"), "SUCCESS"])).exitCode, 0);
  });

  test("--now shows it as the API has it", async () => {
    const { stdout, stderr, exitCode } = await run(["info", ID, "--now"], ["PENDING"], [[]]);
    assert.match(stdout, /state {2}PENDING/);
    assert.match(stderr, /there is no task of this number/);
    assert.equal(exitCode, 0);
  });

  test("of a service that is not there fails at once: nothing was waited for yet", async () => {
    const { stderr, exitCode } = await runCli(["task", "watch", ID, "--api-server", "http://127.0.0.1:1"], { cwd, sleeps: true, tickMs: 1000 });
    assert.match(stderr, /no connection \(unreachable\)\n {2}why: bad port/);
    assert.equal(exitCode, 1);
  });
});
