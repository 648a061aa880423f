// The committed head, read from the database: when a lease is taken, or the head is not the one expected.

import type { Database, PublisherState } from "../ports/database.ts";
import { belowIn, NESTED } from "../roles/below.ts";
import { delegationTreeOf } from "../roles/delegation.ts";
import { OUTSIDE, outsideIn } from "../roles/outside-roles.ts";
import { expiryPolicyOf } from "../roles/policy.ts";
import { SnapshotBook, type SnapshotHashes } from "../roles/snapshot.ts";
import { parseEnvelope } from "../tuf/parse.ts";
import type { Head } from "./head.ts";
import { successorNeededBy } from "./people.ts";
import { handedOf, otherRootOf, rotationOf } from "./rotation.ts";

/** The committed head, or undefined before bootstrap. */
export async function readHead(database: Database, state: PublisherState, hashes: SnapshotHashes): Promise<Head | undefined> {
  const committed = await database.head();
  if (committed === undefined) return undefined;
  const root = await database.envelope("root");
  const targets = await database.envelope("targets");
  if (root === undefined || targets === undefined) throw new Error("the database has a head and lacks its root or targets");
  const document = parseEnvelope(targets.bytes, "targets").signed;
  const settings = await database.settings();
  const rotation = rotationOf(settings);
  const also = await otherRootOf(database, rotation, root.version);
  const handed = handedOf(settings);
  const tree = delegationTreeOf(document, belowIn(settings[NESTED]));
  const signed = parseEnvelope(root.bytes, "root").signed;
  return {
    id: committed.sha256,
    seq: committed.seq,
    pressedAtMs: state.pressedAtMs,
    root: signed,
    ...(also === undefined ? {} : { also }),
    ...(rotation === undefined ? {} : { rotation }),
    handed,
    targets: document,
    tree,
    outside: outsideIn(settings[OUTSIDE]),
    book: await readBook(database, { root: signed, tree, handed }, hashes),
    expiry: expiryPolicyOf(settings),
    timestampExpiresMs: committed.expiresMs,
  };
}

/** What the committed snapshot says. Roles that wait for the successor of a lost key are named by their hashes, bins too. */
export async function readBook(database: Database, head: Pick<Head, "root" | "tree" | "handed">, hashes: SnapshotHashes): Promise<SnapshotBook> {
  const rows = await database.roles();
  const entries = rows
    .filter((row) => row.kind !== "root" && row.kind !== "snapshot" && row.kind !== "timestamp")
    .map((row) => ({ role: row.role, version: row.version, length: row.length, sha256: row.sha256, bin: row.kind === "bins" && successorNeededBy(head, row.role) === undefined }));
  return new SnapshotBook(entries, hashes);
}
