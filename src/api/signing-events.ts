// /api/v1/signing-events: what waits for signatures of people, and what it changes, in words.

import { Type } from "./type.ts";
import { OperationError } from "../operations/errors.ts";
import { getSigningEvent, listSigningEvents } from "../operations/list-signing-events.ts";
import type { KeyHolder, SigningView } from "../operations/signing-view.ts";
import { formatExpires } from "../tuf/parse.ts";
import { pageAnswer, pageQuery, pageSchema, placeOf, TOO_EARLY } from "./paging.ts";
import type { Readings } from "./routes.ts";
import { RawObject } from "./schemas.ts";
import { lastUpdate } from "./task-body.ts";

const STATES = ["open", "frozen", "cancelled"] as const;
const Moment = Type.String({ format: "date-time" });
const State = Type.Unsafe<(typeof STATES)[number]>({
  type: "string",
  enum: STATES,
  description: "`open`: signatures are taken; `frozen`: enough have signed, it is being published; `cancelled`: stopped or given up, it goes when those who signed are told",
});

const KeyHolderSchema = Type.Object(
  { keyid: Type.String(), name: Type.Optional(Type.String({ description: "`x-rstuf-key-name`" })), keytype: Type.Optional(Type.String()) },
  { $id: "KeyHolder" },
);

const Demand = Type.Object(
  {
    by: Type.Unsafe<string>({ type: "string", enum: ["old", "new"], description: "`old`: the root in force; `new`: the document itself, or who delegates to the role" }),
    threshold: Type.Integer(),
    needed: Type.Integer({ description: "How many more must sign" }),
    signed: Type.Array(KeyHolderSchema),
    missing: Type.Array(KeyHolderSchema, { description: "Who may sign, and did not" }),
  },
  { $id: "SigningDemand" },
);

const event = {
  id: Type.String(),
  role: Type.String(),
  kind: Type.Unsafe<string>({ type: "string", enum: ["bootstrap", "root", "delegated"] }),
  version: Type.Integer(),
  state: State,
  reason: Type.Optional(Type.String({ description: "Why it was given up" })),
  started: Moment,
  started_by: Type.Unsafe<string>({ type: "string", enum: ["request", "artifacts", "expiry"], description: "`artifacts`: some wait to be listed or removed; `expiry`: by itself, for the version in force nears its end" }),
  task_id: Type.Optional(Type.String({ description: "Of the request" })),
  published_with: Type.Array(Type.String(), { description: "Roles whose documents must be signed, too, and are published together with it" }),
  expires: Moment,
  deadline: Moment,
  replaces: Type.Optional(Type.Object({ version: Type.Integer(), expires: Moment }, { description: "The version in force; absent when it is the first" })),
  signing: Type.Unsafe<string>({ type: "string", enum: ["offline", "mixed"], description: "`mixed`: this service adds its signature when enough people have signed" }),
  complete: Type.Boolean({ description: "Enough people have signed" }),
  demands: Type.Array(Demand, { description: "Each must be met" }),
  sha256: Type.String({ description: "Of the bytes that are signed: compare it with the others before you sign" }),
};

const ListedEvent = Type.Object(event, { $id: "SigningEvent" });

const EventDetail = Type.Object(
  {
    ...event,
    changes: Type.Array(Type.String(), { description: "What it changes against the version in force, a sentence each" }),
    metadata: RawObject,
    in_force: Type.Optional(RawObject),
    bytes: Type.String({ description: "The text that is signed: UTF-8, exactly these characters" }),
  },
  { $id: "SigningEventDetail" },
);

export function signingEventRoutes(readings: Readings): void {
  const { operations } = readings;

  readings.read({
    path: "/api/v1/signing-events",
    shape: "problem",
    docs: {
      tag: "Metadata",
      summary: "List what waits for signatures of people.",
      description: "Oldest first: who may sign, who has, who is missing, and until when. `deadline` is when the document would be given up, or the version in force expires, whichever is first.",
      operationId: "list_signing_events",
      examples: {
        nothing: { summary: "Nothing waits", given: "published", status: 200, answer: { data: [] } },
        tooEarly: TOO_EARLY,
      },
    },
    query: Type.Object({ role: Type.Optional(Type.String()), state: Type.Optional(State), ...pageQuery(100) }),
    answers: { 200: { description: "A page", schema: pageSchema("SigningEventPage", ListedEvent, "Oldest first") } },
    async handle({ query: { role, state, cursor, limit = 100 } }) {
      const place = placeOf(cursor, ["number", "string"]);
      const after = place === undefined ? undefined : { startedMs: place[0], id: place[1] };
      const { rows, next } = await listSigningEvents(operations, { ...(role === undefined ? {} : { role }), ...(state === undefined ? {} : { state }) }, after, limit);
      return pageAnswer(rows.map(eventBody), next === undefined ? undefined : [next.startedMs, next.id]);
    },
  });

  readings.read({
    path: "/api/v1/signing-events/{id}",
    shape: "problem",
    docs: {
      tag: "Metadata",
      summary: "Get one document that waits for signatures.",
      description: "With what it changes, in words; the envelope as it was submitted or composed, and the one it follows (`in_force`); and the exact text to sign. Sign with `POST /api/v1/metadata/sign`.",
      operationId: "get_signing_event",
      examples: {
        unknown: {
          summary: "None of that id, or none any more",
          given: "published",
          params: { id: "82281613dba54b8ea88dc86211c77d0a" },
          status: 404,
          answer: { type: "about:blank", title: "Not Found", status: 404, detail: "no document of that id waits for signatures: it was published, stopped or given up, or there was none; GET /api/v1/signing-events lists those there are", code: "no-such-signing-event" },
        },
        tooEarly: { ...TOO_EARLY, params: { id: "82281613dba54b8ea88dc86211c77d0a" } },
      },
    },
    params: Type.Object({ id: Type.String() }),
    answers: { 200: { description: "The document", schema: EventDetail } },
    async handle({ params: { id } }) {
      const found = await getSigningEvent(operations, id);
      if (found === undefined) throw new OperationError("no-such-signing-event", "no document of that id waits for signatures: it was published, stopped or given up, or there was none");
      const { changes, metadata, bytes, inForce, ...view } = found;
      return { status: 200, body: { ...eventBody(view), changes, metadata, ...(inForce === undefined ? {} : { in_force: inForce }), bytes } };
    },
  });
}

function eventBody({ id, role, kind, version, state, reason, startedMs, startedBy, task, unit, expiresMs, deadlineMs, replaces, signing, complete, demands, sha256 }: SigningView): object {
  return {
    id, role, kind, version, state,
    ...(reason === undefined ? {} : { reason }),
    started: lastUpdate(startedMs),
    started_by: startedBy,
    ...(task === undefined ? {} : { task_id: task }),
    published_with: unit,
    expires: formatExpires(expiresMs),
    deadline: formatExpires(deadlineMs),
    ...(replaces === undefined ? {} : { replaces: { version: replaces.version, expires: formatExpires(replaces.expiresMs) } }),
    signing, complete,
    demands: demands.map(({ by, threshold, signed, missing }) => ({ by, threshold, needed: Math.max(0, threshold - signed.length), signed: signed.map(holderBody), missing: missing.map(holderBody) })),
    sha256,
  };
}

const holderBody = ({ keyid, name, keytype }: KeyHolder): object => ({ keyid, ...(name === undefined ? {} : { name }), ...(keytype === undefined ? {} : { keytype }) });
