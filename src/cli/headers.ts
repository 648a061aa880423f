// Headers for the service, as `-H` and HEADERS of the configuration file give them.

import { CliError } from "./errors.ts";

export type Headers = Readonly<Record<string, string>>;

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const EXAMPLE = 'for example: -H "Authorization: Bearer TOKEN"';

/**
 * `Name: value`, or several with a comma between. A comma divides only where a name and a colon
 * follow, so that values may hold commas; `-H` may also be given more than once.
 * @throws CliError `misused`
 */
export function parseHeaders(text: string): Headers {
  const headers: Record<string, string> = {};
  for (const part of text.split(/,(?=\s*[!#$%&'*+.^_`|~0-9A-Za-z-]+:(?!\/\/))/)) {
    const colon = part.indexOf(":");
    const name = part.slice(0, Math.max(0, colon)).trim();
    // What is wrong is not repeated: it may be a token.
    if (!NAME.test(name)) throw new CliError("misused", "a header is not of the form NAME: VALUE", { todo: EXAMPLE });
    headers[name.toLowerCase()] = valueOf(name, part.slice(colon + 1).trim());
  }
  return headers;
}

/** HEADERS of the configuration file: a mapping, or the same text as `-H`. @throws CliError `config-unreadable` */
export function headersOf(value: unknown, file: string): Headers {
  if (value === undefined || value === null) return {};
  if (typeof value === "string") return parseHeaders(value);
  if (typeof value !== "object" || Array.isArray(value)) throw new CliError("config-unreadable", `HEADERS in ${file} is neither a mapping nor a text`, { todo: "write one header a line: `  Authorization: Bearer TOKEN`" });
  return Object.fromEntries(
    Object.entries(value).map(([name, text]) => {
      if (!NAME.test(name) || (typeof text !== "string" && typeof text !== "number")) throw new CliError("config-unreadable", `HEADERS in ${file}: ${JSON.stringify(name)} is no header with a text for its value`, { todo: "write one header a line: `  Authorization: Bearer TOKEN`" });
      return [name.toLowerCase(), valueOf(name, String(text))];
    }),
  );
}

function valueOf(name: string, value: string): string {
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) throw new CliError("misused", `the value of the header ${name} holds characters that no header may hold`);
  return value;
}
