// Every command that asks a service, whatever answers there: another program, a broken proxy, nobody. Each ends by itself,
// with an exit code of the page, and says what happened and what to do, in words and as JSON; none blames the program.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { commandTree } from "../../src/cli/commands.ts";
import type { CommandNode } from "../../src/cli/tree.ts";
import { generateKeyPair } from "../../src/drivers/signer/file/generate.ts";
import { runCli, type CliWorld } from "../fakes/cli.ts";
import { openRestServer, type RestAnswer } from "../fakes/rest-server.ts";

const folder = mkdtempSync(join(tmpdir(), "rstuf-states-"));
const ID = "33e66671dcc84cdfa2535a1eb030104c";

before(async () => {
  mkdirSync(join(folder, "keys"));
  for (const name of ["ann", "online"]) {
    const pair = generateKeyPair("ed25519");
    writeFileSync(join(folder, "keys", name), pair.privatePem(undefined), { mode: 0o600 });
    writeFileSync(join(folder, "keys", `${name}.pub`), pair.publicPem);
  }
  writeFileSync(join(folder, "hello.txt"), "hello\n");
  writeFileSync(join(folder, "list.csv"), `path,length,sha256\na.whl,1,${"0".repeat(64)}\n`);
  writeFileSync(join(folder, "sign.json"), JSON.stringify({ role: "root", signature: { keyid: "0".repeat(64), sig: "00" } }));
  writeFileSync(join(folder, "delegations.json"), JSON.stringify({ delegations: { keys: {}, roles: [] } }));
  writeFileSync(join(folder, "plan.yaml"), 'root: { threshold: 1, keys: [keys/ann.pub] }\nonline: { file: keys/online.pub, uri: "fn:online" }\nbins: { number: 4 }\n');
  const { exitCode, stderr } = await runCli(["admin", "ceremony", "--plan", "plan.yaml", "--yes", "--dry-run", "--out", "root.json", "--sign-with", "keys/ann"], { cwd: folder });
  assert.equal(exitCode, 0, stderr);
});
after(() => { rmSync(folder, { recursive: true, force: true }); });

/** By name, with what it takes to get as far as the service. */
const ASKING: Readonly<Record<string, readonly string[]>> = {
  "status": [],
  "task info": [ID],
  "task list": [],
  "task watch": [ID],
  "artifact add": ["hello.txt", "--wait"],
  "artifact delete": ["hello.txt", "--wait"],
  "artifact info": ["hello.txt"],
  "artifact list": [],
  "artifact publish": ["--wait"],
  "admin ceremony": ["--plan", "plan.yaml", "--yes", "--sign-with", "keys/ann"],
  "admin config get": [],
  "admin config set": ["timestamp=2"],
  "admin delegations delete": ["nightly", "--yes"],
  "admin delegations list": [],
  "admin delegations new": ["--name", "nightly", "--path", "nightly/*"],
  "admin delegations update": ["--name", "nightly", "--days", "3"],
  "admin delegations upload": ["nightly", "sign.json"],
  "admin import-artifacts": ["list.csv"],
  "admin metadata online": [],
  "admin metadata sign": ["--yes", "--sign-with", "keys/ann"],
  "admin metadata stop-sign": ["--yes"],
  "admin metadata update": ["--days", "300", "--yes", "--sign-with", "keys/ann"],
  "admin resize-bins": ["8"],
  "admin send bootstrap": ["root.json"],
  "admin send delegations": ["delegations.json"],
  "admin send sign": ["sign.json"],
  "admin send update": ["root.json"],
  "admin status": [],
};

/** Those that ask no service of the API. */
const ELSEWHERE = /^(?:download|fsck|completion|artifact download|artifact repository .*|key .*)$/;

function leaves(nodes: readonly CommandNode[], before = ""): string[] {
  return nodes.flatMap((node) => ("commands" in node ? leaves(node.commands, `${before}${node.name} `) : [before + node.name]));
}

const run = (name: string, server: string, world: Partial<CliWorld> = {}, ...more: readonly string[]) => runCli([...name.split(" "), ...(ASKING[name] ?? []), "--api-server", server, ...more], { cwd: folder, sleeps: true, tickMs: 1000, silentStdin: true, ...world });

const STATES: readonly { readonly name: string; readonly answer: RestAnswer; readonly code: string }[] = [
  { name: "breaks every connection", answer: "reset", code: "unreachable" },
  { name: "has a web page at every address", answer: { body: "<h1>It works!</h1>" }, code: "answer-unexpected" },
  { name: "knows none of these addresses", answer: { status: 404, body: "Not Found" }, code: "answer-unexpected" },
  { name: "answers JSON of another kind", answer: { body: { data: { items: [1] }, message: 7 } }, code: "answer-unexpected" },
  { name: "fails", answer: { status: 500, body: "<h1>Internal Server Error</h1>\u001b[2J" }, code: "unavailable" },
  { name: "is a proxy without a service behind it", answer: { status: 503, headers: { "retry-after": "1" }, body: "upstream" }, code: "unavailable" },
  { name: "takes no more", answer: { status: 429, headers: { "retry-after": "3600" }, body: { detail: { message: "Too many.", error: "the backlog is full" }, code: "backlog-full" } }, code: "unavailable" },
  { name: "wants a token", answer: { status: 401, body: { detail: { message: "Not authorized.", error: "a valid token is required" }, code: "unauthorized" } }, code: "unauthorized" },
  { name: "sends us elsewhere", answer: { status: 301, headers: { location: "https://elsewhere.example/" } }, code: "redirected" },
  { name: "waits for its first root", answer: { status: 404, body: { detail: { message: "Task not accepted.", error: "It requires bootstrap finished. State: signing" }, code: "bootstrap-required" } }, code: "refused" },
];

/** What of another kind these commands cannot tell from an answer: all its members are optional. */
const LENIENT: Readonly<Record<string, readonly string[]>> = { "answers JSON of another kind": ["admin config get", "admin metadata sign", "admin metadata stop-sign", "admin metadata update"] };

describe("a service that", () => {
  test("any of these commands asks has a row here", () => {
    assert.deepEqual(leaves(commandTree({})).filter((name) => !ELSEWHERE.test(name)).sort(), Object.keys(ASKING).sort());
  });

  for (const { name, answer, code } of STATES) {
    test(`${name}: every command says so, and what to do`, async () => {
      await using server = await openRestServer([answer]);
      for (const command of Object.keys(ASKING)) {
        if (LENIENT[name]?.includes(command) === true) continue;
        const { stdout, stderr, exitCode } = await run(command, server.url);
        assert.match(stderr, new RegExp(`^error: .* \\(${code}(?:: [a-z-]+)?\\)\n(?: {2}why: [^]*)? {2}do: {2}\\S`, "m"), `${command}: ${stdout}${stderr}`);
        assert.equal(exitCode, 1, command);
        assert.ok(!/\u001b|^ +at /m.test(stderr), command);
        if (code === "refused") assert.match(stderr, /do: {2}its root waits for signatures: rstuf admin metadata sign/, command);
      }
    });
  }

  test("is not what was meant is told to programs, too", async () => {
    await using server = await openRestServer([{ body: "null" }]);
    for (const command of Object.keys(ASKING)) {
      const { stdout } = await run(command, server.url, {}, "--json");
      const { error } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as { readonly error: { readonly code: string; readonly todo: string } };
      assert.deepEqual([error.code, typeof error.todo], ["answer-unexpected", "string"], command);
    }
  });

  test("never answers is left at Ctrl-C, at once: 130, and what was sent is said to be uncertain", async () => {
    for (const command of Object.keys(ASKING)) {
      const ctrlC = new AbortController();
      await using server = await openRestServer(({ url }) => {
        // What came before lets writes get as far as being sent.
        if (url.startsWith("/api/v1/bootstrap/") && !command.includes("bootstrap") && !command.includes("ceremony") && !command.includes("status")) return { body: { data: { bootstrap: true, state: "finished" }, message: "" } };
        ctrlC.abort();
        return new Promise<never>(() => undefined);
      });
      const { stderr, exitCode } = await run(command, server.url, { interruption: ctrlC.signal });
      assert.equal(exitCode, 130, `${command}: ${stderr}`);
      assert.match(stderr, /interrupted/, command);
      if (server.asked.at(-1)?.method !== "GET" && !command.includes("import")) assert.match(stderr, /rstuf task list shows what it has accepted/, command);
    }
  });

  test("has a root that waits says so before anybody signs; what it began by itself gives way", async () => {
    const root: unknown = (JSON.parse(readFileSync(join(folder, "root.json"), "utf8")) as { readonly metadata: { readonly root: unknown } }).metadata.root;
    for (const by of ["request", "expiry"]) {
      const event = { id: "0".repeat(32), role: "root", kind: "root", version: 2, state: "open", started: "2026-11-22T18:00:00Z", started_by: by, published_with: [], expires: "2027-11-22T18:00:00Z", deadline: "2026-12-22T18:00:00Z", signing: "offline", complete: false, demands: [], sha256: "0".repeat(64) };
      await using server = await openRestServer(({ url, method }) => {
        if (url.startsWith("/api/v1/config/")) return { body: { data: { trusted_root: root }, message: "" } };
        if (url.startsWith("/api/v1/signing-events")) return { body: { data: [event] } };
        return method === "POST" ? { status: 202, body: { data: { task_id: ID }, message: "" } } : { body: { data: { task_id: ID, state: "SUCCESS", result: { status: true } }, message: "" } };
      });
      const { stderr, exitCode } = await run("admin metadata update", server.url);
      assert.equal(exitCode, by === "request" ? 1 : 0, stderr);
      assert.equal(/root version 2 waits for signatures already \(signing-pending\)\n {2}why: [^]*do: {2}sign it: rstuf admin metadata sign/.test(stderr), by === "request", stderr);
      assert.equal(/Signed with/.test(stderr), by !== "request");
    }
  });

  test("refuses roles that were sent makes that exit 1, not \"added\"", async () => {
    await using server = await openRestServer(({ method }) => (method === "POST" ? { status: 202, body: { data: { task_id: ID }, message: "" } } : { body: { data: { task_id: ID, state: "SUCCESS", result: { status: true, details: { failed_roles: [{ role: "nightly", reason: "role already exists" }] } } }, message: "" } }));
    const { stdout, stderr, exitCode } = await run("admin send delegations", server.url);
    assert.match(stderr, /not done: nightly \(role already exists\) \(role-refused\)\n {2}do: {2}rstuf admin delegations list/);
    assert.deepEqual([stdout, exitCode], ["", 1]);
  });
});
