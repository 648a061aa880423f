// The real service on a disk that really fails and comes back: a folder that may not be
// written, one that is gone, and a disk that is full. Whatever was accepted is there afterwards.
//
// Root may write everywhere, so a service that root starts here runs as a user without rights.
// The full disk is a small file system in memory, mounted in a namespace of its own: nothing is
// left of it when its holder ends, and no rights are needed beyond those of a Linux user.

import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { succeeds, taskState } from "../kill/load.ts";
import { outputOf, TUF_JS, visit, type Fate } from "./clients.ts";
import { startWebServer, type Artifact, type WebServer } from "./web-server.ts";

const BIN = join(import.meta.dirname, "..", "..", "bin", "rstuf.js");
const NOBODY = 65_534;
/** Who the service runs as where the folder's permissions must mean something. */
const UNPRIVILEGED = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
const START_MS = 30_000;
/** The publisher tries again after 1/4, 1/2, 1, 2, 4 ... seconds. */
const PATIENCE_MS = 15_000;
/** Large next to what the publisher needs, small enough to be filled in a moment. */
const DISK = "16m";

let folder: string;
let web: WebServer;
const ends = new AsyncDisposableStack();
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "rstuf-full-disk-"));
  ends.defer(() => { rmSync(folder, { recursive: true, force: true }); });
  chmodSync(folder, 0o755);
  web = ends.use(await startWebServer(folder));
});
after(() => ends.disposeAsync());

// ---------------------------------------------------------------- the tests

const BROKEN: readonly { readonly name: string; readonly reason: RegExp; break(metadata: string): void; repair(metadata: string): void }[] = [
  {
    name: "may not be written",
    reason: /denied: cannot .*EACCES; give this user write access to the folder/,
    break: (metadata) => { chmodSync(metadata, 0o555); },
    repair: (metadata) => { chmodSync(metadata, 0o755); },
  },
  {
    name: "is gone",
    reason: /unavailable: cannot .*ENOENT; the folder is gone or not mounted/,
    break: (metadata) => { renameSync(metadata, `${metadata}.away`); },
    repair: (metadata) => { renameSync(`${metadata}.away`, metadata); },
  },
];

for (const [at, { name, reason, ...folderOf }] of BROKEN.entries()) {
  test(`the metadata folder ${name}: /readyz says so, and when it is back everything accepted is visible`, { timeout: 60_000 }, async () => {
    const readable = spawnSync(process.execPath, [BIN, "--version"], UNPRIVILEGED);
    assert.equal(readable.status, 0, `root may write everywhere, so this test needs a checkout that user ${String(NOBODY)} can read and a Node it can run; put them where that user may look`);
    const dataDir = join(folder, `data-${String(at)}`);
    mkdirSync(dataDir);
    if (UNPRIVILEGED.uid !== undefined) chownSync(dataDir, NOBODY, NOBODY);
    await using service = await Supervised.start({ dataDir, as: UNPRIVILEGED });
    const client = await clientOf(service, `client-${String(at)}`);
    const early = web.put(`early-${String(at)}`, "early");
    await succeeds(service.origin, taskOf(await service.add([early])));
    assert.deepEqual(await client([early]), fetched([early]));

    const metadata = join(dataDir, "metadata");
    folderOf.break(metadata);
    const late = web.put(`late-${String(at)}`, "late");
    const task = taskOf(await service.add([late]));
    assert.match(await service.halted(), reason);
    assert.notEqual((await taskState(service.origin, task)).state, "SUCCESS");
    folderOf.repair(metadata);

    await succeeds(service.origin, task);
    await service.ready();
    assert.deepEqual(await client([early, late]), fetched([early, late]));
    assert.equal(service.restarts, 0);
    await service.requireSound();
  });
}

test("the disk of the metadata is full: requests are accepted, /readyz says why, and all is published once there is room", { timeout: 60_000 }, async () => {
  await using disk = await Disk.mount(join(folder, "disk-1"));
  const dataDir = join(folder, "data-full");
  await using service = await Supervised.start({ dataDir, metadata: join(disk.path, "metadata"), inside: disk.inside });
  const client = await clientOf(service, "client-full");
  const early = web.put("early-full", "early");
  await succeeds(service.origin, taskOf(await service.add([early])));
  assert.deepEqual(await client([early]), fetched([early]));

  await disk.fill();
  const late = Array.from({ length: 8 }, (_, n) => web.put(`late-full-${String(n)}`, `late ${String(n)}`));
  const tasks: string[] = [];
  for (const artifact of late) tasks.push(taskOf(await service.add([artifact])));
  assert.match(await service.halted(), /unavailable: cannot .*ENOSPC; free some space/);
  for (const task of tasks) assert.notEqual((await taskState(service.origin, task)).state, "SUCCESS");
  await disk.free();

  for (const task of tasks) await succeeds(service.origin, task);
  await service.ready();
  assert.deepEqual(await client([early, ...late]), fetched([early, ...late]));
  assert.equal(service.restarts, 0);
  await service.requireSound();
});

for (const killed of [false, true]) {
  const name = killed ? "killed" : "lives";
  const what = killed ? "and the process is killed and cannot start" : "and the process lives on";
  test(`the disk of everything is full, ${what}: what cannot be kept is refused, what was accepted is published once there is room`, { timeout: 60_000 }, async () => {
    await using disk = await Disk.mount(join(folder, `disk-${name}`));
    await using service = await Supervised.start({ dataDir: join(disk.path, "data"), inside: disk.inside });
    const client = await clientOf(service, `client-${name}`);
    const early = web.put(`early-${name}`, "early");
    await succeeds(service.origin, taskOf(await service.add([early])));
    assert.deepEqual(await client([early]), fetched([early]));

    // Room for some requests, and not for all that becomes of them.
    await disk.fill(512);
    const accepted = new Map<string, Artifact>();
    let refused = 0;
    for (let n = 0; n < 400 && refused < 3; n++) {
      const artifact = web.put(`late-${name}-${String(n)}`, `late ${String(n)}`, { custom: { padding: "x".repeat(12_000) } });
      const answer = await service.add([artifact]);
      if (answer?.status === 202) accepted.set(taskOf(answer), artifact);
      else refused++;
      if (answer !== undefined) assert.ok(answer.status === 202 || answer.status === 503, `answered ${String(answer.status)}: ${answer.text}`);
    }
    assert.ok(accepted.size > 0 && refused > 0, `accepted ${String(accepted.size)}, refused ${String(refused)}`);
    if (killed) {
      await service.kill();
      await disk.fill();
      await assert.rejects(service.revive(), /ended with 1 before it was ready[^]*\nrstuf: .*(?:ENOSPC; free some space|the disk is full)/);
    } else {
      // Publishing has no room, or the lease none to be renewed.
      assert.match(await service.halted(), /ENOSPC; free some space|the disk is full|no publisher leads/);
    }
    await disk.free();

    await service.revive();
    for (const task of accepted.keys()) await succeeds(service.origin, task);
    await service.ready();
    const all = [early, ...accepted.values()];
    assert.deepEqual(await client(all), fetched(all));
    const again = web.put(`again-${name}`, "again");
    await succeeds(service.origin, taskOf(await service.add([again])));
    await service.requireSound();
  });
}

// ---------------------------------------------------------------- clients

/** A tuf-js client that keeps its cache: what becomes of `artifacts`. Fails when it is refused. */
async function clientOf(service: Supervised, name: string): Promise<(artifacts: readonly Artifact[]) => Promise<Readonly<Record<string, Fate>>>> {
  const root = join(folder, `${name}.root.json`);
  writeFileSync(root, await (await fetch(`${service.origin}/metadata/1.root.json`)).text());
  return async (artifacts) => {
    const at = { metadata: `${service.origin}/metadata/`, artifacts: web.artifacts, root, cache: join(folder, name) };
    const { error, targets } = await visit(TUF_JS, at, artifacts.map(({ path }) => path));
    assert.equal(error, undefined);
    return targets;
  };
}

function fetched(artifacts: readonly Artifact[]): Readonly<Record<string, Fate>> {
  return Object.fromEntries(artifacts.map(({ path, info }) => [path, { state: "downloaded", sha256: info.hashes.sha256 }]));
}

// ---------------------------------------------------------------- the disk

/** A file system of a bounded size that only programs started `inside` see. */
class Disk {
  readonly path: string;
  readonly inside: readonly string[];
  readonly #holder: ChildProcess;

  private constructor(path: string, holder: ChildProcess) {
    this.path = path;
    this.#holder = holder;
    this.inside = ["nsenter", "--target", String(holder.pid), "--user", "--mount", "--preserve-credentials", "--"];
  }

  static async mount(path: string): Promise<Disk> {
    mkdirSync(path);
    const script = 'mount -t tmpfs -o size="$1",mode=755 rstuf "$2" && echo mounted && exec cat';
    const holder = spawn("unshare", ["--map-root-user", "--mount", "sh", "-c", script, "sh", DISK, path], { stdio: ["pipe", "pipe", "pipe"] });
    let complaint = "";
    holder.stderr.on("data", (piece: Buffer) => { complaint += piece.toString(); });
    const mounted = await new Promise<boolean>((resolve) => {
      holder.stdout.once("data", () => { resolve(true); });
      holder.once("close", () => { resolve(false); });
      holder.once("error", (error) => { complaint += error.message; resolve(false); });
    });
    assert.ok(mounted, `a full disk needs a small file system in memory. Run this on Linux, with util-linux, as a user who may make user and mount namespaces (unshare --map-root-user --mount): ${complaint.trim()}`);
    return new Disk(path, holder);
  }

  /** Until no more than so many KiB fit. */
  async fill(leavingKiB = 0): Promise<void> {
    await this.#run(`head -c ${String(leavingKiB)}k /dev/zero >"$1/room" && ! cat /dev/zero >>"$1/ballast" 2>&- && rm "$1/room"`);
  }

  async free(): Promise<void> {
    await this.#run('rm "$1/ballast"');
  }

  async #run(script: string): Promise<void> {
    await outputOf([...this.inside, "sh", "-c", script, "sh", this.path]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#holder.once("close", resolve));
    this.#holder.stdin?.end();
    await ended;
  }
}

// ---------------------------------------------------------------- the service

interface Place {
  readonly dataDir: string;
  /** Where it lies elsewhere. */
  readonly metadata?: string;
  /** The command that enters where the disk is. */
  readonly inside?: readonly string[];
  readonly as?: { readonly uid?: number; readonly gid?: number };
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** The real program, started again when it ended by itself, as a supervisor does. */
class Supervised {
  readonly #place: Place;
  #child: ChildProcess | undefined;
  origin = "";
  restarts = 0;

  private constructor(place: Place) {
    this.#place = place;
  }

  static async start(place: Place): Promise<Supervised> {
    const service = new Supervised(place);
    await service.#launch();
    return service;
  }

  /** Starts it again if it ended. */
  async revive(): Promise<void> {
    if (this.#child?.exitCode === null && this.#child.signalCode === null) return;
    this.restarts++;
    await this.#launch();
  }

  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** undefined: there was no answer. */
  async add(artifacts: readonly Artifact[]): Promise<Answer | undefined> {
    try {
      const response = await fetch(`${this.origin}/api/v1/artifacts/`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ artifacts }) });
      return { status: response.status, text: await response.text() };
    } catch {
      return undefined;
    }
  }

  /** What /readyz says once it no longer says that all is well. */
  halted(): Promise<string> {
    return this.#probe(503);
  }

  async ready(): Promise<void> {
    await this.#probe(200);
  }

  /** Ends it in order, and has fsck read everything. */
  async requireSound(): Promise<void> {
    const { dataDir, metadata = join(dataDir, "metadata"), inside = [] } = this.#place;
    await this.#end("SIGTERM");
    assert.equal(this.#child?.exitCode, 0);
    await outputOf([...inside, process.execPath, BIN, "fsck", "--metadata", metadata, "--root", join(dataDir, "trusted", "1.root.json"), "--data-dir", dataDir]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end("SIGTERM");
  }

  async #probe(status: number): Promise<string> {
    const giveUp = Date.now() + PATIENCE_MS;
    for (;;) {
      const response = await fetch(`${this.origin}/readyz`);
      const text = await response.text();
      if (response.status === status) return text;
      assert.ok(Date.now() < giveUp, `/readyz goes on answering ${String(response.status)}: ${text}`);
      await sleep(50);
    }
  }

  async #launch(): Promise<void> {
    const { dataDir, metadata, inside = [], as } = this.#place;
    const [program, ...args] = [...inside, process.execPath, BIN, "serve", "--trial", "--bins", "4", "--port", "0", "--data-dir", dataDir];
    const child = spawn(program, args, {
      ...as,
      env: { ...process.env, RSTUF_LOG_LEVEL: "warn", RSTUF_PUBLISHER_LEASE_MS: "3000", ...(metadata === undefined ? {} : { RSTUF_METADATA_DIRECTORY: metadata }) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    let log = "";
    child.stderr.on("data", (piece: Buffer) => { log += piece.toString(); });
    this.origin = await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => { reject(new Error(`the service did not get ready\n${log}`)); }, START_MS);
      createInterface({ input: child.stdout }).on("line", (line) => {
        const origin = /^ready (\S+)$/.exec(line)?.[1];
        if (origin === undefined) return;
        clearTimeout(timer);
        resolve(origin);
      });
      child.once("error", reject);
      child.once("close", (code) => {
        clearTimeout(timer);
        reject(new Error(`the service ended with ${String(code)} before it was ready\n${log}`));
      });
    });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }
}

function taskOf(answer: Answer | undefined): string {
  assert.equal(answer?.status, 202, answer?.text ?? "there was no answer");
  return (JSON.parse(answer.text) as { data: { task_id: string } }).data.task_id;
}
