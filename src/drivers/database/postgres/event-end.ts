// What only the publisher does to signing events: it freezes them, ends them, forgets them.

import { DatabaseError } from "../../../ports/database.ts";
import type { Commit, Lease } from "../../../ports/database.ts";
import type { Setting, TaskEnding } from "../common/stored.ts";
import { putEnvelopes, setSettings } from "./envelope.ts";
import { forget, openEvent } from "./event.ts";
import { fence, lockBacklog, nudge } from "./lease.ts";
import type { Now, Sessions, Sql } from "./sessions.ts";
import { endInside } from "./task.ts";
import { putDown } from "./waiting.ts";

export async function freezeEvent(sql: Sql, lease: Lease, id: string, frozen: { readonly bytes: Uint8Array; readonly signatures: number }, now: Now): Promise<void> {
  await fence(sql, lease, now);
  const bytes = Buffer.from(frozen.bytes);
  if (await sql.row("SELECT no FROM signing_event WHERE id = $1 AND state = 'frozen' AND frozen = $2", id, bytes)) return;
  const no = await openEvent(sql, id);
  const signed = await sql.row("SELECT count(*) AS n FROM signing_signature WHERE event = $1", no);
  if (signed?.["n"] !== frozen.signatures) throw new DatabaseError("stale-base", "somebody signed meanwhile");
  await sql.run("UPDATE signing_event SET state = 'frozen', frozen = $2 WHERE no = $1", no, bytes);
}

export interface EventEnding {
  readonly envelopes: Commit["envelopes"];
  readonly settings: readonly Setting[];
  readonly results: readonly TaskEnding[];
}

export async function endEvent(sql: Sql, lease: Lease, id: string, { envelopes, settings, results }: EventEnding, now: Now): Promise<void> {
  await fence(sql, lease, now);
  await lockBacklog(sql);
  if (!await forget(sql, id, "frozen")) return;
  await putEnvelopes(sql, envelopes);
  await setSettings(sql, settings);
  await endInside(sql, results, now);
  await nudge(sql, "visible");
}

/** Slices; the event's row goes last, so that one that was cut off is forgotten again. */
export async function forgetEvent(db: Sessions, lease: Lease, id: string, now: () => Now): Promise<void> {
  for (let remaining = true; remaining;) {
    remaining = await db.transaction(async (sql) => {
      await fence(sql, lease, now());
      await lockBacklog(sql);
      const event = await sql.row("SELECT no FROM signing_event WHERE id = $1 AND state = 'cancelled'", id);
      if (!event) return false;
      if (await putDown(sql, Number(event["no"]))) return true;
      await forget(sql, id, "cancelled");
      await nudge(sql, "work");
      return false;
    });
  }
}
