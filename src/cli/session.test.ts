import assert from "node:assert/strict";
import { Command } from "commander";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, test } from "node:test";
import { runCli, type CliWorld } from "../../test/fakes/cli.ts";
import { KEYS } from "../../test/fakes/person.ts";
import { openRestServer } from "../../test/fakes/rest-server.ts";
import { waitForTask } from "../sdk/tasks.ts";
import { withServer } from "./options.ts";
import type { ProgramParts } from "./program.ts";
import { openSession } from "./session.ts";

const base = mkdtempSync(join(tmpdir(), "rstuf-session-"));
after(() => rmSync(base, { recursive: true, force: true }));
let cwd = "";
beforeEach(() => {
  cwd = mkdtempSync(join(base, "home-"));
});

/** A command under a group that asks for a task. */
const parts: ProgramParts = {
  commands: [
    {
      name: "group",
      summary: "a group",
      description: "A group.",
      commands: [
        {
          name: "ask",
          summary: "ask",
          load: async () => (context) =>
            withServer(new Command()).action(async (_flags, command: Command) => {
              const session = await openSession(context, command);
              const task = await waitForTask(await session.api(), "t", { timeoutMs: 1000 });
              session.say(`state ${task.state}`);
              session.note("a remark");
              session.emit({ state: task.state });
            }),
        },
      ],
    },
  ],
};

const run = (argv: readonly string[], world: Partial<CliWorld> = {}) => runCli(argv, { cwd, parts, sleeps: true, tickMs: 100, ...world });
const configure = (text: string) => writeFileSync(join(cwd, ".rstuf.yml"), text, { mode: 0o600 });
const SUCCESS = { body: { data: { task_id: "t", state: "SUCCESS" }, message: "Task state." } };

describe("the service", () => {
  test("is the one of the command line, wherever on it, before RSTUF_SERVER and SERVER", async () => {
    await using server = await openRestServer([SUCCESS]);
    configure("server: http://127.0.0.1:1\n");
    for (const argv of [["group", "ask", "--api-server", server.url], ["group", "--api-server", server.url, "ask"], ["--api-server", server.url, "group", "ask"]]) {
      const { stdout, stderr, exitCode } = await run(argv, { env: { RSTUF_SERVER: "http://127.0.0.1:2" } });
      assert.deepEqual([stdout, stderr, exitCode], ["state SUCCESS\n", "a remark\n", 0]);
    }
    assert.equal((await run(["group", "ask"], { env: { RSTUF_SERVER: server.url } })).exitCode, 0);
    configure(`SERVER: ${server.url}\n`);
    assert.equal((await run(["group", "ask"])).exitCode, 0);
    writeFileSync(join(cwd, "other.yml"), `SERVER: ${server.url}\n`);
    for (const argv of [["-c", "other.yml", "group", "ask"], ["group", "ask", "--config", "~/other.yml"]]) assert.equal((await run(argv)).exitCode, 0);
  });

  test("that is not known is asked for at a terminal, until it is an address", async () => {
    await using server = await openRestServer([SUCCESS]);
    const talk: NonNullable<CliWorld["talk"]> = async (person) => {
      await person.answers("Address of the service", "nowhere");
      await person.sees("is no address");
      person.types(...Array.from("nowhere", () => KEYS.backspace), server.url, KEYS.enter);
    };
    const { stdout, exitCode } = await run(["group", "ask"], { talk });
    assert.deepEqual([stdout, exitCode], ["state SUCCESS\n", 0]);
  });

  test("that is not known is named, where nobody can be asked", async () => {
    const { stderr, exitCode } = await run(["group", "ask"]);
    assert.match(stderr, /^error: no service to ask.*\(server-missing\)\n {2}do: {2}say --api-server .*SERVER/s);
    assert.equal(exitCode, 1);
  });
});

describe("headers", () => {
  test("come from the file, the environment and the command line, the later ones first", async () => {
    await using server = await openRestServer([SUCCESS]);
    configure(`SERVER: ${server.url}\nHEADERS: { X-One: file, X-Two: file, X-Three: file }\n`);
    await run(["-H", "X-Two: line", "group", "ask", "-H", "X-Three: line, X-Four: line", "-H", "X-Five: again"], { env: { RSTUF_TOKEN: "s3cret" } });
    const { headers } = server.asked[0]!;
    assert.deepEqual(["x-one", "x-two", "x-three", "x-four", "x-five", "authorization"].map((name) => headers[name]), ["file", "line", "line", "line", "again", "Bearer s3cret"]);
  });

  test("of the file go to the file's service alone", async () => {
    await using server = await openRestServer([SUCCESS]);
    configure("SERVER: https://a.example\nHEADERS: { Authorization: Bearer secret }\n");
    await run(["group", "ask", "--api-server", server.url]);
    assert.equal(server.asked[0]?.headers.authorization, undefined);
  });

  test("in a file that others can read are worth a word", async () => {
    await using server = await openRestServer([SUCCESS]);
    writeFileSync(join(cwd, ".rstuf.yml"), `SERVER: ${server.url}\nHEADERS: { a: b }\n`, { mode: 0o644 });
    assert.match((await run(["group", "ask"])).stderr, /others can read it: chmod 600/);
  });

  test("that are none are used wrongly", async () => {
    assert.equal((await run(["group", "ask", "-H", "nonsense"])).exitCode, 2);
  });
});

describe("how it ends", () => {
  test("with --json: one object, no words; an error is one, too", async () => {
    await using server = await openRestServer([SUCCESS]);
    assert.deepEqual(await run(["group", "ask", "--json", "--api-server", server.url]), { stdout: '{"state":"SUCCESS"}\n', stderr: "", exitCode: 0 });
    await using other = await openRestServer([{ status: 404, body: { detail: { message: "Task not accepted.", error: "It requires bootstrap finished. State: None" }, code: "bootstrap-required" } }]);
    const { stdout, stderr, exitCode } = await run(["--json", "group", "ask", "--api-server", other.url]);
    const { error } = JSON.parse(stdout) as { error: Record<string, unknown> };
    assert.deepEqual([error["code"], error["serverCode"], error["status"], error["why"], exitCode], ["refused", "bootstrap-required", 404, "It requires bootstrap finished. State: None", 1]);
    assert.match(stderr, /\(refused: bootstrap-required\)\n {2}why: It requires bootstrap finished\. State: None\n {2}do: {2}hold a ceremony/);
  });

  test("3 when the task goes on and the time is over", async () => {
    await using server = await openRestServer([{ body: { data: { task_id: "t", state: "RUNNING" }, message: "" } }]);
    const { stderr, exitCode } = await run(["group", "ask", "--api-server", server.url]);
    assert.match(stderr, /task t has not ended yet/);
    assert.equal(exitCode, 3);
  });

  test("no control character of the service reaches the terminal", async () => {
    await using server = await openRestServer([{ status: 400, body: { detail: "\u001b[2Jgone", code: "x" } }]);
    assert.ok(!(await run(["group", "ask", "--api-server", server.url])).stderr.includes("\u001b"));
  });
});
