// What the sessions of this process say to PostgreSQL, and what they hear.

import pg from "pg";

type Call = (this: unknown, ...args: readonly unknown[]) => unknown;

export interface Ears {
  /** Of each statement; without a name it is not prepared. */
  readonly said?: (statement: { readonly text?: string; readonly name?: string }) => void;
  /** Of each event of a session. Answers whether it gets no further. */
  readonly heard?: (event: string, what?: { readonly message?: string }) => boolean;
}

/** Answers what ends it. */
export function overhear({ said, heard }: Ears): () => void {
  const prototype = pg.Client.prototype;
  const query = Reflect.get(prototype, "query") as Call;
  const emit = Reflect.get(prototype, "emit") as Call;
  Reflect.set(prototype, "query", function (this: unknown, ...args: readonly unknown[]) {
    said?.(args[0] as { text?: string; name?: string });
    return Reflect.apply(query, this, args);
  });
  Reflect.set(prototype, "emit", function (this: unknown, ...args: readonly unknown[]) {
    return heard?.(String(args[0]), args[1] as { message?: string } | undefined) === true || Reflect.apply(emit, this, args);
  });
  return () => {
    Reflect.set(prototype, "query", query);
    // Clients have it of EventEmitter.
    Reflect.deleteProperty(prototype, "emit");
  };
}
