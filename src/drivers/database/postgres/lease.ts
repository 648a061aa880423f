// The fence and the lease (rules 1-3). Every publisher transaction begins with `fence`.

import { DatabaseError } from "../../../ports/database.ts";
import type { Lease, Topic } from "../../../ports/database.ts";
import { tellHalted, tellShown } from "./notice.ts";
import { PROTOCOL } from "./schema.ts";
import type { Now, Row, Sql } from "./sessions.ts";

const STATE = "lease_number, lease_holder, lease_until_ms, seq, head, visible, counter, pressed_at_ms, halted_code, halted_reason";

/**
 * First in a transaction: locks the publisher's row, refuses who does not hold the lease, and renews
 * it for who does. Whatever is read afterwards is as the last publisher left it. Answers the row.
 */
export async function fence(sql: Sql, lease: Lease, now: Now): Promise<Row> {
  const row = await sql.row(
    `UPDATE publisher SET lease_until_ms = coalesce($3::bigint, now_ms()) + lease_ttl_ms WHERE id = 1 AND lease_number = $1 AND lease_holder = $2 RETURNING ${STATE}`,
    lease.number, lease.holder, now,
  );
  if (!row) throw lost(lease);
  return row;
}

const lost = ({ number }: Lease): DatabaseError => new DatabaseError("lease-lost", `lease ${number} was taken over, or released`);

export async function publisherRow(sql: Sql): Promise<Row> {
  const row = await sql.row(`SELECT ${STATE} FROM publisher WHERE id = 1`);
  if (!row) throw new DatabaseError("damaged", "the publisher's row is missing");
  return row;
}

/** @throws DatabaseError `newer-schema` when the lease is free, and was held by a release of a higher protocol */
export async function takeLease(sql: Sql, holder: string, ttlMs: number, now: Now): Promise<Lease | undefined> {
  const row = await sql.row(
    `UPDATE publisher SET lease_number = lease_number + 1, lease_holder = $1, lease_until_ms = coalesce($3::bigint, now_ms()) + $2, lease_ttl_ms = $2, protocol = $4
     WHERE id = 1 AND (lease_holder = $1 OR lease_until_ms < coalesce($3::bigint, now_ms())) AND protocol <= $4 RETURNING lease_number`,
    holder, ttlMs, now, PROTOCOL,
  );
  if (row) return { number: Number(row["lease_number"]), holder };
  const newer = await sql.row("SELECT protocol FROM publisher WHERE id = 1 AND protocol > $1 AND lease_until_ms < coalesce($2::bigint, now_ms())", PROTOCOL, now);
  if (newer) {
    throw new DatabaseError("newer-schema", `a publisher of a newer release led here (protocol ${String(newer["protocol"])}, this one knows ${PROTOCOL}); this release must not publish any more`);
  }
  return undefined;
}

export async function renewLease(sql: Sql, lease: Lease, ttlMs: number, now: Now): Promise<void> {
  const renewed = await sql.run(
    "UPDATE publisher SET lease_ttl_ms = $3, lease_until_ms = coalesce($4::bigint, now_ms()) + $3 WHERE id = 1 AND lease_number = $1 AND lease_holder = $2",
    lease.number, lease.holder, ttlMs, now,
  );
  if (renewed === 0) throw lost(lease);
}

/** Frees the lease; the empty holder is nobody's. */
export async function releaseLease(sql: Sql, lease: Lease): Promise<void> {
  const released = await sql.run("UPDATE publisher SET lease_holder = '', lease_until_ms = 0 WHERE id = 1 AND lease_number = $1 AND lease_holder = $2", lease.number, lease.holder);
  if (released === 0) throw lost(lease);
}

export async function halt(sql: Sql, lease: Lease, halted: { readonly code: string; readonly reason: string } | undefined, now: Now): Promise<void> {
  await tellHalted(sql, (await fence(sql, lease, now))["halted_code"], halted, now);
  await nudge(sql, "visible");
  await sql.run("UPDATE publisher SET halted_code = $1, halted_reason = $2 WHERE id = 1", halted?.code ?? null, halted?.reason ?? null);
}

export async function markVisible(sql: Sql, lease: Lease, seq: number, now: Now): Promise<void> {
  const row = await fence(sql, lease, now);
  if (seq > Number(row["seq"])) throw new Error(`seq ${seq} is not committed and cannot be visible`);
  await sql.run("UPDATE publisher SET visible = greatest(visible, $1) WHERE id = 1", seq);
  await tellShown(sql, Number(row["visible"]), now);
  await hint(sql, "visible");
}

/** The first of `count` versions nobody ever had, all above `above`. Inside a fenced transaction. */
export async function allocateVersions(sql: Sql, count: number, above: number): Promise<number> {
  const row = await sql.row("UPDATE publisher SET counter = greatest(counter, $1) + $2 WHERE id = 1 RETURNING counter", above, count);
  return Number(row?.["counter"]) - count + 1;
}

/** Heard by every process that listens once the transaction is committed; who misses it finds `nudges` moved when it polls. */
export async function hint(sql: Sql, topic: Topic): Promise<void> {
  await sql.run("SELECT pg_notify('rstuf', $1)", topic);
}

/** A hint of what no other column tells a poller. Inside a fenced transaction. */
export async function nudge(sql: Sql, topic: Topic): Promise<void> {
  await sql.run("UPDATE publisher SET nudges = nudges + 1 WHERE id = 1");
  await hint(sql, topic);
}

/** Second in a fenced transaction that touches what requests touch too: the order that every transaction keeps. */
export async function lockBacklog(sql: Sql): Promise<void> {
  await sql.run("SELECT 1 FROM backlog WHERE id = 1 FOR UPDATE");
}
