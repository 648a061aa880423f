// Every root there was, newest first, and what each changed.

import type { Database } from "../ports/database.ts";
import { parseEnvelope, parseExpires, type ParsedEnvelope } from "../tuf/parse.ts";
import { verifyThreshold } from "../tuf/threshold.ts";
import { rootChanges } from "../roles/root-changes.ts";
import { requireBootstrap } from "./bootstrap-state.ts";
import type { OperationDeps } from "./deps.ts";

export interface RootView {
  readonly version: number;
  readonly expiresMs: number;
  readonly threshold: number;
  readonly keyids: readonly string[];
  /** Keys whose signatures count for it, its own and those of the root before. */
  readonly signedBy: readonly string[];
  /** One sentence each. */
  readonly changes: readonly string[];
}

/** Those below version `below`. @throws OperationError `bootstrap-required` */
export async function rootHistory({ database }: OperationDeps, below: number | undefined, limit: number): Promise<{ readonly rows: readonly RootView[]; readonly next?: number }> {
  await requireBootstrap(database);
  const rows: RootView[] = [];
  const current = await database.envelope("root");
  let version = Math.min((below ?? Number.POSITIVE_INFINITY) - 1, current?.version ?? 0);
  let root = await rootOf(database, version);
  while (root !== undefined && rows.length < limit) {
    const before = await rootOf(database, version - 1);
    rows.push(viewOf(root, before));
    version -= 1;
    root = before;
  }
  return { rows, ...(root === undefined ? {} : { next: version + 1 }) };
}

async function rootOf(database: Database, version: number): Promise<ParsedEnvelope<"root"> | undefined> {
  const stored = version < 1 ? undefined : await database.envelope("root", version);
  return stored === undefined ? undefined : parseEnvelope(stored.bytes, "root");
}

function viewOf(root: ParsedEnvelope<"root">, before: ParsedEnvelope<"root"> | undefined): RootView {
  const { signed } = root;
  const counted = [signed, ...(before === undefined ? [] : [before.signed])].flatMap(({ keys, roles }) => verifyThreshold({ keys, role: roles.root }, root).valid);
  return {
    version: signed.version,
    expiresMs: parseExpires(signed.expires),
    threshold: signed.roles.root.threshold,
    keyids: signed.roles.root.keyids,
    signedBy: [...new Set(counted)],
    changes: rootChanges(before?.signed, signed),
  };
}
