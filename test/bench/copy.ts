// npm run bench:copy -- [--rows 100000] [--rounds 5]: changes of a large request into our table, by `unnest` and by COPY.
//
// On one session of a server with our tables, their indexes, and every commit synced, as the driver's are. Rounds take turns.

import { parseArgs } from "node:util";
import { performance } from "node:perf_hooks";
import pg from "pg";
import { openPostgres } from "../../src/drivers/database/postgres/postgres.ts";
import { startPostgres } from "../servers/postgres.ts";

const { values } = parseArgs({ options: { rows: { type: "string", default: "100000" }, rounds: { type: "string", default: "5" } } });
const rows = Number(values.rows);

interface Change {
  readonly no: number;
  readonly role: string;
  readonly path: string;
  readonly fragment: string;
}

const COLUMNS = "no, owner, kind, role, path, fragment, bytes, held";
const fragment = `{"hashes":{"sha256":"${"ab".repeat(32)}"},"length":12345}`;
const changesFrom = (first: number, count: number): Change[] =>
  Array.from({ length: count }, (_, n) => ({ no: first + n, role: `bins-${(n % 16384).toString(16).padStart(4, "0")}`, path: `packages/py3/p/project-${String(n)}/wheel-${String(first + n)}.whl`, fragment }));

/** A statement as `pg` takes it, that answers the server's wish for rows. */
class CopyIn implements pg.Submittable {
  readonly done: Promise<void>;
  readonly #text: string;
  readonly #pieces: Iterable<Buffer>;
  #resolve: () => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor(text: string, pieces: Iterable<Buffer>) {
    this.#text = text;
    this.#pieces = pieces;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  submit(connection: pg.Connection): void {
    connection.query(this.#text);
  }

  handleCopyInResponse(connection: { sendCopyFromChunk(piece: Buffer): void; endCopyFrom(): void }): void {
    for (const piece of this.#pieces) connection.sendCopyFromChunk(piece);
    connection.endCopyFrom();
  }

  handleError(error: Error): void { this.#reject(error); }
  handleReadyForQuery(): void { this.#resolve(); }
  handleCommandComplete(): void { /* What counts is that it is ready again. */ }
}

/** Text format: tabs, line ends and backslashes are escaped. */
function* copyText(changes: readonly Change[]): Generator<Buffer> {
  const escaped = (text: string): string => (/[\\\t\n\r]/.test(text) ? text.replace(/[\\\t\n\r]/g, (one) => `\\${{ "\\": "\\", "\t": "t", "\n": "n", "\r": "r" }[one] ?? ""}`) : text);
  for (let from = 0; from < changes.length; from += 1000) {
    yield Buffer.from(changes.slice(from, from + 1000).map(({ no, role, path, fragment: text }) => `${String(no)}\t1\tadd\t${role}\t${escaped(path)}\t${escaped(text)}\t${String(path.length + text.length)}\tf\n`).join(""));
  }
}

const ways: readonly { readonly name: string; readonly write: (client: pg.Client, changes: readonly Change[]) => Promise<void> }[] = [
  ...[2_000, 10_000].map((slice) => ({
    name: `unnest, ${String(slice)} rows a statement`,
    write: async (client: pg.Client, changes: readonly Change[]): Promise<void> => {
      for (let from = 0; from < changes.length; from += slice) {
        const part = changes.slice(from, from + slice);
        await client.query({
          name: `unnest-${String(slice)}`,
          text: `INSERT INTO change (${COLUMNS}) SELECT w.no, 1, 'add', w.role, w.path, w.fragment, w.bytes, false FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[]) w(no, role, path, fragment, bytes)`,
          values: [part.map(({ no }) => no), part.map(({ role }) => role), part.map(({ path }) => path), part.map((one) => one.fragment), part.map((one) => one.path.length + one.fragment.length)],
        });
      }
    },
  })),
  {
    name: "COPY",
    write: async (client, changes) => { await client.query(new CopyIn(`COPY change (${COLUMNS}) FROM STDIN`, copyText(changes))).done; },
  },
];

const server = await startPostgres();
try {
  await (await openPostgres({ url: server.url("postgres") })).close();
  const client = new pg.Client(server.url("postgres"));
  await client.connect();
  await client.query("SET search_path = rstuf, pg_catalog");
  const figures = ways.map(({ name }) => ({ name, ms: [] as number[], cpu: [] as number[] }));
  let first = 1;
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [at, { write }] of ways.entries()) {
      const changes = changesFrom(first, rows);
      first += rows;
      const cpu = process.cpuUsage();
      const began = performance.now();
      await client.query("BEGIN");
      await write(client, changes);
      await client.query("COMMIT");
      figures[at]?.ms.push(performance.now() - began);
      const used = process.cpuUsage(cpu);
      figures[at]?.cpu.push((used.user + used.system) / 1000);
      await client.query("DELETE FROM change");
      await client.query("VACUUM change");
    }
  }
  const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;
  process.stdout.write(`${String(rows)} changes in one transaction\n${"".padEnd(34)}rows a second  ms of our CPU for 1,000\n`);
  for (const { name, ms, cpu } of figures) process.stdout.write(`${name.padEnd(34)}${String(Math.round(rows / (median(ms) / 1000))).padStart(13)}  ${(median(cpu) / (rows / 1000)).toFixed(1).padStart(23)}\n`);
  await client.end();
} finally {
  await server.stop();
}
