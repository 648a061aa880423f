// A Sigstore of our own, thrown away with the test: authority, certificate log, log, and people who sign.
//
// Parts of `@sigstore/mock`, taken one by one: its entry would watch all HTTP requests of the process.

import { createHash, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { createRequire } from "node:module";
import { canonicalize } from "../../src/tuf/canonical.ts";
import type { Json, JsonObject, Key, Signature } from "../../src/tuf/documents.ts";
import { keyidOf } from "../../src/tuf/keys.ts";

interface Pair { readonly publicKey: KeyObject; readonly privateKey: KeyObject }
interface CtLog { readonly publicKey: Buffer; readonly logID: ArrayBuffer }
interface Authority {
  readonly rootCertificate: Uint8Array;
  issueCertificate(order: { publicKey: Uint8Array; subjectAltName: string; extensions: readonly { oid: string; value: string }[] }): Promise<Uint8Array>;
}
interface Log {
  readonly publicKey: Buffer;
  log(entry: object): Promise<Record<string, { body: string; integratedTime: number; logID: string; logIndex: number; verification: { signedEntryTimestamp: string; inclusionProof: { checkpoint: string; hashes: string[]; logIndex: number; rootHash: string; treeSize: number } } }>>;
}

const part: (path: string) => unknown = createRequire(import.meta.url);
const { initializeCA } = part("@sigstore/mock/dist/fulcio/ca.js") as { initializeCA: (pair: Pair, ctLog: CtLog, clock: Date) => Promise<Authority> };
const { initializeCTLog } = part("@sigstore/mock/dist/fulcio/ctlog.js") as { initializeCTLog: (pair: Pair, clock: Date) => Promise<CtLog> };
const { initializeTLog } = part("@sigstore/mock/dist/rekor/tlog.js") as { initializeTLog: (url: string, pair: Pair, clock: Date) => Promise<Log> };

const ISSUER_OID = "1.3.6.1.4.1.57264.1.8";
const pairOf = (namedCurve: string): Pair => generateKeyPairSync("ec", { namedCurve });
const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();

export interface SigstoreHolder {
  readonly keyid: string;
  readonly key: Key;
  sign(signed: unknown, as?: { readonly identity?: string; readonly issuer?: string }): Promise<Signature & { readonly bundle: JsonObject }>;
}

export interface Sigstore {
  /** `trusted_root.json`. */
  readonly trustedRoot: JsonObject;
  holder(identity: string, issuer?: string): SigstoreHolder;
}

/** Everybody signs a moment after now, for the authority's own certificate begins now. */
export async function createSigstore(): Promise<Sigstore> {
  const at = new Date(Date.now() + 2000);
  const ctLog = await initializeCTLog(pairOf("P-256"), at);
  const authority = await initializeCA(pairOf("P-384"), ctLog, at);
  const log = await initializeTLog("https://rekor.example", pairOf("P-256"), at);
  const since = { validFor: { start: "2000-01-01T00:00:00Z" } };
  const logOf = (publicKey: Buffer, keyId: Uint8Array) =>
    ({ baseUrl: "https://rekor.example", hashAlgorithm: "SHA2_256", publicKey: { rawBytes: publicKey.toString("base64"), keyDetails: "PKIX_ECDSA_P256_SHA_256", ...since }, logId: { keyId: Buffer.from(keyId).toString("base64") } });
  return {
    trustedRoot: {
      mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
      tlogs: [logOf(log.publicKey, sha256(log.publicKey))],
      certificateAuthorities: [{ subject: { organization: "sigstore.mock", commonName: "sigstore" }, uri: "https://fulcio.example", certChain: { certificates: [{ rawBytes: Buffer.from(authority.rootCertificate).toString("base64") }] }, ...since }],
      ctlogs: [logOf(ctLog.publicKey, new Uint8Array(ctLog.logID))],
      timestampAuthorities: [],
    },
    holder(identity, issuer = "https://accounts.example") {
      const key = { keytype: "sigstore-oidc", scheme: "Fulcio", keyval: { identity, issuer }, "x-rstuf-key-name": identity } as unknown as Key;
      const keyid = keyidOf(key);
      return { keyid, key, sign: async (signed, as = {}) => ({ keyid, ...(await signature(canonicalize(signed as Json), as.identity ?? identity, as.issuer ?? issuer)) }) };
    },
  };

  async function signature(bytes: Buffer, identity: string, issuer: string): Promise<{ sig: string; bundle: JsonObject }> {
    const pair = pairOf("P-256");
    const certificate = Buffer.from(await authority.issueCertificate({ publicKey: pair.publicKey.export({ type: "spki", format: "der" }), subjectAltName: identity, extensions: [{ oid: ISSUER_OID, value: issuer }] }));
    const signed = sign("sha256", bytes, pair.privateKey);
    const digest = sha256(bytes);
    const pem = `-----BEGIN CERTIFICATE-----\n${certificate.toString("base64").replace(/(.{64})(?=.)/g, "$1\n")}\n-----END CERTIFICATE-----\n`;
    const [entry] = Object.values(await log.log({
      apiVersion: "0.0.1", kind: "hashedrekord",
      spec: { data: { hash: { algorithm: "sha256", value: digest.toString("hex") } }, signature: { content: signed.toString("base64"), publicKey: { content: Buffer.from(pem).toString("base64") } } },
    }));
    if (entry === undefined) throw new Error("the log took nothing");
    const { inclusionProof: proof, signedEntryTimestamp } = entry.verification;
    const bundle = {
      mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
      verificationMaterial: {
        certificate: { rawBytes: certificate.toString("base64") },
        tlogEntries: [{
          logIndex: String(entry.logIndex), logId: { keyId: Buffer.from(entry.logID, "hex").toString("base64") }, kindVersion: { kind: "hashedrekord", version: "0.0.1" },
          integratedTime: String(entry.integratedTime), inclusionPromise: { signedEntryTimestamp }, canonicalizedBody: entry.body,
          inclusionProof: { logIndex: String(proof.logIndex), rootHash: Buffer.from(proof.rootHash, "hex").toString("base64"), treeSize: String(proof.treeSize), hashes: proof.hashes.map((hash) => Buffer.from(hash, "hex").toString("base64")), checkpoint: { envelope: proof.checkpoint } },
        }],
        timestampVerificationData: { rfc3161Timestamps: [] },
      },
      messageSignature: { messageDigest: { algorithm: "SHA2_256", digest: digest.toString("base64") }, signature: signed.toString("base64") },
    };
    return { sig: signed.toString("hex"), bundle };
  }
}
