// Endpoints an operator switched off. They are not registered at all: 404, and not in the
// OpenAPI document.
//
// Forms: `POST /api/v1/artifacts/publish` (one operation), `/api/v1/artifacts` (that path and all
// below it), and the contract's `{'POST'}/api/v1/artifacts/publish/` and `/api/v1/artifacts/`.

import { AppError } from "../lib/app-error.ts";

/** `disabled-endpoint-unknown`: an entry that is none of the forms, or switches nothing off. */
export class DisabledEndpointError extends AppError<"disabled-endpoint-unknown"> {}

export interface DisabledEndpoints {
  has(method: string, path: string): boolean;
  /** After all routes asked. @throws DisabledEndpointError naming entries that matched none. */
  requireAllUsed(): void;
}

interface Entry {
  readonly text: string;
  /** Undefined: all, and everything below the path. */
  readonly methods: readonly string[] | undefined;
  readonly path: string;
  used: boolean;
}

export function parseDisabled(entries: readonly string[]): DisabledEndpoints {
  const parsed = entries.map(parseEntry);
  return {
    has(method, path) {
      let disabled = false;
      for (const entry of parsed) {
        if (!matches(entry, method, withoutSlash(path))) continue;
        entry.used = true;
        disabled = true;
      }
      return disabled;
    },
    requireAllUsed() {
      const unused = parsed.filter((entry) => !entry.used);
      if (unused.length > 0) throw unknown(unused.map((entry) => entry.text));
    },
  };
}

function parseEntry(text: string): Entry {
  const spelled = /^(?:\{([A-Z', ]+)\}|([A-Z]+)\s+)?(\/\S*)$/.exec(text.trim());
  if (spelled === null) throw unknown([text]);
  const [, set, method, path = ""] = spelled;
  const methods = set === undefined ? method : set.replaceAll("'", "");
  return { text, methods: methods?.split(",").map((one) => one.trim()), path: withoutSlash(path), used: false };
}

function matches(entry: Entry, method: string, path: string): boolean {
  if (entry.methods !== undefined) return entry.path === path && entry.methods.includes(method);
  return entry.path === path || (entry.path !== "/" && path.startsWith(`${entry.path}/`));
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

function unknown(texts: readonly string[]): DisabledEndpointError {
  const shown = texts.map((text) => JSON.stringify(text)).join(", ");
  return new DisabledEndpointError("disabled-endpoint-unknown", `cannot disable ${shown}: no endpoint is called so; write for example "POST /api/v1/artifacts"`);
}
