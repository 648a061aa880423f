// Metadata in a container of Azure Blob Storage.
//
// Conditions are ETags. "Absent" is `If-None-Match: *`, which Azure refuses with 409, not 412.
// The SDK's own retries are off, as for every bucket.

import type { ContainerClient } from "@azure/storage-blob";
import { StorageError, type Storage } from "../../../ports/storage.ts";
import { BucketFault, kindOfStatus, optionalPackage, type Bucket, type FaultKind } from "../common/bucket.ts";
import { BucketStorage, type BucketStorageOptions } from "../common/bucket-storage.ts";
import { readAtMost, type ByteStream } from "../common/read-at-most.ts";

export interface AzureStorageOptions extends Omit<BucketStorageOptions, "minReplaceMs"> {
  /** The container. */
  readonly bucket: string;
  readonly account: string;
  /** Default: `https://ACCOUNT.blob.core.windows.net`. */
  readonly endpoint?: string | undefined;
  /** Default: whatever `DefaultAzureCredential` finds (environment, workload identity, managed identity, Azure CLI). */
  readonly accountKey?: string | undefined;
}

/** @throws StorageError `unsuitable` without the SDK */
export async function openAzureStorage(options: AzureStorageOptions): Promise<Storage> {
  const missing = (message: string): StorageError => new StorageError("unsuitable", message);
  const sdk = await optionalPackage("@azure/storage-blob", () => import("@azure/storage-blob"), missing);
  const endpoint = options.endpoint ?? `https://${options.account}.blob.core.windows.net`;
  const credential = options.accountKey === undefined
    ? new (await optionalPackage("@azure/identity", () => import("@azure/identity"), missing)).DefaultAzureCredential()
    : new sdk.StorageSharedKeyCredential(options.account, options.accountKey);
  const service = new sdk.BlobServiceClient(endpoint, credential, { retryOptions: { maxTries: 1 }, keepAliveOptions: { enable: true } });
  return new BucketStorage(bucketOf(service.getContainerClient(options.bucket), options.bucket, endpoint), options);
}

function bucketOf(container: ContainerClient, name: string, endpoint: string): Bucket {
  return {
    where: `container ${name} of ${endpoint}`,
    missingHint: `grant these credentials the role Storage Blob Data Contributor on ${name}`,

    async get(key, maxBytes, signal) {
      try {
        const { readableStreamBody, etag, contentLength } = await container.getBlobClient(key).download(0, undefined, { abortSignal: signal, maxRetryRequests: 0 });
        if (readableStreamBody === undefined || etag === undefined) throw new BucketFault("unclear", "an answer without body or ETag");
        const bytes = await readAtMost(readableStreamBody as unknown as ByteStream, contentLength, maxBytes, signal);
        return bytes === undefined ? "too-large" : { bytes, mark: etag };
      } catch (error) {
        if (isMissingBlob(error)) return "absent";
        throw faultOf(error);
      }
    },

    async put(key, bytes, headers, condition, signal) {
      try {
        await container.getBlockBlobClient(key).upload(Buffer.from(bytes), bytes.length, {
          abortSignal: signal,
          conditions: condition.is === "absent" ? { ifNoneMatch: "*" } : { ifMatch: condition.mark },
          blobHTTPHeaders: { blobContentType: headers.contentType, blobCacheControl: headers.cacheControl },
        });
      } catch (error) {
        throw faultOf(error);
      }
    },

    async delete(key, signal) {
      try {
        await container.getBlobClient(key).delete({ abortSignal: signal });
      } catch (error) {
        if (!isMissingBlob(error)) throw faultOf(error);
      }
    },

    close: () => undefined,
  };
}

/** Codes that say more than their status. */
const KINDS: Readonly<Record<string, FaultKind>> = {
  BlobAlreadyExists: "condition",
  ConditionNotMet: "condition",
  TargetConditionNotMet: "condition",
  BlobNotFound: "condition",
  ContainerNotFound: "unable",
  AuthenticationFailed: "denied",
  CredentialUnavailableError: "denied",
  AggregateAuthenticationError: "denied",
  AuthenticationError: "denied",
};

const REMEDIES: Readonly<Record<string, string>> = {
  ContainerNotFound: "make the container, or correct storage.bucket",
  CredentialUnavailableError: "give storage.accountKeyFile, or an identity the Azure SDK finds",
  AuthenticationFailed: "look at storage.account, storage.accountKey and this machine's clock",
};

interface RestError extends Error {
  readonly statusCode?: number;
  readonly code?: string;
}

function isMissingBlob(error: unknown): boolean {
  return error instanceof Error && (error as RestError).statusCode === 404 && (error as RestError).code !== "ContainerNotFound";
}

function faultOf(error: unknown): BucketFault {
  if (error instanceof BucketFault) return error;
  if (!(error instanceof Error)) return new BucketFault("unclear", String(error));
  const { code = error.name, statusCode } = error as RestError;
  const said = error.name === "AbortError" ? "no answer in time" : (error.message.split("\n", 1)[0] ?? code).slice(0, 200);
  const remedy = REMEDIES[code] ?? REMEDIES[error.name] ?? (statusCode === 403 ? "these credentials need the role Storage Blob Data Contributor on the container" : undefined);
  return new BucketFault(KINDS[code] ?? KINDS[error.name] ?? kindOfStatus(statusCode), `${code}: ${said}${statusCode === undefined ? "" : ` (${String(statusCode)})`}${remedy === undefined ? "" : `; ${remedy}`}`, error);
}
