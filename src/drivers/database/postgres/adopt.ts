// Adopting what a lost history published (rule 17): staged in slices, true in one transaction, as large as what it adopts.

import { DatabaseError } from "../../../ports/database.ts";
import type { Adoption, ChangeOutcome, CutChange, Lease, Target } from "../../../ports/database.ts";
import type { Setting, TaskEnding } from "../common/stored.ts";
import { acceptInside } from "./accept.ts";
import type { Incoming } from "./accept.ts";
import { bind, forgetStaged, giveBack, lastOfEach, putCommitted } from "./batch.ts";
import { putEnvelopes, setSettings } from "./envelope.ts";
import { foldRows } from "./fold.ts";
import { fence, lockBacklog, nudge } from "./lease.ts";
import { tellEnds, tellHalted, tellShown } from "./notice.ts";
import { putResults } from "./result.ts";
import { addGarbage, putRoles } from "./role.ts";
import { SLICE } from "./sessions.ts";
import type { Now, Row, Sessions, Sql } from "./sessions.ts";

export async function stageAdopted(db: Sessions, lease: Lease, adoption: string, role: string, targets: readonly Target[], now: () => Now): Promise<void> {
  for (let from = 0; from < targets.length; from += SLICE) {
    // Of one path given twice the later counts.
    const slice = [...new Map(targets.slice(from, from + SLICE).map((target) => [target.path, target])).values()];
    await db.transaction(async (sql) => {
      await fence(sql, lease, now());
      await sql.run(
        `INSERT INTO adopted (adoption, role, path, fragment) SELECT $1, $2, w.* FROM unnest($3::text[], $4::text[]) w
         ON CONFLICT (adoption, role, path) DO UPDATE SET fragment = excluded.fragment`,
        adoption, role, slice.map(({ path }) => path), slice.map(({ fragment }) => fragment),
      );
    });
  }
}

export async function stageEnded(db: Sessions, lease: Lease, adoption: string, changes: readonly CutChange[], now: () => Now): Promise<void> {
  for (let from = 0; from < changes.length; from += SLICE) {
    const slice = [...new Map(changes.slice(from, from + SLICE).map((change) => [change.id, change])).values()];
    await db.transaction(async (sql) => {
      await fence(sql, lease, now());
      await sql.run(
        `INSERT INTO adopted_change (adoption, no, task, outcome, role) SELECT $1, w.* FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[]) w
         ON CONFLICT (adoption, no) DO UPDATE SET task = excluded.task, outcome = excluded.outcome, role = excluded.role`,
        adoption, slice.map(({ id }) => id), slice.map(({ task }) => task), slice.map(({ outcome }) => outcome), slice.map(({ role }) => role),
      );
    });
  }
}

export type AdoptionText = Omit<Adoption, "results" | "press" | "settings"> & { readonly results: readonly TaskEnding[]; readonly settings: readonly Setting[]; readonly press: Incoming | undefined };

export async function adopt(sql: Sql, lease: Lease, adoption: AdoptionText, now: Now): Promise<{ readonly seq: number; readonly readBack: number; readonly dropped: number }> {
  await sql.run("SET LOCAL statement_timeout = 0");
  const publisher = await fence(sql, lease, now);
  await lockBacklog(sql);
  if (publisher["head"] !== adoption.base) throw new DatabaseError("stale-base", "the head moved");
  if (await sql.row("SELECT no FROM batch WHERE state <> 'committed' LIMIT 1")) throw new DatabaseError("stale-base", "a batch is open");

  const unseen = await sql.rows("SELECT no, snapshot_version FROM batch WHERE seq > $1 AND fold_phase = 0 AND fold_cursor = '' ORDER BY seq", publisher["visible"]);
  for (const batch of unseen) await reopen(sql, batch, adoption.garbageNotBeforeMs, now);
  while ((await foldRows(sql, SLICE)).remaining);

  const { timestamp, snapshot } = adoption;
  const seq = Number(publisher["seq"]) + 1;
  // Its changes are done already; what remains of folding is to count them as ended, and forget them.
  const no = Number((await sql.row(
    `INSERT INTO batch (id, base, state, seq, changes, bytes, first_version, roles, snapshot_version, garbage_not_before_ms, committed_ms, fold_phase, fold_cursor)
     VALUES ($1, $2, 'committed', $3, 0, 0, $4, '{}', $4, $5, coalesce($6::bigint, now_ms()), 0, '') RETURNING no`,
    adoption.id, adoption.base, seq, snapshot.version, adoption.garbageNotBeforeMs, now,
  ))?.["no"]);
  await endChanges(sql, no, adoption.id);
  await putResults(sql, no, lastOfEach(adoption.results));

  const targets = await takeTargets(sql, adoption.id, adoption.roles.filter(({ takesTargets }) => takesTargets).map(({ role }) => role), now);
  await putRoles(sql, adoption.roles.map((role) => ({ ...role, as: role })), adoption.garbageNotBeforeMs);
  await sql.run(
    "UPDATE role SET retired = w.retired FROM unnest($1::text[], $2::boolean[]) w(name, retired) WHERE role.name = w.name",
    adoption.roles.map(({ role }) => role), adoption.roles.map(({ retired }) => retired),
  );
  await putRoles(sql, [{ ...snapshot, as: { kind: "snapshot", parent: "" } }, { ...timestamp, as: { kind: "timestamp", parent: "" } }], adoption.garbageNotBeforeMs);
  await putEnvelopes(sql, adoption.envelopes);
  await setSettings(sql, adoption.settings);
  await sql.run("DELETE FROM garbage g USING role r WHERE r.name = g.role AND r.version = g.version");
  await sql.run("UPDATE garbage SET not_before_ms = $1 WHERE not_before_ms < $1", adoption.garbageNotBeforeMs);
  await putCommitted(sql, seq, timestamp, snapshot);
  await sql.run(
    `UPDATE publisher SET seq = $1, visible = $1, head = $2, counter = greatest(counter, $3), halted_code = NULL, halted_reason = NULL WHERE id = 1`,
    seq, timestamp.sha256, adoption.counter,
  );
  if (adoption.press) await acceptInside(sql, [adoption.press], now, "first");
  await sql.run("DELETE FROM adopted");
  await sql.run("DELETE FROM adopted_change");
  await tellShown(sql, Number(publisher["visible"]), now);
  await tellHalted(sql, publisher["halted_code"], undefined, now);
  await nudge(sql, "visible");
  return { seq, ...targets };
}

/** Changes that were staged are the batch's, in slices: an import's are too many to hold. */
async function endChanges(sql: Sql, batch: number, adoption: string): Promise<void> {
  for (let after = -1; ;) {
    const rows = await sql.rows("SELECT no, task, outcome, role FROM adopted_change WHERE adoption = $1 AND no > $2 ORDER BY no LIMIT $3", adoption, after, SLICE);
    const slice = rows.map(({ no, task, outcome, role }): CutChange => ({ id: Number(no), task: String(task), outcome: outcome as ChangeOutcome, role: String(role) }));
    const last = slice.at(-1);
    if (last === undefined) return;
    const { bytes, imported } = await bind(sql, batch, slice, "any");
    await sql.run("UPDATE batch SET changes = changes + $2 WHERE no = $1", batch, slice.length);
    await sql.run("UPDATE backlog SET changes = changes - $1, bytes = bytes - $2 WHERE id = 1", slice.length - imported, bytes);
    after = last.id;
  }
}

/** A batch that was committed and that no client saw: its changes are open again, its tasks have no result, its names may go. */
async function reopen(sql: Sql, batch: Row, garbageNotBeforeMs: number, now: Now): Promise<void> {
  const no = Number(batch["no"]);
  while (await giveBack(sql, no, 0, 0, SLICE, "counts-again") === SLICE);
  await sql.run("DELETE FROM result r USING task t WHERE r.batch = $1 AND t.no = r.task AND t.open > 0", no);
  // Of tasks without changes (a bootstrap): it happened.
  const ended = await sql.rows("UPDATE result SET batch = NULL WHERE batch = $1 RETURNING task", no);
  await tellEnds(sql, ended.map(({ task }) => Number(task)), now);
  await sql.run(
    `INSERT INTO garbage (name, role, version, not_before_ms)
     SELECT version || '.' || role || '.json', role, version, $2 FROM batch_result WHERE batch = $1 AND role NOT IN ('root', 'timestamp')
     ON CONFLICT (name) DO UPDATE SET not_before_ms = excluded.not_before_ms`, no, garbageNotBeforeMs,
  );
  await addGarbage(sql, "snapshot", Number(batch["snapshot_version"]), garbageNotBeforeMs);
  await forgetStaged(sql, no);
}

/** The roles list what was staged, and nothing else. */
async function takeTargets(sql: Sql, adoption: string, roles: readonly string[], now: Now): Promise<{ readBack: number; dropped: number }> {
  const counted = await sql.row(
    `SELECT
       (SELECT count(*) FROM adopted a LEFT JOIN artifact b ON b.role = a.role AND b.path = a.path
        WHERE a.adoption = $1 AND a.role = ANY($2::text[]) AND b.fragment IS DISTINCT FROM a.fragment) AS read_back,
       (SELECT count(*) FROM artifact b WHERE b.role = ANY($2::text[])
        AND NOT EXISTS (SELECT 1 FROM adopted a WHERE a.adoption = $1 AND a.role = b.role AND a.path = b.path)) AS dropped`, adoption, roles,
  );
  await sql.run(
    `DELETE FROM artifact b WHERE b.role = ANY($2::text[])
     AND NOT EXISTS (SELECT 1 FROM adopted a WHERE a.adoption = $1 AND a.role = b.role AND a.path = b.path)`, adoption, roles,
  );
  // What is as it was keeps its time.
  await sql.run(
    `INSERT INTO artifact AS b (role, path, fragment, published_ms)
     SELECT role, path, fragment, coalesce($3::bigint, now_ms()) FROM adopted WHERE adoption = $1 AND role = ANY($2::text[]) ORDER BY role, path
     ON CONFLICT (role, path) DO UPDATE SET fragment = excluded.fragment, published_ms = excluded.published_ms WHERE b.fragment <> excluded.fragment`,
    adoption, roles, now,
  );
  return { readBack: Number(counted?.["read_back"]), dropped: Number(counted?.["dropped"]) };
}
