// Without a terminal nothing is ever waited for: a pipeline that forgot a flag fails at once, and
// is told which one. stdin is the worst there is: open, and silent.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { commandTree } from "../../src/cli/commands.ts";
import type { CommandNode } from "../../src/cli/tree.ts";
import { runCli } from "../fakes/cli.ts";
import { Desk } from "./desk.ts";

const desk = new Desk();
const BIN = join(import.meta.dirname, "..", "..", "bin", "rstuf.js");
const empty = mkdtempSync(join(tmpdir(), "rstuf-unattended-"));

before(() => {
  writeFileSync(desk.path("plan.yaml"), 'root: { threshold: 1, keys: [keys/bob.pub, keys/ann.pub] }\nonline: { file: keys/online.pub, uri: "fn:online" }\nbins: { number: 4 }\n');
});
after(() => {
  desk[Symbol.dispose]();
  rmSync(empty, { recursive: true, force: true });
});

function leaves(nodes: readonly CommandNode[], path: readonly string[] = []): string[][] {
  return nodes.flatMap((node) => ("commands" in node ? leaves(node.commands, [...path, node.name]) : [[...path, node.name]]));
}

/** The shipped program with a silent pipe for its stdin. */
async function unattended(argv: readonly string[]): Promise<{ readonly exitCode: number | null; readonly stderr: string }> {
  const child = spawn(process.execPath, [BIN, ...argv], { cwd: desk.folder, env: { PATH: process.env["PATH"], HOME: desk.folder }, stdio: ["pipe", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (piece: Buffer) => (stderr += piece.toString()));
  const hung = setTimeout(() => child.kill("SIGKILL"), 60_000);
  const exitCode = await new Promise<number | null>((resolve) => child.on("close", resolve));
  clearTimeout(hung);
  return { exitCode, stderr };
}

describe("without a terminal", () => {
  test("every command ends by itself, with nothing on its command line but its name", { timeout: 60_000 }, async () => {
    const paths = leaves(commandTree({}));
    assert.ok(paths.length > 30);
    for (const path of paths) {
      const { exitCode, stderr } = await runCli(path, { cwd: empty, silentStdin: true });
      assert.ok(exitCode === 0 || stderr.trim() !== "", `${path.join(" ")} ended with ${exitCode}, and did not say why`);
      assert.doesNotMatch(stderr, /unexpected/, `${path.join(" ")}: ${stderr}`);
    }
  });

  test("ceremony, update and sign name the flag that would have answered", async () => {
    const first = ["admin", "ceremony", "--plan", "plan.yaml", "--yes", "--dry-run", "--out", "first.json"];
    const cases: readonly [argv: readonly string[], flag: RegExp][] = [
      [["admin", "ceremony", "--dry-run", "--out"], /--plan FILE/],
      [[...first, "--sign-with", "keys/ann"], /--password-file FILE/],
      [["admin", "metadata", "update", "--in", "first.json", "--dry-run", "--out"], /--days N/],
      [["admin", "metadata", "sign", "--in", "first.json", "--add"], /--yes/],
      [["admin", "metadata", "sign", "--in", "first.json", "--add", "--yes"], /--sign-with FILE/],
    ];
    assert.equal((await unattended(first)).exitCode, 0);
    for (const [at, [argv, flag]] of cases.entries()) {
      // The first one as the shipped program, the others in this process: starting one costs more than all it does.
      const { exitCode, stderr } = at === 0 ? await unattended(argv) : await runCli(argv, { cwd: desk.folder, silentStdin: true });
      assert.equal(exitCode, 2, `${argv.join(" ")}: ${stderr}`);
      assert.match(stderr, flag);
      assert.match(stderr, /answer-missing/);
    }
    assert.equal((await runCli(["admin", "metadata", "sign", "--in", "first.json", "--add", "--yes", "--sign-with", "keys/bob"], { cwd: desk.folder, silentStdin: true })).exitCode, 0);
  });
});
