// Who is told when publishing goes wrong, and when it goes on: the log, the metrics, and through `halted` in the database everybody who asks.

import { AppError, reasonOf } from "../lib/app-error.ts";
import { DatabaseError, type PublisherState } from "../ports/database.ts";
import { SignerError } from "../ports/signer.ts";
import { StorageError } from "../ports/storage.ts";
import type { PublisherDeps } from "./deps.ts";
import type { LeaseHold } from "./lease-hold.ts";

export class Halt {
  readonly #deps: Pick<PublisherDeps, "database" | "telemetry">;
  /** The code the database says. */
  #code: string | undefined;

  constructor(deps: Pick<PublisherDeps, "database" | "telemetry">) {
    this.#deps = deps;
  }

  /** What another publisher reported, up to the moment it lost the lease, is this one's to take back. */
  found({ halted }: PublisherState): void {
    this.#code = halted?.code;
  }

  /** `hold`: undefined when the lease was not taken; then the database is not told. @throws StorageError `fatal`: nothing more may be done by this process */
  async report(hold: LeaseHold | undefined, error: unknown): Promise<void> {
    const { telemetry } = this.#deps;
    const code = codeOf(error);
    telemetry.metrics.error(sourceOf(error), code);
    telemetry.log.error({ code, reason: reasonOf(error), stack: code === FAULT && error instanceof Error ? error.stack : undefined }, "publishing failed");
    if (error instanceof StorageError && error.code === "fatal") throw error;
    if (hold !== undefined && !isLeaseLost(error)) await this.#say(hold, { code, reason: reasonOf(error) }).catch(() => undefined);
  }

  async over(hold: LeaseHold): Promise<void> {
    await this.#say(hold, undefined);
  }

  async #say(hold: LeaseHold, halted: { readonly code: string; readonly reason: string } | undefined): Promise<void> {
    if (this.#code === halted?.code) return;
    await this.#deps.database.halt(hold.lease, halted);
    this.#code = halted?.code;
    this.#deps.telemetry.metrics.halted(halted?.code);
  }
}

/** The code of what is a fault of ours. */
const FAULT = "fault";

const codeOf = (error: unknown): string => (error instanceof AppError ? (error as AppError).code : FAULT);

function sourceOf(error: unknown): "signer" | "storage" | "database" | "publisher" {
  if (error instanceof SignerError) return "signer";
  if (error instanceof StorageError) return "storage";
  return error instanceof DatabaseError ? "database" : "publisher";
}

export const isLeaseLost = (error: unknown): boolean => error instanceof DatabaseError && error.code === "lease-lost";
