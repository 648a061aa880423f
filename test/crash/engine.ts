// Where the state of worlds lies: in memory, in a file of SQLite, or on a PostgreSQL, one world after another.

import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openPostgres } from "../../src/drivers/database/postgres/postgres.ts";
import { openSqlite } from "../../src/drivers/database/sqlite/sqlite.ts";
import type { Database } from "../../src/ports/database.ts";
import { createMemoryDatabase } from "../fakes/database.ts";
import { fastFolder } from "../servers/postgres.ts";
import { createDatabase } from "../servers/shared-postgres.ts";

export interface Engine {
  /** An empty database whose clock is `now`. The one before is not used any more. */
  open(now: () => number): Database;
  /**
   * Its calls take time of their own, which a world waits for, and a world tells hints itself: steps are counted, and a
   * notification over the network comes at no step. Nor can it lose transactions.
   */
  readonly apart: boolean;
}

export const memoryEngine: Engine = { open: (now) => createMemoryDatabase({ now }), apart: false };

export interface RealEngine extends Engine {
  end(): Promise<void>;
}

export const REAL_ENGINES = { SQLite: startSqliteEngine, PostgreSQL: startPostgresEngine } as const;

export async function startPostgresEngine(): Promise<RealEngine> {
  const store = await createDatabase();
  return oneAfterAnother(async (now) => {
    await store.empty();
    return openPostgres({ url: store.url, clock: now, maxSessions: 8, patienceMs: 5_000 });
  }, () => store.drop());
}

export async function startSqliteEngine(): Promise<RealEngine> {
  const folder = mkdtempSync(join(fastFolder(), "rstuf-crash-"));
  let files = 0;
  return oneAfterAnother(async (now) => {
    // Its clock is memory that its thread reads: set before each call.
    const clock = new BigInt64Array(new SharedArrayBuffer(8));
    const database = await openSqlite({ file: join(folder, `${String(++files)}.db`), clock });
    return forwarded(async () => {
      Atomics.store(clock, 0, BigInt(now()));
      return database;
    });
  }, async () => { rmSync(folder, { recursive: true, force: true }); });
}

/** Worlds do not wait for their database to be opened: their first calls do. */
function oneAfterAnother(open: (now: () => number) => Promise<Database>, remove: () => Promise<void>): RealEngine {
  let opened: Promise<Database> | undefined;
  return {
    apart: true,
    open(now) {
      const before = opened;
      const fresh = (async () => {
        await (await before)?.close();
        return open(now);
      })();
      opened = fresh;
      return forwarded(() => fresh);
    },
    async end() {
      await (await opened)?.close();
      await remove();
    },
  };
}

/** Each call goes to what `to` answers then; hints are the world's to give. */
const forwarded = (to: () => Promise<Database>): Database => new Proxy({} as Database, {
  get: (_, method) => {
    // Nobody awaits a database; an object with a `then` would be waited for.
    if (method === "then") return undefined;
    if (method === "subscribe") return () => () => undefined;
    return async (...args: readonly unknown[]) => {
      const database = await to();
      return (Reflect.get(database, method) as (...args: readonly unknown[]) => unknown).apply(database, [...args]);
    };
  },
});
