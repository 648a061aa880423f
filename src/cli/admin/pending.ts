// A document that waits for signatures: what it says, who must sign it, who has.

import { AppError } from "../../lib/app-error.ts";
import { own } from "../../lib/own.ts";
import { keyWords } from "../../roles/key-words.ts";
import { peopleDemand } from "../../roles/people.ts";
import { peopleSignTargets } from "../../roles/root-rules.ts";
import { demandsOf } from "../../roles/root-update.ts";
import { judgeSignature, standingOf, type Demand, type Standing } from "../../roles/signing-event.ts";
import { sha256Hex } from "../../tuf/crypto.ts";
import type { Json, Key, Signature, Targets } from "../../tuf/documents.ts";
import { samePublicKey } from "../../tuf/keys.ts";
import { parseEnvelope, type ParsedEnvelope } from "../../tuf/parse.ts";
import { delegationOf } from "../../tuf/threshold.ts";
import { CliError } from "../errors.ts";

/** What people sign. */
export type Document = ParsedEnvelope<"root"> | ParsedEnvelope<"targets">;

export interface Pending {
  /** As the service names it. */
  readonly role: string;
  readonly document: Document;
  /** The root in force, which must agree too. */
  readonly previous: ParsedEnvelope<"root"> | undefined;
  /** Of a delegated role the version in force, when it came along. */
  readonly follows?: Targets;
  readonly demands: readonly Demand[];
}

/** @throws CliError `document-unreadable` */
export function readDocument(value: unknown, what: string): Document {
  const document = parsedFrom(value, what);
  if (document.signed._type === "root" || document.signed._type === "targets") return document as unknown as Document;
  throw new CliError("document-unreadable", `${what} is a ${document.signed._type} document; people sign root and targets`, { todo: "name a payload of a ceremony or an update, what --export saved, or a signed document" });
}

/** @throws CliError `document-unreadable` */
export function readRoot(value: unknown, what: string): ParsedEnvelope<"root"> {
  const document = readDocument(value, what);
  if (isRoot(document)) return document;
  throw new CliError("document-unreadable", `${what} is a ${document.signed._type} document, not a root`, { todo: "name a root.json, or a payload with one" });
}

export const isRoot = (document: Document): document is ParsedEnvelope<"root"> => document.signed._type === "root";

function parsedFrom(value: unknown, what: string): ParsedEnvelope {
  try {
    return parseEnvelope(Buffer.from(JSON.stringify(value ?? null)));
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new CliError("document-unreadable", `${what} is no signed TUF document`, { why: error.message, todo: "name a payload of a ceremony or an update, what --export saved, or a signed document", cause: error });
  }
}

/** A root with the one before it; undefined: the first of its repository. @throws CliError `document-unreadable` */
export function pendingRoot(document: ParsedEnvelope<"root">, previous: ParsedEnvelope<"root"> | undefined): Pending {
  const { version } = document.signed;
  if (version > 1 && previous?.signed.version !== version - 1) {
    throw new CliError("document-unreadable", `root version ${version} must be signed by the keys of version ${version - 1} too, and that root is not at hand`, { todo: "name it with --trusted-root, or take the document from the service" });
  }
  return { role: "root", document, previous, demands: demandsOf(version > 1 ? previous?.signed : undefined, document.signed) };
}

/**
 * Top-level targets that people sign, by the keys that a root names: the one in force, one that waits beside it (which then
 * may change who signs), or both.
 */
export function pendingTopTargets(document: ParsedEnvelope<"targets">, current: ParsedEnvelope<"root"> | undefined, next: ParsedEnvelope<"root"> | undefined, follows?: Targets): Pending {
  const by = (root: ParsedEnvelope<"root"> | undefined, side: Demand["by"]): Demand[] => (root === undefined || !peopleSignTargets(root.signed) ? [] : [{ ...peopleDemand({ keys: root.signed.keys, role: root.signed.roles.targets }), by: side }]);
  const old = by(current, next === undefined ? "new" : "old");
  const own = by(next, "new");
  const text = (demands: readonly Demand[]): string => JSON.stringify(demands.map(({ keys, role }) => [role, role.keyids.map((keyid) => keys[keyid])]));
  const demands = text(old) === text(own) ? own : [...old, ...own];
  if (demands.length === 0) throw new CliError("document-unreadable", "nothing at hand says who signs targets", { why: "no root came along whose targets people sign", todo: "take it from the service again: rstuf admin metadata sign" });
  return { role: "targets", document, previous: undefined, demands, ...(follows === undefined ? {} : { follows }) };
}

/** A delegated role with the document that delegates to it. @throws CliError `document-unreadable` */
export function pendingTargets(role: string, document: ParsedEnvelope<"targets">, delegator: Targets, follows: Targets | undefined): Pending {
  const delegation = delegationOf(delegator, role);
  if (delegation === undefined) throw new CliError("document-unreadable", `nothing at hand says who signs for ${role}`, { why: "the document that came along does not delegate to it", todo: "take it from the service again: rstuf admin metadata sign" });
  return { role, document, previous: undefined, demands: [{ by: "new", keys: delegation.keys, role: delegation.role }], ...(follows === undefined ? {} : { follows }) };
}

export const standing = (pending: Pending, signatures: readonly Signature[] = pending.document.signatures): Standing => standingOf(pending.demands, { canonical: pending.document.canonical, signatures });

/** What two people compare over the phone before they sign the same. */
export const fingerprint = (pending: Pending): string => sha256Hex(pending.document.canonical);

/** Who has signed and who is missing, a line each. */
export function standingLines(pending: Pending, signatures?: readonly Signature[]): string[] {
  const { demands } = standing(pending, signatures);
  return demands.flatMap(({ by, threshold, signed, missing }, at) => {
    const of = pending.previous === undefined ? "" : by === "old" ? ` by keys of root version ${pending.previous.signed.version}` : ` by keys of root version ${pending.document.signed.version}`;
    const keys = pending.demands[at]?.keys ?? {};
    return [`${signed.length} of ${threshold} signatures needed${of}`, ...signed.map((keyid) => `  signed      ${keyWords(keyid, own(keys, keyid))}`), ...missing.map((keyid) => `  ${signed.length >= threshold ? "not needed" : "missing   "}  ${keyWords(keyid, own(keys, keyid))}`)];
  });
}

/** Under which keyid this public key may sign, if it may. */
export function signingKeyOf(pending: Pending, mine: Key): { readonly keyid: string; readonly key: Key } | undefined {
  for (const { keys, role } of pending.demands) {
    for (const keyid of role.keyids) {
      const key = own(keys, keyid);
      if (key !== undefined && samePublicKey(key, mine)) return { keyid, key };
    }
  }
  return undefined;
}

/** The document with one signature more. @throws CliError `signature-refused` when the service would not take it */
export function withSignature(pending: Pending, signature: Signature): Pending {
  const { document } = pending;
  const identities: string[] = [];
  for (const earlier of document.signatures) {
    const identity = identityOf(pending, earlier, identities);
    if (identity !== undefined) identities.push(identity);
  }
  try {
    judgeSignature(pending.demands, document.canonical, signature, identities);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new CliError("signature-refused", `the signature was made, and does not fit: ${error.message}`, { todo: "take the document from where it came once more, and sign that", cause: error });
  }
  const envelope = { ...(document.envelope as unknown as { readonly [name: string]: Json }), signatures: [...document.signatures.filter(({ keyid }) => keyid !== signature.keyid), signature] as unknown as Json };
  return { ...pending, document: readDocument(envelope, pending.role) };
}

function identityOf(pending: Pending, signature: Signature, earlier: readonly string[]): string | undefined {
  try {
    return judgeSignature(pending.demands, pending.document.canonical, signature, earlier);
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
