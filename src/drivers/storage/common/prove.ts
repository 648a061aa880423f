// Finds out, on a probe name of its own, whether a storage can keep the port's promises.

import { StorageError } from "../../../ports/storage.ts";
import type { Created, StorageToken, StoredFile } from "../../../ports/storage.ts";

/** The storage's own code beneath its doors, for one probe that has no metadata name. */
export interface Provable {
  /** Leaves a mark by which a later opening finds the probe again. */
  begin(): Promise<void>;
  create(bytes: Uint8Array): Promise<Created>;
  read(): Promise<StoredFile | undefined>;
  replace(bytes: Uint8Array, expected: StorageToken | "absent", mayWrite: () => boolean): Promise<"replaced" | "conflict">;
  remove(): Promise<void>;
  end(): Promise<void>;
}

/** @throws StorageError `unsuitable`, or what the storage itself threw */
export async function proveStorage(where: string, storage: Provable): Promise<void> {
  const one = Buffer.from("one");
  const two = Buffer.from("two");
  const may = (): boolean => true;
  const demand = (kept: boolean, promise: string): void => {
    if (!kept) throw new StorageError("unsuitable", `${where} cannot hold metadata: it does not keep the promise "${promise}"`);
  };

  await storage.begin();
  try {
    demand((await storage.create(one)) === "created", "a new name is created");
    demand((await storage.create(two)) === "other", "create never changes a name that exists");
    demand((await storage.create(one)) === "same", "equal bytes are recognised");
    const first = await storage.read();
    if (first === undefined) throw new StorageError("unsuitable", `${where} cannot hold metadata: what was created is not found`);
    demand(first.bytes.equals(one), "what was created is read back");
    demand((await storage.replace(two, "absent", may)) === "conflict", "replace refuses a name that should be absent");
    demand((await storage.replace(two, first.token, () => false)) === "conflict", "replace asks before it writes");
    demand((await storage.replace(two, first.token, may)) === "replaced", "replace swaps the bytes");
    demand((await storage.replace(one, first.token, may)) === "conflict", "replace refuses a stale token");
    demand((await storage.read())?.bytes.equals(two) === true, "a refused replace changes nothing");
    await storage.remove();
    demand((await storage.read()) === undefined, "what was removed is gone");
    demand((await storage.replace(one, first.token, may)) === "conflict", "replace refuses a name that vanished");
    demand((await storage.read()) === undefined, "what vanished stays away");
  } finally {
    await storage.remove();
    await storage.end();
  }
}
