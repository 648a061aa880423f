// What the next snapshot says: the version of every role (TUF 4.4).
//
// Entries are never dropped and never lowered (TUF 5.5.5, promise 9): clients refuse a
// snapshot from which a name vanished. With 16,384 bins the document has half a megabyte,
// so it is patched: one string per entry, of which a publish replaces those it touched.

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

  /**
   * The canonical bytes of the snapshot with `changed` over what the book holds. The book stays as it is.
   * @throws RoleError `snapshot-too-large`; an entry that would go down is a fault of ours and throws plainly.
   */
  press(document: { readonly version: number; readonly expires: string }, changed: readonly SnapshotEntry[]): Buffer {
    let parts = this.#parts.slice();
    let files = this.#files;
    const added: SnapshotEntry[] = [];
    for (const entry of changed) {
      this.#neverLower(entry);
      const at = this.#index.get(fileOf(entry.role));
      if (at === undefined) added.push(entry);
      else parts[at] = this.#part(entry);
    }
    if (added.length > 0) ({ files, parts } = sortedWith(files, parts, added.map((entry) => [fileOf(entry.role), this.#part(entry)])));
    const canonical = Buffer.from(
      `{"_type":"snapshot","expires":"${document.expires}","meta":{${parts.join(",")}},` +
        `"spec_version":"${SPEC_VERSION}","version":${String(document.version)}}`,
    );
    if (canonical.length > MAX_SNAPSHOT_BYTES) {
      throw new RoleError("snapshot-too-large", `snapshot would have ${String(canonical.length)} bytes for ${String(files.length)} roles; no client should have to read more than ${String(MAX_SNAPSHOT_BYTES)}`);
    }
    return canonical;
  }

  /** Makes `changed` part of the book: after the commit that published them. */
  adopt(changed: Iterable<SnapshotEntry>): void {
    const added: [string, string][] = [];
    for (const entry of changed) {
      this.#neverLower(entry);
      this.#versions.set(entry.role, entry.version);
      const at = this.#index.get(fileOf(entry.role));
      if (at === undefined) added.push([fileOf(entry.role), this.#part(entry)]);
      else this.#parts[at] = this.#part(entry);
    }
    if (added.length === 0) return;
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

const fileOf = (role: string): string => `${role}.json`;

/** Role names are ASCII, where every order agrees. */
function sortedWith(files: readonly string[], parts: readonly string[], added: readonly (readonly [string, string])[]): { files: string[]; parts: string[] } {
  const all = files.map((file, at): readonly [string, string] => [file, parts[at] ?? ""]);
  all.push(...added);
  all.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return { files: all.map(([file]) => file), parts: all.map(([, part]) => part) };
}
