// What other delegations change, in sentences for people.

import type { DelegatedRole, Delegations } from "../tuf/documents.ts";
import { CATCH_ALL, CATCH_ALL_LIMITS, isCatchAll } from "./catch-all.ts";
import { keyChanges, renamedKeys } from "./key-changes.ts";

const NONE: Delegations = { keys: {} };

/** One sentence for each: roles as they are searched, then those that are gone, then their order, then bins. */
export function delegationChanges(before: Delegations = NONE, after: Delegations = NONE): readonly string[] {
  const [was, is] = [customOf(before), customOf(after)];
  const changes: string[] = [];
  for (const role of is) {
    const old = was.find(({ name }) => name === role.name);
    const name = `role ${role.name}`;
    if (old === undefined) changes.push(`${name} added: ${pathsIn(role)}${role.terminating ? "" : "; the search goes on behind it"}`);
    else changes.push(...roleChanges(name, old, role));
    changes.push(...keyChanges(name, old === undefined ? undefined : { keys: before.keys, role: old }, { keys: after.keys, role }));
  }
  changes.push(...was.filter(({ name }) => !is.some((role) => role.name === name)).map((role) => `role ${role.name} removed: ${pathsIn(role)}`));
  const [kept, keeps] = [common(was, is), common(is, was)];
  if (kept.join() !== keeps.join()) changes.push(`roles are searched in the order ${keeps.join(", ")}, before it was ${kept.join(", ")}`);
  return [...changes, ...binChanges(before, after), ...renamedKeys(before.keys, after.keys)];
}

const customOf = ({ roles = [] }: Delegations): readonly DelegatedRole[] => roles.filter(({ paths }) => paths !== undefined);
const common = (these: readonly DelegatedRole[], those: readonly DelegatedRole[]): readonly string[] => these.map(({ name }) => name).filter((name) => those.some((role) => role.name === name));
const pathsIn = (role: DelegatedRole): string =>
  isCatchAll(role) ? `all paths of at most ${String(CATCH_ALL_LIMITS.segments)} segments that no role before it takes` : `paths ${(role.paths ?? []).join(" ")}`;

function roleChanges(name: string, { paths: was = [], terminating }: DelegatedRole, { paths: is = [], terminating: now }: DelegatedRole): readonly string[] {
  return [
    ...is.filter((path) => !was.includes(path)).map((path) => `${name}: path ${path} added`),
    ...was.filter((path) => !is.includes(path)).map((path) => `${name}: path ${path} removed`),
    ...(terminating === now ? [] : [`${name}: the search ${now ? "ends with it" : "goes on behind it"}`]),
  ];
}

function binChanges(before: Delegations, after: Delegations): readonly string[] {
  const [was, is] = [binsOf(before), binsOf(after)];
  if (is === undefined && was !== undefined && after.roles?.some(isCatchAll) === true) return [`bins ${was.name}: role ${CATCH_ALL} takes their paths from now on`];
  if (is === undefined) return was === undefined ? [] : [`bins ${was.name} removed`];
  const name = `bins ${is.name}`;
  const count = was === undefined ? [`${name} added: ${String(is.count)} of them`] : was.count === is.count ? [] : [`${name}: ${String(is.count)} instead of ${String(was.count)}`];
  return [...count, ...keyChanges(name, was === undefined ? undefined : { keys: before.keys, role: was.role }, { keys: after.keys, role: is.role })];
}

/** Succinct bins, or classic ones, which are all signed alike. */
function binsOf({ succinct_roles: succinct, roles = [] }: Delegations): { readonly name: string; readonly count: number; readonly role: { readonly keyids: readonly string[]; readonly threshold: number } } | undefined {
  if (succinct !== undefined) return { name: `${succinct.name_prefix}-*`, count: 2 ** succinct.bit_length, role: succinct };
  const classic = roles.filter(({ path_hash_prefixes: prefixes }) => prefixes !== undefined);
  const [first] = classic;
  return first === undefined ? undefined : { name: `${first.name.replace(/-[0-9a-f]+$/, "")}-*`, count: classic.length, role: first };
}
