// A task as the contract's JSON.

import type { TaskView } from "../operations/get-task.ts";

export interface TaskResultBody {
  readonly message?: string;
  readonly error?: string;
  readonly status?: boolean;
  readonly task?: string;
  readonly last_update?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export function taskResultBody({ result }: TaskView): TaskResultBody | undefined {
  if (result === undefined) return undefined;
  const { message, error, status, kind, lastUpdateMs, details } = result;
  return {
    ...(message === undefined ? {} : { message }),
    ...(error === undefined ? {} : { error }),
    ...(status === undefined ? {} : { status }),
    ...(kind === undefined ? {} : { task: kind }),
    ...(lastUpdateMs === undefined ? {} : { last_update: lastUpdate(lastUpdateMs) }),
    ...(details === undefined ? {} : { details }),
  };
}

/** RFC 3339 in UTC with microseconds; the fraction is left out when it is zero. */
export function lastUpdate(ms: number): string {
  const text = new Date(ms).toISOString();
  return ms % 1000 === 0 ? `${text.slice(0, -5)}Z` : `${text.slice(0, -1)}000Z`;
}
