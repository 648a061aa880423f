// The signer contract on the fake and on keys in files and variables; and the contract
// itself, shown to refuse signers that break it.

import assert from "node:assert/strict";
import { constants, createPrivateKey, sign } from "node:crypto";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { createFileSigners } from "../../../src/drivers/signer/file/signers.ts";
import { generateKeyPair } from "../../../src/drivers/signer/file/generate.ts";
import type { KeyPair, KeyPairType } from "../../../src/drivers/signer/file/generate.ts";
import { SignerError } from "../../../src/ports/signer.ts";
import type { Signer } from "../../../src/ports/signer.ts";
import type { Key } from "../../../src/tuf/documents.ts";
import { createMemorySigners } from "../../fakes/signer.ts";
import { runCase, SIGNER_CASES, signerContract } from "./suite.ts";
import type { SignerHarness } from "./suite.ts";

const TYPES: readonly KeyPairType[] = ["ed25519", "ecdsa", "rsa"];
const made = new Map<string, KeyPair>();

/** Made once: an RSA key takes its time. */
function pair(type: KeyPairType, which = "own"): KeyPair {
  const name = `${type} ${which}`;
  const found = made.get(name) ?? generateKeyPair(type);
  made.set(name, found);
  return found;
}

function strangersOf(type: KeyPairType): Key[] {
  return [pair(type, "stranger").key, pair(TYPES.find((each) => each !== type)!).key];
}

/** Lines of the PEM, and the same bytes as hex. */
function secretsOf(pem: string): string[] {
  const lines = pem.split("\n").filter((line) => line !== "" && !line.startsWith("-"));
  return [...lines, Buffer.from(lines.join(""), "base64").subarray(-32).toString("hex")];
}

function memoryHarness(type: KeyPairType): SignerHarness {
  const signers = createMemorySigners();
  const uri = "fn:own";
  const key = type === "ed25519" ? signers.addEd25519(uri) : type === "ecdsa" ? signers.addEcdsa(uri) : signers.addRsa(uri);
  return { signers, uri, key, strangers: strangersOf(type), missing: "fn:none", secrets: [], end: async () => undefined };
}

function fileHarness(type: KeyPairType, scheme: "fn" | "file" | "env", password?: string): SignerHarness {
  const keyDir = fs.mkdtempSync(join(tmpdir(), "rstuf-keys-"));
  const own = pair(type);
  const pem = own.privatePem(password);
  fs.writeFileSync(join(keyDir, "own"), pem, { mode: 0o600 });
  fs.writeFileSync(join(keyDir, "password"), `${password ?? ""}\nsecond line\n`);
  const uris = { fn: ["fn:own", "fn:none"], file: [`file:${keyDir}/own`, `file:${keyDir}/none`], env: ["env:RSTUF_KEY_OWN", "env:RSTUF_KEY_NONE"] } as const;
  const [uri, missing] = uris[scheme];
  const signers = createFileSigners({
    keyDir: scheme === "fn" ? keyDir : undefined,
    allow: scheme === "fn" ? [] : [uri, missing],
    env: (name) => (name === "RSTUF_KEY_OWN" ? pem : undefined),
    passwordFile: password === undefined ? undefined : join(keyDir, "password"),
  });
  return {
    signers, uri, missing, key: own.key, strangers: strangersOf(type), secrets: secretsOf(pem),
    end: async () => fs.rmSync(keyDir, { recursive: true }),
  };
}

for (const type of TYPES) {
  signerContract(`memory, ${type}`, async () => memoryHarness(type));
  for (const scheme of ["fn", "file", "env"] as const) {
    signerContract(`${scheme}, ${type}`, async () => fileHarness(type, scheme));
    signerContract(`${scheme}, ${type}, encrypted`, async () => fileHarness(type, scheme, "open sesame"));
  }
}

// ---------------------------------------------------------------- broken ones

interface BrokenSigner {
  readonly name: string;
  readonly type: KeyPairType;
  readonly alter: (signer: Signer, pem: string) => Partial<Signer>;
  readonly refusedBy: string;
}

const FORM = "a signature is lower-case hex in the form its scheme has in TUF";
const BROKEN: readonly BrokenSigner[] = [
  {
    name: "signs the text of the bytes", type: "ed25519", refusedBy: "a signature is one of the key over exactly these bytes",
    alter: (signer) => ({ sign: (bytes) => signer.sign(Buffer.from(Buffer.from(bytes).toString("latin1").trim())) }),
  },
  {
    name: "answers with base64", type: "ed25519", refusedBy: FORM,
    alter: (signer) => ({ sign: async (bytes) => Buffer.from(await signer.sign(bytes), "hex").toString("base64") }),
  },
  { name: "answers in capitals", type: "ed25519", refusedBy: FORM, alter: (signer) => ({ sign: async (bytes) => (await signer.sign(bytes)).toUpperCase() }) },
  {
    name: "answers with bare r and s", type: "ecdsa", refusedBy: FORM,
    alter: (_, pem) => ({ sign: async (bytes) => sign("sha256", bytes, { key: createPrivateKey(pem), dsaEncoding: "ieee-p1363" }).toString("hex") }),
  },
  {
    name: "salts as long as it can", type: "rsa", refusedBy: FORM,
    alter: (_, pem) => ({
      sign: async (bytes) => sign("sha256", bytes, { key: createPrivateKey(pem), padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_MAX_SIGN }).toString("hex"),
    }),
  },
  {
    name: "signs the newest bytes for everybody who waits", type: "ed25519", refusedBy: "many signatures at once are each right",
    alter(signer) {
      let newest: Uint8Array;
      return {
        async sign(bytes) {
          newest = bytes;
          await Promise.resolve();
          return signer.sign(newest);
        },
      };
    },
  },
  { name: "carries its key", type: "ed25519", refusedBy: "neither the signer nor an error shows the private key", alter: (_, pem) => ({ pem }) as object },
  { name: "goes by another name", type: "ed25519", refusedBy: "the signer goes by the URI it was opened for", alter: () => ({ uri: "fn:other" }) },
];

describe("the signer contract refuses a signer that", () => {
  const refused = async (name: string, harness: () => Promise<SignerHarness>): Promise<void> => {
    const signerCase = SIGNER_CASES.find((each) => each.name === name);
    assert.ok(signerCase !== undefined, `there is a case "${name}"`);
    await assert.rejects(runCase(signerCase, harness), assert.AssertionError);
  };

  for (const { name, type, alter, refusedBy } of BROKEN) {
    test(name, async () => {
      await refused(refusedBy, async () => {
        const right = fileHarness(type, "fn");
        const pem = pair(type).privatePem();
        const open = async (uri: string, key: Key): Promise<Signer> => {
          const signer = await right.signers.open(uri, key);
          return { uri: signer.uri, sign: (bytes) => signer.sign(bytes), ...alter(signer, pem) };
        };
        return { ...right, signers: { open } };
      });
    });
  }

  test("opens for any key", async () => {
    await refused("opened for a key it is not the private half of: `wrong-key`, naming the URI", async () => {
      const right = fileHarness("ed25519", "fn");
      return { ...right, signers: { open: (uri) => right.signers.open(uri, right.key) } };
    });
  });

  test("tells what it read", async () => {
    await refused("neither the signer nor an error shows the private key", async () => {
      const right = fileHarness("ed25519", "fn");
      const open = (uri: string, key: Key): Promise<Signer> =>
        right.signers.open(uri, key).catch((cause: unknown) => {
          throw new SignerError("wrong-key", uri, { cause: new Error(pair("ed25519").privatePem(), { cause }) });
        });
      return { ...right, signers: { open } };
    });
  });
});
