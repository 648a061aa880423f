// Another machine's PostgreSQL is spoken to encrypted, and only when its certificate is of an authority that is
// trusted and for its name; there is no way down to clear text but the setting that says so.

import assert from "node:assert/strict";
import { chmodSync, copyFileSync, readFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { TLSSocket } from "node:tls";
import { openPostgres, type PostgresOptions } from "../../src/drivers/database/postgres/postgres.ts";
import { DatabaseError } from "../../src/ports/database.ts";
import { giveToServer, newBase, startPostgres, type PostgresServer } from "../servers/postgres.ts";
import { freePort } from "../servers/free-port.ts";

const CERTIFICATES = join(import.meta.dirname, "..", "fakes", "tls");

describe("PostgreSQL over TLS", () => {
  let server: PostgresServer;
  let port: number;
  before(async () => {
    const base = newBase();
    for (const name of ["server.pem", "server.key"]) {
      copyFileSync(join(CERTIFICATES, name), join(base, name));
      chmodSync(join(base, name), 0o600);
      giveToServer(join(base, name));
    }
    port = await freePort();
    server = await startPostgres(["listen_addresses=127.0.0.1", `port=${String(port)}`, "ssl=on", `ssl_cert_file=${join(base, "server.pem")}`, `ssl_key_file=${join(base, "server.key")}`], { base });
    await server.run("CREATE DATABASE ours");
  });
  after(() => server.stop());

  /** In capitals it is this machine, and not the spelling that is taken for it. */
  const open = (options: Partial<PostgresOptions>): ReturnType<typeof openPostgres> => openPostgres({ url: `postgresql://postgres@LOCALHOST:${String(port)}/ours`, patienceMs: 0, ...options });
  const refuses = (options: Partial<PostgresOptions>, says: RegExp): Promise<void> => assert.rejects(open(options).then((database) => database.close()), (error: unknown) => {
    assert.ok(error instanceof DatabaseError, String(error));
    assert.equal(error.code, "unavailable");
    assert.match(error.message, says);
    return true;
  });
  const encrypted = async (): Promise<void> => server.run("DO $$ BEGIN IF (SELECT count(*) FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid) WHERE a.application_name = 'rstuf' AND s.ssl) = 0 THEN RAISE 'in clear text'; END IF; END $$", "ours");

  test("with the authority's certificate it is used, encrypted", async () => {
    const database = await open({ caFile: join(CERTIFICATES, "ca.pem") });
    try {
      assert.equal((await database.publisher()).seq, 0);
      await encrypted();
    } finally {
      await database.close();
    }
  });

  test("without it, or with another's, the server is refused", async () => {
    await refuses({}, /certificate/);
    await refuses({ caFile: join(CERTIFICATES, "other-ca.pem") }, /certificate/);
  });

  test("in clear text only where the setting says so", async () => {
    const database = await open({ allowUnencrypted: true });
    try {
      await assert.rejects(encrypted(), /in clear text/);
    } finally {
      await database.close();
    }
  });

  for (const [what, answer, says] of [["with a certificate for another name", "S", /altnames/], ["that knows no TLS", "N", /does not support SSL/]] as const) {
    test(`a server ${what} is refused before anything is said to it`, async () => {
      const heard: Buffer[] = [];
      const other = createServer((socket) => {
        socket.once("data", () => {
          socket.write(answer);
          if (answer === "N") {
            socket.on("data", (bytes) => { heard.push(bytes); });
            return;
          }
          const secure = new TLSSocket(socket, { isServer: true, key: readFileSync(join(CERTIFICATES, "server.key")), cert: readFileSync(join(CERTIFICATES, "other-name.pem")) });
          secure.on("data", (bytes: Buffer) => { heard.push(bytes); }).on("error", () => undefined);
        });
        socket.on("error", () => undefined);
      });
      await new Promise<void>((resolve) => { other.listen(0, "127.0.0.1", resolve); });
      try {
        const url = `postgresql://postgres@LOCALHOST:${String((other.address() as AddressInfo).port)}/ours`;
        await refuses({ url, caFile: join(CERTIFICATES, "ca.pem"), password: "hunter2" }, says);
        assert.equal(Buffer.concat(heard).length, 0);
      } finally {
        await new Promise((resolve) => other.close(resolve));
      }
    });
  }
});
