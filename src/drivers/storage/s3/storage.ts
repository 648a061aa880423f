// Metadata in a bucket of Amazon S3, or of anything that speaks its protocol and honours
// conditional writes.
//
// The SDK's own retries are off: an answer to the second try ("412, it is there") does not
// tell whether the first one stored it. Its checksums beyond the signature are off as well,
// for stores that do not know them; the signature covers the bytes.

import type { S3Client } from "@aws-sdk/client-s3";
import { StorageError, type Storage } from "../../../ports/storage.ts";
import { BucketFault, optionalPackage, type Bucket } from "../common/bucket.ts";
import { BucketStorage, type BucketStorageOptions } from "../common/bucket-storage.ts";
import { readAtMost, type ByteStream } from "../common/read-at-most.ts";
import { faultOf, isMissingObject } from "./faults.ts";

export interface S3StorageOptions extends Omit<BucketStorageOptions, "minReplaceMs"> {
  readonly bucket: string;
  /** Default: where the SDK finds it; `us-east-1` when an endpoint is given. */
  readonly region?: string | undefined;
  /** Another store than Amazon's: its URL. */
  readonly endpoint?: string | undefined;
  /** The bucket in the path or in the host name. Default: in the path when an endpoint is given. */
  readonly addressing?: "path" | "host" | undefined;
  /** Default: the SDK's whole chain (environment, profiles, SSO, web identity, container, instance). */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
  /** Sent with each put. Default: none, for buckets refuse them unless told otherwise. */
  readonly acl?: "private" | "public-read" | "bucket-owner-full-control" | undefined;
}

/** @throws StorageError `unsuitable` without the SDK */
export async function openS3Storage(options: S3StorageOptions): Promise<Storage> {
  const sdk = await optionalPackage("@aws-sdk/client-s3", () => import("@aws-sdk/client-s3"), (message) => new StorageError("unsuitable", message));
  const region = options.region ?? (options.endpoint === undefined ? undefined : "us-east-1");
  const requestMs = options.requestMs ?? 10_000;
  const client = new sdk.S3Client({
    ...(region === undefined ? {} : { region }),
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    forcePathStyle: (options.addressing ?? (options.endpoint === undefined ? "host" : "path")) === "path",
    maxAttempts: 1,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    // The storage bounds what is in flight; sockets must not be the narrower bound.
    requestHandler: { connectionTimeout: Math.min(5_000, requestMs), httpAgent: { maxSockets: 512, keepAlive: true }, httpsAgent: { maxSockets: 512, keepAlive: true } },
  });
  return new BucketStorage(bucketOf(sdk, client, options), options);
}

function bucketOf(sdk: typeof import("@aws-sdk/client-s3"), client: S3Client, options: S3StorageOptions): Bucket {
  const { bucket, acl } = options;
  return {
    where: `bucket ${bucket}${options.endpoint === undefined ? "" : ` of ${options.endpoint}`}`,
    missingHint: `grant these credentials s3:ListBucket on ${bucket}`,

    async get(key, maxBytes, signal) {
      try {
        const { Body, ETag, ContentLength } = await client.send(new sdk.GetObjectCommand({ Bucket: bucket, Key: key }), { abortSignal: signal });
        if (Body === undefined || ETag === undefined) throw new BucketFault("unclear", "an answer without body or ETag");
        const bytes = await readAtMost(Body as ByteStream, ContentLength, maxBytes, signal);
        return bytes === undefined ? "too-large" : { bytes, mark: ETag };
      } catch (error) {
        if (isMissingObject(error)) return "absent";
        throw error instanceof BucketFault ? error : faultOf(error);
      }
    },

    async put(key, bytes, headers, condition, signal) {
      try {
        await client.send(
          new sdk.PutObjectCommand({
            Bucket: bucket,
            Key: key,
            Body: bytes,
            ContentLength: bytes.length,
            ContentType: headers.contentType,
            CacheControl: headers.cacheControl,
            ...(acl === undefined ? {} : { ACL: acl }),
            ...(condition.is === "absent" ? { IfNoneMatch: "*" } : { IfMatch: condition.mark }),
          }),
          { abortSignal: signal },
        );
      } catch (error) {
        throw faultOf(error);
      }
    },

    async delete(key, signal) {
      try {
        await client.send(new sdk.DeleteObjectCommand({ Bucket: bucket, Key: key }), { abortSignal: signal });
      } catch (error) {
        if (!isMissingObject(error)) throw faultOf(error);
      }
    },

    close: () => { client.destroy(); },
  };
}
