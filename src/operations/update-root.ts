// A new root: of the next version, signed by enough of the old keys and the new ones, or to be.
//
// Checked at the door against the root in force; what is refused changes nothing. It starts a
// signing event with the signatures it came with; the publisher finds whether they are enough.

import { reasonOf } from "../lib/app-error.ts";
import { DatabaseError, type EventSignature, type NewSigningEvent, type TaskResult } from "../ports/database.ts";
import { RoleError } from "../roles/errors.ts";
import { peopleSignTargets } from "../roles/root-rules.ts";
import { checkNextRoot, demandsOf, requireNoOldKey } from "../roles/root-update.ts";
import { judgeSignature, plainSignature } from "../roles/signing-event.ts";
import type { JsonObject } from "../tuf/documents.ts";
import { parseEnvelope } from "../tuf/parse.ts";
import { requireBootstrap } from "./bootstrap-state.ts";
import { checkEnvelope } from "./bootstrap.ts";
import { newTaskId, submit, type Idempotency, type OperationDeps, type Submitted } from "./deps.ts";
import { FaultList } from "./errors.ts";

export interface UpdateRoot {
  /** The envelope, raw; what was signed is what is published. */
  readonly metadata: { readonly root?: JsonObject };
  /** The online keys are compromised: they are replaced at once, without the overlap that spares clients. */
  readonly compromised?: boolean | null;
  /** False: people are to sign targets, by the keys that the new root names for it. */
  readonly targets_online_key?: boolean | null;
}

/**
 * A root that cannot follow ends its task with the reason.
 * @throws OperationError `bootstrap-required`; InvalidRequest (a private key in it, too large);
 *         DatabaseError as `Database.accept`
 */
export async function updateRoot(deps: OperationDeps, request: UpdateRoot, idempotency?: Idempotency): Promise<Submitted> {
  await requireBootstrap(deps.database);
  const envelope = request.metadata.root;
  if (envelope !== undefined) {
    const faults = new FaultList();
    checkEnvelope("root", envelope, request, faults);
    faults.raise();
  }
  const now = deps.clock.now();
  const task = { id: newTaskId(deps.random), kind: "metadata_update", createdMs: now, request: {} } as const;
  const refused = (error: string): Promise<Submitted> => {
    const result: TaskResult = { state: "ERRORED", message: "Metadata Update Failed", error, lastUpdateMs: now };
    return submit(deps, { task, changes: [], held: false, result }, idempotency);
  };
  if (envelope === undefined) return refused("Unsupported Metadata type");
  try {
    const start = await eventOf(deps, envelope, { compromised: request.compromised === true, offlineTargets: request.targets_online_key === false }, task.id, now);
    const own = (await deps.database.signingEvents()).find((event) => event.kind === "root" && event.state === "open" && event.task === "");
    const event = {
      start,
      // A recovery waits for no change of keys that is under way.
      ...(request.compromised === true ? { besideFrozen: true as const } : {}),
      // What the publisher began because root nears its end gives way.
      ...(own === undefined ? {} : { inPlaceOf: { event: own.id, reason: "another root was asked for in its place" } }),
    };
    return await submit(deps, { task, changes: [], held: false, event }, idempotency);
  } catch (error) {
    if (error instanceof RoleError) return refused(error.message);
    if (error instanceof DatabaseError && error.code === "event-exists") return refused(WAITING);
    throw error;
  }
}

const WAITING = "a root update waits for signatures already; sign it, or stop it first with POST /api/v1/metadata/sign/delete";

async function eventOf(deps: OperationDeps, envelope: JsonObject, { compromised, offlineTargets }: { readonly compromised: boolean; readonly offlineTargets: boolean }, task: string, now: number): Promise<NewSigningEvent> {
  const refuse = (reason: string): never => {
    throw new RoleError("root-refused", reason);
  };
  const stored = await deps.database.envelope("root");
  if (stored === undefined) return refuse("Metadata Update requires a completed bootstrap");
  const current = parseEnvelope(stored.bytes, "root").signed;
  const type = (envelope["signed"] as JsonObject | undefined)?.["_type"];
  if (type !== "root") refuse("Unsupported Metadata type");
  const document = Buffer.from(JSON.stringify(envelope));
  // Which kinds of keys are allowed is configuration of the publisher, which asks again.
  const next = checkNextRoot(current, document, { now, allowUnportable: true, offlineTargets: offlineTargets || peopleSignTargets(current) });
  if (compromised) requireNoOldKey(current, next.signed);
  if (((await deps.database.setting("rotation")) ?? null) !== null && !compromised) refuse("a change of online keys is under way; one at a time, try again when it is done");
  const demands = demandsOf(current, next.signed);
  const signatures: EventSignature[] = [];
  for (const each of next.signatures) {
    const signature = plainSignature(each);
    try {
      signatures.push({ ...signature, identity: judgeSignature(demands, next.canonical, signature, signatures.map(({ identity }) => identity)) });
    } catch (error) {
      refuse(error instanceof RoleError ? error.message : reasonOf(error));
    }
  }
  // As at bootstrap: who asks people to sign begins with a signature. The publisher's own next root waits for all of them.
  if (signatures.length === 0) refuse("Metadata requires at least one valid signature");
  return {
    id: deps.random.hex(16), role: "root", kind: "root", version: next.signed.version, document, signatures, task, startedMs: now,
    ...(compromised || offlineTargets ? { note: { ...(compromised ? { compromised } : {}), ...(offlineTargets ? { offlineTargets } : {}) } } : {}),
  };
}
