// Roots that people sign: each signature answered, and what is complete made true (rules 19 - 22).
//
// Enough signatures: the root is checked again, every online key it names proves itself, and its
// exact bytes are frozen. From then on nobody can stop or change it, and after a crash the same
// bytes are published. What follows depends on what it changes:
//  - no online key: N+1.root.json is created, then committed
//  - online keys: both sign until every client that is on its way has seen the new root (rule 20),
//    then the bins follow (rule 21)
//  - online keys, because the old ones are compromised: everything at once, without overlap (rule 22).
//    A root whose keys overlap by then and that nobody has seen yet gives way: it stays where it is
//    while people sign the recovery, and is never shown when the recovery is

import { reasonOf } from "../lib/app-error.ts";
import type { SettingValue, SigningEvent } from "../ports/database.ts";
import { SignerError } from "../ports/signer.ts";
import { NESTED, settingOf } from "../roles/below.ts";
import { belowOf, binsOf } from "../roles/delegation.ts";
import { rolesSharedBy, rolesSignedBy } from "../roles/delegation-keys.ts";
import { RoleError } from "../roles/errors.ts";
import { onlinePart } from "../roles/people.ts";
import { changesOnlineKeys, checkNextRoot, demandsOf, requireNoOldKey, successions, type Succession } from "../roles/root-update.ts";
import { ONLINE_ROLES, peopleSignTargets } from "../roles/root-rules.ts";
import { completedAt, plainSignature } from "../roles/signing-event.ts";
import { laterHanded } from "../roles/successor.ts";
import type { Root } from "../tuf/documents.ts";
import { parseEnvelope, type ParsedEnvelope } from "../tuf/parse.ts";
import { CLIENT_LIMITS } from "../tuf/trusted-set.ts";
import { dismiss, finishedAnswers, pendingAnswers, refusedAnswers, signedFile } from "./answers.ts";
import type { PublisherDeps } from "./deps.ts";
import { PublisherError } from "./errors.ts";
import { fileOfFrozen, frozenOf as frozenTargets } from "./event-check.ts";
import { followed, handedOver, ownRolesOf } from "./handover.ts";
import type { Head } from "./head.ts";
import type { LeaseHold } from "./lease-hold.ts";
import { peopleOf } from "./people.ts";
import { planBatch, type Plan } from "./plan.ts";
import type { PublishOrder } from "./publish.ts";
import { readBook } from "./read-head.ts";
import { rootSettings } from "./root-settings.ts";
import { targetsBeside } from "./root-targets.ts";
import { HANDED, handedSetting, ROTATION, type Rotation } from "./rotation.ts";
import type { Sealer } from "./seal.ts";

/** Bins pressed again at a time after a change of keys, so that artifacts wait no longer than for one such slice. */
const SLICE_BINS = 1024;

/** What a turn is done with. */
export interface CeremonyTurn {
  readonly hold: LeaseHold;
  readonly sealer: Sealer;
  /** Publishes one head, in its time. */
  readonly publish: (order: PublishOrder) => Promise<Head>;
}

/** Whoever starts a root update says so when the old online keys are compromised. */
export const isRecovery = (event: SigningEvent): boolean => (event.note as { readonly compromised?: boolean } | undefined)?.compromised === true;

/** Whoever starts a root update that gives targets to people says so, unless they sign it already. */
const allowsOfflineTargets = (event: SigningEvent, current: Root): boolean => (event.note as { readonly offlineTargets?: boolean } | undefined)?.offlineTargets === true || peopleSignTargets(current);

const waitsToRecover = (event: SigningEvent): boolean => event.kind === "root" && event.state === "open" && isRecovery(event);

export class Ceremony {
  readonly #deps: PublisherDeps;
  /** Since when this process has seen the phase that has to settle; monotonic. A restart settles anew. */
  #settle: { readonly phase: string; readonly until: number } | undefined;
  /** Complete events that were refused, and when to try again; monotonic. */
  readonly #retry = new Map<string, number>();

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
  }

  /** When something is to be done again, monotonic; undefined: whenever somebody signs. */
  get nextAt(): number | undefined {
    const times = [...this.#retry.values(), ...(this.#settle === undefined ? [] : [this.#settle.until])];
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Does what there is to do about roots. Answers the head, which is the same one when nothing was done to it. */
  async turn(turn: CeremonyTurn, head: Head, events: readonly SigningEvent[]): Promise<Head> {
    for (const id of [...this.#retry.keys()]) if (!events.some((event) => event.id === id)) this.#retry.delete(id);
    let now = await this.#settleWhatIsSeen(turn, events, head);
    for (const event of events) {
      if (event.kind === "delegated") continue;
      if (event.state === "cancelled") await dismiss(this.#deps, turn.hold, event);
      else if (event.kind === "bootstrap") continue;
      else if (event.state === "open") now = await this.#tend(turn, event, now, events);
      else if (now.rotation?.phase !== "overlap" || now.rotation.event !== event.id) now = await this.#carryOut(turn, event, now, events);
    }
    return now.rotation === undefined ? now : this.#rotate(turn, events, now);
  }

  /** Answers who signed, and freezes what is complete. */
  async #tend(turn: CeremonyTurn, event: SigningEvent, head: Head, events: readonly SigningEvent[]): Promise<Head> {
    const { database, clock } = this.#deps;
    const next = parseEnvelope(event.document, "root");
    const demands = demandsOf(head.root, next.signed);
    const signed = completedAt(demands, { canonical: next.canonical, signatures: event.signatures.map(plainSignature) });
    const toldNow = async (count: number | undefined): Promise<void> => this.#tell(turn, pendingAnswers(event, count, clock.now()));
    if (clock.monotonic() < (this.#retry.get(event.id) ?? Number.NEGATIVE_INFINITY)) {
      if (event.answered) await toldNow(signed);
      return head;
    }
    const countBeside = async (): Promise<number | undefined> => ((await this.#beside(turn, event, next.signed, head, events)) === "waits" ? undefined : signed);
    let count = event.answered ? await countBeside() : signed;
    if (event.answered && count === undefined) {
      await toldNow(count);
      return head;
    }
    const refusal = await this.#refusalOf(turn, event, head, signed);
    if (refusal !== undefined) return await this.#refuse(turn, event, head, refusal, signed);
    if (!event.answered) count = await countBeside();
    this.#retry.delete(event.id);
    await toldNow(count);
    // A change of keys that is under way comes first, but for a recovery: that ends it.
    if (count === undefined || (head.rotation !== undefined && !isRecovery(event))) return head;
    await database.freezeEvent(turn.hold.lease, event.id, { bytes: signedFile(event, demandsOf(head.root, next.signed)), signatures: event.signatures.length });
    this.#deps.telemetry.log.info({ role: event.role, version: event.version, signatures: event.signatures.length }, "froze root");
    return await this.#carryOut(turn, await this.#read(event.id), head, await database.signingEvents());
  }

  /** Targets, where people have to sign it beside this root: frozen, or still waited for. */
  async #beside({ hold }: CeremonyTurn, event: SigningEvent, next: Root, head: Head, events: readonly SigningEvent[]): Promise<SigningEvent | "none" | "waits"> {
    if (next.version <= head.root.version || (head.rotation !== undefined && !isRecovery(event))) return "none";
    return await targetsBeside(this.#deps, hold, head, event, isRecovery(event) ? recovered(head, next).head : { ...head, root: next }, isRecovery(event), events);
  }

  async #tell({ hold }: CeremonyTurn, answers: ReturnType<typeof pendingAnswers>): Promise<void> {
    if (answers.length > 0) await this.#deps.database.endTasks(hold.lease, answers);
  }

  async #read(id: string): Promise<SigningEvent> {
    const event = (await this.#deps.database.signingEvents()).find((each) => each.id === id);
    if (event === undefined) throw new Error(`signing event ${id} is gone`);
    return event;
  }

  /** Why the root cannot be published now. `worthWaiting`: a signer does not answer, which is nobody's fault. */
  async #refusalOf({ sealer }: CeremonyTurn, event: SigningEvent, head: Head, count: number | undefined): Promise<{ reason: string; worthWaiting: boolean } | undefined> {
    const { clock, policy } = this.#deps;
    try {
      const bytes = count === undefined ? event.document : signedFile(event, demandsOf(head.root, parseEnvelope(event.document, "root").signed));
      const next = checkNextRoot(head.root, bytes, { now: clock.now(), allowUnportable: policy.allowUnportableKeys, offlineTargets: allowsOfflineTargets(event, head.root) }).signed;
      // The keys of a root that nobody has seen yet may stay.
      const lost = head.also === undefined || head.rotation?.phase === "overlap" ? [head.root] : [head.root, head.also];
      if (isRecovery(event)) for (const old of lost) requireNoOldKey(old, next);
      for (const role of ONLINE_ROLES) {
        const online = onlinePart({ keys: next.keys, role: next.roles[role] });
        if (online !== undefined) await sealer.prove(role, online);
      }
      return undefined;
    } catch (error) {
      if (!(error instanceof RoleError || error instanceof SignerError || (error instanceof PublisherError && error.code === "signature-invalid"))) throw error;
      return { reason: error instanceof RoleError ? error.message : reasonOf(error), worthWaiting: error instanceof SignerError && error.code === "unavailable" };
    }
  }

  /** A root nobody has been told of yet goes; one that people signed stays, and is tried again on the next tick. */
  async #refuse({ hold }: CeremonyTurn, event: SigningEvent, head: Head, refusal: { reason: string; worthWaiting: boolean }, count: number | undefined): Promise<Head> {
    const { database, clock, policy, telemetry } = this.#deps;
    telemetry.log.warn({ role: event.role, version: event.version, reason: refusal.reason }, "refused root");
    this.#retry.set(event.id, clock.monotonic() + policy.refresh.tickMs);
    if (refusal.worthWaiting) return head;
    const waiting = pendingAnswers(event, count, clock.now()).filter(({ task }) => task !== event.task);
    const others = refusedAnswers(event, refusal.reason, clock.now()).filter(({ task }) => !waiting.some((answer) => answer.task === task));
    const cancel = event.answered ? [] : [{ cancel: { event: event.id } }];
    if (waiting.length + others.length > 0) await database.endTasks(hold.lease, [...waiting, ...others], undefined, cancel);
    return head;
  }

  /** Publishes a frozen root, or begins to. */
  async #carryOut(turn: CeremonyTurn, event: SigningEvent, head: Head, events: readonly SigningEvent[]): Promise<Head> {
    const next = frozenRoot(event);
    if (next.signed.version <= head.root.version) return await this.#endAdopted(turn, event, head);
    const beside = await this.#beside(turn, event, next.signed, head, events);
    // What was signed of targets was outrun by a newer version: it is signed once more.
    if (beside === "waits") return head;
    const targets = beside === "none" ? undefined : beside;
    if (isRecovery(event)) return await this.#replaceKeys(turn, event, next.signed, head, targets);
    if (changesOnlineKeys(head.root, next.signed)) return await this.#overlap(turn, event, next.signed, head, targets);
    await this.#showRoot(turn, event, null);
    return { ...head, root: next.signed };
  }

  /** Recovery found this root in storage, and took it over, before it was ended here. */
  async #endAdopted({ hold }: CeremonyTurn, event: SigningEvent, head: Head): Promise<Head> {
    const { database, clock } = this.#deps;
    const adopted = await database.envelope("root", event.version);
    const ours = adopted !== undefined && event.frozen !== undefined && adopted.bytes.equals(event.frozen);
    const results = ours ? finishedAnswers(event, clock.now()) : refusedAnswers(event, `another root of version ${String(event.version)} is published`, clock.now());
    await database.endEvent(hold.lease, event.id, { envelopes: [], results });
    return head;
  }

  /** N+1.root.json, durable; then it is committed, and whoever signed is told. */
  async #showRoot({ hold }: CeremonyTurn, event: SigningEvent, rotation: Rotation | null): Promise<void> {
    const { database, storage, clock, telemetry } = this.#deps;
    const next = frozenRoot(event);
    const name = `${String(event.version)}.root.json`;
    hold.require();
    if ((await storage.create(name, next.bytes)) === "other") {
      throw new PublisherError("foreign", `storage holds another ${name} than the one that was signed; root names are never used twice. Nothing is published until it is known whose it is`);
    }
    telemetry.log.debug({ version: event.version }, "put root");
    hold.require();
    await database.endEvent(hold.lease, event.id, {
      envelopes: [{ role: "root", version: event.version, bytes: next.bytes }],
      settings: { ...settingsOf(next), [ROTATION]: rotation as unknown as SettingValue },
      results: finishedAnswers(event, clock.now()),
    });
    telemetry.log.info({ version: event.version }, "published root");
  }

  // ---- rule 20, phase by phase

  async #overlap({ publish }: CeremonyTurn, event: SigningEvent, next: Root, head: Head, targets: SigningEvent | undefined): Promise<Head> {
    const rotation: Rotation = { phase: "overlap", event: event.id };
    const both = { ...head, also: next, rotation };
    return await publish(withTargets(this.#order(both, targetsOnline(both), { [ROTATION]: rotation }), targets));
  }

  async #rotate(turn: CeremonyTurn, events: readonly SigningEvent[], head: Head): Promise<Head> {
    const { rotation } = head;
    switch (rotation?.phase) {
      case "overlap": {
        const event = events.find(({ id }) => id === rotation.event) ?? (await this.#read(rotation.event));
        if (events.some(waitsToRecover)) {
          this.#settle = undefined;
          return head;
        }
        if (!this.#settled(`overlap ${event.id}`)) return head;
        const shown: Rotation = { phase: "shown" };
        await this.#showRoot(turn, event, shown);
        return { ...head, root: frozenRoot(event).signed, also: head.root, rotation: shown };
      }
      case "shown":
        if (!this.#settled(`shown ${String(head.root.version)}`)) return head;
        return await this.#newKeysAlone(turn, head);
      case "bins":
        return await this.#nextBins(turn, head, rotation);
      default:
        return head;
    }
  }

  /**
   * A recovery may take the place of a root that waits to be shown, but not of one that lies in storage
   * already, after a crash: that one is ended first, and the recovery has to follow it.
   */
  async #settleWhatIsSeen(turn: CeremonyTurn, events: readonly SigningEvent[], head: Head): Promise<Head> {
    const { rotation } = head;
    if (rotation?.phase !== "overlap" || !events.some(waitsToRecover)) return head;
    const event = events.find(({ id }) => id === rotation.event) ?? (await this.#read(rotation.event));
    const seen = await this.#deps.storage.read(`${String(event.version)}.root.json`, CLIENT_LIMITS.rootBytes);
    if (seen === undefined) return head;
    const shown: Rotation = { phase: "shown" };
    await this.#showRoot(turn, event, shown);
    return { ...head, root: frozenRoot(event).signed, also: head.root, rotation: shown };
  }

  /** Whether the phase has been visible for as long as edges and clients may still show the one before. */
  #settled(phase: string): boolean {
    const now = this.#deps.clock.monotonic();
    if (this.#settle?.phase !== phase) this.#settle = { phase, until: now + this.#deps.policy.settleMs };
    if (now < this.#settle.until) return false;
    this.#settle = undefined;
    return true;
  }

  async #newKeysAlone({ publish }: CeremonyTurn, head: Head): Promise<Head> {
    const { also, rotation: __, ...rest } = head;
    // What people did not sign before they gave targets back.
    const earlier = (head.handed ?? []).filter(({ old, lost }) => !lost && ownRolesOf(rest, old).length > 0);
    const handed = followed(earlier, also === undefined ? [] : successions(also, head.root));
    if (handed.every(({ old }) => ownRolesOf(rest, old).length === 0)) return await publish(this.#order(rest, targetsOnline(rest), { [ROTATION]: null, ...handedSettings(rest, handed) }));
    const rotation: Rotation = { phase: "bins", handed, next: 0 };
    const after = handedOver({ ...rest, rotation }, handed, "both");
    return await publish(this.#order(after.head, [...targetsOnline(rest), ...after.changed], { [ROTATION]: rotation as unknown as SettingValue, ...this.#nested(after.changed, after.head) }));
  }

  // ---- rule 21

  async #nextBins({ publish }: CeremonyTurn, head: Head, rotation: Extract<Rotation, { phase: "bins" }>): Promise<Head> {
    const roles = [...new Set(rotation.handed.flatMap(({ old }) => rolesSignedBy(head.tree, old, peopleOf(head))))];
    const shared = rotation.handed.flatMap(({ old }) => rolesSharedBy(head.tree, old, peopleOf(head)));
    const bins = new Set(binsOf(head.tree));
    const slice = roles.filter((role) => bins.has(role)).slice(rotation.next, rotation.next + SLICE_BINS);
    if (slice.length > 0) {
      const further: Rotation = { ...rotation, next: rotation.next + slice.length };
      return await publish(this.#order({ ...head, rotation: further }, slice, { [ROTATION]: further as unknown as SettingValue }));
    }
    const { rotation: _, ...rest } = head;
    const after = handedOver(rest, rotation.handed, "alone");
    return await publish(this.#order(after.head, [...targetsOnline(rest), ...after.changed, ...roles.filter((role) => !bins.has(role)), ...shared], { [ROTATION]: null, ...handedSettings(after.head, rotation.handed), ...this.#nested(after.changed, after.head) }));
  }

  // ---- rule 22

  /** New root, and everything signed by the new keys, in one head. Between root and timestamp clients fail closed. */
  async #replaceKeys({ publish }: CeremonyTurn, event: SigningEvent, next: Root, head: Head, targets: SigningEvent | undefined): Promise<Head> {
    const after = recovered(head, next);
    const lost = laterHanded(head.handed ?? [], after.handed, true);
    const settings = { ...settingsOf(frozenRoot(event)), [ROTATION]: null, [HANDED]: handedSetting(lost), ...this.#nested(after.changed, after.head) };
    const book = await readBook(this.#deps.database, { ...after.head, handed: lost }, this.#deps.policy.snapshotHashes);
    const order = this.#order({ ...after.head, handed: lost, book }, [...targetsOnline(after.head), ...after.changed.filter((role) => role !== "targets"), ...after.roles], settings);
    const whole = { ...order, also: { ...order.also, envelopes: [{ role: "root", version: event.version, bytes: frozenRoot(event).bytes }], endsEvents: [event.id] }, tasks: finishedAnswers(event, order.nowMs) };
    return await publish(withTargets(whole, targets));
  }

  /** What is to be kept of delegations below targets, if they are among those that changed. */
  #nested(changed: readonly string[], { tree }: Head): Readonly<Record<string, SettingValue>> {
    if (changed.every((name) => name === "targets")) return {};
    return { [NESTED]: settingOf(belowOf(tree), this.#deps.random.hex(8)) as unknown as SettingValue };
  }

  #order(head: Head, refresh: readonly string[], settings: Readonly<Record<string, SettingValue>>): PublishOrder & { readonly also: NonNullable<PublishOrder["also"]> } {
    const plan: Plan = planBatch({ open: [], tree: head.tree, listed: new Map(), unpressable: new Map(), refresh, force: true });
    return { head, plan, nowMs: this.#deps.clock.now(), also: { envelopes: [], settings } };
  }
}

function frozenRoot(event: SigningEvent): ParsedEnvelope<"root"> {
  if (event.frozen === undefined) throw new Error(`signing event ${event.id} is not frozen`);
  return parseEnvelope(event.frozen, "root");
}

const settingsOf = (root: ParsedEnvelope<"root">): Record<string, SettingValue> => rootSettings(root.signed, JSON.parse(root.bytes.toString()) as SettingValue);

/** Targets is pressed where this service signs it; else it stays, or comes signed. */
const targetsOnline = (head: Head): readonly string[] => (peopleOf(head).has("targets") ? [] : ["targets"]);

/** With what people signed of targets in it. */
function withTargets(order: PublishOrder & { readonly also: NonNullable<PublishOrder["also"]> }, targets: SigningEvent | undefined): PublishOrder {
  if (targets === undefined) return order;
  return {
    ...order,
    signed: [fileOfFrozen(targets, frozenTargets(targets))],
    tasks: [...(order.tasks ?? []), ...finishedAnswers(targets, order.nowMs)],
    also: { ...order.also, endsEvents: [...(order.also.endsEvents ?? []), targets.id] },
  };
}

/** The head under a root that recovers from a compromise: nothing is delegated to an old key any more, but by delegated roles of people. `roles`: who signed with one. */
function recovered(head: Head, next: Root): { readonly head: Head; readonly changed: readonly string[]; readonly roles: readonly string[]; readonly handed: readonly Succession[] } {
  const { also: _, rotation: __, ...rest } = head;
  const beside: Head = { ...rest, root: next };
  // In the middle of a change of keys, and while targets was not signed yet, there are older ones too.
  const owed = (head.handed ?? []).filter(({ old }) => ownRolesOf(beside, old, ["targets"]).length > 0);
  const older: readonly Succession[] = [...owed, ...(head.rotation?.phase === "bins" ? head.rotation.handed : [])];
  const handed = followed(followed(older, successions(head.root, next)), head.also === undefined ? [] : successions(head.also, next));
  const roles = [...new Set(handed.flatMap(({ old }) => ownRolesOf(beside, old, ["targets"])))];
  return { ...handedOver(beside, handed, "alone", ["targets"]), roles, handed };
}

/** For whoever asks people for the rest; those that nothing names, and no change that waits, are forgotten there. */
const handedSettings = (head: Head, now: readonly Succession[]): Readonly<Record<string, SettingValue>> => ({ [HANDED]: handedSetting(laterHanded(head.handed ?? [], now, false)) });
