// Rule 43: roots 1 to N are all there, each follows from the one before, and root 1 is the
// one that was trusted. Rule 51: no more of them than a client walks.

import { reasonOf } from "../lib/app-error.ts";
import { parseEnvelope, parseExpires, type ParsedEnvelope } from "../tuf/parse.ts";
import { delegationOf } from "../tuf/search.ts";
import { CLIENT_LIMITS } from "../tuf/trusted-set.ts";
import { checkSignatures } from "./document.ts";
import { tryRead, type PublishedFiles } from "./files.ts";
import type { Findings } from "./report.ts";
import type { DatabaseView } from "./rows.ts";

export interface RootChain {
  /** The last root that verifies: what a client ends with. */
  readonly root: ParsedEnvelope<"root">;
  readonly count: number;
  readonly bytes: number;
}

/** @param trusted the root handed out to clients, of any version */
export async function checkRoots(files: PublishedFiles, trusted: Uint8Array, now: number, database: DatabaseView | undefined, findings: Findings): Promise<RootChain | undefined> {
  const start = readTrusted(trusted, findings);
  if (start === undefined) return undefined;
  let root = start;
  let previous: ParsedEnvelope<"root"> | undefined;
  let bytes = 0;
  let version = 1;
  for (; version <= MOST_ROOTS; version += 1) {
    const file = `${version}.root.json`;
    const read = await tryRead(files, findings, 43, file);
    if (read === "absent" && version <= start.signed.version) {
      findings.add(43, "missing", file, `is not there; the trusted root has version ${start.signed.version}`);
      previous = undefined;
      continue;
    }
    if (!Buffer.isBuffer(read)) break;
    bytes += read.byteLength;
    const next = readRoot(read, file, version, findings);
    if (next === undefined) break;
    const same = version !== start.signed.version || read.equals(trusted);
    if (!same) findings.add(43, "root-differs", file, "is another root than the trusted one");
    await compareWithDatabase(database, version, read, findings);
    const own = checkSignatures(next, file, 43, "it", delegationOf(next.signed, "root"), findings);
    const follows = previous === undefined || checkSignatures(next, file, 43, `root ${version - 1}`, delegationOf(previous.signed, "root"), findings);
    // Clients stop at a root that does not verify, and keep the last one that did.
    if (!same || !own || !follows) break;
    if (!next.signed.consistent_snapshot) findings.add(43, "not-consistent", file, "says consistent_snapshot false; versioned names would not be read");
    previous = next;
    if (version >= start.signed.version) root = next;
  }
  const last = root.signed.version;
  await checkEnd(files, last, database, findings);
  if (last > CLIENT_LIMITS.rootRotations) findings.add(51, "too-large", `${last}.root.json`, `is the last of ${last} roots; a client walks ${CLIENT_LIMITS.rootRotations}`);
  if (parseExpires(root.signed.expires) <= now) findings.add(43, "expired", `${last}.root.json`, `expired ${root.signed.expires}`);
  return { root, count: last, bytes };
}

/** Bounds the walk over roots that never end. */
const MOST_ROOTS = 1024;

function readTrusted(trusted: Uint8Array, findings: Findings): ParsedEnvelope<"root"> | undefined {
  try {
    const root = parseEnvelope(trusted, "root");
    return checkSignatures(root, "the trusted root", 43, "it", delegationOf(root.signed, "root"), findings) ? root : undefined;
  } catch (error) {
    findings.add(43, "malformed", "the trusted root", reasonOf(error));
    return undefined;
  }
}

function readRoot(bytes: Buffer, file: string, version: number, findings: Findings): ParsedEnvelope<"root"> | undefined {
  if (bytes.byteLength > CLIENT_LIMITS.rootBytes) findings.add(51, "too-large", file, `has ${bytes.byteLength} bytes; a client reads ${CLIENT_LIMITS.rootBytes}`);
  try {
    const root = parseEnvelope(bytes, "root");
    if (root.signed.version === version) return root;
    findings.add(43, "version", file, `says version ${root.signed.version}`);
  } catch (error) {
    findings.add(43, "malformed", file, reasonOf(error));
  }
  return undefined;
}

async function compareWithDatabase(database: DatabaseView | undefined, version: number, bytes: Buffer, findings: Findings): Promise<void> {
  if (database === undefined) return;
  const kept = await database.envelope("root", version);
  const file = `${version}.root.json`;
  if (kept === undefined) findings.add(43, "root-differs", file, "is not in the database");
  else if (!kept.bytes.equals(bytes)) findings.add(43, "root-differs", file, "has other bytes in the database");
}

/** Nothing may lie past the end: a client would take it, or stumble over it. */
async function checkEnd(files: PublishedFiles, last: number, database: DatabaseView | undefined, findings: Findings): Promise<void> {
  for (const version of [last + 1, last + 2]) {
    const file = `${version}.root.json`;
    const read = await tryRead(files, findings, 43, file);
    if (Buffer.isBuffer(read)) findings.add(43, "root-chain", file, `is there, but root ${last} is the last that verifies`);
  }
  const kept = await database?.envelope("root");
  if (kept !== undefined && kept.version > last) findings.add(43, "missing", `${kept.version}.root.json`, `is committed in the database, and the published chain ends with root ${last}`);
}
