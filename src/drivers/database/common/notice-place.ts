// Places in the log of notices: the number of a notice's row and, for the end of a task that a published batch
// stands for, the task's number behind it.

import type { Notice, NoticeKind, SettingValue } from "../../../ports/database.ts";

export interface Place {
  readonly no: number;
  /** 0: the row itself. */
  readonly task: number;
}

export const placeText = ({ no, task }: Place): string => (no === 0 ? "" : task === 0 ? String(no) : `${no}.${task}`);

export function placeOf(text: string): Place {
  const [, no = "0", task = "0"] = /^([0-9]{1,15})(?:\.([0-9]{1,15}))?$/.exec(text) ?? [];
  return { no: Number(no), task: Number(task) };
}

export const isBefore = (a: Place, b: Place): boolean => a.no < b.no || (a.no === b.no && a.task < b.task);

/** What a row says by itself. */
export const noticeOf = (row: { readonly no: number; readonly kind: string; readonly atMs: number; readonly about: string }): Notice =>
  ({ id: placeText({ no: row.no, task: 0 }), kind: row.kind as NoticeKind, atMs: row.atMs, about: JSON.parse(row.about) as Notice["about"] });

/** The end of a task, told with the batch whose row it is. */
export function endOf(row: { readonly no: number; readonly atMs: number }, end: { readonly no: number; readonly id: string; readonly kind: string; readonly state: string }): Notice {
  const about: Record<string, SettingValue> = { task_id: end.id, task: end.kind, state: end.state };
  return { id: placeText({ no: row.no, task: end.no }), kind: "task-finished", atMs: row.atMs, about };
}
