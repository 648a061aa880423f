import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

/** `misused` has a word for all of them; the others are no more than what somebody just did, or a build without the part. */
const NEED_NONE = /^"(?:misused|declined|interrupted|not-here)"/;

test("every error of the command line says what to do", () => {
  const silent: string[] = [];
  let seen = 0;
  for (const file of globSync("**/*.ts", { cwd: import.meta.dirname }).filter((name) => !name.endsWith(".test.ts"))) {
    for (const [, made = ""] of readFileSync(join(import.meta.dirname, file), "utf8").matchAll(/new CliError\(((?:[^;`]|`[^`]*`)*?);\n/g)) {
      seen += 1;
      if (!NEED_NONE.test(made) && !/\btodo\b/.test(made)) silent.push(`${file}: ${made.split("\n", 1)[0] ?? ""}`);
    }
  }
  assert.ok(seen > 100, String(seen));
  assert.deepEqual(silent, []);
});
