// The ceremony as root key holders meet it: the shipped program in a real terminal.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, describe, test } from "node:test";
import { checkBootstrapRoot } from "../../src/roles/bootstrap.ts";
import { DRAFT_FILE } from "../../src/cli/admin/draft.ts";
import { sha256Hex } from "../../src/tuf/crypto.ts";
import { CTRL_C, Desk, DOWN, isColoured, PASSWORD, type Sitting } from "./desk.ts";

const desk = new Desk();
after(() => { desk[Symbol.dispose](); });

const CEREMONY = ["admin", "ceremony", "--dry-run", "--out"];

async function lifetimes({ answers }: Sitting): Promise<void> {
  for (const role of ["timestamp", "snapshot", "targets"]) await answers(`days until expiry for '${role}'`);
}

async function key({ answers }: Sitting, which: string, file: string): Promise<void> {
  await answers(`What kind of key is it, ${which}`);
  await answers(`File with the public key, ${which}`, `keys/${file}.pub`);
  await answers("Name of this key");
}

describe("a ceremony in a terminal", () => {
  test("Ctrl-C halfway keeps the answers; the next run goes on, a wrong password is asked again, and nothing is coloured where NO_COLOR is set", async () => {
    const begun = await desk.run(CEREMONY, {}, async (sitting) => {
      const { answers, asks, sees, types } = sitting;
      await lifetimes(sitting);
      await answers("Who signs targets");
      await answers("How are artifacts spread");
      await answers("days until expiry for 'bins'");
      await answers("number of delegated hash bins");
      await answers("days until expiry for 'root'");
      await answers("'root' threshold");
      await sees("2 key(s) missing for threshold 2.");
      await key(sitting, "root key 1", "ann");
      await answers("root keys: ann");
      await key(sitting, "root key 2", "bob");
      await sees("Threshold 2 is met, more keys can be added.");
      await answers("root keys: ann, bob");
      await asks("File with the public key, the online key");
      types(CTRL_C);
    });
    assert.equal(begun.exitCode, 130);
    assert.match(begun.seen, /interrupted\s*$/);
    assert.ok(isColoured(begun.raw));
    assert.ok(existsSync(desk.path(DRAFT_FILE)) && !existsSync(desk.path("ceremony-payload.json")));

    const ended = await desk.run(CEREMONY, { NO_COLOR: "1" }, async ({ answers, sees, types }) => {
      await answers("Go on with the ceremony that was begun here on ");
      await answers("File with the public key, the online key", "keys/none.pub");
      await sees("keys/none.pub cannot be read");
      await answers("File with the public key, the online key", "keys/online.pub");
      await answers("Name of this key");
      await answers("Where the service finds its private half");
      await sees("Expected private key file name is");
      await answers("Is this what you want to sign?");
      await answers("Select a key for signing or continue", "");
      await answers("File with the private key", "keys/ann");
      await answers("Password of ann", "wrong");
      await sees("That password does not open ann.");
      await answers("Password of ann", PASSWORD);
      await sees("Signed with ann");
      await answers("Select a key for signing or continue");
      await answers("File with the private key", "keys/ann");
      await answers("Password of ann", PASSWORD);
      await sees("signature");
      await answers("Select a key for signing or continue");
      await answers("File with the private key", "keys/bob");
      await sees("Metadata is fully signed.");
      types("");
    });
    assert.equal(ended.exitCode, 0);
    assert.ok(!isColoured(ended.raw));
    const root = desk.root("ceremony-payload.json");
    assert.ok(checkBootstrapRoot(Buffer.from(JSON.stringify(root.envelope)), Date.now(), { allowUnportable: false }).complete);
    for (const whole of [sha256Hex(root.canonical), ...root.signed.roles.root.keyids]) assert.ok(ended.seen.includes(whole), `${whole} was not shown whole`);
    assert.ok(!existsSync(desk.path(DRAFT_FILE)));
  });

  test("custom delegations: every question, what cannot be is said at once, keys that live elsewhere are said to", async () => {
    const { exitCode } = await desk.run([...CEREMONY, "custom.json"], {}, async (sitting) => {
      const { answers, asks, sees, types } = sitting;
      await asks("days until expiry for 'timestamp'");
      types("\x7f", "0", "\r");
      await sees("a whole number from 1 to");
      types("\x7f", "1", "\r");
      for (const role of ["snapshot", "targets"]) await answers(`days until expiry for '${role}'`);
      await answers("Who signs targets");
      await answers("How are artifacts spread", DOWN);
      await asks("delegated target role name");
      types("snapshot", "\r");
      await sees("the name");
      types("\x7f".repeat(8), "project", "\r");
      await answers("days until expiry for 'project'");
      await answers("Please enter path", "project/*");
      await answers("Paths: project/*", DOWN);
      await answers("Please enter path", "old/*");
      await answers("Paths: project/* old/*", DOWN, DOWN);
      await answers("Which one goes?", DOWN);
      await answers("Paths: project/*");
      await answers("Select signing:", DOWN);
      await answers("'project' threshold");
      await answers("What kind of key is it, project key 1", DOWN);
      await sees("HSM or YubiKey is not built into this release");
      await answers("What kind of key is it, project key 1", DOWN, DOWN);
      await sees("Sigstore is not built into this release");
      await key(sitting, "project key 1", "bob");
      await answers("project keys: bob");
      await answers("What kind of key is it, project key 2");
      await answers("File with the public key, project key 2", "keys/bob.pub");
      await sees("Key already in use");
      await key(sitting, "project key 2", "carol");
      await answers("project keys: bob, carol", DOWN, DOWN);
      await answers("Which one goes?");
      await answers("project keys: carol");
      await key(sitting, "project key 2", "bob");
      await answers("project keys: carol, bob");
      await answers("Delegated roles: project", DOWN);
      await answers("delegated target role name", "nightly");
      await answers("days until expiry for 'nightly'");
      await answers("Please enter path", "nightly/*");
      await answers("Paths: nightly/*");
      await answers("Select signing:");
      await answers("Delegated roles: project, nightly", DOWN, DOWN);
      await answers("Which one goes?", DOWN);
      await answers("Delegated roles: project");
      await answers("days until expiry for 'root'");
      await asks("'root' threshold");
      types("\x7f", "1", "\r");
      await key(sitting, "root key 1", "ann");
      await answers("root keys: ann");
      await answers("File with the public key, the online key", "keys/ann.pub");
      await sees("Key already in use");
      await answers("File with the public key, the online key", "keys/online.pub");
      await answers("Name of this key");
      await answers("Where the service finds its private half");
      await asks("Is this what you want to sign?");
      types("n");
    });
    assert.equal(exitCode, 1);
    assert.ok(!existsSync(desk.path("custom.json")));
  });
});
