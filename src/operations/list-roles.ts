// The roles there are: version, expiry, who signs them, and how urgent they are.

import { DatabaseError, type RoleFilter, type RoleRow } from "../ports/database.ts";
import { compareCodePoints } from "../tuf/canonical.ts";
import { parseExpires } from "../tuf/parse.ts";
import type { PendingEdit } from "../roles/pending-edit.ts";
import { expiryPolicyOf, lifetimeMs, signingWindowsOf, type ExpiryPolicy } from "../roles/policy.ts";
import { signingLeftMs, type SigningWindows } from "../roles/refresh.ts";
import { REFRESH_AT_FRACTION, roleStateOf, type RoleState } from "../roles/role-state.ts";
import { signingModeOf, type SigningMode } from "../roles/signing-mode.ts";
import { authorityIn, readDocuments, type Documents } from "./authority.ts";
import { requireBootstrap } from "./bootstrap-state.ts";
import type { OperationDeps } from "./deps.ts";

export interface RoleView {
  readonly name: string;
  readonly kind: RoleRow["kind"];
  /**
   * `retired`: nobody delegates to it; it stays in snapshot for clients that know it. `declared`: it is delegated to with
   * the first document that its team uploads, and clients know nothing of it.
   */
  readonly state: RoleState | "retired" | "declared";
  /** What is published of it; absent of a declared role. */
  readonly published?: { readonly version: number; readonly expiresMs: number; /** Bytes of its file. */ readonly length: number };
  /** Absent of a retired role. */
  readonly authority?: { readonly by: string; readonly threshold: number; readonly keyids: readonly string[]; readonly signing: SigningMode | "outside" };
  /** So long before it expires people are asked for its next version; absent where they are not. */
  readonly signingWindowMs?: number;
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
  const terms = await roleTerms(deps);
  const now = deps.clock.now();
  const filter = filterOf(query, now);
  const found: RoleView[] = [];
  let from = after;
  for (let slices = 0; slices < MOST_SLICES; slices++) {
    const rows = await rolesAfter(deps, terms, from, filter, query.state === undefined ? limit + 1 - found.length : SLICE);
    for (const row of rows) {
      from = nameOf(row);
      const view = "declared" in row ? declaredView(row.declared) : viewOf(row, terms, now);
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
  const terms = await roleTerms(deps);
  const { documents, expiry } = terms;
  const declared = newOutside(documents).find((role) => role.name === name);
  if (declared !== undefined) return { ...declaredView(declared), lifetimeMs: lifetimeMs(expiry, "delegated", name), paths: declared.role?.paths ?? [], terminating: declared.role?.terminating ?? true, artifacts: { count: 0, more: false } };
  const row = name === "root" ? rootRow(documents) : await deps.database.role(name);
  if (row === undefined) return undefined;
  const count = await deps.database.countArtifacts(name, COUNTED + 1);
  const delegation = row.retired ? undefined : authorityIn(documents, name)?.delegation;
  return {
    ...viewOf(row, terms, deps.clock.now()),
    lifetimeMs: lifetimeMs(expiry, row.kind, row.role),
    ...(row.sha256 === "" ? {} : { sha256: row.sha256 }),
    ...(delegation?.paths === undefined ? {} : { paths: delegation.paths, terminating: delegation.terminating }),
    artifacts: { count: Math.min(count, COUNTED), more: count > COUNTED },
  };
}

/** What roles are judged by. */
export interface RoleTerms {
  readonly documents: Documents;
  readonly expiry: ExpiryPolicy;
  readonly windows: SigningWindows;
  readonly atRemainingFraction: number;
}

/** @throws OperationError `bootstrap-required` */
export async function roleTerms(deps: OperationDeps): Promise<RoleTerms> {
  await requireBootstrap(deps.database);
  const documents = await readDocuments(deps);
  if (documents === undefined) throw new DatabaseError("unavailable", "the repository is bootstrapped and its documents are not there");
  const settings = await deps.database.settings();
  const { defaultMs = 0, rootMs = 0 } = deps.signingWindows ?? {};
  return { documents, expiry: expiryPolicyOf(settings), windows: { defaultMs, rootMs, own: signingWindowsOf(settings) }, atRemainingFraction: deps.refreshAtFraction ?? REFRESH_AT_FRACTION };
}

function filterOf({ kind, state }: RoleQuery, now: number): RoleFilter {
  return {
    ...(kind === undefined ? {} : { kind }),
    ...(state === undefined ? {} : { retired: state === "retired" }),
    ...(state === "expired" ? { expiresBeforeMs: now + 1 } : {}),
  };
}

/** New roles that a team is to sign elsewhere, and that come with its first document. */
const newOutside = ({ outside }: Documents): readonly PendingEdit[] => outside.declared.filter(({ action }) => action === "add");

type Found = RoleRow | { readonly declared: PendingEdit };

const nameOf = (found: Found): string => ("declared" in found ? found.declared.name : found.role);

/** Root has no row of its own: it is not in snapshot. What is declared has none yet, or is retired until it comes. */
async function rolesAfter({ database }: OperationDeps, { documents }: RoleTerms, after: string | undefined, filter: RoleFilter, limit: number): Promise<readonly Found[]> {
  const rows = await database.rolesAfter(after, filter, limit);
  const root = rootRow(documents);
  const isLive = filter.retired !== true;
  const hasRoot = isLive && (filter.kind ?? "root") === "root" && (filter.expiresBeforeMs === undefined || root.expiresMs < filter.expiresBeforeMs);
  const declared = isLive && (filter.kind ?? "delegated") === "delegated" && filter.expiresBeforeMs === undefined ? newOutside(documents) : [];
  const others: readonly Found[] = [...(hasRoot ? [root] : []), ...declared.map((edit) => ({ declared: edit }))];
  const names = new Set(declared.map(({ name }) => name));
  return [...rows.filter(({ role }) => !names.has(role)), ...others.filter((each) => after === undefined || compareCodePoints(nameOf(each), after) > 0)]
    .sort((a, b) => compareCodePoints(nameOf(a), nameOf(b))).slice(0, limit);
}

function rootRow({ root, rootBytes }: Documents): RoleRow {
  return { role: "root", kind: "root", parent: "", version: root.version, length: rootBytes, sha256: "", expiresMs: parseExpires(root.expires), retired: false };
}

export function viewOf(row: RoleRow, { documents, expiry, windows, atRemainingFraction }: RoleTerms, now: number): RoleView {
  const { role: name, kind, version, expiresMs, length } = row;
  const authority = row.retired ? undefined : authorityIn(documents, name);
  const lifetime = lifetimeMs(expiry, kind, name);
  const signing = authority === undefined ? undefined : documents.outside.roles.has(name) ? "outside" : signingModeOf(authority);
  const windowMs = signing === "offline" || signing === "mixed" ? signingLeftMs({ role: name, lifetimeMs: lifetime }, { atRemainingFraction }, windows) : 0;
  return {
    name, kind, published: { version, expiresMs, length },
    state: row.retired ? "retired" : roleStateOf({ expiresMs, lifetimeMs: lifetime }, now, atRemainingFraction),
    ...(authority === undefined || signing === undefined ? {} : { authority: { by: authority.by, threshold: authority.role.threshold, keyids: authority.role.keyids, signing } }),
    ...(windowMs === 0 ? {} : { signingWindowMs: windowMs }),
  };
}

function declaredView({ name, parent, role }: PendingEdit): RoleView {
  return { name, kind: "delegated", state: "declared", authority: { by: parent, threshold: role?.threshold ?? 1, keyids: role?.keyids ?? [], signing: "outside" } };
}
