// A client's cache and a destination in memory.

import { ClientStorageError } from "../../src/ports/client-storage.ts";
import type { ClientCache, Destination } from "../../src/ports/client-storage.ts";

export interface MemoryCache extends ClientCache {
  /** What is kept: role to bytes; roots under `root-N`. May be changed at any time. */
  readonly kept: Map<string, Buffer>;
}

export function createMemoryCache(): MemoryCache {
  const kept = new Map<string, Buffer>();
  const versions = () => [...kept.keys()].flatMap((name) => /^root-(\d+)$/.exec(name)?.[1] ?? []).map(Number).sort((a, b) => a - b);
  const read = (name: string, maxBytes: number) => {
    const bytes = kept.get(name);
    return bytes !== undefined && bytes.byteLength <= maxBytes ? bytes : undefined;
  };
  const write = (name: string, bytes: Uint8Array) => kept.set(name, Buffer.from(bytes));
  return {
    kept,
    read: (role, maxBytes) => Promise.resolve(read(role, maxBytes)),
    write(role, bytes, expected) {
      const now = expected === undefined ? undefined : read(role, expected.maxBytes);
      const same = expected === undefined || (now === undefined ? expected.bytes === undefined : expected.bytes !== undefined && now.equals(expected.bytes));
      if (same) write(role, bytes);
      return Promise.resolve();
    },
    remove: (role) => Promise.resolve(void kept.delete(role)),
    rootVersions: () => Promise.resolve(versions()),
    readRoot: (version, maxBytes) => Promise.resolve(read(`root-${String(version)}`, maxBytes)),
    writeRoot: (version, bytes) => Promise.resolve(void write(`root-${String(version)}`, bytes)),
    removeRootsFrom(version) {
      for (const each of versions()) if (each >= version) kept.delete(`root-${String(each)}`);
      return Promise.resolve();
    },
  };
}

export interface MemoryDestination extends Destination {
  /** Path to bytes. */
  readonly files: Map<string, Buffer>;
  /** Files begun and neither kept nor discarded. */
  readonly open: Set<string>;
  /** What was left of a content. */
  readonly left: Map<string, Buffer>;
}

export function createMemoryDestination(): MemoryDestination {
  const files = new Map<string, Buffer>();
  const open = new Set<string>();
  const left = new Map<string, Buffer>();
  const locate = (path: string) => {
    if (path.split("/").some((segment) => segment === "" || segment === "." || segment === "..")) throw new ClientStorageError("unsafe-name", `${path} has no safe name`);
    return `/memory/${path}`;
  };
  return {
    files,
    open,
    left,
    locate,
    existing(path, length) {
      const bytes = files.get(path);
      return Promise.resolve(bytes?.byteLength === length ? piecesOf(bytes) : undefined);
    },
    begin(path, content) {
      const file = locate(path);
      const earlier = content === undefined ? undefined : left.get(content);
      if (content !== undefined) left.delete(content);
      const pieces: Uint8Array[] = earlier === undefined ? [] : [earlier];
      open.add(path);
      return Promise.resolve({
        earlier: piecesOf(earlier ?? Buffer.alloc(0)),
        leave: () => {
          open.delete(path);
          if (content !== undefined) left.set(content, Buffer.concat(pieces));
          return Promise.resolve();
        },
        write: (piece: Uint8Array) => Promise.resolve(void pieces.push(Buffer.from(piece))),
        keep: () => {
          open.delete(path);
          files.set(path, Buffer.concat(pieces));
          return Promise.resolve(file);
        },
        discard: () => Promise.resolve(void open.delete(path)),
      });
    },
  };
}

 
async function* piecesOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}
