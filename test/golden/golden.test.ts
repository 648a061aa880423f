import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { TrustedSet } from "../../src/tuf/trusted-set.ts";
import { parseEnvelope, parseExpires } from "../../src/tuf/parse.ts";
import { canonicalize, envelopeBytes } from "../../src/tuf/canonical.ts";
import type { Json } from "../../src/tuf/documents.ts";
import { EXPIRES, goldenFiles } from "./repository.ts";

const folder = new URL("files/", import.meta.url);
const pinned = (name: string): Buffer => readFileSync(new URL(name, folder));

describe("golden files", () => {
  test("are the files that are generated, no more and no fewer", () => {
    assert.deepEqual(readdirSync(folder).sort(), [...goldenFiles().keys()].sort());
  });
  for (const [name, bytes] of goldenFiles()) {
    test(`${name} is made byte for byte`, () => {
      assert.equal(bytes.toString("utf8"), pinned(name).toString("utf8"));
      assert.ok(bytes.equals(pinned(name)));
    });
  }
  for (const name of [...goldenFiles().keys()].filter((name) => name !== "names.json")) {
    test(`${name} is read and written again as the same bytes`, () => {
      const { envelope, canonical, signatures } = parseEnvelope(pinned(name));
      assert.ok(envelopeBytes(canonical, signatures).equals(pinned(name)));
      assert.ok(canonicalize(envelope as unknown as Json).equals(canonicalize(JSON.parse(pinned(name).toString()) as Json)));
    });
  }
  test("are a repository that a client accepts", () => {
    const set = new TrustedSet(pinned("1.root.json"), { now: parseExpires(EXPIRES) - 1 });
    set.updateRoot(pinned("2.root.json"));
    set.updateTimestamp(pinned("timestamp.json"));
    set.updateSnapshot(pinned("7.snapshot.json"));
    set.updateTargets(pinned("5.targets.json"), "targets", "root");
    set.updateTargets(pinned("3.bins-0.json"), "bins-0", "targets");
    set.updateTargets(pinned("4.bins-1.json"), "bins-1", "targets");
    assert.equal(Object.keys(set.targets("bins-0")?.signed.targets ?? {}).length, 2);
  });
});
