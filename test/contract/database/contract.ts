// The contract of ports/database.ts, sentence by sentence. A driver is right when this passes.
//
// The suite is a table of named cases, each on a fresh database, so that it can be run
// as tests (`databaseContract`) and on drivers broken on purpose (`failuresOf`).

import { describe, test } from "node:test";

import { adoptCases } from "./cases-adopt.ts";
import { batchCases } from "./cases-batch.ts";
import { delegationCases } from "./cases-delegation.ts";
import { eventCases } from "./cases-event.ts";
import { foldCases } from "./cases-fold.ts";
import { importCases } from "./cases-import.ts";
import { leaseCases } from "./cases-lease.ts";
import { listCases } from "./cases-list.ts";
import { noticeCases } from "./cases-notice.ts";
import { queueCases } from "./cases-queue.ts";
import { requestCases } from "./cases-request.ts";
import { retentionCases } from "./cases-retention.ts";
import { shareCases } from "./cases-share.ts";
import { waitingCases } from "./cases-waiting.ts";
import type { Case, Subject } from "./subject.ts";

export { START } from "./subject.ts";
export type { Case, Subject } from "./subject.ts";

export const cases: readonly Case[] = [
  ...requestCases, ...queueCases, ...leaseCases, ...batchCases, ...foldCases, ...retentionCases, ...adoptCases, ...eventCases, ...delegationCases, ...waitingCases, ...listCases, ...noticeCases, ...importCases, ...shareCases,
];

export function databaseContract(name: string, open: () => Promise<Subject>): void {
  describe(`database contract: ${name}`, { concurrency: 3 }, () => {
    for (const { name: claim, run } of cases) {
      test(claim, { timeout: 30_000 }, async () => {
        const subject = await open();
        try {
          await run(subject);
        } finally {
          await subject.close();
        }
      });
    }
  });
}

/** The cases that do not hold for a driver. A case that never ends within `timeoutMs` does not hold. */
export async function failuresOf(open: () => Promise<Subject>, timeoutMs = 1000): Promise<readonly string[]> {
  const failures: string[] = [];
  for (const { name, run } of cases) {
    const subject = await open();
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => { timer = setTimeout(() => reject(new Error("time limit")), timeoutMs); });
    try {
      await Promise.race([run(subject), timeout]);
    } catch {
      failures.push(name);
    } finally {
      clearTimeout(timer);
      await subject.close();
    }
  }
  return failures;
}
