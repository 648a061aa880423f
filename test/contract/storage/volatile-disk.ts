// A disk that forgets what was not synced.
//
// Files really lie in a folder; beside them it is kept which bytes and which directory
// entries no sync has covered yet. `kill` ends the process that used it: everything stays,
// but none of its calls works any more. `cutPower` does that and takes what was volatile:
//  - "lose": directory entries made or replaced since the directory was synced go back;
//  - "keep": they happened to reach the disk.
// In both, a file whose bytes were never synced is torn in half.

import fs from "node:fs";
import { dirname, join } from "node:path";
import { systemCalls } from "../../../src/drivers/storage/posix/calls.ts";
import type { PosixCalls } from "../../../src/drivers/storage/posix/calls.ts";

export type PowerCut = "lose" | "keep";

export interface Call {
  /** Counts from 1 since `watch` was set. */
  readonly index: number;
  readonly name: keyof PosixCalls;
  /** Relative to the disk's root. */
  readonly path: string;
}

export interface Watch {
  /** Throwing here: the call does not happen. */
  before?(call: Call): void;
  /** Throwing here: it happened, and is reported failed. */
  after?(call: Call): void;
}

export class VolatileDisk {
  readonly root: string;
  readonly journal: string[] = [];
  /** Identities of files with bytes that no sync covered. */
  readonly #torn = new Set<string>();
  /** How to take back the entries that no sync of their directory covered, oldest first. */
  #entries: { readonly directory: string; readonly takeBack: () => void }[] = [];
  readonly #opened = new Map<number, string>();
  #life = 0;
  #inFlight = 0;
  #idle: (() => void) | undefined;
  #watch: Watch = {};
  #index = 0;

  constructor(root: string) {
    this.root = root;
  }

  set watch(watch: Watch) {
    this.#watch = watch;
    this.#index = 0;
  }

  /** The calls of one process' life on this disk. */
  calls(): PosixCalls {
    const life = this.#life;
    const begin = (name: keyof PosixCalls, path: string): Call => {
      if (life !== this.#life) throw failure("EIO", "the process is dead");
      this.#index += 1;
      const call = { index: this.#index, name, path: path.slice(this.root.length + 1) };
      this.journal.push(`${name} ${call.path}`);
      this.#watch.before?.(call);
      if (life !== this.#life) throw failure("EIO", "the process is dead");
      return call;
    };
    const end = (call: Call): void => {
      this.#watch.after?.(call);
      if (life !== this.#life) throw failure("EIO", "the process is dead");
    };
    const later = async <T>(name: keyof PosixCalls, path: string, work: () => Promise<T>): Promise<T> => {
      const call = begin(name, path);
      this.#inFlight += 1;
      let result: T;
      try {
        result = await work();
      } finally {
        this.#inFlight -= 1;
        if (this.#inFlight === 0) this.#idle?.();
      }
      end(call);
      return result;
    };
    const now = <T>(name: keyof PosixCalls, path: string, work: () => T): T => {
      const call = begin(name, path);
      const result = work();
      end(call);
      return result;
    };
    const pathOf = (fd: number): string => this.#opened.get(fd) ?? "?";

    return {
      open: (path, flags, mode) =>
        later("open", path, async () => {
          const fd = await systemCalls.open(path, flags, mode);
          this.#made(fd, path, flags);
          return fd;
        }),
      facts: (fd) => later("facts", pathOf(fd), () => systemCalls.facts(fd)),
      chmod: (fd, mode) => later("chmod", pathOf(fd), () => systemCalls.chmod(fd, mode)),
      write: (fd, bytes) =>
        later("write", pathOf(fd), async () => {
          this.#torn.add((await systemCalls.facts(fd)).identity);
          await systemCalls.write(fd, bytes);
        }),
      read: (fd, maxBytes) => later("read", pathOf(fd), () => systemCalls.read(fd, maxBytes)),
      fsync: (fd) =>
        later("fsync", pathOf(fd), async () => {
          const { identity, isFile } = await systemCalls.facts(fd);
          if (isFile) this.#torn.delete(identity);
          else this.#entries = this.#entries.filter(({ directory }) => directory !== pathOf(fd));
        }),
      close: (fd) => {
        const path = pathOf(fd);
        // A dead process' files are closed for it.
        if (life !== this.#life) return systemCalls.close(fd);
        this.#opened.delete(fd);
        return later("close", path, () => systemCalls.close(fd));
      },
      link: (from, to) =>
        later("link", to, async () => {
          await systemCalls.link(from, to);
          this.#entry(to, () => fs.rmSync(to, { force: true }));
        }),
      unlink: (path) => later("unlink", path, () => systemCalls.unlink(path)),
      list: (directory) => later("list", directory, () => systemCalls.list(directory)),
      makeDirectory: (path, mode) => later("makeDirectory", path, () => systemCalls.makeDirectory(path, mode)),
      fileSystemType: (directory) => later("fileSystemType", directory, async () => 0xef53),
      flushFileSystem: (directory) =>
        later("flushFileSystem", directory, async () => {
          this.#torn.clear();
          this.#entries = [];
          return "flushed" as const;
        }),

      openNow: (path, flags, mode) =>
        now("openNow", path, () => {
          const fd = systemCalls.openNow(path, flags, mode);
          this.#made(fd, path, flags);
          return fd;
        }),
      factsNow: (fd) => now("factsNow", pathOf(fd), () => systemCalls.factsNow(fd)),
      chmodNow: (fd, mode) => now("chmodNow", pathOf(fd), () => systemCalls.chmodNow(fd, mode)),
      writeNow: (fd, bytes) =>
        now("writeNow", pathOf(fd), () => {
          this.#torn.add(systemCalls.factsNow(fd).identity);
          systemCalls.writeNow(fd, bytes);
        }),
      readNow: (fd, maxBytes) => now("readNow", pathOf(fd), () => systemCalls.readNow(fd, maxBytes)),
      closeNow: (fd) => {
        const path = pathOf(fd);
        systemCalls.closeNow(fd);
        this.#opened.delete(fd);
        now("closeNow", path, () => undefined);
      },
      linkNow: (from, to) =>
        now("linkNow", to, () => {
          systemCalls.linkNow(from, to);
          this.#entry(to, () => fs.rmSync(to, { force: true }));
        }),
      unlinkNow: (path) => now("unlinkNow", path, () => { systemCalls.unlinkNow(path); }),
      renameNow: (from, to) =>
        now("renameNow", to, () => {
          const before = fs.existsSync(to) ? fs.readFileSync(to) : undefined;
          systemCalls.renameNow(from, to);
          this.#entry(to, () => {
            fs.rmSync(to, { force: true });
            if (before !== undefined) fs.writeFileSync(to, before);
          });
        }),
    };
  }

  /** The process dies between two of its calls. What the kernel knows stays. */
  kill(): void {
    this.#life += 1;
    this.#watch = {};
  }

  async cutPower(mode: PowerCut): Promise<void> {
    this.kill();
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    this.#idle = undefined;
    if (mode === "lose") for (const { takeBack } of this.#entries.reverse()) takeBack();
    for (const path of filesBelow(this.root)) {
      if (this.#torn.has(identityOf(path))) fs.truncateSync(path, Math.floor(fs.statSync(path).size / 2));
    }
    this.#torn.clear();
    this.#entries = [];
  }

  #made(fd: number, path: string, flags: number): void {
    this.#opened.set(fd, path);
    if ((flags & fs.constants.O_CREAT) === 0) return;
    this.#torn.add(identityOf(path));
    this.#entry(path, () => fs.rmSync(path, { force: true }));
  }

  #entry(path: string, takeBack: () => void): void {
    this.#entries.push({ directory: dirname(path), takeBack });
  }
}

export function failure(code: string, text: string): Error {
  return Object.assign(new Error(`${code}: ${text}`), { code });
}

function identityOf(path: string): string {
  const stats = fs.lstatSync(path);
  return `${stats.dev}:${stats.ino}`;
}

export function filesBelow(directory: string): string[] {
  return fs
    .readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
