// The bucket drivers on our servers that speak their protocols.

import { openAzureStorage } from "../../../src/drivers/storage/azure/storage.ts";
import { openGcsStorage } from "../../../src/drivers/storage/gcs/storage.ts";
import { openS3Storage } from "../../../src/drivers/storage/s3/storage.ts";
import type { BucketStorageOptions } from "../../../src/drivers/storage/common/bucket-storage.ts";
import type { Storage } from "../../../src/ports/storage.ts";
import { AZURE_ACCOUNT, AZURE_CONTAINER, AZURE_KEY, openAzureServer } from "../../fakes/buckets/azure.ts";
import { GCS_BUCKET, openGcsServer } from "../../fakes/buckets/gcs.ts";
import type { ObjectServer } from "../../fakes/buckets/objects.ts";
import { openS3Server, S3_BUCKET } from "../../fakes/buckets/s3.ts";
import type { StorageHarness } from "./suite.ts";

/** What a test may want otherwise. Waits between tries are left out, and nothing is tried for long. */
export type BucketOptions = Partial<BucketStorageOptions>;

export interface BucketStore {
  readonly name: string;
  /** What is before a name in the server's keys. */
  readonly prefix: string;
  serve(): Promise<ObjectServer>;
  open(server: ObjectServer, options?: BucketOptions): Promise<Storage>;
}

const PREFIX = "some/where/";
const QUICK: BucketStorageOptions = { prefix: PREFIX, pause: () => new Promise(setImmediate) };

export const BUCKET_STORES: readonly BucketStore[] = [
  {
    name: "s3",
    prefix: PREFIX,
    serve: openS3Server,
    open: (server, options = {}) => openS3Storage({ ...QUICK, endpoint: server.url, bucket: S3_BUCKET, credentials: { accessKeyId: "test", secretAccessKey: "test" }, ...options }),
  },
  {
    name: "gcs",
    prefix: PREFIX,
    serve: openGcsServer,
    open: (server, options = {}) => openGcsStorage({ ...QUICK, endpoint: server.url, bucket: GCS_BUCKET, ...options }),
  },
  {
    name: "azure",
    prefix: PREFIX,
    serve: openAzureServer,
    open: (server, options = {}) => openAzureStorage({ ...QUICK, endpoint: server.url, bucket: AZURE_CONTAINER, account: AZURE_ACCOUNT, accountKey: AZURE_KEY, ...options }),
  },
];

export async function bucketHarness(store: BucketStore): Promise<StorageHarness> {
  const server = await store.serve();
  const opened: Storage[] = [];
  const open = async (): Promise<Storage> => {
    const storage = await store.open(server);
    opened.push(storage);
    return storage;
  };
  return {
    open,
    cutPower: open,
    async end() {
      for (const storage of opened) await storage.close();
      await server.close();
    },
  };
}
