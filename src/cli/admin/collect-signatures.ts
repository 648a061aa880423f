// Signatures for a document, one key after another: of the files named on the command line, or
// asked for until enough have signed or somebody says that others sign later.

import { keyWords } from "../../roles/key-words.ts";
import { CliError } from "../errors.ts";
import type { Session } from "../session.ts";
import type { Signature } from "../../tuf/documents.ts";
import { standing, standingLines, type Pending } from "./pending.ts";
import { documentLines } from "./root-text.ts";
import { signWithFile } from "./sign.ts";

export interface SigningFlags {
  /** Files with private keys. */
  readonly signWith?: readonly string[];
  readonly passwordFile?: string;
  readonly yes?: boolean;
}

export interface Collected {
  readonly pending: Pending;
  readonly added: readonly Signature[];
}

/** Shows what is about to be signed, and asks whether that is what was agreed. @throws CliError `declined` */
export async function review(session: Session, pending: Pending, flags: SigningFlags): Promise<void> {
  await session.ask.note("What is signed", documentLines(pending, session.context.clock.now()).join("\n"));
  if (flags.yes === true) return;
  if (!(await session.ask.confirm({ message: "Is this what you want to sign?", flag: "--yes", initial: true }))) throw new CliError("declined", "nothing was signed, and nothing was sent");
}

/** Each key in `--sign-with` signs every document that it may. @throws CliError `key-not-asked` by one that may sign none */
export async function collectFor(session: Session, begun: readonly Pending[], flags: SigningFlags, keep: (pending: Pending) => Promise<void>): Promise<readonly Pending[]> {
  const all = [...begun];
  for (const file of flags.signWith ?? []) {
    let refusal: CliError | undefined;
    let signedAny = false;
    for (const [at, pending] of all.entries()) {
      try {
        all[at] = (await collectSignatures(session, pending, { ...flags, signWith: [file] }, keep, 0)).pending;
        signedAny = true;
      } catch (error) {
        if (!(error instanceof CliError) || error.code !== "key-not-asked") throw error;
        refusal = error;
      }
    }
    if (!signedAny && refusal !== undefined) throw refusal;
  }
  return all;
}

/**
 * @param keep told after every signature
 * @param least how many must be added before "continue" is offered
 */
export async function collectSignatures(session: Session, begun: Pending, flags: SigningFlags, keep: (pending: Pending) => Promise<void>, least: number): Promise<Collected> {
  let pending = begun;
  const added: Signature[] = [];
  const add = async (file: string): Promise<void> => {
    const signed = await signWithFile(session, pending, file, flags.passwordFile);
    pending = signed.pending;
    added.push(signed.signature);
    session.note(`Signed with ${keyWords(signed.signature.keyid, signed.key)}`);
    await keep(pending);
  };
  for (const file of flags.signWith ?? []) await add(file);
  if (flags.signWith !== undefined) return { pending, added };
  while (!standing(pending).complete) {
    for (const line of standingLines(pending)) session.note(line);
    const next = await session.ask.choose<"sign" | "continue">({
      message: added.length < least ? "Select a key for signing:" : "Select a key for signing or continue:",
      flag: "--sign-with FILE",
      choices: [{ value: "sign", label: "Key PEM file" }, ...(added.length < least ? [] : [{ value: "continue" as const, label: "continue", hint: "the others sign later" }])],
    });
    if (next === "continue") return { pending, added };
    const file = (await session.ask.text({ message: "File with the private key", flag: "--sign-with FILE", check: (answer) => (answer.trim() === "" ? "name a file" : undefined) })).trim();
    try {
      await add(file);
    } catch (error) {
      // Another file may be right; what was typed is not worth the whole ceremony.
      if (!(error instanceof CliError) || error.code === "interrupted" || error.code === "answer-missing") throw error;
      session.note(`${error.message}${error.why === undefined ? "" : `: ${error.why}`}`);
    }
  }
  session.note("Metadata is fully signed.");
  return { pending, added };
}
