// SQLite as a subject of the contract: a file in a folder of its own, other users through connectors.
//
// Files and their threads are emptied and used again: a thread takes longer to start than most cases to run.

import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after } from "node:test";

import { connectSqlite, openSqlite, type SqliteDatabase } from "../../../src/drivers/database/sqlite/sqlite.ts";
import type { Database } from "../../../src/ports/database.ts";
import { fastFolder } from "../../servers/postgres.ts";
import { START } from "./subject.ts";
import type { Subject } from "./subject.ts";

interface Store {
  readonly file: string;
  readonly clock: BigInt64Array;
  owner: SqliteDatabase;
}

const folder = mkdtempSync(join(fastFolder(), "rstuf-database-"));
const free: Store[] = [];
let files = 0;
after(async () => {
  await Promise.all(free.map(({ owner }) => owner.close()));
  rmSync(folder, { recursive: true });
});

export interface SqliteSubject extends Subject {
  readonly file: string;
}

export async function openSqliteSubject(): Promise<SqliteSubject> {
  const store = free.pop() ?? await newStore();
  Atomics.store(store.clock, 0, BigInt(START));
  let users: Database[] = [];
  const leave = async (): Promise<void> => {
    await Promise.all(users.map((user) => user.close()));
    users = [];
  };
  return {
    file: store.file,
    database: store.owner,
    connect: async () => {
      const user = connectSqlite(store.owner.connector());
      users.push(user);
      return user;
    },
    reopen: async () => {
      await leave();
      await store.owner.close();
      store.owner = await openSqlite(store);
      return store.owner;
    },
    setNow: (ms) => { Atomics.store(store.clock, 0, BigInt(ms)); },
    close: async () => {
      await leave();
      empty(store.file, await (fresh ??= freshFile()));
      free.push(store);
    },
  };
}

async function newStore(): Promise<Store> {
  const at = { file: join(folder, `${String(++files)}.db`), clock: new BigInt64Array(new SharedArrayBuffer(8)) };
  return { ...at, owner: await openSqlite(at) };
}

let fresh: Promise<string> | undefined;

/** A file nothing was ever put into. */
async function freshFile(): Promise<string> {
  const file = join(folder, "fresh.db");
  await (await openSqlite({ file })).close();
  return file;
}

/** Every table holds what it holds in a fresh file. */
function empty(file: string, like: string): void {
  const db = new DatabaseSync(file, { timeout: 5_000 });
  db.prepare("ATTACH ? AS fresh").run(like);
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_stat%'").all().map(({ name }) => `"${String(name)}"`);
  db.exec(`BEGIN IMMEDIATE; ${tables.map((name) => `DELETE FROM main.${name}; INSERT INTO main.${name} SELECT * FROM fresh.${name};`).join(" ")} COMMIT`);
  db.close();
}
