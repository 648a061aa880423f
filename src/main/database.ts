// Where the state lies, and the driver that goes with it.
//
// An order is plain values, so that it can be handed to a thread. The library of PostgreSQL is
// loaded when it is chosen; SQLite is in Node.

import { join } from "node:path";
import type { MessagePort } from "node:worker_threads";
import type { Config } from "../config/schema.ts";
import { connectSqlite, openSqlite, type SqliteConnector } from "../drivers/database/sqlite/sqlite.ts";
import { describeServer } from "../drivers/database/postgres/address.ts";
import type { PostgresOptions } from "../drivers/database/postgres/postgres.ts";
import type { Database } from "../ports/database.ts";

export type DatabaseOrder =
  | { readonly kind: "sqlite"; readonly file: string; readonly moved?: "open all the same" }
  | ({ readonly kind: "postgres" } & PostgresOptions);

/** What another thread of this process opens with `connectDatabase`; each once, sent with its `transferList`. */
export type DatabaseConnector =
  | { readonly kind: "sqlite"; readonly connector: SqliteConnector }
  | ({ readonly kind: "postgres" } & PostgresOptions);

export interface OpenDatabase {
  readonly database: Database;
  /** SQLite: no other process has it, so whoever holds the lease is dead. */
  readonly exclusive: boolean;
  connector(): { readonly connector: DatabaseConnector; readonly transferList: readonly MessagePort[] };
}

/** What the configuration says, secrets revealed: never log it. */
export function databaseOrderOf({ dataDir, database }: Config): DatabaseOrder {
  const { url, password, caFile, allowUnencryptedConnections, maxConnections } = database;
  if (url === undefined) return { kind: "sqlite", file: join(dataDir, "rstuf.db") };
  return { kind: "postgres", url, password: password?.reveal(), caFile, allowUnencrypted: allowUnencryptedConnections, maxSessions: maxConnections };
}

/** @param broken hears that nothing can be written any more: the process must end @throws DatabaseError */
export async function openDatabase(order: DatabaseOrder, broken: (error: Error) => void): Promise<OpenDatabase> {
  switch (order.kind) {
    case "sqlite": {
      const database = await openSqlite({ file: order.file, broken, ...(order.moved === undefined ? {} : { moved: order.moved }) });
      const connector = (): ReturnType<OpenDatabase["connector"]> => {
        const one = database.connector();
        return { connector: { kind: "sqlite", connector: one }, transferList: one.transferList };
      };
      return { database, exclusive: true, connector };
    }
    case "postgres":
      return { database: await connectPostgres(order), exclusive: false, connector: () => ({ connector: order, transferList: [] }) };
  }
}

/** For people: a file's path, or `DATABASE on HOST as USER`. */
export function placeOfDatabase(order: DatabaseOrder): string {
  return order.kind === "sqlite" ? order.file : `PostgreSQL, ${describeServer(order)}`;
}

/** The same place, with no more than so many sessions where there are any. */
export function sessionsOf(connector: DatabaseConnector, maxSessions: number): DatabaseConnector {
  return connector.kind === "sqlite" ? connector : { ...connector, maxSessions };
}

export function connectDatabase(connector: DatabaseConnector): Promise<Database> {
  return connector.kind === "sqlite" ? Promise.resolve(connectSqlite(connector.connector)) : connectPostgres(connector);
}

async function connectPostgres(options: PostgresOptions): Promise<Database> {
  const { openPostgres } = await import("../drivers/database/postgres/postgres.ts");
  return openPostgres(options);
}
