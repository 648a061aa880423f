// Whether what storage holds follows from the roots of this database, as a client would judge it, but for age.

import { reasonOf } from "../lib/app-error.ts";
import { parseEnvelope } from "../tuf/parse.ts";
import { TrustedSet } from "../tuf/trusted-set.ts";
import type { PublisherDeps } from "./deps.ts";
import { PublisherError } from "./errors.ts";

/** Larger than any file we publish. */
export const READ_AT_MOST = 32 * 1024 * 1024;

export function isTimestamp(bytes: Buffer): boolean {
  try {
    parseEnvelope(bytes, "timestamp");
    return true;
  } catch {
    return false;
  }
}

export const foreign = (reason: string, cause: unknown): PublisherError => new PublisherError("foreign", `${reason}. Nothing was changed`, { cause });

export interface Root {
  readonly version: number;
  readonly bytes: Buffer;
}

/** From this database's roots on to those it lacks. Age does not count: 0 is the reference time. */
export async function walkRoots({ database, storage }: Pick<PublisherDeps, "database" | "storage">): Promise<{ trusted: TrustedSet; roots: readonly Root[] }> {
  const current = await database.envelope("root");
  if (current === undefined) throw new Error("the database has a head and no root");
  for (let version = 1; version <= current.version; version++) {
    const stored = await storage.read(`${String(version)}.root.json`, READ_AT_MOST);
    const ours = await database.envelope("root", version);
    if (stored !== undefined && ours !== undefined && !stored.bytes.equals(ours.bytes)) throw foreign(`storage holds another ${String(version)}.root.json than this database`, undefined);
  }
  const trusted = new TrustedSet(current.bytes, { now: 0 });
  const roots: Root[] = [];
  for (let version = current.version + 1; ; version++) {
    const next = await storage.read(`${String(version)}.root.json`, READ_AT_MOST);
    if (next === undefined) return { trusted, roots };
    try {
      trusted.updateRoot(next.bytes);
    } catch (error) {
      throw foreign(`${String(version)}.root.json does not follow from root ${String(version - 1)}: ${reasonOf(error)}`, error);
    }
    roots.push({ version, bytes: next.bytes });
  }
}
