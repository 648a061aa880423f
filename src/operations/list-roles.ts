// The roles there are: version, expiry, who signs them, and how urgent they are.

import { DatabaseError, type RoleFilter, type RoleRow } from "../ports/database.ts";
import { compareCodePoints } from "../tuf/canonical.ts";
import { parseExpires } from "../tuf/parse.ts";
import { expiryPolicyOf, lifetimeMs, type ExpiryPolicy } from "../roles/policy.ts";
import { roleStateOf, type RoleState } from "../roles/role-state.ts";
import { signingModeOf, type SigningMode } from "../roles/signing-mode.ts";
import { authorityIn, readDocuments, type Documents } from "./authority.ts";
import { requireBootstrap } from "./bootstrap-state.ts";
import type { OperationDeps } from "./deps.ts";

export interface RoleView {
  readonly name: string;
  readonly kind: RoleRow["kind"];
  readonly version: number;
  readonly expiresMs: number;
  /** `retired`: nobody delegates to it; it stays in snapshot for clients that know it. */
  readonly state: RoleState | "retired";
  /** Bytes of its file. */
  readonly length: number;
  /** Absent of a retired role. */
  readonly authority?: { readonly by: string; readonly threshold: number; readonly keyids: readonly string[]; readonly signing: SigningMode | "outside" };
}

export interface RoleDetail extends RoleView {
  readonly lifetimeMs: number;
  readonly sha256?: string;
  readonly paths?: readonly string[];
  readonly terminating?: boolean;
  readonly artifacts: { readonly count: number; /** There are more than that. */ readonly more: boolean };
}

export interface RoleQuery {
  readonly kind?: RoleRow["kind"];
  readonly state?: RoleView["state"];
}

/** Rows looked at in one go, and how often: more than any repository has roles. */
const SLICE = 1_000;
const MOST_SLICES = 100;

/** In order of name. @throws OperationError `bootstrap-required` */
export async function listRoles(deps: OperationDeps, query: RoleQuery, after: string | undefined, limit: number): Promise<{ readonly rows: readonly RoleView[]; readonly next?: string }> {
  const { documents, expiry } = await context(deps);
  const now = deps.clock.now();
  const filter = filterOf(query, now);
  const found: RoleView[] = [];
  let from = after;
  for (let slices = 0; slices < MOST_SLICES; slices++) {
    const rows = await rolesAfter(deps, documents, from, filter, query.state === undefined ? limit + 1 - found.length : SLICE);
    for (const row of rows) {
      from = row.role;
      const view = viewOf(row, documents, expiry, now, deps.refreshAtFraction);
      if (query.state !== undefined && view.state !== query.state) continue;
      if (found.length === limit) return { rows: found, next: found.at(-1)?.name ?? "" };
      found.push(view);
    }
    if (rows.length === 0) break;
  }
  return { rows: found };
}

/** How far the artifacts of a role are counted. */
const COUNTED = 10_000;

/** Undefined: no role of that name. @throws OperationError `bootstrap-required` */
export async function getRole(deps: OperationDeps, name: string): Promise<RoleDetail | undefined> {
  const { documents, expiry } = await context(deps);
  const row = name === "root" ? rootRow(documents) : await deps.database.role(name);
  if (row === undefined) return undefined;
  const count = await deps.database.countArtifacts(name, COUNTED + 1);
  const delegation = row.retired ? undefined : authorityIn(documents, name)?.delegation;
  return {
    ...viewOf(row, documents, expiry, deps.clock.now(), deps.refreshAtFraction),
    lifetimeMs: lifetimeMs(expiry, row.kind, row.role),
    ...(row.sha256 === "" ? {} : { sha256: row.sha256 }),
    ...(delegation?.paths === undefined ? {} : { paths: delegation.paths, terminating: delegation.terminating }),
    artifacts: { count: Math.min(count, COUNTED), more: count > COUNTED },
  };
}

/** What roles are judged by. @throws OperationError `bootstrap-required` */
export async function context(deps: OperationDeps): Promise<{ readonly documents: Documents; readonly expiry: ExpiryPolicy }> {
  await requireBootstrap(deps.database);
  const documents = await readDocuments(deps);
  if (documents === undefined) throw new DatabaseError("unavailable", "the repository is bootstrapped and its documents are not there");
  return { documents, expiry: expiryPolicyOf(await deps.database.settings()) };
}

function filterOf({ kind, state }: RoleQuery, now: number): RoleFilter {
  return {
    ...(kind === undefined ? {} : { kind }),
    ...(state === undefined ? {} : { retired: state === "retired" }),
    ...(state === "expired" ? { expiresBeforeMs: now + 1 } : {}),
  };
}

/** Root has no row of its own: it is not in snapshot. */
async function rolesAfter({ database }: OperationDeps, documents: Documents, after: string | undefined, filter: RoleFilter, limit: number): Promise<readonly RoleRow[]> {
  const rows = await database.rolesAfter(after, filter, limit);
  const root = rootRow(documents);
  const isAsked = (filter.kind ?? "root") === "root" && filter.retired !== true && (filter.expiresBeforeMs === undefined || root.expiresMs < filter.expiresBeforeMs);
  if (!isAsked || (after !== undefined && compareCodePoints("root", after) <= 0)) return rows;
  return [...rows, root].sort((a, b) => compareCodePoints(a.role, b.role)).slice(0, limit);
}

function rootRow({ root, rootBytes }: Documents): RoleRow {
  return { role: "root", kind: "root", parent: "", version: root.version, length: rootBytes, sha256: "", expiresMs: parseExpires(root.expires), retired: false };
}

export function viewOf(row: RoleRow, documents: Documents, expiry: ExpiryPolicy, now: number, refreshAtFraction: number | undefined): RoleView {
  const { role: name, kind, version, expiresMs, length } = row;
  const authority = row.retired ? undefined : authorityIn(documents, name);
  return {
    name, kind, version, expiresMs, length,
    state: row.retired ? "retired" : roleStateOf({ expiresMs, lifetimeMs: lifetimeMs(expiry, kind, name) }, now, refreshAtFraction),
    ...(authority === undefined ? {} : { authority: { by: authority.by, threshold: authority.role.threshold, keyids: authority.role.keyids, signing: documents.outside.has(name) ? "outside" : signingModeOf(authority) } }),
  };
}
