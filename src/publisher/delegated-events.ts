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
import { DatabaseError, type SigningEvent } from "../ports/database.ts";
import { SignerError } from "../ports/signer.ts";
import { demandsIn, noteOf, unitIn } from "../roles/pending-edit.ts";
import { completedAt, plainSignature } from "../roles/signing-event.ts";
import { envelopeBytes } from "../tuf/canonical.ts";
import type { Signature } from "../tuf/documents.ts";
import { parseEnvelope } from "../tuf/parse.ts";
import { verifyThreshold } from "../tuf/threshold.ts";
import { finishedAnswers, pendingAnswers, type Answer } from "./answers.ts";
import type { CeremonyTurn } from "./ceremony-turn.ts";
import type { PublisherDeps } from "./deps.ts";
import { PublisherError } from "./errors.ts";
import { beginEvents, type Asked } from "./event-begin.ts";
import { isAsSigned, NOT_AS_SIGNED, stalenessOf } from "./event-check.ts";
import { endCancelled, endPublished, giveUp, restart, type EventTurn } from "./event-end.ts";
import { publishEvents } from "./event-publish.ts";
import type { Head } from "./head.ts";
import type { LeaseHold } from "./lease-hold.ts";
import { targetsAsSigned } from "./targets-event.ts";
import { unitEvents } from "./units.ts";

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
  async turn(ceremony: CeremonyTurn, head: Head, all: readonly SigningEvent[]): Promise<{ readonly head: Head; readonly worked: boolean }> {
    const turn = this.#eventTurn(ceremony);
    const events = all.filter(({ kind }) => kind === "delegated");
    for (const id of [...this.#retry.keys()]) if (!events.some((event) => event.id === id)) this.#retry.delete(id);
    // First: what is signed beside it counts no more.
    const stopped = events.find(({ state }) => state === "cancelled");
    if (stopped !== undefined) return { head: await endCancelled(this.#deps, turn, head, stopped, events), worked: true };
    for (const event of events) {
      if (await endPublished(this.#deps, turn, head, event)) return { head, worked: true };
      const { root: belongsTo } = noteOf(event);
      if (belongsTo !== undefined && !all.some(({ id, state }) => id === belongsTo && state !== "cancelled")) {
        await giveUp(this.#deps, turn, [event], "the root it belongs to is not to be signed any more");
        return { head, worked: true };
      }
      const asked = unitIn(event);
      const unit = asked === undefined ? [event] : unitEvents(events, asked.unit);
      // They begin and end together: one that is gone gave way to something else.
      if (asked !== undefined && unit.length < asked.signs.length) return { head, worked: await restart(this.#deps, turn, head, event, events, "what was to be signed with it gave way to something else") };
      if (event.state === "open") {
        if (await this.#tend(turn, head, event, events)) return { head, worked: true };
      } else {
        const { root, edit } = noteOf(event);
        // What belongs to a root is published with it.
        if (root !== undefined || !unit.every(({ state }) => state === "frozen")) continue;
        if (asked !== undefined && head.rotation !== undefined) continue;
        return { head: await publishEvents(this.#deps, turn, head, unit, edit), worked: true };
      }
    }
    return { head, worked: false };
  }

  #eventTurn(turn: CeremonyTurn): EventTurn {
    return { ...turn, lookAgain: () => { this.lookAgain(); } };
  }

  async #tell({ hold }: CeremonyTurn, answers: readonly Answer[]): Promise<void> {
    if (answers.length > 0) await this.#deps.database.endTasks(hold.lease, answers);
  }

  // ---------------------------------------------------------------- signatures

  /** Answers who signed, and freezes what is complete. True when something became of it. */
  async #tend(turn: EventTurn, head: Head, event: SigningEvent, events: readonly SigningEvent[]): Promise<boolean> {
    const { database, clock, telemetry, policy } = this.#deps;
    const document = parseEnvelope(event.document, "targets");
    const note = noteOf(event);
    // What delegates to a role of a version of targets may come with that version.
    const stale = note.targets !== undefined && event.role !== "targets" ? undefined : stalenessOf(this.#deps, head, event, document);
    if (stale !== undefined) return await restart(this.#deps, turn, head, event, events, stale);
    const demands = demandsIn(note);
    const given = event.signatures.map(plainSignature);
    const count = completedAt(demands, { canonical: document.canonical, signatures: given });
    await this.#tell(turn, pendingAnswers(event, count, clock.now()));
    if (count === undefined || clock.monotonic() < (this.#retry.get(event.id) ?? Number.NEGATIVE_INFINITY)) return false;
    const changed = await this.#isOtherwise(head, event, events);
    if (changed !== undefined) return await restart(this.#deps, turn, head, event, events, changed);

    const counted = new Set(demands.flatMap((demand) => verifyThreshold(demand, { canonical: document.canonical, signatures: given }).valid));
    const people = given.filter(({ keyid }) => counted.has(keyid));
    try {
      let signatures: readonly Signature[] = people;
      const authorities = [note.authority, ...(note.also === undefined ? [] : [note.also])];
      for (const authority of authorities) signatures = await turn.sealer.complete(document.canonical, authority, signatures);
      const bytes = envelopeBytes(document.canonical, signatures);
      // The file, as clients will read it: what is frozen can't be mended any more.
      const file = parseEnvelope(bytes, "targets");
      if (!authorities.every((authority) => verifyThreshold(authority, file).met)) throw new PublisherError("signature-invalid", `the online key's signature for ${event.role} does not verify`);
      await database.freezeEvent(turn.hold.lease, event.id, { bytes, signatures: event.signatures.length });
    } catch (error) {
      // Somebody signed meanwhile: the next turn counts again.
      if (error instanceof DatabaseError && error.code === "stale-base") return false;
      if (!(error instanceof SignerError) && !(error instanceof PublisherError && error.code === "signature-invalid")) throw error;
      const gone = head.handed?.find(({ old }) => note.authority.role.keyids.includes(old));
      if (gone !== undefined) return await restart(this.#deps, turn, head, event, events, `online key ${gone.old} was replaced, and signs no more`);
      telemetry.log.error({ role: event.role, version: event.version, reason: reasonOf(error) }, "the online key could not sign what people have signed");
      this.#retry.set(event.id, clock.monotonic() + policy.refresh.tickMs);
      return false;
    }
    this.#retry.delete(event.id);
    telemetry.log.info({ role: event.role, version: event.version, signatures: people.length }, "froze what people signed");
    // Where others have to sign too, who signed this one is told now.
    if (note.root !== undefined || (unitIn(event)?.signs.length ?? 1) > 1) await this.#tell(turn, finishedAnswers(event, clock.now()));
    return true;
  }

  /** Why the document is not what is to be published now; what belongs to a change of delegations, or to a root, is asked when that is carried out. */
  async #isOtherwise(head: Head, event: SigningEvent, events: readonly SigningEvent[]): Promise<string | undefined> {
    const { edit, targets, root } = noteOf(event);
    if (edit !== undefined || root !== undefined) return undefined;
    if (targets === undefined) return (await isAsSigned(this.#deps, head, event, parseEnvelope(event.document, "targets"))) ? undefined : NOT_AS_SIGNED;
    const made = await targetsAsSigned(this.#deps, head, unitEvents(events, targets.unit), event);
    return typeof made === "string" ? made : undefined;
  }

  /** After a start, and when delegations changed, what waits and is in no signing event is looked at like everything else. */
  async resume(hold: LeaseHold): Promise<void> {
    if (!this.#resumes) return;
    if ((await this.#deps.database.waitingRoles()).length > 0) await this.#deps.database.resumeWaiting(hold.lease);
    this.#resumes = false;
  }

  /** Begins new versions. Answers the head, and whether anything was done. @throws Unpressable whose changes are to be set aside */
  async begin(turn: CeremonyTurn, head: Head, events: readonly SigningEvent[], asked: Asked): Promise<{ readonly head: Head; readonly worked: boolean }> {
    return beginEvents(this.#deps, this.#eventTurn(turn), head, events, asked);
  }
}
