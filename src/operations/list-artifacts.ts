// What the repository lists, page by page.

import type { ArtifactPlace } from "../ports/database.ts";
import type { JsonObject } from "../tuf/documents.ts";
import { embed } from "../tuf/canonical.ts";
import { requireBootstrap } from "./bootstrap-state.ts";
import type { OperationDeps } from "./deps.ts";

export interface ArtifactQuery {
  /** Exactly this path. */
  readonly path?: string;
  readonly prefix?: string;
  readonly role?: string;
}

export interface ArtifactView {
  readonly path: string;
  readonly role: string;
  /** Of the role, now. */
  readonly version?: number;
  /** Length, hashes and custom, as metadata says. */
  readonly target: JsonObject;
  /** Undefined: from before this was kept. */
  readonly publishedMs?: number;
}

/**
 * In order of path, by code points. What is listed is visible to clients; what became visible in this very
 * moment may be missing still.
 * @throws OperationError `bootstrap-required`
 */
export async function listArtifacts({ database }: OperationDeps, { path, prefix, role }: ArtifactQuery, after: ArtifactPlace | undefined, limit: number): Promise<{ readonly rows: readonly ArtifactView[]; readonly next?: ArtifactPlace }> {
  await requireBootstrap(database);
  const from = path ?? prefix;
  // Nothing lies between a text and itself with a null character behind it.
  const before = path === undefined ? (prefix === undefined ? undefined : endOfPrefix(prefix)) : `${path}\0`;
  if (path !== undefined && prefix !== undefined && !path.startsWith(prefix)) return { rows: [] };
  const range = { ...(role === undefined ? {} : { role }), ...(from === undefined ? {} : { from }), ...(before === undefined ? {} : { before }) };
  const found = await database.artifacts(range, after, limit + 1);
  const page = found.slice(0, limit);
  const last = page.at(-1);
  return {
    rows: page.map(({ fragment, ...row }) => ({ ...row, target: targetOf(fragment) })),
    ...(last === undefined || found.length <= limit ? {} : { next: { path: last.path, role: last.role } }),
  };
}

/** Canonical JSON leaves control characters bare; embedded ones are escaped, as JSON wants them. */
function targetOf(fragment: string): JsonObject {
  return JSON.parse(HAS_CONTROLS.test(fragment) ? embed(Buffer.from(fragment)).toString() : fragment) as JsonObject;
}

const HAS_CONTROLS = /[\u0000-\u001f]/;

/** The first text, in order of code points, behind all that begin with `prefix`; undefined when nothing is. */
export function endOfPrefix(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === LAST_CODE_POINT) continue;
    // Surrogates are no characters.
    return String.fromCodePoint(...points, last === FIRST_SURROGATE - 1 ? LAST_SURROGATE + 1 : last + 1);
  }
  return undefined;
}

const LAST_CODE_POINT = 0x10_ffff;
const FIRST_SURROGATE = 0xd800;
const LAST_SURROGATE = 0xdfff;
