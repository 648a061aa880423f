// A notice as the world reads it, the same in a stream and in a webhook.

import type { Notice, NoticeKind } from "../ports/database.ts";

export const NOTICE_KINDS: readonly NoticeKind[] = ["published", "task-finished", "signing-required", "role-expiring", "failed", "resumed"];

/** One line of JSON. */
export function messageOf({ id, kind, atMs, about }: Notice): string {
  return JSON.stringify({ id, event: kind, at: new Date(atMs).toISOString(), ...about });
}

/** Told in place of what is forgotten: whoever keeps a state of its own reads it anew. */
export function missedMessage(nowMs: number): string {
  return JSON.stringify({ event: "missed", at: new Date(nowMs).toISOString() });
}
