// A change as a row of a bulk read.

import type { ChangeKind, OpenChange } from "../../../ports/database.ts";
import type { Cell } from "./connection.ts";

/** A row as an array: bulk reads spend most of their time on objects. */
export type Tuple = readonly Cell[];

export const CHANGE = "c.no, c.kind, c.role, c.path, c.fragment, c.bytes, c.attempts, c.attempts_alone, c.run";

export function openChange([id, kind, role, path, fragment, , attempts, attemptsAlone, run]: Tuple, task: string, held: boolean): OpenChange {
  return {
    id: Number(id), task, kind: kind as ChangeKind, role: String(role), path: String(path), fragment: String(fragment),
    attempts: Number(attempts), attemptsAlone: Number(attemptsAlone), held, ...(run === null ? {} : { imported: true }),
  };
}
