// Signing events: started, signed, cancelled; what a request and a publisher both do to them.

import { DatabaseError } from "../../../ports/database.ts";
import type { EventEffect, EventSignature, NewSigningEvent } from "../../../ports/database.ts";
import { carry } from "./waiting.ts";
import type { Sql } from "./sessions.ts";

/** Inside a transaction that holds the backlog. `task` brings the signature. */
export async function applyEffect(sql: Sql, effect: EventEffect, task: string): Promise<void> {
  if ("start" in effect) {
    const { inPlaceOf } = effect;
    if (inPlaceOf !== undefined) await sql.run("UPDATE signing_event SET state = 'cancelled', reason = $2 WHERE id = $1 AND state = 'open'", inPlaceOf.event, inPlaceOf.reason);
    await start(sql, effect.start, effect.besideFrozen === true ? "state = 'open'" : "state <> 'cancelled'");
  } else if ("sign" in effect) {
    await addSignature(sql, await openEvent(sql, effect.sign.event), effect.sign.signature, task);
  } else if ("giveUp" in effect) {
    const given = await sql.run("UPDATE signing_event SET state = 'cancelled', reason = $2 WHERE id = $1 AND state <> 'cancelled'", effect.giveUp.event, effect.giveUp.reason);
    if (given === 0) throw new DatabaseError("event-closed", "this signing event is cancelled, or none");
  } else {
    await sql.run("UPDATE signing_event SET state = 'cancelled' WHERE no = $1", await openEvent(sql, effect.cancel.event));
  }
}

async function start(sql: Sql, event: NewSigningEvent, inTheWay: "state = 'open'" | "state <> 'cancelled'"): Promise<void> {
  if (await sql.row(`SELECT no FROM signing_event WHERE role = $1 AND ${inTheWay}`, event.role)) {
    throw new DatabaseError("event-exists", `${event.role} waits for signatures already`);
  }
  const row = await sql.row(
    `INSERT INTO signing_event (id, role, kind, version, state, document, task, started_ms, note)
     VALUES ($1, $2, $3, $4, 'open', $5, $6, $7, $8) RETURNING no`,
    event.id, event.role, event.kind, event.version, Buffer.from(event.document), event.task, event.startedMs, event.note === undefined ? null : JSON.stringify(event.note),
  );
  const no = Number(row?.["no"]);
  for (const signature of event.signatures) await addSignature(sql, no, signature, null);
  await carry(sql, no, event.role, event.changes ?? []);
}

async function addSignature(sql: Sql, event: number, { keyid, identity, sig, bundle }: EventSignature, task: string | null): Promise<void> {
  const added = await sql.run(
    "INSERT INTO signing_signature (event, keyid, identity, sig, bundle, task) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
    event, keyid, identity, sig, bundle === undefined ? null : JSON.stringify(bundle), task,
  );
  if (added === 0) throw new DatabaseError("already-signed", `key ${keyid} signed before`);
}

/** Locks it: nobody signs while it is frozen, or the other way round. @throws DatabaseError `event-closed` */
export async function openEvent(sql: Sql, id: string): Promise<number> {
  const row = await sql.row("SELECT no FROM signing_event WHERE id = $1 AND state = 'open' FOR UPDATE", id);
  if (!row) throw new DatabaseError("event-closed", "this signing event is no longer open");
  return Number(row["no"]);
}

/** Inside a transaction. Answers whether it was there. */
export async function forget(sql: Sql, id: string, state: "frozen" | "cancelled"): Promise<boolean> {
  const row = await sql.row("DELETE FROM signing_event WHERE id = $1 AND state = $2 RETURNING no", id, state);
  if (row) await sql.run("DELETE FROM signing_signature WHERE event = $1", row["no"]);
  return row !== undefined;
}
