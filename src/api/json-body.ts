// Receives a request's body: counted while it arrives, refused as soon as it is too much,
// and read strictly (tuf/json.ts). Memory is bounded across all requests, not per request.

import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Json } from "../tuf/documents.ts";
import { TufError } from "../tuf/errors.ts";
import { sha256Hex } from "../tuf/crypto.ts";
import { askForBody } from "./expect-continue.ts";
import { parseLargeJson } from "./large-json.ts";
import { SchemaRefusal } from "./faults.ts";
import { HttpRefusal } from "./refusal.ts";
import type { ApiLimits } from "./settings.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** sha256 of the body's bytes, lower-case hex, of requests with an Idempotency-Key; null without a body. */
    bodySha256: string | null;
    /** The body's bytes, of routes that need them; else null. */
    bodyBytes: Buffer | null;
  }
}

type Body = FastifyRequest["raw"];

/** Accepts `application/json` alone; every other type of body is 415. */
export function acceptJsonBodies(app: FastifyInstance, limits: ApiLimits): void {
  app.decorateRequest("bodySha256", null);
  app.decorateRequest("bodyBytes", null);
  app.removeAllContentTypeParsers();
  const budget = { left: limits.bodyBytesInFlight };
  app.addContentTypeParser("application/json", async (request: FastifyRequest, payload: Body) => {
    checkEncoding(request);
    const declared = Number(request.headers["content-length"] ?? 0);
    if (declared > limits.bodyBytes) throw tooLarge(limits);
    let reserved = 0;
    const reserve = (bytes: number): void => {
      if (bytes > budget.left) throw new HttpRefusal(503, "body-budget", "too many large requests at one time; try again soon", { retryAfterSeconds: 1 });
      budget.left -= bytes;
      reserved += bytes;
    };
    try {
      reserve(declared);
      askForBody(request);
      const pieces: Buffer[] = [];
      let received = 0;
      await eachPiece(payload, (piece) => {
        received += piece.length;
        if (received > limits.bodyBytes) throw tooLarge(limits);
        if (received > reserved) reserve(received - reserved);
        pieces.push(piece);
      });
      if (received === 0) return undefined;
      const bytes = Buffer.concat(pieces, received);
      pieces.length = 0;
      if (request.headers["idempotency-key"] !== undefined) request.bodySha256 = sha256Hex(bytes);
      if (request.routeOptions.config.keepsBytes === true) request.bodyBytes = bytes;
      return await parseBody(bytes, limits.jsonDepth);
    } finally {
      budget.left += reserved;
    }
  });
}

/** Until the end of `payload`, or until `take` throws: what is left of it is dropped. An iterator costs as much as all the reading of a small body. */
function eachPiece(payload: Body, take: (piece: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      payload.off("data", onPiece);
      reject(error);
    };
    const onPiece = (piece: Buffer): void => {
      try {
        take(piece);
      } catch (error) {
        fail(error as Error);
        payload.resume();
      }
    };
    payload.on("data", onPiece);
    payload.once("end", resolve);
    payload.once("error", fail);
    payload.once("close", () => { if (!payload.readableEnded) fail(new Error("the connection closed before the body was complete")); });
  });
}

function tooLarge(limits: ApiLimits): HttpRefusal {
  return new HttpRefusal(413, "body-too-large", `the body is larger than ${limits.bodyBytes} bytes`);
}

function checkEncoding(request: FastifyRequest): void {
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") throw new HttpRefusal(415, "unsupported-encoding", "bodies are read without content encoding");
  const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(request.headers["content-type"] ?? "")?.[1];
  if (charset !== undefined && charset.toLowerCase() !== "utf-8") throw new HttpRefusal(415, "unsupported-encoding", "JSON is UTF-8");
}

async function parseBody(bytes: Buffer, maxDepth: number): Promise<Json> {
  try {
    return await parseLargeJson(bytes, { maxDepth, floats: "keep" });
  } catch (error) {
    if (!(error instanceof TufError)) throw error;
    const loc = ["body", ...(error.at ?? [])];
    throw new SchemaRefusal([{ type: "json_invalid", loc, msg: "JSON decode error", input: {}, ctx: { error: error.message }, code: error.code }], error.code);
  }
}
