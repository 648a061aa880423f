// ports/database on one SQLite file (node:sqlite, WAL, synchronous=FULL), for one process.
//
// Durable: a call that resolved is synced to the write-ahead log. Serialisable: one writing
// connection, in a thread of its own, does one transaction after another; every client thread reads
// on a connection of its own, which no write holds up. Requests that arrive together share one sync.
//
// A process holds `<file>.lock` while it has the database open; a second one is refused at once.
// Other threads of the process share the database by `connector()` and `connectSqlite`.

import { extname } from "node:path";
import { MessageChannel, Worker } from "node:worker_threads";
import type { MessagePort } from "node:worker_threads";

import { DatabaseError } from "../../../ports/database.ts";
import type { Database } from "../../../ports/database.ts";
import { SqliteClient } from "./client.ts";
import { requireNotMoved } from "./moved.ts";
import type { ThreadAnswer, ThreadMessage, ThreadOptions } from "./thread.ts";

export interface SqliteOptions {
  /** Its folder exists. Local disks only. */
  readonly file: string;
  /** How long to wait for somebody else's SQLite connection (a backup, say), milliseconds. 5,000. */
  readonly busyTimeoutMs?: number;
  /** The database's clock in place of the system's, for tests: milliseconds, in shared memory. */
  readonly clock?: BigInt64Array;
  /** Hears, once or more, that nothing can be written any more: the process must end, and open the file anew. */
  readonly broken?: (error: DatabaseError) => void;
  /** Also when its state was moved elsewhere: for who moves it. */
  readonly moved?: "open all the same";
}

export interface SqliteDatabase extends Database {
  /** A connection for another thread of this process. Each is for one `connectSqlite`. */
  connector(): SqliteConnector;
  /** Ends the database thread after what it was given, for every client. */
  close(): Promise<void>;
}

/** Send it in `workerData` or by `postMessage`, with its `transferList`. */
export interface SqliteConnector {
  readonly file: string;
  readonly busyTimeoutMs: number;
  readonly port: MessagePort;
  readonly clock: BigInt64Array | undefined;
  readonly transferList: readonly MessagePort[];
}

/**
 * Opens the file, making or migrating it.
 * @throws DatabaseError `unavailable` (another process has it, network file system, no such folder) | `damaged` | `newer-schema` | `moved`
 */
export async function openSqlite(options: SqliteOptions): Promise<SqliteDatabase> {
  const { file, busyTimeoutMs = 5000, clock, broken } = options;
  if (options.moved === undefined) requireNotMoved(file);
  const threadOptions: ThreadOptions = { file, busyTimeoutMs, clock };
  const thread = new Worker(new URL(`./thread${extname(import.meta.filename)}`, import.meta.url), { workerData: threadOptions, name: "database", execArgv: [], resourceLimits: HEAP });
  const ended = new Promise<void>((resolve) => { thread.once("exit", () => { resolve(); }); });
  await started(thread, file);
  thread.unref();
  let closing = false;
  thread.on("error", (error: unknown) => broken?.(new DatabaseError("unavailable", `the database thread for ${file} died`, { cause: error })));
  thread.once("exit", () => { if (!closing) broken?.(new DatabaseError("unavailable", `the database thread for ${file} ended`)); });
  thread.on("message", (answer: ThreadAnswer) => { if ("unclear" in answer) broken?.(new DatabaseError("unclear", answer.unclear)); });

  const connector = (): SqliteConnector => {
    const { port1, port2 } = new MessageChannel();
    thread.postMessage({ connect: port2 } satisfies ThreadMessage, [port2]);
    return { file, busyTimeoutMs, port: port1, clock, transferList: [port1] };
  };
  const client = new SqliteClient(connector());
  const closeClient = client.close.bind(client);
  return Object.assign(client, {
    connector,
    close: async () => {
      closing = true;
      client.stopReading();
      client.flush();
      thread.ref();
      thread.postMessage({ close: true } satisfies ThreadMessage);
      await ended;
      await closeClient();
    },
  });
}

/** The thread holds a slice of rows at a time, and messages that wait; what is young is bounded, or 128 MB of garbage gather. */
const HEAP = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 512 };

/** The database in the calling thread, from another thread's `connector()`. Its `close` ends this connection only. */
export function connectSqlite(connector: SqliteConnector): Database {
  return new SqliteClient(connector);
}

function started(thread: Worker, file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    thread.once("error", (error: unknown) => {
      reject(new DatabaseError("unavailable", `the database thread for ${file} died`, { cause: error }));
    });
    thread.once("message", (answer: ThreadAnswer) => {
      if ("ready" in answer || "unclear" in answer) resolve();
      else if (answer.fault.code === undefined) reject(new Error(answer.fault.message));
      else reject(new DatabaseError(answer.fault.code as DatabaseError["code"], answer.fault.message));
    });
  });
}
