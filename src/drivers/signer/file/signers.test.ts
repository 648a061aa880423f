// Which keys a URI can reach, which files hold one, and what errors tell.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { inspect } from "node:util";
import { SignerError } from "../../../ports/signer.ts";
import { verifySignature } from "../../../tuf/crypto.ts";
import type { Key } from "../../../tuf/documents.ts";
import { generateKeyPair } from "./generate.ts";
import { createFileSigners } from "./signers.ts";
import type { FileSignersOptions } from "./signers.ts";

const root = fs.mkdtempSync(join(tmpdir(), "rstuf-signers-"));
after(() => fs.rmSync(root, { recursive: true }));

const keyDir = join(root, "keys");
const own = generateKeyPair("ed25519");
const PASSWORD = "correct horse";
const MARK = "MARKOFTHECONTENT";

fs.mkdirSync(join(keyDir, "folder"), { recursive: true });
fs.writeFileSync(join(root, "outside"), own.privatePem());
const files: Readonly<Record<string, string | Buffer>> = {
  "own.pem": own.privatePem(),
  "encrypted": own.privatePem(PASSWORD),
  "crlf": own.privatePem().replaceAll("\n", "\r\n"),
  "public": own.publicPem,
  "empty": "",
  "text": `${MARK} is no key`,
  "broken": `-----BEGIN PRIVATE KEY-----\n${MARK}\n-----END PRIVATE KEY-----\n`,
  "large": Buffer.concat([Buffer.from(own.privatePem()), Buffer.alloc(64 * 1024, "\n")]),
  "binary": createPrivateKey(own.privatePem()).export({ type: "pkcs8", format: "der" }),
};
for (const [name, content] of Object.entries(files)) fs.writeFileSync(join(keyDir, name), content);
fs.symlinkSync(join(root, "outside"), join(keyDir, "link"));
fs.symlinkSync(join(keyDir, "own.pem"), join(keyDir, "inner-link"));
execFileSync("mkfifo", [join(keyDir, "pipe")]);
fs.writeFileSync(join(root, "password"), `${PASSWORD}\nnot this\n`);

const ENV: Readonly<Record<string, string>> = {
  RSTUF_KEY_OWN: own.privatePem(),
  RSTUF_KEY_ESCAPED: own.privatePem().trim().replaceAll("\n", "\\n"),
  RSTUF_KEY_TEXT: MARK,
  RSTUF_KEY_EMPTY: "",
  SECRET: own.privatePem(),
};

function open(uri: string, options: Partial<FileSignersOptions> = {}, key: Key = own.key): Promise<{ sign(bytes: Uint8Array): Promise<string> }> {
  return createFileSigners({ keyDir, allow: [], env: (name) => ENV[name], ...options }).open(uri, key);
}

async function signs(uri: string, options: Partial<FileSignersOptions> = {}, key: Key = own.key): Promise<void> {
  const bytes = Buffer.from("bytes");
  assert.ok(verifySignature(key, { keyid: "k", sig: await (await open(uri, options, key)).sign(bytes) }, bytes));
}

describe("a URI reaches nothing that was not offered", () => {
  const rows: readonly { readonly uri: string; readonly code: SignerError["code"]; readonly options?: Partial<FileSignersOptions> }[] = [
    { uri: "fn:../outside", code: "not-allowed" },
    { uri: "fn:..", code: "not-allowed" },
    { uri: "fn:.", code: "not-allowed" },
    { uri: "fn:", code: "not-allowed" },
    { uri: "fn:folder/own.pem", code: "not-allowed" },
    { uri: `fn:${root}/outside`, code: "not-allowed" },
    { uri: "fn:own.pem\0", code: "not-allowed" },
    { uri: "fn:own.pem\n", code: "not-allowed" },
    { uri: "fn:own pem", code: "not-allowed" },
    { uri: "fn:%6fwn.pem", code: "not-allowed" },
    { uri: "fn:\u00f6wn.pem", code: "not-allowed" },
    { uri: `fn:${"a".repeat(256)}`, code: "not-allowed" },
    { uri: "fn:own.pem", code: "not-allowed", options: { keyDir: undefined } },
    { uri: "fn:link", code: "unreadable" },
    { uri: "fn:inner-link", code: "unreadable" },
    { uri: `file:${root}/outside`, code: "not-allowed" },
    { uri: `file:${root}/keys/../outside`, code: "not-allowed", options: { allow: [`file:${root}/outside`] } },
    { uri: `file://${root}/outside`, code: "not-allowed", options: { allow: [`file:${root}/outside`] } },
    { uri: `FILE:${root}/outside`, code: "not-built-in", options: { allow: [`file:${root}/outside`] } },
    { uri: "env:RSTUF_KEY_OWN", code: "not-allowed" },
    { uri: "env:SECRET", code: "not-allowed", options: { allow: ["env:SECRET"] } },
    { uri: "env:RSTUF_KEY_", code: "not-allowed", options: { allow: ["env:RSTUF_KEY_"] } },
    { uri: "env:rstuf_key_own", code: "not-allowed", options: { allow: ["env:rstuf_key_own"] } },
    ...[
      "awskms:alias/a", "gcpkms:projects/a", "azurekms://vault/key", "hv:name/1", "hsm:2", "gnupg:abc", "sigstore:?identity=a", "file2:/a", "envvar:A",
      "fn", "own.pem", "", ":", "http://127.0.0.1/", "constructor:a",
    ].map((uri) => ({ uri, code: "not-built-in" as const, options: { allow: [uri] } })),
  ];
  for (const { uri, code, options } of rows) {
    test(`${JSON.stringify(uri.replace(root, "ROOT")).slice(0, 60)}${options?.allow === undefined ? "" : " (allowed or near it)"}: ${code}`, async () => {
      await refused(open(uri, options), code, uri);
    });
  }
});

describe("what lies there and is no usable private key is refused, and not shown", () => {
  const rows: readonly { readonly uri: string; readonly code: SignerError["code"]; readonly options?: Partial<FileSignersOptions> }[] = [
    { uri: "fn:none", code: "not-found" },
    { uri: "fn:folder", code: "unreadable" },
    { uri: "fn:pipe", code: "unreadable" },
    { uri: "fn:empty", code: "unreadable" },
    { uri: "fn:text", code: "unreadable" },
    { uri: "fn:broken", code: "unreadable" },
    { uri: "fn:public", code: "unreadable" },
    { uri: "fn:binary", code: "unreadable" },
    { uri: "fn:large", code: "unreadable" },
    { uri: "fn:encrypted", code: "unreadable" },
    { uri: "fn:encrypted", code: "unreadable", options: { password: "wrong" } },
    { uri: "fn:encrypted", code: "unreadable", options: { password: "" } },
    { uri: "fn:encrypted", code: "unreadable", options: { passwordFile: join(root, "none") } },
    { uri: "fn:encrypted", code: "unreadable", options: { passwordFile: keyDir } },
    { uri: "env:RSTUF_KEY_TEXT", code: "unreadable", options: { allow: ["env:RSTUF_KEY_TEXT"] } },
    { uri: "env:RSTUF_KEY_EMPTY", code: "not-found", options: { allow: ["env:RSTUF_KEY_EMPTY"] } },
    { uri: "env:RSTUF_KEY_NONE", code: "not-found", options: { allow: ["env:RSTUF_KEY_NONE"] } },
  ];
  for (const { uri, code, options } of rows) {
    test(`${uri}${options === undefined ? "" : ` ${Object.keys(options).join()}`}: ${code}`, () => refused(open(uri, options), code, uri));
  }
});

test("a long URI is cut in the message", async () => {
  await assert.rejects(open(`fn:${"a/".repeat(5000)}`), (error) => error instanceof SignerError && error.message.length < 500);
});

describe("keys are read", () => {
  test("from the key directory", () => signs("fn:own.pem"));
  test("with line ends of Windows", () => signs("fn:crlf"));
  test("with the password given", () => signs("fn:encrypted", { password: PASSWORD }));
  test("with the first line of the password file", () => signs("fn:encrypted", { passwordFile: join(root, "password") }));
  test("plain, when a password is configured for others", () => signs("fn:own.pem", { password: PASSWORD, passwordFile: join(root, "none") }));
  test("from an allowed path", () => signs(`file:${root}/outside`, { allow: [`file:${root}/outside`] }));
  test("from an allowed path that is a link, as mounted secrets are", () => signs(`file:${keyDir}/link`, { allow: [`file:${keyDir}/link`] }));
  test("from an allowed path as a URL", () => signs(`file://${root}/outside`, { allow: [`file://${root}/outside`] }));
  test("from an allowed path with the old suffix", () => signs(`file:${root}/outside?encrypted=false`, { allow: [`file:${root}/outside?encrypted=false`] }));
  test("from an allowed variable", () => signs("env:RSTUF_KEY_OWN", { allow: ["env:RSTUF_KEY_OWN"] }));
  test("from a variable with escaped line ends", () => signs("env:RSTUF_KEY_ESCAPED", { allow: ["env:RSTUF_KEY_ESCAPED"] }));

  test("in the older forms SEC1 and PKCS#1, encrypted as well", async () => {
    for (const [type, form] of [["ecdsa", "sec1"], ["rsa", "pkcs1"]] as const) {
      const pair = generateKeyPair(type);
      const key = createPrivateKey(pair.privatePem());
      fs.writeFileSync(join(keyDir, form), key.export({ type: form, format: "pem" }));
      await signs(`fn:${form}`, {}, pair.key);
      fs.writeFileSync(join(keyDir, `${form}-encrypted`), key.export({ type: form, format: "pem", cipher: "aes-256-cbc", passphrase: PASSWORD }));
      await signs(`fn:${form}-encrypted`, { password: PASSWORD }, pair.key);
      await refused(open(`fn:${form}-encrypted`, {}, pair.key), "unreadable", `fn:${form}-encrypted`);
    }
  });
});

test("a key that changed its file is read anew at the next opening", async () => {
  const next = generateKeyPair("ed25519");
  fs.writeFileSync(join(keyDir, "rotated"), own.privatePem());
  await signs("fn:rotated");
  fs.writeFileSync(join(keyDir, "rotated"), next.privatePem());
  await refused(open("fn:rotated"), "wrong-key", "fn:rotated");
  await signs("fn:rotated", {}, next.key);
});

test("a scheme nobody here signs under is refused", async () => {
  await refused(open("fn:own.pem", {}, { ...own.key, scheme: "ed448" }), "not-built-in", "fn:own.pem");
});

test("a key of the right value under the wrong scheme is refused", async () => {
  await refused(open("fn:own.pem", {}, { ...own.key, keytype: "rsa", scheme: "rsassa-pss-sha256" }), "wrong-key", "fn:own.pem");
});

async function refused(opening: Promise<unknown>, code: SignerError["code"], uri: string): Promise<void> {
  await assert.rejects(opening, (error) => {
    assert.ok(error instanceof SignerError, String(error));
    assert.equal(error.code, code);
    assert.ok(error.message.includes(JSON.stringify(uri).slice(1, 150)), error.message);
    const shown = inspect(error, { depth: 9, showHidden: true });
    for (const secret of [MARK, PASSWORD, ...own.privatePem().split("\n").filter((line) => line.length > 30 && !line.startsWith("-"))]) {
      assert.ok(!shown.includes(secret), "the content stays in");
    }
    return true;
  });
}
