// SQLite as a subject of the contract: a file in a folder of its own, other users through connectors.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { connectSqlite, openSqlite } from "../../../src/drivers/database/sqlite/sqlite.ts";
import type { Database } from "../../../src/ports/database.ts";
import { START } from "./subject.ts";
import type { Subject } from "./subject.ts";

export async function openSqliteSubject(): Promise<Subject> {
  const folder = await mkdtemp(join(tmpdir(), "rstuf-database-"));
  const clock = new BigInt64Array(new SharedArrayBuffer(8));
  clock[0] = BigInt(START);
  const open = (): ReturnType<typeof openSqlite> => openSqlite({ file: join(folder, "rstuf.db"), clock });
  let owner = await open();
  let users: Database[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(users.map((user) => user.close()));
    users = [];
    await owner.close();
  };
  return {
    database: owner,
    connect: async () => {
      const user = connectSqlite(owner.connector());
      users.push(user);
      return user;
    },
    reopen: async () => {
      await close();
      owner = await open();
      return owner;
    },
    setNow: (ms) => { Atomics.store(clock, 0, BigInt(ms)); },
    close: async () => {
      await close();
      await rm(folder, { recursive: true });
    },
  };
}
