// How many writes one client address may send: a bucket of tokens per address.

import type { Clock } from "../ports/clock.ts";
import { HttpRefusal } from "./refusal.ts";
import type { RateLimit } from "./settings.ts";

/** Addresses remembered; beyond it the oldest are forgotten, which only ever allows more. */
const MAX_ADDRESSES = 10_000;

/** Takes one write of who has that address. @throws HttpRefusal 429 */
export type TakeWrite = (from: { readonly ip: string }) => void;

export function createRateLimit(limit: RateLimit | undefined, clock: Pick<Clock, "monotonic">): TakeWrite {
  if (limit === undefined) return () => undefined;
  const buckets = new Map<string, { tokens: number; atMs: number }>();
  return ({ ip: address }) => {
    const now = clock.monotonic();
    const before = buckets.get(address) ?? { tokens: limit.burst, atMs: now };
    const tokens = Math.min(limit.burst, before.tokens + ((now - before.atMs) / 1000) * limit.writesPerSecond);
    const taken = tokens >= 1;
    buckets.delete(address);
    buckets.set(address, { tokens: taken ? tokens - 1 : tokens, atMs: now });
    if (buckets.size > MAX_ADDRESSES) buckets.delete(buckets.keys().next().value ?? "");
    if (taken) return;
    const retryAfterSeconds = Math.max(1, Math.ceil((1 - tokens) / limit.writesPerSecond));
    throw new HttpRefusal(429, "rate-limited", "too many writes from this address", { retryAfterSeconds });
  };
}
