// What bodies and queries look like: JSON Schema as it is documented and read by (lax.ts), with the type of what was read.
//
// TypeBox gave the same words for 373 modules: 0.2 s of CPU at every start and 11 MiB, in the reading thread once more.
// These ten are all that the routes use, and nothing validates by them but lax.ts.

import type { LaxSchema } from "./lax.ts";

declare const READ: unique symbol;

export interface TSchema extends LaxSchema {
  /** A component of the OpenAPI document by that name. */
  readonly $id?: string;
  readonly description?: string;
  readonly format?: string;
  readonly [READ]?: unknown;
}

/** A schema of which `T` is read. */
export interface Schema<T> extends TSchema {
  readonly [READ]?: T;
}

/** A member that may be missing. */
export interface Optional<T> extends Schema<T> {
  readonly [IS_OPTIONAL]: true;
}

/** What is read by a schema. */
export type Static<S extends TSchema> = S extends Schema<infer T> ? T : never;

type Properties = Readonly<Record<string, TSchema>>;
type OptionalNames<P extends Properties> = { [N in keyof P]: P[N] extends Optional<unknown> ? N : never }[keyof P];
type Read<P extends Properties> = { [N in Exclude<keyof P, OptionalNames<P>>]: Static<P[N]> } & { [N in OptionalNames<P>]?: Static<P[N]> };
type Options = Omit<TSchema, "type" | typeof READ>;

/** Not a member of the document. */
const IS_OPTIONAL = Symbol("optional");

export const Type = {
  String: (options?: Options): Schema<string> => ({ type: "string", ...options }),
  Integer: (options?: Options): Schema<number> => ({ type: "integer", ...options }),
  Boolean: (options?: Options): Schema<boolean> => ({ type: "boolean", ...options }),
  Null: (): Schema<null> => ({ type: "null" }),
  Unknown: (): Schema<unknown> => ({}),
  Array: <S extends TSchema>(items: S, options?: Options): Schema<Static<S>[]> => ({ type: "array", items, ...options }),
  Union: <S extends readonly TSchema[]>(anyOf: readonly [...S], options?: Options): Schema<Static<S[number]>> => ({ anyOf, ...options }),
  /** Said in JSON Schema's own words; what is read is the caller's word. */
  Unsafe: <T>(schema: Readonly<Record<string, unknown>>): Schema<T> => schema,
  Optional: <S extends TSchema>(schema: S): Optional<Static<S>> => ({ ...schema, [IS_OPTIONAL]: true }) as Optional<Static<S>>,
  Object: <P extends Properties>(properties: P, options?: Options): Schema<Read<P>> => {
    const required = Object.keys(properties).filter((name) => !(IS_OPTIONAL in (properties[name] ?? {})));
    return { type: "object", ...(required.length === 0 ? {} : { required }), properties, ...options };
  },
} as const;
