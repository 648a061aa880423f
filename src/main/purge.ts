// Tells an edge that timestamp.json changed, after it did.
//
// Never holds up a publish: the request is made beside it, at most one at a time, tried three
// times for five seconds each. What is published while one is on its way is told by the next.
// That nobody hears us is no fault of the repository: clients see the new timestamp when the
// edge's own time is over. So it is logged, and no more.

import { setTimeout as sleep } from "node:timers/promises";
import type { Storage } from "../ports/storage.ts";
import type { Logger } from "../ports/telemetry.ts";

export interface PurgeOrder {
  readonly url: string;
  readonly method: "POST" | "PURGE";
  /** Sent as `Authorization: Bearer`. */
  readonly token: string | undefined;
  /** The address of timestamp.json, as clients ask for it. */
  readonly file: string;
}

const TIMESTAMP = "timestamp.json";
const TRIES = 3;
const TRY_MS = 5_000;

/** `storage`, and a purge after each timestamp that was replaced. */
export function purging(storage: Storage, order: PurgeOrder, log: Logger, pause: (ms: number) => Promise<unknown> = (ms) => sleep(ms, undefined, { ref: false })): Storage {
  const state = { running: false, again: false };

  const run = async (): Promise<void> => {
    state.running = true;
    while (state.again) {
      state.again = false;
      await tell(order, log, pause);
    }
    state.running = false;
  };

  return {
    traits: storage.traits,
    prove: () => storage.prove(),
    create: (name, bytes) => storage.create(name, bytes),
    createAll: (files, rest) => storage.createAll(files, rest),
    read: (name, maxBytes) => storage.read(name, maxBytes),
    async replace(name, bytes, expected, mayWrite) {
      const outcome = await storage.replace(name, bytes, expected, mayWrite);
      if (name === TIMESTAMP && outcome === "replaced") {
        state.again = true;
        if (!state.running) void run();
      }
      return outcome;
    },
    remove: (name) => storage.remove(name),
    close: () => storage.close(),
  };
}

async function tell({ url, method, token, file }: PurgeOrder, log: Logger, pause: (ms: number) => Promise<unknown>): Promise<void> {
  let reason = "";
  for (let tries = 1; tries <= TRIES; tries++) {
    try {
      const response = await fetch(url, {
        method,
        redirect: "error",
        signal: AbortSignal.timeout(TRY_MS),
        headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...(method === "POST" ? { "content-type": "application/json" } : {}) },
        ...(method === "POST" ? { body: JSON.stringify({ files: [file] }) } : {}),
      });
      await response.body?.cancel();
      if (response.ok) return;
      reason = `it answered ${String(response.status)}`;
    } catch (error) {
      reason = error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : String(error);
    }
    if (tries < TRIES) await pause(tries * 500);
  }
  log.warn({ url, reason, tries: TRIES }, "told an edge in vain that timestamp.json changed");
}
