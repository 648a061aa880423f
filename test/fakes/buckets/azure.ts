// Azure Blob Storage, as far as it is used: block blobs, shared-key requests, ETags.
// A blob that should be absent and is there is refused with 409, as Azure does.

import { openObjectServer, sendBody, type Dialect, type ObjectServer, type Parsed } from "./objects.ts";

export const AZURE_CONTAINER = "metadata";
export const AZURE_ACCOUNT = "testaccount";
export const AZURE_KEY = Buffer.from("a key made for this test alone").toString("base64");

export async function openAzureServer(): Promise<ObjectServer> {
  const server = await openObjectServer(AZURE_CONTAINER, dialect);
  return Object.defineProperty(server, "url", { value: `${server.url}/${AZURE_ACCOUNT}` });
}

const CODES: Readonly<Record<number, string>> = {
  401: "AuthenticationFailed", 403: "AuthorizationFailure", 404: "BlobNotFound", 412: "ConditionNotMet", 429: "TooManyRequests", 500: "InternalError", 501: "NotImplemented", 503: "ServerBusy",
};

const dialect: Dialect = {
  parse(request, url, body): Parsed | undefined {
    const [, account, bucket = "", ...rest] = url.pathname.split("/");
    if (account !== AZURE_ACCOUNT) return undefined;
    const key = decodeURIComponent(rest.join("/"));
    const { authorization, "if-none-match": absent, "if-match": match } = request.headers;
    if (request.method === "GET" && authorization === undefined) return { kind: "get", key, bucket };
    if (!/^SharedKey testaccount:[A-Za-z0-9+/]{43}=$/.test(authorization ?? "") || request.headers["x-ms-date"] === undefined || request.headers["x-ms-version"] === undefined) return undefined;
    if (request.method === "GET") return { kind: "get", key, bucket };
    if (request.method === "DELETE") return { kind: "delete", key, bucket };
    if (request.method !== "PUT" || request.headers["x-ms-blob-type"] !== "BlockBlob") return undefined;
    const condition = absent === "*" ? { is: "absent" as const } : match === undefined ? undefined : { is: "holds" as const, mark: match };
    return { kind: "put", key, bucket, order: { key, bytes: body, contentType: header(request.headers["x-ms-blob-content-type"]), cacheControl: header(request.headers["x-ms-blob-cache-control"]), condition } };
  },

  ok(response, parsed, object, cut) {
    if (parsed.kind === "delete") { response.writeHead(202).end(); return; }
    if (object === undefined) return;
    // Its ETags count writes; equal bytes written again have another.
    response.setHeader("etag", String(object.generation));
    response.setHeader("x-ms-request-id", "test");
    if (parsed.kind === "put") { response.writeHead(201).end(); return; }
    response.setHeader("content-type", object.contentType);
    response.setHeader("cache-control", object.cacheControl);
    sendBody(response, object.bytes, cut);
  },

  refuse(response, parsed, status) {
    const code = status === 404 && parsed !== undefined && parsed.bucket !== AZURE_CONTAINER ? "ContainerNotFound"
      : status === 409 && parsed?.kind === "put" && parsed.order.condition?.is === "absent" ? "BlobAlreadyExists" : (CODES[status] ?? "Conflict");
    response.writeHead(status === 401 ? 403 : status, { "content-type": "application/xml", "x-ms-error-code": code }).end(`<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>as the test says</Message></Error>`);
  },

  conditionStatus: (parsed) => (parsed.kind === "put" && parsed.order.condition?.is === "absent" ? 409 : 412),
};

const header = (value: string | string[] | undefined): string => (Array.isArray(value) ? value.join() : value ?? "");
