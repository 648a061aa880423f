// The next root, and signatures for it, in a real terminal.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { rootChanges } from "../../src/roles/root-changes.ts";
import { CTRL_C, Desk, DOWN, PASSWORD } from "./desk.ts";

const desk = new Desk();
const BIN = join(import.meta.dirname, "..", "..", "bin", "rstuf.js");

before(() => {
  writeFileSync(desk.path("password.txt"), `${PASSWORD}\n`);
  writeFileSync(desk.path("plan.yaml"), 'root: { threshold: 2, keys: [keys/ann.pub, keys/bob.pub] }\nonline: { file: keys/online.pub, uri: "fn:online" }\nbins: { number: 4 }\n');
  const argv = ["admin", "ceremony", "--plan", "plan.yaml", "--yes", "--dry-run", "--out", "first.json", "--sign-with", "keys/ann", "--sign-with", "keys/bob", "--password-file", "password.txt"];
  const { status, stderr } = spawnSync(process.execPath, [BIN, ...argv], { cwd: desk.folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  assert.equal(status, 0, stderr);
});
after(() => { desk[Symbol.dispose](); });

describe("root in a terminal", () => {
  test("update asks for everything that may change, shows it in words, and signs; sign adds the rest", async () => {
    const update = await desk.run(["admin", "metadata", "update", "--in", "first.json", "--dry-run", "--out", "update.json"], {}, async ({ answers, asks, sees, types }) => {
      await answers("Do you want to change the expiry date?");
      await asks("days until expiry for 'root'");
      types("\x7f".repeat(3), "30", "\r");
      await asks("Do you want to change the threshold?");
      types("y");
      await answers("Please enter 'root' threshold");
      await answers("root keys: ann, bob", DOWN);
      await answers("What kind of key is it, root key 3");
      await answers("File with the public key, root key 3", "keys/carol.pub");
      await answers("Name of this key");
      await answers("root keys: ann, bob, carol", DOWN, DOWN);
      await answers("Which one goes?");
      await answers("root keys: bob, carol");
      await asks("Do you want to change the online key?");
      types("y");
      await answers("File with the public key, the online key", "keys/next.pub");
      await answers("Name of this key");
      await answers("Where the service finds its private half");
      await sees("Changes against root version 1");
      await answers("Is this what you want to sign?");
      await answers("Select a key for signing or continue");
      await answers("File with the private key", "keys/online");
      await sees("may not sign this document");
      await answers("Select a key for signing or continue");
      await answers("File with the private key", "keys/bob");
      await sees("Signed with bob");
      await answers("Select a key for signing or continue", DOWN);
    });
    assert.equal(update.exitCode, 0);
    const [before, next] = [desk.root("first.json"), desk.root("update.json")];
    assert.equal(next.signatures.length, 1);
    const changes = rootChanges(before.signed, next.signed).map((change) => change.replaceAll(/\(.*\)/g, ""));
    assert.deepEqual(changes.filter((change) => /root: key/.test(change)).sort(), ["root: key ann  removed", "root: key carol  added"]);
    for (const keyid of Object.keys(next.signed.keys)) assert.ok(update.seen.includes(keyid), `${keyid} was not shown whole`);

    const sign = ["admin", "metadata", "sign", "--in", "update.json", "--trusted-root", "first.json", "--add"];
    const interrupted = await desk.run(sign, {}, async ({ answers, asks, sees, types }) => {
      await answers("Is this what you want to sign?");
      await answers("Select a key for signing");
      await answers("File with the private key", "keys/ann");
      await answers("Password of ann", "wrong");
      await answers("Password of ann", "worse");
      await answers("Password of ann", "worst");
      await sees("cannot be opened with 3 passwords");
      await answers("Select a key for signing");
      await answers("File with the private key", "keys/ann");
      await asks("Password of ann");
      types(CTRL_C);
    });
    assert.equal(interrupted.exitCode, 130);
    assert.equal(desk.root("update.json").signatures.length, 1, "nothing was signed");

    const signed = await desk.run(sign, {}, async ({ answers, sees }) => {
      await answers("Is this what you want to sign?");
      await answers("Select a key for signing");
      await answers("File with the private key", "keys/ann");
      await answers("Password of ann", PASSWORD);
      await answers("Select a key for signing or continue");
      await answers("File with the private key", "keys/carol");
      await sees("Metadata is fully signed.");
    });
    assert.equal(signed.exitCode, 0);
    assert.deepEqual(desk.root("update.json").signatures.map(({ keyid }) => keyid).sort(), ["ann", "bob", "carol"].map((name) => desk.keyid(name, name === "ann" ? before : next)).sort());
  });
});
