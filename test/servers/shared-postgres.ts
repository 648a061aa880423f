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
  /** Makes it as after the migrations: quicker than a new one. Nobody is using it. */
  empty(): Promise<void>;
  drop(): Promise<void>;
}

/** A database with our tables, and nothing in them; or, with `template: false`, without tables. */
export async function createDatabase(options: { readonly template?: boolean } = {}): Promise<TestDatabase> {
  const host = await sharedServer();
  const name = `t_${randomBytes(6).toString("hex")}`;
  await runOn(host, "postgres", `CREATE DATABASE ${name}${options.template === false ? "" : ` TEMPLATE ${TEMPLATE}`}`);
  // One session for all that is run: a new one plans each statement anew, five times the work of emptying.
  let session: Client | undefined;
  const run = async (sql: string): Promise<void> => {
    session ??= await sessionOn(host, name, () => { session = undefined; });
    await session.query(sql);
  };
  return {
    url: urlOf(host, name),
    run,
    empty: () => run(EMPTY),
    drop: async () => {
      await session?.end();
      await runOn(host, "postgres", `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

/** `ended`: it is over, and whoever wants one needs another. */
async function sessionOn(host: string, database: string, ended: () => void): Promise<Client> {
  const client = new Client({ host, user: "postgres", database });
  client.on("error", ended).on("end", ended);
  await client.connect();
  return client;
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

/** Every table empty but for its one row, every number at its start. */
export const EMPTY = `
  DO $$ DECLARE t text; BEGIN
    FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'rstuf' AND tablename NOT IN ('migration', 'publisher', 'backlog', 'notice_log') LOOP
      EXECUTE format('DELETE FROM rstuf.%I', t);
    END LOOP;
    FOR t IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'rstuf' LOOP
      EXECUTE format('ALTER SEQUENCE rstuf.%I RESTART', t);
    END LOOP;
  END $$;
  UPDATE rstuf.publisher SET lease_number = 0, lease_holder = '', lease_until_ms = 0, lease_ttl_ms = 0, seq = 0, head = '', visible = 0, counter = 0,
    pressed_at_ms = 0, halted_code = NULL, halted_reason = NULL, protocol = 0, nudges = 0;
  UPDATE rstuf.backlog SET changes = 0, bytes = 0, next_change = 1;
  UPDATE rstuf.notice_log SET forgotten_no = 0, forgotten_task = 0;`;
