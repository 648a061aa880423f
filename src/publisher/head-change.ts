// What another tree of delegations takes, beside the artifacts it moves: who is pressed, who is new, who is gone, and
// the proof that online keys can sign what they are named for.

import type { SettingValue } from "../ports/database.ts";
import { NESTED, settingOf } from "../roles/below.ts";
import { changedDelegators } from "../roles/delegation-edit.ts";
import { belowOf, firstBin, namesIn, type BinSet, type DelegationTree } from "../roles/delegation.ts";
import { RoleError } from "../roles/errors.ts";
import { OUTSIDE, outsideSetting } from "../roles/outside-roles.ts";
import { needsPeople, onlinePart } from "../roles/people.ts";
import { canonicalString } from "../tuf/canonical.ts";
import type { Json } from "../tuf/documents.ts";
import { binSettings } from "./bin-settings.ts";
import type { PublisherDeps } from "./deps.ts";
import { PublisherError } from "./errors.ts";
import { authorityIn, authorityOf, type Head } from "./head.ts";
import { peopleOf } from "./people.ts";
import type { Rehoming } from "./rehome.ts";
import type { Sealer } from "./seal.ts";

export interface HeadChange {
  /** What is pressed or signed, and what moves there. */
  readonly edits: ReadonlyMap<string, ReadonlyMap<string, string | undefined>>;
  readonly newRoles: readonly NewRole[];
  /** Roles that were delegated to before, to other keys. */
  readonly handed: readonly string[];
  readonly retiredRoles: readonly string[];
  /** What readers of the whole tree find. */
  readonly settings: Readonly<Record<string, SettingValue>>;
}

/** What another tree takes beside the artifacts it moves. `live`: roles that are pressed whatever moves, but for those that people sign: their files come signed. */
export function headChange(deps: Pick<PublisherDeps, "random">, head: Head, next: Head, rehoming: Rehoming, { live, also = [] }: { readonly live: readonly string[]; readonly also?: readonly string[] }): HeadChange {
  const changed = changedDelegators(head.tree, next.tree);
  const { fresh, gone } = comings(head.tree, next.tree);
  const handed = otherSigners(head.tree, next.tree);
  const people = peopleOf(next);
  const edits = new Map(rehoming.edits);
  const pressed = [...["targets", ...changed, ...live, ...fresh.map(({ name }) => name), ...handed].filter((name) => !people.has(name)), ...also];
  for (const role of pressed) if (!edits.has(role)) edits.set(role, new Map());
  const nested = belowOf(head.tree).size + belowOf(next.tree).size > 0 ? { [NESTED]: settingOf(belowOf(next.tree), deps.random.hex(8)) as unknown as SettingValue } : {};
  return { edits, newRoles: fresh, handed, retiredRoles: gone, settings: { ...binSettings(next.tree), ...nested, ...outsideChange(head, next) } };
}

/** The setting that says which roles are signed elsewhere, if it says something else then. */
export function outsideChange(head: Head, next: Head): Readonly<Record<string, SettingValue>> {
  const [was, is] = [outsideSetting(head.outside, head.tree.custom), outsideSetting(next.outside, next.tree.custom)];
  return JSON.stringify(was) === JSON.stringify(is) ? {} : { [OUTSIDE]: is as unknown as SettingValue };
}

/** One bin of each set that is new or handed to other keys: all are signed alike. */
export async function proveNew(sealer: Sealer, next: Head, newRoles: readonly NewRole[], handed: readonly string[]): Promise<void> {
  for (const role of firstBins([...newRoles.map(({ name }) => name), ...handed], next.tree)) await prove(sealer, next, role);
}

/** Whatever online keys have to give for `role`, they can. @throws RoleError `delegations-refused` when the signer that a key names has another one; SignerError */
export async function prove(sealer: Sealer, head: Head, role: string): Promise<void> {
  const authority = authorityOf(head, role);
  const online = needsPeople(authority) ? onlinePart(authority) : authority;
  if (online === undefined) return;
  try {
    await sealer.prove(role, online);
  } catch (error) {
    if (error instanceof PublisherError && error.code === "signature-invalid") throw new RoleError("delegations-refused", error.message, { cause: error });
    throw error;
  }
}

export interface NewRole {
  readonly name: string;
  readonly kind: "delegated" | "bins";
  readonly parent: string;
}

/** Roles that are delegated to from now on, and those that no longer are. */
function comings(before: DelegationTree, after: DelegationTree): { readonly fresh: readonly NewRole[]; readonly gone: readonly string[] } {
  const sameBins = (some: BinSet, others: readonly BinSet[]): boolean => others.some(({ prefix, bitLength }) => prefix === some.prefix && bitLength === some.bitLength);
  const binsBut = (tree: DelegationTree, other: DelegationTree): readonly BinSet[] => tree.bins.filter((bins) => !sameBins(bins, other.bins));
  const was = new Set([...before.custom.map(({ name }) => name), ...binsBut(before, after).flatMap(namesIn)]);
  const is: NewRole[] = [
    ...after.custom.map(({ name, parent }) => ({ name, kind: "delegated" as const, parent })),
    ...binsBut(after, before).flatMap((bins) => namesIn(bins).map((name) => ({ name, kind: "bins" as const, parent: bins.delegator }))),
  ];
  const live = new Set(is.map(({ name }) => name));
  return { fresh: is.filter(({ name }) => !was.has(name)), gone: [...was].filter((name) => !live.has(name)) };
}

/** Roles that were delegated to before, to other keys. */
function otherSigners(before: DelegationTree, after: DelegationTree): readonly string[] {
  const differs = (role: string): boolean => {
    const [was, is] = [authorityIn(before, role), authorityIn(after, role)];
    return was !== undefined && is !== undefined && canonicalString(was as unknown as Json) !== canonicalString(is as unknown as Json);
  };
  const bins = after.bins.filter((set) => before.bins.some((old) => old.delegator === set.delegator && old.bitLength === set.bitLength) && differs(firstBin(set)));
  return [...after.custom.map(({ name }) => name).filter(differs), ...bins.flatMap(namesIn)];
}

/** One bin of each set of which there are some `among` these: all are signed alike. */
function firstBins(among: readonly string[], { bins }: DelegationTree): readonly string[] {
  const names = new Set(among);
  return bins.map(firstBin).filter((name) => names.has(name));
}
