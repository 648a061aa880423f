// The first head: from a root and settings to a repository (rule 23).
//
// The request lies in the setting `bootstrap_request`; until the commit it can be given up
// and started again, and a crash leaves only names nobody refers to. Order: signers proved,
// delegated roles, targets, snapshot, commit, 1.root.json, timestamp.json.

import { AppError, reasonOf } from "../lib/app-error.ts";
import type { EventEffect, EventSignature, SettingValue, SigningEvent, TaskResult } from "../ports/database.ts";
import { SignerError } from "../ports/signer.ts";
import { StorageError } from "../ports/storage.ts";
import { bootstrapSettingsOf, checkBootstrapRoot, type BootstrapRoot, type BootstrapSettings } from "../roles/bootstrap.ts";
import { NESTED, settingOf as nestedSetting } from "../roles/below.ts";
import { bootstrapDelegationsOf, type WantedDelegations } from "../roles/custom-delegations.ts";
import { belowOf, binDelegations, delegationTreeOf, binsOf, namesIn, type DelegationTree } from "../roles/delegation.ts";
import { RoleError } from "../roles/errors.ts";
import { NO_OUTSIDE, OUTSIDE, outsideSetting } from "../roles/outside-roles.ts";
import { DEFAULT_DAYS, expiryPolicyOf } from "../roles/policy.ts";
import { ONLINE_ROLES } from "../roles/root-rules.ts";
import { demandsOf } from "../roles/root-update.ts";
import { completedAt, judgeSignature, plainSignature } from "../roles/signing-event.ts";
import { SnapshotBook } from "../roles/snapshot.ts";
import type { Delegations, Json, Targets } from "../tuf/documents.ts";
import { parseEnvelope, SPEC_VERSION } from "../tuf/parse.ts";
import { CLIENT_LIMITS } from "../tuf/trusted-set.ts";
import { dismiss, finishedAnswers, pendingAnswers, refusedAnswers, signedFile } from "./answers.ts";
import { binSettings } from "./bin-settings.ts";
import { requireSaneClock } from "./clock-check.ts";
import type { PublisherDeps } from "./deps.ts";
import { PublisherError } from "./errors.ts";
import { authorityOf, type Head } from "./head.ts";
import type { LeaseHold } from "./lease-hold.ts";
import { planBatch } from "./plan.ts";
import { TIMESTAMP } from "./project.ts";
import { publish } from "./publish.ts";
import type { Sealer } from "./seal.ts";
import { splitEdit, type Split } from "./split-edit.ts";
import { eventsOf } from "./units.ts";

/**
 * Carries out a pending bootstrap request, if there is one. Answers the first head, or
 * undefined when there was nothing to do, it was refused, or it waits for signatures.
 * What is not the request's fault (storage, signer away) is thrown, and tried again.
 */
export async function bootstrap(deps: PublisherDeps, hold: LeaseHold, sealer: Sealer): Promise<Head | undefined> {
  const state = await deps.database.setting("bootstrap");
  for (const event of await deps.database.signingEvents()) if (event.state === "cancelled") await dismiss(deps, hold, event);
  if (typeof state === "string" && state.startsWith("signing-")) return await carryOutSigned(deps, hold, sealer, state.slice("signing-".length));
  if (typeof state !== "string" || !state.startsWith("pre-")) return undefined;
  const task = state.slice("pre-".length);
  const payload = await deps.database.setting("bootstrap_request");
  try {
    return await carryOut(deps, hold, sealer, task, payload);
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    deps.telemetry.log.warn({ task, reason: reasonOf(error) }, "refused bootstrap");
    await deps.database.endTasks(hold.lease, [{ task, result: { ...refusal, lastUpdateMs: deps.clock.now() } }], { bootstrap: null, bootstrap_request: null });
    return undefined;
  }
}

/** How a fault of the request itself is answered; undefined for faults of the surroundings. */
function refusalOf(error: unknown): Omit<TaskResult, "lastUpdateMs"> | undefined {
  if (error instanceof MissingRoot) return { state: "FAILURE", message: "'root'" };
  const itsFault = error instanceof RoleError
    || (error instanceof PublisherError && error.code === "storage-occupied")
    || (error instanceof SignerError && error.code !== "unavailable");
  if (!itsFault || !(error instanceof AppError)) return undefined;
  return { state: "ERRORED", message: "Bootstrap Failed", error: error.message };
}

class MissingRoot extends Error {}

async function carryOut(deps: PublisherDeps, hold: LeaseHold, sealer: Sealer, task: string, payload: SettingValue | undefined): Promise<Head | undefined> {
  await requireSaneClock(deps, undefined);
  const settings = bootstrapSettingsOf(payload);
  const document = rootOf(payload);
  const now = deps.clock.now();
  const root = checkBootstrapRoot(Buffer.from(JSON.stringify(document)), now, { allowUnportable: deps.policy.allowUnportableKeys });
  if (!root.complete) {
    await awaitSignatures(deps, hold, task, root, document, now);
    return undefined;
  }
  await requireFeasible(deps, sealer, root);
  return await firstHead(deps, hold, sealer, task, root, settings, document, bootstrapDelegationsOf(payload));
}

/** Nothing is there, and whoever is to sign can. */
async function requireFeasible(deps: PublisherDeps, sealer: Sealer, root: BootstrapRoot): Promise<void> {
  await requireEmpty(deps, root);
  const { keys, roles } = root.root.signed;
  for (const role of ONLINE_ROLES) await sealer.prove(role, { keys, role: roles[role] });
}

/** Answers who signed the first root; carries the request out once enough have. What is refused then can be mended, or stopped. */
async function carryOutSigned(deps: PublisherDeps, hold: LeaseHold, sealer: Sealer, task: string): Promise<Head | undefined> {
  const { database, clock, policy } = deps;
  const found = async (): Promise<SigningEvent | undefined> => (await database.signingEvents()).find(({ kind, state }) => kind === "bootstrap" && state !== "cancelled");
  const rootIn = (bytes: Buffer): BootstrapRoot => checkBootstrapRoot(bytes, clock.now(), { allowUnportable: policy.allowUnportableKeys });
  let event = await found();
  if (event?.state === "open") {
    const { canonical, signed } = parseEnvelope(event.document, "root");
    const demands = demandsOf(undefined, signed);
    const count = completedAt(demands, { canonical, signatures: event.signatures.map(plainSignature) });
    const waiting = pendingAnswers(event, count, clock.now());
    if (waiting.length > 0) await database.endTasks(hold.lease, waiting);
    if (count === undefined) return undefined;
    const bytes = signedFile(event, demands);
    try {
      await requireFeasible(deps, sealer, rootIn(bytes));
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined) throw error;
      deps.telemetry.log.warn({ task, reason: reasonOf(error) }, "refused bootstrap");
      const told = waiting.map((answer) => answer.task);
      const answers = refusedAnswers(event, refusal.error ?? refusal.message, clock.now()).filter((answer) => !told.includes(answer.task));
      if (answers.length > 0) await database.endTasks(hold.lease, answers);
      return undefined;
    }
    await database.freezeEvent(hold.lease, event.id, { bytes, signatures: event.signatures.length });
    event = await found();
  }
  if (event?.frozen === undefined) return undefined;
  const payload = await database.setting("bootstrap_request");
  const root = rootIn(event.frozen);
  const settings = bootstrapSettingsOf(payload);
  const document = JSON.parse(event.frozen.toString()) as SettingValue;
  return await firstHead(deps, hold, sealer, task, root, settings, document, bootstrapDelegationsOf(payload), event);
}

function rootOf(payload: SettingValue | undefined): SettingValue {
  const metadata = (payload as { metadata?: Record<string, SettingValue> } | undefined)?.metadata;
  const root = metadata?.["root"];
  if (root === undefined) throw new MissingRoot();
  return root;
}

async function awaitSignatures(deps: PublisherDeps, hold: LeaseHold, task: string, { root }: BootstrapRoot, document: SettingValue, now: number): Promise<void> {
  const result: TaskResult = { state: "SUCCESS", message: "Bootstrap Processed", details: { bootstrap: "Root v1 is pending signature" }, lastUpdateMs: now };
  const demands = demandsOf(undefined, root.signed);
  const signatures: EventSignature[] = [];
  for (const each of root.signatures) {
    const signature = plainSignature(each);
    signatures.push({ ...signature, identity: judgeSignature(demands, root.canonical, signature, signatures.map(({ identity }) => identity)) });
  }
  const start = { id: deps.random.hex(16), role: "root", kind: "bootstrap" as const, version: 1, document: Buffer.from(JSON.stringify(document)), signatures, task, startedMs: now };
  await deps.database.endTasks(hold.lease, [{ task, result }], { bootstrap: `signing-${task}` }, [{ start }]);
}

/** A repository starts only where there is none: clients of the other one would be locked out. @throws StorageError when that can't be found out now */
async function requireEmpty(deps: PublisherDeps, { root }: BootstrapRoot): Promise<void> {
  const occupied = (name: string): never => {
    throw new PublisherError("storage-occupied", `the metadata storage already holds ${name}: a repository was published there. Use an empty folder or prefix`);
  };
  if ((await found(deps, TIMESTAMP, CLIENT_LIMITS.timestampBytes * 4)) !== undefined) occupied(TIMESTAMP);
  const stored = await found(deps, "1.root.json", CLIENT_LIMITS.rootBytes);
  if (stored !== undefined && (stored === "unreadable" || !stored.equals(root.bytes))) occupied("1.root.json");
}

async function found(deps: PublisherDeps, name: string, maxBytes: number): Promise<Buffer | "unreadable" | undefined> {
  try {
    return (await deps.storage.read(name, maxBytes))?.bytes;
  } catch (error) {
    if (error instanceof StorageError && (error.code === "too-large" || error.code === "denied")) return "unreadable";
    throw error;
  }
}

/** @throws RoleError when one of the custom roles can't be had: a repository begins as it was asked for, or not */
async function delegatedAtFirst(deps: PublisherDeps, sealer: Sealer, bare: Head, wanted: WantedDelegations): Promise<Split> {
  const split = await splitEdit(deps, sealer, bare, { action: "add", ...wanted }, []);
  const [first] = split.outcome.failed;
  if (first !== undefined) throw new RoleError("bootstrap-refused", `delegated role ${first.role}: ${first.reason}`);
  return split;
}

async function firstHead(
  deps: PublisherDeps, hold: LeaseHold, sealer: Sealer, task: string, root: BootstrapRoot, settings: BootstrapSettings, document: SettingValue, wanted: WantedDelegations | undefined,
  signed?: SigningEvent,
): Promise<Head> {
  const { bins: count } = settings;
  const asked = count === undefined ? wanted : undefined;
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
  const stored = { ...settingsOf(root, settings, tree, task, document, days), ...(nested === null ? {} : { [NESTED]: nested }), ...(outside === null ? {} : { [OUTSIDE]: outside }) };
  const before: Head = { ...(split?.next ?? bare), expiry: expiryPolicyOf(stored) };
  const bins = binsOf(tree);
  const custom = tree.custom.map(({ name }) => name);
  for (const role of custom) await sealer.prove(role, authorityOf(before, role));
  const starts: EventEffect[] = [];
  for (const unit of split?.waiting ?? []) for (const start of await eventsOf(deps, hold, unit, task)) starts.push({ start });
  const now = await requireSaneClock(deps, undefined);
  const plan = planBatch({ open: [], tree, listed: new Map(), unpressable: new Map(), refresh: [...bins, ...custom, "targets"], force: true });
  const result: TaskResult = { state: "SUCCESS", message: "Bootstrap Processed", details: { bootstrap: `Bootstrap finished ${task}` }, lastUpdateMs: now };
  return await publish(deps, hold, sealer, {
    head: before,
    plan,
    nowMs: now,
    tasks: signed === undefined ? [{ task, result }] : finishedAnswers(signed, now),
    also: {
      ...(signed === undefined ? {} : { endsEvents: [signed.id] }),
      envelopes: [{ role: "root", version: 1, bytes: root.root.bytes }],
      newRoles: [
        { name: "targets", kind: "targets", parent: "" },
        ...tree.bins.flatMap((set) => namesIn(set).map((name) => ({ name, kind: "bins" as const, parent: set.delegator }))),
        ...tree.custom.map(({ name, parent }) => ({ name, kind: "delegated" as const, parent })),
      ],
      settings: stored,
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
    targets_online_key: true,
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
