// What the contract cannot say: files, locks, threads, faults of the disk, a process that is killed.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, describe, test } from "node:test";
import { MessageChannel, Worker } from "node:worker_threads";

import { StepAside } from "../../../lib/step-aside.ts";
import { DatabaseError } from "../../../ports/database.ts";
import type { AcceptRequest, Commit, Database } from "../../../ports/database.ts";
import { Connection, openForWriting } from "./connection.ts";
import { fold } from "./fold.ts";
import { logCopier, type LogCopier } from "./log-copier.ts";
import { migrate } from "./migrate.ts";
import { MIGRATIONS } from "./schema.ts";
import { connectSqlite, openSqlite } from "./sqlite.ts";
import { Writer } from "./writer.ts";

const folder = mkdtempSync(join(tmpdir(), "rstuf-sqlite-"));
after(() => rmSync(folder, { recursive: true }));
let files = 0;
const fresh = (): string => join(folder, `${++files}.db`);

const hex = (n: number): string => n.toString(16).padStart(32, "0");
const request = (n: number, paths: readonly string[], rest: Partial<AcceptRequest> = {}): AcceptRequest => ({
  task: { id: hex(n), kind: "add_artifacts", createdMs: 1, request: { paths } },
  changes: paths.map((path) => ({ kind: "add", role: "bins-0", path, fragment: "{}" })),
  held: false, limits: { changes: 1e9, bytes: 1e12 }, ...rest,
});
const many = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, n) => `${prefix}/${n}`);
const coded = (code: DatabaseError["code"], says = /./) => (error: unknown): boolean => {
  assert(error instanceof DatabaseError, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, says);
  return true;
};
/** The first head, of a batch without roles. */
const commitOf = (batch: string, firstVersion: number): Commit => {
  const pressed = (role: string, version: number) => ({ role, version, length: 1, sha256: "head", expiresMs: 1e12 });
  return {
    batch, base: "", pressedAtMs: 1, snapshot: pressed("snapshot", firstVersion), envelopes: [], garbageNotBeforeMs: 1,
    timestamp: { ...pressed("timestamp", firstVersion + 1), bytes: Buffer.from("{}") },
  };
};
const openChanges = (db: Database): ReturnType<Database["openChanges"]> => db.openChanges({ changes: 1e9, bytes: 1e12 });

/** Runs `source` in a process of its own; resolves with its lines when it ended. */
function child(source: string, onLine: (line: string, kill: () => void) => void = () => {}): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const script = join(folder, `${++files}.mjs`);
    writeFileSync(script, source);
    const started = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
    const lines: string[] = [];
    let rest = "";
    started.stdout.setEncoding("utf8");
    started.stdout.on("data", (chunk: string) => {
      const parts = (rest + chunk).split("\n");
      rest = parts.pop() ?? "";
      for (const line of parts) {
        lines.push(line);
        onLine(line, () => started.kill("SIGKILL"));
      }
    });
    started.on("error", reject);
    started.on("close", () => { resolve(lines); });
  });
}

const driver = JSON.stringify(new URL("./sqlite.ts", import.meta.url).href);

describe("a process that is killed", () => {
  test("loses no request whose accept resolved", { timeout: 60_000 }, async () => {
    const file = fresh();
    const reported = await child(`
      import { openSqlite } from ${driver};
      const db = await openSqlite({ file: ${JSON.stringify(file)} });
      const one = async (n) => {
        for (; ; n += 8) {
          const path = "p" + n;
          await db.accept({ task: { id: n.toString(16).padStart(32, "0"), kind: "add_artifacts", createdMs: 1, request: {} },
            changes: [{ kind: "add", role: "bins-0", path, fragment: "{}" }], held: false, limits: { changes: 1e9, bytes: 1e12 } });
          process.stdout.write(path + "\\n");
        }
      };
      await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(one));
    `, (() => {
      let lines = 0;
      return (_, kill) => { if (++lines === 500) kill(); };
    })());
    assert(reported.length >= 500);
    const db = await openSqlite({ file });
    const stored = new Set((await openChanges(db)).map(({ path }) => path));
    assert.deepEqual(reported.filter((path) => !stored.has(path)), []);
    for (const path of reported) assert(await db.getTask(hex(Number(path.slice(1)))));
    assert.equal((await db.backlog()).changes, stored.size);
    await db.close();
  });

  test("in the middle of a large request leaves nothing of it", { timeout: 60_000 }, async () => {
    const file = fresh();
    const said = await child(`
      import { openSqlite } from ${driver};
      import { DatabaseSync } from "node:sqlite";
      const db = await openSqlite({ file: ${JSON.stringify(file)} });
      const changes = Array.from({ length: 200_000 }, (_, n) => ({ kind: "add", role: "r", path: "p" + n, fragment: "{}" }));
      db.accept({ task: { id: "1".padStart(32, "0"), kind: "add_artifacts", createdMs: 1, request: {} }, changes, held: false, limits: { changes: 1e9, bytes: 1e12 } });
      const other = new DatabaseSync(${JSON.stringify(file)}, { readOnly: true });
      const rows = other.prepare("SELECT count(*) AS n FROM change");
      const look = () => rows.get().n > 4000 ? process.stdout.write("now\\n") : setImmediate(look);
      look();
    `, (_, kill) => kill());
    assert.deepEqual(said, ["now"]);
    const db = await openSqlite({ file });
    assert.deepEqual(await openChanges(db), []);
    assert.equal(await db.getTask(hex(1)), undefined);
    assert.equal((await db.backlog()).changes, 0);
    const raw = new DatabaseSync(file, { readOnly: true });
    assert.equal(raw.prepare("SELECT (SELECT count(*) FROM change) + (SELECT count(*) FROM staging) AS n").get()?.["n"], 0);
    raw.close();
    await db.close();
  });

  test("frees the file for the next", { timeout: 60_000 }, async () => {
    const file = fresh();
    const said = await child(`
      import { openSqlite } from ${driver};
      await openSqlite({ file: ${JSON.stringify(file)} });
      process.stdout.write("open\\n");
      setInterval(() => {}, 1000);
    `, (_, kill) => kill());
    assert.deepEqual(said, ["open"]);
    await (await openSqlite({ file })).close();
  });
});

describe("the file", () => {
  test("is refused, by its name, while another process has it", { timeout: 60_000 }, async () => {
    const file = fresh();
    const db = await openSqlite({ file });
    const [said] = await child(`
      import { openSqlite } from ${driver};
      await openSqlite({ file: ${JSON.stringify(file)} }).then(() => console.log("opened"), (e) => console.log(JSON.stringify([e.code, e.message])));
    `);
    assert.deepEqual(JSON.parse(said ?? ""), ["unavailable", `the database ${file} is used by another process (it holds ${file}.lock)`]);
    await db.accept(request(1, ["a"]));
    await db.close();
  });

  test("is refused to a second opener in this process too", async () => {
    const file = fresh();
    const db = await openSqlite({ file });
    await assert.rejects(openSqlite({ file }), coded("unavailable", /another process/));
    await db.close();
    await (await openSqlite({ file })).close();
  });

  test("in a folder that is not there is unavailable", async () => {
    await assert.rejects(openSqlite({ file: join(folder, "none", "x.db") }), coded("unavailable", /none/));
  });

  test("that is no database, or another program's, is damaged and stays as it is", async () => {
    const text = fresh();
    writeFileSync(text, "this is no database, whatever its name says".repeat(100));
    await assert.rejects(openSqlite({ file: text }), coded("damaged", /no SQLite database/));
    const foreign = fresh();
    const db = new DatabaseSync(foreign);
    db.exec("CREATE TABLE t (x)");
    db.close();
    await assert.rejects(openSqlite({ file: foreign }), coded("damaged", /another program/));
  });

  test("of a newer release is refused", async () => {
    const file = fresh();
    await (await openSqlite({ file })).close();
    const db = new DatabaseSync(file);
    db.exec("PRAGMA user_version = 999");
    db.close();
    await assert.rejects(openSqlite({ file }), coded("newer-schema", /999/));
  });

  test("is synced at every commit", async () => {
    const raw = openForWriting(fresh(), 100);
    assert.equal(raw.prepare("PRAGMA synchronous").get()?.["synchronous"], 2);
    assert.equal(raw.prepare("PRAGMA journal_mode").get()?.["journal_mode"], "wal");
    raw.close();
  });
});

describe("migrate", () => {
  test("runs only what is missing, and all of it or nothing", () => {
    const raw = openForWriting(fresh(), 100);
    migrate(raw, "f", ["CREATE TABLE a (x) STRICT".replace("x", "x TEXT")]);
    assert.throws(() => migrate(raw, "f", ["never run again", "CREATE TABLE b (x TEXT) STRICT", "this is wrong"]));
    assert.equal(raw.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"], 1);
    migrate(raw, "f", ["never run again", "CREATE TABLE b (x TEXT) STRICT"]);
    assert.equal(raw.prepare("PRAGMA user_version").get()?.["user_version"], 2);
    raw.close();
  });

  test("a file from before lists were kept lists its tasks and artifacts", async () => {
    const file = fresh();
    const raw = openForWriting(file, 100);
    migrate(raw, file, MIGRATIONS.slice(0, 4));
    const body = (state: string, error?: string): string => JSON.stringify({ state, message: "m".repeat(500), ...(error === undefined ? {} : { error }), details: { a: ["b"] }, lastUpdateMs: 9 });
    raw.exec(`
      INSERT INTO task (id, kind, created_ms, request, held, open) VALUES ('${hex(1)}', 'add_artifacts', 5, '{"paths":["a"]}', 0, 0), ('${hex(2)}', 'bootstrap', 6, '{}', 0, 0), ('${hex(3)}', 'bootstrap', 7, '{}', 0, 0);
      INSERT INTO result VALUES (1, NULL, 9, '${body("SUCCESS")}'), (2, NULL, 9, '${body("ERRORED", "because")}');
      INSERT INTO artifact VALUES ('bins-0', 'a', '{}');
    `);
    raw.close();
    const db = await openSqlite({ file });
    const { rows } = await db.tasks({}, undefined, 10);
    assert.deepEqual(rows.map(({ id, createdMs, result }) => [id, createdMs, result?.state, result?.message.length, result?.error]), [
      [hex(3), 7, undefined, undefined, undefined], [hex(2), 6, "ERRORED", 300, "because"], [hex(1), 5, "SUCCESS", 300, undefined],
    ]);
    assert.deepEqual((await db.tasks({ state: "SUCCESS" }, undefined, 10)).rows.map(({ id }) => id), [hex(1)]);
    assert.deepEqual((await db.getTask(hex(1)))?.result?.details, { a: ["b"] });
    assert.deepEqual(await db.artifacts({}, undefined, 10), [{ path: "a", role: "bins-0", fragment: "{}" }]);
    assert.deepEqual(await db.notices("", 10), { rows: [], missed: false });
    await db.close();
  });

  test("artifacts in many strands are listed in one order, whatever the page", async () => {
    const file = fresh();
    await (await openSqlite({ file })).close();
    const raw = openForWriting(file, 100);
    // One strand has a whole stretch of paths for itself, one has a single path, one none; some paths lie in two roles.
    const rows = Array.from({ length: 240 }, (_, n) => {
      const path = n < 80 ? `m/${String(n).padStart(3, "0")}` : `${["a", "m", "z", "é", "\u{1f600}"][(n * 7) % 5] ?? ""}/${String((n * 7919) % 240)}`;
      return { role: `r${String(n % 3)}`, path, strand: n < 80 ? 5 : n === 80 ? 9 : (n * 31) % 5 };
    });
    raw.exec("BEGIN");
    const insert = raw.prepare("INSERT INTO artifact (role, path, fragment, strand) VALUES (?, ?, '{}', ?) ON CONFLICT DO NOTHING");
    for (const { role, path, strand } of rows) insert.run(role, path, strand);
    raw.exec("COMMIT");
    raw.close();
    const db = await openSqlite({ file });
    const byPlace = (a: { path: string; role: string }, b: { path: string; role: string }): number => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)) || (a.role < b.role ? -1 : 1);
    const all = [...new Map(rows.map(({ role, path }) => [`${role} ${path}`, { path, role }])).values()].sort(byPlace);
    for (const range of [{}, { from: "m/", before: "m0" }, { from: "m/05" }, { before: "n" }]) {
      const expected = all.filter(({ path }) => Buffer.compare(Buffer.from(path), Buffer.from(range.from ?? "")) >= 0 && (range.before === undefined || Buffer.compare(Buffer.from(path), Buffer.from(range.before)) < 0));
      for (const limit of [1, 7, 1000]) {
        const found: { path: string; role: string }[] = [];
        for (let page = await db.artifacts(range, undefined, limit); page.length > 0; page = await db.artifacts(range, found.at(-1), limit)) found.push(...page.map(({ path, role }) => ({ path, role })));
        assert.deepEqual(found, expected, `${JSON.stringify(range)} by ${String(limit)}`);
      }
    }
    await db.close();
  });

  test("a list of tasks looks at so many at most, and goes on from there", async () => {
    const db = await openSqlite({ file: fresh() });
    for (let n = 1; n <= 25; n++) await db.accept(request(n, [`p${n}`], n === 1 ? { held: true } : {}));
    await db.accept(request(26, [], { result: { state: "SUCCESS", message: "", lastUpdateMs: 1 } }));
    const pages: string[][] = [];
    for (let after: Parameters<Database["tasks"]>[1], more = true; more;) {
      const { rows, next } = await db.tasks({ kind: "add_artifacts", state: "SUCCESS", createdFromMs: 0 }, after, 1);
      pages.push(rows.map(({ id }) => id));
      more = next !== undefined;
      after = next;
    }
    assert.deepEqual(pages, [[hex(26)]]);
    const { rows, next } = await db.tasks({ kind: "bootstrap", state: "open" }, undefined, 1);
    assert.deepEqual([rows, next], [[], undefined]);
    const open = await db.tasks({ state: "ERRORED" }, undefined, 1);
    assert.deepEqual(open, { rows: [] });
    await db.close();
  });

  test("makes strict tables only", () => {
    const raw = openForWriting(fresh(), 100);
    migrate(raw, "f");
    const lax = raw.prepare("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite_%'").all();
    assert.deepEqual(lax, []);
    assert.equal(MIGRATIONS.length, raw.prepare("PRAGMA user_version").get()?.["user_version"]);
    raw.close();
  });
});

describe("a fault of the disk", () => {
  test("full is unavailable, and what was begun is undone", () => {
    const file = fresh();
    const raw = openForWriting(file, 100);
    raw.exec("CREATE TABLE t (x TEXT) STRICT; PRAGMA max_page_count = 10");
    const db = new Connection(raw, file);
    assert.throws(() => db.transaction(() => { for (let i = 0; i < 100; i++) db.run("INSERT INTO t VALUES (?)", "x".repeat(1000)); }), coded("unavailable", /full/));
    assert.equal(db.get("SELECT count(*) AS n FROM t")?.["n"], 0);
    db.transaction(() => db.run("INSERT INTO t VALUES ('fits')"));
    db.close();
  });

  test("locked by a stranger's connection is unavailable, and over when that ends", () => {
    const file = fresh();
    const db = new Connection(openForWriting(file, 20), file);
    db.transaction(() => db.run("CREATE TABLE t (x TEXT) STRICT"));
    const stranger = new DatabaseSync(file);
    stranger.exec("BEGIN IMMEDIATE");
    assert.throws(() => db.transaction(() => undefined), coded("unavailable", /locked/));
    stranger.close();
    db.transaction(() => undefined);
    db.close();
  });

  test("at the commit is unclear, and nothing more is written", () => {
    const file = fresh();
    const raw = openForWriting(file, 100);
    const db = new Connection(raw, file);
    db.transaction(() => db.run("CREATE TABLE t (x TEXT) STRICT"));
    const failing = new Connection(new Proxy(raw, {
      get: (target, name) => {
        if (name === "prepare") {
          return (sql: string) => sql === "COMMIT"
            ? { run: () => { throw Object.assign(new Error("disk I/O error"), { code: "ERR_SQLITE_ERROR", errcode: 10 }); } }
            : target.prepare(sql);
        }
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === "function" ? member.bind(target) as unknown : member;
      },
    }), file);
    assert.throws(() => failing.transaction(() => failing.run("INSERT INTO t VALUES ('x')")), coded("unclear"));
    assert.throws(() => failing.transaction(() => failing.run("INSERT INTO t VALUES ('y')")), coded("unavailable", /opened anew/));
    raw.close();
  });

  test("a page that is broken is damaged", async () => {
    const file = fresh();
    const db = await openSqlite({ file });
    await db.accept(request(1, many("p", 1500)));
    await db.close();
    assert(!existsSync(`${file}-wal`), "nothing is left in the log");
    const { open } = await import("node:fs/promises");
    const handle = await open(file, "r+");
    const { size } = await handle.stat();
    await handle.write(Buffer.alloc(size - 4096, 0xa5), 0, size - 4096, 4096); // all but the header's page
    await handle.close();
    await assert.rejects((async () => {
      const again = await openSqlite({ file });
      try {
        await openChanges(again);
      } finally {
        await again.close();
      }
    })(), coded("damaged"));
  });
});

/** A request without changes, as it comes to the database's thread. */
const accepting = {
  task: { id: hex(1), kind: "add_artifacts", createdMs: 1, request: "{}" }, changes: { flat: [] }, count: 0, bytes: 0, held: false, releaseHeld: false, result: undefined, settings: [],
  expectBootstrap: undefined, event: undefined, import: undefined, idempotency: undefined, limits: { changes: 1, bytes: 1 },
};

/** What the database's thread does its work with, on this one. */
function writerOn(
  file: string, { aside, copier, takeIn = () => undefined, sendOff = () => undefined }: { readonly aside?: StepAside; readonly copier?: LogCopier; readonly takeIn?: () => void; readonly sendOff?: () => void },
) {
  const raw = openForWriting(file, 100);
  migrate(raw, file);
  const db = new Connection(raw, file);
  return { writer: new Writer(db, Date.now, () => undefined, { takeIn, sendOff }, copier, aside), raw, db };
}

describe("threads", () => {
  test("another thread reads and writes through a connector, and hears hints", { timeout: 30_000 }, async () => {
    const db = await openSqlite({ file: fresh() });
    const connector = db.connector();
    const worker = new Worker(`
      import { workerData, parentPort } from "node:worker_threads";
      const { connectSqlite } = await import(${driver});
      const db = connectSqlite(workerData.connector);
      const stop = db.subscribe("work", async () => {
        stop();
        const [change] = await db.openChanges({ changes: 1, bytes: 1 });
        await db.accept({ task: { id: "2".padStart(32, "0"), kind: "add_artifacts", createdMs: 1, request: {} },
          changes: [{ kind: "remove", role: "r", path: change.path, fragment: "" }], held: true, limits: { changes: 9, bytes: 999 } });
        await db.close();
      });
      parentPort.postMessage("ready");
    `, { eval: true, execArgv: ["--input-type=module"], workerData: { connector }, transferList: [...connector.transferList] });
    await new Promise((resolve) => worker.once("message", resolve));
    const ended = new Promise((resolve) => worker.once("exit", resolve));
    await db.accept(request(1, ["a"]));
    assert.equal(await ended, 0, "and its thread ends by itself");
    assert.equal((await db.getTask(hex(2)))?.held, true);
    await db.close();
  });

  test("what a thread that died had staged is removed", { timeout: 30_000 }, async () => {
    const file = fresh();
    const db = await openSqlite({ file });
    const connector = db.connector();
    const other = connectSqlite(connector);
    const pending = other.accept(request(1, many("p", 50_000)));
    const raw = new DatabaseSync(file, { readOnly: true });
    const staged = (): number => Number(raw.prepare("SELECT count(*) AS n FROM staging").get()?.["n"]);
    const change = (): number => Number(raw.prepare("SELECT count(*) AS n FROM change").get()?.["n"]);
    while (staged() === 0) await new Promise(setImmediate);
    const refused = assert.rejects(pending, coded("unclear"));
    await other.close();
    await refused;
    while (staged() > 0) await new Promise(setImmediate);
    assert.equal(change(), 0);
    raw.close();
    assert.equal(await db.getTask(hex(1)), undefined);
    await db.close();
  });

  test("what a thread that died was cutting is open again", { timeout: 30_000 }, async () => {
    const db = await openSqlite({ file: fresh() });
    const lease = (await db.takeLease("one", 15_000))!;
    await db.accept(request(1, many("p", 5_000)));
    const changes = (await openChanges(db)).map(({ id, task, role }) => ({ id, task, outcome: "apply", role } as const));
    const other = connectSqlite(db.connector());
    const resting = Promise.withResolvers<undefined>();
    let rests = 0;
    const cut = other.cut(lease, { id: hex(40), base: "", changes, roles: ["bins-0"] }, () => {
      if (++rests < 2) return Promise.resolve();
      resting.resolve(undefined);
      return new Promise(() => undefined);
    });
    cut.catch(() => undefined);
    await resting.promise;
    while ((await openChanges(db)).length === 5_000) await new Promise(setImmediate);
    await other.close();
    while ((await openChanges(db)).length < 5_000) await new Promise(setImmediate);
    await db.cut(lease, { id: hex(40), base: "", changes, roles: ["bins-0"] });
    assert.deepEqual((await db.openBatches()).map(({ changes: bound }) => bound), [5_000], "and may be cut again");
    await db.close();
  });

  test("of a large cut that fails halfway nothing stays bound", { timeout: 30_000 }, async () => {
    const db = await openSqlite({ file: fresh() });
    const lease = (await db.takeLease("one", 15_000))!;
    await db.accept(request(1, many("p", 5_000)));
    const changes = (await openChanges(db)).map(({ id, task, role }) => ({ id, task, outcome: "apply", role } as const));
    const unknown = { ...changes[0]!, id: 999_999 };
    await assert.rejects(db.cut(lease, { id: hex(40), base: "", changes: [...changes.slice(1), unknown], roles: [] }), coded("stale-base"));
    assert.equal((await openChanges(db)).length, 5_000);
    assert.deepEqual(await db.openBatches(), []);
    await db.close();
  });

  test("a small request does not wait for a large one", { timeout: 30_000 }, async () => {
    const db = await openSqlite({ file: fresh() });
    const order: string[] = [];
    const large = db.accept(request(1, many("large", 60_000))).then(() => order.push("large"));
    await db.accept(request(2, ["small"])).then(() => order.push("small"));
    await large;
    assert.deepEqual(order, ["small", "large"]);
    await db.close();
  });

  test("others are published between the slices of a large cut", { timeout: 30_000 }, async () => {
    const db = await openSqlite({ file: fresh() });
    const lease = (await db.takeLease("one", 15_000))!;
    await db.accept(request(1, many("p", 30_000)));
    const changes = (await openChanges(db)).map(({ id, task, role }) => ({ id, task, outcome: "apply", role } as const));
    let over = false;
    const large = db.cut(lease, { id: hex(40), base: "", changes, roles: ["bins-0"] }).finally(() => { over = true; });
    const { firstVersion } = await db.cut(lease, { id: hex(41), base: "", changes: [], roles: [] });
    await db.commit(lease, commitOf(hex(41), firstVersion));
    assert.equal(over, false);
    await large;
    assert.deepEqual((await db.openBatches()).map(({ id, base, changes: bound }) => [id, base, bound]), [[hex(40), "", 30_000]]);
    await db.close();
  });

  test("folding gives up its slice for what is urgent, three times in a row at most, and is answered after it", { timeout: 30_000 }, async () => {
    const file = fresh();
    const db = await openSqlite({ file });
    const lease = (await db.takeLease("one", 60_000))!;
    await db.accept(request(1, many("p", 3000)));
    const changes = (await openChanges(db)).map(({ id, task, role }) => ({ id, task, outcome: "apply", role } as const));
    const { firstVersion } = await db.cut(lease, { id: hex(40), base: "", changes, roles: [] });
    await db.commit(lease, commitOf(hex(40), firstVersion));
    await db.close();
    const raw = new Connection(openForWriting(file, 100), file);
    const rows = (): unknown => raw.get("SELECT count(*) AS n FROM artifact")?.["n"];
    const urgent = { waits: () => true, gaveUp: 0 };
    for (let i = 0; i < 3; i++) {
      const steps = fold(raw, lease, 2000, Date.now, urgent);
      assert.deepEqual([steps.next(), rows()], [{ done: false, value: undefined }, 0], "it steps aside, and nothing of it stays");
      assert.deepEqual(steps.next(), { done: true, value: { remaining: true } });
    }
    assert.deepEqual([fold(raw, lease, 2000, Date.now, urgent).next(), rows()], [{ done: true, value: { remaining: true } }, 2000]);
    fold(raw, lease, 2000, Date.now, urgent).next();
    assert.equal(rows(), 2000, "once one is folded, the next is given up again");
    while (!(fold(raw, lease, 100, Date.now, { waits: () => false, gaveUp: 0 }).next().done ?? false) || rows() !== 3000);
    assert.deepEqual(raw.all("SELECT DISTINCT strand > 0 AS large FROM artifact").map(({ large }) => large), [1], "what is folded in few rows at a time is listed with its batch");
    raw.close();
  });

  test("the log is copied to the file with a commit when it is long, and not before", () => {
    const file = fresh();
    const raw = new Connection(openForWriting(file, 100), file);
    raw.transaction(() => raw.run("CREATE TABLE t (x TEXT) STRICT"));
    const before = statSync(file).size;
    const write = (rows: number): void => { raw.transaction(() => { for (let i = 0; i < rows; i++) raw.run("INSERT INTO t VALUES (?)", "x".repeat(8_000)); }); };
    write(2_500);
    assert.equal(statSync(file).size, before, "20 MB of log");
    raw.copyLog();
    assert.ok(statSync(file).size > before + 20_000_000);
    write(9_000);
    assert.ok(statSync(file).size > before + 90_000_000, "when nobody else copies it, somebody's commit does");
    raw.close();
  });

  test("while the log is copied requests are taken and published, and nothing long is done; then it begins anew", async () => {
    const file = fresh();
    const copies: PromiseWithResolvers<void>[] = [];
    const copier = { copy: () => (copies.push(Promise.withResolvers()), copies.at(-1)!.promise) };
    const { writer, raw, db } = writerOn(file, { copier, aside: new StepAside({ quietMs: 0, mostMs: 0 }) });
    const events: string[] = [];
    const nobody = { number: 1, holder: "nobody" };
    const submit = (method: string, ...args: unknown[]): void => { writer.submit({ call: 1, method, args } as never, () => { events.push(method); }); };
    const part = (after: number, count: number): object => ({
      task: hex(1), writer: "w", after, total: count, offset: 0, flat: Array.from({ length: count }, (_, n) => [n, "bins-0", `p${String(n)}`, "{}"]).flat(), ends: { lines: after + count, invalid: 0 },
    });
    const before = statSync(file).size;
    submit("openImport", { task: hex(1), principal: "", key: "k", writer: "w", maxChanges: 100_000, maxOpen: 1 });
    submit("stageRun", part(0, 39_000));
    for (let i = 0; i < 2; i++) writer.turn();
    assert.equal(copies.length, 0);
    submit("stageRun", part(39_000, 2_000));
    writer.turn();
    assert.equal(copies.length, 1);
    submit("stageRun", part(41_000, 1));
    submit("cutOn", nobody, { id: "", changes: [], isLast: true, patiently: true });
    submit("fold", nobody, 100, false);
    submit("fold", nobody, 100, true);
    submit("accept", accepting);
    submit("allocate", nobody, 1, 0);
    events.length = 0;
    for (let i = 0; i < 5; i++) writer.turn();
    assert.deepEqual(events, ["accept", "allocate"]);
    copies[0]!.resolve();
    await writer.copied();
    while (events.length < 6) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(events.slice(2), ["stageRun", "cutOn", "fold", "fold"]);
    assert.ok(statSync(file).size > before + 2_000_000, "the writing connection copies what nobody else did");
    db.transaction(() => db.run("UPDATE backlog SET bytes = 0"));
    assert.equal(copies.length, 1, "nobody copies a short log");
    writer.finish();
    raw.close();
  });

  test("the log is copied by a thread that ends when it is idle, and begins again; what it cannot copy it leaves", { timeout: 30_000 }, async () => {
    const file = fresh();
    const raw = new Connection(openForWriting(file, 100), file);
    raw.transaction(() => raw.run("CREATE TABLE t (x TEXT) STRICT"));
    const copier = logCopier(file, 100, 20);
    for (let round = 1; round < 3; round++) {
      raw.transaction(() => { for (let i = 0; i < 100; i++) raw.run("INSERT INTO t VALUES (?)", "x".repeat(8_000)); });
      await copier.copy();
      assert.ok(statSync(file).size > round * 800_000);
      while (copier.isRunning) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    raw.close();
    await logCopier(join(folder, "no", "such.db"), 100).copy();
  });

  test("a large cut says whether others pass it, and of its changes what is bound", async () => {
    const file = fresh();
    await (await openSqlite({ file })).close();
    const { port1, port2 } = new MessageChannel();
    const db = connectSqlite({ file, busyTimeoutMs: 100, port: port1, clock: undefined, transferList: [] });
    const slices: unknown[] = [];
    port2.on("message", (calls: readonly { readonly call: number; readonly method: string; readonly args: readonly unknown[] }[]) => {
      for (const { call, method, args } of calls) {
        if (method === "cutOn") slices.push(args[1]);
        port2.postMessage([{ call, value: {} }]);
      }
    });
    const one = { id: 1, task: "t", outcome: "apply" as const, role: "bins-0" };
    const changes = Array.from({ length: 101 }, () => ({ ...one, path: "p", fragment: "{}" }));
    const batch = { id: hex(1), base: "", changes, roles: [] };
    await db.cut({ number: 1, holder: "" }, batch);
    await db.cut({ number: 1, holder: "" }, batch, () => Promise.resolve());
    const slice = { id: hex(1), changes: changes.map(() => one), isLast: true };
    assert.deepEqual(slices, [{ ...slice, patiently: false }, { ...slice, patiently: true }]);
    await db.close();
    port2.close();
  });

  test("an import's log stays short, and nothing is left of it at the end", { timeout: 30_000 }, async () => {
    const file = fresh();
    const db = await openSqlite({ file });
    await db.openImport({ task: hex(1), principal: "", key: "k", writer: "w", maxChanges: 1e6, maxOpen: 1 });
    const changes = Array.from({ length: 20_000 }, (_, n) => ({ kind: "add" as const, role: "bins-0", path: `p${String(n)}`, fragment: "x".repeat(1_000) }));
    const add = (piece: number): Promise<void> => db.stageImport({ task: hex(1), writer: "w", after: piece * 20_000, lines: (piece + 1) * 20_000, invalid: 0, changes });
    for (let piece = 0; piece < 5; piece++) await add(piece);
    assert.ok(statSync(file).size > 40_000_000 && statSync(`${file}-wal`).size < 60_000_000, `${String(statSync(file).size)} and ${String(statSync(`${file}-wal`).size)}`);
    // A copy begins with the last of these, and closing waits for it.
    await add(5);
    await db.close();
    assert.ok(!existsSync(`${file}-wal`));
  });

  test("an accepted request is answered before a slice of something else", () => {
    const events: string[] = [];
    const { writer, raw } = writerOn(fresh(), { sendOff: () => { events.push("sent off"); } });
    writer.submit({ call: 1, method: "fold", args: [{ number: 1, holder: "nobody" }, 100] } as never, () => { events.push("folded"); });
    writer.submit({ call: 2, method: "accept", args: [accepting] } as never, (outcome) => { events.push("value" in outcome ? "accepted" : "refused"); });
    writer.finish();
    assert.deepEqual(events, ["accepted", "sent off", "folded"]);
    raw.close();
  });

  test("folding, what an import writes ahead, and a large cut stand aside for the steps of a request that was accepted, and for its readers", () => {
    const events: string[] = [];
    const aside = new StepAside({ quietMs: 60_000, mostMs: 120_000, lingerMs: 50_000 });
    const { writer, raw } = writerOn(fresh(), { aside });
    const nobody = { number: 1, holder: "nobody" };
    const submit = (method: string, ...args: unknown[]): void => { writer.submit({ call: 1, method, args } as never, () => { events.push(method); }); };
    const seen = (event: string) => (): void => { events.push(event); };
    submit("accept", accepting);
    writer.submit({ call: 1, method: "fold", args: [nobody, 100, true] } as never, seen("fold behind"));
    submit("fold", nobody, 100, false);
    submit("stageRun", { task: "", writer: "", flat: [] });
    submit("cutOn", nobody, { id: "", changes: [], isLast: true, patiently: true });
    submit("allocate", nobody, 1, 0);
    for (let i = 0; i < 2; i++) assert.equal(writer.turn(), 0);
    assert.ok(writer.turn() > 50_000);
    assert.deepEqual(events, ["accept", "allocate", "fold"]);
    submit("markVisible", nobody, 1);
    writer.turn();
    const lingers = writer.turn();
    assert.ok(lingers > 40_000 && lingers <= 50_000, String(lingers));
    writer.finish();
    assert.deepEqual(events, ["accept", "allocate", "fold", "markVisible", "stageRun", "cutOn", "fold behind"]);
    raw.close();
  });

  test("a large cut that nobody passes stands aside for nobody: who was accepted may be in it", () => {
    const events: string[] = [];
    const { writer, raw } = writerOn(fresh(), { aside: new StepAside({ quietMs: 60_000, mostMs: 60_000 }) });
    const nobody = { number: 1, holder: "nobody" };
    const submit = (method: string, ...args: unknown[]): void => { writer.submit({ call: 1, method, args } as never, () => { events.push(method); }); };
    submit("accept", accepting);
    submit("cutOn", nobody, { id: "", changes: [], isLast: false, patiently: false });
    assert.equal(writer.turn(), 0);
    submit("cutOn", nobody, { id: "", changes: [], isLast: true, patiently: true });
    assert.ok(writer.turn() > 0);
    assert.deepEqual(events, ["accept", "cutOn"]);
    writer.finish();
    raw.close();
  });

  test("whoever is accepted begins, and each call is a step", () => {
    const steps: string[] = [];
    const aside = new StepAside({ quietMs: 1, mostMs: 1 });
    aside.begins = () => { steps.push("begins"); };
    aside.goesOn = () => { steps.push("goes on"); };
    const { writer, raw } = writerOn(fresh(), { aside });
    writer.submit({ call: 1, method: "accept", args: [accepting] } as never, () => undefined);
    writer.submit({ call: 2, method: "allocate", args: [{ number: 1, holder: "nobody" }, 1, 0] } as never, () => undefined);
    writer.submit({ call: 3, method: "fold", args: [{ number: 1, holder: "nobody" }, 1, false] } as never, () => undefined);
    writer.finish();
    assert.deepEqual(steps, ["begins", "goes on"], "folding is none");
    raw.close();
  });

  test("a step of what was accepted, and a small cut, end a slice of folding early; a step of anything else does not", { timeout: 30_000 }, async () => {
    for (const [method, isOn, first] of [["allocate", true, "allocate"], ["allocate", false, "fold"], ["cut", false, "cut"]] as const) {
      const file = fresh();
      const db = await openSqlite({ file });
      const lease = (await db.takeLease("one", 60_000))!;
      await db.accept(request(1, many("p", 3000)));
      const changes = (await openChanges(db)).map(({ id, task, role }) => ({ id, task, outcome: "apply", role } as const));
      const { firstVersion } = await db.cut(lease, { id: hex(40), base: "", changes, roles: [] });
      await db.commit(lease, commitOf(hex(40), firstVersion));
      await db.close();
      const events: string[] = [];
      const aside = new StepAside({ quietMs: 60_000, mostMs: 60_000 });
      let arrives = (): void => undefined;
      const { writer, raw } = writerOn(file, { aside, takeIn: () => { arrives(); } });
      if (isOn) aside.begins(performance.now());
      arrives = () => {
        arrives = () => undefined;
        const args = method === "cut" ? [lease, { id: hex(41), base: "", changes: [], roles: [] }, 0] : [lease, 1, 0];
        writer.submit({ call: 2, method, args } as never, () => { events.push(method); });
      };
      writer.submit({ call: 1, method: "fold", args: [lease, 2_000, false] } as never, () => { events.push("fold"); });
      writer.finish();
      assert.equal(events[0], first);
      raw.close();
    }
  });

  test("closing does first what was asked before", async () => {
    const file = fresh();
    const db = await openSqlite({ file });
    const asked = Promise.all(Array.from({ length: 50 }, (_, n) => db.accept(request(n, [`p${n}`]))));
    await db.close();
    await asked;
    const again = await openSqlite({ file });
    assert.equal((await openChanges(again)).length, 50);
    await again.close();
    await again.close();
  });

  test("requests that wait together share one commit", async () => {
    const file = fresh();
    const db = await openSqlite({ file });
    const raw = new DatabaseSync(file, { readOnly: true });
    const version = (): number => Number(raw.prepare("PRAGMA data_version").get()?.["data_version"]);
    const before = version();
    let commits = 0;
    let last = before;
    const stop = db.subscribe("work", () => { commits += 1; last = version(); });
    await Promise.all(Array.from({ length: 100 }, (_, n) => db.accept(request(n, [`p${n}`]))));
    stop();
    assert(commits <= 20, `${commits} commits for 100 requests`);
    assert.notEqual(last, before);
    raw.close();
    await db.close();
  });
});
