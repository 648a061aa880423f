import type { Json } from "../tuf/documents.ts";
import { parseJson, type JsonOptions } from "../tuf/json.ts";

/** Reads a body as `parseJson` does. */
export async function parseLargeJson(bytes: Uint8Array, options: JsonOptions): Promise<Json> {
  return parseJson(bytes, options);
}
