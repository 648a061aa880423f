// `rstuf admin adopt`: a published repository becomes this data directory's own.

import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import type { CliContext } from "../../cli/context.ts";
import { CliError } from "../../cli/errors.ts";
import { tell } from "../../cli/output/tell.ts";
import { count, number } from "../../cli/output/words.ts";
import { readFileAtMost } from "../../cli/read-file.ts";
import { takeOver, type TakenOver } from "../../publisher/take-over.ts";
import { placeOfStorage } from "../storage.ts";
import { partsOf, placeOf, withState, type StateFlags } from "./state.ts";
import { Progress } from "./progress.ts";

/** Larger than any root clients read. */
const ROOT_BYTES = 1024 * 1024;

export interface AdoptFlags extends StateFlags {
  readonly root?: string;
}

/** 0: taken over. */
export async function adoptRepository(context: CliContext, flags: AdoptFlags): Promise<number> {
  const place = placeOf(context, flags);
  const parts = partsOf(place);
  if (parts.storage.kind === "folder" && !existsSync(resolve(parts.storage.directory, "timestamp.json"))) {
    throw new CliError("file-unreadable", `${parts.storage.directory} holds no published repository: there is no timestamp.json. Set metadata.directory, or storage.kind`);
  }
  const firstRoot = flags.root === undefined ? undefined : await readFileAtMost(resolve(context.cwd, flags.root), ROOT_BYTES);
  await mkdir(place.config.dataDir, { recursive: true, mode: 0o750 });
  const progress = new Progress(context, flags.json === true, "adopt");
  const taken = await withState(place.config, parts, async ({ deps, hold, storage }) => {
    // Nothing is written now; but a store that could not be written to would be found out too late.
    await storage.prove();
    return await takeOver(deps, hold, { firstRoot, onProgress: (done, of) => { progress.update(done, of, "roles read"); } });
  }).finally(() => { progress.clear(); });
  if (flags.json === true) context.stdout.write(`${JSON.stringify(taken)}\n`);
  else for (const line of lines(taken, placeOfStorage(parts.storage))) tell(context, "stdout", line);
  return 0;
}

function* lines(taken: TakenOver, where: string): Generator<string> {
  yield `Took over the repository in ${where}: root version ${String(taken.rootVersion)}, timestamp version ${String(taken.timestampVersion)}, valid until ${taken.expires}.`;
  yield `  ${count(taken.artifacts, "artifact")} read back from ${count(taken.roles, "role")}, ${number(taken.bins)} of them bins.`;
  if (taken.retired.length > 0) yield `  Listed, and delegated to by nobody: ${taken.retired.slice(0, 10).join(", ")}${taken.retired.length > 10 ? ` and ${String(taken.retired.length - 10)} more` : ""}. They stay listed as they are.`;
  yield `  Every version from now on is above ${String(taken.counter)}. The first publish presses every role${taken.people.length > 0 ? " but those that people sign" : ""} (task ${taken.task}).`;
  for (const { role, expires } of taken.people.slice(0, 10)) yield `  People sign ${role}; what they signed counts until ${expires}. They are asked for its next version in time, or when it is to say something else.`;
  if (taken.people.length > 10) yield `  So it is with ${String(taken.people.length - 10)} more roles.`;
  yield "  Lifetimes of roles are not in the documents: they are the defaults until PUT /api/v1/config/ says otherwise.";
  yield "  Not known: tasks, and artifacts that were added and never published.";
  yield "Make sure the former service never writes there again, and start this one.";
}
