// What the next snapshot says: the version of every role (TUF 4.4).
//
// Entries are never dropped and never lowered (TUF 5.5.5, promise 9): clients refuse a
// snapshot from which a name vanished. With 16,384 bins the document has half a megabyte,
// so it is patched: the bytes of each block of entries are kept, and a publish writes those
// anew that it touched. (16,384 bins, one touched, 2 shared cores: 5.5 ms of CPU as one string
// that is joined, encoded and thrown away, 1.0 ms as blocks of bytes that are copied.)

import { SPEC_VERSION } from "../tuf/parse.ts";
import { CLIENT_LIMITS } from "../tuf/trusted-set.ts";
import { RoleError } from "./errors.ts";

export interface SnapshotEntry {
  readonly role: string;
  readonly version: number;
  readonly length: number;
  readonly sha256: string;
  /** Bins state their version alone unless `hashes` is "all"; every other role states length and sha256 too. */
  readonly bin: boolean;
}

export type SnapshotHashes = "delegated" | "all";

export class SnapshotBook {
  readonly #hashes: SnapshotHashes;
  #files: string[] = [];
  #parts: string[] = [];
  /** The bytes of each block of parts, commas between them; undefined until they are asked for. */
  #blocks: (Buffer | undefined)[] = [];
  readonly #index = new Map<string, number>();
  readonly #versions = new Map<string, number>();

  constructor(entries: Iterable<SnapshotEntry>, hashes: SnapshotHashes) {
    this.#hashes = hashes;
    this.adopt(entries);
  }

  version(role: string): number | undefined {
    return this.#versions.get(role);
  }

  get size(): number {
    return this.#files.length;
  }

  /** The highest version of any role. */
  get highest(): number {
    let highest = 0;
    for (const version of this.#versions.values()) highest = Math.max(highest, version);
    return highest;
  }

  /**
   * The canonical bytes of the snapshot with `changed` over what the book holds. The book stays as it is.
   * @throws RoleError `snapshot-too-large`; an entry that would go down is a fault of ours and throws plainly.
   */
  press(document: { readonly version: number; readonly expires: string }, changed: readonly SnapshotEntry[]): Buffer {
    const patched = new Map<number, string>();
    const added: [string, string][] = [];
    for (const entry of changed) {
      this.#neverLower(entry);
      const at = this.#index.get(fileOf(entry.role));
      if (at === undefined) added.push([fileOf(entry.role), this.#part(entry)]);
      else patched.set(at, this.#part(entry));
    }
    const pieces = [
      Buffer.from(`{"_type":"snapshot","expires":"${document.expires}","meta":{`),
      ...(added.length === 0 ? this.#patchedBlocks(patched) : [this.#rebuilt(patched, added)]),
      Buffer.from(`},"spec_version":"${SPEC_VERSION}","version":${String(document.version)}}`),
    ];
    const canonical = Buffer.concat(pieces);
    if (canonical.length > MAX_SNAPSHOT_BYTES) {
      throw new RoleError("snapshot-too-large", `snapshot would have ${String(canonical.length)} bytes for ${String(this.size + added.length)} roles; no client should have to read more than ${String(MAX_SNAPSHOT_BYTES)}`);
    }
    return canonical;
  }

  #patchedBlocks(patched: ReadonlyMap<number, string>): Buffer[] {
    const touched = new Set([...patched.keys()].map((at) => Math.floor(at / BLOCK)));
    const pieces: Buffer[] = [];
    for (let from = 0; from < this.#parts.length; from += BLOCK) {
      const block = from / BLOCK;
      if (block > 0) pieces.push(COMMA);
      if (touched.has(block)) pieces.push(this.#bytesOf(from, patched));
      else pieces.push(this.#blocks[block] ??= this.#bytesOf(from, NOTHING));
    }
    return pieces;
  }

  #bytesOf(from: number, patched: ReadonlyMap<number, string>): Buffer {
    const parts = this.#parts.slice(from, from + BLOCK);
    return Buffer.from((patched.size === 0 ? parts : parts.map((part, i) => patched.get(from + i) ?? part)).join(","));
  }

  /** With new names among them; rare. */
  #rebuilt(patched: ReadonlyMap<number, string>, added: readonly (readonly [string, string])[]): Buffer {
    const parts = this.#parts.map((part, at) => patched.get(at) ?? part);
    return Buffer.from(sortedWith(this.#files, parts, added).parts.join(","));
  }

  /** Makes `changed` part of the book: after the commit that published them. */
  adopt(changed: Iterable<SnapshotEntry>): void {
    const added: [string, string][] = [];
    for (const entry of changed) {
      this.#neverLower(entry);
      this.#versions.set(entry.role, entry.version);
      const at = this.#index.get(fileOf(entry.role));
      if (at === undefined) added.push([fileOf(entry.role), this.#part(entry)]);
      else {
        this.#parts[at] = this.#part(entry);
        this.#blocks[Math.floor(at / BLOCK)] = undefined;
      }
    }
    if (added.length === 0) return;
    this.#blocks = [];
    ({ files: this.#files, parts: this.#parts } = sortedWith(this.#files, this.#parts, added));
    this.#files.forEach((file, at) => this.#index.set(file, at));
  }

  #part(entry: SnapshotEntry): string {
    const file = fileOf(entry.role);
    if (entry.bin && this.#hashes === "delegated") return `"${file}":{"version":${String(entry.version)}}`;
    return `"${file}":{"hashes":{"sha256":"${entry.sha256}"},"length":${String(entry.length)},"version":${String(entry.version)}}`;
  }

  #neverLower(entry: SnapshotEntry): void {
    const current = this.#versions.get(entry.role);
    if (current !== undefined && entry.version < current) {
      throw new Error(`snapshot would lower ${entry.role} from ${String(current)} to ${String(entry.version)}`);
    }
  }
}

/** Timestamp states its length, so clients read more than the 2,000,000 bytes they assume without; 16,384 bins with hashes take 2.2 MB. */
const MAX_SNAPSHOT_BYTES = CLIENT_LIMITS.snapshotBytes * 2;

/** Entries whose bytes are kept together: with 16,384 bins copying 128 blocks costs as much as writing one anew. */
const BLOCK = 128;
const COMMA = Buffer.from(",");
const NOTHING: ReadonlyMap<number, string> = new Map();

const fileOf = (role: string): string => `${role}.json`;

/** Role names are ASCII, where every order agrees. */
function sortedWith(files: readonly string[], parts: readonly string[], added: readonly (readonly [string, string])[]): { files: string[]; parts: string[] } {
  const all = files.map((file, at): readonly [string, string] => [file, parts[at] ?? ""]);
  all.push(...added);
  all.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return { files: all.map(([file]) => file), parts: all.map(([, part]) => part) };
}
