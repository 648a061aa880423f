import assert from "node:assert/strict";
import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Key, Signature } from "../tuf/documents.ts";
import { publicKeyIdentity } from "../tuf/keys.ts";
import { RoleError } from "./errors.ts";
import { completedAt, judgeSignature, standingOf, type Demand } from "./signing-event.ts";

const canonical = Buffer.from(`{"_type":"root"}`);

interface Holder {
  readonly keyid: string;
  readonly key: Key;
  readonly signature: Signature;
  readonly privateKey: KeyObject;
}

function holder(keyid: string): Holder {
  const { privateKey } = generateKeyPairSync("ed25519");
  const key: Key = { keytype: "ed25519", scheme: "ed25519", keyval: { public: Buffer.from(privateKey.export({ format: "jwk" }).x ?? "", "base64url").toString("hex") } };
  return { keyid, key, privateKey, signature: { keyid, sig: sign(null, canonical, privateKey).toString("hex") } };
}

const [a, b, c] = [holder("a"), holder("b"), holder("c")] as const;

const demand = (by: Demand["by"], threshold: number, ...holders: readonly Holder[]): Demand =>
  ({ by, keys: Object.fromEntries(holders.map(({ keyid, key }) => [keyid, key])), role: { keyids: holders.map(({ keyid }) => keyid), threshold } });

const OLD_AND_NEW = [demand("old", 2, a, b), demand("new", 1, c)];

const refused = (signature: Signature, demands = OLD_AND_NEW, earlier: readonly string[] = []): string => {
  try {
    judgeSignature(demands, canonical, signature, earlier);
  } catch (error) {
    assert(error instanceof RoleError && error.code === "signature-refused");
    return error.message;
  }
  return "accepted";
};

describe("standingOf", () => {
  test("names who signed and who is missing, for the old keys and the new ones", () => {
    const standing = standingOf(OLD_AND_NEW, { canonical, signatures: [b.signature] });
    assert.deepEqual(standing, {
      complete: false,
      demands: [{ by: "old", threshold: 2, signed: ["b"], missing: ["a"] }, { by: "new", threshold: 1, signed: [], missing: ["c"] }],
    });
  });

  test("is complete only when every demand is met", () => {
    const signed = (...by: readonly Holder[]) => standingOf(OLD_AND_NEW, { canonical, signatures: by.map(({ signature }) => signature) }).complete;
    assert.deepEqual([signed(a, b), signed(a, c), signed(c), signed(a, b, c), signed(c, b, a)], [false, false, false, true, true]);
  });

  test("counts one public key under two keyids once", () => {
    const twin = { ...a, keyid: "a2", signature: { ...a.signature, keyid: "a2" } };
    assert.equal(standingOf([demand("new", 2, a, twin)], { canonical, signatures: [a.signature, twin.signature] }).complete, false);
  });
});

test("completedAt is the first count that is enough, in whatever order people sign", () => {
  fc.assert(fc.property(fc.shuffledSubarray([a, b, c], { minLength: 3 }), (order) => {
    const signatures = order.map(({ signature }) => signature);
    assert.equal(completedAt(OLD_AND_NEW, { canonical, signatures }), 3);
    assert.equal(completedAt(OLD_AND_NEW, { canonical, signatures: signatures.slice(0, 2) }), undefined);
    assert.equal(completedAt([demand("new", 1, ...order)], { canonical, signatures }), 1);
  }));
});

describe("judgeSignature", () => {
  test("answers what stands for the key", () => {
    assert.equal(judgeSignature(OLD_AND_NEW, canonical, c.signature, []), publicKeyIdentity(c.key));
  });

  test("refuses what is not hexadecimal", () => {
    for (const sig of ["", "abc", "zz", " ab", "0x12", "ab".repeat(5000)]) assert.match(refused({ keyid: "a", sig }), /hexadecimal/);
  });

  test("refuses unknown keys, names of Object's members too", () => {
    for (const keyid of ["d", "", "constructor", "__proto__"]) assert.match(refused({ ...a.signature, keyid }), /may not sign/);
  });

  test("refuses a signature over other bytes, and one of another key", () => {
    assert.match(refused({ keyid: "a", sig: sign(null, Buffer.from("other"), a.privateKey).toString("hex") }), /not over the bytes/);
    assert.match(refused({ ...b.signature, keyid: "a" }), /not over the bytes/);
  });

  test("refuses a key that signed already, under another keyid too", () => {
    const twin = { ...a, keyid: "a2" };
    const demands = [demand("new", 2, a, twin, b)];
    assert.match(refused({ ...a.signature, keyid: "a2" }, demands, [publicKeyIdentity(a.key)]), /has signed/);
  });
});
