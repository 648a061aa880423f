// Questions about keys: which file, which name.

import { keyWords } from "../../roles/key-words.ts";
import { samePublicKey } from "../../tuf/keys.ts";
import { CliError } from "../errors.ts";
import type { Session } from "../session.ts";
import { defaultUri, namedKey, readPublicKey, type KeyFile, type NamedKey } from "./key-files.ts";
import type { WrittenKey } from "./plan.ts";

export interface AskedKey {
  readonly written: WrittenKey;
  readonly named: NamedKey;
}

type Kind = "file" | "hsm" | "sigstore";

/** A key from a file, which none of `others` is. Asked again until it is one. */
export async function askKey(session: Session, whose: string, others: readonly NamedKey[], flag: string, options: { readonly online: boolean }): Promise<AskedKey> {
  const { ask } = session;
  for (;;) {
    const kind: Kind = options.online ? "file" : await ask.choose<Kind>({ message: `What kind of key is it, ${whose}?`, flag, choices: [{ value: "file", label: "Key PEM file", hint: "public key or X.509 certificate" }, { value: "hsm", label: "HSM or YubiKey" }, { value: "sigstore", label: "Sigstore" }] });
    if (kind !== "file") {
      session.note(`${kind === "hsm" ? "Signing with an HSM or YubiKey" : "Sigstore"} is not built into this release. ${kind === "hsm" ? "The certificate of such a key can be named as a PEM file." : ""}`.trim());
      continue;
    }
    const file = await ask.text({ message: `File with the public key, ${whose}`, flag, placeholder: "keys/ann.pub", check: (answer) => (answer.trim() === "" ? "name a file" : undefined) });
    const read = await tried(session, file.trim());
    if (read === undefined) continue;
    const twin = others.find(({ key }) => samePublicKey(key, read.key));
    if (twin !== undefined) {
      session.note(`Key already in use: ${keyWords(twin.keyid, twin.key)}`);
      continue;
    }
    const name = await ask.text({ message: "Name of this key", flag, initial: read.suggestedName, check: (answer) => (answer.trim() === "" ? "a name" : others.some((other) => other.name === answer.trim()) ? "Key name already in use." : undefined) });
    if (!options.online) return { written: { file: file.trim(), name: name.trim() }, named: namedKey(read.key, name.trim()) };
    const uri = await ask.text({ message: "Where the service finds its private half", flag, initial: defaultUri(read.key), check: (answer) => (/^[a-z]+:/.test(answer.trim()) ? undefined : "a URI such as fn:online: a file in the service's key directory") });
    if (uri.trim() === defaultUri(read.key)) session.note(`Expected private key file name is: '${uri.trim().slice(3)}'`);
    return { written: { file: file.trim(), name: name.trim(), uri: uri.trim() }, named: namedKey(read.key, name.trim(), uri.trim()) };
  }
}

async function tried(session: Session, file: string): Promise<KeyFile | undefined> {
  try {
    return await readPublicKey(session.path(file), file);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    session.note(`${error.message}${error.why === undefined ? "" : `: ${error.why}`}`);
    return undefined;
  }
}

/** Keys one after another: added and removed until there are enough and somebody says so. */
export async function askKeys(session: Session, what: string, threshold: number, flag: string, others: readonly NamedKey[]): Promise<AskedKey[]> {
  const keys: AskedKey[] = [];
  for (;;) {
    const missing = threshold - keys.length;
    if (missing > 0) session.note(`${missing} key(s) missing for threshold ${threshold}.`);
    if (keys.length === 0) {
      keys.push(await askKey(session, `${what} key 1`, others, flag, { online: false }));
      continue;
    }
    if (missing <= 0) session.note(`Threshold ${threshold} is met, more keys can be added.`);
    const next = await session.ask.choose<"continue" | "add" | "remove">({
      message: `${what} keys: ${keys.map(({ named }) => named.name).join(", ")}`,
      flag,
      initial: missing > 0 ? "add" : "continue",
      choices: [...(missing <= 0 ? [{ value: "continue" as const, label: "continue" }] : []), { value: "add", label: "add" }, { value: "remove", label: "remove" }],
    });
    if (next === "continue") return keys;
    if (next === "add") keys.push(await askKey(session, `${what} key ${keys.length + 1}`, [...others, ...keys.map(({ named }) => named)], flag, { online: false }));
    else {
      const gone = await session.ask.choose({ message: "Which one goes?", flag, choices: keys.map((key) => ({ value: key, label: keyWords(key.named.keyid, key.named.key) })) });
      keys.splice(keys.indexOf(gone), 1);
    }
  }
}
