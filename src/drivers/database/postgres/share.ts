// Shares of a batch: offered, claimed, finished (rule 10).
//
// Who offers, cuts, commits or drops holds the publisher's row, and so does who claims, for the moment that takes: it
// allocates versions. Who renews, releases or finishes locks the share's own row only, so that many finish at
// once, and nobody waits for a leader in the middle of a transaction. A drop locks the shares before it looks
// at what is staged: a result comes before that, and goes with the batch, or after it, and is refused.

import { DatabaseError } from "../../../ports/database.ts";
import type { Claim, ClaimedShare, Lease, NewShare, RoleResult } from "../../../ports/database.ts";
import { openBatch, RESULT_COLUMNS, resultColumns, resultOf } from "./batch.ts";
import { allocateVersions, fence, hint } from "./lease.ts";
import { leaveBehind } from "./role.ts";
import type { Now, Sessions, Sql } from "./sessions.ts";

/** Of edits, in one transaction. */
const SLICE_CHARACTERS = 8 * 1024 * 1024;

export async function shareOut(db: Sessions, lease: Lease, batch: string, terms: string, shares: readonly NewShare[], now: () => Now): Promise<void> {
  for (let from = 0; from < shares.length;) {
    let end = from;
    for (let characters = 0; end < shares.length && (end === from || characters < SLICE_CHARACTERS); end++) characters += shares[end]?.edits.length ?? 0;
    const slice = shares.slice(from, end);
    const first = from;
    await db.transaction(async (sql) => {
      await fence(sql, lease, now());
      const { no } = await openBatch(sql, batch);
      if (first === 0) await sql.run("UPDATE batch SET terms = $2 WHERE no = $1", no, terms);
      for (const [i, { roles, edits }] of slice.entries()) {
        await sql.run("INSERT INTO batch_share (batch, no, roles, edits) VALUES ($1, $2, $3::text[], $4)", no, first + i, roles, edits);
      }
      await hint(sql, "shares");
    });
    from = end;
  }
}

export async function claimShare(db: Sessions, holder: string, ttlMs: number, now: () => Now): Promise<ClaimedShare | undefined> {
  const free = await db.read((sql) => sql.row("SELECT 1 FROM batch_share WHERE NOT done AND until_ms < coalesce($1::bigint, now_ms()) LIMIT 1", now()));
  if (!free) return undefined;
  return db.transaction(async (sql) => {
    const publisher = await sql.row("SELECT lease_until_ms >= coalesce($1::bigint, now_ms()) AS led FROM publisher WHERE id = 1 FOR UPDATE", now());
    if (publisher?.["led"] !== true) return undefined;
    // One whose row is locked is being finished, or renewed.
    const share = await sql.row(
      `SELECT s.batch, s.no, s.roles, s.edits, s.claim, s.first_version, b.id, b.base, b.terms FROM batch_share s JOIN batch b ON b.no = s.batch AND b.state = 'open'
       WHERE NOT s.done AND s.until_ms < coalesce($1::bigint, now_ms()) ORDER BY s.batch, s.no LIMIT 1 FOR UPDATE OF s SKIP LOCKED`, now(),
    );
    if (!share) return undefined;
    const roles = share["roles"] as unknown as readonly string[];
    const number = Number(share["claim"]) + 1;
    if (number > 1) await leaveBehind(sql, Number(share["batch"]), Number(share["no"]));
    const firstVersion = await allocateVersions(sql, roles.length, 0);
    await sql.run(
      "UPDATE batch_share SET claim = $3, holder = $4, until_ms = coalesce($6::bigint, now_ms()) + $5, first_version = $7 WHERE batch = $1 AND no = $2",
      share["batch"], share["no"], number, holder, ttlMs, now(), firstVersion,
    );
    return {
      claim: { batch: String(share["id"]), share: Number(share["no"]), number, holder },
      base: String(share["base"]), terms: String(share["terms"]), roles, edits: String(share["edits"]), firstVersion,
    };
  });
}

/** Parts of a statement on batch_share s and batch b: the claim holds. Its parameters come first: batch, share, number, holder. */
const HOLDS = "b.no = s.batch AND b.state = 'open' AND b.id = $1 AND s.no = $2 AND s.claim = $3 AND s.holder = $4 AND NOT s.done";
const parametersOf = ({ batch, share, number, holder }: Claim): readonly unknown[] => [batch, share, number, holder];
const over = ({ batch, share }: Claim): DatabaseError => new DatabaseError("stale-base", `share ${share} of batch ${batch} is another's by now, or over`);

export async function renewClaim(sql: Sql, claim: Claim, ttlMs: number, now: Now): Promise<void> {
  const renewed = await sql.run(
    `UPDATE batch_share s SET until_ms = coalesce($6::bigint, now_ms()) + $5 FROM batch b, publisher p
     WHERE ${HOLDS} AND p.id = 1 AND p.lease_until_ms >= coalesce($6::bigint, now_ms())`, ...parametersOf(claim), ttlMs, now,
  );
  if (renewed === 0) throw over(claim);
}

export async function releaseClaim(sql: Sql, claim: Claim): Promise<void> {
  const released = await sql.run(`UPDATE batch_share s SET until_ms = 0, holder = '' FROM batch b WHERE ${HOLDS}`, ...parametersOf(claim));
  if (released > 0) await hint(sql, "shares");
}

export async function finishShare(sql: Sql, claim: Claim, results: readonly RoleResult[]): Promise<void> {
  const share = await sql.row(`UPDATE batch_share s SET done = true, edits = '' FROM batch b WHERE ${HOLDS} RETURNING s.batch, s.roles`, ...parametersOf(claim));
  if (!share) throw over(claim);
  const roles = new Set(share["roles"] as unknown as readonly string[]);
  if (results.length !== roles.size || !results.every(({ role }) => roles.delete(role))) throw new Error("a share has one result for each of its roles");
  await sql.run(`INSERT INTO batch_result (batch, ${RESULT_COLUMNS}) SELECT $1, w.* FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[]) w`, share["batch"], ...resultColumns(results));
  await hint(sql, "shares");
}

export async function sharedResults(sql: Sql, batch: string): Promise<{ readonly left: number; readonly results: readonly RoleResult[] }> {
  const { no } = await openBatch(sql, batch);
  const left = Number((await sql.row("SELECT count(*) AS n FROM batch_share WHERE batch = $1 AND NOT done", no))?.["n"]);
  if (left > 0) return { left, results: [] };
  // From here on nothing is added to them.
  const rows = await sql.rows(`SELECT ${RESULT_COLUMNS} FROM batch_result WHERE batch = $1 ORDER BY role`, no);
  return { left, results: rows.map(resultOf) };
}
