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
import { peopleDemand } from "../roles/people.ts";
import { noteOf } from "../roles/pending-edit.ts";
import { completedAt, plainSignature } from "../roles/signing-event.ts";
import { envelopeBytes } from "../tuf/canonical.ts";
import { parseEnvelope } from "../tuf/parse.ts";
import { verifyThreshold } from "../tuf/threshold.ts";
import { finishedAnswers, pendingAnswers, type Answer } from "./answers.ts";
import type { CeremonyTurn } from "./ceremony.ts";
import type { PublisherDeps } from "./deps.ts";
import { PublisherError } from "./errors.ts";
import { beginEvents } from "./event-begin.ts";
import { isAsSigned, NOT_AS_SIGNED, stalenessOf } from "./event-check.ts";
import { endCancelled, restart, type EventTurn } from "./event-end.ts";
import { publishEvents } from "./event-publish.ts";
import type { Head } from "./head.ts";
import type { LeaseHold } from "./lease-hold.ts";
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
    for (const event of events) {
      if (event.state === "cancelled") return { head: await endCancelled(this.#deps, turn, head, event, events), worked: true };
      if (event.state === "open") {
        if (await this.#tend(turn, head, event, events)) return { head, worked: true };
      } else {
        const edit = noteOf(event).edit;
        const unit = edit === undefined ? [event] : unitEvents(events, edit.unit);
        const isWhole = edit === undefined || edit.signs.length === unit.length;
        if (!isWhole || !unit.every(({ state }) => state === "frozen")) continue;
        if (edit !== undefined && head.rotation !== undefined) continue;
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
    const { authority, edit } = noteOf(event);
    const stale = stalenessOf(this.#deps, head, event, document);
    if (stale !== undefined) return await restart(this.#deps, turn, head, event, events, stale);
    const demand = peopleDemand(authority);
    const given = event.signatures.map(plainSignature);
    const count = completedAt([demand], { canonical: document.canonical, signatures: given });
    await this.#tell(turn, pendingAnswers(event, count, clock.now()));
    if (count === undefined || clock.monotonic() < (this.#retry.get(event.id) ?? Number.NEGATIVE_INFINITY)) return false;
    if (edit === undefined && !(await isAsSigned(this.#deps, head, event, document))) return await restart(this.#deps, turn, head, event, events, NOT_AS_SIGNED);

    const counted = verifyThreshold(demand, { canonical: document.canonical, signatures: given }).valid;
    const people = given.filter(({ keyid }) => counted.includes(keyid));
    try {
      const signatures = await turn.sealer.complete(document.canonical, authority, people);
      const bytes = envelopeBytes(document.canonical, signatures);
      // The file, as clients will read it: what is frozen can't be mended any more.
      if (!verifyThreshold(authority, parseEnvelope(bytes, "targets")).met) throw new PublisherError("signature-invalid", `the online key's signature for ${event.role} does not verify`);
      await database.freezeEvent(turn.hold.lease, event.id, { bytes, signatures: event.signatures.length });
    } catch (error) {
      // Somebody signed meanwhile: the next turn counts again.
      if (error instanceof DatabaseError && error.code === "stale-base") return false;
      if (!(error instanceof SignerError) && !(error instanceof PublisherError && error.code === "signature-invalid")) throw error;
      const gone = head.handed?.find(({ old }) => authority.role.keyids.includes(old));
      if (gone !== undefined) return await restart(this.#deps, turn, head, event, events, `online key ${gone.old} was replaced, and signs no more`);
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

  /** After a start, and when delegations changed, what waits and is in no signing event is looked at like everything else. */
  async resume(hold: LeaseHold): Promise<void> {
    if (!this.#resumes) return;
    if ((await this.#deps.database.waitingRoles()).length > 0) await this.#deps.database.resumeWaiting(hold.lease);
    this.#resumes = false;
  }

  /** Begins new versions. Answers the head, and whether anything was done. @throws Unpressable whose changes are to be set aside */
  async begin(turn: CeremonyTurn, head: Head, events: readonly SigningEvent[], due: readonly string[]): Promise<{ readonly head: Head; readonly worked: boolean }> {
    return beginEvents(this.#deps, this.#eventTurn(turn), head, events, due);
  }
}
