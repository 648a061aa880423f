// The first head of a repository: who delegates to whom, which roles people sign before anything is shown, and its publish.
//
// Order: delegated roles, targets, snapshot, commit, 1.root.json, timestamp.json (rule 23).

import type { EventEffect, SettingValue, SigningEvent, TaskResult } from "../ports/database.ts";
import { NESTED, settingOf as nestedSetting } from "../roles/below.ts";
import { bootstrapSettingsOf, type BootstrapRoot, type BootstrapSettings } from "../roles/bootstrap.ts";
import { bootstrapDelegationsOf, isSignedHere, type WantedDelegations } from "../roles/custom-delegations.ts";
import { applyEdit } from "../roles/delegation-edit.ts";
import { belowOf, binDelegations, binsOf, delegationTreeOf, namesIn, type DelegationTree } from "../roles/delegation.ts";
import { RoleError } from "../roles/errors.ts";
import { NO_OUTSIDE, OUTSIDE, outsideSetting } from "../roles/outside-roles.ts";
import { DEFAULT_DAYS, expiryPolicyOf } from "../roles/policy.ts";
import { peopleSignTargets } from "../roles/root-rules.ts";
import { SnapshotBook } from "../roles/snapshot.ts";
import type { Delegations, Json, Targets } from "../tuf/documents.ts";
import { SPEC_VERSION } from "../tuf/parse.ts";
import { finishedAnswers } from "./answers.ts";
import { binSettings } from "./bin-settings.ts";
import { requireSaneClock } from "./clock-check.ts";
import type { PublisherDeps } from "./deps.ts";
import { authorityOf, type Head } from "./head.ts";
import { prove } from "./head-change.ts";
import type { LeaseHold } from "./lease-hold.ts";
import { peopleOf, withTree } from "./people.ts";
import { planBatch } from "./plan.ts";
import type { PressedFile } from "./press.ts";
import { publish } from "./publish.ts";
import type { Sealer } from "./seal.ts";
import { contextOf, splitEdit, type Split } from "./split-edit.ts";
import { eventsOf, timesOf } from "./units.ts";

export interface FirstHead {
  /** As it will be, without files. */
  readonly head: Head;
  readonly settings: Readonly<Record<string, SettingValue>>;
  /** Roles whose first envelopes people sign before anything is shown, sorted. */
  readonly people: readonly string[];
  /** Delegated roles that come once people have signed them. */
  readonly waiting: Split["waiting"];
}

/** @throws RoleError when one of the custom roles can't be had: a repository begins as it was asked for, or not */
export async function firstHeadOf(deps: PublisherDeps, sealer: Sealer, task: string, payload: unknown, root: BootstrapRoot, document: SettingValue): Promise<FirstHead> {
  const settings = bootstrapSettingsOf(payload);
  const { bins: count } = settings;
  const asked = count === undefined ? bootstrapDelegationsOf(payload) : undefined;
  const delegations: Delegations = asked === undefined ? binDelegations(count ?? 0, deps.policy.binsStyle, root.online) : { keys: {}, roles: [] };
  const top: Targets = { _type: "targets", spec_version: SPEC_VERSION, version: 1, expires: "1970-01-01T00:00:00Z", targets: {}, delegations };
  const bare: Head = {
    id: "",
    seq: 0,
    pressedAtMs: 0,
    root: root.root.signed,
    targets: top,
    tree: delegationTreeOf(top),
    outside: NO_OUTSIDE,
    book: new SnapshotBook([], deps.policy.snapshotHashes),
    expiry: expiryPolicyOf(settingsOf(root, settings, delegationTreeOf(top), task, document, new Map())),
    timestampExpiresMs: 0,
  };
  const split = asked === undefined ? undefined : await delegatedAtFirst(deps, sealer, bare, asked);
  const { tree } = split?.next ?? bare;
  // The lifetime of bins beside custom roles is that of bins.
  const days = new Map([...(split?.outcome.days ?? []), ...(split !== undefined && tree.bins.length > 0 ? [["bins", asked?.bins?.expiration ?? DEFAULT_DAYS.bins] as const] : [])]);
  const outside = outsideSetting((split?.next ?? bare).outside, tree.custom) as unknown as SettingValue;
  const nested = nestedSetting(belowOf(tree), deps.random.hex(8)) as unknown as SettingValue;
  const stored = { ...settingsOf(root, settings, tree, task, document, days), ...timesOf(new Map(), new Map([...settings.windows, ...(split?.outcome.windows ?? [])])), ...(nested === null ? {} : { [NESTED]: nested }), ...(outside === null ? {} : { [OUTSIDE]: outside }) };
  const head: Head = { ...(split?.next ?? bare), expiry: expiryPolicyOf(stored) };
  return { head, settings: stored, people: [...peopleOf(head)].sort(), waiting: split?.waiting ?? [] };
}

async function delegatedAtFirst(deps: PublisherDeps, sealer: Sealer, bare: Head, wanted: WantedDelegations): Promise<Pick<Split, "outcome" | "next" | "waiting">> {
  const refuse = (failed: readonly { readonly role: string; readonly reason: string }[]): void => {
    const [first] = failed;
    if (first !== undefined) throw new RoleError("bootstrap-refused", `delegated role ${first.role}: ${first.reason}`);
  };
  if (!peopleOf(bare).has("targets")) {
    const split = await splitEdit(deps, sealer, bare, { action: "add", ...wanted }, []);
    refuse(split.outcome.failed);
    return split;
  }
  // People sign targets before anything is shown, and with it every role it delegates to.
  const outcome = applyEdit({ action: "add", ...wanted, roles: wanted.roles.filter(isSignedHere) }, contextOf(deps, bare));
  refuse(outcome.failed);
  const begun = withTree(bare, outcome.tree);
  // Those of teams come later, with their first documents, and targets is signed anew.
  const elsewhere = wanted.roles.filter((role) => !isSignedHere(role));
  const declared = elsewhere.length === 0 ? undefined : await splitEdit(deps, sealer, begun, { action: "add", keys: wanted.keys, roles: elsewhere }, []);
  refuse(declared?.outcome.failed ?? []);
  const next = declared?.next ?? begun;
  for (const { name } of outcome.tree.custom) await prove(sealer, next, name);
  return { outcome, next, waiting: [] };
}

/** @param signing the events that end with it, root's first, and what people signed of other roles */
export async function publishFirst(deps: PublisherDeps, hold: LeaseHold, sealer: Sealer, task: string, root: BootstrapRoot, first: FirstHead, signing: { readonly events: readonly SigningEvent[]; readonly files: readonly PressedFile[] }): Promise<Head> {
  const { head, settings, people, waiting } = first;
  const { tree } = head;
  const custom = tree.custom.map(({ name }) => name).filter((name) => !people.includes(name));
  for (const role of custom) await sealer.prove(role, authorityOf(head, role));
  const starts: EventEffect[] = [];
  for (const unit of waiting) for (const start of await eventsOf(deps, hold, unit, task)) starts.push({ start });
  const now = await requireSaneClock(deps, undefined);
  const refresh = [...binsOf(tree), ...custom, ...(people.includes("targets") ? [] : ["targets"])];
  const plan = planBatch({ open: [], tree, listed: new Map(), unpressable: new Map(), refresh, force: true });
  const result: TaskResult = { state: "SUCCESS", message: "Bootstrap Processed", details: { bootstrap: `Bootstrap finished ${task}` }, lastUpdateMs: now };
  const { events, files } = signing;
  const isAnswered = events.some(({ kind, answered }) => kind === "bootstrap" && answered);
  const told = events.flatMap((event) => finishedAnswers(event, now));
  return await publish(deps, hold, sealer, {
    head,
    plan,
    nowMs: now,
    signed: files,
    tasks: isAnswered ? told : [{ task, result }, ...told.filter((answer) => answer.task !== task)],
    also: {
      ...(events.length === 0 ? {} : { endsEvents: events.map(({ id }) => id) }),
      envelopes: [{ role: "root", version: 1, bytes: root.root.bytes }],
      newRoles: [
        { name: "targets", kind: "targets", parent: "" },
        ...tree.bins.flatMap((set) => namesIn(set).map((name) => ({ name, kind: "bins" as const, parent: set.delegator }))),
        ...tree.custom.map(({ name, parent }) => ({ name, kind: "delegated" as const, parent })),
      ],
      settings,
      events: starts,
    },
  });
}

/** The settings that GET /config/ shows, by the contract's names. */
function settingsOf({ root, online }: BootstrapRoot, { expiration }: BootstrapSettings, tree: DelegationTree, task: string, document: SettingValue, days: ReadonlyMap<string, number>): Record<string, SettingValue> {
  const signed = root.signed;
  const settings: Record<string, SettingValue> = {
    bootstrap: task,
    bootstrap_request: null,
    root_signing: null,
    targets_online_key: !peopleSignTargets(signed),
    ...binSettings(tree),
    trusted_root: document,
    online_key: { ...(online.key as unknown as { readonly [member: string]: Exclude<Json, undefined> }), keyid: online.keyid },
  };
  for (const [role, lifetime] of [...Object.entries(expiration), ...days]) settings[`${role}_expiration`] = lifetime;
  for (const role of ["root", "targets", "snapshot", "timestamp"] as const) {
    settings[`${role}_threshold`] = signed.roles[role].threshold;
    settings[`${role}_num_keys`] = signed.roles[role].keyids.length;
  }
  return settings;
}
