// Requests and results in the form in which every engine stores them: JSON in text, sizes counted once.

import { SUMMARY_CHARACTERS } from "../../../ports/database.ts";
import type { Adoption, NewChange, NewTask, SettingValue, TaskResult } from "../../../ports/database.ts";
import { binIndexOf } from "../../../tuf/bins.ts";

/** Name, JSON. */
export type Setting = readonly [string, string];

export interface Ending {
  readonly endedMs: number;
  readonly state: TaskResult["state"];
  /** Cut, for lists. */
  readonly message: string;
  readonly error: string | null;
  /** The TaskResult, JSON. */
  readonly body: string;
}

export type TaskEnding = Ending & { readonly task: string };
export type TaskEndings = readonly { readonly task: string; readonly result: TaskResult }[];

/** A lone surrogate would be stored as another text, so it is refused. */
export function requireWellFormed({ path, fragment, role }: NewChange): void {
  if (!path.isWellFormed() || !fragment.isWellFormed() || !role.isWellFormed()) throw new Error("a text with a lone surrogate cannot be stored");
}

/** What a change counts against the backlog's bound. */
export function bytesOf(change: NewChange): number {
  requireWellFormed(change);
  return Buffer.byteLength(change.path) + Buffer.byteLength(change.fragment);
}

/**
 * With the place of its path, sorted by place, then as they came, so many at a time; typed numbers sort in a tenth of the time of
 * a comparing function.
 */
export function* byPlace(changes: readonly NewChange[], count: number): Generator<readonly { readonly place: number; readonly change: NewChange }[]> {
  const keys = Float64Array.from(changes, ({ path, place }, at) => (place ?? binIndexOf(32, path)) * PLACES + at).sort();
  for (let from = 0; from < keys.length; from += count) {
    yield Array.from(keys.subarray(from, from + count), (key) => ({ place: Math.floor(key / PLACES), change: changes[key % PLACES] as NewChange }));
  }
}

/** More changes than come at a time; with 32 bits of place a key stays below 2^53. */
const PLACES = 2 ** 20;

export const taskText = (task: NewTask): Omit<NewTask, "request"> & { readonly request: string } => ({ ...task, request: JSON.stringify(task.request) });

export function ending(result: TaskResult): Ending {
  const { lastUpdateMs: endedMs, state, message, error } = result;
  return { endedMs, state, message: summary(message), error: error === undefined ? null : summary(error), body: JSON.stringify(result) };
}

/** Cut between characters, not within one. */
const summary = (text: string): string => Array.from(text.slice(0, 2 * SUMMARY_CHARACTERS).toWellFormed()).slice(0, SUMMARY_CHARACTERS).join("");

export function endings(results: TaskEndings): TaskEnding[] {
  return results.map(({ task, result }) => ({ task, ...ending(result) }));
}

export function settingsOf(settings: Readonly<Record<string, SettingValue>> | undefined): Setting[] {
  return Object.entries(settings ?? {}).map(([name, value]) => [name, JSON.stringify(value)]);
}

/** The changes of a request to press roles again, as if it had come in. */
export function pressingChanges({ roles }: NonNullable<Adoption["press"]>): readonly NewChange[] {
  return roles.map((role) => ({ kind: "refresh", role, path: "", fragment: "" }));
}
