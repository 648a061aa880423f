// Metadata in a folder of a local or network file system.
//
// How the port's promises are kept:
//  1. Bytes are written to a temporary file in `.pending/`, made durable, and only then
//     linked to their name. link(2) never overwrites, and a name never shows a torn file,
//     whatever the moment of a crash. (rename(2) would overwrite; writing under the final
//     name could leave a torn root, whose version cannot be used up.)
//  2. A name counts as created, or as `same`, after file and directory were synced. Opening
//     syncs the directory too, so what a killed process had just renamed is durable before
//     anybody builds on having read it.
//  3. An fsync that fails is final: the kernel may have dropped the bytes and will report
//     success next time. Every later write answers `fatal`; the process must end.
//  4. `replace` has no compare-and-swap beneath it. It writes and syncs first, then asks
//     `mayWrite`, reads, compares and renames in one synchronous block. What remains is a
//     stop of the whole process between two system calls.
//  5. Links are not followed, inside the folder; what is no plain file is never opened for long.
//
// Left-over temporary files are removed when the folder is opened. Another process may be
// writing there: whoever finds its temporary file gone writes it again.
// Why many files are flushed at once: docs/adr/0006-bulk-durability.md.

import { createHash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { nextTurn } from "../../../lib/turn.ts";
import { METADATA_NAME, StorageError } from "../../../ports/storage.ts";
import type { Created, NewFile, Storage, StorageToken, StoredFile } from "../../../ports/storage.ts";
import { proveStorage } from "../common/prove.ts";
import { Turns } from "../common/turns.ts";
import { systemCalls } from "./calls.ts";
import type { PosixCalls } from "./calls.ts";
import type { Flushed } from "./flush.ts";
import { errnoOf, isNoPlainFile, isTransient, storageErrorOf } from "./faults.ts";

export interface PosixStorageOptions {
  /** Created with its parents when missing, 0755. */
  readonly directory: string;
  /** Files in flight at once, 1 - 64. More than the thread pool's size gains little. Default 16. */
  readonly concurrency?: number;
  /**
   * From this many files on, `createAll` flushes the file system once instead of syncing each file,
   * where that is known to be durable; Infinity: never. Default 64 (ADR 0006).
   */
  readonly flushFrom?: number;
  readonly calls?: PosixCalls;
  /** `read`: nothing in the folder is made, removed or synced; it may be mounted read-only, and need not be there yet. */
  readonly access?: "read" | "write";
}

const PENDING = ".pending";
const FILE_MODE = 0o644;
const FOLDER_MODE = 0o755;
const CREATE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
/** O_NONBLOCK: opening a pipe somebody put there must not wait for its writer. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const FOLDER_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY;

const ALL_FILES = 10_000;
const ALL_BYTES = 64 * 1024 * 1024;

const FLUSH_FROM = 64;
/** File systems whose syncfs(2) is known to make files durable: ext2 - 4, xfs, btrfs, f2fs, tmpfs (nothing to lose). */
const FLUSHABLE: ReadonlySet<number> = new Set([0xef53, 0x58465342, 0x9123683e, 0xf2f52010, 0x01021994]);

/** How often a temporary file that another process removed is written again. */
const REWRITES = 3;
/** Waits between tries of what is transient, milliseconds. */
const RETRY_MS = [10, 40, 160, 640];

/** @throws StorageError `unavailable` | `denied` | `fatal` */
export async function openPosixStorage(options: PosixStorageOptions): Promise<Storage> {
  const storage = new PosixStorage(options);
  if (options.access !== "read") await storage.prepare();
  return storage;
}

type Outcome = Created | "absent";

class PosixStorage implements Storage {
  readonly traits = { weakReplace: true, minReplaceMs: 0 };

  readonly #directory: string;
  readonly #pending: string;
  readonly #calls: PosixCalls;
  readonly #turns: Turns;
  readonly #flushFrom: number;
  /** Part of each temporary name, so that two processes on one folder never share one. */
  readonly #opening = randomBytes(8).toString("hex");
  readonly #inFlight = new Set<Promise<unknown>>();
  #temporaries = 0;
  #needsChmod: boolean | undefined;
  #flushable: Promise<boolean> | undefined;
  #queuedSync: Promise<void> | undefined;
  #lastSync: Promise<void> = Promise.resolve();
  #fatal: StorageError | undefined;
  #closed = false;

  constructor(options: PosixStorageOptions) {
    this.#directory = resolve(options.directory);
    this.#pending = join(this.#directory, PENDING);
    this.#calls = options.calls ?? systemCalls;
    this.#turns = new Turns(options.concurrency ?? 16);
    this.#flushFrom = options.flushFrom ?? FLUSH_FROM;
  }

  /** Makes the folder, durably, and removes what a crash left behind. */
  async prepare(): Promise<void> {
    await this.#guard(`open ${this.#directory}`, async () => {
      const first = await this.#calls.makeDirectory(this.#directory, FOLDER_MODE);
      if (first !== undefined) {
        await this.#openFolder(this.#directory, async (fd) => this.#calls.chmod(fd, FOLDER_MODE));
        for (let made = this.#directory; ; made = dirname(made)) {
          await this.#openFolder(dirname(made), async (fd) => this.#fsync(fd, dirname(made)));
          if (made === first || made === dirname(made)) break;
        }
      }
      await this.#calls.makeDirectory(this.#pending, 0o700);
      for (const name of await this.#calls.list(this.#pending)) {
        // The marker goes last: while it is there, the probe is found again.
        if (name.startsWith("probe-")) await this.#unlink(join(this.#directory, `.${name}`));
        await this.#unlink(join(this.#pending, name));
      }
      // A process may have been killed between a rename and its sync: what this one reads is durable.
      await this.#openFolder(this.#directory, (fd) => this.#fsync(fd, this.#directory));
    });
  }

  async prove(): Promise<void> {
    await this.#guard(`prove ${this.#directory}`, async () => {
      for (let left = REWRITES; ; left -= 1) {
        try {
          await this.#proveOnce();
          return;
        } catch (error) {
          // Another process that opens the folder just now may have taken the probe for a left-over.
          if (!(error instanceof StorageError && error.code === "unsuitable") || left === 0) throw error;
        }
      }
    });
  }

  #proveOnce(): Promise<void> {
    const id = randomBytes(8).toString("hex");
    const marker = join(this.#pending, `probe-${id}`);
    const probe = this.#path(`.probe-${id}`);
    return proveStorage(this.#directory, {
      begin: async () => this.#calls.close(await this.#calls.open(marker, CREATE_FLAGS, 0o600)),
      create: (bytes) => linked(this.#directory, this.#createOne(probe, bytes)),
      read: () => this.#readOne(probe, 1_024),
      replace: (bytes, expected, mayWrite) => this.#replaceOne(probe, bytes, expected, mayWrite),
      remove: () => this.#unlink(probe),
      end: () => this.#unlink(marker),
    });
  }

  async create(name: string, bytes: Uint8Array): Promise<Created> {
    const path = this.#namedPath(name);
    return this.#guard(`create ${name} in ${this.#directory}`, () => this.#createOne(path, bytes));
  }

  async createAll(files: readonly NewFile[]): Promise<readonly Created[]> {
    for (const { name } of files) this.#namedPath(name);
    const total = files.reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (files.length > ALL_FILES || total > ALL_BYTES) {
      throw new StorageError("too-large", `${files.length} files of ${total} bytes are more than one call takes (${ALL_FILES} files, ${ALL_BYTES} bytes)`);
    }
    return this.#guard(`create ${files.length} files in ${this.#directory}`, () => this.#createMany(files));
  }

  async read(name: string, maxBytes: number): Promise<StoredFile | undefined> {
    const path = this.#namedPath(name);
    return this.#guard(`read ${name} in ${this.#directory}`, () => this.#turns.run(() => this.#readOne(path, maxBytes)), "read");
  }

  async replace(
    name: string,
    bytes: Uint8Array,
    expected: StorageToken | "absent",
    mayWrite: () => boolean,
  ): Promise<"replaced" | "conflict"> {
    const path = this.#namedPath(name);
    return this.#guard(`replace ${name} in ${this.#directory}`, () => this.#replaceOne(path, bytes, expected, mayWrite));
  }

  async remove(name: string): Promise<void> {
    const path = this.#namedPath(name);
    await this.#guard(`remove ${name} in ${this.#directory}`, () => this.#turns.run(() => this.#unlink(path)));
  }

  /** Resolves when the calls in flight have ended. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#inFlight);
  }

  // ---------------------------------------------------------------- one file

  async #createOne(path: string, bytes: Uint8Array): Promise<Created> {
    const created = await this.#turns.run(() => this.#linkNew(path, bytes));
    if (created !== "other") await this.#syncFolder();
    return created;
  }

  /** As `create`, but the directory is not synced yet. */
  async #linkNew(path: string, bytes: Uint8Array, written?: string): Promise<Created> {
    let temporary = written;
    for (let left = REWRITES; ; left -= 1) {
      temporary ??= await this.#writeTemporary(bytes);
      try {
        const outcome = await this.#link(temporary, path, bytes);
        if (outcome !== "absent") return outcome;
      } finally {
        await this.#discard(temporary);
      }
      if (left === 0) throw new StorageError("unavailable", `cannot create ${path}: its temporary file vanishes each time`);
      temporary = undefined;
    }
  }

  /** `absent`: the temporary file was gone, or what was in the way is; worth another round. */
  async #link(temporary: string, path: string, bytes: Uint8Array): Promise<Outcome> {
    try {
      await this.#calls.link(temporary, path);
      return "created";
    } catch (error) {
      const found = await this.#compare(temporary, path, bytes);
      if (found === "absent" && !["EEXIST", "ENOENT"].includes(errnoOf(error))) throw error;
      return found;
    }
  }

  /**
   * What lies at `path`, after an answer that does not settle it: EEXIST, or an error a
   * network file system gave for a link that succeeded. `same` has synced the file.
   */
  async #compare(temporary: string, path: string, bytes: Uint8Array): Promise<Outcome> {
    let fd: number;
    try {
      fd = await this.#calls.open(path, READ_FLAGS);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return "absent";
      if (isNoPlainFile(error)) return "other";
      throw error;
    }
    try {
      const facts = await this.#calls.facts(fd);
      if (!facts.isFile) return "other";
      if (facts.identity === (await this.#identity(temporary))) return "created";
      if (facts.size !== bytes.length || !(await this.#calls.read(fd, bytes.length + 1)).equals(bytes)) return "other";
      await this.#fsync(fd, path);
      return "same";
    } finally {
      await this.#calls.close(fd);
    }
  }

  async #identity(path: string): Promise<string | undefined> {
    try {
      const fd = await this.#calls.open(path, READ_FLAGS);
      try {
        return (await this.#calls.facts(fd)).identity;
      } finally {
        await this.#calls.close(fd);
      }
    } catch {
      return undefined;
    }
  }

  async #readOne(path: string, maxBytes: number): Promise<StoredFile | undefined> {
    let fd: number;
    try {
      fd = await this.#calls.open(path, READ_FLAGS);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw error;
    }
    try {
      const { isFile, size } = await this.#calls.facts(fd);
      if (!isFile) throw new StorageError("denied", `cannot read ${path}: it is no plain file`);
      const bytes = size > maxBytes ? undefined : await this.#calls.read(fd, maxBytes + 1, size);
      if (bytes === undefined || bytes.length > maxBytes) throw new StorageError("too-large", `${path} is larger than ${maxBytes} bytes`);
      return { bytes, token: tokenOf(bytes) };
    } finally {
      await this.#calls.close(fd);
    }
  }

  // ---------------------------------------------------------------- many files

  async #createMany(files: readonly NewFile[]): Promise<readonly Created[]> {
    const flush = files.length >= this.#flushFrom && (await this.#canFlush());
    // A name that comes twice is created in the order given, after the others.
    const seen = new Set<string>();
    const firsts: { readonly at: number; readonly file: NewFile }[] = [];
    const again: { readonly at: number; readonly file: NewFile }[] = [];
    for (const [at, file] of files.entries()) {
      (seen.has(file.name) ? again : firsts).push({ at, file });
      seen.add(file.name);
    }

    const temporaries = new Map<number, string>();
    const answers = new Array<Created>(files.length);
    let open = firsts;
    try {
      if (flush) {
        await inSpells(firsts, ({ at, file }) => { temporaries.set(at, this.#writeTemporaryNow(file.bytes)); });
        await this.#syncTogether([...temporaries.values()]);
        await inSpells(firsts, ({ at, file }) => {
          if (!this.#linkedNow(temporaries.get(at) ?? "", this.#path(file.name))) return;
          temporaries.delete(at);
          answers[at] = "created";
        });
        open = firsts.filter(({ at }) => answers[at] === undefined);
      } else {
        await this.#turns.each(firsts, async ({ at, file }) => { temporaries.set(at, await this.#writeTemporary(file.bytes)); });
      }
      await this.#turns.each(open, async ({ at, file }) => {
        const temporary = temporaries.get(at);
        temporaries.delete(at);
        answers[at] = await this.#linkNew(this.#path(file.name), file.bytes, temporary);
      });
    } finally {
      // Only what an error left unlinked.
      for (const temporary of temporaries.values()) await this.#discard(temporary);
    }
    for (const { at, file } of again) answers[at] = await this.#turns.run(() => this.#linkNew(this.#path(file.name), file.bytes));
    if (answers.some((answer) => answer !== "other")) await this.#syncFolder();
    return answers;
  }

  async #syncTogether(paths: readonly string[]): Promise<void> {
    let flushed: Flushed;
    try {
      flushed = await this.#calls.flushFileSystem(this.#directory);
    } catch (error) {
      throw this.#fail(`flushing the file system of ${this.#directory}`, error);
    }
    if (flushed === "flushed") return;
    await this.#turns.each(paths, async (path) => {
      let fd: number;
      try {
        fd = await this.#calls.open(path, READ_FLAGS);
      } catch (error) {
        // Another process removed it; #linkNew will find that out and write it again.
        if (errnoOf(error) === "ENOENT") return;
        throw error;
      }
      try {
        await this.#fsync(fd, path);
      } finally {
        await this.#calls.close(fd);
      }
    });
  }

  /** Tried once, when there is nothing of ours to lose: later a failure can only mean lost bytes. */
  #canFlush(): Promise<boolean> {
    this.#flushable ??= (async () => {
      try {
        if (!FLUSHABLE.has(await this.#calls.fileSystemType(this.#directory))) return false;
        return (await this.#calls.flushFileSystem(this.#directory)) === "flushed";
      } catch {
        return false;
      }
    })();
    return this.#flushable;
  }

  // ---------------------------------------------------------------- replace

  async #replaceOne(
    path: string,
    bytes: Uint8Array,
    expected: StorageToken | "absent",
    mayWrite: () => boolean,
  ): Promise<"replaced" | "conflict"> {
    for (let left = REWRITES; left >= 0; left -= 1) {
      const temporary = await this.#turns.run(() => this.#writeTemporary(bytes));
      try {
        const swapped = this.#swapNow(temporary, path, expected, mayWrite);
        let outcome: Outcome | "conflict" = swapped.outcome;
        if (swapped.error !== undefined) {
          outcome = await this.#compare(temporary, path, bytes);
          const ours = outcome === "created" || (expected !== "absent" && outcome === "same");
          if (errnoOf(swapped.error) === "ENOENT" && !ours) continue;
          if (errnoOf(swapped.error) !== "EEXIST" && !ours) throw swapped.error;
          outcome = ours ? "created" : "conflict";
        }
        if (outcome === "conflict") return "conflict";
        await this.#syncFolder();
        return "replaced";
      } finally {
        await this.#discard(temporary);
      }
    }
    throw new StorageError("unavailable", `cannot replace ${path}: its temporary file vanishes each time`);
  }

  /** No `await` in here: nothing of this process runs between the question and the rename. */
  #swapNow(
    temporary: string,
    path: string,
    expected: StorageToken | "absent",
    mayWrite: () => boolean,
  ): { readonly outcome: "created" | "conflict"; readonly error?: Error } {
    if (!mayWrite()) return { outcome: "conflict" };
    if (!this.#holdsNow(path, expected)) return { outcome: "conflict" };
    try {
      // Where nothing may be in the way, link(2) is a compare-and-swap.
      if (expected === "absent") this.#calls.linkNow(temporary, path);
      else this.#calls.renameNow(temporary, path);
      return { outcome: "created" };
    } catch (error) {
      return { outcome: "conflict", error: error instanceof Error ? error : new Error(String(error)) };
    }
  }

  #holdsNow(path: string, expected: StorageToken | "absent"): boolean {
    let fd: number;
    try {
      fd = this.#calls.openNow(path, READ_FLAGS);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return expected === "absent";
      if (isNoPlainFile(error)) return false;
      throw error;
    }
    try {
      if (expected === "absent") return false;
      const { isFile, size } = this.#calls.factsNow(fd);
      // The size stands in the token, so a file that grew to gigabytes is not read.
      if (!isFile || size !== Number(expected.split(":")[0])) return false;
      return tokenOf(this.#calls.readNow(fd, size + 1)) === expected;
    } finally {
      this.#calls.closeNow(fd);
    }
  }

  // ---------------------------------------------------------------- beneath

  #namedPath(name: string): string {
    if (!METADATA_NAME.test(name)) throw new StorageError("bad-name", `${JSON.stringify(name.slice(0, 200))} is not the name of a metadata file`);
    return this.#path(name);
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }

  #temporary(): string {
    this.#temporaries += 1;
    return join(this.#pending, `${this.#opening}-${this.#temporaries}`);
  }

  /** A file with these bytes, synced. */
  async #writeTemporary(bytes: Uint8Array): Promise<string> {
    const path = this.#temporary();
    const fd = await this.#calls.open(path, CREATE_FLAGS, FILE_MODE);
    try {
      try {
        // A umask may have taken away what web servers need.
        this.#needsChmod ??= (await this.#calls.facts(fd)).mode !== FILE_MODE;
        if (this.#needsChmod) await this.#calls.chmod(fd, FILE_MODE);
        await this.#calls.write(fd, bytes);
        await this.#fsync(fd, path);
      } finally {
        await this.#calls.close(fd);
      }
    } catch (error) {
      await this.#discard(path);
      throw error;
    }
    return path;
  }

  /** A file with these bytes, which are not durable yet. */
  #writeTemporaryNow(bytes: Uint8Array): string {
    const path = this.#temporary();
    const fd = this.#calls.openNow(path, CREATE_FLAGS, FILE_MODE);
    try {
      try {
        this.#needsChmod ??= this.#calls.factsNow(fd).mode !== FILE_MODE;
        if (this.#needsChmod) this.#calls.chmodNow(fd, FILE_MODE);
        this.#calls.writeNow(fd, bytes);
      } finally {
        this.#calls.closeNow(fd);
      }
    } catch (error) {
      this.#discardNow(path);
      throw error;
    }
    return path;
  }

  /** Whether the plain case it was: a new name, and no temporary file left. */
  #linkedNow(temporary: string, path: string): boolean {
    try {
      this.#calls.linkNow(temporary, path);
    } catch {
      return false;
    }
    this.#discardNow(temporary);
    return true;
  }

  #discardNow(temporary: string): void {
    try {
      this.#calls.unlinkNow(temporary);
    } catch {
      // As #discard.
    }
  }

  /** Removes a temporary file; what stays behind is removed at the next opening. */
  async #discard(temporary: string): Promise<void> {
    try {
      await this.#calls.unlink(temporary);
    } catch {
      // Renamed, removed by another process, or the disk is in trouble: the caller hears of that elsewhere.
    }
  }

  async #unlink(path: string): Promise<void> {
    try {
      await this.#calls.unlink(path);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  }

  async #fsync(fd: number, what: string): Promise<void> {
    try {
      await this.#calls.fsync(fd);
    } catch (error) {
      throw this.#fail(`syncing ${what}`, error);
    }
  }

  #fail(doing: string, cause: unknown): StorageError {
    this.#fatal ??= new StorageError("fatal", `${doing} failed (${errnoOf(cause) || String(cause)}): what is durable is not known any more; end this process and check the disk`, { cause });
    return this.#fatal;
  }

  /** One sync serves everybody who asked before it began. */
  #syncFolder(): Promise<void> {
    if (this.#queuedSync === undefined) {
      const queued = this.#lastSync.then(async () => {
        this.#queuedSync = undefined;
        // Tried again here and not by the whole call: after a rename that would look like a conflict.
        await retrying(`sync ${this.#directory}`, () => this.#openFolder(this.#directory, (fd) => this.#fsync(fd, this.#directory)));
      });
      this.#queuedSync = queued;
      this.#lastSync = queued.catch(() => undefined);
    }
    return this.#queuedSync;
  }

  async #openFolder(path: string, work: (fd: number) => Promise<void>): Promise<void> {
    const fd = await this.#calls.open(path, FOLDER_FLAGS);
    try {
      await work(fd);
    } finally {
      await this.#calls.close(fd);
    }
  }

  /** Every public call passes here: closed and fatal storages refuse, transient errors are tried again, the rest is named. */
  async #guard<T>(doing: string, work: () => Promise<T>, kind: "read" | "write" = "write"): Promise<T> {
    if (this.#closed) throw new StorageError("unavailable", `cannot ${doing}: the storage is closed`);
    const running = retrying(doing, () => {
      if (this.#fatal !== undefined && kind === "write") throw this.#fatal;
      return work();
    });
    this.#inFlight.add(running);
    try {
      return await running;
    } finally {
      this.#inFlight.delete(running);
    }
  }
}

/** How long the thread is held at a time by what does not wait for a disk, milliseconds. */
const SPELL_MS = 10;

/**
 * `work` on every item, one after another. On a local file system nothing but the flush waits for the disk, so that
 * handing each call to another thread only costs (a file of 20 KB: 200 microseconds of CPU handed over, 97 at once).
 */
async function inSpells<T>(items: readonly T[], work: (item: T) => void): Promise<void> {
  let until = performance.now() + SPELL_MS;
  for (const item of items) {
    if (performance.now() > until) {
      await nextTurn();
      until = performance.now() + SPELL_MS;
    }
    work(item);
  }
}

/** Tries again what is transient, for about a second; throws StorageErrors only. */
async function retrying<T>(doing: string, work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      const waitMs = RETRY_MS[tries];
      if (!isTransient(error) || waitMs === undefined) throw storageErrorOf(error, doing);
      await pause(waitMs);
    }
  }
}

function tokenOf(bytes: Uint8Array): StorageToken {
  return `${bytes.length}:${createHash("sha256").update(bytes).digest("hex")}` as StorageToken;
}

/** A file system that cannot link says so on the first try. */
async function linked(where: string, created: Promise<Created>): Promise<Created> {
  try {
    return await created;
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    if (["ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV", "EPERM"].includes(errnoOf(cause))) {
      throw new StorageError("unsuitable", `${where} cannot hold metadata: its file system has no hard links (${errnoOf(cause)})`, { cause: error });
    }
    throw error;
  }
}
