// Whether a signing event of a delegated role still says what is to be published: looked at before it is frozen, and
// again before it is published (rule 24, H29).

import type { SigningEvent } from "../ports/database.ts";
import { RoleError } from "../roles/errors.ts";
import { noteOf } from "../roles/pending-edit.ts";
import { lostKeyIn } from "../roles/successor.ts";
import { parseEnvelope, parseExpires, type ParsedEnvelope } from "../tuf/parse.ts";
import type { PublisherDeps } from "./deps.ts";
import { authorityOf, type Head } from "./head.ts";
import { listedOf } from "./listed.ts";
import { askedOf, redelegatedBy } from "./people.ts";
import { planBatch, type Plan } from "./plan.ts";
import { composeRole, fileOf, Unpressable, type PressedFile } from "./press.ts";
import { sameAuthority } from "./units.ts";

export const NOT_AS_SIGNED = "what it says is no longer what is to be published";

/** Why the event can't be carried out as it stands, as far as a look at the head tells (H29). */
export function stalenessOf({ clock, policy }: PublisherDeps, head: Head, event: SigningEvent, { signed }: ParsedEnvelope<"targets">): string | undefined {
  const { authority, edit, root } = noteOf(event);
  const lost = lostKeyIn(edit ?? { role: { ...authority.role, name: event.role, terminating: false }, keys: authority.keys }, head.handed ?? []);
  if (lost !== undefined) return `key ${lost} is compromised`;
  if (parseExpires(signed.expires) <= clock.now() + policy.refresh.marginMs) return `it would expire at ${signed.expires}`;
  if (event.version <= (head.book.version(event.role) ?? 0)) return "a newer version was published";
  // Who signs it stands in a root that is not in force yet.
  if (root !== undefined) return undefined;
  try {
    const next = edit === undefined ? head : redelegatedBy(head, edit);
    if (!askedOf(next).has(event.role)) return "people are no longer asked to sign this role";
    return sameAuthority(authority, authorityOf(next, event.role)) ? undefined : "its keys or its threshold changed";
  } catch (error) {
    if (error instanceof RoleError) return error.message;
    throw error;
  }
}

/** Whether the document is what its changes make of the role now. */
export async function isAsSigned(deps: PublisherDeps, head: Head, event: SigningEvent, document: ParsedEnvelope<"targets">): Promise<boolean> {
  const plan = await planOf(deps, head, event);
  if (plan.changes.some(({ role, outcome }) => outcome === "set-aside" || (outcome === "apply" && role !== event.role))) return false;
  return isComposedOf(deps, head, event, document, plan.edits.get(event.role));
}

export async function isComposedOf(deps: PublisherDeps, head: Head, event: SigningEvent, document: ParsedEnvelope<"targets">, edits: ReadonlyMap<string, string | undefined> | undefined): Promise<boolean> {
  const current = (await deps.database.readTargets(head.id, [event.role])).get(event.role) ?? [];
  try {
    return composeRole(head, event.role, document.signed, current, edits).equals(document.canonical);
  } catch (error) {
    if (error instanceof Unpressable) return false;
    throw error;
  }
}

export async function planOf(deps: PublisherDeps, head: Head, event: SigningEvent): Promise<Plan> {
  const open = await deps.database.eventChanges(event.id);
  return planBatch({ open, tree: head.tree, listed: await listedOf(deps, head, open), unpressable: new Map(), refresh: [event.role], force: true });
}

export function frozenOf(event: SigningEvent): ParsedEnvelope<"targets"> {
  if (event.frozen === undefined) throw new Error(`signing event ${event.id} is not frozen`);
  return parseEnvelope(event.frozen, "targets");
}

export const fileOfFrozen = (event: SigningEvent, { bytes, signed }: ParsedEnvelope<"targets">): PressedFile => fileOf(event.role, event.version, bytes, parseExpires(signed.expires));
