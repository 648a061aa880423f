// When a request is sent again: only after faults that another try may mend, and only when a
// second arrival changes nothing. Waits double, with jitter, so that many callers that were
// turned away together do not come back together.

import { systemCode } from "../lib/connection-words.ts";

/** What of a clock and of chance trying again needs. */
export interface Timing {
  /** Milliseconds that only grow. */
  monotonic(): number;
  /** Resolves after `ms`, or at once when `signal` aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** A float in [0, 1). */
  fraction(): number;
}

export interface RetryPolicy {
  /** How often a request is sent at most, the first time included. */
  readonly attempts: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

export const DEFAULT_RETRIES: RetryPolicy = { attempts: 5, firstDelayMs: 250, maxDelayMs: 8_000 };

/** Longest `Retry-After` that is waited for; a longer one is told to the caller. */
const MAX_RETRY_AFTER_MS = 30_000;

/** Milliseconds before try number `attempt` + 1, or undefined to give up. */
export function delayBefore(attempt: number, policy: RetryPolicy, fraction: number, retryAfterMs: number | undefined): number | undefined {
  if (attempt >= policy.attempts) return undefined;
  const delay = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (attempt - 1)) * (0.5 + fraction / 2);
  if (retryAfterMs === undefined) return delay;
  return retryAfterMs > MAX_RETRY_AFTER_MS ? undefined : Math.max(retryAfterMs, delay);
}

/** `Retry-After` in milliseconds; dates are not read, for clocks differ. */
export function retryAfterMs(header: string | null): number | undefined {
  return header !== null && /^[0-9]{1,9}$/.test(header.trim()) ? Number(header) * 1000 : undefined;
}

/**
 * Faults of a connection the server closed while a request was on its way: a restart, an idle
 * connection that ended. Not a refused connection or an unknown host: those say that the
 * address is wrong, at once.
 */
const PASSING: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET", "ETIMEDOUT", "EAI_AGAIN"]);

export function isPassing(error: unknown): boolean {
  return PASSING.has(systemCode(error) ?? "");
}
