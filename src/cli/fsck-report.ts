// How a report of fsck reads: one line per fault, then what was looked at.

import type { Report } from "../fsck/fsck.ts";
import { count } from "./output/words.ts";
import { printable } from "./printable.ts";

/** Lines for people; the last one is the verdict. */
export function* fsckLines(report: Report): Generator<string> {
  for (const { rule, code, subject, message } of report.faults) yield `FAULT ${code} (rule ${rule}): ${printable(subject)} ${printable(message)}`;
  for (const note of report.notes) yield `note: ${printable(note)}`;
  const looked = `${count(report.roots, "root")}, ${count(report.roles, "targets role")}, ${count(report.paths, "path")}, ${count(report.bytes, "byte")} read`;
  yield report.faults.length === 0 ? `sound: ${looked}` : `${count(report.faults.length, "fault")}: ${looked}`;
}

/** One object, for programs. */
export function fsckJson(report: Report): string {
  return JSON.stringify({ sound: report.faults.length === 0, ...report });
}
