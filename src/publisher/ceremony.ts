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
import { DatabaseError, type SigningEvent } from "../ports/database.ts";
import { SignerError } from "../ports/signer.ts";
import { RoleError } from "../roles/errors.ts";
import { onlinePart } from "../roles/people.ts";
import { changesOnlineKeys, checkNextRoot, demandsOf, requireNoOldKey } from "../roles/root-update.ts";
import { ONLINE_ROLES } from "../roles/root-rules.ts";
import { completedAt, plainSignature } from "../roles/signing-event.ts";
import type { Root } from "../tuf/documents.ts";
import { parseEnvelope, parseExpires } from "../tuf/parse.ts";
import { dismiss, finishedAnswers, isTold, pendingAnswers, refusedAnswers, signedFile } from "./answers.ts";
import type { CeremonyTurn } from "./ceremony-turn.ts";
import type { PublisherDeps } from "./deps.ts";
import { PublisherError } from "./errors.ts";
import type { Head } from "./head.ts";
import { KeyChange, recovered } from "./key-change.ts";
import { requireLastRoot } from "./lost-roots.ts";
import { allowsOfflineTargets, eventById, frozenRoot, isRecovery } from "./root-event.ts";
import { targetsBeside } from "./root-targets.ts";

export class Ceremony {
  readonly #deps: PublisherDeps;
  readonly #keys: KeyChange;
  /** Complete events that were refused, and when to try again; monotonic. */
  readonly #retry = new Map<string, number>();

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
    this.#keys = new KeyChange(deps);
  }

  /** When something is to be done again, monotonic; undefined: whenever somebody signs. */
  get nextAt(): number | undefined {
    const times = [...this.#retry.values(), ...(this.#keys.nextAt === undefined ? [] : [this.#keys.nextAt])];
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Does what there is to do about roots. Answers the head, which is the same one when nothing was done to it. */
  async turn(turn: CeremonyTurn, head: Head, events: readonly SigningEvent[]): Promise<Head> {
    for (const id of [...this.#retry.keys()]) if (!events.some((event) => event.id === id)) this.#retry.delete(id);
    let now = await this.#keys.settleWhatIsSeen(turn, events, head);
    for (const event of events) {
      if (event.kind === "delegated") continue;
      if (event.state === "cancelled") await dismiss(this.#deps, turn.hold, event);
      else if (event.kind === "bootstrap") continue;
      else if (event.state === "open") now = await this.#tend(turn, event, now, events);
      else if (now.rotation?.phase !== "overlap" || now.rotation.event !== event.id) now = await this.#carryOut(turn, event, now, events);
    }
    return now.rotation === undefined ? now : this.#keys.rotate(turn, events, now);
  }

  /** Answers who signed, and freezes what is complete. */
  async #tend(turn: CeremonyTurn, event: SigningEvent, head: Head, events: readonly SigningEvent[]): Promise<Head> {
    const { database, clock } = this.#deps;
    if (event.version <= head.root.version) return await this.#endAdopted(turn, event, head);
    const next = parseEnvelope(event.document, "root");
    const outrun = outrunBy(event, next.signed, clock.now());
    if (outrun !== undefined) {
      await database.endTasks(turn.hold.lease, [], undefined, [{ giveUp: { event: event.id, reason: outrun } }]);
      return head;
    }
    const demands = demandsOf(head.root, next.signed);
    const signed = completedAt(demands, { canonical: next.canonical, signatures: event.signatures.map(plainSignature) });
    const toldNow = async (count: number | undefined): Promise<void> => this.#tell(turn, pendingAnswers(event, count, clock.now()));
    if (clock.monotonic() < (this.#retry.get(event.id) ?? Number.NEGATIVE_INFINITY)) {
      if (isTold(event)) await toldNow(signed);
      return head;
    }
    const countBeside = async (): Promise<number | undefined> => ((await this.#beside(turn, event, next.signed, head, events)) === "waits" ? undefined : signed);
    let count = isTold(event) ? await countBeside() : signed;
    if (isTold(event) && count === undefined) {
      await toldNow(count);
      return head;
    }
    const refusal = await this.#refusalOf(turn, event, head, signed);
    if (refusal !== undefined) return await this.#refuse(turn, event, head, refusal, signed);
    if (!isTold(event)) count = await countBeside();
    this.#retry.delete(event.id);
    await toldNow(count);
    // A change of keys that is under way comes first, but for a recovery: that ends it.
    if (count === undefined || (head.rotation !== undefined && !isRecovery(event))) return head;
    await requireLastRoot(this.#deps, head);
    await database.freezeEvent(turn.hold.lease, event.id, { bytes: signedFile(event, demandsOf(head.root, next.signed)), signatures: event.signatures.length });
    this.#deps.telemetry.log.info({ role: event.role, version: event.version, signatures: event.signatures.length }, "froze root");
    return await this.#carryOut(turn, await eventById(this.#deps, event.id), head, await database.signingEvents());
  }

  /** Targets, where people have to sign it beside this root: frozen, or still waited for. */
  async #beside({ hold }: CeremonyTurn, event: SigningEvent, next: Root, head: Head, events: readonly SigningEvent[]): Promise<SigningEvent | "none" | "waits"> {
    if (next.version <= head.root.version || (head.rotation !== undefined && !isRecovery(event))) return "none";
    return await targetsBeside(this.#deps, hold, head, event, isRecovery(event) ? recovered(head, next).head : { ...head, root: next }, isRecovery(event), events);
  }

  async #tell({ hold }: CeremonyTurn, answers: ReturnType<typeof pendingAnswers>): Promise<void> {
    if (answers.length > 0) await this.#deps.database.endTasks(hold.lease, answers);
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
    const cancel = isTold(event) ? [] : [{ cancel: { event: event.id } }];
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
    if (isRecovery(event)) return await this.#keys.replaceKeys(turn, event, next.signed, head, targets);
    if (changesOnlineKeys(head.root, next.signed)) return await this.#keys.overlap(turn, event, next.signed, head, targets);
    await this.#keys.showRoot(turn, event, null);
    return { ...head, root: next.signed };
  }

  /** A root of this version was found in storage, and taken over, before this one was ended here: it is that one, or comes too late. */
  async #endAdopted({ hold }: CeremonyTurn, event: SigningEvent, head: Head): Promise<Head> {
    const { database, clock } = this.#deps;
    const adopted = await database.envelope("root", event.version);
    if (adopted === undefined) throw new DatabaseError("stale-base", `the database lost root version ${String(event.version)}`);
    const isThat = parseEnvelope(adopted.bytes, "root").canonical.equals(parseEnvelope(event.document, "root").canonical);
    // The old keys still count: what was asked for is not done.
    const isSlow = isThat && isRecovery(event) && head.rotation !== undefined;
    const version = String(event.version);
    const reason = isSlow ? `root version ${version} is published, and its change of keys is under way; a recovery is version ${String(head.root.version + 1)} now, with other keys`
      : isThat ? "it is published" : `another root of version ${version} is published`;
    const results = isThat && !isSlow ? finishedAnswers(event, clock.now()) : refusedAnswers(event, reason, clock.now());
    if (event.state === "frozen") await database.endEvent(hold.lease, event.id, { envelopes: [], results });
    else await database.endTasks(hold.lease, results, undefined, [{ giveUp: { event: event.id, reason } }]);
    return head;
  }
}

/** Why nobody needs to sign a root any more that began because the one before neared its end. One that somebody asked for waits until somebody stops it. */
function outrunBy({ task }: SigningEvent, next: Root, now: number): string | undefined {
  return task === "" && parseExpires(next.expires) <= now ? `it expired at ${next.expires}` : undefined;
}
