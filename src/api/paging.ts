// Lists in pages: `{"data":[...],"next":"..."}`, and the cursor that stands for a place in a list.
//
// A cursor says where a page ended, not how many entries came before: what stays in the list is
// listed once, whatever comes and goes meanwhile. To the client it is opaque.

import { Type, type TSchema } from "./type.ts";
import { SchemaRefusal } from "./faults.ts";
import type { Answer } from "./routes.ts";

const DEFAULT_LIMIT = 100;

/** The query members of a list. */
export const pageQuery = (maximum: number) => ({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum, default: Math.min(DEFAULT_LIMIT, maximum), description: "The most entries of one page" })),
  cursor: Type.Optional(Type.String({ description: "`next` of the page before; the first page has none" })),
});

export interface PageQuery {
  readonly limit?: number;
  readonly cursor?: string;
}

export function pageSchema(id: string, entry: TSchema, description: string): TSchema {
  return Type.Object(
    {
      data: Type.Array(entry, { description }),
      next: Type.Optional(Type.String({ description: "The cursor of the next page; absent on the last one" })),
    },
    { $id: id },
  );
}

/** The documented example that every list has. */
export const TOO_EARLY = {
  summary: "Before bootstrap",
  given: "fresh",
  status: 404,
  answer: { type: "about:blank", title: "Not Found", status: 404, detail: "It requires bootstrap finished. State: None", code: "bootstrap-required" },
} as const;

export type Place = readonly (string | number)[];

export function pageAnswer(rows: readonly unknown[], next: Place | undefined): Answer {
  return { status: 200, body: { data: rows, ...(next === undefined ? {} : { next: Buffer.from(JSON.stringify(next)).toString("base64url") }) } };
}

/** The place a cursor stands for, member by member of those types; undefined without one. @throws SchemaRefusal `cursor-invalid` */
export function placeOf<const T extends readonly ("string" | "number")[]>(cursor: string | undefined, types: T): PlaceOf<T> | undefined {
  if (cursor === undefined) return undefined;
  const place = decoded(cursor);
  const fits = Array.isArray(place) && place.length === types.length && types.every((type, index) => typeof place[index] === type);
  if (fits) return place as unknown as PlaceOf<T>;
  const msg = "Value error, this is no cursor of this list: send `next` of the page before as it was, or none for the first page";
  throw new SchemaRefusal([{ type: "value_error", loc: ["query", "cursor"], msg, input: cursor.slice(0, 200), ctx: { error: {} }, code: "cursor-invalid" }], "cursor-invalid");
}

type PlaceOf<T extends readonly ("string" | "number")[]> = { readonly [K in keyof T]: T[K] extends "string" ? string : number };

function decoded(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, "base64url").toString()) as unknown;
  } catch {
    return undefined;
  }
}

/** Milliseconds of a query member that is a moment. @throws SchemaRefusal */
export function momentOf(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(ms)) return ms;
  const msg = "Input should be a valid datetime: RFC 3339, such as 2026-11-22T18:00:00Z";
  throw new SchemaRefusal([{ type: "datetime_parsing", loc: ["query", name], msg, input: text.slice(0, 200) }]);
}
