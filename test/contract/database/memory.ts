// The fake as a subject of the contract.

import { createMemoryDatabase } from "../../fakes/database.ts";
import type { MemoryDatabase } from "../../fakes/database.ts";
import { START } from "./subject.ts";
import type { Subject } from "./subject.ts";
import type { Database } from "../../../src/ports/database.ts";

/** `wrap` may break each user of the database on purpose. */
export async function openMemory(wrap: (database: MemoryDatabase) => Database = (database) => database): Promise<Subject> {
  let now = START;
  const root = createMemoryDatabase({ now: () => now });
  let users: Database[] = [];
  const connect = async (): Promise<Database> => {
    const user = wrap(root.connect());
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
    close,
  };
}
