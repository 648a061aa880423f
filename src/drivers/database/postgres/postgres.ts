// ports/database on PostgreSQL, for any number of processes on any number of machines.
//
// Durable: a call that resolved was committed with synchronous_commit on, by a server that syncs.
// Serialisable: every transaction of a publisher locks the publisher's one row first and demands number
// and holder; every acceptance locks the backlog's row first; a publisher takes the second lock after
// the first. So each of the two kinds of transaction runs one after another, and the rows that both
// touch (tasks, settings, signing events) are touched under the second lock, or in one order.
//
// A server that restarts, fails over or loses a session costs no accepted request: reads and acceptance
// are tried again for `patienceMs`; a publisher's transaction is not, it recovers by reading.

import type { Database } from "../../../ports/database.ts";
import { incoming } from "./accept.ts";
import { AcceptQueue } from "./accept-queue.ts";
import { serverOf } from "./address.ts";
import type { ServerAddress } from "./address.ts";
import { dropImport, openImport, stageImport } from "./import.ts";
import { Listener } from "./listener.ts";
import { migrate } from "./migrate.ts";
import { reading } from "./reading.ts";
import { Sessions } from "./sessions.ts";
import type { Now } from "./sessions.ts";
import { writing } from "./writing.ts";

export { parseServerUrl } from "./address.ts";

export interface PostgresOptions extends ServerAddress {
  /** A file of certificates, PEM, in place of `ca`. */
  readonly caFile?: string | undefined;
  /** 10. A publisher uses three or four. */
  readonly maxSessions?: number;
  /** 20,000: less than a client waits for an answer, more than a server takes to restart. */
  readonly patienceMs?: number;
  /** The database's clock in place of the server's, for tests. */
  readonly clock?: () => number;
}

/**
 * Connects, and makes or migrates the tables.
 * @throws DatabaseError `unavailable` (not reached within `patienceMs`, refused, or a server that does not keep what it commits) | `newer-schema`
 */
export async function openPostgres(options: PostgresOptions): Promise<Database> {
  const server = serverOf(options);
  const sessions = new Sessions({ server, maxSessions: options.maxSessions ?? 10, patienceMs: options.patienceMs ?? 20_000 });
  const listener = new Listener(sessions, server);
  try {
    await migrate(sessions);
    await listener.start();
  } catch (error) {
    await listener.close();
    await sessions.close();
    throw error;
  }
  const now = options.clock ?? ((): Now => null);
  return { ...reading(sessions, now), ...accepting(sessions, now), ...writing(sessions, now), ...hints(sessions, listener) };
}

/** Repeated while the server is away, but for a drop: what is told again is known again. */
function accepting(db: Sessions, now: () => Now): Pick<Database, "accept" | "openImport" | "stageImport" | "dropImport"> {
  const accepts = new AcceptQueue(db, now);
  return {
    accept: async (request) => accepts.accept(incoming(request)),
    openImport: (request) => db.patiently(() => db.transaction((sql) => openImport(sql, request, now()))),
    stageImport: (slice) => stageImport(db, slice, now),
    dropImport: (task, writer) => dropImport(db, task, writer),
  };
}

function hints(db: Sessions, listener: Listener): Pick<Database, "subscribe" | "close"> {
  return {
    subscribe: (topic, call) => listener.subscribe(topic, call),
    close: async () => {
      await listener.close();
      await db.close();
    },
  };
}
