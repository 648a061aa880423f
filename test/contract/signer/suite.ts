// What every signer must do: each sentence of the port as a case that fails by throwing.

import assert from "node:assert/strict";
import { constants, createPublicKey, verify } from "node:crypto";
import { describe, test } from "node:test";
import { inspect } from "node:util";
import { SignerError } from "../../../src/ports/signer.ts";
import type { Signers } from "../../../src/ports/signer.ts";
import { verifySignature } from "../../../src/tuf/crypto.ts";
import type { Key } from "../../../src/tuf/documents.ts";

export interface SignerHarness {
  readonly signers: Signers;
  /** A URI that can be opened, and its public half. */
  readonly uri: string;
  readonly key: Key;
  /** Another key of the same type, and one of another type. */
  readonly strangers: readonly Key[];
  /** A URI of the same kind under which nothing lies. */
  readonly missing: string;
  /** Text of the private key that must never come out. */
  readonly secrets: readonly string[];
  end(): Promise<void>;
}

export interface SignerCase {
  readonly name: string;
  run(harness: SignerHarness): Promise<void>;
}

export function signerContract(name: string, harness: () => Promise<SignerHarness>): void {
  describe(`signer contract: ${name}`, () => {
    for (const signerCase of SIGNER_CASES) test(signerCase.name, () => runCase(signerCase, harness));
  });
}

export async function runCase(signerCase: SignerCase, harness: () => Promise<SignerHarness>): Promise<void> {
  const place = await harness();
  try {
    await signerCase.run(place);
  } finally {
    await place.end();
  }
}

const MESSAGES = ["", "a", '{"_type":"timestamp"}', "\u0000\u001f\u007f\u00e9\u{1f511}", "x".repeat(300_000)].map((text) => Buffer.from(text));

export const SIGNER_CASES: readonly SignerCase[] = [
  {
    name: "the signer goes by the URI it was opened for",
    async run({ signers, uri, key }) {
      assert.equal((await signers.open(uri, key)).uri, uri);
    },
  },
  {
    name: "a signature is one of the key over exactly these bytes",
    async run({ signers, uri, key }) {
      const signer = await signers.open(uri, key);
      for (const message of MESSAGES) {
        const sig = await signer.sign(message);
        assert.ok(verifySignature(key, { keyid: "k", sig }, message), "verifies");
        assert.ok(!verifySignature(key, { keyid: "k", sig }, Buffer.concat([message, Buffer.from(" ")])), "verifies nothing else");
      }
    },
  },
  {
    name: "a signature is lower-case hex in the form its scheme has in TUF",
    async run({ signers, uri, key }) {
      const signer = await signers.open(uri, key);
      for (let round = 0; round < 8; round += 1) {
        const message = Buffer.from(`round ${round}`);
        const sig = await signer.sign(message);
        assert.match(sig, /^(?:[0-9a-f]{2})+$/);
        FORMS[key.scheme]!(key, Buffer.from(sig, "hex"), message);
      }
    },
  },
  {
    name: "many signatures at once are each right",
    async run({ signers, uri, key }) {
      const signer = await signers.open(uri, key);
      const messages = Array.from({ length: 40 }, (_, at) => Buffer.from(`message ${at} ${"y".repeat(at * 50)}`));
      const sigs = await Promise.all(messages.map((message) => signer.sign(message)));
      for (const [at, sig] of sigs.entries()) assert.ok(verifySignature(key, { keyid: "k", sig }, messages[at]!), `message ${at}`);
    },
  },
  {
    name: "opening twice is allowed, and both sign",
    async run({ signers, uri, key }) {
      const [first, second] = await Promise.all([signers.open(uri, key), signers.open(uri, key)]);
      for (const signer of [first, second, first]) {
        assert.ok(verifySignature(key, { keyid: "k", sig: await signer.sign(MESSAGES[2]!) }, MESSAGES[2]!));
      }
    },
  },
  {
    name: "members of the key beside type, scheme and value do not matter",
    async run({ signers, uri, key }) {
      const signer = await signers.open(uri, { ...key, "x-rstuf-key-name": "online" });
      assert.ok(verifySignature(key, { keyid: "k", sig: await signer.sign(MESSAGES[1]!) }, MESSAGES[1]!));
    },
  },
  {
    name: "opened for a key it is not the private half of: `wrong-key`, naming the URI",
    async run({ signers, uri, strangers }) {
      for (const stranger of strangers) await refuses(signers.open(uri, stranger), ["wrong-key"], uri);
    },
  },
  {
    name: "where nothing lies: `not-found`, naming the URI",
    async run({ signers, missing, key }) {
      await refuses(signers.open(missing, key), ["not-found"], missing);
    },
  },
  {
    name: "neither the signer nor an error shows the private key",
    async run({ signers, uri, key, strangers, secrets }) {
      const shown: unknown[] = [signers, await signers.open(uri, key)];
      for (const stranger of strangers) shown.push(await signers.open(uri, stranger).catch((error: unknown) => error));
      for (const each of shown) {
        const text = `${inspect(each, { depth: 9, showHidden: true })} ${JSON.stringify(each)} ${each instanceof Error ? (each.stack ?? "") : ""}`;
        for (const secret of secrets) assert.ok(!text.includes(secret), "the key stays in");
      }
    },
  },
];

/** By scheme: the form that verifying alone would not notice. */
const FORMS: Readonly<Record<string, (key: Key, signature: Buffer, message: Buffer) => void>> = {
  ed25519: (_key, signature) => assert.equal(signature.length, 64),
  "ecdsa-sha2-nistp256": (_key, signature) => {
    // DER: a sequence of exactly this length, of two integers.
    assert.equal(signature[0], 0x30);
    assert.equal(signature[1], signature.length - 2);
    assert.equal(signature[2], 0x02);
  },
  "rsassa-pss-sha256": (key, signature, message) => {
    const options = { key: createPublicKey(key.keyval.public), padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    assert.ok(verify("sha256", message, options, signature), "a salt as long as the digest");
  },
};

async function refuses(opening: Promise<unknown>, codes: readonly SignerError["code"][], uri: string): Promise<void> {
  await assert.rejects(opening, (error) => {
    assert.ok(error instanceof SignerError, String(error));
    assert.ok(codes.includes(error.code), error.code);
    assert.ok(error.message.includes(uri), error.message);
    return true;
  });
}
