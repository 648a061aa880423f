// GET /api/v1/events: what happens, as it happens (server-sent events).
//
// A stream is a reader of the log of notices at the pace of its client: the next page is read only
// when the last one was taken, so that a slow client costs a place in the log and one page of
// memory. One that takes nothing for ten seconds is cut off; it resumes by `Last-Event-ID`. A comment
// every fifteen seconds keeps proxies from closing what is merely quiet.

import type { FastifyReply } from "fastify";
import { Type } from "./type.ts";
import { followNotices } from "../notices/follow.ts";
import { messageOf, missedMessage, NOTICE_KINDS } from "../notices/message.ts";
import type { Clock } from "../ports/clock.ts";
import type { Database, NoticeKind } from "../ports/database.ts";
import { SchemaRefusal, type Loc } from "./faults.ts";
import { HttpRefusal } from "./refusal.ts";
import type { Resource } from "./routes.ts";
import type { ApiLimits } from "./settings.ts";

const HEARTBEAT_MS = 15_000;
/** What a client that was cut off waits before it comes again. */
const RETRY_MS = 2_000;

export interface EventStreams {
  /** @throws HttpRefusal when there are too many */
  open(reply: FastifyReply, after: string | undefined, kinds: ReadonlySet<string>): void;
  requireRoom(): void;
  close(): void;
}

export function createEventStreams(deps: { readonly database: Database; readonly clock: Clock }, limits: Pick<ApiLimits, "streams" | "streamStallMs">): EventStreams {
  const closing = new AbortController();
  let count = 0;
  return {
    requireRoom() {
      if (closing.signal.aborted) throw new HttpRefusal(503, "closing", "the service is ending; come again", { retryAfterSeconds: 1 });
      if (count >= limits.streams) throw new HttpRefusal(503, "too-many-streams", `${String(limits.streams)} event streams are open already; close one, or come again later`, { retryAfterSeconds: 10 });
    },
    open(reply, after, kinds) {
      count += 1;
      const over = new AbortController();
      const { raw } = reply;
      raw.once("close", () => { over.abort(); });
      const signal = AbortSignal.any([over.signal, closing.signal]);
      raw.writeHead(200, { ...reply.getHeaders(), "content-type": "text/event-stream", "x-accel-buffering": "no", connection: "close" } as Record<string, string>);
      void send(deps, raw, after, kinds, limits.streamStallMs, signal)
        .catch(() => undefined)
        .finally(() => {
          count -= 1;
          raw.end();
        });
    },
    close() {
      closing.abort();
    },
  };
}

async function send(deps: { readonly database: Database; readonly clock: Clock }, raw: FastifyReply["raw"], after: string | undefined, kinds: ReadonlySet<string>, stallMs: number, signal: AbortSignal): Promise<void> {
  const from = after ?? (await deps.database.lastNotice());
  // The place is told at once: a client that is cut off before anything happens resumes from here.
  if (!(await written(deps.clock, raw, `retry: ${String(RETRY_MS)}\nid: ${from === "" ? "0" : from}\n\n`, stallMs, signal))) return;
  for await (const { notices, missed, place } of followNotices(deps, from, HEARTBEAT_MS, signal)) {
    const shown = notices.filter(({ kind }) => kinds.has(kind)).map((notice) => `id: ${notice.id}\nevent: ${notice.kind}\ndata: ${messageOf(notice)}\n\n`);
    if (missed) shown.unshift(`event: missed\ndata: ${missedMessage(deps.clock.now())}\n\n`);
    const hidden = notices.length > 0 && !kinds.has(notices.at(-1)?.kind ?? "") ? `id: ${place}\n\n` : "";
    const text = shown.join("") + hidden;
    if (!(await written(deps.clock, raw, text === "" ? ":\n\n" : text, stallMs, signal))) return;
  }
}

/** Whether the client took it in time; if not, its connection is gone. */
async function written(clock: Clock, raw: FastifyReply["raw"], text: string, stallMs: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  if (raw.write(text)) return true;
  const over = new AbortController();
  const drained = new Promise<true>((resolve) => raw.once("drain", () => { resolve(true); }));
  const taken = await Promise.race([drained, clock.sleep(stallMs, AbortSignal.any([signal, over.signal])).then(() => false)]);
  over.abort();
  if (!taken) raw.destroy();
  return taken;
}

const Query = Type.Object({
  after: Type.Optional(Type.String({ description: "Go on after the event with that id; `0` begins with the oldest that is kept. The header `Last-Event-ID` comes first. Without either: what happens from now on" })),
  events: Type.Optional(Type.String({ description: `Only these, with commas between: ${NOTICE_KINDS.join(", ")}` })),
});

export function eventRoutes(resource: Resource, streams: EventStreams): void {
  resource.route({
    method: "GET",
    path: "/api/v1/events",
    shape: "problem",
    docs: {
      tag: "Events",
      summary: "Follow what happens.",
      description: "Server-sent events: `published`, `task-finished`, `signing-required`, `role-expiring`, `failed`, `resumed`; `missed` when some were forgotten before they could be told. Each has an `id` with which a stream resumes, across restarts too.",
      operationId: "follow_events",
      examples: {
        badPlace: {
          summary: "Not an id of an event",
          given: "fresh",
          query: { after: "yesterday" },
          status: 422,
          answer: {
            type: "about:blank",
            title: "Unprocessable Content",
            status: 422,
            detail: "Value error, this is no id of an event",
            code: "request-invalid",
            errors: [{ type: "value_error", loc: ["query", "after"], msg: "Value error, this is no id of an event", input: "yesterday", ctx: { error: {} } }],
          },
        },
      },
    },
    query: Query,
    answers: { 200: { description: "The stream; it goes on until one side ends it", mediaType: "text/event-stream", schema: Type.String() } },
    handle({ query: { after, events }, request }) {
      const header = request.headers["last-event-id"];
      const place = typeof header === "string" ? placeOf(header, ["header", "last-event-id"]) : after === undefined ? undefined : placeOf(after, ["query", "after"]);
      const kinds = kindsOf(events);
      streams.requireRoom();
      return { stream: (reply) => { streams.open(reply, place, kinds); } };
    },
  });
}

/** @throws SchemaRefusal */
function placeOf(text: string, loc: Loc): string {
  if (/^[0-9.]{1,40}$/.test(text)) return text;
  throw new SchemaRefusal([{ type: "value_error", loc, msg: "Value error, this is no id of an event", input: text.slice(0, 200), ctx: { error: {} } }]);
}

/** @throws SchemaRefusal */
function kindsOf(text: string | undefined): ReadonlySet<string> {
  if (text === undefined) return new Set(NOTICE_KINDS);
  const asked = text.split(",").map((one) => one.trim());
  const unknown = asked.find((one) => !NOTICE_KINDS.includes(one as NoticeKind));
  if (unknown === undefined) return new Set(asked);
  throw new SchemaRefusal([{ type: "literal_error", loc: ["query", "events"], msg: `Input should be among ${NOTICE_KINDS.join(", ")}`, input: unknown.slice(0, 200) }]);
}
