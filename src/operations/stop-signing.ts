// Nobody shall sign this any more: the document is given up, and with it a bootstrap that waited for it.

import { DatabaseError, type TaskResult } from "../ports/database.ts";
import { noteOf } from "../roles/pending-edit.ts";
import { newTaskId, submit, type Idempotency, type OperationDeps, type Submitted } from "./deps.ts";
import { OperationError } from "./errors.ts";
import { openEventOf } from "./signing-events.ts";

/**
 * Done in the accepting transaction. What enough people signed is settled, and cannot be stopped.
 * @throws OperationError `not-signing`; DatabaseError as `Database.accept`
 */
export async function stopSigning(deps: OperationDeps, role: string, idempotency?: Idempotency): Promise<Submitted> {
  const signed = await openEventOf(deps.database, role);
  // What is signed with a root, or at bootstrap, stops with it.
  const root = signed?.kind === "delegated" ? noteOf(signed).root : undefined;
  const event = root === undefined ? signed : (await deps.database.signingEvents()).find(({ id, state }) => id === root && state === "open");
  const now = deps.clock.now();
  const task = { id: newTaskId(deps.random), kind: "delete_sign_metadata", createdMs: now, request: {} } as const;
  if (event === undefined && idempotency === undefined) throw notSigning(role);
  const details = event?.kind === "bootstrap" ? { details: { bootstrap: "Bootstrap process has been stopped" } } : {};
  const result: TaskResult = { state: "SUCCESS", message: `Deletion of ${role} metadata successful, signing process stopped`, ...details, lastUpdateMs: now };
  const settings = event?.kind === "bootstrap" ? { bootstrap: null, bootstrap_request: null } : {};
  try {
    // Without an event only a request that came before, with the same Idempotency-Key, is answered.
    return await submit(deps, { task, changes: [], held: false, result, settings, event: { cancel: { event: event?.id ?? "" } } }, idempotency);
  } catch (error) {
    if (error instanceof DatabaseError && error.code === "event-closed") throw notSigning(role);
    throw error;
  }
}

function notSigning(role: string): OperationError {
  return new OperationError("not-signing", role.slice(0, 200));
}
