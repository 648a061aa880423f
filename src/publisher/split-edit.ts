// What of a change of delegations is done at once, and what waits for people, role by role.

import type { SigningEvent } from "../ports/database.ts";
import { onlineUriOf } from "../roles/online-key.ts";
import type { DelegationEdit, WantedRole } from "../roles/custom-delegations.ts";
import { ownerOf } from "../roles/delegation.ts";
import { applyEdit, changedDelegators, type EditContext, type EditOutcome } from "../roles/delegation-edit.ts";
import { RoleError } from "../roles/errors.ts";
import { withOutside } from "../roles/outside-roles.ts";
import { noteOf, pendingEdits, type PendingEdit } from "../roles/pending-edit.ts";
import { signingModeOf } from "../roles/signing-mode.ts";
import { parseEnvelope } from "../tuf/parse.ts";
import { verifyThreshold } from "../tuf/threshold.ts";
import type { PublisherDeps } from "./deps.ts";
import { authorityOf, type Head } from "./head.ts";
import { prove } from "./head-change.ts";
import { askedOf, isAskedBelowTargets, peopleOf, SIGNED_PARENT, withTree } from "./people.ts";
import type { Sealer } from "./seal.ts";
import { isBeingSigned, rehomeIfSigned, signersOf, unitEvents, withLifetime, type Unit } from "./units.ts";

const DAY_MS = 86_400_000;

export type Outcome = Pick<EditOutcome, "added" | "updated" | "deleted" | "failed" | "days" | "windows">;

export interface Split {
  /** What is done at once. */
  readonly outcome: Outcome;
  /** The head with that; the same one when there is nothing. */
  readonly next: Head;
  /** What waits for people, role by role. */
  readonly waiting: readonly Unit[];
  /** Signing events whose place it takes. */
  readonly superseded: readonly string[];
  /** Roles whose change waits for a document that their team uploads; `next.outside` has it. */
  readonly declared: readonly string[];
}

/**
 * Role by role: what takes signatures of people waits, everything else is done at once. A later change of a role takes
 * the place of one that waits, and of a new version of it that does.
 * @throws RoleError, SignerError when the edit as a whole can't be carried out
 */
export async function splitEdit(deps: PublisherDeps, sealer: Sealer, head: Head, edit: DelegationEdit, events: readonly SigningEvent[]): Promise<Split> {
  const pending = [...pendingEdits(events), ...head.outside.declared];
  const outcome = { added: [] as string[], updated: [] as string[], deleted: [] as string[], failed: [] as { role: string; reason: string }[], days: new Map<string, number>(), windows: new Map<string, number>() };
  const waiting: Unit[] = [];
  const superseded = new Set<string>();
  const declared: string[] = [];
  let next = head;
  if (edit.action === "bins" || (edit.action === "add" && edit.bins)) {
    const made = applyEdit({ ...edit, roles: [] }, contextOf(deps, head));
    const signer = made.changed.find((name) => peopleOf(head).has(name));
    if (signer !== undefined) throw new RoleError("delegations-refused", `people sign role ${signer}, and its bins stand in what they sign: change them with an update of the role`);
    if (made.changed.length > 0) next = withTree(head, made.tree);
  }
  // Whoever is below another goes before it.
  const place = new Map(head.tree.custom.map(({ name }, at) => [name, at]));
  const roles: readonly { readonly name: string }[] = edit.action === "delete" ? edit.roles.toSorted((a, b) => (place.get(b.name) ?? -1) - (place.get(a.name) ?? -1)) : edit.roles;
  const parents = new Map(head.tree.custom.map(({ name, parent }) => [name, parent]));
  /** Of those that go, who goes with `name`: its people need not sign that they are gone. */
  const goingWith = (name: string): readonly { readonly name: string }[] => (edit.action === "delete" && peopleOf(head).has(name) ? roles.filter((role) => parents.get(role.name) === name).flatMap((role) => [role, ...goingWith(role.name)]) : []);
  const along = new Set(roles.flatMap(({ name }) => goingWith(name)).map(({ name }) => name));
  for (const wanted of roles) {
    const { name } = wanted;
    if (along.has(name)) continue;
    const all = [wanted, ...goingWith(name)];
    const names = all.map((role) => role.name);
    const fail = (reason: string): void => void outcome.failed.push({ role: name, reason });
    const before = pending.find((other) => other.name === name);
    const supersede = (): void => {
      if (before === undefined) return;
      for (const { id } of unitEvents(events, before.unit)) superseded.add(id);
      next = { ...next, outside: { ...next.outside, declared: next.outside.declared.filter((other) => other.name !== name) } };
    };
    const added = [...pending, ...waiting.map((unit) => unit.edit)].filter(({ action }) => action === "add");
    if (edit.action === "add" && added.some((other) => other.name.toLowerCase() === name.toLowerCase())) {
      fail("role already exists");
      continue;
    }
    const above = edit.action === "add" ? (wanted as WantedRole).parent : undefined;
    if (added.some((other) => other.name === above)) {
      fail(`parent role ${above ?? ""} waits for its first signatures: add this one when it is there`);
      continue;
    }
    if (edit.action === "delete" && before?.action === "add") {
      supersede();
      outcome.deleted.push(name);
      continue;
    }
    const action = before?.action === "add" ? "add" : edit.action === "bins" ? "update" : edit.action;
    const made = applyEdit({ ...edit, action, roles: all, bins: null } as unknown as DelegationEdit, contextOf(deps, next));
    const [failed] = made.failed;
    if (failed !== undefined) {
      fail(failed.reason);
      continue;
    }
    const asked = (wanted as WantedRole).signing ?? undefined;
    const isOutside = action !== "delete" && (asked === undefined ? head.outside.roles.has(name) || head.outside.declared.some((other) => other.name === name) : asked === "outside");
    if (isOutside) {
      const apart = await splitOutside(deps, head, next, withTree(next, made.tree), name, events);
      if (typeof apart === "string") {
        fail(apart);
        continue;
      }
      supersede();
      for (const event of events) if (event.kind === "delegated" && event.role === name && event.state !== "cancelled") superseded.add(event.id);
      if (apart.now) {
        next = { ...withTree(next, made.tree), outside: withOutside(next.outside, name, true) };
        outcome[action === "add" ? "added" : "updated"].push(name);
      } else {
        const edit = pendingEditOf(deps, next, withTree(next, made.tree), { name, action, days: undefined, window: undefined, signs: [] }, before?.after, added.map((other) => other.name));
        next = { ...next, outside: { ...next.outside, declared: [...next.outside.declared, edit] } };
        declared.push(name);
      }
      continue;
    }
    const [days, window] = [made.days.get(name), made.windows.get(name)];
    const taken = { ...withTree(next, made.tree), outside: withOutside(next.outside, name, false) };
    const after = await withLifetime(deps, taken, { name, ...(days === undefined ? {} : { days }) });
    const rehoming = await rehomeIfSigned(deps, head, after);
    const signs = signersOf(head, after, name, rehoming);
    if (action !== "delete") await prove(sealer, after, name);
    const ends = events.filter((event) => event.kind === "delegated" && names.includes(event.role) && event.state !== "cancelled" && !askedOf(after).has(event.role));
    // What waits for people of this role would be forgotten with them.
    const forgotten = ends.find((event) => (noteOf(event).edit ?? before)?.unit !== before?.unit);
    if (signs.length === 0 && forgotten !== undefined) {
      fail(`role ${forgotten.role} waits for signatures of another change of delegations: sign that first, or stop it`);
      continue;
    }
    if (signs.length === 0) {
      supersede();
      for (const event of ends) superseded.add(event.id);
      next = { ...after, outside: { ...after.outside, declared: next.outside.declared } };
      outcome[action === "add" ? "added" : action === "update" ? "updated" : "deleted"].push(...names);
      if (days !== undefined) outcome.days.set(name, days);
      if (window !== undefined) outcome.windows.set(name, window);
      continue;
    }
    const busy = signs.find((sign) => [...pending.filter((other) => other !== before), ...waiting.map((unit) => unit.edit)].some((other) => other.signs.includes(sign)));
    if (busy !== undefined) {
      fail(`role ${busy} waits for signatures of another change of delegations: sign that first, or stop it`);
      continue;
    }
    supersede();
    for (const event of events) if (event.kind === "delegated" && signs.includes(event.role) && event.state !== "cancelled") superseded.add(event.id);
    waiting.push({ next: after, rehoming, edit: pendingEditOf(deps, next, after, { name, action, days, window, signs }, before?.after, added.map((other) => other.name)) });
  }
  return { outcome, next, waiting, superseded: [...superseded], declared };
}

/** Whether `name`, signed outside from now on, can be so at once, with the document it has; or why it can't be at all. */
async function splitOutside({ database }: PublisherDeps, head: Head, before: Head, after: Head, name: string, events: readonly SigningEvent[]): Promise<{ readonly now: boolean } | string> {
  const authority = authorityOf(after, name);
  if (signingModeOf(authority) !== "offline") return "a role that is signed outside has no key of this service";
  if (after.tree.delegators.has(name)) return "it delegates to other roles, and a role that is signed outside does not";
  const parent = after.tree.custom.find((role) => role.name === name)?.parent ?? "targets";
  if (isAskedBelowTargets(head, parent)) return `${SIGNED_PARENT(parent)}: give the role another parent`;
  // People sign for it when its next document comes.
  if (changedDelegators(before.tree, after.tree).some((by) => peopleOf(head).has(by) || isBeingSigned(by, events))) return { now: false };
  const kept = head.tree.custom.some((role) => role.name === name) ? await database.envelope(name) : undefined;
  // One that is kept from a time when people signed it is not the one in force.
  if (kept === undefined || kept.version !== head.book.version(name)) return { now: false };
  const { signatures, canonical, signed } = parseEnvelope(kept.bytes, "targets");
  if (!verifyThreshold(authority, { signatures, canonical }).met) return { now: false };
  // Its document must be one of the role as it will be; else the next one is.
  const theirs = Object.keys(signed.targets).every((path) => ownerOf(after.tree, path) === name);
  return { now: theirs && before.tree.custom.some((role) => role.name === name) };
}

/** What of the edit is kept until it is signed. */
function pendingEditOf(
  deps: Pick<PublisherDeps, "random">, before: Head, after: Head, { name, action, days, window, signs }: Pick<PendingEdit, "name" | "action" | "signs"> & { readonly days: number | undefined; readonly window: number | undefined },
  place: readonly string[] | undefined, pendingNames: readonly string[],
): PendingEdit {
  const parent = (action === "delete" ? before : after).tree.custom.find((each) => each.name === name)?.parent ?? "targets";
  const { delegations } = after.tree.delegators.get(parent) ?? {};
  const siblings = delegations?.roles ?? [];
  const at = siblings.findIndex((each) => each.name === name);
  const role = siblings[at];
  const below = after.tree.delegators.get(name)?.delegations;
  return {
    unit: deps.random.hex(16), action, name, parent,
    ...(role === undefined ? {} : { role }),
    ...(below === undefined ? {} : { below }),
    keys: Object.fromEntries(Object.entries(delegations?.keys ?? {}).filter(([keyid]) => role?.keyids.includes(keyid) === true)),
    after: place ?? [...siblings.slice(0, Math.max(0, at)).map((each) => each.name), ...(action === "add" ? pendingNames : [])],
    ...(days === undefined ? {} : { days }),
    ...(window === undefined ? {} : { window }),
    signs,
  };
}

/** @throws RoleError `delegations-refused` when nothing can sign for roles without keys of their own */
export function contextOf(deps: Pick<PublisherDeps, "policy">, head: Pick<Head, "root" | "tree" | "expiry" | "outside">): EditContext {
  const { keys, roles } = head.root;
  const keyid = roles.timestamp.keyids.find((id) => onlineUriOf(keys[id]) !== undefined);
  const key = keyid === undefined ? undefined : keys[keyid];
  if (keyid === undefined || key === undefined) throw new RoleError("delegations-refused", "root names no online key for role timestamp");
  return {
    tree: head.tree,
    outside: head.outside.roles,
    binsStyle: deps.policy.binsStyle,
    online: { keyid, key },
    allowUnportable: deps.policy.allowUnportableKeys,
    defaultDays: Math.max(1, Math.round(head.expiry.targets / DAY_MS)),
  };
}
