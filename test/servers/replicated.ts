// A PostgreSQL and its synchronous standby: what the first has answered as stored, both have.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { freePort } from "./free-port.ts";
import { giveToServer, newBase, startPostgres, type PostgresServer } from "./postgres.ts";

const STANDBY = "standby";
const REPLICATING = ["wal_level=replica", "max_wal_senders=4", "hot_standby=on", "listen_addresses=127.0.0.1"];

export interface ReplicatedServer extends PostgresServer {
  /** Ends the primary at once and for good, and promotes the standby; resolves when that one takes writes. */
  failOver(): Promise<void>;
}

/** `url` names both; all else is the primary's, and after the fail-over the standby's. */
export async function startReplicated(): Promise<ReplicatedServer> {
  const [first, second] = [await freePort(), await freePort()];
  const primary = await startPostgres([...REPLICATING, `port=${String(first)}`]);
  let now = primary;
  let standby: PostgresServer | undefined;
  try {
    const base = newBase();
    giveToServer(base);
    const store = join(base, "copy");
    await primary.copyTo(store);
    writeFileSync(join(store, "standby.signal"), "");
    giveToServer(join(store, "standby.signal"));
    standby = await startPostgres(
      [...REPLICATING, `port=${String(second)}`, `primary_conninfo=host=127.0.0.1 port=${String(first)} user=postgres application_name=${STANDBY}`], { base, store },
    );
    await primary.run(`ALTER SYSTEM SET synchronous_standby_names = '${STANDBY}'`);
    await primary.run("SELECT pg_reload_conf()");
    await isSynchronous(first);
  } catch (error) {
    await Promise.all([primary.stop(), standby?.stop()]);
    throw error;
  }
  const other = standby;
  return {
    get socketDirectory() { return now.socketDirectory; },
    get socket() { return now.socket; },
    url: (database) => `postgresql://postgres@127.0.0.1:${String(first)},127.0.0.1:${String(second)}/${database}`,
    run: (sql, database) => now.run(sql, database),
    restart: (signal) => now.restart(signal),
    save: () => now.save(),
    goBack: () => now.goBack(),
    copyTo: (folder) => now.copyTo(folder),
    failOver: async () => {
      await primary.stop();
      now = other;
      await other.run("SELECT pg_promote()");
    },
    stop: async () => { await Promise.all([...(now === primary ? [primary.stop()] : []), other.stop()]); },
  };
}

/** From here on a commit waits for the standby. */
async function isSynchronous(port: number): Promise<void> {
  const client = new Client({ host: "127.0.0.1", port, user: "postgres", database: "postgres" });
  await client.connect();
  try {
    for (const until = performance.now() + 60_000; performance.now() < until;) {
      const { rows } = await client.query("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'");
      if (rows.length === 1) return;
      await sleep(50);
    }
    throw new Error("the standby does not follow");
  } finally {
    await client.end();
  }
}
