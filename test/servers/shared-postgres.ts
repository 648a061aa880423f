// The PostgreSQL that all test files of a run share: a database of its own for whoever asks.

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";

import { Client } from "pg";

import { urlOf } from "./postgres.ts";

export const SERVERS_FOLDER = "RSTUF_TEST_SERVERS";
export const TEMPLATE = "rstuf_template";
export const WANTED = "wanted";
export const READY = "postgres";

export interface TestDatabase {
  readonly url: string;
  /** Runs SQL as the server's owner. */
  run(sql: string): Promise<void>;
  drop(): Promise<void>;
}

/** A database with our tables, and nothing in them; or, with `template: false`, without tables. */
export async function createDatabase(options: { readonly template?: boolean } = {}): Promise<TestDatabase> {
  const host = await sharedServer();
  const name = `t_${randomBytes(6).toString("hex")}`;
  await runOn(host, "postgres", `CREATE DATABASE ${name}${options.template === false ? "" : ` TEMPLATE ${TEMPLATE}`}`);
  return {
    url: urlOf(host, name),
    run: (sql) => runOn(host, name, sql),
    drop: () => runOn(host, "postgres", `DROP DATABASE ${name} WITH (FORCE)`),
  };
}

let asked: Promise<string> | undefined;

/** The folder of its socket. */
export function sharedServer(): Promise<string> {
  asked ??= ask();
  return asked;
}

async function ask(): Promise<string> {
  const folder = process.env[SERVERS_FOLDER];
  if (folder === undefined) throw new Error("tests that need PostgreSQL are run by `npm test`, which starts it");
  mkdirSync(join(folder, WANTED), { recursive: true });
  for (const until = performance.now() + 60_000; performance.now() < until;) {
    if (existsSync(join(folder, READY))) {
      const answer = readFileSync(join(folder, READY), "utf8");
      if (answer.startsWith("error:")) throw new Error(`PostgreSQL did not start: ${answer}`);
      return answer;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("PostgreSQL did not start in time");
}

async function runOn(host: string, database: string, sql: string): Promise<void> {
  const client = new Client({ host, user: "postgres", database });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
