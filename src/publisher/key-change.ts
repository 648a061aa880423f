// Online keys that change, phase by phase (rules 20 - 22), once the root that says so is frozen.
//
//  - an overlap: both keys sign until every client that is on its way has seen the new root, then the bins follow
//  - a recovery from a compromise: everything at once, without overlap; clients fail closed between root and timestamp

import type { SettingValue, SigningEvent } from "../ports/database.ts";
import { NESTED, settingOf } from "../roles/below.ts";
import { belowOf, binsOf } from "../roles/delegation.ts";
import { rolesSharedBy, rolesSignedBy } from "../roles/delegation-keys.ts";
import { successions, type Succession } from "../roles/root-update.ts";
import { laterHanded } from "../roles/successor.ts";
import type { Root } from "../tuf/documents.ts";
import type { ParsedEnvelope } from "../tuf/parse.ts";
import { CLIENT_LIMITS } from "../tuf/trusted-set.ts";
import { finishedAnswers } from "./answers.ts";
import type { CeremonyTurn } from "./ceremony-turn.ts";
import type { PublisherDeps } from "./deps.ts";
import { PublisherError } from "./errors.ts";
import { fileOfFrozen, frozenOf as frozenTargets } from "./event-check.ts";
import { followed, handedOver, ownRolesOf } from "./handover.ts";
import type { Head } from "./head.ts";
import { peopleOf } from "./people.ts";
import { planBatch, type Plan } from "./plan.ts";
import type { PublishOrder } from "./publish.ts";
import { readBook } from "./read-head.ts";
import { eventById, frozenRoot, waitsToRecover } from "./root-event.ts";
import { rootSettings } from "./root-settings.ts";
import { HANDED, handedSetting, ROTATION, type Rotation } from "./rotation.ts";

/** Bins pressed again at a time after a change of keys, so that artifacts wait no longer than for one such slice. */
const SLICE_BINS = 1024;

export class KeyChange {
  readonly #deps: PublisherDeps;
  /** Since when this process has seen the phase that has to settle; monotonic. A restart settles anew. */
  #settle: { readonly phase: string; readonly until: number } | undefined;

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
  }

  /** When the phase has settled, monotonic; undefined when none has to. */
  get nextAt(): number | undefined {
    return this.#settle?.until;
  }

  /** N+1.root.json, durable; then it is committed, and whoever signed is told. */
  async showRoot({ hold }: CeremonyTurn, event: SigningEvent, rotation: Rotation | null): Promise<void> {
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

  async overlap({ publish }: CeremonyTurn, event: SigningEvent, next: Root, head: Head, targets: SigningEvent | undefined): Promise<Head> {
    const rotation: Rotation = { phase: "overlap", event: event.id };
    const both = { ...head, also: next, rotation };
    return await publish(withTargets(this.#order(both, targetsOnline(both), { [ROTATION]: rotation }), targets));
  }

  async rotate(turn: CeremonyTurn, events: readonly SigningEvent[], head: Head): Promise<Head> {
    const { rotation } = head;
    switch (rotation?.phase) {
      case "overlap": {
        const event = events.find(({ id }) => id === rotation.event) ?? (await eventById(this.#deps, rotation.event));
        if (events.some(waitsToRecover)) {
          this.#settle = undefined;
          return head;
        }
        if (!this.#settled(`overlap ${event.id}`)) return head;
        const shown: Rotation = { phase: "shown" };
        await this.showRoot(turn, event, shown);
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
  async settleWhatIsSeen(turn: CeremonyTurn, events: readonly SigningEvent[], head: Head): Promise<Head> {
    const { rotation } = head;
    if (rotation?.phase !== "overlap" || !events.some(waitsToRecover)) return head;
    const event = events.find(({ id }) => id === rotation.event) ?? (await eventById(this.#deps, rotation.event));
    const seen = await this.#deps.storage.read(`${String(event.version)}.root.json`, CLIENT_LIMITS.rootBytes);
    if (seen === undefined) return head;
    const shown: Rotation = { phase: "shown" };
    await this.showRoot(turn, event, shown);
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

  async #newKeysAlone({ publish, sealer }: CeremonyTurn, head: Head): Promise<Head> {
    const { also, rotation: __, ...rest } = head;
    // What people did not sign before they gave targets back.
    const earlier = (head.handed ?? []).filter(({ old, lost }) => !lost && ownRolesOf(rest, old).length > 0);
    const handed = followed(earlier, also === undefined ? [] : successions(also, head.root));
    sealer.forget();
    if (handed.every(({ old }) => ownRolesOf(rest, old).length === 0)) return await publish(this.#order(rest, targetsOnline(rest), { [ROTATION]: null, ...handedSettings(rest, handed) }));
    const rotation: Rotation = { phase: "bins", handed, next: 0 };
    const after = handedOver({ ...rest, rotation }, handed, "both");
    return await publish(this.#order(after.head, [...targetsOnline(rest), ...after.changed], { [ROTATION]: rotation as unknown as SettingValue, ...this.#nested(after.changed, after.head) }));
  }

  // ---- rule 21

  async #nextBins({ publish, sealer }: CeremonyTurn, head: Head, rotation: Extract<Rotation, { phase: "bins" }>): Promise<Head> {
    const roles = [...new Set(rotation.handed.flatMap(({ old }) => rolesSignedBy(head.tree, old, peopleOf(head))))];
    const shared = rotation.handed.flatMap(({ old }) => rolesSharedBy(head.tree, old, peopleOf(head)));
    const bins = new Set(binsOf(head.tree));
    const slice = roles.filter((role) => bins.has(role)).slice(rotation.next, rotation.next + SLICE_BINS);
    if (slice.length > 0) {
      const further: Rotation = { ...rotation, next: rotation.next + slice.length };
      return await publish(this.#order({ ...head, rotation: further }, slice, { [ROTATION]: further as unknown as SettingValue }));
    }
    sealer.forget();
    const { rotation: _, ...rest } = head;
    const after = handedOver(rest, rotation.handed, "alone");
    return await publish(this.#order(after.head, [...targetsOnline(rest), ...after.changed, ...roles.filter((role) => !bins.has(role)), ...shared], { [ROTATION]: null, ...handedSettings(after.head, rotation.handed), ...this.#nested(after.changed, after.head) }));
  }

  // ---- rule 22

  /** New root, and everything signed by the new keys, in one head. Between root and timestamp clients fail closed. */
  async replaceKeys({ publish, sealer }: CeremonyTurn, event: SigningEvent, next: Root, head: Head, targets: SigningEvent | undefined): Promise<Head> {
    sealer.forget();
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
export function recovered(head: Head, next: Root): { readonly head: Head; readonly changed: readonly string[]; readonly roles: readonly string[]; readonly handed: readonly Succession[] } {
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
