// Signing events: started, signed, cancelled; what a request and a publisher both do to them.

import { DatabaseError } from "../../../ports/database.ts";
import type { EventEffect, EventSignature, NewSigningEvent } from "../../../ports/database.ts";
import type { Connection, Row } from "./connection.ts";
import { carry } from "./waiting.ts";

/** Inside a transaction. `task` brings the signature. */
export function applyEffect(db: Connection, effect: EventEffect, task: string): void {
  if ("start" in effect) {
    const { inPlaceOf } = effect;
    if (inPlaceOf !== undefined) db.run("UPDATE signing_event SET state = 'cancelled', reason = ? WHERE id = ? AND state = 'open'", inPlaceOf.reason, inPlaceOf.event);
    start(db, effect.start, effect.besideFrozen === true ? "state = 'open'" : "state <> 'cancelled'");
  } else if ("sign" in effect) {
    const { no } = openEvent(db, effect.sign.event);
    addSignature(db, no, effect.sign.signature, task);
  } else if ("giveUp" in effect) {
    const given = db.run("UPDATE signing_event SET state = 'cancelled', reason = ? WHERE id = ? AND state <> 'cancelled'", effect.giveUp.reason, effect.giveUp.event);
    if (given === 0) throw new DatabaseError("event-closed", "this signing event is cancelled, or none");
  } else {
    const { no } = openEvent(db, effect.cancel.event);
    db.run("UPDATE signing_event SET state = 'cancelled' WHERE no = ?", no);
  }
}

/** Inside a transaction. @throws DatabaseError `event-exists` | `already-signed` | `stale-base` */
function start(db: Connection, event: NewSigningEvent, inTheWay: "state = 'open'" | "state <> 'cancelled'"): void {
  if (db.get(`SELECT 1 FROM signing_event WHERE role = ? AND ${inTheWay}`, event.role)) {
    throw new DatabaseError("event-exists", `${event.role} waits for signatures already`);
  }
  const row = db.get(
    "INSERT INTO signing_event (id, role, kind, version, state, document, task, started_ms, note) VALUES (?, ?, ?, ?, 'open', ?, ?, ?, ?) RETURNING no",
    event.id, event.role, event.kind, event.version, event.document, event.task, event.startedMs, event.note === undefined ? null : JSON.stringify(event.note),
  );
  const no = Number(row?.["no"]);
  for (const signature of event.signatures) addSignature(db, no, signature, null);
  carry(db, no, event.role, event.changes ?? []);
}

function addSignature(db: Connection, event: number, { keyid, identity, sig, bundle }: EventSignature, task: string | null): void {
  const added = db.run(
    "INSERT INTO signing_signature (event, keyid, identity, sig, bundle, task) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    event, keyid, identity, sig, bundle === undefined ? null : JSON.stringify(bundle), task,
  );
  if (added === 0) throw new DatabaseError("already-signed", `key ${keyid} signed before`);
}

/** Inside a transaction. @throws DatabaseError `event-closed` */
export function openEvent(db: Connection, id: string): { readonly no: number } {
  const row = db.get("SELECT no FROM signing_event WHERE id = ? AND state = 'open'", id);
  if (!row) throw new DatabaseError("event-closed", "this signing event is no longer open");
  return { no: Number(row["no"]) };
}

/** Inside a transaction. Answers whether it was there. */
export function forget(db: Connection, id: string, state: "frozen" | "cancelled"): boolean {
  const row: Row | undefined = db.get("DELETE FROM signing_event WHERE id = ? AND state = ? RETURNING no", id, state);
  if (row) db.run("DELETE FROM signing_signature WHERE event = ?", row["no"] ?? null);
  return row !== undefined;
}
