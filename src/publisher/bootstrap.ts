// A repository is begun: from a request, by way of the people who sign its root and what else they sign, to the first head (rule 23).
//
// The request lies in the setting `bootstrap_request`; until the commit it can be given up and started again, and a crash
// leaves only names nobody refers to. Where people sign targets, that waits beside root, and nothing is put before both are complete.

import { AppError, reasonOf } from "../lib/app-error.ts";
import type { EventSignature, NewSigningEvent, SettingValue, SigningEvent, TaskResult } from "../ports/database.ts";
import { SignerError } from "../ports/signer.ts";
import { StorageError } from "../ports/storage.ts";
import { asksForOfflineTargets, bootstrapSettingsOf, checkBootstrapRoot, type BootstrapRoot } from "../roles/bootstrap.ts";
import { RoleError } from "../roles/errors.ts";
import { demandsIn, noteOf } from "../roles/pending-edit.ts";
import { onlinePart } from "../roles/people.ts";
import { expiresAfter, lifetimeMs } from "../roles/policy.ts";
import { ONLINE_ROLES } from "../roles/root-rules.ts";
import { demandsOf } from "../roles/root-update.ts";
import { completedAt, judgeSignature, plainSignature, type Demand } from "../roles/signing-event.ts";
import { envelopeBytes } from "../tuf/canonical.ts";
import { parseEnvelope, parseExpires, type ParsedEnvelope } from "../tuf/parse.ts";
import { verifyThreshold } from "../tuf/threshold.ts";
import { CLIENT_LIMITS } from "../tuf/trusted-set.ts";
import { dismiss, pendingAnswers, refusedAnswers, signedAnswers, signedFile, type Answer } from "./answers.ts";
import { requireSaneClock } from "./clock-check.ts";
import type { PublisherDeps } from "./deps.ts";
import { PublisherError } from "./errors.ts";
import { fileOfFrozen, frozenOf } from "./event-check.ts";
import { firstHeadOf, publishFirst, type FirstHead } from "./first-head.ts";
import { authorityOf, kindOf, type Head } from "./head.ts";
import type { LeaseHold } from "./lease-hold.ts";
import { composeRole } from "./press.ts";
import { TIMESTAMP } from "./project.ts";
import type { Sealer } from "./seal.ts";
import { eventOf } from "./units.ts";
import type { WaitingEvents } from "./waiting-events.ts";

const DAY_MS = 86_400_000;

/**
 * Carries out a pending bootstrap request, if there is one. Answers the first head, or
 * undefined when there was nothing to do, it was refused, or it waits for signatures.
 * What is not the request's fault (storage, signer away) is thrown, and tried again.
 */
export async function bootstrap(deps: PublisherDeps, hold: LeaseHold, sealer: Sealer, waiting: WaitingEvents): Promise<Head | undefined> {
  const state = await deps.database.setting("bootstrap");
  await endCancelled(deps, hold, waiting, typeof state === "string" && state.startsWith("signing-"));
  if (typeof state === "string" && state.startsWith("signing-")) return await carryOutSigned(deps, hold, sealer, state.slice("signing-".length), waiting);
  if (typeof state !== "string" || !state.startsWith("pre-")) return undefined;
  const task = state.slice("pre-".length);
  const payload = await deps.database.setting("bootstrap_request");
  try {
    return await carryOut(deps, hold, sealer, task, payload, waiting);
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    deps.telemetry.log.warn({ task, reason: reasonOf(error) }, "refused bootstrap");
    await deps.database.endTasks(hold.lease, [{ task, result: { ...refusal, lastUpdateMs: deps.clock.now() } }], { bootstrap: null, bootstrap_request: null });
    return undefined;
  }
}

/** Who signed what was stopped is told; what was to be signed with a root that was stopped goes with it. */
async function endCancelled(deps: PublisherDeps, hold: LeaseHold, waiting: WaitingEvents, isSigning: boolean): Promise<void> {
  const orphans = isSigning ? [] : (await waiting.all()).filter(({ kind, state }) => kind === "delegated" && state !== "cancelled");
  if (orphans.length > 0) await deps.database.endTasks(hold.lease, [], undefined, orphans.map(({ id }) => ({ giveUp: { event: id, reason: "the bootstrap was stopped" } })));
  for (const event of await waiting.all()) if (event.state === "cancelled") await dismiss(deps, hold, event);
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

async function carryOut(deps: PublisherDeps, hold: LeaseHold, sealer: Sealer, task: string, payload: SettingValue | undefined, waiting: WaitingEvents): Promise<Head | undefined> {
  await requireSaneClock(deps, undefined);
  bootstrapSettingsOf(payload);
  const document = rootOf(payload);
  const root = checkedRoot(deps, payload, Buffer.from(JSON.stringify(document)));
  if (!root.complete && !asksForOfflineTargets(payload)) {
    await awaitSignatures(deps, hold, task, root, document, []);
    return undefined;
  }
  await requireFeasible(deps, sealer, root);
  const first = await firstHeadOf(deps, sealer, task, payload, root, document);
  if (first.people.length === 0) return await publishFirst(deps, hold, sealer, task, root, first, { events: [], files: [] });
  const id = deps.random.hex(16);
  await awaitSignatures(deps, hold, task, root, document, await firstSigned(deps, hold, first, payload, id), id);
  return await carryOutSigned(deps, hold, sealer, task, waiting);
}

const checkedRoot = ({ clock, policy }: PublisherDeps, payload: SettingValue | undefined, bytes: Buffer): BootstrapRoot =>
  checkBootstrapRoot(bytes, clock.now(), { allowUnportable: policy.allowUnportableKeys, offlineTargets: asksForOfflineTargets(payload) });

/** Nothing is there, and whoever is to sign can. */
async function requireFeasible(deps: PublisherDeps, sealer: Sealer, root: BootstrapRoot): Promise<void> {
  await requireEmpty(deps, root);
  const { keys, roles } = root.root.signed;
  for (const role of ONLINE_ROLES) {
    const online = onlinePart({ keys, role: roles[role] });
    if (online !== undefined) await sealer.prove(role, online);
  }
}

/** Answers who signed root, and targets where people sign that; carries the request out once enough have. What is refused then can be mended, or stopped. */
async function carryOutSigned(deps: PublisherDeps, hold: LeaseHold, sealer: Sealer, task: string, waiting: WaitingEvents): Promise<Head | undefined> {
  const { database, clock } = deps;
  const payload = await database.setting("bootstrap_request");
  let events = await bootstrapEvents(waiting);
  const [event] = events;
  if (event === undefined) return undefined;
  if (events.some(({ state }) => state === "open")) {
    const standings = standingsOf(events, clock.now());
    if (standings.answers.length > 0) await database.endTasks(hold.lease, standings.answers);
    if (!standings.complete) return undefined;
    try {
      await freeze(deps, hold, sealer, task, payload, events);
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined) throw error;
      deps.telemetry.log.warn({ task, reason: reasonOf(error) }, "refused bootstrap");
      const told = standings.answers.map((answer) => answer.task);
      const answers = events.flatMap((each) => refusedAnswers(each, refusal.error ?? refusal.message, clock.now())).filter((answer) => !told.includes(answer.task));
      if (answers.length > 0) await database.endTasks(hold.lease, answers);
      return undefined;
    }
    events = await bootstrapEvents(waiting);
  }
  const [frozen, ...others] = events;
  if (frozen?.frozen === undefined) return undefined;
  const root = checkedRoot(deps, payload, frozen.frozen);
  const first = await firstHeadOf(deps, sealer, task, payload, root, JSON.parse(frozen.frozen.toString()) as SettingValue);
  try {
    requireAsSigned(deps, first, others);
  } catch (error) {
    // Settled signatures can't be changed, and configuration has: nobody can publish them any more.
    if (!(error instanceof RoleError)) throw error;
    deps.telemetry.log.error({ task, reason: error.message }, "gave up bootstrap");
    await database.endTasks(hold.lease, [], { bootstrap: null, bootstrap_request: null }, events.map(({ id }) => ({ giveUp: { event: id, reason: error.message } })));
    return undefined;
  }
  return await publishFirst(deps, hold, sealer, task, root, first, { events, files: others.map((each) => fileOfFrozen(each, frozenOf(each))) });
}

/** Root's first. */
async function bootstrapEvents(waiting: WaitingEvents): Promise<readonly SigningEvent[]> {
  const live = (await waiting.all()).filter(({ state }) => state !== "cancelled");
  const root = live.find(({ kind }) => kind === "bootstrap");
  return root === undefined ? [] : [root, ...live.filter((event) => event.kind === "delegated" && noteOf(event).root === root.id)];
}

const demandsOn = (event: SigningEvent): readonly Demand[] => (event.kind === "bootstrap" ? demandsOf(undefined, parseEnvelope(event.document, "root").signed) : demandsIn(noteOf(event)));

/** Whether all are signed; and what is told to those that have no answer yet. */
function standingsOf(events: readonly SigningEvent[], nowMs: number): { readonly complete: boolean; readonly answers: readonly Answer[] } {
  const counts = events.map((event) => (event.state === "frozen" ? 0 : completedAt(demandsOn(event), { canonical: parseEnvelope(event.document).canonical, signatures: event.signatures.map(plainSignature) })));
  const missing = events.filter((_, at) => counts[at] === undefined);
  const [event] = events;
  if (events.length === 1 && event !== undefined) return { complete: missing.length === 0, answers: pendingAnswers(event, counts[0], nowMs) };
  return { complete: missing.length === 0, answers: missing.length === 0 ? [] : events.flatMap((each) => signedAnswers(each, { bootstrap: pendingText(missing, "signatures") }, nowMs)) };
}

/** From here on nobody can stop it. @throws what makes it impossible */
async function freeze(deps: PublisherDeps, hold: LeaseHold, sealer: Sealer, task: string, payload: SettingValue | undefined, events: readonly SigningEvent[]): Promise<void> {
  const [event, ...others] = events;
  if (event === undefined) return;
  const bytes = signedFile(event, demandsOn(event));
  const root = checkedRoot(deps, payload, bytes);
  await requireFeasible(deps, sealer, root);
  if (others.length > 0) requireAsSigned(deps, await firstHeadOf(deps, sealer, task, payload, root, JSON.parse(bytes.toString()) as SettingValue), others);
  for (const other of others.filter(({ state }) => state === "open")) {
    const { canonical } = parseEnvelope(other.document, "targets");
    const { authority } = noteOf(other);
    const counted = new Set(demandsOn(other).flatMap((demand) => verifyThreshold(demand, { canonical, signatures: other.signatures.map(plainSignature) }).valid));
    const signatures = await sealer.complete(canonical, authority, other.signatures.map(plainSignature).filter(({ keyid }) => counted.has(keyid)));
    const file = envelopeBytes(canonical, signatures);
    const name = `${String(other.version)}.${other.role}.json`;
    const stored = await found(deps, name, CLIENT_LIMITS.targetsBytes);
    if (stored !== undefined && (stored === "unreadable" || !stored.equals(file))) throw new PublisherError("storage-occupied", `the metadata storage already holds another ${name}: stop this bootstrap, and begin again`);
    await deps.database.freezeEvent(hold.lease, other.id, { bytes: file, signatures: other.signatures.length });
  }
  if (event.state === "open") await deps.database.freezeEvent(hold.lease, event.id, { bytes, signatures: event.signatures.length });
}

/** What people signed is what will be published. @throws RoleError `bootstrap-refused` */
function requireAsSigned({ clock, policy }: PublisherDeps, { head }: FirstHead, events: readonly SigningEvent[]): void {
  for (const { role, document } of events) {
    const { signed, canonical } = parseEnvelope(document, "targets");
    const refuse = (reason: string): never => { throw new RoleError("bootstrap-refused", `the signed ${role} ${reason}: stop this bootstrap, and begin again`); };
    if (parseExpires(signed.expires) <= clock.now() + policy.refresh.marginMs) refuse(`would expire at ${signed.expires}`);
    if (!composeRole(head, role, signed, []).equals(canonical)) refuse("is not what this service's configuration makes of it now");
  }
}

/** The first envelopes that people sign: those that came with the request, or composed here (ADR 0023). @throws RoleError `bootstrap-refused` */
async function firstSigned(deps: PublisherDeps, hold: LeaseHold, first: FirstHead, payload: SettingValue | undefined, root: string): Promise<readonly NewSigningEvent[]> {
  const given = (payload as { metadata?: Record<string, SettingValue> } | undefined)?.metadata ?? {};
  const stranger = Object.keys(given).find((role) => role !== "root" && !first.people.includes(role));
  if (stranger !== undefined) throw new RoleError("bootstrap-refused", `metadata holds a document of role ${stranger.slice(0, 200)}, which people do not sign here`);
  const starts: NewSigningEvent[] = [];
  for (const role of first.people) {
    const document = given[role];
    const start = await eventOf(deps, hold, first.head, role, undefined, { root });
    starts.push(document === undefined ? start : { ...start, ...(await asGiven(deps, hold, first, role, document)) });
  }
  if (new Set(starts.map(({ version }) => version)).size < starts.length) throw new RoleError("bootstrap-refused", "two documents have the same version; no two roles of a repository share one");
  return starts;
}

async function asGiven(deps: PublisherDeps, hold: LeaseHold, { head }: FirstHead, role: string, document: SettingValue): Promise<Pick<NewSigningEvent, "version" | "document" | "signatures">> {
  const refuse = (reason: string): never => { throw new RoleError("bootstrap-refused", `metadata.${role}: ${reason}`); };
  const bytes = Buffer.from(JSON.stringify(document));
  let parsed: ParsedEnvelope<"targets">;
  try {
    parsed = parseEnvelope(bytes, "targets");
  } catch (error) {
    return refuse(`is no TUF targets document: ${reasonOf(error)}`);
  }
  const { signed, canonical } = parsed;
  const latest = expiresAfter(deps.clock.now(), lifetimeMs(head.expiry, kindOf(head, role), role)).ms + DAY_MS;
  if (parseExpires(signed.expires) > latest) refuse(`expires at ${signed.expires}, later than the settings say`);
  if (!composeRole(head, role, signed, []).equals(canonical)) refuse(`is not what this service makes of the settings (bins in style ${deps.policy.binsStyle}): leave it out, and sign what the service composes`);
  await deps.database.allocate(hold.lease, 1, signed.version);
  try {
    return { version: signed.version, document: bytes, signatures: givenSignatures(demandsIn({ authority: authorityOf(head, role) }), parsed) };
  } catch (error) {
    return refuse(reasonOf(error));
  }
}

function rootOf(payload: SettingValue | undefined): SettingValue {
  const metadata = (payload as { metadata?: Record<string, SettingValue> } | undefined)?.metadata;
  const root = metadata?.["root"];
  if (root === undefined) throw new MissingRoot();
  return root;
}

/** Root and what is signed with it wait for people. What is complete already is answered when it is published. */
async function awaitSignatures(deps: PublisherDeps, hold: LeaseHold, task: string, { root }: BootstrapRoot, document: SettingValue, others: readonly NewSigningEvent[], id: string = deps.random.hex(16)): Promise<void> {
  const now = deps.clock.now();
  const demands = demandsOf(undefined, root.signed);
  const start = { id, role: "root", kind: "bootstrap" as const, version: 1, document: Buffer.from(JSON.stringify(document)), signatures: givenSignatures(demands, root), task, startedMs: now };
  const isComplete = (event: NewSigningEvent): boolean => completedAt(event.kind === "bootstrap" ? demands : demandsIn(noteOf(event)), { canonical: parseEnvelope(event.document).canonical, signatures: event.signatures.map(plainSignature) }) !== undefined;
  const missing = [start, ...others].filter((event) => !isComplete(event));
  const result: TaskResult = { state: "SUCCESS", message: "Bootstrap Processed", details: { bootstrap: pendingText(missing, "signature") }, lastUpdateMs: now };
  await deps.database.endTasks(hold.lease, missing.length === 0 ? [] : [{ task, result }], { bootstrap: `signing-${task}` }, [start, ...others].map((each) => ({ start: each })));
}

/** @throws RoleError `signature-refused` */
function givenSignatures(demands: readonly Demand[], { canonical, signatures }: Pick<ParsedEnvelope, "canonical" | "signatures">): readonly EventSignature[] {
  const given: EventSignature[] = [];
  for (const each of signatures) {
    const signature = plainSignature(each);
    given.push({ ...signature, identity: judgeSignature(demands, canonical, signature, given.map(({ identity }) => identity)) });
  }
  return given;
}

function pendingText(missing: readonly Pick<SigningEvent, "role" | "version">[], noun: "signature" | "signatures"): string {
  const names = missing.map(({ role, version }) => `${role === "root" ? "Root" : role} v${String(version)}`);
  return names.length === 1 ? `${names.join("")} is pending ${noun}` : `${names.join(", ")} are pending signatures`;
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
