// Every example of every help text, run as it stands in a folder of its own, against the service
// that an example starts. Only the port is put in: examples say 8080.
//
// Starting a program costs more than most examples do. So a plain shell runs what only a shell and
// a process of its own can show: services, redirections, and one command of each kind (`AS_PROCESSES`).
// The others are the same program in this process, their words split as a shell would.

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { sign } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { programParts } from "../../src/main/commands/tree.ts";
import { systemClock } from "../../src/drivers/clock/system/clock.ts";
import { runCli } from "../fakes/cli.ts";
import { canonicalize } from "../../src/tuf/canonical.ts";
import { createDatabase } from "../servers/shared-postgres.ts";

const checkout = dirname(dirname(import.meta.dirname));
const base = mkdtempSync(join(tmpdir(), "rstuf-help-"));
const folder = join(base, "work");
/** A command of each kind, as the shipped program: reads, writes, downloads, signs, opens the database. */
const AS_PROCESSES = /^rstuf (?:artifact add hello|download .*--json|admin (?:ceremony --plan|backup rstuf-backup$))/;
/** What only a shell understands, where it is not quoted. */
const SHELL_ONLY = /[|&;<>()$`\\"~#*?![\]{}]/;
const environment = { PATH: `${join(base, "bin")}${delimiter}/usr/local/bin${delimiter}/usr/bin${delimiter}/bin`, HOME: join(base, "home") };

before(() => {
  for (const name of ["bin", "home", "work"]) mkdirSync(join(base, name));
  symlinkSync(join(checkout, "rstuf"), join(base, "bin", "rstuf"));
  writeFileSync(join(folder, "password.txt"), "correct horse\n");
});
after(() => rmSync(base, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

function start(command: string): { readonly child: ChildProcess; readonly ended: Promise<Ended>; readonly ready: Promise<string> } {
  // `exec` makes the shell the program, so that a signal reaches it.
  const child = spawn("sh", ["-c", `exec ${command}`], { cwd: folder, env: environment, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const ready = Promise.withResolvers<string>();
  const heard = (piece: Buffer): void => {
    output += piece.toString();
    const origin = /^ready (http:\S+)$/m.exec(output)?.[1];
    if (origin !== undefined) ready.resolve(origin);
  };
  child.stdout.on("data", heard);
  child.stderr.on("data", heard);
  const ended = new Promise<Ended>((resolve) => {
    child.on("close", (code) => {
      ready.reject(new Error(`${command} ended with ${String(code)}:\n${output}`));
      resolve({ code, output });
    });
  });
  ready.promise.catch(() => undefined);
  return { child, ended, ready: ready.promise };
}

/** Runs an example that ends by itself. */
async function run(command: string): Promise<Ended> {
  if (AS_PROCESSES.test(command) || SHELL_ONLY.test(command.replaceAll(/'[^']*'/g, ""))) return start(command).ended;
  const [program, ...argv] = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
  assert.equal(program, "rstuf");
  const { stdout, stderr, exitCode } = await runCli(argv, { cwd: folder, env: environment, clock: systemClock, parts: programParts({ cwd: folder }) });
  return { code: exitCode, output: `${stdout}${stderr}` };
}

async function succeeds(command: string): Promise<void> {
  const { code, output } = await run(command);
  assert.equal(code, 0, `${command}\n${output}`);
}

async function help(path: readonly string[]): Promise<string> {
  const { stdout, exitCode } = await runCli([...path, "--help"], { cwd: folder, parts: programParts({ cwd: folder }) });
  assert.equal(exitCode, 0, stdout);
  return stdout;
}

/** Every command's examples, continued lines joined, by the command's name. */
async function examples(path: readonly string[] = []): Promise<[name: string, commands: string[]][]> {
  const text = await help(path);
  const listed = /^Commands:\n((?: {2}.*\n)+)/m.exec(text)?.[1] ?? "";
  const names = listed.split("\n").flatMap((line) => /^ {2}([a-z-]+)/.exec(line)?.[1] ?? []).filter((name) => name !== "help");
  if (names.length > 0) return (await Promise.all(names.map((name) => examples([...path, name])))).flat();
  const found = [...text.replaceAll(/ \\\n\s+/g, " ").matchAll(/^ {2}\$ (.*)$/gm)].map(([, line]) => line ?? "");
  return [[path.join(" "), found]];
}

describe("help", () => {
  test("shows examples that work, for every command", { timeout: 300_000 }, async () => {
    const all = await examples();
    for (const [name, commands] of all) assert.ok(commands.length > 0, `${name} has no example`);
    // A command of two names shows the same examples twice.
    const commands = [...new Set(all.flatMap(([, each]) => each))];
    const serving = commands.filter((command) => command.startsWith("rstuf serve "));
    const scaledOut = commands.filter((command) => /^rstuf (?:api|worker) /.test(command));
    const offline = commands.filter((command) => command.includes("--data-dir") && !serving.includes(command));
    const ceremonial = inOrder(commands.filter((command) => CEREMONIAL.test(command)));
    const rest = commands.filter((command) => !serving.includes(command) && !scaledOut.includes(command) && !offline.includes(command) && !ceremonial.includes(command));
    assert.ok(serving.length > 1 && serving[0]?.includes("--trial") === true && offline.length > 0 && rest.length > 0);

    const store = await createDatabase();
    writeFileSync(join(folder, "postgres.yaml"), `dataDir: scaled-out\ndatabase:\n  url: ${store.url}\n`);
    for (const command of scaledOut) {
      const { child, ready } = start(command);
      try {
        await ready;
      } finally {
        child.kill("SIGTERM");
      }
    }
    assert.equal(scaledOut.length, 2);

    const [trial = "", ...further] = serving;
    const service = start(`${trial} --bins 4`);
    try {
      const origin = await service.ready;
      for (const name of [join("rstuf-data", "files"), "dist"]) mkdirSync(join(folder, name), { recursive: true });
      for (const name of [join("rstuf-data", "files", "hello.txt"), "hello.txt", join("dist", "app.txt")]) writeFileSync(join(folder, name), "hello\n");
      writeFileSync(join(folder, "artifacts.ndjson"), '{"file":"hello.txt","path":"listed/hello.txt"}\n');
      writeFileSync(join(folder, "artifacts.csv"), `path,length,sha256\nimported/a.whl,6,${"5a".repeat(32)}\n`);
      const taskId = await publish(origin);
      for (const command of rest) await succeeds(command.replaceAll("http://127.0.0.1:8080", origin).replaceAll("TASK_ID", taskId));
    } finally {
      service.child.kill("SIGTERM");
    }
    assert.equal((await service.ended).code, 0);

    // What examples of taking over and of moving name.
    copyFileSync(join(folder, "rstuf-data", "trusted", "1.root.json"), join(folder, "1.root.json"));
    writeFileSync(join(folder, "adopt.yaml"), JSON.stringify({ keyDir: "rstuf-data/keys", metadata: { directory: "rstuf-data/metadata" } }));
    writeFileSync(join(folder, "bucket.yaml"), JSON.stringify({ metadata: { directory: "rstuf-moved" } }));
    await ceremony(ceremonial);
    for (const command of offline) await succeeds(command);
    for (const command of further) {
      const { child, ready, ended } = start(command);
      await ready;
      child.kill("SIGTERM");
      const { code, output } = await ended;
      assert.equal(code, 0, `${command}\n${output}`);
    }
  });
});

/** What key holders do, which takes a repository of their own. */
const CEREMONIAL = /^rstuf admin (?:ceremony|metadata|delegations|send|config) /;
/** Each needs what those before it made. */
const ORDER = [/admin ceremony/, /sign --in ceremony-payload/, /send bootstrap/, /metadata update --days/, /sign --export/, /sign --in pending/, /send sign/, /metadata update --metadata-url/, /send update/, /stop-sign/, /metadata online/, /delegations new/, /delegations upload/, /send delegations/, /delegations update/, /delegations delete/, /delegations list/, /config/];

function inOrder(commands: readonly string[]): readonly string[] {
  const placed = ORDER.flatMap((pattern) => commands.filter((command) => pattern.test(command)));
  assert.deepEqual([...placed].sort(), [...commands].sort(), "an example that has no place, or two");
  return placed;
}

/** Runs them against a service that waits for its first root. */
async function ceremony(commands: readonly string[]): Promise<void> {
  for (const name of ["ann", "bob", "carol"]) await succeeds(`rstuf key generate --name ${name} --out-dir ceremony`);
  await succeeds("rstuf key generate --name online --out-dir waiting/keys");
  writeFileSync(join(folder, "ceremony", "plan.yaml"), 'root: { threshold: 2, keys: [ann.pub, bob.pub] }\nonline: { file: ../waiting/keys/online.pub, uri: "fn:online" }\nbins: { number: 4 }\n');
  await teamDocument();
  const service = start("rstuf serve --port 0 --data-dir waiting");
  try {
    const origin = await service.ready;
    for (const command of commands) await succeeds(command.replaceAll("http://127.0.0.1:8080", origin));
  } finally {
    service.child.kill("SIGTERM");
  }
  assert.equal((await service.ended).code, 0);
}

/** What a team signs elsewhere, with a key and a tool of its own. */
async function teamDocument(): Promise<void> {
  await succeeds("rstuf key generate --name team --out-dir .");
  const { output } = await run("rstuf admin delegations new --name team --path 'team/*' --key team.pub --outside --dry-run --json");
  const [keyid = ""] = Object.keys((JSON.parse(output.slice(output.indexOf("{"))) as { payload: { delegations: { keys: object } } }).payload.delegations.keys);
  const signed = { _type: "targets", spec_version: "1.0.31", version: 1, expires: "2036-01-01T00:00:00Z", targets: { "team/app": { length: 6, hashes: { sha256: "ab".repeat(32) } } } };
  const sig = sign(null, canonicalize(signed), readFileSync(join(folder, "team"))).toString("hex");
  writeFileSync(join(folder, "team.json"), JSON.stringify({ signatures: [{ keyid, sig }], signed }));
}

/** Adds the artifacts that the examples download and delete. Answers the task's id. */
async function publish(origin: string): Promise<string> {
  const sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
  const answer = await fetch(`${origin}/api/v1/artifacts/?wait=30`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ artifacts: ["hello.txt", "old.txt"].map((path) => ({ path, info: { length: 6, hashes: { sha256 } } })) }),
  });
  const text = await answer.text();
  assert.equal(answer.status, 202, text);
  const { data } = JSON.parse(text) as { data: { state: string; task_id: string } };
  assert.equal(data.state, "SUCCESS", text);
  return data.task_id;
}
