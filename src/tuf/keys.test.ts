import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { constants, generateKeyPairSync, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { HASH_ALGORITHMS, createHasher, hashHex, verifySignature } from "./crypto.ts";
import type { HashAlgorithm } from "./crypto.ts";
import type { Json, Key } from "./documents.ts";
import { TufError } from "./errors.ts";
import { keyFileName, keyidOf, parseKey, publicKeyOf, samePublicKey } from "./keys.ts";

interface SignatureVector { readonly name: string; readonly keyid: string; readonly key: Key; readonly sig: string }
const python = JSON.parse(readFileSync(new URL("vectors/python-tuf.json", import.meta.url), "utf8")) as {
  signatures: { messageHex: string; portable: SignatureVector[]; unportable: SignatureVector[] };
};
const go = JSON.parse(readFileSync(new URL("vectors/go-tuf.json", import.meta.url), "utf8")) as { keys: { key: Key; keyid: string }[] };
const tough = JSON.parse(readFileSync(new URL("vectors/tough.json", import.meta.url), "utf8")) as { keyids: { name: string; key: Key; keyid: string }[] };
const message = Buffer.from(python.signatures.messageHex, "hex");
const { portable, unportable } = python.signatures;
const vector = (name: string): SignatureVector => {
  const found = [...portable, ...unportable].find((row) => row.name === name);
  assert.ok(found, name);
  return found;
};
const code = (wanted: string) => (error: unknown): boolean => error instanceof TufError && error.code === wanted;

describe("verifySignature", () => {
  for (const { name, key, sig, keyid } of [...portable, ...unportable]) {
    test(`accepts python-tuf's ${name}, in upper case too, and nothing near it`, () => {
      assert.equal(verifySignature(key, { keyid, sig }, message), true);
      assert.equal(verifySignature(key, { keyid, sig: sig.toUpperCase() }, message), true);
      assert.equal(verifySignature(key, { keyid, sig }, Buffer.concat([message, Buffer.from([0])])), false);
      for (const near of [sig.slice(2), `${sig}00`, `${sig}zz`, `${sig}0`, `${sig} `, sig.slice(1), `${sig.slice(0, -1)}g`, "", ` ${sig}`, `0x${sig}`, sig.replace(/^../, (byte) => (byte === "00" ? "01" : "00"))]) {
        assert.equal(verifySignature(key, { keyid, sig: near }, message), false, near.slice(0, 20));
      }
    });
  }

  test("accepts the old keytype of ecdsa", () => {
    const { key, sig, keyid } = vector("ecdsa P-256");
    assert.equal(verifySignature({ ...key, keytype: "ecdsa-sha2-nistp256" }, { keyid, sig }, message), true);
  });

  test("holds the scheme to its key: type, curve, padding", () => {
    const ec = vector("ecdsa P-256");
    const rsa = vector("rsassa-pss-sha256");
    const swaps: Key[] = [
      { ...ec.key, scheme: "ecdsa-sha2-nistp384" },
      { ...ec.key, keyval: rsa.key.keyval },
      { ...ec.key, keytype: "rsa" },
      { ...ec.key, scheme: "ed25519", keytype: "ed25519" },
      { ...vector("ecdsa-sha2-nistp384").key, scheme: "ecdsa-sha2-nistp256" },
    ];
    for (const key of swaps) assert.equal(verifySignature(key, { keyid: "", sig: ec.sig }, message), false);
    assert.equal(verifySignature({ ...rsa.key, scheme: "rsa-pkcs1v15-sha256" }, { keyid: "", sig: rsa.sig }, message), false);
  });

  test("property: answers false and never throws, whatever the key and signature hold", () => {
    const anything = fc.anything({ withNullPrototype: true, maxDepth: 2 });
    fc.assert(fc.property(anything, anything, fc.constantFrom("rsa", "ecdsa", "ed25519", "x"), fc.constantFrom("ed25519", "rsassa-pss-sha256", "ecdsa-sha2-nistp256"), (value, sig, keytype, scheme) => {
      for (const key of [value, { keytype, scheme, keyval: value }, { keytype, scheme, keyval: { public: value } }]) {
        assert.equal(verifySignature(key as Key, { keyid: "k", sig: sig as string }, message), false);
      }
      assert.equal(verifySignature(vector("ed25519").key, { keyid: "k", sig: sig as string }, message), false);
    }), { numRuns: 200 });
  });
});

describe("parseKey", () => {
  for (const { name, key } of portable.slice(0, 3)) {
    test(`reads ${name} and keeps its other members`, () => {
      const value = { ...key, "x-note": { a: [1] } };
      assert.deepEqual(parseKey(value as Json), value);
    });
  }
  for (const { name, key } of unportable) {
    test(`reads ${name} only where unportable keys are allowed`, () => {
      assert.throws(() => parseKey(key as Json), code("key-unsupported"));
      assert.deepEqual(parseKey(key as Json, "id", { allowUnportable: true }), key);
    });
  }

  const rsaPem = (bits: number): string => generateKeyPairSync("rsa", { modulusLength: bits }).publicKey.export({ type: "spki", format: "pem" }).toString();
  const rsa = (pem: string): Json => ({ keytype: "rsa", scheme: "rsassa-pss-sha256", keyval: { public: pem } });
  const rsaKey = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const edPem = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" }).toString();
  const p256 = vector("ecdsa P-256").key;
  const refused: { name: string; key: Json; code: string }[] = [
    { name: "no object", key: [], code: "key-malformed" },
    { name: "a key without keyval", key: { keytype: "ed25519", scheme: "ed25519" }, code: "key-malformed" },
    { name: "a keyval that is a list", key: { keytype: "ed25519", scheme: "ed25519", keyval: ["x"] }, code: "key-malformed" },
    { name: "a public key that is a number", key: { keytype: "ed25519", scheme: "ed25519", keyval: { public: 1 } }, code: "key-malformed" },
    { name: "63 hex digits", key: { keytype: "ed25519", scheme: "ed25519", keyval: { public: "a".repeat(63) } }, code: "key-malformed" },
    { name: "ed25519 as PEM", key: { keytype: "ed25519", scheme: "ed25519", keyval: { public: edPem } }, code: "key-malformed" },
    { name: "an unknown type", key: { keytype: "dsa", scheme: "dsa", keyval: { public: "00" } }, code: "key-unsupported" },
    { name: "a scheme of another type", key: { keytype: "rsa", scheme: "ed25519", keyval: { public: "00" } }, code: "key-unsupported" },
    { name: "P-256 as a point in hex", key: { ...p256, keyval: { public: `04${"11".repeat(64)}` } }, code: "key-malformed" },
    { name: "P-384 under the scheme of P-256", key: { ...p256, keyval: vector("ecdsa-sha2-nistp384").key.keyval }, code: "key-malformed" },
    { name: "RSA of 1024 bits", key: rsa(rsaPem(1024)), code: "key-malformed" },
    { name: "RSA as PKCS#1", key: rsa(rsaKey.publicKey.export({ type: "pkcs1", format: "pem" }).toString()), code: "key-malformed" },
    { name: "a private key", key: rsa(rsaKey.privateKey.export({ type: "pkcs8", format: "pem" }).toString()), code: "key-malformed" },
    { name: "an EC key as RSA", key: rsa(p256.keyval.public), code: "key-malformed" },
    { name: "a PEM of nonsense", key: rsa("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), code: "key-malformed" },
    { name: "a PEM beyond any key's size", key: rsa(`-----BEGIN PUBLIC KEY-----\n${"A".repeat(1e6)}`), code: "key-malformed" },
  ];
  for (const { name, key, code: wanted } of refused) {
    test(`refuses ${name}`, () => { assert.throws(() => parseKey(key, "id"), code(wanted)); });
  }
  test("never repeats what stood in a key", () => {
    const secret = rsaKey.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    assert.throws(() => parseKey(rsa(secret)), (error: Error) => !error.message.includes(secret.slice(30, 60)));
  });
});

describe("keyidOf", () => {
  for (const { name, key, keyid } of [...portable.slice(0, 3), ...unportable]) {
    test(`is python-tuf's for ${name}`, () => { assert.equal(keyidOf(key), keyid); });
  }
  for (const { key, keyid } of go.keys) {
    test(`is go-tuf's for ${key.keytype} ${keyid.slice(0, 8)}`, () => { assert.equal(keyidOf(key), keyid); });
  }
  for (const { name, key, keyid } of tough.keyids) {
    test(`is over the whole key object, as tough recomputes it: ${name}`, () => { assert.equal(keyidOf(key), keyid); });
  }
});

describe("keyFileName", () => {
  test("does not change with members beside keytype, scheme and keyval", () => {
    const { key, keyid } = vector("ed25519");
    assert.equal(keyFileName({ ...key, "x-uri": "fn:a" }), keyid);
    assert.notEqual(keyidOf({ ...key, "x-uri": "fn:a" }), keyid);
  });
});

describe("publicKeyOf", () => {
  const pairs = {
    ed25519: generateKeyPairSync("ed25519"),
    ecdsa: generateKeyPairSync("ec", { namedCurve: "P-256" }),
    rsa: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  };
  for (const [keytype, pair] of Object.entries(pairs)) {
    test(`makes the same ${keytype} key of the public and the private PEM, and what it signs verifies`, () => {
      const key = publicKeyOf(pair.publicKey.export({ type: "spki", format: "pem" }));
      assert.deepEqual(publicKeyOf(pair.privateKey.export({ type: "pkcs8", format: "pem" })), key);
      assert.equal(key.keytype, keytype);
      assert.deepEqual(parseKey(key as Json), key);
      const sig = keytype === "rsa"
        ? sign("sha256", message, { key: pair.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 })
        : sign(keytype === "ecdsa" ? "sha256" : null, message, pair.privateKey);
      assert.equal(verifySignature(key, { keyid: keyidOf(key), sig: sig.toString("hex") }, message), true);
    });
  }
  test("refuses what is no PEM, an encrypted key and other kinds of key", () => {
    assert.throws(() => publicKeyOf("hello"), code("key-malformed"));
    const encrypted = pairs.ecdsa.privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" });
    assert.throws(() => publicKeyOf(encrypted), code("key-malformed"));
    assert.throws(() => publicKeyOf(generateKeyPairSync("x25519").publicKey.export({ type: "spki", format: "pem" })), code("key-unsupported"));
    assert.throws(() => publicKeyOf(generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey.export({ type: "spki", format: "pem" })), code("key-unsupported"));
  });
});

describe("samePublicKey", () => {
  test("looks at the public key alone: not scheme, spelling or other members", () => {
    const { key } = vector("ecdsa P-256");
    assert.ok(samePublicKey(key, { ...key, keytype: "ecdsa-sha2-nistp256", "x-a": 1, keyval: { public: key.keyval.public.replaceAll("\n", "\r\n") } }));
    assert.ok(samePublicKey(vector("rsassa-pss-sha256").key, vector("rsa-pkcs1v15-sha256").key));
    const ed = vector("ed25519").key;
    assert.ok(samePublicKey(ed, { ...ed, keyval: { public: ed.keyval.public.toUpperCase() } }));
    assert.ok(!samePublicKey(key, ed));
  });
});

describe("hashes", () => {
  // Of the empty string, as coreutils' sha*sum and b2sum, OpenSSL and Python's hashlib give them.
  const empty: Record<string, string> = {
    "sha224": "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f",
    "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "sha3-256": "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a",
    "blake2b-256": "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8",
    "blake2s-256": "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9",
  };
  for (const [algorithm, hex] of Object.entries(empty)) {
    test(`${algorithm} of nothing`, () => { assert.equal(hashHex(algorithm as HashAlgorithm, Buffer.alloc(0)), hex); });
  }
  test("every algorithm gives as many digits as it states, in pieces as at once", () => {
    for (const [algorithm, length] of HASH_ALGORITHMS) {
      const hasher = createHasher(algorithm as HashAlgorithm);
      hasher.update(Buffer.from("ab"));
      hasher.update(Buffer.from("c"));
      const hex = hasher.hex();
      assert.match(hex, /^[0-9a-f]+$/);
      assert.equal(hex.length, length, algorithm);
      assert.equal(hex, hashHex(algorithm as HashAlgorithm, Buffer.from("abc")), algorithm);
    }
  });
  test("aliases are the same hash", () => {
    for (const [a, b] of [["blake2b", "blake2b-512"], ["blake2s", "blake2s-256"], ["sha3_224", "sha3-224"]] as [HashAlgorithm, HashAlgorithm][]) {
      assert.equal(hashHex(a, Buffer.from("x")), hashHex(b, Buffer.from("x")));
    }
  });
});
