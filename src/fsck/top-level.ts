// Rules 44, 45 and 51 for timestamp, snapshot and targets: each is there, is the file its
// parent states, is signed as root says, and has not expired.

import type { FileMeta, Snapshot } from "../tuf/documents.ts";
import type { ParsedEnvelope } from "../tuf/parse.ts";
import { delegationOf } from "../tuf/search.ts";
import { CLIENT_LIMITS } from "../tuf/trusted-set.ts";
import { own } from "../lib/own.ts";
import { checkDocument } from "./document.ts";
import { readNamed, type PublishedFiles } from "./files.ts";
import type { Findings } from "./report.ts";

export interface TopLevel {
  readonly timestampBytes?: Buffer;
  readonly timestamp?: ParsedEnvelope<"timestamp">;
  readonly snapshot?: ParsedEnvelope<"snapshot">;
  readonly targets?: ParsedEnvelope<"targets">;
  readonly bytes: number;
}

export async function checkTopLevel(files: PublishedFiles, root: ParsedEnvelope<"root">, now: number, findings: Findings): Promise<TopLevel> {
  const by = `root ${root.signed.version}`;
  const delegators = (role: string) => [{ by, delegator: delegationOf(root.signed, role) }];

  const timestampBytes = await readNamed(files, findings, 44, "timestamp.json", "every client");
  if (timestampBytes === undefined) return { bytes: 0 };
  const timestamp = checkDocument(timestampBytes, { rule: 44, file: "timestamp.json", type: "timestamp", delegators: delegators("timestamp"), stated: undefined, defaultBytes: CLIENT_LIMITS.timestampBytes, now }, findings);
  if (timestamp === undefined) return { timestampBytes, bytes: timestampBytes.byteLength };

  const ofSnapshot = timestamp.signed.meta["snapshot.json"];
  const snapshotFile = `${ofSnapshot.version}.snapshot.json`;
  const snapshotBytes = await readNamed(files, findings, 44, snapshotFile, "timestamp.json");
  const snapshot = snapshotBytes && checkDocument(snapshotBytes, { rule: 44, file: snapshotFile, type: "snapshot", delegators: delegators("snapshot"), stated: ofSnapshot, defaultBytes: CLIENT_LIMITS.snapshotBytes, now }, findings);
  const bytes = timestampBytes.byteLength + (snapshotBytes?.byteLength ?? 0);
  if (snapshot === undefined) return { timestampBytes, timestamp, bytes };

  const ofTargets = metaOf(snapshot.signed, "targets");
  if (ofTargets === undefined) {
    findings.add(45, "not-in-snapshot", "targets", `${snapshotFile} does not list targets.json`);
    return { timestampBytes, timestamp, snapshot, bytes };
  }
  const targetsFile = `${ofTargets.version}.targets.json`;
  const targetsBytes = await readNamed(files, findings, 45, targetsFile, snapshotFile);
  const targets = targetsBytes && checkDocument(targetsBytes, { rule: 44, file: targetsFile, type: "targets", delegators: delegators("targets"), stated: ofTargets, defaultBytes: CLIENT_LIMITS.targetsBytes, now }, findings);
  return { timestampBytes, timestamp, snapshot, ...(targets && { targets }), bytes: bytes + (targetsBytes?.byteLength ?? 0) };
}

/** What snapshot states of a targets role. */
export function metaOf(snapshot: Snapshot, role: string): FileMeta | undefined {
  return own(snapshot.meta, `${role}.json`);
}
