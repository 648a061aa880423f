import assert from "node:assert/strict";
import { Command } from "commander";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { runCli } from "../../test/fakes/cli.ts";
import { databaseViewOf, publishedRows } from "../../test/fakes/published-rows.ts";
import { openWebServer } from "../../test/fakes/web-server.ts";
import { RepositoryBuilder } from "../../test/fakes/repository-builder.ts";
import { AppError } from "../lib/app-error.ts";
import type { OpenService } from "./check-published.ts";
import type { ProgramParts } from "./program.ts";

const cwd = mkdtempSync(join(tmpdir(), "rstuf-cli-"));
after(() => rmSync(cwd, { recursive: true, force: true }));

const failing = (error: unknown): ProgramParts => ({ commands: [{ name: "fail", summary: "fails", load: async () => () => new Command().action(() => { throw error; }) }] });

/** Every command of the program by the words that name it, found in the help texts themselves. */
async function commands(path: readonly string[] = []): Promise<string[][]> {
  const { stdout, exitCode } = await runCli([...path, "--help"], { cwd });
  assert.equal(exitCode, 0, path.join(" "));
  const listed = /^Commands:\n((?: {2}.*\n)+)/m.exec(stdout)?.[1] ?? "";
  const names = listed.split("\n").flatMap((line) => /^ {2}([a-z-]+)/.exec(line)?.[1] ?? []).filter((name) => name !== "help");
  return names.length === 0 ? [[...path]] : (await Promise.all(names.map((name) => commands([...path, name])))).flat();
}

const helpOf = async (path: readonly string[]): Promise<string> => (await runCli([...path, "--help"], { cwd })).stdout;

describe("rstuf", () => {
  test("prints its version", async () => {
    assert.deepEqual(await runCli(["--version"], { cwd }), { stdout: "0.0.0-test\n", stderr: "", exitCode: 0 });
  });

  const misuses: readonly { readonly name: string; readonly argv: readonly string[]; readonly says: RegExp }[] = [
    { name: "an unknown command, with a suggestion", argv: ["fsk"], says: /unknown command 'fsk'\n\(Did you mean fsck\?\)/ },
    { name: "an unknown command under another", argv: ["key", "generat"], says: /Did you mean generate\?/ },
    { name: "an unknown option, with a suggestion", argv: ["fsck", "--metadata", "x", "--root", "y", "--jsn"], says: /unknown option '--jsn'\n\(Did you mean --json\?\)\nSee: rstuf fsck --help/ },
    { name: "a missing option", argv: ["fsck", "--metadata", "x"], says: /say --metadata and --root, or whose/ },
    { name: "a missing argument", argv: ["key", "info"], says: /missing required argument 'file'/ },
    { name: "a surplus argument", argv: ["key", "generate", "x"], says: /too many arguments/ },
    { name: "a value that is no choice", argv: ["key", "generate", "--type", "dsa"], says: /Allowed choices are ed25519, ecdsa, rsa/ },
    { name: "--autocomplete of the Python CLI, naming what does it", argv: ["--autocomplete"], says: /do: {2}rstuf completion bash/ },
    { name: "no command at all", argv: [], says: /^Usage: rstuf/ },
  ];
  for (const { name, argv, says } of misuses) {
    test(`answers 2 to ${name}`, async () => {
      const { stdout, stderr, exitCode } = await runCli(argv, { cwd });
      assert.equal(exitCode, 2);
      assert.match(stderr, says);
      assert.equal(stdout, "");
    });
  }

  test("a long option has a line of its own, and pushes nothing over the edge", async () => {
    const long = "--a-frank-name-that-is-longer-than-its-column";
    const parts: ProgramParts = { commands: [{ name: "long", summary: "is long", load: async () => () => new Command().option("--short", "x".repeat(40)).option(long, "what it does, ".repeat(6).trim()) }] };
    const { stdout } = await runCli(["long", "--help"], { cwd, parts });
    assert.match(stdout, new RegExp(`\\n  --short {4,} x{40}\\n  ${long}\\n {14}what it does, `));
    for (const line of stdout.split("\n")) assert.ok(line.length <= 80, line);
  });

  test("tells an error in one line, with its code and without a stack", async () => {
    const { stderr, exitCode } = await runCli(["fail"], { cwd, parts: failing(new AppError("some-code", "this went wrong", { cause: new Error("deep") })) });
    assert.equal(stderr, "error: this went wrong (some-code)\n");
    assert.equal(exitCode, 1);
  });

  test("shows where an error came from, and its cause, with --debug", async () => {
    for (const argv of [["fail", "--debug"], ["--debug", "fail"]]) {
      const { stderr } = await runCli(argv, { cwd, parts: failing(new AppError("some-code", "this went wrong", { cause: new Error("deep") })) });
      assert.match(stderr, /\n {4}at .*\nbecause of Error: deep\n/s);
    }
  });

  test("says of a fault of its own that it is one", async () => {
    const { stderr, exitCode } = await runCli(["fail"], { cwd, parts: failing(new TypeError("x is not a function")) });
    assert.match(stderr, /^error: x is not a function \(unexpected\)\n.*--debug/);
    assert.equal(exitCode, 1);
  });

  test("puts an error on stdout as JSON with --json", async () => {
    const { stdout } = await runCli(["fail", "--json"], { cwd, parts: failing(new AppError("some-code", "this went wrong")) });
    assert.deepEqual(JSON.parse(stdout), { error: { code: "some-code", message: "this went wrong" } });
  });
});

describe("every command", async () => {
  const all = await commands();

  test("is found", () => {
    assert.deepEqual(all.map((path) => path.join(" ")).filter((name) => !name.startsWith("admin ")).sort(), [...["add", "delete", "download", "info", "list", "publish", ...["add", "delete", "set", "show", "update"].map((name) => `repository ${name}`)].map((name) => `artifact ${name}`), "completion", "download", "fsck", "key convert", "key generate", "key info", "status", "task info", "task list", "task watch"]);
    assert.deepEqual(all.map((path) => path.join(" ")).filter((name) => name.startsWith("admin ")).sort(), [
      "admin ceremony", "admin config get", "admin config set",
      "admin delegations delete", "admin delegations list", "admin delegations new", "admin delegations update", "admin delegations upload",
      "admin import-artifacts",
      "admin metadata online", "admin metadata sign", "admin metadata stop-sign", "admin metadata update",
      "admin resize-bins",
      "admin send bootstrap", "admin send delegations", "admin send sign", "admin send update",
      "admin status",
    ]);
  });

  for (const path of all) {
    const name = path.join(" ");
    test(`${name}: help fits 80 columns, has examples and says what the exit codes mean`, async () => {
      const help = await helpOf(path);
      for (const line of help.split("\n")) assert.ok(line.length <= 80, line);
      assert.match(help, /\nExamples:\n(?: {2}.*:\n)? {2}\$ rstuf /);
      assert.match(help, /Exit codes: 0 [^]*,\s1 [^]*,\s2 used wrongly/);
      assert.match(help, /--json/);
    });
  }

  test("does what the examples in its help show, where no service is asked", async () => {
    const repository = new RepositoryBuilder({ now: Date.now(), bins: 4 });
    repository.add("hello.txt", "hello, world\n");
    repository.publish();
    const server = await openWebServer((path) => (path.startsWith("metadata/") ? repository.files.get(path.slice(9)) : path.startsWith("files/") ? repository.artifacts.get(path.slice(6)) : undefined));
    const folder = mkdtempSync(join(cwd, "examples-"));
    writeFileSync(join(folder, "password.txt"), "correct horse\n");
    for (const name of ["metadata", "trusted"]) mkdirSync(join(folder, "rstuf-data", name), { recursive: true });
    for (const [name, bytes] of repository.files) writeFileSync(join(folder, "rstuf-data", "metadata", name), bytes);
    writeFileSync(join(folder, "rstuf-data", "trusted", "1.root.json"), repository.files.get("1.root.json")!);
    const opened: string[] = [];
    let closed = 0;
    const openService: OpenService = async ({ dataDir = "" }) => {
      opened.push(dataDir);
      return { database: databaseViewOf(publishedRows(repository)), files: async () => ({ read: async (name) => repository.files.get(name) }), firstRoot: async () => repository.files.get("1.root.json"), close: async () => { closed += 1; } };
    };
    let ran = 0;
    try {
      // Those of key holders need a service and each other: test/docs/help-examples.test.ts.
      for (const path of all.filter(([group]) => group !== "admin")) {
        for (const example of examplesIn(await helpOf(path))) {
          // A shell is needed for the others.
          if (example.includes("--api-server") || example.includes(">")) continue;
          const argv = example.replaceAll("http://127.0.0.1:8080", server.url).split(/\s+/).slice(1);
          const { stdout, stderr, exitCode } = await runCli(argv, { cwd: folder, env: { HOME: folder }, parts: { openService } });
          assert.equal(exitCode, 0, `${example}\n${stdout}${stderr}`);
          ran += 1;
        }
      }
    } finally {
      await server.close();
    }
    assert.equal(ran, 22);
    assert.deepEqual(opened, ["rstuf-data"]);
    assert.equal(closed, 1);
  });
});

/** The commands after `$` in a help text, continued lines joined. */
function examplesIn(help: string): string[] {
  return [...help.replaceAll(/ \\\n\s+/g, " ").matchAll(/^ {2}\$ (.*)$/gm)].map(([, line]) => line ?? "");
}
