// The scripts know every command, and bash does what they say.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { runCli } from "../../../test/fakes/cli.ts";
import { commandTree } from "../commands.ts";
import type { CommandNode } from "../tree.ts";
import { SHELLS } from "./script.ts";

const folder = mkdtempSync(join(tmpdir(), "rstuf-completion-"));
before(async () => {
  writeFileSync(join(folder, "rstuf.bash"), (await runCli(["completion", "bash"], { cwd: folder })).stdout);
  mkdirSync(join(folder, "keys"));
  writeFileSync(join(folder, "key one.pub"), "");
});
after(() => { rmSync(folder, { recursive: true, force: true }); });

/** What bash offers at the end of each of these command lines. */
function offered(lines: readonly (readonly string[])[]): string[][] {
  const script = lines.map((words) => `COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}; _rstuf; printf '%s\\n' "\${COMPREPLY[@]}" --`).join("\n");
  const { stdout, stderr, status } = spawnSync("bash", ["--norc", "-c", `source rstuf.bash\n${script}`], { cwd: folder, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  assert.equal(stderr, "");
  return stdout.split(/^--\n/m).slice(0, -1).map((each) => each.split("\n").filter((word) => word !== ""));
}

const named = (nodes: readonly CommandNode[], path: readonly string[] = []): string[] => nodes.flatMap((node) => [[...path, node.name].join(" "), ...("commands" in node ? named(node.commands, [...path, node.name]) : [])]);

describe("completion", () => {
  test("of every shell knows every command and its options", async () => {
    for (const shell of SHELLS) {
      const { stdout, exitCode } = await runCli(["completion", shell], { cwd: folder });
      assert.equal(exitCode, 0);
      for (const name of named(commandTree({}))) assert.ok(stdout.includes(`'${name}'`) || stdout.includes(`"${name}"`), `${shell}: ${name}`);
      for (const option of ["trust-on-first-use", "rehearse", "password-file"]) assert.ok(stdout.includes(option), `${shell}: ${option}`);
    }
    assert.equal((await runCli(["completion", "csh"], { cwd: folder })).exitCode, 2);
  });

  test("in bash offers commands, options, and values of a known kind; options with values are no commands", () => {
    assert.deepEqual(offered([
      ["rstuf", "artifact", "re"],
      ["rstuf", "--config", "admin", "admin", "metadata", ""],
      ["rstuf", "key", "generate", "--ty"],
      ["rstuf", "key", "generate", "--type", ""],
      ["rstuf", "completion", "f"],
      ["rstuf", "key", "info", "key"],
      ["rstuf", "key", "generate", "--out-dir", "k"],
      ["rstuf", "task", "info", ""],
    ]), [["repository"], ["update", "sign", "stop-sign", "online"], ["--type"], ["ed25519", "ecdsa", "rsa"], ["fish"], ["key one.pub", "keys"], ["keys"], []]);
  });
});
