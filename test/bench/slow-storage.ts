// A storage that takes its time: every put is answered after so long, at most so many are in flight, as of a bucket
// far away. Its files lie in a folder, unsynced: processes share it, and nobody's disk is measured.

import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Turns } from "../../src/drivers/storage/common/turns.ts";
import type { Created, Storage, StorageToken } from "../../src/ports/storage.ts";
import { sha256Hex } from "../../src/tuf/crypto.ts";

export function createSlowStorage(folder: string, putMs: number, concurrency: number): Storage {
  const turns = new Turns(concurrency);
  const read = (name: string): Promise<Buffer | undefined> => readFile(join(folder, name)).catch(() => undefined);
  const temporary = async (bytes: Uint8Array): Promise<string> => {
    const file = join(folder, `.${randomBytes(8).toString("hex")}`);
    await writeFile(file, bytes);
    return file;
  };
  const create = (name: string, bytes: Uint8Array): Promise<Created> => turns.run(async () => {
    const [file] = await Promise.all([temporary(bytes), sleep(putMs)]);
    try {
      await link(file, join(folder, name));
      return "created";
    } catch {
      return (await read(name))?.equals(bytes) === true ? "same" : "other";
    } finally {
      await rm(file);
    }
  });
  return {
    traits: { weakReplace: true, minReplaceMs: 0 },
    prove: () => Promise.resolve(),
    create,
    createAll: (files) => Promise.all(files.map(({ name, bytes }) => create(name, bytes))),
    async read(name) {
      const bytes = await read(name);
      return bytes && { bytes, token: sha256Hex(bytes) as StorageToken };
    },
    async replace(name, bytes, expected, mayWrite) {
      const [file] = await Promise.all([temporary(bytes), sleep(putMs)]);
      const found = await read(name);
      if (!mayWrite() || (found === undefined ? "absent" : sha256Hex(found)) !== expected) {
        await rm(file);
        return "conflict";
      }
      await rename(file, join(folder, name));
      return "replaced";
    },
    remove: (name) => rm(join(folder, name), { force: true }),
    close: () => Promise.resolve(),
  };
}
