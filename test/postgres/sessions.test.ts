// What becomes of calls while the server, or the way to it, fails under them.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { openPostgres } from "../../src/drivers/database/postgres/postgres.ts";
import type { Database } from "../../src/ports/database.ts";
import { accept, add, commitOf, cutAndStage, id, lease, open, paths, refuses } from "../contract/database/subject.ts";
import { overhear } from "../servers/overhear.ts";
import { startPostgres, type PostgresServer } from "../servers/postgres.ts";
import { proxyBefore, type Proxy } from "../servers/proxy.ts";

const isCommit = (bytes: Buffer): boolean => bytes.includes("COMMIT\0");

describe("PostgreSQL fails under a call", () => {
  let server: PostgresServer;
  let proxy: Proxy;
  let databases = 0;
  const opened: Database[] = [];
  const openFresh = async (rest: { readonly patienceMs?: number } = {}): Promise<Database> => {
    const name = `d${databases++}`;
    await server.run(`CREATE DATABASE ${name}`);
    const database = await openPostgres({ url: `postgresql://postgres@127.0.0.1:${proxy.port}/${name}`, patienceMs: 15_000, maxSessions: 4, ...rest });
    opened.push(database);
    return database;
  };

  before(async () => {
    server = await startPostgres();
    proxy = await proxyBefore(server.socket);
  });
  after(async () => {
    await Promise.all(opened.map((database) => database.close()));
    await proxy.close();
    await server.stop();
  });

  test("an acceptance whose commit was stored and not answered is accepted once", async () => {
    const database = await openFresh();
    const lost = proxy.loseAnswerTo(isCommit);
    assert.deepEqual(await accept(database, 1, [add("a")]), { outcome: "accepted" });
    await lost;
    assert.deepEqual(paths(await open(database)), ["a"]);
    assert.equal((await database.backlog()).changes, 1);
  });

  test("so is each of a group, and a large one", async () => {
    const database = await openFresh();
    let lost = proxy.loseAnswerTo(isCommit);
    await Promise.all([1, 2, 3].map((n) => accept(database, n, [add(`p${n}`)])));
    await lost;
    const many = Array.from({ length: 2500 }, (_, n) => add(`large/${n}`));
    // Its numbers are taken in a transaction of their own; the second commit is the one that counts.
    let commits = 0;
    lost = proxy.loseAnswerTo((bytes) => isCommit(bytes) && ++commits === 2);
    await accept(database, 4, many);
    await lost;
    assert.equal((await open(database)).length, 2503);
    assert.equal((await database.backlog()).changes, 2503);
  });

  test("with an Idempotency-Key the repeated attempt is no replay", async () => {
    const database = await openFresh();
    const lost = proxy.loseAnswerTo(isCommit);
    assert.deepEqual(await accept(database, 1, [add("a")], { idempotency: { principal: "p", key: "k", bodySha256: "aa" } }), { outcome: "accepted" });
    await lost;
    assert.deepEqual(await accept(database, 2, [add("a")], { idempotency: { principal: "p", key: "k", bodySha256: "aa" } }), { outcome: "replayed", taskId: id(1) });
  });

  test("a head whose commit was not answered is unclear, and what was committed shows it", async () => {
    const database = await openFresh();
    const mine = await lease(database);
    await accept(database, 1, [add("a")]);
    const cut = await cutAndStage(database, mine, { batch: id(40) });
    const lost = proxy.loseAnswerTo(isCommit);
    await refuses("unclear", database.commit(mine, commitOf(id(40), cut, { newRoles: [{ name: "bins-0", kind: "bins", parent: "targets" }] })));
    await lost;
    assert.equal((await database.publisher()).seq, 1);
  });

  test("killed sessions, idle and at work, cost no accepted request", async () => {
    const database = await openFresh();
    const ended = new AbortController();
    const kills = (async () => {
      while (!ended.signal.aborted) {
        await server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rstuf'");
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    })();
    try {
      for (let round = 0; round < 12; round++) await Promise.all([0, 1, 2, 3, 4].map((n) => accept(database, round * 5 + n, [add(`p${round * 5 + n}`)])));
    } finally {
      ended.abort();
      await kills;
    }
    assert.equal((await open(database)).length, 60);
    assert.equal(new Set(paths(await open(database))).size, 60);
  });

  test("a server that restarts costs no accepted request, and is heard again", async () => {
    const database = await openFresh();
    let heard = 0;
    database.subscribe("work", () => { heard += 1; });
    const accepts = Array.from({ length: 8 }, async (_, n) => {
      for (let i = 0; i < 10; i++) await accept(database, n * 10 + i, [add(`p${n}-${i}`)]);
    });
    await server.restart();
    await Promise.all(accepts);
    assert.equal((await open(database)).length, 80);
    heard = 0;
    await accept(database, 99, [add("last")]);
    while (heard === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  });

  test("what no notification tells is seen by looking", async () => {
    let lost = 0;
    const silence = overhear({ heard: (event) => event === "notification" && ++lost > 0 });
    try {
      const database = await openFresh();
      let heard = 0;
      database.subscribe("work", () => { heard += 1; });
      // Again and again: the first look only says how things are.
      for (let n = 1; heard === 0; n++) {
        await accept(database, n, [add(`p${n}`)]);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assert.ok(lost > 0, "a notification was lost");
    } finally {
      silence();
    }
  });

  test("a server that stays away is unavailable once patience ends, and nobody hangs", async () => {
    const database = await openFresh({ patienceMs: 300 });
    proxy.cut();
    try {
      await refuses("unavailable", accept(database, 1, [add("a")]));
      await refuses("unavailable", database.publisher());
      await refuses("unavailable", database.takeLease("one", 1000));
    } finally {
      proxy.heal();
    }
    await accept(database, 2, [add("b")]);
  });

  test("a server that runs with fsync off is refused by name", async () => {
    const careless = await startPostgres(["fsync=off"]);
    try {
      await assert.rejects(openPostgres({ url: careless.url("postgres") }), /fsync = off/);
    } finally {
      await careless.stop();
    }
  });

  test("every session commits durably, whatever the server's default", async () => {
    await server.run("ALTER SYSTEM SET synchronous_commit = off");
    await server.run("SELECT pg_reload_conf()");
    const name = `d${databases}`;
    const database = await openFresh();
    await accept(database, 1, [add("a")]);
    // Asked through a trigger of the test's own, which runs in the driver's session.
    await server.run(
      `CREATE TABLE rstuf.seen (value text); CREATE FUNCTION rstuf.see() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN INSERT INTO rstuf.seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$;
       CREATE TRIGGER see AFTER INSERT ON rstuf.task FOR EACH ROW EXECUTE FUNCTION rstuf.see()`, name,
    );
    await accept(database, 2, [add("b")]);
    await server.run("DO $$ BEGIN IF (SELECT value FROM rstuf.seen) IS DISTINCT FROM 'on' THEN RAISE 'synchronous_commit was %', (SELECT value FROM rstuf.seen); END IF; END $$", name);
    await server.run("ALTER SYSTEM RESET synchronous_commit");
    await server.run("SELECT pg_reload_conf()");
  });
});
