// The public keys in force, and which roles each may sign for.

import type { Key } from "../tuf/documents.ts";
import { compareCodePoints } from "../tuf/canonical.ts";
import { own } from "../lib/own.ts";
import { firstBin } from "../roles/delegation.ts";
import { onlineUriOf } from "../roles/online-key.ts";
import { authorityIn, type Authority } from "./authority.ts";
import type { OperationDeps } from "./deps.ts";
import { roleTerms } from "./list-roles.ts";

export interface KeyView {
  readonly keyid: string;
  readonly key: Key;
  /** This service signs with it. */
  readonly online: boolean;
  /** In the order root, timestamp, snapshot, targets, custom roles; a set of bins by its prefix and `-*`. */
  readonly roles: readonly string[];
}

const TOP_LEVEL = ["root", "timestamp", "snapshot", "targets"];

/** In order of keyid. @throws OperationError `bootstrap-required` */
export async function listKeys(deps: OperationDeps, after: string | undefined, limit: number): Promise<{ readonly rows: readonly KeyView[]; readonly next?: string }> {
  const { documents } = await roleTerms(deps);
  const { tree } = documents;
  const named: readonly (readonly [string, Authority | undefined])[] = [
    ...[...TOP_LEVEL, ...tree.custom.map(({ name }) => name)].map((name) => [name, authorityIn(documents, name)] as const),
    ...tree.bins.map((bins) => [`${bins.prefix}-*`, authorityIn(documents, firstBin(bins))] as const),
  ];
  const found = new Map<string, { readonly key: Key; readonly roles: string[] }>();
  for (const [name, authority] of named) {
    for (const keyid of new Set(authority?.role.keyids)) {
      const key = own(authority?.keys, keyid);
      if (key === undefined) continue;
      const entry = found.get(keyid) ?? { key, roles: [] };
      entry.roles.push(name);
      found.set(keyid, entry);
    }
  }
  const all = [...found].sort(([a], [b]) => compareCodePoints(a, b)).filter(([keyid]) => after === undefined || compareCodePoints(keyid, after) > 0);
  const rows = all.slice(0, limit).map(([keyid, { key, roles }]) => ({ keyid, key, online: onlineUriOf(key) !== undefined, roles }));
  return { rows, ...(all.length <= limit ? {} : { next: rows.at(-1)?.keyid ?? "" }) };
}
