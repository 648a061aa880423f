// PostgreSQL as a subject of the contract. Databases are emptied and used again: quicker than a new one for each case.

import { openPostgres } from "../../../src/drivers/database/postgres/postgres.ts";
import type { Database } from "../../../src/ports/database.ts";
import { createDatabase, type TestDatabase } from "../../servers/shared-postgres.ts";
import { START } from "./subject.ts";
import type { Subject } from "./subject.ts";

const free: TestDatabase[] = [];

/** As after the migrations: every table empty but for its one row, every number at its start. */
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
      await store.run(EMPTY);
      free.push(store);
    },
  };
}
