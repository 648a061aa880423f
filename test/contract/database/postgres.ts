// PostgreSQL as a subject of the contract. Databases are emptied and used again: quicker than a new one for each case.

import { openPostgres } from "../../../src/drivers/database/postgres/postgres.ts";
import type { Database } from "../../../src/ports/database.ts";
import { createDatabase, type TestDatabase } from "../../servers/shared-postgres.ts";
import { START } from "./subject.ts";
import type { Subject } from "./subject.ts";

const free: TestDatabase[] = [];

export async function openPostgresSubject(): Promise<Subject> {
  const store = free.pop() ?? await createDatabase();
  let now = START;
  const open = (): Promise<Database> => openPostgres({ url: store.url, clock: () => now, patienceMs: 2_000, maxSessions: 4 });
  let users: Database[] = [];
  const connect = async (): Promise<Database> => {
    const user = await open();
    users.push(user);
    return user;
  };
  const close = async (): Promise<void> => {
    await Promise.all(users.map((user) => user.close()));
    users = [];
  };
  return {
    database: await connect(),
    connect,
    reopen: async () => { await close(); return connect(); },
    setNow: (ms) => { now = ms; },
    close: async () => {
      await close();
      await store.empty();
      free.push(store);
    },
  };
}
