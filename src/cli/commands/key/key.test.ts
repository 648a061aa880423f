import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, test } from "node:test";
import { runCli } from "../../../../test/fakes/cli.ts";
import { KEYS } from "../../../../test/fakes/person.ts";
import { keyFileName, keyidOf, publicKeyOf } from "../../../tuf/keys.ts";

const base = mkdtempSync(join(tmpdir(), "rstuf-key-"));
after(() => rmSync(base, { recursive: true, force: true }));
let cwd = base;
let count = 0;
beforeEach(() => {
  cwd = join(base, String((count += 1)));
  mkdirSync(cwd);
});
const key = (...argv: string[]) => runCli(["key", ...argv], { cwd });

describe("rstuf key generate", () => {
  for (const [type, scheme] of [["ed25519", "ed25519"], ["ecdsa", "ecdsa-sha2-nistp256"], ["rsa", "rsassa-pss-sha256"]] as const) {
    test(`makes a pair of type ${type} that says what it is`, async () => {
      const { stdout, exitCode } = await key("generate", "--type", type, "--json");
      const made = JSON.parse(stdout) as Record<string, string>;
      const pem = readFileSync(made["publicFile"]!);
      const expected = publicKeyOf(pem);
      assert.deepEqual([made["keytype"], made["scheme"], made["keyid"], made["fileName"]], [type, scheme, keyidOf(expected), keyFileName(expected)]);
      assert.equal(made["uri"], `fn:${keyFileName(expected)}`);
      assert.deepEqual(publicKeyOf(readFileSync(made["privateFile"]!)), expected);
      assert.deepEqual(readdirSync(cwd).sort(), [keyFileName(expected), `${keyFileName(expected)}.pub`]);
      assert.equal(exitCode, 0);
    });
  }

  test("lets nobody else read the private key, nor its folder", async () => {
    await key("generate", "--out-dir", "a/b", "--name", "k");
    assert.equal(statSync(join(cwd, "a/b/k")).mode & 0o777, 0o600);
    assert.equal(statSync(join(cwd, "a/b")).mode & 0o777, 0o700);
  });

  test("encrypts with the first line of the password file", async () => {
    writeFileSync(join(cwd, "password"), "correct horse\nsecond line\n");
    const { stdout, stderr } = await key("generate", "--name", "k", "--password-file", "password");
    const pem = readFileSync(join(cwd, "k"), "utf8");
    assert.match(pem, /^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
    createPrivateKey({ key: pem, passphrase: "correct horse" });
    assert.match(stdout, /encrypted {4}yes/);
    assert.ok(!`${stdout}${stderr}`.includes("horse"));
  });

  test("warns of a key that is not encrypted, and never shows it", async () => {
    const { stdout, stderr } = await key("generate", "--name", "k");
    assert.match(stderr, /not encrypted/);
    const secret = readFileSync(join(cwd, "k"), "utf8").split("\n")[1]!;
    assert.ok(!`${stdout}${stderr}`.includes(secret));
  });

  test("overwrites neither a private nor a public key", async () => {
    for (const name of ["k", "l.pub"]) {
      writeFileSync(join(cwd, name), "precious");
      const { stderr, exitCode } = await key("generate", "--name", name.replace(".pub", ""));
      assert.match(stderr, /\(file-exists\)/);
      assert.equal(exitCode, 1);
      assert.equal(readFileSync(join(cwd, name), "utf8"), "precious");
    }
    assert.deepEqual(readdirSync(cwd).sort(), ["k", "l.pub"]);
  });

  for (const name of ["../k", "a/b", "..", ".", "", "k\u0000", "é"]) {
    test(`refuses the name ${JSON.stringify(name)}`, async () => {
      const { exitCode } = await key("generate", "--name", name);
      assert.equal(exitCode, 1);
      assert.deepEqual(readdirSync(cwd), []);
    });
  }

  test("refuses a password file that is empty or not there", async () => {
    writeFileSync(join(cwd, "empty"), "\nx");
    for (const file of ["empty", "none"]) assert.match((await key("generate", "--password-file", file)).stderr, /\(file-unreadable\)/);
    assert.deepEqual(readdirSync(cwd), ["empty"]);
  });

  test("says why a folder cannot be written to", async () => {
    writeFileSync(join(cwd, "file"), "");
    const { stderr, exitCode } = await key("generate", "--out-dir", "file/sub");
    assert.match(stderr, /a part of the path is no folder \(file-unwritable\)/);
    assert.equal(exitCode, 1);
  });
});

describe("rstuf key info", () => {
  test("--name says the keyid that a document lists the key under by that name", async () => {
    await key("generate", "--name", "ann");
    const converted = JSON.parse((await key("convert", "ann.pub", "--to", "tuf", "--name", "ann")).stdout) as Parameters<typeof keyidOf>[0];
    assert.match((await key("info", "ann.pub", "--name", "ann")).stdout, new RegExp(`keyid there +${keyidOf(converted)}\n`));
  });

  test("says the same of both halves, encrypted or not", async () => {
    writeFileSync(join(cwd, "password"), "pw\n");
    const made = JSON.parse((await key("generate", "--name", "k", "--password-file", "password", "--json")).stdout) as { keyid: string; fileName: string };
    const { stdout, exitCode } = await key("info", "k", "k.pub", "--password-file", "password", "--json");
    const lines = stdout.trim().split("\n").map((line) => JSON.parse(line) as Record<string, string>);
    assert.deepEqual(lines, ["k", "k.pub"].map((file) => ({ file, keyid: made.keyid, keytype: "ed25519", scheme: "ed25519", fileName: made.fileName })));
    assert.equal(exitCode, 0);
  });

  test("reads all it can, and answers 1 when that is not all", async () => {
    await key("generate", "--name", "k");
    writeFileSync(join(cwd, "junk"), "no key");
    const { stdout, stderr, exitCode } = await key("info", "none", "junk", "k");
    assert.match(stdout, /^file {9}k\n/);
    assert.match(stderr, /none cannot be read.*\(file-unreadable\)\nerror: junk holds no key.*\(key-unreadable\)/);
    assert.equal(exitCode, 1);
  });

  test("tells a missing password from a wrong one", async () => {
    for (const password of ["right", "wrong"]) writeFileSync(join(cwd, password), password);
    await key("generate", "--name", "k", "--password-file", "right");
    assert.match((await key("info", "k")).stderr, /--password-file FILE is missing/);
    const { stderr } = await key("info", "k", "--password-file", "wrong");
    assert.match(stderr, /\(key-unreadable\)/);
    assert.ok(!stderr.includes("signers.passwordFile"));
  });

  test("reads no more of a file than a key can have", async () => {
    writeFileSync(join(cwd, "large"), Buffer.alloc(100_000, "-"));
    assert.match((await key("info", "large")).stderr, /longer than the 65536 bytes/);
  });
});

describe("rstuf key convert", () => {
  const convert = (...argv: string[]) => key("convert", ...argv);

  test("every form into every other, and the key stays the same", async () => {
    const made = JSON.parse((await key("generate", "--name", "k", "--json")).stdout) as { keyid: string };
    writeFileSync(join(cwd, "pw"), "correct horse");
    assert.equal((await convert("k", "--to", "private", "--new-password-file", "pw", "--out", "k.enc")).exitCode, 0);
    assert.match(readFileSync(join(cwd, "k.enc"), "utf8"), /^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
    assert.equal((await convert("k.enc", "--to", "private", "--password-file", "pw", "--out", "k.plain")).exitCode, 0);
    assert.equal(statSync(join(cwd, "k.plain")).mode & 0o777, 0o600);
    assert.equal((await convert("k.enc", "--to", "public", "--password-file", "pw", "--out", "k.pem")).exitCode, 0);
    assert.equal((await convert("k.pem", "--to", "tuf", "--out", "k.json")).exitCode, 0);
    assert.equal((await convert("k.json", "--to", "public")).stdout, readFileSync(join(cwd, "k.pub"), "utf8"));
    const { stdout } = await key("info", "k", "k.pub", "k.plain", "k.pem", "k.json", "--json");
    for (const line of stdout.trim().split("\n")) assert.equal((JSON.parse(line) as { keyid: string }).keyid, made.keyid, line);
  });

  test("a key of securesystemslib gives up its private half to a file alone", async () => {
    await key("generate", "--name", "k");
    const { d = "", x = "" } = createPrivateKey(readFileSync(join(cwd, "k"))).export({ format: "jwk" });
    const [seed, held] = [d, x].map((part) => Buffer.from(part, "base64url").toString("hex"));
    writeFileSync(join(cwd, "old.json"), JSON.stringify({ keytype: "ed25519", scheme: "ed25519", keyid_hash_algorithms: ["sha256"], keyval: { public: held, private: seed } }));
    const { stdout } = await convert("old.json", "--to", "tuf", "--name", "Ann", "--uri", "fn:ann");
    assert.deepEqual(JSON.parse(stdout), { keytype: "ed25519", scheme: "ed25519", keyval: { public: held }, "x-rstuf-key-name": "Ann", "x-rstuf-online-key-uri": "fn:ann" });
    assert.equal((await convert("old.json", "--to", "private", "--out", "new")).exitCode, 0);
    assert.equal(readFileSync(join(cwd, "new"), "utf8"), readFileSync(join(cwd, "k"), "utf8"));
    const shown = await convert("old.json", "--to", "private", "--out", "-");
    assert.equal(shown.exitCode, 2);
    assert.ok(!`${shown.stdout}${shown.stderr}`.includes(seed!));
  });

  test("overwrites nothing, and makes no private key of a public one", async () => {
    await key("generate", "--name", "k");
    for (const [to, out] of [["private", "k"], ["public", "k.pub"]] as const) assert.match((await convert("k", "--to", to, "--out", out)).stderr, /\(file-exists\)/);
    assert.match((await convert("k.pub", "--to", "private", "--out", "x")).stderr, /public key alone/);
    assert.equal((await convert("k.pub")).exitCode, 2);
    assert.match((await convert("k.pub", "--to", "public", "--name", "x")).stderr, /goes with --to tuf|go with --to tuf/);
  });

  test("at a terminal it asks for the form, the file, and a new password twice", async () => {
    await key("generate", "--name", "k");
    const { exitCode, stderr } = await runCli(["key", "convert", "k"], { cwd, talk: async (person) => {
      await person.answers("What shall it become?", KEYS.up);
      await person.answers("File for the private key", "asked");
      await person.answers("New password", "correct horse");
      await person.answers("The same again", "correct");
      await person.sees("that is another one");
      person.types(" horse", KEYS.enter);
    } });
    assert.equal(exitCode, 0, stderr);
    createPrivateKey({ key: readFileSync(join(cwd, "asked")), passphrase: "correct horse" });
  });
});
