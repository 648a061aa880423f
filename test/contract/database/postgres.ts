// PostgreSQL as a subject of the contract. Databases are emptied and used again, with the sessions that are open to them:
// quicker than new ones for each case.

import { after } from "node:test";

import { openPostgres } from "../../../src/drivers/database/postgres/postgres.ts";
import type { Database } from "../../../src/ports/database.ts";
import { createDatabase, type TestDatabase } from "../../servers/shared-postgres.ts";
import { START } from "./subject.ts";
import type { Subject } from "./subject.ts";

interface Store {
  readonly at: TestDatabase;
  readonly clock: { now: number };
  /** Open, and nobody's. */
  idle: Database[];
}

const free: Store[] = [];
after(async () => {
  for (const { at, idle } of free) {
    await Promise.all(idle.map((user) => user.close()));
    await at.drop();
  }
});

export async function openPostgresSubject(): Promise<Subject> {
  const store = free.pop() ?? { at: await createDatabase(), clock: { now: START }, idle: [] };
  const { at, clock } = store;
  clock.now = START;
  let users: Database[] = [];
  const connect = async (): Promise<Database> => {
    const user = store.idle.pop() ?? await openPostgres({ url: at.url, clock: () => clock.now, patienceMs: 2_000, maxSessions: 4 });
    users.push(user);
    return user;
  };
  return {
    database: await connect(),
    connect,
    reopen: async () => {
      await Promise.all([...users, ...store.idle].map((user) => user.close()));
      [users, store.idle] = [[], []];
      return connect();
    },
    setNow: (ms) => { clock.now = ms; },
    close: async () => {
      const open = await Promise.all(users.map(isOpen));
      store.idle.push(...users.filter((_, i) => open[i]));
      await at.empty();
      free.push(store);
    },
  };
}

/** A case may have closed it. */
const isOpen = (user: Database): Promise<boolean> => user.publisher().then(() => true, () => false);
