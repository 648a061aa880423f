// The API's side of the reading thread: begun with the first question, ended when nobody asks, begun again when it died.
//
// Nothing depends on it but the answers under way: a service that nobody reads from has no such thread, and one whose
// thread ran out of memory answers what was under way with 503 and goes on.

import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { Answering, Question, Reply } from "../../api/read-queue.ts";
import { reasonOf } from "../../lib/app-error.ts";
import type { OperationDeps } from "../../operations/deps.ts";
import { DatabaseError } from "../../ports/database.ts";
import type { Logger } from "../../ports/telemetry.ts";
import { sessionsOf, type DatabaseConnector, type OpenDatabase } from "../database.ts";

export interface ReadingOrder {
  readonly database: DatabaseConnector;
  readonly sigstoreTrustedRoot: string | undefined;
  readonly settings: Pick<OperationDeps, "limits" | "refreshAtFraction" | "refreshMarginMs" | "signingWindows">;
}

export type ToReader = { readonly no: number; readonly question: Question } | "stop";

export interface FromReader {
  readonly no: number;
  readonly reply: Reply;
}

export interface ReadingThread {
  readonly answering: Answering;
  stop(): Promise<void>;
}

/** A page of a thousand artifacts with the largest `custom` is 17 MB of text. */
const HEAP = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 256 };
const IDLE_MS = 60_000;
/** Sessions on PostgreSQL, apart from those that write: as many as are asked at one time. */
const SESSIONS = 2;

interface Running {
  readonly worker: Worker;
  readonly asked: Map<number, { readonly resolve: (reply: Reply) => void; readonly reject: (error: Error) => void }>;
}

export function createReading(database: OpenDatabase, rest: Omit<ReadingOrder, "database">, log: Logger): ReadingThread {
  let running: Running | undefined;
  let count = 0;
  let idle: NodeJS.Timeout | undefined;

  const begin = (): Running => {
    const { connector, transferList } = database.connector();
    const order: ReadingOrder = { ...rest, database: sessionsOf(connector, SESSIONS) };
    const worker = new Worker(new URL(`./reading-thread${extname(import.meta.filename)}`, import.meta.url), { workerData: order, name: "reading", resourceLimits: HEAP, transferList: [...transferList] });
    const begun: Running = { worker, asked: new Map() };
    worker.unref();
    worker.on("message", ({ no, reply }: FromReader) => {
      begun.asked.get(no)?.resolve(reply);
      begun.asked.delete(no);
    });
    worker.on("error", (error) => { log.error({ reason: reasonOf(error) }, "the reading thread died"); });
    worker.on("exit", () => {
      if (running === begun) running = undefined;
      for (const { reject } of begun.asked.values()) reject(new DatabaseError("unavailable", "the thread that reads ended"));
    });
    return begun;
  };
  const end = (): Worker | undefined => {
    clearTimeout(idle);
    const worker = running?.worker;
    running = undefined;
    worker?.postMessage("stop" satisfies ToReader);
    return worker;
  };
  const endWhenIdle = (): void => {
    if (running !== undefined && running.asked.size > 0) idle?.refresh();
    else end();
  };

  return {
    answering(question) {
      return new Promise((resolve, reject) => {
        running ??= begin();
        idle ??= setTimeout(endWhenIdle, IDLE_MS).unref();
        idle.refresh();
        count += 1;
        running.asked.set(count, { resolve, reject });
        running.worker.postMessage({ no: count, question } satisfies ToReader);
      });
    },
    async stop() {
      await end()?.terminate();
    },
  };
}
