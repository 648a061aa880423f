// Where metadata is published, and the driver that goes with it.
//
// An order is plain values, so that it can be handed to a thread. Drivers are loaded when
// chosen, by literal imports: most installations need none of the libraries of the others.

import type { Config } from "../config/schema.ts";
import type { AzureStorageOptions } from "../drivers/storage/azure/storage.ts";
import type { GcsStorageOptions } from "../drivers/storage/gcs/storage.ts";
import type { S3StorageOptions } from "../drivers/storage/s3/storage.ts";
import type { Storage } from "../ports/storage.ts";

export type StorageOrder =
  | { readonly kind: "folder"; readonly directory: string }
  | ({ readonly kind: "s3" } & S3StorageOptions)
  | ({ readonly kind: "gcs" } & GcsStorageOptions)
  | ({ readonly kind: "azure" } & AzureStorageOptions);

/** What the configuration says, secrets revealed: never log it. */
export function storageOrderOf({ metadata, storage }: Config): StorageOrder {
  const { kind, bucket = "", account = "", endpoint, accessKeyId, secretAccessKey } = storage;
  if (kind === "folder") return { kind, directory: metadata.directory };
  const common = {
    bucket,
    prefix: storage.prefix === undefined ? "" : `${storage.prefix.replace(/\/$/, "")}/`,
    endpoint,
    concurrency: storage.concurrency,
    requestMs: storage.requestTimeoutMs,
  };
  if (kind === "gcs") return { kind, ...common };
  if (kind === "azure") return { kind, ...common, account, accountKey: storage.accountKey?.reveal() };
  return {
    kind,
    ...common,
    region: storage.region,
    addressing: storage.addressing === "auto" ? undefined : storage.addressing,
    acl: storage.acl === "none" ? undefined : storage.acl,
    credentials: accessKeyId === undefined || secretAccessKey === undefined ? undefined : { accessKeyId, secretAccessKey: secretAccessKey.reveal() },
  };
}

/** Opened, not yet proved: whoever writes there calls `prove` first. To `read` a folder nothing in it is touched. @throws StorageError */
export async function openStorage(order: StorageOrder, access: "read" | "write" = "write"): Promise<Storage> {
  switch (order.kind) {
    case "folder": {
      const { openPosixStorage } = await import("../drivers/storage/posix/storage.ts");
      return openPosixStorage({ directory: order.directory, access });
    }
    case "s3": {
      const { openS3Storage } = await import("../drivers/storage/s3/storage.ts");
      return openS3Storage(order);
    }
    case "gcs": {
      const { openGcsStorage } = await import("../drivers/storage/gcs/storage.ts");
      return openGcsStorage(order);
    }
    case "azure": {
      const { openAzureStorage } = await import("../drivers/storage/azure/storage.ts");
      return openAzureStorage(order);
    }
  }
}

/** For people: a folder's path, or `s3://bucket/prefix/`. */
export function placeOfStorage(order: StorageOrder): string {
  return order.kind === "folder" ? order.directory : `${order.kind}://${order.bucket}/${order.prefix}`;
}
