// Metadata in a bucket of Google Cloud Storage, by its JSON API.
//
// Conditions are generations: 0 for "absent", else the one that was read. One name takes one
// write a second; the port's traits say so, and the publisher keeps to it. Only the library
// that finds credentials is used: its requests are made here, so that each is tried once.

import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { StorageError, type Storage } from "../../../ports/storage.ts";
import { BucketFault, optionalPackage, type Bucket } from "../common/bucket.ts";
import { BucketStorage, type BucketStorageOptions } from "../common/bucket-storage.ts";
import { readAtMost } from "../common/read-at-most.ts";
import { faultOf, faultOfAnswer, isMissingBucket } from "./faults.ts";

export interface GcsStorageOptions extends Omit<BucketStorageOptions, "minReplaceMs"> {
  readonly bucket: string;
  /** Another address than Google's: an emulator's. Over plain http on loopback no credentials are looked for. */
  readonly endpoint?: string | undefined;
}

/** One object takes one write a second; more are answered 429. */
const MIN_REPLACE_MS = 1_000;
const SCOPE = "https://www.googleapis.com/auth/devstorage.read_write";

/** The value of `Authorization`, or none. */
type Authorize = () => Promise<string | undefined>;

/** @throws StorageError `unsuitable` without the library that finds credentials */
export async function openGcsStorage(options: GcsStorageOptions): Promise<Storage> {
  const endpoint = options.endpoint ?? "https://storage.googleapis.com";
  const authorize = /^http:\/\/(?:127\.|localhost[:/]|\[::1\])/.test(`${endpoint}/`) ? (): Promise<undefined> => Promise.resolve(undefined) : await googleCredentials();
  return new BucketStorage(bucketOf(options.bucket, endpoint, authorize), { ...options, minReplaceMs: MIN_REPLACE_MS });
}

async function googleCredentials(): Promise<Authorize> {
  const { GoogleAuth } = await optionalPackage("google-auth-library", () => import("google-auth-library"), (message) => new StorageError("unsuitable", message));
  const auth = new GoogleAuth({ scopes: [SCOPE] });
  return async () => {
    try {
      const token = await auth.getAccessToken();
      return token === undefined || token === null ? undefined : `Bearer ${token}`;
    } catch (error) {
      throw new BucketFault("denied", `no credentials of Google Cloud: ${error instanceof Error ? error.message : String(error)}`, error);
    }
  };
}

function bucketOf(bucket: string, endpoint: string, authorize: Authorize): Bucket {
  const objects = `${endpoint}/storage/v1/b/${encodeURIComponent(bucket)}/o`;

  async function ask(method: string, url: string, signal: AbortSignal, body?: { readonly type: string; readonly bytes: Buffer }): Promise<Response> {
    const authorization = await authorize();
    try {
      return await fetch(url, {
        method,
        signal,
        redirect: "error",
        headers: { ...(authorization === undefined ? {} : { authorization }), "cache-control": "no-cache", ...(body === undefined ? {} : { "content-type": body.type }) },
        ...(body === undefined ? {} : { body: new Uint8Array(body.bytes) }),
      });
    } catch (error) {
      throw faultOf(error);
    }
  }

  async function refusal(response: Response): Promise<BucketFault> {
    return faultOfAnswer(response.status, await textOf(response));
  }

  return {
    where: `bucket ${bucket} of ${endpoint}`,
    missingHint: `grant these credentials storage.objects.list on ${bucket} (the role Storage Object User has it)`,

    async get(key, maxBytes, signal) {
      const response = await ask("GET", `${objects}/${encodeURIComponent(key)}?alt=media`, signal);
      if (response.status === 404) {
        const text = await textOf(response);
        if (isMissingBucket(text)) throw faultOfAnswer(404, text);
        return "absent";
      }
      if (response.status !== 200) throw await refusal(response);
      const generation = response.headers.get("x-goog-generation");
      if (generation === null || response.body === null) throw new BucketFault("unclear", "an answer without body or generation");
      const stated = response.headers.get("content-length");
      try {
        const bytes = await readAtMost(Readable.fromWeb(response.body), stated === null ? undefined : Number(stated), maxBytes, signal);
        return bytes === undefined ? "too-large" : { bytes, mark: generation };
      } catch (error) {
        throw faultOf(error);
      }
    },

    async put(key, bytes, headers, condition, signal) {
      const body = multipart({ name: key, contentType: headers.contentType, cacheControl: headers.cacheControl }, headers.contentType, bytes);
      const query = `uploadType=multipart&ifGenerationMatch=${condition.is === "absent" ? "0" : encodeURIComponent(condition.mark)}`;
      const response = await ask("POST", `${endpoint}/upload/storage/v1/b/${encodeURIComponent(bucket)}/o?${query}`, signal, body);
      if (response.status !== 200) throw await refusal(response);
      await response.body?.cancel();
    },

    async delete(key, signal) {
      const response = await ask("DELETE", `${objects}/${encodeURIComponent(key)}`, signal);
      if (response.status === 204 || response.status === 200) {
        await response.body?.cancel();
        return;
      }
      const text = await textOf(response);
      if (response.status !== 404 || isMissingBucket(text)) throw faultOfAnswer(response.status, text);
    },

    close: () => undefined,
  };
}

/** What the object says of itself, and its bytes, in one request. */
function multipart(resource: unknown, contentType: string, bytes: Uint8Array): { readonly type: string; readonly bytes: Buffer } {
  // Random, so that no object can hold it.
  const boundary = `rstuf-${randomBytes(24).toString("hex")}`;
  return {
    type: `multipart/related; boundary=${boundary}`,
    bytes: Buffer.concat([
      Buffer.from(`--${boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n${JSON.stringify(resource)}\r\n--${boundary}\r\ncontent-type: ${contentType}\r\n\r\n`),
      bytes,
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ]),
  };
}

/** An error's body, within bounds. */
async function textOf(response: Response): Promise<string> {
  if (response.body === null) return "";
  try {
    const bytes = await readAtMost(Readable.fromWeb(response.body), undefined, 64 * 1024, AbortSignal.timeout(5_000));
    return (bytes ?? Buffer.alloc(0)).toString("utf8");
  } catch (error) {
    throw faultOf(error);
  }
}
