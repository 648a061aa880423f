// A storage in memory that keeps every promise of its port, and can be told to fail.
//
// `before` runs when a call has begun and nothing has changed: throwing there is "failed,
// not stored". `after` runs when the change is made: throwing there is "stored, but
// reported failed". Both may wait, to hold a call in flight.

import { createHash } from "node:crypto";
import type { Rest } from "../../src/ports/rest.ts";
import { METADATA_NAME, StorageError } from "../../src/ports/storage.ts";
import type { Created, NewFile, Storage, StorageToken, StoredFile } from "../../src/ports/storage.ts";

export type StorageOperation = "create" | "read" | "replace" | "remove";

export interface StorageHooks {
  before?(operation: StorageOperation, name: string): void | Promise<void>;
  after?(operation: StorageOperation, name: string): void | Promise<void>;
}

export interface MemoryStorage extends Storage {
  /** May be changed at any time; applies to calls that begin later. */
  hooks: StorageHooks;
  /** Every operation that took effect or was tried, in order: `create 1.root.json`. */
  readonly journal: string[];
  /** The names present, sorted. */
  names(): string[];
  /** What lies under `name`, without a trace in the journal. */
  peek(name: string): Buffer | undefined;
  /** Puts bytes past the contract, as an attacker or an operator would; undefined removes. */
  tamper(name: string, bytes: Uint8Array | undefined): void;
  /** The same contents, apart: what a snapshot of the disk taken now would hold. */
  copy(): MemoryStorage;
}

export interface MemoryStorageOptions {
  readonly hooks?: StorageHooks;
  readonly weakReplace?: boolean;
  readonly minReplaceMs?: number;
  readonly files?: Iterable<readonly [string, Uint8Array]>;
}

export function createMemoryStorage(options: MemoryStorageOptions = {}): MemoryStorage {
  const files = new Map<string, Buffer>();
  for (const [name, bytes] of options.files ?? []) files.set(name, Buffer.from(bytes));
  const journal: string[] = [];
  let closed = false;

  const begin = async (operation: StorageOperation, name: string): Promise<void> => {
    checkName(name);
    if (closed) throw new StorageError("unavailable", `cannot ${operation} ${name}: the storage is closed`);
    journal.push(`${operation} ${name}`);
    await storage.hooks.before?.(operation, name);
  };

  const create = async (name: string, bytes: Uint8Array): Promise<Created> => {
    const copy = Buffer.from(bytes);
    await begin("create", name);
    const present = files.get(name);
    if (present === undefined) files.set(name, copy);
    await storage.hooks.after?.("create", name);
    if (present === undefined) return "created";
    return present.equals(copy) ? "same" : "other";
  };

  const storage: MemoryStorage = {
    traits: { weakReplace: options.weakReplace ?? false, minReplaceMs: options.minReplaceMs ?? 0 },
    hooks: options.hooks ?? {},
    journal,

    prove: () => Promise.resolve(),

    create,

    async createAll(newFiles: readonly NewFile[], rest?: Rest): Promise<readonly Created[]> {
      for (const file of newFiles) checkName(file.name);
      if (newFiles.length > 10_000 || newFiles.reduce((sum, { bytes }) => sum + bytes.length, 0) > 64 * 1024 * 1024) {
        throw new StorageError("too-large", `${newFiles.length} files are more than one call takes`);
      }
      const answers: Created[] = [];
      for (const file of newFiles) {
        await rest?.();
        answers.push(await create(file.name, file.bytes));
      }
      return answers;
    },

    async read(name: string, maxBytes: number): Promise<StoredFile | undefined> {
      await begin("read", name);
      const bytes = files.get(name);
      await storage.hooks.after?.("read", name);
      if (bytes === undefined) return undefined;
      if (bytes.length > maxBytes) throw new StorageError("too-large", `${name} is larger than ${String(maxBytes)} bytes`);
      return { bytes: Buffer.from(bytes), token: tokenOf(bytes) };
    },

    async replace(name, bytes, expected, mayWrite): Promise<"replaced" | "conflict"> {
      const copy = Buffer.from(bytes);
      await begin("replace", name);
      if (!mayWrite()) return "conflict";
      const present = files.get(name);
      const holds = present === undefined ? "absent" : tokenOf(present);
      if (holds !== expected) return "conflict";
      files.set(name, copy);
      await storage.hooks.after?.("replace", name);
      return "replaced";
    },

    async remove(name: string): Promise<void> {
      await begin("remove", name);
      files.delete(name);
      await storage.hooks.after?.("remove", name);
    },

    close(): Promise<void> {
      closed = true;
      return Promise.resolve();
    },

    names: () => [...files.keys()].sort(),
    peek: (name) => files.get(name),
    tamper(name, bytes) {
      if (bytes === undefined) files.delete(name);
      else files.set(name, Buffer.from(bytes));
    },
    copy: () => createMemoryStorage({ ...options, files, hooks: {} }),
  };
  return storage;
}

function checkName(name: string): void {
  if (!METADATA_NAME.test(name)) throw new StorageError("bad-name", `${JSON.stringify(name.slice(0, 200))} is not the name of a metadata file`);
}

function tokenOf(bytes: Uint8Array): StorageToken {
  return createHash("sha256").update(bytes).digest("hex") as StorageToken;
}
