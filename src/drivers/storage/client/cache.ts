// A client's cache as files in one folder (port: client-storage.ts).
//
//   FOLDER/root-1.json, root-2.json ...   the trusted chain
//   FOLDER/<sha256 of the role name>.json everything else
//
// A role's name comes from the repository and never becomes part of a path.

import { readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { ClientStorageError } from "../../../ports/client-storage.ts";
import type { ClientCache } from "../../../ports/client-storage.ts";
import { sha256Hex } from "../../../tuf/crypto.ts";
import { ensureFolder, readPlain, writeWhole } from "./safe-file.ts";

const ROOT_NAME = /^root-([1-9][0-9]{0,15})\.json$/;

/**
 * Opens the cache in `folder` (made when it isn't there, for its owner alone). One folder
 * serves one repository.
 * @throws ClientStorageError `unusable`
 */
export async function openFileCache(folder: string): Promise<ClientCache> {
  await ensureFolder(folder, 0o700, "refused");
  const nameOf = (role: string) => `${sha256Hex(role)}.json`;
  const rootName = (version: number) => `root-${String(version)}.json`;
  const read = (name: string, maxBytes: number) => readPlain(join(folder, name), maxBytes);

  const rootVersions = async (): Promise<number[]> => {
    const names = await readdir(folder).catch(() => []);
    const versions = names.flatMap((name) => ROOT_NAME.exec(name)?.[1] ?? []).map(Number);
    return versions.filter(Number.isSafeInteger).sort((a, b) => a - b);
  };

  return {
    read: (role, maxBytes) => read(nameOf(role), maxBytes),

    async write(role, bytes, expected) {
      if (expected !== undefined) {
        const now = await read(nameOf(role), expected.maxBytes);
        const same = now === undefined ? expected.bytes === undefined : expected.bytes !== undefined && now.equals(expected.bytes);
        if (!same) return; // another process was faster; what it wrote is verified as well
      }
      await writeWhole(folder, nameOf(role), bytes);
    },

    remove: (role) => removeFile(join(folder, nameOf(role))),
    rootVersions,
    readRoot: (version, maxBytes) => read(rootName(version), maxBytes),
    writeRoot: (version, bytes) => writeWhole(folder, rootName(version), bytes),

    async removeRootsFrom(version) {
      // The highest first: what is left after a crash is still a chain without a gap.
      for (const kept of (await rootVersions()).toReversed()) {
        if (kept >= version) await removeFile(join(folder, rootName(kept)));
      }
    },
  };
}

async function removeFile(file: string): Promise<void> {
  try {
    await unlink(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw new ClientStorageError("unwritable", `${file} could not be removed: ${String(error)}`, { cause: error });
  }
}
