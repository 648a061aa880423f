import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { parseKey, publicKeyOf } from "../../../tuf/keys.ts";
import type { JsonObject } from "../../../tuf/documents.ts";
import { generateKeyPair, writePrivatePem } from "./generate.ts";

const root = fs.mkdtempSync(join(tmpdir(), "rstuf-generate-"));
after(() => fs.rmSync(root, { recursive: true }));

describe("generateKeyPair", () => {
  for (const [type, keytype, scheme] of [["ed25519", "ed25519", "ed25519"], ["ecdsa", "ecdsa", "ecdsa-sha2-nistp256"], ["rsa", "rsa", "rsassa-pss-sha256"]] as const) {
    test(`makes a portable ${type} key whose halves belong together`, () => {
      const pair = generateKeyPair(type);
      assert.deepEqual([pair.key.keytype, pair.key.scheme], [keytype, scheme]);
      assert.deepEqual(parseKey(pair.key as JsonObject), pair.key);
      assert.deepEqual(publicKeyOf(pair.privatePem()), pair.key);
      assert.deepEqual(publicKeyOf(pair.publicPem), pair.key);
    });
  }

  test("makes another key each time", () => {
    assert.notDeepEqual(generateKeyPair("ed25519").key, generateKeyPair("ed25519").key);
  });

  test("encrypts with the password, and with no other", () => {
    const pair = generateKeyPair("ed25519");
    const pem = pair.privatePem("open sesame");
    assert.match(pem, /^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
    assert.throws(() => createPrivateKey(pem));
    assert.throws(() => createPrivateKey({ key: pem, passphrase: "other" }));
    assert.deepEqual(createPrivateKey({ key: pem, passphrase: "open sesame" }).export({ type: "pkcs8", format: "pem" }), pair.privatePem());
  });

  test("refuses an empty password", () => {
    assert.throws(() => generateKeyPair("ed25519").privatePem(""), TypeError);
  });
});

describe("writePrivatePem", () => {
  test("writes a file that only its owner reads", async () => {
    await writePrivatePem(join(root, "key"), "pem");
    assert.equal(fs.readFileSync(join(root, "key"), "utf8"), "pem");
    assert.equal(fs.statSync(join(root, "key")).mode & 0o777, 0o600);
  });

  test("never touches a file that exists, nor what a link points to", async () => {
    fs.writeFileSync(join(root, "taken"), "old");
    fs.symlinkSync(join(root, "nowhere"), join(root, "link"));
    for (const name of ["taken", "link"]) {
      await assert.rejects(writePrivatePem(join(root, name), "pem"), (error) => error instanceof Error && "code" in error && error.code === "EEXIST");
    }
    assert.equal(fs.readFileSync(join(root, "taken"), "utf8"), "old");
    assert.ok(!fs.existsSync(join(root, "nowhere")));
  });
});
