// How a key reads: what TUF calls it, and where it lies.

import type { Key } from "../../tuf/documents.ts";
import { keyFileName, keyidOf } from "../../tuf/keys.ts";
import type { CliContext } from "../context.ts";
import { printable } from "../printable.ts";

export interface KeyFacts {
  readonly keyid: string;
  readonly keytype: string;
  readonly scheme: string;
  /** What the file is called unless it was given a name. */
  readonly fileName: string;
}

export function factsOf(key: Key): KeyFacts {
  return { keyid: keyidOf(key), keytype: key.keytype, scheme: key.scheme, fileName: keyFileName(key) };
}

const LABELS: Readonly<Record<string, string>> = {
  file: "file",
  keyid: "keyid",
  keytype: "type",
  scheme: "scheme",
  fileName: "default name",
  listedAs: "listed as",
  listedKeyid: "keyid there",
  privateFile: "private key",
  publicFile: "public key",
  uri: "URI",
  encrypted: "encrypted",
};

export function tellKey(context: CliContext, json: boolean, facts: object): void {
  if (json) {
    context.stdout.write(`${JSON.stringify(facts)}\n`);
    return;
  }
  for (const [name, value] of Object.entries(facts)) context.stdout.write(`${(LABELS[name] ?? name).padEnd(13)}${printable(value === true ? "yes" : value === false ? "no" : String(value))}\n`);
}
