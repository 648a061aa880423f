// One more signature for a document that waits for it.
//
// It is verified on arrival, and kept in the accepting transaction: of two that come in the same
// instant none is lost. Whether it was the last one needed is the publisher's to find.

import { DatabaseError, type TaskResult } from "../ports/database.ts";
import { RoleError } from "../roles/errors.ts";
import { judgeSignature, plainSignature } from "../roles/signing-event.ts";
import { parseEnvelope } from "../tuf/parse.ts";
import { readBootstrapState } from "./bootstrap-state.ts";
import { newTaskId, submit, type Idempotency, type OperationDeps, type Submitted } from "./deps.ts";
import { OperationError } from "./errors.ts";
import { demandsFor, openEventOf } from "./signing-events.ts";

export interface SignMetadata {
  /** Whole, in its own case. */
  readonly role: string;
  readonly signature: { readonly keyid: string; readonly sig: string; readonly bundle?: unknown };
}

/**
 * A signature that cannot be taken ends its task with the reason and changes nothing.
 * @throws OperationError `bootstrap-required` unless bootstrapped or collecting its signatures;
 *         DatabaseError as `Database.accept`
 */
export async function signMetadata(deps: OperationDeps, request: SignMetadata, idempotency?: Idempotency): Promise<Submitted> {
  const { name } = await readBootstrapState(deps.database);
  if (name !== "finished" && name !== "signing") throw new OperationError("bootstrap-required", `nothing waits for signatures; state: ${name}`, { state: name });
  const now = deps.clock.now();
  const task = { id: newTaskId(deps.random), kind: "sign_metadata", createdMs: now, request: {} } as const;
  const refused = (error: string, reason?: string): Promise<Submitted> => {
    const result: TaskResult = { state: "ERRORED", message: "Signature Failed", error, lastUpdateMs: now, ...(reason === undefined ? {} : { details: { reason } }) };
    return submit(deps, { task, changes: [], held: false, result }, idempotency);
  };

  const nothing = `No signatures pending for ${request.role.slice(0, 200)}`;
  const event = await openEventOf(deps.database, request.role);
  if (event === undefined) return refused(nothing);
  const signature = plainSignature(request.signature);
  try {
    const identity = judgeSignature(await demandsFor(deps.database, event), parseEnvelope(event.document).canonical, signature, event.signatures.map((earlier) => earlier.identity));
    return await submit(deps, { task, changes: [], held: false, event: { sign: { event: event.id, signature: { ...signature, identity } } } }, idempotency);
  } catch (error) {
    if (error instanceof RoleError) return refused("Invalid signature", error.message);
    if (!(error instanceof DatabaseError)) throw error;
    if (error.code === "event-closed") return refused(nothing);
    if (error.code === "already-signed") return refused("Invalid signature", error.message);
    throw error;
  }
}
