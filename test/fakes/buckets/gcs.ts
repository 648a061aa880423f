// Google Cloud Storage's JSON API, as far as it is used: media downloads, multipart uploads,
// deletions, generations as conditions. Unsigned reads of `/BUCKET/NAME` are the public's.

import { openObjectServer, sendBody, type Dialect, type ObjectServer, type Parsed } from "./objects.ts";

export const GCS_BUCKET = "metadata";

export function openGcsServer(): Promise<ObjectServer> {
  return openObjectServer(GCS_BUCKET, dialect);
}

const dialect: Dialect = {
  parse(request, url, body): Parsed | undefined {
    const object = /^\/storage\/v1\/b\/([^/]+)\/o\/([^/]+)$/.exec(url.pathname);
    if (object !== null) {
      const [, bucket = "", name = ""] = object;
      const key = decodeURIComponent(name);
      if (request.method === "DELETE") return { kind: "delete", key, bucket };
      return request.method === "GET" && url.searchParams.get("alt") === "media" ? { kind: "get", key, bucket } : undefined;
    }
    const upload = /^\/upload\/storage\/v1\/b\/([^/]+)\/o$/.exec(url.pathname);
    if (upload !== null && request.method === "POST" && url.searchParams.get("uploadType") === "multipart") {
      const parts = partsOf(request.headers["content-type"] ?? "", body);
      if (parts === undefined) return undefined;
      const { name: key, contentType, cacheControl } = parts.resource;
      const match = url.searchParams.get("ifGenerationMatch");
      const condition = match === null ? undefined : match === "0" ? { is: "absent" as const } : { is: "holds" as const, mark: match };
      return { kind: "put", key, bucket: upload[1] ?? "", order: { key, bytes: parts.bytes, contentType, cacheControl, condition } };
    }
    const [, bucket = "", ...rest] = url.pathname.split("/");
    return request.method === "GET" ? { kind: "get", key: decodeURIComponent(rest.join("/")), bucket } : undefined;
  },

  ok(response, parsed, object, cut) {
    if (parsed.kind === "delete") { response.writeHead(204).end(); return; }
    if (object === undefined) return;
    if (parsed.kind === "put") {
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ name: parsed.key, generation: String(object.generation) }));
      return;
    }
    response.setHeader("x-goog-generation", String(object.generation));
    response.setHeader("content-type", object.contentType);
    response.setHeader("cache-control", object.cacheControl);
    sendBody(response, object.bytes, cut);
  },

  refuse(response, parsed, status) {
    const message = status !== 404 ? "as the test says" : parsed?.bucket === GCS_BUCKET ? `No such object: ${parsed.key}` : "The specified bucket does not exist.";
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ error: { code: status, message } }));
  },

  // A put on condition of a generation that is gone is refused as any other.
  conditionStatus: () => 412,
};

interface Resource {
  readonly name: string;
  readonly contentType: string;
  readonly cacheControl: string;
}

function partsOf(type: string, body: Buffer): { readonly resource: Resource; readonly bytes: Buffer } | undefined {
  const boundary = /^multipart\/related; boundary=(\S+)$/.exec(type)?.[1];
  if (boundary === undefined) return undefined;
  const blank = Buffer.from("\r\n\r\n");
  const first = body.indexOf(blank);
  const middle = body.indexOf(`\r\n--${boundary}\r\n`, first);
  const second = body.indexOf(blank, middle);
  const end = body.lastIndexOf(`\r\n--${boundary}--`);
  if (first < 0 || middle < 0 || second < 0 || end < 0) return undefined;
  return { resource: JSON.parse(body.toString("utf8", first + 4, middle)) as Resource, bytes: body.subarray(second + 4, end) };
}
