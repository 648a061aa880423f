// The folder beneath: files that are on their way, what is made durable, and the fsync after which nothing is.
//
// A file on its way lies in `.pending/` under a name of this opening's own; what stays there is removed when the folder
// is opened the next time.

import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { join } from "node:path";
import { StorageError } from "../../../ports/storage.ts";
import type { PosixCalls } from "./calls.ts";
import { errnoOf } from "./faults.ts";
import { promptly } from "./prompt.ts";
import { retrying } from "./retrying.ts";

const PENDING = ".pending";
const FILE_MODE = 0o644;
export const CREATE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
/** O_NONBLOCK: opening a pipe somebody put there must not wait for its writer. */
export const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const FOLDER_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY;

export class Folder {
  readonly directory: string;
  readonly pending: string;
  #calls: PosixCalls;
  /** Part of each temporary name, so that two processes on one folder never share one. */
  readonly #opening = randomBytes(8).toString("hex");
  #temporaries = 0;
  #needsChmod: boolean | undefined;
  #queuedSync: Promise<void> | undefined;
  #lastSync: Promise<void> = Promise.resolve();
  #fatal: StorageError | undefined;

  /** `directory` is absolute. */
  constructor(directory: string, calls: PosixCalls) {
    this.directory = directory;
    this.pending = join(directory, PENDING);
    this.#calls = calls;
  }

  get calls(): PosixCalls {
    return this.#calls;
  }

  /** For a folder on a local file system: what waits for no disk is called at once from here on. */
  callPromptly(): void {
    this.#calls = promptly(this.#calls);
  }

  /** After an fsync that failed: what every later write is answered with. */
  get fatal(): StorageError | undefined {
    return this.#fatal;
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  #temporary(): string {
    this.#temporaries += 1;
    return join(this.pending, `${this.#opening}-${this.#temporaries}`);
  }

  /** A file with these bytes, synced. */
  async writeTemporary(bytes: Uint8Array): Promise<string> {
    const path = this.#temporary();
    const fd = await this.calls.open(path, CREATE_FLAGS, FILE_MODE);
    try {
      try {
        // A umask may have taken away what web servers need.
        this.#needsChmod ??= (await this.calls.facts(fd)).mode !== FILE_MODE;
        if (this.#needsChmod) await this.calls.chmod(fd, FILE_MODE);
        await this.calls.write(fd, bytes);
        await this.fsync(fd, path);
      } finally {
        await this.calls.close(fd);
      }
    } catch (error) {
      await this.discard(path);
      throw error;
    }
    return path;
  }

  /** A file with these bytes, which are not durable yet. */
  writeTemporaryNow(bytes: Uint8Array): string {
    const path = this.#temporary();
    const fd = this.calls.openNow(path, CREATE_FLAGS, FILE_MODE);
    try {
      try {
        this.#needsChmod ??= this.calls.factsNow(fd).mode !== FILE_MODE;
        if (this.#needsChmod) this.calls.chmodNow(fd, FILE_MODE);
        this.calls.writeNow(fd, bytes);
      } finally {
        this.calls.closeNow(fd);
      }
    } catch (error) {
      this.discardNow(path);
      throw error;
    }
    return path;
  }

  discardNow(temporary: string): void {
    try {
      this.calls.unlinkNow(temporary);
    } catch {
      // As discard.
    }
  }

  /** Removes a temporary file; what stays behind is removed at the next opening. */
  async discard(temporary: string): Promise<void> {
    try {
      await this.calls.unlink(temporary);
    } catch {
      // Renamed, removed by another process, or the disk is in trouble: the caller hears of that elsewhere.
    }
  }

  async unlink(path: string): Promise<void> {
    try {
      await this.calls.unlink(path);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  }

  async fsync(fd: number, what: string): Promise<void> {
    try {
      await this.calls.fsync(fd);
    } catch (error) {
      throw this.fail(`syncing ${what}`, error);
    }
  }

  fail(doing: string, cause: unknown): StorageError {
    this.#fatal ??= new StorageError("fatal", `${doing} failed (${errnoOf(cause) || String(cause)}): what is durable is not known any more; end this process and check the disk`, { cause });
    return this.#fatal;
  }

  /** One sync serves everybody who asked before it began. */
  syncFolder(): Promise<void> {
    if (this.#queuedSync === undefined) {
      const queued = this.#lastSync.then(async () => {
        this.#queuedSync = undefined;
        // Tried again here and not by the whole call: after a rename that would look like a conflict.
        await retrying(`sync ${this.directory}`, () => this.openFolder(this.directory, (fd) => this.fsync(fd, this.directory)));
      });
      this.#queuedSync = queued;
      this.#lastSync = queued.catch(() => undefined);
    }
    return this.#queuedSync;
  }

  async openFolder(path: string, work: (fd: number) => Promise<void>): Promise<void> {
    const fd = await this.calls.open(path, FOLDER_FLAGS);
    try {
      await work(fd);
    } finally {
      await this.calls.close(fd);
    }
  }
}
