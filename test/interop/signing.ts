// What waits for people, as they ask the service for it.

import assert from "node:assert/strict";
import type { Service } from "./service.ts";

/** What is to be signed of `name`: it is there a moment after a task says that it waits. */
export async function pending({ origin }: Pick<Service, "origin">, name: string): Promise<unknown> {
  for (const until = Date.now() + 30_000; Date.now() < until; ) {
    const { data } = (await (await fetch(`${origin}/api/v1/metadata/sign`)).json()) as { data?: { metadata?: Readonly<Record<string, { signed: unknown }>> } };
    if (data?.metadata?.[name] !== undefined) return data.metadata[name].signed;
  }
  return assert.fail(`nothing waits for ${name}`);
}
