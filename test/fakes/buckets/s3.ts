// An S3 server: path-style addresses, signature version 4, conditional writes, XML errors.
//
// Signed requests must carry what the protocol demands, and the hash of the very body.
// Unsigned reads are served as a public bucket would: that is how clients of metadata read.

import { createHash } from "node:crypto";
import { openObjectServer, sendBody, type Dialect, type ObjectServer, type Parsed } from "./objects.ts";

const SIGNATURE = /^AWS4-HMAC-SHA256 Credential=[^/\s,]+\/[0-9]{8}\/[a-z0-9-]+\/s3\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=[0-9a-f]{64}$/;

export const S3_BUCKET = "metadata";

export function openS3Server(): Promise<ObjectServer> {
  return openObjectServer(S3_BUCKET, dialect);
}

const CODES: Readonly<Record<number, string>> = {
  401: "AccessDenied", 403: "AccessDenied", 404: "NoSuchKey", 409: "ConditionalRequestConflict", 412: "PreconditionFailed", 429: "SlowDown",
  500: "InternalError", 501: "NotImplemented", 503: "SlowDown",
};

const dialect: Dialect = {
  parse(request, url, body): Parsed | undefined {
    const [, bucket = "", ...rest] = url.pathname.split("/");
    const key = decodeURIComponent(rest.join("/"));
    if (request.method === "GET" && request.headers.authorization === undefined) return { kind: "get", key, bucket };
    const signed = SIGNATURE.exec(request.headers.authorization ?? "")?.[1]?.split(";") ?? [];
    if (!["host", "x-amz-content-sha256", "x-amz-date"].every((name) => signed.includes(name))) return undefined;
    if (request.headers["x-amz-content-sha256"] !== createHash("sha256").update(body).digest("hex")) return undefined;
    if (request.method === "GET") return { kind: "get", key, bucket };
    if (request.method === "DELETE") return { kind: "delete", key, bucket };
    if (request.method !== "PUT") return undefined;
    const { "if-none-match": absent, "if-match": match, "content-type": contentType = "", "cache-control": cacheControl = "" } = request.headers;
    // A condition that is not signed could be taken away on the road.
    if ((absent !== undefined && !signed.includes("if-none-match")) || (match !== undefined && !signed.includes("if-match"))) return undefined;
    const condition = absent === "*" ? { is: "absent" as const } : match === undefined ? undefined : { is: "holds" as const, mark: match };
    return { kind: "put", key, bucket, order: { key, bytes: body, contentType, cacheControl, condition } };
  },

  ok(response, parsed, object, cut) {
    if (parsed.kind === "delete") { response.writeHead(204).end(); return; }
    if (object !== undefined) response.setHeader("etag", object.etag);
    if (parsed.kind === "put") { response.writeHead(200).end(); return; }
    if (object === undefined) return;
    response.setHeader("content-type", object.contentType);
    response.setHeader("cache-control", object.cacheControl);
    sendBody(response, object.bytes, cut);
  },

  refuse(response, parsed, status) {
    // Deleting what is not there succeeds.
    if (parsed?.kind === "delete" && status === 404) { response.writeHead(204).end(); return; }
    const code = parsed !== undefined && status === 404 && parsed.bucket !== S3_BUCKET ? "NoSuchBucket" : (CODES[status] ?? "Error");
    response.writeHead(status === 401 ? 403 : status, { "content-type": "application/xml" }).end(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>as the test says</Message></Error>`);
  },

  conditionStatus: () => 412,
};
