// The system calls the folder storage makes, each as one function, so that a test can
// record their order, make one fail, or cut the power between two of them.

import fs from "node:fs";
import { promisify } from "node:util";
import { Flusher, type Flushed } from "./flush.ts";

export interface FileFacts {
  readonly isFile: boolean;
  readonly size: number;
  /** Device and inode: two paths with the same are one file. */
  readonly identity: string;
  /** Permission bits. */
  readonly mode: number;
}

export interface PosixCalls {
  open(path: string, flags: number, mode?: number): Promise<number>;
  facts(fd: number): Promise<FileFacts>;
  chmod(fd: number, mode: number): Promise<void>;
  /** Writes all of `bytes`. */
  write(fd: number, bytes: Uint8Array): Promise<void>;
  /** Reads from the start until the end of the file or `maxBytes`, whichever comes first. `size`: the file's, of a caller who just asked. */
  read(fd: number, maxBytes: number, size?: number): Promise<Buffer>;
  fsync(fd: number): Promise<void>;
  close(fd: number): Promise<void>;
  link(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  list(directory: string): Promise<readonly string[]>;
  /** Creates the directory and its missing parents; the first one created, if any. */
  makeDirectory(path: string, mode: number): Promise<string | undefined>;
  /** `statfs`' number of the file system's type. */
  fileSystemType(directory: string): Promise<number>;
  /**
   * Flushes the whole file system that holds `directory`. `unsupported`: nothing was flushed.
   * Rejects when the flush was tried and failed.
   */
  flushFileSystem(directory: string): Promise<Flushed>;

  // The same at once, without another thread: for the synchronous block of `replace`, and for many files.
  openNow(path: string, flags: number, mode?: number): number;
  factsNow(fd: number): FileFacts;
  chmodNow(fd: number, mode: number): void;
  /** Writes all of `bytes`. */
  writeNow(fd: number, bytes: Uint8Array): void;
  readNow(fd: number, maxBytes: number): Buffer;
  closeNow(fd: number): void;
  linkNow(from: string, to: string): void;
  unlinkNow(path: string): void;
  renameNow(from: string, to: string): void;
}

const open = promisify(fs.open);
const fstat = promisify(fs.fstat);
const writeSome = promisify(fs.write);
const readSome = promisify(fs.read);
const mkdir = promisify(fs.mkdir);
const statfs = promisify(fs.statfs);

const flusher = new Flusher();

export const systemCalls: PosixCalls = {
  open: (path, flags, mode) => open(path, flags, mode),
  facts: async (fd) => factsOf(await fstat(fd)),
  chmod: promisify(fs.fchmod),

  async write(fd, bytes) {
    let at = 0;
    while (at < bytes.length) at += (await writeSome(fd, bytes, at, bytes.length - at)).bytesWritten;
  },

  async read(fd, maxBytes, known) {
    const size = known ?? (await fstat(fd)).size;
    const buffer = Buffer.allocUnsafe(Math.min(size, maxBytes));
    let at = 0;
    while (at < buffer.length) {
      const { bytesRead } = await readSome(fd, buffer, at, buffer.length - at, at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return buffer.subarray(0, at);
  },

  fsync: promisify(fs.fsync),
  close: promisify(fs.close),
  link: promisify(fs.link),
  unlink: promisify(fs.unlink),
  list: (directory) => promisify(fs.readdir)(directory),
  makeDirectory: (path, mode) => mkdir(path, { recursive: true, mode }),
  fileSystemType: async (directory) => (await statfs(directory)).type,
  flushFileSystem: (directory) => flusher.flush(directory),

  openNow: (path, flags, mode) => fs.openSync(path, flags, mode),
  factsNow: (fd) => factsOf(fs.fstatSync(fd)),
  chmodNow: (fd, mode) => fs.fchmodSync(fd, mode),
  writeNow(fd, bytes) {
    let at = 0;
    while (at < bytes.length) at += fs.writeSync(fd, bytes, at, bytes.length - at);
  },
  readNow(fd, maxBytes) {
    const buffer = Buffer.allocUnsafe(Math.min(fs.fstatSync(fd).size, maxBytes));
    let at = 0;
    while (at < buffer.length) {
      const bytesRead = fs.readSync(fd, buffer, at, buffer.length - at, at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return buffer.subarray(0, at);
  },
  closeNow: (fd) => fs.closeSync(fd),
  linkNow: (from, to) => fs.linkSync(from, to),
  unlinkNow: (path) => fs.unlinkSync(path),
  renameNow: (from, to) => fs.renameSync(from, to),
};

function factsOf(stats: fs.Stats): FileFacts {
  return { isFile: stats.isFile(), size: stats.size, identity: `${stats.dev}:${stats.ino}`, mode: stats.mode & 0o7777 };
}
