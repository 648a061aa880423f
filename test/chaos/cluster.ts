// The service scaled out, as real processes: PostgreSQL, a bucket, APIs and workers, any of which may be killed or stopped.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openPostgres } from "../../src/drivers/database/postgres/postgres.ts";
import type { Database } from "../../src/ports/database.ts";
import { startProgram, type RunningService } from "../demo/running-service.ts";
import type { ObjectServer } from "../fakes/buckets/objects.ts";
import { openS3Server, S3_BUCKET } from "../fakes/buckets/s3.ts";
import { startPostgres, type PostgresServer } from "../servers/postgres.ts";
import { startReplicated, type ReplicatedServer } from "../servers/replicated.ts";

const DATABASE = "rstuf";

export interface ClusterOptions {
  readonly apis: number;
  readonly workers: number;
  readonly bins: number;
  readonly leaseMs: number;
  /** PostgreSQL has a standby that it waits for, to which it can fail over once. */
  readonly standby?: boolean;
}

/** One place among the processes: who runs there may change. */
export class Place {
  readonly kind: "api" | "worker";
  readonly #start: () => Promise<RunningService>;
  #running: RunningService | undefined;
  #stopped = false;

  constructor(kind: "api" | "worker", start: () => Promise<RunningService>) {
    this.kind = kind;
    this.#start = start;
  }

  async start(): Promise<void> {
    this.#running = await this.#start();
  }

  /** Where it answers, while it runs. */
  get origin(): string | undefined {
    return this.#stopped ? undefined : this.#running?.origin;
  }

  /** SIGKILL; resolves when it is dead. */
  async kill(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.stop("SIGKILL");
  }

  /** SIGSTOP: it stands still between two instructions, its connections open. */
  stand(): void {
    this.#stopped = true;
    this.#running?.process.kill("SIGSTOP");
  }

  goOn(): void {
    this.#running?.process.kill("SIGCONT");
    this.#stopped = false;
  }

  async end(): Promise<number | null | undefined> {
    this.goOn();
    const running = this.#running;
    this.#running = undefined;
    return running?.stop("SIGTERM");
  }

  /** What it said on stderr. */
  get log(): string {
    return this.#running?.stderr() ?? "";
  }

  /** Whether it says that it leads. */
  async leads(): Promise<boolean> {
    if (this.kind === "api" || this.origin === undefined) return false;
    const text = await fetch(`${this.origin}/metrics`, { signal: AbortSignal.timeout(2_000) }).then((answer) => answer.text(), () => "");
    return /^rstuf_publisher_leading\S* 1$/m.test(text);
  }
}

/** What processes of a repository share. */
export interface Ground {
  readonly server: PostgresServer | ReplicatedServer;
  readonly bucket: ObjectServer;
  /** Where clients read. With a slash at its end. */
  readonly metadataUrl: string;
  readonly root: Buffer;
  readonly folder: string;
  /** A connection of the test's own. */
  readonly database: Database;
  readonly environment: Readonly<Record<string, string>>;
  readonly databaseName: string;
}

export interface Cluster extends Ground {
  readonly places: readonly Place[];
  /** Another API of those that run, each time. */
  anyApi(): string | undefined;
  end(): Promise<void>;
}

/** A database, a bucket, keys and a repository; what it starts goes with `parts`. */
export async function startGround(parts: AsyncDisposableStack, { bins, leaseMs, standby = false }: Pick<ClusterOptions, "bins" | "leaseMs" | "standby">): Promise<Ground> {
  const folder = mkdtempSync(join(tmpdir(), "rstuf-chaos-"));
  parts.defer(() => { rmSync(folder, { recursive: true, force: true, maxRetries: 5 }); });
  const server = standby ? await startReplicated() : await startPostgres();
  parts.defer(() => server.stop());
  await server.run(`CREATE DATABASE ${DATABASE}`);
  const bucket = await openS3Server();
  parts.defer(() => bucket.close());
  const environment = {
    RSTUF_DATABASE_URL: server.url(DATABASE), RSTUF_DATA_DIR: join(folder, "data"), RSTUF_PUBLISHER_LEASE_MS: String(leaseMs),
    RSTUF_STORAGE_KIND: "s3", RSTUF_STORAGE_BUCKET: S3_BUCKET, RSTUF_STORAGE_PREFIX: "tuf", RSTUF_STORAGE_ENDPOINT: bucket.url,
    RSTUF_STORAGE_ACCESS_KEY_ID: "id", RSTUF_STORAGE_SECRET_ACCESS_KEY: "hunter2", RSTUF_PUBLISHER_TICK_MS: "2000",
  };
  // A trial makes the keys and the repository, on the same database and bucket.
  const first = await startProgram(["serve", "--trial", "--bins", String(bins), "--port", "0"], environment);
  await first.stop("SIGTERM");
  const database = await openPostgres({ url: server.url(DATABASE), maxSessions: 3 });
  parts.defer(() => database.close());
  return {
    server, bucket, folder, database, environment, databaseName: DATABASE,
    metadataUrl: `${bucket.url}/${S3_BUCKET}/tuf/`, root: readFileSync(join(folder, "data", "trusted", "1.root.json")),
  };
}

export async function startCluster({ apis, workers, ...options }: ClusterOptions): Promise<Cluster> {
  const parts = new AsyncDisposableStack();
  try {
    const ground = await startGround(parts, options);
    // Batches of a few roles are shared, so that helpers die, too.
    const environment = { ...ground.environment, RSTUF_PUBLISHER_SHARE_FROM_ROLES: "4" };
    const places = [
      ...Array.from({ length: apis }, () => new Place("api", () => startProgram(["api", "--port", "0"], environment))),
      ...Array.from({ length: workers }, () => new Place("worker", () => startProgram(["worker", "--listen", "127.0.0.1:0"], environment))),
    ];
    for (const place of places) parts.defer(() => place.kill());
    await Promise.all(places.map((place) => place.start()));
    let turn = 0;
    return {
      ...ground,
      places,
      anyApi: () => {
        const origins = places.flatMap((place) => place.kind === "api" && place.origin !== undefined ? [place.origin] : []);
        return origins[turn++ % Math.max(origins.length, 1)];
      },
      end: () => parts.disposeAsync(),
    };
  } catch (error) {
    await parts.disposeAsync();
    throw error;
  }
}
