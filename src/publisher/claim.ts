// Claiming shares of a large batch and pressing them (rule 10): the leader does it, and so does everybody who stands by.
//
//  - Each claim has version numbers of its own: two attempts never make the same name, whoever is late.
//  - Who dies, stands still or is cut off does not renew its claim. Another takes the share over; what the first one has put
//    is names that nobody refers to, and what it reports is refused.
//  - Who stands by and cannot press a share gives it back. The leader claims until none is left, so it meets what is wrong
//    with a change itself, and sets it aside as in a batch that is not shared.
//  - The snapshot is composed of the results that the database took, and of nothing else.

import { reasonOf } from "../lib/app-error.ts";
import { DatabaseError, type Claim, type ClaimedShare, type RoleResult } from "../ports/database.ts";
import type { PublisherDeps } from "./deps.ts";
import { PublisherError } from "./errors.ts";
import type { LeaseHold } from "./lease-hold.ts";
import { pressRoles, type Account, type PressOrder } from "./press.ts";
import { Sealer } from "./seal.ts";
import { orderOf, sharesOf, termsOf } from "./share.ts";
import { Wakeup } from "./wakeup.ts";

/** Shares a process presses at a time: while files of one become durable, another is composed. */
const LANES = 2;
/** How often the leader looks whether the others are done, hint or not. */
const LOOK_MS = 250;
/** Whoever could not press a share stands by for so long before it tries again. */
const DECLINED_MS = 30_000;

/** Presses the roles of an open batch together with whoever helps. Answers all results that are staged for it. */
export async function pressShared(deps: PublisherDeps, hold: LeaseHold, sealer: Sealer, batch: string, order: PressOrder): Promise<readonly RoleResult[]> {
  const { database, policy, clock } = deps;
  const shares = sharesOf(policy.share, order);
  await database.shareOut(hold.lease, batch, termsOf(order), shares);
  deps.telemetry.log.debug({ batch, roles: order.roles.length, shares: shares.length }, "offered shares");
  const means = { require: () => { hold.require(); }, allocate: (count: number, above: number) => database.allocate(hold.lease, count, above) };
  const woken = new Wakeup();
  const unsubscribe = database.subscribe("shares", woken.wake);
  try {
    for (;;) {
      await inLanes(deps, hold.lease.holder, (share) => pressShare(deps, sealer, share, means));
      hold.require();
      const { left, results } = await database.sharedResults(batch);
      if (left === 0) return results;
      await woken.wait(clock, LOOK_MS, NEVER);
    }
  } finally {
    unsubscribe();
  }
}

/** Whoever does not lead, and has time. */
export class Helper {
  readonly #deps: PublisherDeps;
  readonly #holder: string;
  readonly #sealer: Sealer;
  #notBefore = Number.NEGATIVE_INFINITY;

  constructor(deps: PublisherDeps, holder: string) {
    this.#deps = deps;
    this.#holder = holder;
    this.#sealer = new Sealer(deps);
  }

  /** Presses shares while there are any. Answers whether it pressed one. */
  async help(signal: AbortSignal): Promise<boolean> {
    const { clock, telemetry } = this.#deps;
    if (clock.monotonic() < this.#notBefore) return false;
    const means = {
      require: () => { if (signal.aborted) throw new DatabaseError("stale-base", "this publisher is being stopped"); },
      // Only who leads gives names up: it alone knows what that means for the batch.
      allocate: () => Promise.reject(new PublisherError("names-taken", "names of a share were taken by other bytes")),
    };
    try {
      return await inLanes(this.#deps, this.#holder, async (share) => {
        try {
          await pressShare(this.#deps, this.#sealer, share, means);
        } catch (error) {
          await this.#deps.database.releaseClaim(share.claim).catch(() => undefined);
          throw error;
        }
      });
    } catch (error) {
      // What is over, or another's, is nobody's fault.
      if (!signal.aborted && !isOver(error)) {
        this.#notBefore = clock.monotonic() + DECLINED_MS;
        telemetry.log.warn({ reason: reasonOf(error) }, "could not press a share of a batch; gave it back");
      }
      return false;
    }
  }
}

/** Claims and presses until nothing is left to claim, or one failed. Answers whether there was anything. */
async function inLanes(deps: PublisherDeps, holder: string, press: (share: ClaimedShare) => Promise<void>): Promise<boolean> {
  let pressed = 0;
  let failed = false;
  const lane = async (): Promise<void> => {
    while (!failed) {
      const share = await deps.database.claimShare(holder, claimMs(deps));
      if (share === undefined) return;
      await press(share).catch((error: unknown) => {
        failed = true;
        throw error;
      });
      pressed += 1;
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: LANES }, lane));
  for (const end of ended) if (end.status === "rejected") throw end.reason as Error;
  return pressed > 0;
}

async function pressShare(deps: PublisherDeps, sealer: Sealer, share: ClaimedShare, means: Pick<Account, "require" | "allocate">): Promise<void> {
  const { database, clock, telemetry } = deps;
  const started = clock.monotonic();
  const results: RoleResult[] = [];
  await whileClaimed(deps, share.claim, async (requireClaim) => {
    const account: Account = {
      require: () => { means.require(); requireClaim(); },
      allocate: means.allocate,
      keep: (kept) => { results.push(...kept); return Promise.resolve(); },
      move: () => Promise.reject(new Error("what moves is not shared")),
    };
    const { staged } = await pressRoles(deps, account, sealer, orderOf(share));
    await staged;
    await database.finishShare(share.claim, results);
  });
  telemetry.log.debug({ batch: share.claim.batch, share: share.claim.share, claim: share.claim.number, roles: results.length, durationMs: Math.round(clock.monotonic() - started) }, "pressed a share");
}

/** Renews the claim as long as `work` takes; once it is another's, `work` is told when it asks. */
async function whileClaimed(deps: PublisherDeps, claim: Claim, work: (requireClaim: () => void) => Promise<void>): Promise<void> {
  const ended = new AbortController();
  let lost: Error | undefined;
  const keep = async (): Promise<void> => {
    for (;;) {
      await deps.clock.sleep(claimMs(deps) / 3, ended.signal);
      if (ended.signal.aborted) return;
      try {
        await deps.database.renewClaim(claim, claimMs(deps));
      } catch (error) {
        if (!isOver(error)) continue;
        lost = error;
        return;
      }
    }
  };
  void keep();
  try {
    await work(() => { if (lost !== undefined) throw lost; });
  } finally {
    ended.abort();
  }
}

/** A third of a lease: who dies holds up a batch for less than its leader may be away. */
const claimMs = ({ policy }: PublisherDeps): number => Math.floor(policy.leaseMs / 3);

const isOver = (error: unknown): error is DatabaseError => error instanceof DatabaseError && error.code === "stale-base";

const NEVER = new AbortController().signal;
