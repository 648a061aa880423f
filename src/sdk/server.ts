// Where a service is, as people write it.

import { RestError } from "./errors.ts";

/** The address without a slash at its end; a path in front of `/api/v1` is kept. @throws RestError `server-invalid` */
export function serverUrl(text: string): string {
  const todo = "give an address like https://rstuf.example.org";
  let url: URL;
  try {
    url = new URL(text.trim());
  } catch (cause) {
    throw new RestError("server-invalid", `${JSON.stringify(text)} is no address of a service`, { todo, cause });
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") throw new RestError("server-invalid", `${JSON.stringify(text)} is neither http nor https`, { todo });
  if (url.username !== "" || url.password !== "") {
    throw new RestError("server-invalid", "the address of the service holds a user or a password", { todo: "leave them out; send a header with -H, or HEADERS in the configuration file" });
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, "").replace(/\/api\/v1$/, "");
}
