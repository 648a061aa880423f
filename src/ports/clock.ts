// What time it is, and waiting. Nobody below main/ reads a clock of its own.

export interface Clock {
  /** Wall clock, milliseconds since 1970-01-01T00:00:00Z. May jump either way. */
  now(): number;
  /** Milliseconds that only ever grow, for deadlines; stops for nothing, means nothing across processes. */
  monotonic(): number;
  /** Resolves after `ms`, or at once when `signal` aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Randomness, a dependency like the clock, so that a seeded run replays. */
export interface Random {
  /** `bytes` random bytes as lower-case hex. */
  hex(bytes: number): string;
  /** A float in [0, 1). */
  fraction(): number;
}
