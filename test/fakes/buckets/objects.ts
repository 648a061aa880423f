// An object store over HTTP: what S3, GCS and Azure have in common, and every way in which a
// store or the network between can fail us. The three dialects are beside this file.
//
// Conditions are checked and bytes stored in one step, unless `clone` says otherwise.

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface HeldObject {
  readonly bytes: Buffer;
  readonly etag: string;
  readonly generation: number;
  readonly contentType: string;
  readonly cacheControl: string;
}

export interface PutOrder {
  readonly key: string;
  readonly bytes: Buffer;
  readonly contentType: string;
  readonly cacheControl: string;
  /** `undefined`: none was sent. */
  readonly condition: { readonly is: "absent" } | { readonly is: "holds"; readonly mark: string } | undefined;
}

export interface Seen {
  readonly kind: "get" | "put" | "delete";
  readonly key: string;
  readonly headers: IncomingMessage["headers"];
  /** How many requests of this kind for this key came before. */
  readonly nth: number;
}

/**
 * A number: that status, and nothing is stored. `reset`: the connection ends, nothing stored.
 * `stored-reset`, `stored-500`: stored, and then that. `late`: the connection ends, and the write lands when
 * the test calls `land`. `hang`: no answer. `cut`: the answer's body ends half-way.
 */
export type Failure = number | "reset" | "stored-reset" | "stored-500" | "late" | "hang" | "cut";

/** How a clone departs from the real thing. */
export interface Clone {
  /** Takes `If-None-Match: *` and its like for decoration. */
  ignoresAbsent?: boolean;
  /** Takes `If-Match` and its like for decoration. */
  ignoresMatch?: boolean;
  /** Checks the condition, and stores some time later. */
  checksEarly?: boolean;
  /** Creates what `If-Match` says must be there. */
  createsOnMatch?: boolean;
  /** 403 for what is not there, as without the right to list. */
  forbidsMissing?: boolean;
  /** Reads answer what was there before the last write. */
  readsStale?: boolean;
  /** 501 to any condition. */
  knowsNoConditions?: boolean;
  /** Deletes nothing, and says it did. */
  keepsDeleted?: boolean;
}

export type PutOutcome = "stored" | "condition" | "missing";

export interface ObjectServer {
  readonly url: string;
  readonly objects: Map<string, HeldObject>;
  readonly seen: Seen[];
  /** May be changed at any time. */
  clone: Clone;
  failure: (seen: Seen) => Failure | undefined;
  /** Lets the writes land that were held back, under the conditions they came with; answers their outcomes. */
  land(): PutOutcome[];
  /** Awaited before a request is answered. */
  hold: () => Promise<void>;
  /** Puts an object past everything, as another writer would; undefined removes. */
  tamper(key: string, bytes: Uint8Array | undefined): void;
  close(): Promise<void>;
}

/** What a dialect does with a request; `store` is the one step in which a condition is checked and bytes stored. */
export interface Dialect {
  /** `undefined` refuses: what the dialect demands of every request is not there. */
  parse(request: IncomingMessage, url: URL, body: Buffer): Parsed | undefined;
  ok(response: ServerResponse, parsed: Parsed, object: HeldObject | undefined, cut: boolean): void;
  /** `status` 401 is for requests that are not signed as they should be. */
  refuse(response: ServerResponse, parsed: Parsed | undefined, status: number): void;
  conditionStatus(parsed: Parsed): number;
}

export type Parsed =
  | { readonly kind: "get"; readonly key: string; readonly bucket: string }
  | { readonly kind: "delete"; readonly key: string; readonly bucket: string }
  | { readonly kind: "put"; readonly key: string; readonly bucket: string; readonly order: PutOrder };

export async function openObjectServer(bucket: string, dialect: Dialect): Promise<ObjectServer> {
  const objects = new Map<string, HeldObject>();
  const previous = new Map<string, HeldObject | undefined>();
  const seen: Seen[] = [];
  /** Requests by kind and key. */
  const counts = new Map<string, number>();
  const late: PutOrder[] = [];
  let generation = 1_700_000_000_000_000;

  const write = (key: string, order: Pick<PutOrder, "bytes" | "contentType" | "cacheControl">): void => {
    generation += 1;
    previous.set(key, objects.get(key));
    objects.set(key, { bytes: order.bytes, etag: `"${createHash("md5").update(order.bytes).digest("hex")}"`, generation, contentType: order.contentType, cacheControl: order.cacheControl });
  };

  const holds = (order: PutOrder): PutOutcome => {
    const { condition } = order;
    const present = objects.get(order.key);
    if (condition === undefined) return "stored";
    if (condition.is === "absent") return present === undefined || server.clone.ignoresAbsent === true ? "stored" : "condition";
    if (present === undefined) return server.clone.createsOnMatch === true || server.clone.ignoresMatch === true ? "stored" : "missing";
    return server.clone.ignoresMatch === true || [present.etag, String(present.generation)].includes(condition.mark) ? "stored" : "condition";
  };

  const store = (order: PutOrder): PutOutcome => {
    const outcome = holds(order);
    if (outcome === "stored") write(order.key, order);
    return outcome;
  };

  // Nobody pauses for so long between two requests: a connection that ends in that moment is no store's fault.
  const http = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => { void answer(request, response, Buffer.concat(pieces)).catch(() => response.destroy()); });
  });

  async function answer(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> {
    const parsed = dialect.parse(request, new URL(request.url ?? "/", "http://fake"), body);
    if (parsed === undefined) { dialect.refuse(response, parsed, 401); return; }
    if (parsed.bucket !== bucket) { dialect.refuse(response, parsed, 404); return; }
    const asked = `${parsed.kind} ${parsed.key}`;
    const nth = counts.get(asked) ?? 0;
    counts.set(asked, nth + 1);
    const one: Seen = { kind: parsed.kind, key: parsed.key, headers: request.headers, nth };
    seen.push(one);
    await server.hold();
    const failure = server.failure(one);
    if (typeof failure === "number") { dialect.refuse(response, parsed, failure); return; }
    if (failure === "hang") return;
    if (failure === "reset") { response.destroy(); return; }
    if (failure === "late" && parsed.kind === "put") {
      late.push(parsed.order);
      response.destroy();
      return;
    }
    if (parsed.kind === "get") {
      const object = server.clone.readsStale === true && previous.has(parsed.key) ? previous.get(parsed.key) : objects.get(parsed.key);
      if (object === undefined) dialect.refuse(response, parsed, server.clone.forbidsMissing === true ? 403 : 404);
      else dialect.ok(response, parsed, object, failure === "cut");
      return;
    }
    if (parsed.kind === "delete") {
      const gone = server.clone.keepsDeleted === true ? objects.has(parsed.key) : objects.delete(parsed.key);
      if (failure === "stored-reset") response.destroy();
      else if (gone) dialect.ok(response, parsed, undefined, false);
      else dialect.refuse(response, parsed, 404);
      return;
    }
    if (server.clone.knowsNoConditions === true && parsed.order.condition !== undefined) { dialect.refuse(response, parsed, 501); return; }
    let outcome: PutOutcome;
    if (server.clone.checksEarly === true) {
      outcome = holds(parsed.order);
      // Every request that is under way has been checked by then.
      await new Promise((resolve) => setTimeout(resolve, 15));
      if (outcome === "stored") write(parsed.key, parsed.order);
    } else outcome = store(parsed.order);
    if (failure === "stored-reset") response.destroy();
    else if (failure === "stored-500") dialect.refuse(response, parsed, 500);
    else if (outcome === "stored") dialect.ok(response, parsed, objects.get(parsed.key), false);
    else dialect.refuse(response, parsed, outcome === "missing" ? 404 : dialect.conditionStatus(parsed));
  }

  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const server: ObjectServer = {
    url: `http://127.0.0.1:${String((http.address() as AddressInfo).port)}`,
    objects,
    seen,
    clone: {},
    failure: () => undefined,
    land: () => late.splice(0).map(store),
    hold: () => Promise.resolve(),
    tamper(key, bytes) {
      if (bytes === undefined) objects.delete(key);
      else write(key, { bytes: Buffer.from(bytes), contentType: "application/json", cacheControl: "" });
    },
    close: () =>
      new Promise((resolve) => {
        http.close(() => { resolve(); });
        http.closeAllConnections();
      }),
  };
  return server;
}

/** Bytes, or the first half of them and then the end of the connection. */
export function sendBody(response: ServerResponse, bytes: Buffer, cut: boolean): void {
  response.setHeader("content-length", bytes.length);
  if (!cut) {
    response.end(bytes);
    return;
  }
  response.write(bytes.subarray(0, bytes.length / 2));
  setImmediate(() => response.destroy());
}
