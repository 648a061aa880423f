// What an adoption reads: changes that are open, or that no client saw, of requests all at once, of imports by their
// places; and of what is staged for it, what it asks for.

import type { SQLInputValue } from "node:sqlite";

import type { ArtifactPlace, PendingChange, PlaceRange, Target } from "../../../ports/database.ts";
import { CHANGE, openChange, type Tuple } from "./change-row.ts";
import { firstRun } from "./import.ts";

type All = (sql: string, ...values: SQLInputValue[]) => readonly Tuple[];

/** Of a batch `b`: committed, never shown, not folded. */
export const UNSEEN = "b.state = 'committed' AND b.seq > (SELECT visible FROM publisher) AND b.fold_phase = 0 AND b.fold_cursor = ''";

export function pendingChanges(all: All): readonly PendingChange[] {
  return all(
    `SELECT ${CHANGE}, t.id, t.held, t.no FROM task t CROSS JOIN change c ON c.no BETWEEN t.first_change AND t.last_change LEFT JOIN batch b ON b.no = c.batch
     WHERE t.open > 0 AND t.held < 2 AND (c.batch IS NULL OR (${UNSEEN})) ORDER BY t.no, c.no`,
  ).map((row) => ({ ...openChange(row, String(row[9]), row[10] === 1), accepted: Number(row[11]) }));
}

/** Each look is by an index of places, and no longer than what is left of the limit. */
export function pendingImported(all: All, { from, before }: PlaceRange, limit: { changes: number; bytes: number }): readonly PendingChange[] | undefined {
  const most = before - from > 1 ? limit : { changes: MOST_ROWS, bytes: Number.POSITIVE_INFINITY };
  const imports = all("SELECT t.no, t.id, t.first_change, t.last_change, i.no, i.runs FROM task t JOIN import i ON i.task = t.id WHERE t.held = 3 AND t.open > 0 ORDER BY t.no");
  if (imports.length === 0) return [];
  const found: PendingChange[] = [];
  let bytes = 0;
  const isFull = (): boolean => found.length > most.changes || bytes > most.bytes;
  const take = (where: string, ...values: SQLInputValue[]): void => {
    if (isFull()) return;
    for (const row of all(`SELECT ${CHANGE} FROM change c WHERE ${where} AND c.place >= ? AND c.place < ? LIMIT ?`, ...values, from, before, most.changes - found.length + 1)) {
      const task = imports.find((one) => Number(one[2]) <= Number(row[0]) && Number(row[0]) <= Number(one[3]));
      if (task === undefined) continue;
      const change = openChange(row, String(task[1]), false);
      bytes += change.path.length + change.fragment.length;
      found.push({ ...change, accepted: Number(task[0]) });
    }
  };
  for (const [, , , , no, runs] of imports) {
    for (let run = 0; run < Number(runs); run++) take("c.run = ? AND c.run IS NOT NULL AND c.batch IS NULL AND c.waits IS NULL", firstRun(Number(no)) + run);
  }
  take("c.run IS NOT NULL AND c.waits IS NOT NULL AND c.batch IS NULL");
  for (const [batch = null] of all(`SELECT b.no FROM batch b WHERE ${UNSEEN}`)) take("c.batch = ? AND c.batch IS NOT NULL AND c.run IS NOT NULL", batch);
  return isFull() ? undefined : found;
}

const MOST_ROWS = 2 ** 52;

export function adoptedTargets(all: All, adoption: string, places: readonly ArtifactPlace[]): readonly (ArtifactPlace & Target)[] {
  return places.flatMap(({ role, path }) =>
    all("SELECT fragment FROM adopted WHERE adoption = ? AND role = ? AND path = ?", adoption, role, path).map(([fragment]) => ({ role, path, fragment: String(fragment) })));
}
