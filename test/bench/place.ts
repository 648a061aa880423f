// Where state and metadata lie while they are measured: SQLite and a folder, or PostgreSQL and a bucket.

import { randomBytes } from "node:crypto";
import { Client } from "pg";
import { openS3Storage } from "../../src/drivers/storage/s3/storage.ts";
import { openS3Server, S3_BUCKET } from "../fakes/buckets/s3.ts";
import { startPostgres } from "../servers/postgres.ts";
import { measureFolder, median, perSecond, type PlaceLimits } from "./limits.ts";
import { scratchFolder } from "./scratch.ts";

export interface Place {
  readonly name: "SQLite, folder" | "PostgreSQL, bucket";
  limits(): Promise<PlaceLimits>;
  /** For a service that starts on an empty database and an empty storage. */
  fresh(): Promise<Readonly<Record<string, string>>>;
  close(): Promise<void>;
}

export function folderPlace(): Place {
  return { name: "SQLite, folder", limits: () => measureFolder(), fresh: () => Promise.resolve({}), close: () => Promise.resolve() };
}

/** PostgreSQL on the disk of the temporary folder, every commit synced; the bucket is the S3 server of the tests, over HTTP, in this process's memory. */
export async function bucketPlace(): Promise<Place> {
  const folder = scratchFolder("rstuf-bench-pg-");
  const postgres = await startPostgres(["shared_buffers=128MB", "max_wal_size=1GB"], { base: folder });
  const server = await openS3Server();
  let databases = 0;
  const storage = (prefix: string): Promise<Awaited<ReturnType<typeof openS3Storage>>> =>
    openS3Storage({ bucket: S3_BUCKET, region: "us-east-1", endpoint: server.url, prefix, credentials: { accessKeyId: "bench", secretAccessKey: "bench" } });

  return {
    name: "PostgreSQL, bucket",
    async limits() {
      const bucket = await storage("limits/");
      const bytes = randomBytes(1024);
      const times: number[] = [];
      for (let i = 1; i <= 60; i++) {
        const start = performance.now();
        await bucket.create(`${String(i)}.one.json`, bytes);
        times.push(performance.now() - start);
      }
      const durableFiles = await perSecond(1600, (i) => bucket.create(`${String(i + 1)}.many.json`, bytes));
      const large = randomBytes(4 * 1024 * 1024);
      const bytesPerSecond = await perSecond(8, (i) => bucket.create(`${String(i + 1)}.large.json`, large), 2) * large.length;
      await bucket.close();
      return { durableFileMs: median(times), durableFiles, bulkFiles: durableFiles, bytes: bytesPerSecond, ...(await postgresLimits(postgres.url("postgres"))) };
    },
    async fresh() {
      databases += 1;
      const name = `bench${String(databases)}`;
      await postgres.run(`CREATE DATABASE ${name}`);
      return {
        RSTUF_DATABASE_URL: postgres.url(name), RSTUF_STORAGE_KIND: "s3", RSTUF_STORAGE_BUCKET: S3_BUCKET, RSTUF_STORAGE_REGION: "us-east-1", RSTUF_STORAGE_PREFIX: name,
        RSTUF_STORAGE_ENDPOINT: server.url, RSTUF_STORAGE_ACCESS_KEY_ID: "bench", RSTUF_STORAGE_SECRET_ACCESS_KEY: "bench",
      };
    },
    async close() {
      await server.close();
      await postgres.stop();
    },
  };
}

async function postgresLimits(url: string): Promise<Pick<PlaceLimits, "durableCommitMs" | "rows">> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('CREATE TABLE limits (role text COLLATE "C", path text COLLATE "C", fragment text, PRIMARY KEY (role, path))');
    const commits: number[] = [];
    const fragment = "x".repeat(100);
    for (let i = 0; i < 60; i++) {
      const start = performance.now();
      await client.query({ name: "one", text: "INSERT INTO limits VALUES ('one', $1, $2)", values: [String(i), fragment] });
      commits.push(performance.now() - start);
    }
    const count = 50_000;
    const slice = 1_000;
    const start = performance.now();
    await client.query("BEGIN");
    for (let at = 0; at < count; at += slice) {
      const paths = Array.from({ length: slice }, (_, i) => String(at + i).padStart(8, "0"));
      await client.query({ name: "many", text: "INSERT INTO limits SELECT 'many', * FROM unnest($1::text[], $2::text[])", values: [paths, paths.map(() => fragment)] });
    }
    await client.query("COMMIT");
    return { durableCommitMs: median(commits), rows: (count * 1000) / (performance.now() - start) };
  } finally {
    await client.end();
  }
}
