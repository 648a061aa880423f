// Whatever a crash left behind, put right before anything new is done (rule 15).
//
// Runs when a lease is taken and after any doubt. Every step may itself be cut off and
// repeated: dropping dead batches, folding committed ones, creating committed roots that are
// missing, projecting the head, taking over roots that were lost.

import type { PublisherDeps } from "./deps.ts";
import type { LeaseHold } from "./lease-hold.ts";
import { takeLostRoots } from "./lost-roots.ts";
import { ensureRoots, project } from "./project.ts";
import { foldAll } from "./publish.ts";

/** `died`: the batches found open killed their publisher; false after an error that lay elsewhere. */
export async function recover(deps: PublisherDeps, hold: LeaseHold, died: boolean): Promise<void> {
  for (const batch of await deps.database.openBatches()) {
    await deps.database.dropBatch(hold.lease, batch.id, died);
    deps.telemetry.log.warn({ batch: batch.id, changes: batch.changes, died }, "dropped an unfinished batch; its changes are open again");
  }
  await ensureRoots(deps, hold);
  await project(deps, hold);
  await foldAll(deps, hold);
  await takeLostRoots(deps, hold);
}
