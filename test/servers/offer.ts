// Servers that tests share, started when the first of them asks and ended with the run.
//
// Runs in the process that starts Node's test runner (whose own global teardown is cut short by
// --test-force-exit). A test file asks by making the folder `wanted`; a run of files that ask for
// nothing waits for nothing.

import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openPostgres } from "../../src/drivers/database/postgres/postgres.ts";
import { startPostgres, type PostgresServer } from "./postgres.ts";
import { READY, SERVERS_FOLDER, TEMPLATE, WANTED } from "./shared-postgres.ts";

const WATCH_MS = 20;

export interface Servers {
  /** For the processes that run test files. */
  readonly environment: Readonly<Record<string, string>>;
  end(): Promise<void>;
}

export function offerServers(): Servers {
  const folder = mkdtempSync(join(tmpdir(), "rstuf-servers-"));
  let starting: Promise<PostgresServer> | undefined;
  const watching = setInterval(() => {
    if (!existsSync(join(folder, WANTED))) return;
    clearInterval(watching);
    starting = start();
    // Written whole, then named: whoever waits reads all of it or nothing.
    const answer = (text: string): void => {
      writeFileSync(join(folder, `${READY}.new`), text);
      renameSync(join(folder, `${READY}.new`), join(folder, READY));
    };
    starting.then((server) => { answer(server.socketDirectory); }, (error: unknown) => { answer(`error: ${String(error)}`); });
  }, WATCH_MS).unref();
  return {
    environment: { [SERVERS_FOLDER]: folder },
    end: async () => {
      clearInterval(watching);
      const server = await starting?.catch(() => undefined);
      await server?.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The cluster, with a template that has our tables. */
async function start(): Promise<PostgresServer> {
  const server = await startPostgres();
  await makeTemplate(server);
  return server;
}

export async function makeTemplate(server: PostgresServer): Promise<void> {
  await server.run(`CREATE DATABASE ${TEMPLATE}`);
  const database = await openPostgres({ url: server.url(TEMPLATE) });
  await database.close();
  await server.run(`ALTER DATABASE ${TEMPLATE} IS_TEMPLATE true ALLOW_CONNECTIONS false`);
}
