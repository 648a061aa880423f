// The forms a configuration value can take, and how each is read.
//
// A value comes from YAML as what it is there, from the environment and from flags as
// text. Both are read by the same function, which throws `Refusal` saying what the value
// should have been; the loader adds which key, and where the value came from.

import { accessSync, constants, statSync } from "node:fs";
import { resolve } from "node:path";
import { Secret } from "./secret.ts";

export interface Setting<T> {
  readonly is: "setting";
  /** What a reader of the documentation may write there. */
  readonly form: string;
  /** Used when nothing is given. */
  readonly value: T;
  /** Shown as the default: the value itself, unless it depends on another key. */
  readonly shown: string;
  readonly meaning: string;
  /** What a wrong choice does, for the reader who is about to make one. */
  readonly wrong?: string;
  /** The flag of `rstuf serve` that sets it. */
  readonly flag?: string;
  readonly secret: boolean;
  /** How the value is shown when the configuration is printed: as it is, unless told. */
  readonly print?: (value: T) => unknown;
  /** @param folder what a relative path is relative to. @throws Refusal */
  read(raw: unknown, folder: string): T;
}

/** "…should be …": what a value should have been. Never holds the value. */
export class Refusal extends Error {}

export interface Prose {
  readonly meaning: string;
  readonly wrong?: string;
  readonly flag?: string;
}

const setting = <T>(prose: Prose, form: string, value: T, shown: string, read: Setting<T>["read"], secret = false): Setting<T> => ({
  is: "setting",
  form,
  value,
  shown,
  ...prose,
  secret,
  read,
});

const asText = (raw: unknown, form: string): string => {
  if (typeof raw === "string" && raw !== "" && !/[\0\r\n]/.test(raw)) return raw;
  throw new Refusal(`should be ${form}`);
};

export function text(prose: Prose & { readonly value: string; readonly pattern: RegExp; readonly form: string }): Setting<string> {
  return setting(prose, prose.form, prose.value, `\`${prose.value}\``, (raw) => {
    const value = asText(raw, prose.form);
    if (!prose.pattern.test(value)) throw new Refusal(`should be ${prose.form}`);
    return value;
  });
}

/** Text that need not be given. */
export function word(prose: Prose & { readonly pattern: RegExp; readonly form: string }): Setting<string | undefined> {
  return setting<string | undefined>(prose, prose.form, undefined, "none", (raw) => {
    const value = asText(raw, prose.form);
    if (!prose.pattern.test(value)) throw new Refusal(`should be ${prose.form}`);
    return value;
  });
}

/** An absolute http or https address without credentials, query or fragment; read without its last slash. */
export function url(prose: Prose): Setting<string | undefined> {
  const form = "an address such as `https://host.example.org/path`";
  return setting<string | undefined>(prose, form, undefined, "none", (raw) => {
    const value = asText(raw, form);
    const parsed = URL.canParse(value) ? new URL(value) : undefined;
    if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || parsed.username !== "" || parsed.password !== "" || /[?#]/.test(value)) throw new Refusal(`should be ${form}, without a name or a password in it`);
    return parsed.href.replace(/\/+$/, "");
  });
}

/** A whole number; the unit is named in words and repeated by the key's last word. */
export function integer(prose: Prose & { readonly value: number; readonly min: number; readonly max: number; readonly unit?: string }): Setting<number> {
  const form = `a whole number${prose.unit === undefined ? "" : ` of ${prose.unit}`}, ${prose.min} to ${prose.max}`;
  return setting(prose, form, prose.value, `\`${prose.value}\``, (raw) => {
    const value = typeof raw === "string" && /^[0-9]{1,16}$/.test(raw) ? Number(raw) : raw;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= prose.min && value <= prose.max) return value;
    throw new Refusal(`should be ${form}`);
  });
}

export function fraction(prose: Prose & { readonly value: number; readonly min: number; readonly max: number }): Setting<number> {
  const form = `a number, ${prose.min} to ${prose.max}`;
  return setting(prose, form, prose.value, `\`${prose.value}\``, (raw) => {
    const value = typeof raw === "string" && /^[0-9]{1,9}(?:\.[0-9]{1,9})?$/.test(raw) ? Number(raw) : raw;
    if (typeof value === "number" && value >= prose.min && value <= prose.max) return value;
    throw new Refusal(`should be ${form}`);
  });
}

export function flag(prose: Prose): Setting<boolean> {
  return setting(prose, "`true` or `false`", false, "`false`", (raw) => {
    if (raw === true || raw === "true") return true;
    if (raw === false || raw === "false") return false;
    throw new Refusal("should be true or false");
  });
}

/** One of a few words, in any case; `synonyms` are read as one of them. */
export function choice<const T extends string>(
  prose: Prose & { readonly value: T; readonly of: readonly T[]; readonly synonyms?: Readonly<Record<string, T>> },
): Setting<T> {
  return setting(prose, prose.of.map((word) => `\`${word}\``).join(", "), prose.value, `\`${prose.value}\``, (raw) => {
    const word = typeof raw === "string" ? raw.toLowerCase() : "";
    const found = prose.of.find((one) => one === word) ?? prose.synonyms?.[word];
    if (found !== undefined) return found;
    throw new Refusal(`should be one of ${prose.of.join(", ")}`);
  });
}

/** Several words: a YAML list, or text with commas between. */
export function list(prose: Prose & { readonly each: string; readonly pattern: RegExp; /** An entry without what may be secret in it. */ readonly shows?: (entry: string) => string }): Setting<readonly string[]> {
  const { shows, ...words } = prose;
  const form = `a list of ${prose.each}`;
  const read = setting<readonly string[]>(words, `${form}; as text, with commas between`, [], "empty", (raw) => {
    const parts: unknown = typeof raw === "string" ? raw.split(",").map((part) => part.trim()).filter((part) => part !== "") : raw;
    if (!Array.isArray(parts)) throw new Refusal(`should be ${form}`);
    return parts.map((part: unknown, index) => {
      if (typeof part === "string" && prose.pattern.test(part)) return part;
      throw new Refusal(`should be ${form}; entry ${index + 1} is not`);
    });
  });
  return shows === undefined ? read : { ...read, print: (entries) => entries.map(shows) };
}

/** A folder, made when it is missing. Absolute once read. */
export function folder(prose: Prose & { readonly value: string; readonly shown?: string }): Setting<string> {
  return setting(prose, "a folder; it is made when missing", prose.value, prose.shown ?? `\`${prose.value}\``, (raw, base) => {
    const path = resolve(base, asText(raw, "the path of a folder"));
    if (kindOf(path) === "other") throw new Refusal("should be a folder, and there is something else");
    return path;
  });
}

/** A file that must be there and readable. Absolute once read. */
export function file(prose: Prose): Setting<string | undefined> {
  return setting<string | undefined>(prose, "a file", undefined, "none", (raw, base) => {
    const path = resolve(base, asText(raw, "the path of a file"));
    if (kindOf(path) === "folder") throw new Refusal("should be a file, and there is a folder");
    try {
      accessSync(path, constants.R_OK);
    } catch {
      throw new Refusal("should be a file that this user can read, and there is none");
    }
    return path;
  });
}

/** Every secret has a sibling key, `…File`, that names a file which holds it. */
export function secret(prose: Prose): Setting<Secret | undefined> {
  const form = "text, which is never shown";
  return setting<Secret | undefined>(prose, form, undefined, "none", (raw) => new Secret(asText(raw, form)), true);
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `HOST:PORT`; an IPv6 address in brackets. */
export function address(prose: Prose): Setting<Address | undefined> {
  const form = "`HOST:PORT`, an IPv6 address in brackets";
  return setting<Address | undefined>(prose, form, undefined, "none", (raw) => {
    const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})$/.exec(asText(raw, form));
    const host = match?.[1] ?? match?.[2];
    const port = Number(match?.[3]);
    if (host === undefined || port > 65_535) throw new Refusal("should be HOST:PORT, an IPv6 address in brackets");
    return { host, port };
  });
}

function kindOf(path: string): "folder" | "other" | "none" {
  try {
    return statSync(path).isDirectory() ? "folder" : "other";
  } catch {
    return "none";
  }
}
