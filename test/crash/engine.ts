// Where the state of worlds lies: in memory, or on a PostgreSQL, one world after another.

import { openPostgres } from "../../src/drivers/database/postgres/postgres.ts";
import type { Database } from "../../src/ports/database.ts";
import { createMemoryDatabase } from "../fakes/database.ts";
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

export interface PostgresEngine extends Engine {
  end(): Promise<void>;
}

export async function startPostgresEngine(): Promise<PostgresEngine> {
  const store = await createDatabase();
  let opened: Promise<Database> | undefined;
  return {
    apart: true,
    open(now) {
      const before = opened;
      const fresh = (async () => {
        await (await before)?.close();
        await store.empty();
        return openPostgres({ url: store.url, clock: now, maxSessions: 8, patienceMs: 5_000 });
      })();
      opened = fresh;
      return new Proxy({} as Database, {
        get: (_, method) => method === "subscribe"
          ? () => () => undefined
          : async (...args: readonly unknown[]) => {
            const database = await fresh;
            return (Reflect.get(database, method) as (...args: readonly unknown[]) => unknown).apply(database, [...args]);
          },
      });
    },
    async end() {
      await (await opened)?.close();
      await store.drop();
    },
  };
}
