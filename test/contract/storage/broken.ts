// Storages that each break one promise, beside the case that finds it out.

import fs from "node:fs";
import { StorageError } from "../../../src/ports/storage.ts";
import type { Storage, StoredFile } from "../../../src/ports/storage.ts";
import { memoryHarness, volatileHarness } from "./harnesses.ts";
import type { StorageHarness } from "./suite.ts";

export interface BrokenStorage {
  readonly name: string;
  readonly harness: () => StorageHarness;
  /** The cases that must refuse it; others may. */
  readonly refusedBy: readonly string[];
}

const folderOnly = (fd: number): boolean => fs.fstatSync(fd).isDirectory();

export const BROKEN_STORAGES: readonly BrokenStorage[] = [
  {
    name: "skips every fsync",
    harness: () => volatileHarness(() => ({ fsync: async () => undefined })),
    refusedBy: [
      "create: what is `created` survives a power cut (lose)",
      "create: what is `created` survives a power cut (keep)",
      "createAll: a few files survive a power cut as well (keep)",
      "replace: what is `replaced` survives a power cut (keep)",
    ],
  },
  {
    name: "syncs files and forgets the directory",
    harness: () => volatileHarness((calls) => ({ fsync: async (fd) => (folderOnly(fd) ? undefined : calls.fsync(fd)) })),
    refusedBy: [
      "create: what is `created` survives a power cut (lose)",
      "create: what is `same` survives a power cut (lose)",
      "createAll: everything `created` or `same` survives a power cut (lose)",
      "replace: what is `replaced` survives a power cut (lose)",
    ],
  },
  {
    name: "syncs the directory and forgets the file",
    harness: () => volatileHarness((calls) => ({ fsync: async (fd) => (folderOnly(fd) ? calls.fsync(fd) : undefined) })),
    refusedBy: ["create: what is `created` survives a power cut (keep)", "replace: what is `replaced` survives a power cut (lose)"],
  },
  {
    name: "believes a flush that did nothing",
    harness: () => volatileHarness(() => ({ flushFileSystem: async () => "flushed" })),
    refusedBy: ["createAll: everything `created` or `same` survives a power cut (lose)", "createAll: everything `created` or `same` survives a power cut (keep)"],
  },
  {
    name: "overwrites in create (renames instead of linking)",
    harness: () => volatileHarness((calls) => ({ linkNow: (from, to) => { calls.renameNow(from, to); } })),
    refusedBy: ["create: a name that exists is never changed", "create: the same call again is `same`", "create: two at once with other bytes leave one of them, whole"],
  },
  {
    name: "answers before it has written",
    harness: () => {
      const started: Promise<unknown>[] = [];
      return volatileHarnessOf((storage) => ({
        async create(name, bytes) {
          started.push(storage.create(name, bytes).catch(() => undefined));
          return "created";
        },
      }), () => Promise.all(started));
    },
    refusedBy: ["create: a new name is `created` and holds our bytes at once", "create: what is `created` survives a power cut (lose)", "create: what is `created` survives a power cut (keep)"],
  },
  {
    name: "ignores the token",
    harness: () =>
      memoryHarness((memory) => ({
        async replace(name, bytes, _expected, mayWrite) {
          if (!mayWrite()) return "conflict";
          memory.tamper(name, bytes);
          return "replaced";
        },
      })),
    refusedBy: [
      "replace: a stale token is a conflict, and nothing changes",
      "replace: a name that vanished is a conflict, and stays away",
      "replace: `absent` writes only where nothing is",
      "replace: of two with the same token one wins, the other is a conflict",
    ],
  },
  {
    name: "compares long before it swaps",
    harness: () =>
      memoryHarness((memory) => ({
        async replace(name, bytes, expected, mayWrite) {
          const present = memory.peek(name);
          const token = present === undefined ? "absent" : (await memory.read(name, 1e9))?.token;
          await new Promise(setImmediate);
          if (token !== expected || !mayWrite()) return "conflict";
          memory.tamper(name, bytes);
          return "replaced";
        },
      })),
    refusedBy: ["replace: of two with the same token one wins, the other is a conflict"],
  },
  {
    name: "never asks mayWrite",
    harness: () => memoryHarness((memory) => ({ replace: (name, bytes, expected) => memory.replace(name, bytes, expected, () => true) })),
    refusedBy: ["replace: mayWrite is asked before the write, and its no is a conflict"],
  },
  {
    name: "writes in place, piece by piece",
    harness: () =>
      memoryHarness((memory) => ({
        async replace(name, bytes, expected, mayWrite) {
          const half = await memory.replace(name, bytes.subarray(0, bytes.length / 2), expected, mayWrite);
          await new Promise(setImmediate);
          if (half === "replaced") memory.tamper(name, bytes);
          return half;
        },
      })),
    refusedBy: ["replace: a reader sees the old bytes or the new ones, whole"],
  },
  {
    name: "caches what it read",
    harness: () =>
      memoryHarness((memory) => {
        const cache = new Map<string, StoredFile | undefined>();
        return {
          async read(name, maxBytes) {
            const found = cache.get(name) ?? (await memory.read(name, maxBytes));
            if (found !== undefined && found.bytes.length > maxBytes) throw new StorageError("too-large", name);
            cache.set(name, found);
            return found;
          },
        };
      }),
    refusedBy: ["read: never cached, what another opening wrote is seen"],
  },
  {
    name: "mixes up the answers of a bulk call",
    harness: () => memoryHarness((memory) => ({ createAll: async (files) => (await memory.createAll(files)).toReversed() })),
    refusedBy: ["createAll: answers come in the order given, each as create would answer"],
  },
  {
    name: "serves any name",
    harness: () => memoryHarness((memory) => ({ read: async (name) => (memory.peek(name) === undefined ? undefined : memory.read(name, 1e9)) })),
    refusedBy: ["a name that is no metadata name is `bad-name`, whatever is asked", "read: `too-large` over maxBytes, and not at it"],
  },
];

/** A right driver on a volatile disk with a layer above it; `settle` is awaited before the folder goes. */
function volatileHarnessOf(alter: (storage: Storage) => Partial<Storage>, settle: () => Promise<unknown>): StorageHarness {
  const inner = volatileHarness();
  const altered = (storage: Storage): Storage => ({
    traits: storage.traits,
    prove: () => storage.prove(),
    create: (name, bytes) => storage.create(name, bytes),
    createAll: (files) => storage.createAll(files),
    read: (name, maxBytes) => storage.read(name, maxBytes),
    replace: (name, bytes, expected, mayWrite) => storage.replace(name, bytes, expected, mayWrite),
    remove: (name) => storage.remove(name),
    close: () => storage.close(),
    ...alter(storage),
  });
  return {
    open: async () => altered(await inner.open()),
    cutPower: async (mode) => altered(await inner.cutPower(mode)),
    async end() {
      await settle();
      await inner.end();
    },
  };
}
