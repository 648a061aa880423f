import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { runDemo } from "../demo/demo.ts";

const TREE = join(import.meta.dirname, "..", "..", "node_modules");

/** What our client says to each attack; tuf-js must refuse in its own words. */
const CODES: Readonly<Record<string, RegExp>> = {
  "content changed": /^artifact-hash:/,
  "timestamp rolled back": /^timestamp-rollback:/,
  "snapshot of another moment mixed in": /^snapshot-(hash|length):/,
  "one bin's file in another's place": /^targets-version:/,
  "expired timestamp held back (freeze)": /^timestamp-expired:/,
  "endless metadata": /^metadata-too-large:/,
  "endless artifact": /^artifact-too-large:/,
};

test("a thousand files of a real tree are announced, downloaded and verified, and every attack is refused", async () => {
  const report = await runDemo({ tree: TREE, files: 1000, requests: 5, downloads: 50, progress: () => undefined, attacked: () => undefined });
  assert.equal(report.files, 1000);
  assert.equal(report.downloads, 50);
  assert.equal(report.attacks.length, Object.keys(CODES).length * 2);
  for (const { name, client, refusal } of report.attacks) {
    assert.ok(refusal, `${client} accepted: ${name}`);
    if (client === "rstuf") assert.match(refusal, CODES[name]!);
  }
});
