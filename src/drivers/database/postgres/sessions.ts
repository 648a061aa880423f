// Sessions on the server: a pool of them, transactions, and what is tried again.
//
// Every session commits durably (`synchronous_commit` is on, and a server with fsync off is refused),
// lets nobody wait for it for long (a process that is paused inside a transaction holds the
// publisher's row: the server ends it after IDLE_MS, so that another can lead), and talks to the
// primary: a read-only standby is left at once.
//
// Statements are prepared once per session. They name their columns: a release that adds one while
// this one runs must not change what a prepared statement answers.

import pg from "pg";

import { DatabaseError } from "../../../ports/database.ts";
import { clientOptions, describeServer } from "./address.ts";
import type { ServerAddress } from "./address.ts";
import { commitFaultOf, fateOf, faultOf, LostSession } from "./faults.ts";

export type Cell = null | number | string | boolean | Buffer;
export type Row = Readonly<Record<string, Cell>>;

/** The database's time, in place of its own clock, for tests; null: its own. */
export type Now = number | null;

/** Rows a publisher's transaction touches before it lets others in: some 0.1 s. */
export const SLICE = 10_000;

/** Statements, one after another, on one session. */
export interface Sql {
  rows(text: string, ...values: readonly unknown[]): Promise<readonly Row[]>;
  row(text: string, ...values: readonly unknown[]): Promise<Row | undefined>;
  /** Answers how many rows it touched. */
  run(text: string, ...values: readonly unknown[]): Promise<number>;
}

export interface SessionsOptions {
  readonly server: ServerAddress;
  readonly maxSessions: number;
  /** How long what may be repeated (reads, accepting) goes on trying while the server is away, milliseconds. */
  readonly patienceMs: number;
}

/**
 * Inside a transaction without a word from us for so long, the server ends it. Several of one process that stands still
 * may wait for the publisher's row, and get it one after another: four of them must be gone within a lease of 15 s.
 */
const IDLE_MS = 3_000;
const LOCK_MS = 10_000;
/** No statement of an ordinary call takes near as long; one that does is on a dead line. */
const CALL_MS = 30_000;
const CONNECT_MS = 5_000;
const RETRY_MS = { first: 20, longest: 500 } as const;

/** Index scans: tables are empty one hour and large the next, and statistics lag behind. */
const SETUP = `
  SET synchronous_commit = 'on'; SET search_path = rstuf, pg_catalog; SET client_min_messages = warning; SET bytea_output = hex;
  SET idle_in_transaction_session_timeout = ${IDLE_MS}; SET lock_timeout = ${LOCK_MS}; SET statement_timeout = ${CALL_MS};
  SET enable_seqscan = off; SET jit = off; SET plan_cache_mode = force_generic_plan; SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
  SET standard_conforming_strings = on`;

/** What the server's own setting said before ours: a stronger one (remote_apply) stays. */
const CHECK = `SELECT current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_pages, pg_is_in_recovery() AS standby,
  current_setting('synchronous_commit') AS sync, current_setting('server_version_num')::int AS version`;

/** 8-byte integers as numbers: none of ours reaches 2^53. */
const TYPES = new pg.TypeOverrides();
TYPES.setTypeParser(pg.types.builtins.INT8, Number);

export class Sessions {
  readonly server: string;
  readonly #pool: pg.Pool;
  readonly #patienceMs: number;
  #closed = false;

  constructor({ server, maxSessions, patienceMs }: SessionsOptions) {
    this.server = describeServer(server);
    this.#patienceMs = patienceMs;
    // The class chooses among several hosts with each session it opens.
    let turn = 0;
    const Client = class extends pg.Client {
      constructor() {
        super({ ...clientOptions(server, turn++), types: TYPES, connectionTimeoutMillis: CONNECT_MS, query_timeout: CALL_MS + 5_000, keepAlive: true, keepAliveInitialDelayMillis: 10_000 });
        // At every moment of its life: an end that nobody hears of would end the process. Whoever has a statement under way hears of it there.
        this.on("error", () => undefined);
      }
    };
    this.#pool = new pg.Pool({
      Client, max: maxSessions, idleTimeoutMillis: 60_000, connectionTimeoutMillis: CONNECT_MS * 2, maxLifetimeSeconds: 3600,
      verify: (client, done) => { prepareSession(client).then(() => { done(); }, done); },
    });
    // A session that ends while idle (a restart, a fail-over, an administrator) is forgotten; whoever asks next gets a new one.
    this.#pool.on("error", () => undefined);
  }

  /** One statement, or several that need not agree. Repeated while the server is away. */
  read<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.patiently(() => this.#once(work));
  }

  /** Statements that see one moment. Repeated while the server is away. */
  moment<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.patiently(() => this.#once(async (sql) => {
      await sql.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
      const answer = await work(sql);
      await sql.run("COMMIT");
      return answer;
    }));
  }

  /**
   * One durable transaction. READ COMMITTED: whoever writes first locks the row that its kind of
   * writer shares (the publisher's, the backlog's), and each later statement sees what the last
   * holder of that lock left (rule 2).
   * @throws DatabaseError `unclear` when the commit may or may not be stored
   */
  async transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#once(async (sql) => {
      await sql.run("BEGIN");
      const answer = await work(sql);
      try {
        await sql.run("COMMIT");
      } catch (error) {
        throw commitFaultOf(error, this.server);
      }
      return answer;
    });
  }

  /** Repeats `work` while what fails is the server's absence or another transaction's turn. `since`: when the caller began to wait, `performance.now()`. */
  async patiently<T>(work: (attempt: number) => Promise<T>, since = performance.now()): Promise<T> {
    let pause: number = RETRY_MS.first;
    for (let attempt = 1; ; attempt++) {
      try {
        return await work(attempt);
      } catch (error) {
        const worth = error instanceof DatabaseError && (error.code === "unavailable" || error.code === "unclear") && isPassing(error);
        if (!worth || this.#closed || performance.now() - since + pause > this.#patienceMs) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
      pause = Math.min(pause * 2, RETRY_MS.longest);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#pool.end();
  }

  async #once<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    if (this.#closed) throw new DatabaseError("unavailable", `the database ${this.server} is closed`);
    let client: pg.PoolClient;
    try {
      client = await this.#pool.connect();
    } catch (error) {
      throw faultOf(lostUnlessSaid(error), this.server);
    }
    let broken = false;
    try {
      return await work(sqlOn(client));
    } catch (error) {
      broken = fateOf(rootOf(error)) === "gone" || !await rolledBack(client);
      throw faultOf(error, this.server);
    } finally {
      client.release(broken);
    }
  }
}

/** Makes a new session ours, or refuses its server. */
export async function prepareSession(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ fsync: string; full_pages: string; standby: boolean; sync: string; version: number }>(CHECK);
  const [found] = rows;
  if (found === undefined) throw new LostSession("the server did not answer");
  // The next attempt goes to another host, or to this one once it was promoted.
  if (found.standby) throw new LostSession("this server is a read-only standby");
  if (found.version < 140_000) throw new Refused("it is older than PostgreSQL 14");
  if (found.fsync !== "on") throw new Refused("it runs with fsync = off: a power cut would lose what was accepted");
  if (found.full_pages !== "on") throw new Refused("it runs with full_page_writes = off: a power cut may damage it");
  await client.query(SETUP);
  if (found.sync === "remote_apply") await client.query("SET synchronous_commit = remote_apply");
}

/** A server that does not keep what it commits. */
class Refused extends DatabaseError {
  constructor(why: string) {
    super("unavailable", `this PostgreSQL cannot be used: ${why}`);
  }
}

/** Whether waiting can help. */
function isPassing(error: DatabaseError): boolean {
  const cause = rootOf(error);
  if (cause instanceof DatabaseError) return false;
  return fateOf(cause) !== "refused" || (cause instanceof pg.DatabaseError && (cause.code ?? "").startsWith("53"));
}

function rootOf(error: unknown): unknown {
  return error instanceof DatabaseError && error.cause !== undefined ? error.cause : error;
}

/** What the server did not say itself, nor the program by mistake, is the end of the session. */
function lostUnlessSaid(error: unknown): unknown {
  if (error instanceof pg.DatabaseError || error instanceof DatabaseError || error instanceof LostSession || error instanceof TypeError) return error;
  return new LostSession(error instanceof Error ? error.message : String(error), { cause: error });
}

async function rolledBack(client: pg.PoolClient): Promise<boolean> {
  try {
    await client.query("ROLLBACK");
    return true;
  } catch {
    return false;
  }
}

const names = new Map<string, string>();

/** One statement on rows, not one that begins, ends or sets something, nor several of a migration. */
const isPlanned = (text: string): boolean => /^\s*(?:SELECT|WITH|INSERT|UPDATE|DELETE)\b[^;]*$/.test(text);

/** A name for the prepared statement of that text, the same in every session of this process. */
function nameOf(text: string): string | undefined {
  let name = names.get(text);
  if (name === undefined && isPlanned(text)) names.set(text, name = `s${names.size + 1}`);
  return name;
}

function sqlOn(client: pg.PoolClient): Sql {
  const query = async (text: string, values: readonly unknown[]): Promise<pg.QueryResult<Row>> => {
    try {
      const name = nameOf(text);
      return await client.query<Row>(name === undefined ? { text, values: values as unknown[] } : { name, text, values: values as unknown[] });
    } catch (error) {
      throw lostUnlessSaid(error);
    }
  };
  return {
    rows: async (text, ...values) => (await query(text, values)).rows,
    row: async (text, ...values) => (await query(text, values)).rows[0],
    run: async (text, ...values) => {
      const { command, rowCount } = await query(text, values);
      // The server answers a COMMIT of a failed transaction so.
      if (text === "COMMIT" && command === "ROLLBACK") throw new Error("the transaction had failed before it was committed");
      return rowCount ?? 0;
    },
  };
}
