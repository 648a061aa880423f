// The files of a real tree, hashed: what a build would announce.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, relative, sep } from "node:path";

export interface TreeFile {
  /** Target path: relative to the tree, with `/`. */
  readonly path: string;
  readonly file: string;
  readonly length: number;
  readonly sha256: string;
}

/** Names that no TUF client can ask for are left out. */
const AWKWARD = /[#?\\%]|[\p{Cc}]/u;

/** At most `limit` plain files below `root`, in a fixed order. Hidden folders are not of it: what others cache in one changes meanwhile. */
export async function listTree(root: string, limit: number): Promise<readonly string[]> {
  const found: string[] = [];
  const walk = async (folder: string): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (found.length >= limit) return;
      const path = join(folder, entry.name);
      if (entry.isDirectory() && !entry.name.startsWith(".")) await walk(path);
      else if (entry.isFile() && !AWKWARD.test(path) && path.normalize("NFC") === path) found.push(path);
    }
  };
  await walk(root);
  return found;
}

export async function hashFile(root: string, file: string): Promise<TreeFile> {
  const hash = createHash("sha256");
  let length = 0;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    length += chunk.length;
  }
  return { path: relative(root, file).split(sep).join("/"), file, length, sha256: hash.digest("hex") };
}
