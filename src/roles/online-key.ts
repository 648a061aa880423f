// Which keys this service signs with: those whose object names a signer.

import type { Key } from "../tuf/documents.ts";

/** The member of a key that names its online signer. */
export const ONLINE_URI = "x-rstuf-online-key-uri";

/** The URI under which this service may sign as `key`, or undefined: then it is somebody else's. */
export function onlineUriOf(key: Key | undefined): string | undefined {
  const uri = key?.[ONLINE_URI];
  return typeof uri === "string" && uri !== "" ? uri : undefined;
}
