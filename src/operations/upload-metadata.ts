// A team uploads the next version of a role that it signs elsewhere.
//
// Judged at the door, so that whoever uploads hears at once what is wrong; judged again before it is
// published, for the world may move between. Kept, and published, byte for byte.

import type { TaskResult } from "../ports/database.ts";
import { RoleError } from "../roles/errors.ts";
import type { DelegationTree } from "../roles/delegation.ts";
import { judgeOutside } from "../roles/outside.ts";
import { withPending } from "../roles/pending-edit.ts";
import { delegationIn } from "../tuf/search.ts";
import { requireBootstrap } from "./bootstrap-state.ts";
import { newTaskId, submit, type Idempotency, type OperationDeps, type Submitted } from "./deps.ts";
import { InvalidRequest, OperationError } from "./errors.ts";

export interface UploadMetadata {
  readonly role: string;
  /** The file: JSON, UTF-8. */
  readonly bytes: Buffer;
}

/**
 * The same bytes again, once they are published, are nothing: the task is at its end.
 * @throws OperationError `bootstrap-required`, `no-such-outside-role`; InvalidRequest `document-refused`;
 *         DatabaseError as `Database.accept`
 */
export async function uploadMetadata(deps: OperationDeps, { role, bytes }: UploadMetadata, idempotency?: Idempotency): Promise<Submitted> {
  await requireBootstrap(deps.database);
  const now = deps.clock.now();
  const task = { id: newTaskId(deps.random), kind: "metadata_delegation", createdMs: now, request: { roles: [role] } } as const;
  const outside = await deps.owners.outside();
  const edit = outside.declared.find(({ name }) => name === role);
  const inForce = outside.roles.has(role);
  if (edit === undefined && !inForce) throw new OperationError("no-such-outside-role", role.slice(0, 200));
  const kept = inForce ? await deps.database.envelope(role) : undefined;
  if (kept?.bytes.equals(bytes) === true) {
    const result: TaskResult = { state: "SUCCESS", message: "Delegated Metadata Published", details: { role, version: kept.version, changed_artifacts: 0, removed_artifacts: 0 }, lastUpdateMs: now };
    return submit(deps, { task, changes: [], held: false, result }, idempotency);
  }
  const tree = await deps.owners.tree();
  if (tree === undefined) throw new OperationError("no-such-outside-role", role.slice(0, 200));
  try {
    await judge(deps, role, bytes, edit === undefined ? tree : withPending(tree, edit));
  } catch (error) {
    if (!(error instanceof RoleError)) throw error;
    // Until a document is signed by the keys to come, those in force count.
    if (edit === undefined || !inForce || !(await passes(deps, role, bytes, tree))) throw refusal(error);
  }
  return submit(deps, { task, changes: [{ kind: "document", role, path: "", fragment: bytes.toString() }], held: false }, idempotency);
}

async function judge(deps: OperationDeps, role: string, bytes: Buffer, tree: DelegationTree): Promise<void> {
  const by = [...tree.delegators.values()].map(({ delegations }) => delegationIn(delegations, role)).find((found) => found !== undefined);
  if (by === undefined) throw new RoleError("document-refused", `nobody delegates to ${role} any more`);
  judgeOutside(bytes, {
    role, tree, authority: by, now: deps.clock.now(), marginMs: deps.refreshMarginMs ?? 0,
    lastVersion: (await deps.database.role(role))?.version ?? 0,
    artifacts: deps.limits.artifactsPerRequest, customBytes: deps.limits.customBytes,
  });
}

async function passes(deps: OperationDeps, role: string, bytes: Buffer, tree: DelegationTree): Promise<boolean> {
  try {
    await judge(deps, role, bytes, tree);
    return true;
  } catch (error) {
    if (error instanceof RoleError) return false;
    throw error;
  }
}

const refusal = (error: RoleError): InvalidRequest => new InvalidRequest([{ at: [], rule: error.message, code: error.code }]);
