// Places to open storages in: memory, a real folder, a folder on a disk that forgets.

import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PosixCalls } from "../../../src/drivers/storage/posix/calls.ts";
import { openPosixStorage } from "../../../src/drivers/storage/posix/storage.ts";
import type { PosixStorageOptions } from "../../../src/drivers/storage/posix/storage.ts";
import type { Storage } from "../../../src/ports/storage.ts";
import { createMemoryStorage } from "../../fakes/storage.ts";
import type { MemoryStorage } from "../../fakes/storage.ts";
import type { StorageHarness } from "./suite.ts";
import { VolatileDisk } from "./volatile-disk.ts";

/** `alter` makes a driver of its own out of the fake, to break it. */
export function memoryHarness(alter: (storage: MemoryStorage) => Partial<Storage> = () => ({})): StorageHarness {
  const memory = createMemoryStorage();
  const open = (): Promise<Storage> => Promise.resolve({ ...memory, close: () => Promise.resolve(), ...alter(memory) });
  return { open, cutPower: open, end: () => Promise.resolve() };
}

export interface VolatileHarness extends StorageHarness {
  readonly directory: string;
  readonly disk: VolatileDisk;
}

/** `alter` sits between driver and disk, to make a driver that leaves out calls. */
export function volatileHarness(alter: (calls: PosixCalls) => Partial<PosixCalls> = () => ({}), options: Partial<PosixStorageOptions> = {}): VolatileHarness {
  const root = temporaryFolder();
  const directory = join(root, "metadata");
  const disk = new VolatileDisk(root);
  const open = (): Promise<Storage> => {
    const calls = disk.calls();
    return openPosixStorage({ ...options, directory, calls: { ...calls, ...alter(calls) } });
  };
  return {
    directory,
    disk,
    open,
    async cutPower(mode) {
      await disk.cutPower(mode);
      return open();
    },
    end: async () => fs.rmSync(root, { recursive: true, force: true }),
  };
}

/** The driver as it is used, on the machine's disk. It cannot cut the power; what it does for durability is watched by the volatile harness. */
export function folderHarness(options: Partial<PosixStorageOptions> = {}): StorageHarness {
  const root = temporaryFolder();
  const open = (): Promise<Storage> => openPosixStorage({ ...options, directory: join(root, "metadata") });
  return { open, cutPower: open, end: async () => fs.rmSync(root, { recursive: true, force: true }) };
}

export function temporaryFolder(): string {
  return fs.mkdtempSync(join(tmpdir(), "rstuf-storage-"));
}
