// The database thread: the one writing connection, and the directory lock, for the life of the process.
//
// A thread of its own, because waiting for a disk or a lock blocks, and two writing connections wait
// for each other unfairly (1.1 s at worst with two threads hammering; 22 Nov 2026, 2 cores).

import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import type { MessagePort } from "node:worker_threads";

import { tidyWhenIdle } from "../../../lib/tidy.ts";
import { Connection, openForWriting } from "./connection.ts";
import { faultOf } from "./faults.ts";
import { lockFor } from "./lock.ts";
import { logCopier } from "./log-copier.ts";
import type { Call, Reply } from "./messages.ts";
import { migrate } from "./migrate.ts";
import { toFault, Writer } from "./writer.ts";

export interface ThreadOptions {
  readonly file: string;
  readonly busyTimeoutMs: number;
  /** Milliseconds, in shared memory; the system's clock when undefined. */
  readonly clock: BigInt64Array | undefined;
}

export type ThreadMessage = { readonly connect: MessagePort } | { readonly close: true };
export type ThreadAnswer =
  | { readonly ready: true }
  | { readonly fault: ReturnType<typeof toFault> }
  /** A commit's outcome is not known: nothing more is written until the file is opened anew. */
  | { readonly unclear: string };

function start(parent: MessagePort, { file, busyTimeoutMs, clock }: ThreadOptions): void {
  const lock = lockFor(file);
  let db: Connection;
  try {
    const raw = openForWriting(file, busyTimeoutMs);
    try {
      migrate(raw, file);
    } catch (error) {
      raw.close();
      throw error;
    }
    db = new Connection(raw, file);
  } catch (error) {
    lock.release();
    throw faultOf(error, file);
  }

  /** With what sends its replies that wait for the end of the turn. */
  const ports = new Map<MessagePort, () => void>();
  const now = (): number => clock ? Number(Atomics.load(clock, 0)) : Date.now();
  const writer = new Writer(db, now, (hint) => {
    for (const port of ports.keys()) port.postMessage([{ hint }] satisfies Reply[]);
  }, { takeIn: () => { takeIn(); }, sendOff: () => { for (const flush of ports.values()) flush(); } }, logCopier(file, busyTimeoutMs));
  writer.clean();

  /** What has arrived and was not heard of yet. */
  const takeIn = (): void => {
    for (const port of ports.keys()) {
      for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) port.emit("message", next.message);
    }
  };

  const connect = (port: MessagePort): void => {
    const stagings = new Set<number>();
    const cuts = new Set<string>();
    const replies: Reply[] = [];
    const flush = (): void => { if (replies.length > 0) port.postMessage(replies.splice(0)); };
    ports.set(port, flush);
    const reply = (one: Reply): void => {
      replies.push(one);
      if (replies.length === 1) queueMicrotask(flush);
    };
    port.on("message", (calls: readonly Call[]) => {
      for (const { call, method, args } of calls) {
        writer.submit({ call, method, args }, (outcome) => {
          if (method === "stage" && "value" in outcome) stagings.add(Number(outcome.value));
          if (method === "cut" || method === "cutOn") followCut(cuts, { method, args } as Call<"cut" | "cutOn">, "value" in outcome);
          reply({ call, ...outcome });
          if ("fault" in outcome && outcome.fault.code === "unclear") parent.postMessage({ unclear: outcome.fault.message } satisfies ThreadAnswer);
        });
      }
    });
    port.on("close", () => {
      ports.delete(port);
      // What its sender did not finish. Numbers are never reused, so a finished one is not found.
      for (const staging of stagings) writer.submit({ call: 0, method: "unstage", args: [staging] }, () => undefined);
      for (const id of cuts) writer.submit({ call: 0, method: "undoCut", args: [id] }, () => undefined);
    });
  };

  const end = async (): Promise<void> => {
    takeIn();
    writer.finish();
    await writer.copied();
    for (const [port, flush] of ports) {
      flush();
      port.removeAllListeners("close");
      port.close();
    }
    db.close();
    lock.release();
    parent.close();
  };

  parent.on("message", (message: ThreadMessage) => {
    if ("connect" in message) {
      connect(message.connect);
      return;
    }
    void end();
  });
}

/** Keeps `cuts` the batches that are begun and not open. */
function followCut(cuts: Set<string>, { args }: Call<"cut" | "cutOn">, isBound: boolean): void {
  const [, batch, total] = args;
  const isLast = "isLast" in batch ? batch.isLast : batch.changes.length === total;
  if (isBound && !isLast) cuts.add(batch.id);
  else cuts.delete(batch.id);
}

if (parentPort) {
  try {
    start(parentPort, workerData as ThreadOptions);
    tidyWhenIdle();
    parentPort.postMessage({ ready: true } satisfies ThreadAnswer);
  } catch (error) {
    parentPort.postMessage({ fault: toFault(error) } satisfies ThreadAnswer);
    parentPort.close();
  }
}
