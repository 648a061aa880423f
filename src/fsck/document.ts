// One published document against what its parent and its delegator say of it.

import { reasonOf } from "../lib/app-error.ts";
import { hashHex, isHashAlgorithm } from "../tuf/crypto.ts";
import type { FileMeta, Signed } from "../tuf/documents.ts";
import { parseEnvelope, parseExpires, type ParsedEnvelope } from "../tuf/parse.ts";
import type { Delegator } from "../tuf/search.ts";
import { verifyThreshold } from "../tuf/threshold.ts";
import type { Findings } from "./report.ts";

export interface Expected<T extends Signed["_type"]> {
  readonly rule: number;
  readonly file: string;
  readonly type: T;
  /** Who vouches for it; each one must. Named for the message. */
  readonly delegators: readonly { readonly by: string; readonly delegator: Delegator | undefined }[];
  /** What its parent states; undefined for root and timestamp, which no parent names. */
  readonly stated: FileMeta | undefined;
  /** What a client reads at most where no length is stated. */
  readonly defaultBytes: number;
  /** Milliseconds; undefined: may be expired. */
  readonly now: number | undefined;
}

/** Parses and checks; undefined when it is not a document of that type at all. */
export function checkDocument<T extends Signed["_type"]>(bytes: Buffer, expected: Expected<T>, findings: Findings): ParsedEnvelope<T> | undefined {
  const { rule, file, stated } = expected;
  const readAtMost = stated?.length ?? expected.defaultBytes;
  if (stated?.length !== undefined && stated.length !== bytes.byteLength) {
    findings.add(rule, "length", file, `has ${bytes.byteLength} bytes where ${stated.length} are stated`);
  } else if (bytes.byteLength > readAtMost) {
    findings.add(51, "too-large", file, `has ${bytes.byteLength} bytes; a client reads ${readAtMost} when no length is stated`);
  }
  for (const [algorithm, hex] of Object.entries(stated?.hashes ?? {})) {
    if (isHashAlgorithm(algorithm) && hashHex(algorithm, bytes) !== hex.toLowerCase()) findings.add(rule, "hash", file, `has another ${algorithm} than stated`);
  }
  let parsed: ParsedEnvelope<T>;
  try {
    parsed = parseEnvelope(bytes, expected.type);
  } catch (error) {
    findings.add(rule, "malformed", file, reasonOf(error));
    return undefined;
  }
  if (stated !== undefined && parsed.signed.version !== stated.version) {
    findings.add(rule, "version", file, `says version ${parsed.signed.version} where ${stated.version} is stated`);
  }
  for (const { by, delegator } of expected.delegators) checkSignatures(parsed, file, rule, by, delegator, findings);
  if (expected.now !== undefined && parseExpires(parsed.signed.expires) <= expected.now) {
    findings.add(rule, "expired", file, `expired ${parsed.signed.expires}`);
  }
  return parsed;
}

/** Whether enough of the delegator's keys signed; a fault when not. */
export function checkSignatures(parsed: Pick<ParsedEnvelope, "signatures" | "canonical">, file: string, rule: number, by: string, delegator: Delegator | undefined, findings: Findings): boolean {
  if (delegator === undefined) {
    findings.add(rule, "signature", file, `${by} delegates nothing to it`);
    return false;
  }
  const { valid, met } = verifyThreshold(delegator, parsed);
  if (!met) findings.add(rule, "signature", file, `is signed by ${valid.length} of the keys that ${by} names; ${delegator.role.threshold} are needed`);
  return met;
}
