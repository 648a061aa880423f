// What only the publisher does to signing events: it freezes them, ends them, forgets them.

import { DatabaseError } from "../../../ports/database.ts";
import type { Lease } from "../../../ports/database.ts";
import { setSettings } from "./accept.ts";
import { putEnvelopes } from "./batch.ts";
import type { Connection } from "./connection.ts";
import { forget, openEvent } from "./event.ts";
import { fence } from "./lease.ts";
import type { EndEventMessage } from "./messages.ts";
import { endInside } from "./task.ts";
import { putDown } from "./waiting.ts";

export function freezeEvent(db: Connection, lease: Lease, id: string, frozen: { readonly bytes: Uint8Array; readonly signatures: number }, nowMs: number): undefined {
  db.transaction(() => {
    fence(db, lease, nowMs);
    const event = db.get("SELECT no, state, frozen FROM signing_event WHERE id = ?", id);
    if (event?.["state"] === "frozen" && Buffer.from(event["frozen"] as Uint8Array).equals(frozen.bytes)) return;
    const { no } = openEvent(db, id);
    if (db.get("SELECT count(*) AS n FROM signing_signature WHERE event = ?", no)?.["n"] !== frozen.signatures) {
      throw new DatabaseError("stale-base", "somebody signed meanwhile");
    }
    db.run("UPDATE signing_event SET state = 'frozen', frozen = ? WHERE no = ?", frozen.bytes, no);
  });
}

export function endEvent(db: Connection, lease: Lease, id: string, { envelopes, settings, results }: EndEventMessage, nowMs: number): undefined {
  db.transaction(() => {
    fence(db, lease, nowMs);
    if (!forget(db, id, "frozen")) return;
    putEnvelopes(db, envelopes);
    setSettings(db, settings);
    endInside(db, results, nowMs);
  });
}

/** Slices; the event's row goes last, so that one that was cut off is forgotten again. */
export function* forgetEvent(db: Connection, lease: Lease, id: string, now: () => number): Generator<void, undefined> {
  for (let remaining = true; remaining;) {
    remaining = db.transaction(() => {
      fence(db, lease, now());
      const no = db.get("SELECT no FROM signing_event WHERE id = ? AND state = 'cancelled'", id)?.["no"];
      if (no === undefined || no === null) return false;
      if (putDown(db, Number(no))) return true;
      forget(db, id, "cancelled");
      return false;
    });
    if (remaining) yield;
  }
  return undefined;
}
