// The fence and the lease (rules 1-3). Every publisher transaction begins with `fence`.

import { DatabaseError } from "../../../ports/database.ts";
import type { Lease } from "../../../ports/database.ts";
import type { Connection, Row } from "./connection.ts";
import type { Halted } from "./messages.ts";
import { tellHalted, tellShown } from "./notice.ts";

/** Inside a transaction: refuses who does not hold the lease, and renews it for who does. */
export function fence(db: Connection, lease: Lease, nowMs: number): void {
  const mine = db.run(
    "UPDATE publisher SET lease_until_ms = ? + lease_ttl_ms WHERE lease_number = ? AND lease_holder = ?", nowMs, lease.number, lease.holder,
  );
  if (mine === 0) throw new DatabaseError("lease-lost", `lease ${lease.number} was taken over by lease ${String(publisherRow(db)["lease_number"])}, or released`);
}

export function publisherRow(db: Connection): Row {
  return db.get("SELECT * FROM publisher") ?? {};
}

export function takeLease(db: Connection, holder: string, ttlMs: number, nowMs: number): Lease | undefined {
  return db.transaction(() => {
    const row = db.get(
      `UPDATE publisher SET lease_number = lease_number + 1, lease_holder = ?1, lease_until_ms = ?2 + ?3, lease_ttl_ms = ?3
       WHERE lease_holder = ?1 OR lease_until_ms < ?2 RETURNING lease_number`, holder, nowMs, ttlMs,
    );
    return row && { number: Number(row["lease_number"]), holder };
  });
}

export function renewLease(db: Connection, lease: Lease, ttlMs: number, nowMs: number): undefined {
  db.transaction(() => {
    fence(db, lease, nowMs);
    db.run("UPDATE publisher SET lease_ttl_ms = ?1, lease_until_ms = ?2 + ?1", ttlMs, nowMs);
  });
}

/** Frees the lease; the empty holder is nobody's. */
export function releaseLease(db: Connection, lease: Lease, nowMs: number): undefined {
  db.transaction(() => {
    fence(db, lease, nowMs);
    db.run("UPDATE publisher SET lease_holder = '', lease_until_ms = 0");
  });
}

export function halt(db: Connection, lease: Lease, halted: Halted | undefined, nowMs: number): undefined {
  db.transaction(() => {
    fence(db, lease, nowMs);
    tellHalted(db, publisherRow(db)["halted_code"] ?? null, halted, nowMs);
    db.run("UPDATE publisher SET halted_code = ?, halted_reason = ?", halted?.code ?? null, halted?.reason ?? null);
  });
}

export function markVisible(db: Connection, lease: Lease, seq: number, nowMs: number): undefined {
  db.transaction(() => {
    fence(db, lease, nowMs);
    const publisher = publisherRow(db);
    if (seq > Number(publisher["seq"])) throw new Error(`seq ${seq} is not committed and cannot be visible`);
    db.run("UPDATE publisher SET visible = max(visible, ?)", seq);
    tellShown(db, Number(publisher["visible"]), nowMs);
  });
}

/** The first of `count` versions nobody ever had, all above `above`. Inside a fenced transaction. */
export function allocateVersions(db: Connection, count: number, above: number): number {
  const row = db.get("UPDATE publisher SET counter = max(counter, ?) + ? RETURNING counter", above, count);
  return Number(row?.["counter"]) - count + 1;
}
