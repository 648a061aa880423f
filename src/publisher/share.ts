// What a share of a large batch says (rule 10): text, between the publisher that offers it and whoever presses it.
//
// Share and terms say all there is to know but what the roles list now, which is read from rows in a moment in which
// the batch's base is the head. So nothing that another publisher believes, of the head or of the settings, gets
// into a file of this batch.

import type { ClaimedShare, NewShare } from "../ports/database.ts";
import { delegationTreeOf } from "../roles/delegation.ts";
import type { ExpiryPolicy } from "../roles/policy.ts";
import type { Delegations, Root } from "../tuf/documents.ts";
import type { SharePolicy } from "./deps.ts";
import type { PressHead, PressOrder } from "./press.ts";

/** A batch has about so many shares: enough for several publishers to end at about the same time. */
const SHARES = 16;
/** Characters of edits after which a share is closed: whoever presses it holds them in memory. */
const SHARE_CHARACTERS = 4 * 1024 * 1024;

interface Terms {
  readonly nowMs: number;
  readonly root: Root;
  readonly also?: Root;
  /** Whoever delegates, and what. */
  readonly delegations: readonly (readonly [string, Delegations])[];
  readonly expiry: Omit<ExpiryPolicy, "delegated">;
  readonly delegatedExpiry: readonly (readonly [string, number])[];
}

/** Of each role, in order: paths, and what becomes of them; null removes. */
type Edits = readonly (readonly (readonly [string, string | null])[])[];

/** Whether a batch on these roles is large enough to be worth it. What people signed and what moves is the leader's own. */
export function isShared({ fromRoles }: SharePolicy, roles: readonly string[], order: Pick<PressOrder, "source">): boolean {
  return fromRoles > 0 && roles.length >= fromRoles && order.source === undefined;
}

export function termsOf({ head: { root, also, tree, expiry: { delegated, ...expiry } }, nowMs }: PressOrder): string {
  const terms: Terms = {
    nowMs, root, ...(also === undefined ? {} : { also }), expiry, delegatedExpiry: [...delegated],
    delegations: [...tree.delegators].map(([name, { delegations }]) => [name, delegations]),
  };
  return JSON.stringify(terms);
}

export function sharesOf({ mostRoles }: SharePolicy, { roles, edits }: PressOrder): readonly NewShare[] {
  const size = Math.min(mostRoles, Math.ceil(roles.length / SHARES));
  const shares: NewShare[] = [];
  let own: { readonly roles: string[]; readonly edits: string[]; characters: number } = { roles: [], edits: [], characters: 0 };
  const close = (): void => {
    if (own.roles.length > 0) shares.push({ roles: own.roles, edits: `[${own.edits.join()}]` });
    own = { roles: [], edits: [], characters: 0 };
  };
  for (const role of roles) {
    const text = JSON.stringify([...(edits.get(role) ?? [])].map(([path, fragment]) => [path, fragment ?? null]));
    if (own.roles.length >= size || own.characters + text.length > SHARE_CHARACTERS) close();
    own.roles.push(role);
    own.edits.push(text);
    own.characters += text.length;
  }
  close();
  return shares;
}

/** What to press for a share. */
export function orderOf({ base, roles, edits, terms, firstVersion }: ClaimedShare): PressOrder {
  const { nowMs, root, also, delegations, expiry, delegatedExpiry } = JSON.parse(terms) as Terms;
  const below = new Map(delegations);
  const top = below.get("targets");
  const head: PressHead = {
    id: base, root, ...(also === undefined ? {} : { also }),
    tree: delegationTreeOf(top === undefined ? {} : { delegations: top }, below),
    expiry: { ...expiry, delegated: new Map(delegatedExpiry) },
  };
  const all = JSON.parse(edits) as Edits;
  return {
    head, roles, firstVersion, nowMs,
    edits: new Map(roles.map((role, at) => [role, new Map((all[at] ?? []).map(([path, fragment]) => [path, fragment ?? undefined]))])),
  };
}
