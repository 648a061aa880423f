// The database's password comes from a file.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { loadConfig } from "../../src/config/load.ts";
import { connectDatabase, databaseOrderOf } from "../../src/main/database.ts";
import { DatabaseError, type Database } from "../../src/ports/database.ts";
import { freePort } from "../servers/free-port.ts";
import { giveToServer, newBase, startPostgres } from "../servers/postgres.ts";

test("the first line of the file is the password; without it, or with another, nobody gets in, and no message tells it", async () => {
  const base = newBase();
  const [hba, password, other] = ["hba", "password", "other"].map((name) => join(base, name)) as [string, string, string];
  writeFileSync(hba, "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n");
  writeFileSync(password, "correct horse\n");
  writeFileSync(other, "battery staple\n");
  giveToServer(hba);
  const port = await freePort();
  const server = await startPostgres(["listen_addresses=127.0.0.1", `port=${String(port)}`, `hba_file=${hba}`], { base });
  try {
    await server.run("CREATE ROLE rstuf LOGIN PASSWORD 'correct horse'");
    await server.run("CREATE DATABASE ours OWNER rstuf");
    const open = (environment: Readonly<Record<string, string>>): Promise<Database> => {
      const { config } = loadConfig({ environment: { RSTUF_DATABASE_URL: `postgresql://rstuf@127.0.0.1:${String(port)}/ours`, ...environment }, cwd: base });
      const order = databaseOrderOf(config);
      assert.ok(order.kind === "postgres");
      return connectDatabase({ ...order, patienceMs: 0 });
    };
    const database = await open({ RSTUF_DATABASE_PASSWORD_FILE: password });
    assert.equal((await database.publisher()).seq, 0);
    await database.close();
    for (const wrong of [{}, { RSTUF_DATABASE_PASSWORD_FILE: other }]) {
      await assert.rejects(open(wrong), (error: unknown) => {
        assert.ok(error instanceof DatabaseError && error.code === "unavailable", String(error));
        assert.ok(!error.message.includes("battery") && !error.message.includes("horse"), error.message);
        return true;
      });
    }
  } finally {
    await server.stop();
  }
});
