// What TUF calls the keys in files: all that can be read, and of each other one why not.

import { AppError } from "../../lib/app-error.ts";
import { EXIT } from "../exit-codes.ts";
import { printable } from "../printable.ts";
import type { Session } from "../session.ts";
import { namedKey } from "./key-files.ts";
import { readKeyFile } from "./key-halves.ts";
import { factsOf, tellKey } from "./key-text.ts";

/** The exit code. */
export async function tellKeys(session: Session, files: readonly string[], { name, passwordFile }: { readonly name?: string; readonly passwordFile?: string }): Promise<number> {
  const { context, json } = session;
  let failed = 0;
  for (const file of files) {
    try {
      const { key } = await readKeyFile(session, file, passwordFile);
      tellKey(context, json, { file, ...factsOf(key), ...(name === undefined ? {} : { listedAs: name, listedKeyid: namedKey(key, name).keyid }) });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const { code, message } = error as AppError;
      if (code === "interrupted") throw error;
      failed += 1;
      if (json) context.stdout.write(`${JSON.stringify({ file, error: { code, message } })}\n`);
      context.stderr.write(`error: ${printable(message)} (${code})\n`);
    }
  }
  return failed > 0 ? EXIT.failed : EXIT.done;
}
