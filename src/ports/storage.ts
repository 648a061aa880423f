// Where published metadata lies: a flat set of names, each holding bytes.
//
// What the publisher builds on (protocol rules 5 - 7, 26, 27):
//  - `create` never changes a name that exists. When it resolves `created` or `same`,
//    a power cut keeps name and bytes; a reader never sees part of a file.
//  - `replace` swaps one name's bytes for others as a whole, and only while the name
//    still holds what the token stood for. Without a native compare-and-swap the driver
//    says `weakReplace`, and its window is one synchronous block.
//  - An unclear answer (timeout, 409, 412, EEXIST) never leaks out: the driver reads
//    back, compares whole bytes, and reports what is true. What it cannot settle it
//    throws as `unavailable`; the caller may repeat the same call with the same bytes.
//  - Safe for concurrent calls on different names. The driver bounds its own concurrency.
//  - The driver retries what is worth retrying, for at most 30 s; nobody else does.

import { AppError } from "../lib/app-error.ts";
import type { Rest } from "./rest.ts";

/** Stands for the bytes a name held when it was read. Opaque; of use only to `replace` on the same storage. */
export type StorageToken = string & { readonly __brand: "StorageToken" };

export interface StoredFile {
  readonly bytes: Buffer;
  readonly token: StorageToken;
}

export type Created =
  /** The name is new and holds our bytes. */
  | "created"
  /** The name held exactly these bytes already, and they are durable now. */
  | "same"
  /** The name holds other bytes. Nothing was changed. */
  | "other";

export interface NewFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface Storage {
  readonly traits: {
    /** `replace` compares and swaps by itself, in a window of one synchronous block, not in the storage. */
    readonly weakReplace: boolean;
    /** The least time between two `replace` of one name, milliseconds. */
    readonly minReplaceMs: number;
  };

  /**
   * Proves on a probe name of its own that `create` does not overwrite and that `replace`
   * refuses a stale token, and cleans up. Called once before the first use.
   * @throws StorageError `unsuitable` saying which promise this storage cannot keep.
   */
  prove(): Promise<void>;

  /** Creates one file durably. @throws StorageError */
  create(name: string, bytes: Uint8Array): Promise<Created>;

  /**
   * Creates many, each as `create` would, answering in the order given; when it resolves,
   * all that are `created` or `same` are durable. Cheaper than one by one. On an error any
   * subset may exist. At most 10,000 files and 64 MiB a call, else `too-large` and nothing is written.
   * A name given twice is created in the order given. @throws StorageError
   */
  createAll(files: readonly NewFile[], rest?: Rest): Promise<readonly Created[]>;

  /**
   * The bytes and token of `name`, or undefined when there is none. Never cached.
   * @throws StorageError `too-large` over `maxBytes`; `denied` when something else than a file
   *         lies there (a link is not followed): whoever serves files answers 404 to that.
   */
  read(name: string, maxBytes: number): Promise<StoredFile | undefined>;

  /**
   * Replaces `name`'s bytes, durably and as a whole, if it still holds what `expected` stands
   * for ("absent": if there is no such name). `mayWrite` is asked in the last moment before
   * the write, within the same synchronous block where the storage has no native condition;
   * when it answers false nothing is written and the answer is `conflict`.
   * @throws StorageError
   */
  replace(
    name: string,
    bytes: Uint8Array,
    expected: StorageToken | "absent",
    mayWrite: () => boolean,
  ): Promise<"replaced" | "conflict">;

  /** Removes `name`. A name that is not there counts as removed. Need not be durable. @throws StorageError */
  remove(name: string): Promise<void>;

  close(): Promise<void>;
}

/**
 * - `unavailable`  could not be reached, full, or answered with a fault; later may help
 * - `denied`       the storage answered that we may not
 * - `too-large`    a file is larger than the caller reads, or a call larger than the storage takes
 * - `bad-name`     not a name this storage serves
 * - `fatal`        durability is no longer known (fsync failed): the process must end; every later write answers the same
 * - `unsuitable`   `prove` found a promise it cannot keep
 */
export class StorageError extends AppError<"unavailable" | "denied" | "too-large" | "bad-name" | "fatal" | "unsuitable"> {}

/** The names that metadata files have. Anything else is `bad-name`, and 404 when served. */
export const METADATA_NAME = /^(?:timestamp\.json|[1-9][0-9]{0,15}\.[A-Za-z0-9_-]{1,128}\.json)$/;
