// What a client keeps on disk: metadata it verified once, and artifacts it downloaded.
//
// The client trusts nothing it reads here but the roots: everything else is verified
// again on each use, so a damaged or strange file counts as absent. What the client
// builds on:
//  - A write is whole or did not happen: a reader, in this process or another, sees the
//    old bytes or the new ones.
//  - Nothing is read or written outside the folder, and no link is followed in it.
//  - Two processes may share a cache; each sees what the other wrote last.

import { AppError } from "../lib/app-error.ts";

export interface ClientCache {
  /** The bytes last written for `role`; undefined when there are none, or nothing usable (a link, over `maxBytes`). */
  read(role: string, maxBytes: number): Promise<Buffer | undefined>;
  /**
   * Keeps `bytes` for `role`, durably. With `expected` only while a read (of `maxBytes`) still
   * answers `bytes`, so that a slow process doesn't put an older file over a newer one.
   * @throws ClientStorageError `unwritable`
   */
  write(role: string, bytes: Uint8Array, expected?: { readonly bytes: Uint8Array | undefined; readonly maxBytes: number }): Promise<void>;
  /** Forgets `role`. Nothing there is fine. @throws ClientStorageError `unwritable` */
  remove(role: string): Promise<void>;

  /** Versions of the trusted roots kept here, rising. */
  rootVersions(): Promise<readonly number[]>;
  readRoot(version: number, maxBytes: number): Promise<Buffer | undefined>;
  /** @throws ClientStorageError `unwritable` */
  writeRoot(version: number, bytes: Uint8Array): Promise<void>;
  /** Forgets the roots of `version` and above: they belong to another chain. @throws ClientStorageError `unwritable` */
  removeRootsFrom(version: number): Promise<void>;
}

export interface Destination {
  /** Where `path` lies, or would lie. @throws ClientStorageError `unsafe-name` */
  locate(path: string): string;
  /** The bytes that lie at `path` now, in pieces; undefined when there is no plain file there, or not of `length` bytes. */
  existing(path: string, length: number): Promise<AsyncIterable<Uint8Array> | undefined>;
  /**
   * Starts a file for `path` under a temporary name, with what an earlier try left of the same
   * `content`, a name for the bytes that are wanted: `[A-Za-z0-9]+`, at most 64. Without it the file
   * begins empty, and nothing is left of it.
   * @throws ClientStorageError `unsafe-name` | `unwritable`
   */
  begin(path: string, content?: string): Promise<Incoming>;
}

/** A file that is not there yet. Exactly one of `keep`, `leave` and `discard` ends it. */
export interface Incoming {
  /** What is in it already, which nobody vouches for; read once, before the first write. Nobody else can change it any more. */
  readonly earlier: AsyncIterable<Uint8Array>;
  write(piece: Uint8Array): Promise<void>;
  /** Gives the file its name, over what was there; answers where it lies. */
  keep(): Promise<string>;
  /** What came stays for a later try. */
  leave(): Promise<void>;
  discard(): Promise<void>;
}

/**
 * - `unusable`     the folder is a link, no folder, or could not be made
 * - `unwritable`   a file could not be written (full, denied)
 * - `unsafe-name`  a target path that would not lie strictly below the folder
 */
export class ClientStorageError extends AppError<"unusable" | "unwritable" | "unsafe-name"> {}
