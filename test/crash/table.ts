// The crash table of docs/design/publishing.md, read as a test.
//
// | rule | port call | during | not stored | stored, reported failed | killed after | paused before, resumed after a take-over |
// A cell says `head → timestamp after recovery, tasks, fresh/returning/in flight`; `–` in a cell
// is right only for calls that store nothing.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { FaultKind } from "./actor.ts";
import type { Facts } from "./case.ts";

export interface TableRow {
  readonly rule: string;
  readonly call: string;
  readonly scenario: string;
  /** Which call of that name, from 1. */
  readonly nth: number;
  readonly cells: readonly { readonly kind: FaultKind; readonly expected: string }[];
}

/** No call, but what befalls the database: it happens to a publisher that is dead, or stands still. */
export const COMMITS_LOST = "commits lost";

/** Only a database in memory loses the transactions it is told to. A real server that does: test/postgres/lost.test.ts. */
export const isInMemoryOnly = ({ call, scenario }: TableRow): boolean => call === COMMITS_LOST || scenario === "adopt";

/** Calls that store nothing: a failure is a failure, and late is as good as never. */
export const isRead = (call: string): boolean =>
  /^(?:database\.(?:publisher|head|envelope|roles?|settings?|now|dueGarbage|backlog|firstExpiry|rolesExpiringBefore|signingEvents|signingStamp|waitingRoles|waitingChanges|eventChanges|openChanges|importRemainder|findImport|pendingChanges|pendingImported|adoptedTargets|openBatches|getTask|requestsOf|taskChanges|committed|listed|readTargets|sharedResults)|storage\.read \w+|signers\.open|signer\.sign \w+)$/.test(call);

const HEADING = "## Crash table";
const COLUMNS = ["rule", "port call", "during", "not stored", "stored, reported failed", "killed after", "paused, resumed after a take-over"];

export function crashTable(file = join(import.meta.dirname, "../../docs/design/publishing.md")): readonly TableRow[] {
  const text = readFileSync(file, "utf8");
  const section = text.split(`\n${HEADING}\n`)[1]?.split(/\n## /)[0];
  if (section === undefined) throw new Error(`${file} has no section "${HEADING}"`);
  const lines = section.split("\n").filter((line) => line.startsWith("|")).map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  const [header, , ...rows] = lines;
  if (header?.join() !== COLUMNS.join()) throw new Error(`the crash table has columns ${String(header)}`);
  return rows.flatMap(rowsOf);
}

/** One row may name several calls that meet the same end. */
function rowsOf(cells: readonly string[]): readonly TableRow[] {
  const [rule = "", calls = "", during = "", notStored = "", failed = "", killed = "", paused = ""] = cells;
  const [, scenario, nth] = /^([a-z]+)(?: #(\d))?$/.exec(during) ?? [];
  const names = [...calls.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);
  if (cells.length !== COLUMNS.length || scenario === undefined || names.length === 0) throw new Error(`a row of the crash table that cannot be read: ${cells.join(" | ")}`);
  return names.map((call) => ({ rule, call, scenario, nth: Number(nth ?? 1), cells: cellsOf(call, { notStored, failed, killed, paused }) }));
}

function cellsOf(call: string, { notStored, failed, killed, paused }: Readonly<Record<"notStored" | "failed" | "killed" | "paused", string>>): TableRow["cells"] {
  if (call === COMMITS_LOST && notStored === "–" && failed === "–") return [{ kind: "killed", expected: killed }, { kind: "paused before", expected: paused }];
  if (isRead(call) !== (failed === "–")) throw new Error(`${call} ${isRead(call) ? "stores nothing that could be" : "may be stored and"} reported failed`);
  const cells: { kind: FaultKind; expected: string }[] = [
    { kind: "not stored", expected: notStored },
    { kind: "killed", expected: killed },
    { kind: "paused before", expected: paused },
  ];
  if (isRead(call)) return cells;
  // What was done before the pause is what was done before the death.
  cells.push({ kind: "failed", expected: failed }, { kind: "paused after", expected: killed });
  if (call === "storage.createAll") cells.push({ kind: "half stored", expected: failed });
  if (call.startsWith("storage.replace")) cells.push({ kind: "late", expected: paused });
  return cells;
}

export const cellText = (facts: Facts): string =>
  `${facts.head} → ${facts.timestamp}, ${facts.tasks}, ${facts.fresh}/${facts.returning}/${facts.inFlight}`;
