// The PostgreSQL driver on Debian's PostgreSQL: the whole contract of the port, as `npm test` runs it on the pinned one.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { databaseContract } from "../contract/database/contract.ts";
import { openPostgresSubject } from "../contract/database/postgres.ts";
import { makeTemplate } from "../servers/offer.ts";
import { startPostgres } from "../servers/postgres.ts";
import { createDatabase, READY, SERVERS_FOLDER, WANTED } from "../servers/shared-postgres.ts";
import { debianPostgres } from "./debian.ts";

const folder = mkdtempSync(join(tmpdir(), "rstuf-debian-"));
chmodSync(folder, 0o755);
const server = await startPostgres([], debianPostgres(join(folder, "root")));
await makeTemplate(server);
// What the subject asks for a server is answered with this one.
mkdirSync(join(folder, WANTED));
writeFileSync(join(folder, READY), server.socketDirectory);
process.env[SERVERS_FOLDER] = folder;
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

databaseContract("Debian's PostgreSQL", openPostgresSubject);

test("it is Debian's, and older than the pinned one", async () => {
  const store = await createDatabase();
  await store.run("DO $$ BEGIN IF current_setting('server_version') NOT LIKE '15.%Debian%' THEN RAISE 'it is %', current_setting('server_version'); END IF; END $$");
  await store.drop();
});
