// How a key is told to people: by its name, what kind it is, and its whole keyid, which is what
// they compare over the phone.

import type { Key } from "../tuf/documents.ts";
import { onlineUriOf } from "./online-key.ts";

/** The member of a key that names it for people. */
export const KEY_NAME = "x-rstuf-key-name";

const LONGEST_NAME = 100;

/** The name somebody gave it, without what would move a terminal's cursor; undefined when there is none. */
export function keyNameOf(key: Key | undefined): string | undefined {
  const name = key?.[KEY_NAME] ?? key?.["name"];
  if (typeof name !== "string") return undefined;
  const shown = name.replaceAll(/\p{C}/gu, " ").trim().slice(0, LONGEST_NAME);
  return shown === "" ? undefined : shown;
}

/** `ann (ed25519, KEYID)`, `online (ed25519, fn:online, KEYID)`; the keyid is never cut. */
export function keyWords(keyid: string, key: Key | undefined): string {
  const uri = onlineUriOf(key);
  const facts = [...(key === undefined ? ["unknown"] : [key.keytype]), ...(uri === undefined ? [] : [uri]), keyid];
  return `${keyNameOf(key) ?? "without a name"} (${facts.join(", ")})`;
}
