// Imports: what lines mean, and how they reach a service that breaks off, refuses, and goes on.

import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, test } from "node:test";
import { runCli, type CliWorld } from "../../../test/fakes/cli.ts";
import { formOf, LineFault } from "./lines.ts";

const base = mkdtempSync(join(tmpdir(), "rstuf-import-"));
after(() => { rmSync(base, { recursive: true, force: true }); });
let cwd = "";
beforeEach(() => { cwd = mkdtempSync(join(base, "home-")); });

const SHA256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

describe("a line", () => {
  const artifact = { path: "a;b", info: { length: 6, hashes: { sha256: SHA256 } } };
  for (const { name, lines, expected = artifact } of [
    { name: "of NDJSON as the service takes it", lines: [JSON.stringify(artifact)] },
    { name: "of NDJSON with length and hashes beside path", lines: [`{"path":"a;b","length":6,"hashes":{"sha256":"${SHA256}"}}`] },
    { name: "as the Python CLI imports, its path with semicolons", lines: [`a;b;6;sha256;${SHA256}`] },
    { name: "of CSV under named columns, in any order", lines: ["sha256,Size,path", `${SHA256},6,a;b`] },
    { name: "of CSV with quotes, an empty hash and custom", lines: ["path,length,sha512,sha256,custom", `"a ""b"", c",6,,${SHA256},"{""build"":7}"`], expected: { path: 'a "b", c', info: { length: 6, hashes: { sha256: SHA256 }, custom: { build: 7 } } } },
  ]) {
    test(name, () => {
      const form = formOf(lines[0] ?? "");
      assert.equal(form.isHeader, lines.length === 2);
      assert.deepEqual(form.read(lines.at(-1) ?? ""), expected);
    });
  }

  test("that says nothing is told why", () => {
    for (const line of ["{", "[]", '{"path":7}', '{"path":"a"}', "a;1;sha256", "a;x;sha256;00"]) assert.throws(() => formOf("{}").read(line.startsWith("{") || line.startsWith("[") ? line : "{"), LineFault);
    for (const line of ["a;1;sha256", "a;x;sha256;00", ""]) assert.throws(() => formOf("a;1;sha256;00").read(line), LineFault);
    for (const line of ["a,1", "a,x,00", "a,1,00,00"]) assert.throws(() => formOf("path,length,sha256").read(line), LineFault);
  });
});

/** Keeps lines under keys as the service does; a connection breaks after `breaks` lines, once each. */
class Importing implements AsyncDisposable {
  readonly stored = new Map<string, string[]>();
  readonly accepted = new Set<string>();
  readonly breaks: number[] = [];
  readonly refuses = new Set<string>();
  /** So many questions after a break are answered by nobody. */
  away = 0;
  /** What the task says, one after another: so many artifacts are published. */
  readonly published: number[] = [];
  readonly afters: number[] = [];
  readonly #server = createServer((request, response) => {
    this.#answer(request, response).catch((error: unknown) => {
      // A connection that broke ends the reading of it; anything else is for the test to see.
      if (!(error instanceof Error && "code" in error && error.code === "ECONNRESET")) response.writeHead(500).end(String(error));
    });
  });

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", "http://x");
    const tell = (status: number, body: object): void => { response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body)); };
    if (url.pathname.includes("bootstrap")) { tell(200, { data: { bootstrap: true, state: "finished" }, message: "" }); return; }
    if (url.pathname.includes("task")) {
      const imported = this.published.shift();
      const state = imported === undefined ? "SUCCESS" : "RUNNING";
      tell(200, { data: { task_id: "t1", state, result: { message: "", last_update: "2026-01-01T00:00:00Z", status: true, details: { lines: 10, imported_artifacts: imported ?? 9, invalid_paths: 1 } } }, message: "" });
      return;
    }
    if (request.method === "GET" && this.afters.length > 0 && this.away > 0) {
      this.away -= 1;
      request.socket.resetAndDestroy();
      return;
    }
    if (request.method === "GET") {
      const lines = this.stored.get(url.searchParams.get("key") ?? "");
      if (lines === undefined) tell(404, { detail: { message: "No such import." }, code: "no-such-import" });
      else tell(200, { data: { lines: lines.length, invalid_paths: 0, ...(this.accepted.has(url.searchParams.get("key") ?? "") ? { task_id: "t1" } : {}) }, message: "" });
      return;
    }
    const key = String(request.headers["idempotency-key"]);
    const skip = Number(url.searchParams.get("after") ?? "0");
    const lines = this.stored.get(key) ?? [];
    this.stored.set(key, lines);
    this.afters.push(skip);
    assert.equal(skip, lines.length, "neither a gap nor twice");
    let rest = "";
    for await (const piece of request) {
      const all = (rest + String(piece)).split("\n");
      rest = all.pop() ?? "";
      for (const line of all) {
        const { path } = JSON.parse(line) as { path: string };
        if (this.refuses.has(path)) {
          tell(422, { detail: [{ type: "value_error", loc: ["body", lines.length + 1, "path"], msg: `Value error, line ${lines.length + 1}: ${path} is refused` }], code: "request-invalid" });
          return;
        }
        if (lines.length === this.breaks[0]) {
          this.breaks.shift();
          request.socket.resetAndDestroy();
          return;
        }
        lines.push(path);
      }
    }
    this.accepted.add(key);
    tell(202, { data: { task_id: "t1", last_update: "2026-01-01T00:00:00Z", lines: lines.length, invalid_paths: 1 }, message: "" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const list = (name: string, numbers: readonly number[], before = ""): void => { writeFileSync(join(cwd, name), before + numbers.map((n) => `p/${n};${n};sha256;${SHA256}\n`).join("")); };
const upTo = (total: number): number[] => Array.from({ length: total }, (_, at) => at);

describe("rstuf admin import-artifacts", () => {
  const run = (server: Importing, argv: readonly string[], world: Partial<CliWorld> = {}) => runCli(["admin", "import-artifacts", ...argv, "--api-server", server.url], { cwd, sleeps: true, ...world });

  test("goes on behind what is stored when the connection breaks, each artifact once", async () => {
    await using server = await new Importing().listen();
    server.breaks.push(10, 7_000);
    list("a.csv", upTo(6_000), "# a remark\n\n");
    list("b.csv", upTo(4_000).map((n) => n + 6_000));
    const { stdout, stderr, exitCode } = await run(server, ["--csv", "a.csv", "--csv", "b.csv", "--json"]);
    assert.equal(exitCode, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), { taskId: "t1", lines: 10_000, invalidPaths: 1 });
    assert.deepEqual([...server.stored.values()], [upTo(10_000).map((n) => `p/${n}`)]);
    assert.deepEqual(server.afters, [0, 10, 7_000]);
  });

  test("a fault is told with its file and line; mended, the same command goes on, and begins anew after that", async () => {
    await using server = await new Importing().listen();
    list("a.csv", [0, 1, 2]);
    list("b.csv", [3, 4, 5], "# remark\n");
    server.refuses.add("p/4");
    const refused = await run(server, ["a.csv", "b.csv"]);
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stderr, /b\.csv, line 3: p\/4 is refused/);
    list("b.csv", [3, 40, 5]);
    const unsure = await run(server, ["a.csv", "b.csv"]);
    assert.equal(unsure.exitCode, 2);
    assert.match(unsure.stderr, /--resume or --restart/);
    assert.equal((await run(server, ["a.csv", "b.csv", "--resume"])).exitCode, 0);
    assert.deepEqual([...server.stored.values()], [["p/0", "p/1", "p/2", "p/3", "p/40", "p/5"]]);
    const again = await run(server, ["a.csv", "b.csv"]);
    assert.equal(again.exitCode, 0);
    assert.match(again.stderr.replaceAll(/\s+/g, " "), /This list was submitted before, on \d{4}-\d\d-\d\d, as task t1\. It is imported again/);
    assert.equal(server.stored.size, 2, "another import");
    list("b.csv", [3, 41, 5]);
    const other = await run(server, ["a.csv", "b.csv"]);
    assert.doesNotMatch(other.stderr, /submitted before/);
    assert.equal(other.exitCode, 0);
  });

  test("a service that is gone is waited for, which is told once, and so is that it is back", async () => {
    await using server = await new Importing().listen();
    list("a.csv", upTo(6_000));
    server.breaks.push(4_000);
    server.away = 100;
    const { stderr, exitCode } = await run(server, ["a.csv"]);
    assert.equal(exitCode, 0, stderr);
    assert.equal(stderr.match(/The connection broke/g)?.length, 1);
    assert.match(stderr, /The service is back: goes on behind the 4,000 artifacts that are stored\./);
    assert.deepEqual([...server.stored.values()], [upTo(6_000).map((n) => `p/${n}`)]);
  });

  test("one that stays away ends the import, and the same command goes on; of a pipe that is said otherwise", async () => {
    await using server = await new Importing().listen();
    const lines = upTo(3).map((n) => `p/${n};1;sha256;${SHA256}\n`);
    writeFileSync(join(cwd, "a.csv"), lines.join(""));
    for (const [argv, todo] of [
      [["a.csv"], /the same command goes on behind what is stored/],
      [["-", "--key", "nightly"], /pipe it all once more with --key nightly/],
      [["-"], /nothing is kept of it without --key/],
    ] as const) {
      server.afters.length = 0;
      server.breaks.splice(0, 1, 2);
      server.away = Number.POSITIVE_INFINITY;
      const { stderr, exitCode } = await run(server, argv, { stdin: lines.join("") });
      assert.equal(exitCode, 1, stderr);
      assert.match(stderr.replaceAll(/\s+/g, " "), todo);
    }
    server.away = 0;
    server.afters.length = 0;
    assert.equal((await run(server, ["a.csv"])).exitCode, 0);
    assert.equal((await run(server, ["-", "--key", "nightly"], { stdin: lines.join("") })).exitCode, 0);
    assert.deepEqual(server.afters, [2, 2]);
    assert.deepEqual(server.stored.get("nightly"), ["p/0", "p/1", "p/2"]);
  });

  test("while it is published a terminal shows how far it is", async () => {
    await using server = await new Importing().listen();
    list("a.csv", upTo(10));
    server.published.push(0, 3, 6);
    const { stderr, stdout, exitCode } = await run(server, ["a.csv", "--wait"], { isTty: true, tickMs: 500 });
    assert.equal(exitCode, 0, stderr);
    assert.match(stderr, /33 % {2}3 of 9 artifacts.*publish/);
    assert.match(stdout, /Finished\. Every client that refreshes now finds them\./);
  });

  test("lines that say nothing are told all at once, and nothing behind the first is sent", async () => {
    await using server = await new Importing().listen();
    writeFileSync(join(cwd, "a.csv"), `path,length,sha256\np/0,1,${SHA256}\np/1,1\np/2,x,${SHA256}\n`);
    const { stderr, exitCode } = await run(server, ["a.csv"]);
    assert.equal(exitCode, 1);
    assert.match(stderr, /2 lines cannot be imported \(lines-invalid\)/);
    assert.match(stderr, /a\.csv, line 3: it has 2 fields, and the first line names 3\n.*a\.csv, line 4: the size "x" is no number/);
    assert.equal(server.accepted.size, 0);
  });

  test("Ctrl-C keeps what is stored; stdin and --key; what cannot be is said", async () => {
    await using server = await new Importing().listen();
    list("a.csv", upTo(10));
    const gone = await run(server, ["a.csv"], { interruption: AbortSignal.abort() });
    assert.equal(gone.exitCode, 130);
    assert.equal((await run(server, ["-", "--key", "nightly"], { stdin: `p/0;1;sha256;${SHA256}` })).exitCode, 0);
    assert.deepEqual(server.stored.get("nightly"), ["p/0"]);
    assert.match((await run(server, ["none.csv"])).stderr, /file-unreadable/);
    assert.equal((await run(server, ["a.csv", "--skip-publish-artifacts"])).exitCode, 2);
    assert.equal((await run(server, [])).exitCode, 2);
  });
});
