// One new file under its name, without ever overwriting: link(2), and what its answers mean.

import { StorageError } from "../../../ports/storage.ts";
import type { Created } from "../../../ports/storage.ts";
import { errnoOf, isNoPlainFile } from "./faults.ts";
import { READ_FLAGS, type Folder } from "./folder.ts";

/** How often a temporary file that another process removed is written again. */
export const REWRITES = 3;

export type Outcome = Created | "absent";

/** As `create`, but the directory is not synced yet. */
export async function linkNew(folder: Folder, path: string, bytes: Uint8Array, written?: string): Promise<Created> {
  let temporary = written;
  for (let left = REWRITES; ; left -= 1) {
    temporary ??= await folder.writeTemporary(bytes);
    try {
      const outcome = await link(folder, temporary, path, bytes);
      if (outcome !== "absent") return outcome;
    } finally {
      await folder.discard(temporary);
    }
    if (left === 0) throw new StorageError("unavailable", `cannot create ${path}: its temporary file vanishes each time`);
    temporary = undefined;
  }
}

/** `absent`: the temporary file was gone, or what was in the way is; worth another round. */
async function link(folder: Folder, temporary: string, path: string, bytes: Uint8Array): Promise<Outcome> {
  try {
    await folder.calls.link(temporary, path);
    return "created";
  } catch (error) {
    const found = await compare(folder, temporary, path, bytes);
    if (found === "absent" && !["EEXIST", "ENOENT"].includes(errnoOf(error))) throw error;
    return found;
  }
}

/**
 * What lies at `path`, after an answer that does not settle it: EEXIST, or an error a
 * network file system gave for a link that succeeded. `same` has synced the file.
 */
export async function compare(folder: Folder, temporary: string, path: string, bytes: Uint8Array): Promise<Outcome> {
  let fd: number;
  try {
    fd = await folder.calls.open(path, READ_FLAGS);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return "absent";
    if (isNoPlainFile(error)) return "other";
    throw error;
  }
  try {
    const facts = await folder.calls.facts(fd);
    if (!facts.isFile) return "other";
    if (facts.identity === (await identityOf(folder, temporary))) return "created";
    if (facts.size !== bytes.length || !(await folder.calls.read(fd, bytes.length + 1)).equals(bytes)) return "other";
    await folder.fsync(fd, path);
    return "same";
  } finally {
    await folder.calls.close(fd);
  }
}

async function identityOf(folder: Folder, path: string): Promise<string | undefined> {
  try {
    const fd = await folder.calls.open(path, READ_FLAGS);
    try {
      return (await folder.calls.facts(fd)).identity;
    } finally {
      await folder.calls.close(fd);
    }
  } catch {
    return undefined;
  }
}
