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

import { randomBytes } from "node:crypto";
import { dirname, join, resolve } from "node:path";
import type { Rest } from "../../../ports/rest.ts";
import { METADATA_NAME, StorageError } from "../../../ports/storage.ts";
import type { Created, NewFile, Storage, StorageToken, StoredFile } from "../../../ports/storage.ts";
import { proveStorage } from "../common/prove.ts";
import { Turns } from "../common/turns.ts";
import { systemCalls } from "./calls.ts";
import type { PosixCalls } from "./calls.ts";
import { errnoOf } from "./faults.ts";
import { CREATE_FLAGS, Folder, READ_FLAGS } from "./folder.ts";
import { linkNew, REWRITES } from "./link.ts";
import { canFlush, createMany, isLocal } from "./many.ts";
import { replaceOne, tokenOf } from "./replace.ts";
import { retrying } from "./retrying.ts";

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

/** The token is made when it is asked for: whoever serves a snapshot needs none, and hashing one takes half a millisecond. */
class Read implements StoredFile {
  readonly bytes: Buffer;
  #token: StorageToken | undefined;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get token(): StorageToken {
    return (this.#token ??= tokenOf(this.bytes));
  }
}

const FOLDER_MODE = 0o755;

const ALL_FILES = 10_000;
const ALL_BYTES = 64 * 1024 * 1024;

const FLUSH_FROM = 64;

/** @throws StorageError `unavailable` | `denied` | `fatal` */
export async function openPosixStorage(options: PosixStorageOptions): Promise<Storage> {
  const storage = new PosixStorage(options);
  if (options.access !== "read") await storage.prepare();
  return storage;
}

class PosixStorage implements Storage {
  readonly traits = { weakReplace: true, minReplaceMs: 0 };

  readonly #folder: Folder;
  readonly #turns: Turns;
  readonly #flushFrom: number;
  readonly #inFlight = new Set<Promise<unknown>>();
  #flushable: Promise<boolean> | undefined;
  #closed = false;

  constructor(options: PosixStorageOptions) {
    this.#folder = new Folder(resolve(options.directory), options.calls ?? systemCalls);
    this.#turns = new Turns(options.concurrency ?? 16);
    this.#flushFrom = options.flushFrom ?? FLUSH_FROM;
  }

  /** Makes the folder, durably, and removes what a crash left behind. */
  async prepare(): Promise<void> {
    const folder = this.#folder;
    const { directory, pending } = folder;
    await this.#guard(`open ${directory}`, async () => {
      const first = await folder.calls.makeDirectory(directory, FOLDER_MODE);
      if (await isLocal(folder)) folder.callPromptly();
      const { calls } = folder;
      if (first !== undefined) {
        await folder.openFolder(directory, async (fd) => calls.chmod(fd, FOLDER_MODE));
        for (let made = directory; ; made = dirname(made)) {
          await folder.openFolder(dirname(made), async (fd) => folder.fsync(fd, dirname(made)));
          if (made === first || made === dirname(made)) break;
        }
      }
      await calls.makeDirectory(pending, 0o700);
      for (const name of await calls.list(pending)) {
        // The marker goes last: while it is there, the probe is found again.
        if (name.startsWith("probe-")) await folder.unlink(join(directory, `.${name}`));
        await folder.unlink(join(pending, name));
      }
      // A process may have been killed between a rename and its sync: what this one reads is durable.
      await folder.openFolder(directory, (fd) => folder.fsync(fd, directory));
    });
  }

  async prove(): Promise<void> {
    await this.#guard(`prove ${this.#folder.directory}`, async () => {
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
    const { calls, directory, pending } = this.#folder;
    const id = randomBytes(8).toString("hex");
    const marker = join(pending, `probe-${id}`);
    const probe = this.#folder.path(`.probe-${id}`);
    return proveStorage(directory, {
      begin: async () => calls.close(await calls.open(marker, CREATE_FLAGS, 0o600)),
      create: (bytes) => linked(directory, this.#createOne(probe, bytes)),
      read: () => this.#readOne(probe, 1_024),
      replace: (bytes, expected, mayWrite) => replaceOne(this.#folder, this.#turns, probe, bytes, expected, mayWrite),
      remove: () => this.#folder.unlink(probe),
      end: () => this.#folder.unlink(marker),
    });
  }

  async create(name: string, bytes: Uint8Array): Promise<Created> {
    const path = this.#namedPath(name);
    return this.#guard(`create ${name} in ${this.#folder.directory}`, () => this.#createOne(path, bytes));
  }

  async createAll(files: readonly NewFile[], rest?: Rest): Promise<readonly Created[]> {
    for (const { name } of files) this.#namedPath(name);
    const total = files.reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (files.length > ALL_FILES || total > ALL_BYTES) {
      throw new StorageError("too-large", `${files.length} files of ${total} bytes are more than one call takes (${ALL_FILES} files, ${ALL_BYTES} bytes)`);
    }
    return this.#guard(`create ${files.length} files in ${this.#folder.directory}`, () => this.#createMany(files, rest));
  }

  async read(name: string, maxBytes: number): Promise<StoredFile | undefined> {
    const path = this.#namedPath(name);
    return this.#guard(`read ${name} in ${this.#folder.directory}`, () => this.#turns.run(() => this.#readOne(path, maxBytes)), "read");
  }

  async replace(
    name: string,
    bytes: Uint8Array,
    expected: StorageToken | "absent",
    mayWrite: () => boolean,
  ): Promise<"replaced" | "conflict"> {
    const path = this.#namedPath(name);
    return this.#guard(`replace ${name} in ${this.#folder.directory}`, () => replaceOne(this.#folder, this.#turns, path, bytes, expected, mayWrite));
  }

  async remove(name: string): Promise<void> {
    const path = this.#namedPath(name);
    await this.#guard(`remove ${name} in ${this.#folder.directory}`, () => this.#turns.run(() => this.#folder.unlink(path)));
  }

  /** Resolves when the calls in flight have ended. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#inFlight);
  }

  async #createOne(path: string, bytes: Uint8Array): Promise<Created> {
    const created = await this.#turns.run(() => linkNew(this.#folder, path, bytes));
    if (created !== "other") await this.#folder.syncFolder();
    return created;
  }

  async #readOne(path: string, maxBytes: number): Promise<StoredFile | undefined> {
    const { calls } = this.#folder;
    let fd: number;
    try {
      fd = await calls.open(path, READ_FLAGS);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw error;
    }
    try {
      const { isFile, size } = await calls.facts(fd);
      if (!isFile) throw new StorageError("denied", `cannot read ${path}: it is no plain file`);
      const bytes = size > maxBytes ? undefined : await calls.read(fd, maxBytes + 1, size);
      if (bytes === undefined || bytes.length > maxBytes) throw new StorageError("too-large", `${path} is larger than ${maxBytes} bytes`);
      return new Read(bytes);
    } finally {
      await calls.close(fd);
    }
  }

  async #createMany(files: readonly NewFile[], rest: Rest | undefined): Promise<readonly Created[]> {
    const flush = files.length >= this.#flushFrom && (await (this.#flushable ??= canFlush(this.#folder)));
    return createMany(this.#folder, this.#turns, files, { flush, rest });
  }

  #namedPath(name: string): string {
    if (!METADATA_NAME.test(name)) throw new StorageError("bad-name", `${JSON.stringify(name.slice(0, 200))} is not the name of a metadata file`);
    return this.#folder.path(name);
  }

  /** Every public call passes here: closed and fatal storages refuse, transient errors are tried again, the rest is named. */
  async #guard<T>(doing: string, work: () => Promise<T>, kind: "read" | "write" = "write"): Promise<T> {
    if (this.#closed) throw new StorageError("unavailable", `cannot ${doing}: the storage is closed`);
    const running = retrying(doing, () => {
      if (this.#folder.fatal !== undefined && kind === "write") throw this.#folder.fatal;
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
