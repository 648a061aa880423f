// What the tasks around a signing event are told: whoever started it, and whoever signed.

import type { SigningEvent, TaskResult } from "../ports/database.ts";
import { plainSignature, type Demand } from "../roles/signing-event.ts";
import { parseEnvelope } from "../tuf/parse.ts";
import { verifyThreshold } from "../tuf/threshold.ts";
import type { PublisherDeps } from "./deps.ts";
import type { LeaseHold } from "./lease-hold.ts";

export interface Answer {
  readonly task: string;
  readonly result: TaskResult;
}

const success = (message: string, details: Record<string, unknown>, nowMs: number): TaskResult => ({ state: "SUCCESS", message, details, lastUpdateMs: nowMs });
const errored = (message: string, error: string, nowMs: number): TaskResult => ({ state: "ERRORED", message, error, lastUpdateMs: nowMs });

/** Whoever started it has an answer, or nobody asked for it. */
export const isTold = ({ answered, task }: SigningEvent): boolean => answered || task === "";
const startsWithTask = (event: SigningEvent): boolean => event.kind !== "delegated" && !isTold(event);
const nameOf = ({ kind, role }: SigningEvent): string => (kind === "delegated" ? role : "Root");
const isBootstrap = (event: SigningEvent): boolean => event.kind === "bootstrap";

/** Signatures that an event started with. */
export const givenAtStart = (event: SigningEvent): number => event.signatures.filter(({ task }) => task === undefined).length;

/** Tasks that have no answer yet and after whose signature the document still waited. `completedAt`: with how many signatures it did not. */
export function pendingAnswers(event: SigningEvent, completedAt: number | undefined, nowMs: number): readonly Answer[] {
  const waits = (count: number): boolean => completedAt === undefined || count < completedAt;
  const text = `${nameOf(event)} v${String(event.version)} is pending signatures`;
  const answers: Answer[] = [];
  if (startsWithTask(event) && waits(givenAtStart(event))) {
    answers.push({ task: event.task, result: success("Metadata Update Processed", { role: event.role, update: text }, nowMs) });
  }
  for (const [at, { task, answered }] of event.signatures.entries()) {
    if (task === undefined || answered || !waits(at + 1)) continue;
    answers.push({ task, result: success("Signature Processed", isBootstrap(event) ? { bootstrap: text } : { update: text }, nowMs) });
  }
  return answers;
}

/** Signatures that have no answer yet, as part of something that is not complete. */
export const signedAnswers = (event: SigningEvent, details: Record<string, unknown>, nowMs: number): readonly Answer[] =>
  event.signatures.flatMap(({ task, answered }) => (task === undefined || answered ? [] : [{ task, result: success("Signature Processed", details, nowMs) }]));

/** All tasks that have no answer yet: what they did is published. */
export function finishedAnswers(event: SigningEvent, nowMs: number): readonly Answer[] {
  const signed = success("Signature Processed", isBootstrap(event) ? { bootstrap: "Bootstrap Finished" } : { update: event.kind === "delegated" ? `Role ${event.role} signing complete` : "Metadata update finished" }, nowMs);
  return unanswered(event, success("Metadata Update Processed", { role: event.role }, nowMs), signed);
}

/** All tasks that have no answer yet: it will not be published, or not now. */
export function refusedAnswers(event: SigningEvent, reason: string, nowMs: number): readonly Answer[] {
  return unanswered(event, errored("Metadata Update Failed", reason, nowMs), errored("Signature Failed", reason, nowMs));
}

function unanswered(event: SigningEvent, started: TaskResult, signed: TaskResult): readonly Answer[] {
  const answers: Answer[] = startsWithTask(event) ? [{ task: event.task, result: started }] : [];
  for (const { task, answered } of event.signatures) if (task !== undefined && !answered) answers.push({ task, result: signed });
  return answers;
}

/** Tells who signed an event that was stopped or given up, and forgets it: what it still carries is open again. */
export async function dismiss({ database, clock }: PublisherDeps, hold: LeaseHold, event: SigningEvent): Promise<void> {
  const answers = refusedAnswers(event, event.reason ?? `No signatures pending for ${event.role}`, clock.now());
  if (answers.length > 0) await database.endTasks(hold.lease, answers);
  await database.forgetEvent(hold.lease, event.id);
}

/** The file of a root: the document as it was submitted, with every signature that counts. */
export function signedFile(event: SigningEvent, demands: readonly Demand[]): Buffer {
  const { canonical } = parseEnvelope(event.document);
  const counted = new Set(demands.flatMap((demand) => verifyThreshold(demand, { canonical, signatures: event.signatures.map(plainSignature) }).valid));
  const signatures = event.signatures.filter(({ keyid }) => counted.has(keyid)).map(plainSignature);
  const { signed } = JSON.parse(event.document.toString()) as { readonly signed: unknown };
  return Buffer.from(JSON.stringify({ signatures, signed }));
}
