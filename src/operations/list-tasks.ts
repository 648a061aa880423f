// What was asked for, and what became of it: newest first.

import { nextTurn } from "../lib/turn.ts";
import type { TaskFilter, TaskKind, TaskPlace, TaskSummary } from "../ports/database.ts";
import type { OperationDeps } from "./deps.ts";
import { openStateOf, type TaskState } from "./get-task.ts";

export interface TaskQuery {
  readonly kind?: TaskKind;
  readonly state?: TaskState | "open" | "ended";
  readonly createdFromMs?: number;
  readonly createdBeforeMs?: number;
}

export interface TaskListing extends TaskSummary {
  readonly state: TaskState;
}

/** How often the database is asked for one page: it looks at a bounded number of tasks each time. */
const MOST_LOOKS = 20;

/** A page may be short, though more follow, when what is asked for is rare: go on with `next`. */
export async function listTasks({ database }: OperationDeps, query: TaskQuery, after: TaskPlace | undefined, limit: number): Promise<{ readonly rows: readonly TaskListing[]; readonly next?: TaskPlace }> {
  const { state, ...rest } = query;
  const filter: TaskFilter = { ...rest, ...storedState(state) };
  const rows: TaskListing[] = [];
  let place = after;
  for (let looks = 0; looks < MOST_LOOKS; looks++) {
    if (looks > 0) await nextTurn();
    const page = await database.tasks(filter, place, limit - rows.length);
    for (const row of page.rows) {
      const is = row.result?.state ?? openStateOf(row.kind);
      if (state === undefined || state === is || state === "open" || (state === "ended" && row.result !== undefined)) rows.push({ ...row, state: is });
    }
    if (page.next === undefined) return { rows };
    place = page.next;
    if (rows.length === limit) break;
  }
  return { rows, ...(place === undefined ? {} : { next: place }) };
}

function storedState(state: TaskQuery["state"]): Pick<TaskFilter, "state"> {
  switch (state) {
    case "SUCCESS":
    case "ERRORED":
    case "FAILURE":
      return { state };
    case undefined:
    case "ended":
      return {};
    default:
      return { state: "open" };
  }
}
