// A copy is looked at by fsck before anybody is told that it is there; and what is told when it is not sound.

import type { CliContext } from "../../cli/context.ts";
import { fsckLines } from "../../cli/fsck-report.ts";
import { tell } from "../../cli/output/tell.ts";
import { filesOfStorage } from "../../fsck/files.ts";
import { fsck, type Report } from "../../fsck/fsck.ts";
import type { Database } from "../../ports/database.ts";
import type { Storage } from "../../ports/storage.ts";
import type { Progress } from "./progress.ts";

/** What fsck says, age aside; undefined before a repository begins. */
export async function look(database: Database, storage: Storage, progress: Progress): Promise<Report | undefined> {
  const root = await database.envelope("root", 1);
  if (root === undefined) return undefined;
  return await fsck({ files: filesOfStorage(storage), root: root.bytes, database, now: 0, onProgress: (done, known) => { progress.update(done, known, "roles looked at"); } });
}

/** Tells every fault, and with `json` the program too; answers the exit code. */
export function tellUnsound(context: CliContext, report: Report, message: string, json: boolean): number {
  if (json) context.stdout.write(`${JSON.stringify({ error: { code: "not-sound", message, faults: report.faults.map(({ code, subject, message: told }) => ({ at: subject, code, message: told })) } })}\n`);
  for (const line of fsckLines(report)) tell(context, "stderr", line);
  tell(context, "stderr", message);
  return 1;
}
