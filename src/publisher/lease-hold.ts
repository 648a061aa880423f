// Holding the lease: one publisher at a time, and none that outlives its time (rules 1 - 3).
//
// The database judges who holds it, by its own clock. The holder starts no effect later
// than two thirds of the lease after it SENT its last good renewal, by a clock that no
// adjustment moves: a publisher that was paused finds its time up before it acts.

import type { Clock } from "../ports/clock.ts";
import { DatabaseError, type Database, type Lease } from "../ports/database.ts";

export class LeaseHold {
  readonly lease: Lease;
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #leaseMs: number;
  #deadline: number;

  private constructor(database: Database, clock: Clock, leaseMs: number, lease: Lease, sent: number) {
    this.#database = database;
    this.#clock = clock;
    this.#leaseMs = leaseMs;
    this.lease = lease;
    this.#deadline = sent + (leaseMs * 2) / 3;
  }

  static async take(database: Database, clock: Clock, leaseMs: number, holder: string): Promise<LeaseHold | undefined> {
    const sent = clock.monotonic();
    const lease = await database.takeLease(holder, leaseMs);
    return lease === undefined ? undefined : new LeaseHold(database, clock, leaseMs, lease, sent);
  }

  /** @throws DatabaseError `lease-lost` */
  async renew(): Promise<void> {
    const sent = this.#clock.monotonic();
    await this.#database.renewLease(this.lease, this.#leaseMs);
    this.#deadline = sent + (this.#leaseMs * 2) / 3;
  }

  /** Whether an effect may start now. */
  readonly mayAct = (): boolean => this.#clock.monotonic() < this.#deadline;

  /** @throws DatabaseError `lease-lost` when the time is up */
  require(): void {
    if (!this.mayAct()) throw new DatabaseError("lease-lost", "the lease was not renewed in time; another publisher may lead");
  }

  /** Renews every third of the lease until `signal` aborts; calls `lost` when it can't. */
  async keep(signal: AbortSignal, lost: (error: unknown) => void): Promise<void> {
    for (;;) {
      await this.#clock.sleep(this.#leaseMs / 3, signal);
      if (signal.aborted) return;
      try {
        await this.renew();
      } catch (error) {
        if (error instanceof DatabaseError && error.code === "unavailable" && this.mayAct()) continue;
        lost(error);
        return;
      }
    }
  }
}
