// Private keys never pass the API (promise 10): what looks like one is refused before it is stored.

import type { Json } from "../tuf/documents.ts";

export function holdsPrivateKey(key: Json | undefined): boolean {
  const keyval = isObject(key) ? key["keyval"] : undefined;
  if (!isObject(keyval)) return false;
  if (Object.hasOwn(keyval, "private") && keyval["private"] !== "") return true;
  return Object.values(keyval).some((value) => typeof value === "string" && value.includes("PRIVATE KEY-----"));
}

function isObject(value: Json | undefined): value is { readonly [member: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
