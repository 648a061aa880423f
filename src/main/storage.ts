// Where metadata is published, and the driver that goes with it.
//
// An order is plain values, so that it can be handed to a thread. Drivers are loaded when
// chosen, by literal imports: most installations need none of the libraries of the others.

import type { Config } from "../config/schema.ts";
import { openPosixStorage } from "../drivers/storage/posix/storage.ts";
import type { Storage } from "../ports/storage.ts";

export type StorageOrder = { readonly kind: "folder"; readonly directory: string };

export function storageOrderOf(config: Config): StorageOrder {
  return { kind: "folder", directory: config.metadata.directory };
}

/** Opened, not yet proved: whoever writes there calls `prove` first. @throws StorageError */
export async function openStorage(order: StorageOrder): Promise<Storage> {
  return openPosixStorage({ directory: order.directory });
}
