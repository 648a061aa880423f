// docs/operate/exit-codes.md says what the code says: the numbers, their words, and the commands that mean more by them.

import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { describe, test } from "node:test";
import { commandTree } from "../../src/cli/commands.ts";
import { EXIT, EXIT_CODES_TEXT } from "../../src/cli/exit-codes.ts";
import type { CommandNode } from "../../src/cli/tree.ts";
import { programParts } from "../../src/main/commands/tree.ts";
import { runCli } from "../fakes/cli.ts";
import { page } from "./pages.ts";

const cwd = tmpdir();
const parts = programParts({ cwd });
const rows = page("docs/operate/exit-codes.md").split("\n").filter((line) => line.startsWith("| ")).map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
const codes = rows.filter(([code = ""]) => /^[0-9]+$/.test(code));
const told = rows.flatMap(([names = ""]) => [...names.matchAll(/`([a-z -]+)`/g)].map(([, name = ""]) => name.replace(/ --.*$/, "")));

function namesOf(nodes: readonly CommandNode[], before = ""): string[] {
  return nodes.flatMap((node) => ("commands" in node ? namesOf(node.commands, `${before}${node.name} `) : [before + node.name]));
}
const commands = namesOf(commandTree(parts));

describe("the page of exit codes", () => {
  test("has those of the program, in the words of its help", () => {
    const words = EXIT_CODES_TEXT.replaceAll("\n", " ").matchAll(/([0-9]+) ([a-z -]+[a-z])/g);
    const expected = [...words].map(([, code, text]) => [code, text]);
    assert.deepEqual(expected.map(([code]) => Number(code)), Object.values(EXIT));
    assert.deepEqual(codes.map(([code, means = ""], at) => [code, means.slice(0, expected[at]?.[1]?.length)]), expected);
  });

  test("names commands that there are", () => {
    assert.deepEqual(told.filter((name) => !commands.includes(name)), []);
  });

  test("has a row for each command whose help says more of 0 or 1 than that it did, or was refused or failed", async () => {
    const silent: string[] = [];
    for (const name of commands) {
      const { stdout } = await runCli([...name.split(" "), "--help"], { cwd, parts });
      const [, good = "", bad = ""] = /Exit codes: 0 ([^]*?),\s1 ([^]*?),\s2 used wrongly/.exec(stdout) ?? assert.fail(name);
      if ((/,/.test(good) || !/^(?:refused or )?failed$/.test(bad)) && !told.includes(name)) silent.push(`${name}: 0 ${good}, 1 ${bad}`);
    }
    assert.deepEqual(silent, []);
  });
});
