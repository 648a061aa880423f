// Trying again what is transient.

import { setTimeout as pause } from "node:timers/promises";
import { isTransient, storageErrorOf } from "./faults.ts";

/** Waits between tries of what is transient, milliseconds. */
const RETRY_MS = [10, 40, 160, 640];

/** Tries again what is transient, for about a second; throws StorageErrors only. */
export async function retrying<T>(doing: string, work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      const waitMs = RETRY_MS[tries];
      if (!isTransient(error) || waitMs === undefined) throw storageErrorOf(error, doing);
      await pause(waitMs);
    }
  }
}
