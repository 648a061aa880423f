// Going far ahead, where nothing tells how far clients have seen (H17): database and storage
// were restored together, so nothing disagrees on this side, only clients remember.
//
// Raises the counter, and asks for every role to be pressed again. Gaps are legal; the number
// must be above what was published since the backup, and is best generous.

import type { PublisherDeps } from "./deps.ts";
import { belowIn, NESTED } from "../roles/below.ts";
import { delegationTreeOf } from "../roles/delegation.ts";
import { parseEnvelope } from "../tuf/parse.ts";
import type { LeaseHold } from "./lease-hold.ts";
import { PRESS_FIRST } from "./press-first.ts";

export interface Jumped {
  /** Every version from now on is above this. */
  readonly counter: number;
  /** The task that presses every role; the next publish ends it. */
  readonly task: string;
}

/** Undefined when this database holds no repository. Cut off in between it only leaves a gap. */
export async function jump({ database, clock, random, telemetry }: Pick<PublisherDeps, "database" | "clock" | "random" | "telemetry">, hold: LeaseHold, by: number): Promise<Jumped | undefined> {
  const targets = await database.envelope("targets");
  if (targets === undefined) return undefined;
  const counter = await database.allocate(hold.lease, by, 0) + by - 1;
  const tree = delegationTreeOf(parseEnvelope(targets.bytes, "targets").signed, belowIn(await database.setting(NESTED)));
  const roles = ["targets", ...tree.custom.map(({ name }) => name), ...(tree.bins.length === 0 ? [] : ["bins"]), "snapshot", "timestamp"];
  const task = random.hex(16);
  await database.accept({
    task: { id: task, kind: "force_online_metadata_update", createdMs: clock.now(), request: { roles } },
    changes: roles.map((role) => ({ kind: "refresh", role, path: "", fragment: "" })),
    held: false,
    settings: { [PRESS_FIRST]: true },
    limits: { changes: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER },
  });
  telemetry.log.info({ by, counter, task }, "jumped ahead");
  return { counter, task };
}
