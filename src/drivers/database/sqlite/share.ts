// Shares of a batch: offered, claimed, finished (rule 10). One process has a file, so nobody but the leader claims here;
// the promises are kept all the same.

import { DatabaseError } from "../../../ports/database.ts";
import type { Claim, ClaimedShare, Lease, NewShare, RoleResult } from "../../../ports/database.ts";
import { openBatch } from "./batch.ts";
import type { Connection, Row } from "./connection.ts";
import { leaveBehind } from "./fold.ts";
import { allocateVersions, fence, publisherRow } from "./lease.ts";

export function shareOut(db: Connection, lease: Lease, batch: string, terms: string, shares: readonly NewShare[], nowMs: number): undefined {
  db.transaction(() => {
    fence(db, lease, nowMs);
    const { no } = openBatch(db, batch);
    db.run("UPDATE batch SET terms = ? WHERE no = ?", terms, no);
    for (const [i, { roles, edits }] of shares.entries()) db.run("INSERT INTO batch_share (batch, no, roles, edits) VALUES (?, ?, ?, ?)", no, i, JSON.stringify(roles), edits);
  });
  return undefined;
}

export function claimShare(db: Connection, holder: string, ttlMs: number, nowMs: number): ClaimedShare | undefined {
  return db.transaction(() => {
    if (Number(publisherRow(db)["lease_until_ms"]) < nowMs) return undefined;
    const share = db.get(
      `SELECT s.batch, s.no, s.roles, s.edits, s.claim, s.first_version, b.id, b.base, b.terms FROM batch b JOIN batch_share s ON s.batch = b.no
       WHERE b.state = 'open' AND s.done = 0 AND s.until_ms < ? ORDER BY s.batch, s.no LIMIT 1`, nowMs,
    );
    if (!share) return undefined;
    const roles = JSON.parse(String(share["roles"])) as string[];
    leaveBehind(db, [share]);
    const firstVersion = allocateVersions(db, roles.length, 0);
    const number = Number(share["claim"]) + 1;
    db.run(
      "UPDATE batch_share SET claim = ?, holder = ?, until_ms = ?, first_version = ? WHERE batch = ? AND no = ?",
      number, holder, nowMs + ttlMs, firstVersion, share["batch"] ?? null, share["no"] ?? null,
    );
    return {
      claim: { batch: String(share["id"]), share: Number(share["no"]), number, holder },
      base: String(share["base"]), terms: String(share["terms"]), roles, edits: String(share["edits"]), firstVersion,
    };
  });
}

/** Inside a transaction: the row of a share whose claim holds. */
function held(db: Connection, { batch, share, number, holder }: Claim): Row | undefined {
  return db.get(
    `SELECT s.batch, s.no, s.roles FROM batch b JOIN batch_share s ON s.batch = b.no
     WHERE b.id = ? AND b.state = 'open' AND s.no = ? AND s.claim = ? AND s.holder = ? AND s.done = 0`, batch, share, number, holder,
  );
}

const over = ({ batch, share }: Claim): DatabaseError => new DatabaseError("stale-base", `share ${share} of batch ${batch} is another's by now, or over`);

export function renewClaim(db: Connection, claim: Claim, ttlMs: number, nowMs: number): undefined {
  db.transaction(() => {
    const row = held(db, claim);
    if (!row || Number(publisherRow(db)["lease_until_ms"]) < nowMs) throw over(claim);
    db.run("UPDATE batch_share SET until_ms = ? WHERE batch = ? AND no = ?", nowMs + ttlMs, row["batch"] ?? null, row["no"] ?? null);
  });
  return undefined;
}

export function releaseClaim(db: Connection, claim: Claim): undefined {
  db.transaction(() => {
    const row = held(db, claim);
    if (row) db.run("UPDATE batch_share SET until_ms = 0, holder = '' WHERE batch = ? AND no = ?", row["batch"] ?? null, row["no"] ?? null);
  });
  return undefined;
}

export function finishShare(db: Connection, claim: Claim, results: readonly RoleResult[]): undefined {
  db.transaction(() => {
    const row = held(db, claim);
    if (!row) throw over(claim);
    const roles = new Set(JSON.parse(String(row["roles"])) as string[]);
    if (results.length !== roles.size || !results.every(({ role }) => roles.delete(role))) throw new Error("a share has one result for each of its roles");
    db.run("UPDATE batch_share SET done = 1, edits = '' WHERE batch = ? AND no = ?", row["batch"] ?? null, row["no"] ?? null);
    for (const { role, version, length, sha256, expiresMs } of results) db.run("INSERT INTO batch_result VALUES (?, ?, ?, ?, ?, ?)", row["batch"] ?? null, role, version, length, sha256, expiresMs);
  });
  return undefined;
}
