// New versions of roles that people sign (rules 24, 25): begun, answered, frozen, published, ended.
//
//   changes wait --begin--> open --enough signed, looked at again--> frozen --published--> gone
//                            | \--the world moved (H29)--> given up: what it carried is open again
//                            \--stopped by a request--> its changes end with that reason
//
// A document holds exactly the changes its event carries; what comes later waits for the next one.
// Before it is frozen, and again before it is published, it is composed anew from what is in force:
// only if the bytes are those that were signed it goes out. Events of one change of delegations are
// published together, in the head that makes it true.

import { reasonOf } from "../lib/app-error.ts";
import { DatabaseError, type EventEffect, type SigningEvent } from "../ports/database.ts";
import { SignerError } from "../ports/signer.ts";
import { RoleError } from "../roles/errors.ts";
import { peopleDemand } from "../roles/people.ts";
import { noteOf, pendingEdits, type PendingEdit } from "../roles/pending-edit.ts";
import { completedAt, plainSignature } from "../roles/signing-event.ts";
import { envelopeBytes } from "../tuf/canonical.ts";
import { parseEnvelope, parseExpires, type ParsedEnvelope } from "../tuf/parse.ts";
import { verifyThreshold } from "../tuf/threshold.ts";
import { dismiss, finishedAnswers, pendingAnswers, type Answer } from "./answers.ts";
import type { CeremonyTurn } from "./ceremony.ts";
import { headChange, prove, proveNew } from "./delegate.ts";
import type { PublisherDeps } from "./deps.ts";
import { PublisherError } from "./errors.ts";
import { authorityOf, type Head } from "./head.ts";
import type { LeaseHold } from "./lease-hold.ts";
import { listedOf } from "./listed.ts";
import { peopleOf, redelegatedBy } from "./people.ts";
import { planBatch, type Plan, type PlannedChange } from "./plan.ts";
import { composeRole, fileOf, Unpressable, type PressedFile } from "./press.ts";
import { endingTasks, NameTaken } from "./publish.ts";
import { eventOf, eventsOf, sameAuthority, settingsOfEdit, unitEvents, unitOf, type Unit } from "./units.ts";

export class DelegatedEvents {
  readonly #deps: PublisherDeps;
  /** Complete events whose online keys did not answer, and when to try again; monotonic. */
  readonly #retry = new Map<string, number>();
  /** What waits is looked at again: after a start, and when delegations changed. */
  #resumes = true;

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
  }

  get nextAt(): number | undefined {
    return this.#retry.size === 0 ? undefined : Math.min(...this.#retry.values());
  }

  /** Delegations changed, or nobody knows: who waits for whom is found anew. */
  lookAgain(): void {
    this.#resumes = true;
  }

  /** Does one thing of what there is to do about what people sign. Answers the head, and whether anything was done. */
  async turn(turn: CeremonyTurn, head: Head, all: readonly SigningEvent[]): Promise<{ readonly head: Head; readonly worked: boolean }> {
    const events = all.filter(({ kind }) => kind === "delegated");
    for (const id of [...this.#retry.keys()]) if (!events.some((event) => event.id === id)) this.#retry.delete(id);
    for (const event of events) {
      if (event.state === "cancelled") return { head: await this.#end(turn, head, event, events), worked: true };
      if (event.state === "open") {
        if (await this.#tend(turn, head, event, events)) return { head, worked: true };
      } else {
        const edit = noteOf(event).edit;
        const unit = edit === undefined ? [event] : unitEvents(events, edit.unit);
        const isWhole = edit === undefined || edit.signs.length === unit.length;
        if (!isWhole || !unit.every(({ state }) => state === "frozen")) continue;
        if (edit !== undefined && head.rotation !== undefined) continue;
        return { head: await this.#publish(turn, head, unit, edit), worked: true };
      }
    }
    return { head, worked: false };
  }

  async #tell({ hold }: CeremonyTurn, answers: readonly Answer[]): Promise<void> {
    if (answers.length > 0) await this.#deps.database.endTasks(hold.lease, answers);
  }

  // ---------------------------------------------------------------- signatures

  /** Answers who signed, and freezes what is complete. True when something became of it. */
  async #tend(turn: CeremonyTurn, head: Head, event: SigningEvent, events: readonly SigningEvent[]): Promise<boolean> {
    const { database, clock, telemetry, policy } = this.#deps;
    const document = parseEnvelope(event.document, "targets");
    const { authority, edit } = noteOf(event);
    const stale = this.#staleness(head, event, document);
    if (stale !== undefined) return await this.#restart(turn, head, event, events, stale);
    const demand = peopleDemand(authority);
    const given = event.signatures.map(plainSignature);
    const count = completedAt([demand], { canonical: document.canonical, signatures: given });
    await this.#tell(turn, pendingAnswers(event, count, clock.now()));
    if (count === undefined || clock.monotonic() < (this.#retry.get(event.id) ?? Number.NEGATIVE_INFINITY)) return false;
    if (edit === undefined && !(await this.#isAsSigned(head, event, document))) return await this.#restart(turn, head, event, events, "what it says is no longer what is to be published");

    const counted = verifyThreshold(demand, { canonical: document.canonical, signatures: given }).valid;
    const people = given.filter(({ keyid }) => counted.includes(keyid));
    try {
      const signatures = await turn.sealer.complete(document.canonical, authority, people);
      if (!verifyThreshold(authority, { canonical: document.canonical, signatures }).met) throw new PublisherError("signature-invalid", `the online key's signature for ${event.role} does not verify`);
      await database.freezeEvent(turn.hold.lease, event.id, { bytes: envelopeBytes(document.canonical, signatures), signatures: event.signatures.length });
    } catch (error) {
      // Somebody signed meanwhile: the next turn counts again.
      if (error instanceof DatabaseError && error.code === "stale-base") return false;
      if (!(error instanceof SignerError) && !(error instanceof PublisherError && error.code === "signature-invalid")) throw error;
      telemetry.log.error({ role: event.role, version: event.version, reason: reasonOf(error) }, "the online key could not sign what people have signed");
      this.#retry.set(event.id, clock.monotonic() + policy.refresh.tickMs);
      return false;
    }
    this.#retry.delete(event.id);
    telemetry.log.info({ role: event.role, version: event.version, signatures: people.length }, "froze what people signed");
    // Where others have to sign too, who signed this one is told now.
    if (edit !== undefined && edit.signs.length > 1) await this.#tell(turn, finishedAnswers(event, clock.now()));
    return true;
  }

  /** Why the event can't be carried out as it stands, as far as a look at the head tells (H29). */
  #staleness(head: Head, event: SigningEvent, { signed }: ParsedEnvelope<"targets">): string | undefined {
    const { clock, policy } = this.#deps;
    const { authority, edit } = noteOf(event);
    if (parseExpires(signed.expires) <= clock.now() + policy.refresh.marginMs) return `it would expire at ${signed.expires}`;
    if (event.version <= (head.book.version(event.role) ?? 0)) return "a newer version was published";
    try {
      const next = edit === undefined ? head : redelegatedBy(head, edit);
      if (!peopleOf(next).has(event.role)) return "people no longer sign this role";
      return sameAuthority(authority, authorityOf(next, event.role)) ? undefined : "its keys or its threshold changed";
    } catch (error) {
      if (error instanceof RoleError) return error.message;
      throw error;
    }
  }

  /** Whether the document is what its changes make of the role now. */
  async #isAsSigned(head: Head, event: SigningEvent, document: ParsedEnvelope<"targets">): Promise<boolean> {
    const plan = await this.#planOf(head, event);
    if (plan.changes.some(({ role, outcome }) => outcome === "set-aside" || (outcome === "apply" && role !== event.role))) return false;
    return this.#isComposedOf(head, event, document, plan.edits.get(event.role));
  }

  async #isComposedOf(head: Head, event: SigningEvent, document: ParsedEnvelope<"targets">, edits: ReadonlyMap<string, string | undefined> | undefined): Promise<boolean> {
    const current = (await this.#deps.database.readTargets(head.id, [event.role])).get(event.role) ?? [];
    try {
      return composeRole(head, event.role, document.signed, current, edits).equals(document.canonical);
    } catch (error) {
      if (error instanceof Unpressable) return false;
      throw error;
    }
  }

  async #planOf(head: Head, event: SigningEvent): Promise<Plan> {
    const open = await this.#deps.database.eventChanges(event.id);
    return planBatch({ open, tree: head.tree, listed: await listedOf(this.#deps, head.tree, open), unpressable: new Map(), refresh: [event.role], force: true });
  }

  // ---------------------------------------------------------------- published

  async #publish(turn: CeremonyTurn, head: Head, unit: readonly SigningEvent[], edit: PendingEdit | undefined): Promise<Head> {
    try {
      const [event] = unit;
      return edit === undefined && event !== undefined ? await this.#publishVersion(turn, head, event) : edit === undefined ? head : await this.#publishUnit(turn, head, unit, edit);
    } catch (error) {
      const taken = error instanceof NameTaken ? unit.find(({ role }) => role === error.role) : undefined;
      if (taken !== undefined) await this.#giveUp(turn, edit === undefined ? [taken] : unit, reasonOf(error));
      throw error;
    }
  }

  async #publishVersion(turn: CeremonyTurn, head: Head, event: SigningEvent): Promise<Head> {
    const document = frozenOf(event);
    const stale = this.#staleness(head, event, document) ?? ((await this.#isAsSigned(head, event, document)) ? undefined : "what it says is no longer what is to be published");
    if (stale !== undefined) {
      await this.#giveUp(turn, [event], stale);
      return head;
    }
    const nowMs = this.#deps.clock.now();
    return await turn.publish({
      head, plan: await this.#planOf(head, event), nowMs, signed: [fileOfFrozen(event, document)], events: [event.id], tasks: finishedAnswers(event, nowMs),
      also: { envelopes: [], endsEvents: [event.id] },
    });
  }

  /** The change of delegations, every envelope it takes and every artifact it moves, in one head (rule 25). */
  async #publishUnit(turn: CeremonyTurn, head: Head, events: readonly SigningEvent[], edit: PendingEdit): Promise<Head> {
    let unit: Unit;
    try {
      unit = await unitOf(this.#deps, head, edit);
    } catch (error) {
      if (!(error instanceof RoleError)) throw error;
      await this.#giveUp(turn, events, error.message);
      return head;
    }
    const files: PressedFile[] = [];
    for (const event of events) {
      const document = frozenOf(event);
      const stale = this.#staleness(head, event, document);
      if (stale !== undefined || !(await this.#isComposedOf(unit.next, event, document, unit.rehoming.edits.get(event.role))) || unit.edit.signs.join() !== edit.signs.join()) {
        await this.#restart(turn, head, event, events, stale ?? "what it moves is no longer what was signed");
        return head;
      }
      files.push(fileOfFrozen(event, document));
    }
    const { next, rehoming } = unit;
    const nowMs = this.#deps.clock.now();
    const online = edit.role !== undefined && !peopleOf(next).has(edit.name) ? [edit.name] : [];
    for (const role of online) await prove(turn.sealer, next, role);
    const { edits, newRoles, handed, retiredRoles, settings } = headChange(this.#deps, head, next, rehoming, { live: online });
    await proveNew(turn.sealer, next, newRoles, handed);
    const published = await turn.publish({
      head: next, plan: { changes: [], edits, publishes: true }, nowMs, moves: rehoming.moves, signed: files, tasks: events.flatMap((event) => finishedAnswers(event, nowMs)),
      also: { envelopes: [], newRoles, retiredRoles, settings: { ...settings, ...settingsOfEdit(edit) }, endsEvents: events.map(({ id }) => id) },
    });
    this.#resumes = true;
    return published;
  }

  // ---------------------------------------------------------------- given up

  async #giveUp({ hold }: CeremonyTurn, events: readonly SigningEvent[], reason: string, starts: readonly EventEffect[] = []): Promise<void> {
    const effects: EventEffect[] = events.map(({ id }) => ({ giveUp: { event: id, reason } }));
    await this.#deps.database.endTasks(hold.lease, [], undefined, [...effects, ...starts]);
    this.#deps.telemetry.log.warn({ roles: events.map(({ role }) => role), reason, again: starts.length }, "gave up what people were signing");
    this.#resumes = true;
  }

  /** Given up; a change of delegations begins anew on what is in force, while it can be. */
  async #restart(turn: CeremonyTurn, head: Head, event: SigningEvent, events: readonly SigningEvent[], reason: string): Promise<true> {
    const { edit } = noteOf(event);
    if (edit === undefined) {
      await this.#giveUp(turn, [event], reason);
      return true;
    }
    const unit = unitEvents(events, edit.unit);
    try {
      const anew = await unitOf(this.#deps, head, { ...edit, unit: this.#deps.random.hex(16) });
      const starts = await eventsOf(this.#deps, turn.hold, anew, event.task);
      await this.#giveUp(turn, unit, reason, starts.map((start) => ({ start })));
    } catch (error) {
      if (!(error instanceof RoleError || error instanceof Unpressable)) throw error;
      await this.#giveUp(turn, unit, error.message);
    }
    return true;
  }

  /** A cancelled one: whoever signed is told. What it carried is open again, or ends when somebody asked for that. */
  async #end(turn: CeremonyTurn, head: Head, event: SigningEvent, events: readonly SigningEvent[]): Promise<Head> {
    const { edit } = noteOf(event);
    let now = head;
    if (event.reason === undefined && edit !== undefined) {
      const others = unitEvents(events, edit.unit);
      if (others.length > 0) await this.#giveUp(turn, others, `the change of role ${edit.name}'s delegation was stopped`);
      this.#deps.telemetry.log.warn({ role: edit.name, action: edit.action }, "a change of delegations was stopped");
    } else if (event.reason === undefined) {
      now = await this.#setAside(turn, head, event);
    }
    await dismiss(this.#deps, turn.hold, event);
    this.#resumes = true;
    return now;
  }

  /** Nothing is lost without a word: the tasks of a stopped version's changes end with that reason. */
  async #setAside(turn: CeremonyTurn, head: Head, event: SigningEvent): Promise<Head> {
    const changes = (await this.#deps.database.eventChanges(event.id)).filter(({ held }) => !held)
      .map((change): PlannedChange => ({ ...change, role: event.role, outcome: "set-aside", reason: `the signing of ${event.role} version ${String(event.version)} was stopped` }));
    return await this.#endChanges(turn, head, changes, [event.id]);
  }

  /** Changes that came to their end without a new version. A task that goes on elsewhere can only end with a batch. */
  async #endChanges(turn: CeremonyTurn, head: Head, changes: readonly PlannedChange[], events: readonly string[]): Promise<Head> {
    if (changes.length === 0) return head;
    const nowMs = this.#deps.clock.now();
    const ended = await endingTasks(this.#deps, changes, [], nowMs);
    const tasks = new Set(ended.map(({ task }) => task));
    if (changes.every(({ task }) => tasks.has(task))) {
      await this.#tell(turn, ended);
      return head;
    }
    return await turn.publish({ head, plan: { changes, edits: new Map(), publishes: true }, nowMs, events });
  }

  // ---------------------------------------------------------------- begun

  /** After a start, and when delegations changed, what waits and is in no signing event is looked at like everything else. */
  async resume(hold: LeaseHold): Promise<void> {
    if (!this.#resumes) return;
    if ((await this.#deps.database.waitingRoles()).length > 0) await this.#deps.database.resumeWaiting(hold.lease);
    this.#resumes = false;
  }

  /**
   * Begins a new version of every role that changes wait for, or that is due before it expires, and that nobody signs yet.
   * Answers the head, and whether anything was done. @throws Unpressable whose changes are to be set aside
   */
  async begin(turn: CeremonyTurn, head: Head, events: readonly SigningEvent[], due: readonly string[]): Promise<{ readonly head: Head; readonly worked: boolean }> {
    const { database, policy, telemetry } = this.#deps;
    const people = peopleOf(head);
    const pending = pendingEdits(events);
    let worked = false;
    if (people.size === 0 && pending.length === 0) return { head, worked };
    const waiting = await database.waitingRoles();
    const busy = new Set([...events.filter(({ state }) => state !== "cancelled").map(({ role }) => role), ...pending.flatMap(({ signs }) => signs)]);
    for (const role of new Set([...waiting, ...due])) {
      if (busy.has(role)) continue;
      if (!people.has(role)) {
        await database.resumeWaiting(turn.hold.lease, role);
        worked = true;
        continue;
      }
      const open = waiting.includes(role) ? await database.waitingChanges(role, { changes: policy.maxBatchChanges, bytes: policy.maxBatchBytes }) : [];
      const plan = planBatch({ open, tree: head.tree, listed: await listedOf(this.#deps, head.tree, open), unpressable: new Map(), refresh: [], force: false });
      if (plan.changes.some((change) => change.role !== role || change.outcome === "set-aside")) {
        await database.resumeWaiting(turn.hold.lease, role);
        worked = true;
      } else if (!plan.publishes && !due.includes(role)) {
        const after = await this.#endChanges(turn, head, plan.changes.filter(({ held }) => !held), []);
        worked = true;
        if (after !== head) return { head: after, worked };
      } else {
        const start = await eventOf(this.#deps, turn.hold, head, role, plan.edits.get(role), { changes: open.map(({ id, task }) => ({ id, task })) });
        await database.endTasks(turn.hold.lease, [], undefined, [{ start }]);
        worked = true;
        telemetry.log.info({ role, version: start.version, changes: open.length }, "a new version waits for signatures");
      }
    }
    return { head, worked };
  }
}

function frozenOf(event: SigningEvent): ParsedEnvelope<"targets"> {
  if (event.frozen === undefined) throw new Error(`signing event ${event.id} is not frozen`);
  return parseEnvelope(event.frozen, "targets");
}

const fileOfFrozen = (event: SigningEvent, { bytes, signed }: ParsedEnvelope<"targets">): PressedFile => fileOf(event.role, event.version, bytes, parseExpires(signed.expires));
