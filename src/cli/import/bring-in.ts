// An import from its first file to its last word: begun or gone on with, sent, and told.

import type { RestClient } from "../../sdk/client.ts";
import { RestError } from "../../sdk/errors.ts";
import { requireBootstrap } from "../admin/send.ts";
import { CliError } from "../errors.ts";
import { farOfImport, follow, type WaitFlags } from "../follow.ts";
import type { Progress } from "../output/progress.ts";
import { count, number } from "../output/words.ts";
import type { Session } from "../session.ts";
import { BegunImport, isSame, type Begun } from "./begun.ts";
import { sourceFiles, type SourceFile } from "./source.ts";
import { isPassing, stateOf, upload, type Uploaded } from "./upload.ts";

export interface ImportFlags extends WaitFlags {
  readonly csv?: readonly string[];
  readonly dryRun?: boolean;
  readonly key?: string;
  readonly resume?: boolean;
  readonly restart?: boolean;
  readonly dbUri?: string;
  readonly skipPublishArtifacts?: boolean;
}

export async function bringIn(session: Session, words: readonly string[], flags: ImportFlags): Promise<void> {
  if (flags.skipPublishArtifacts === true) throw new CliError("misused", "an import is published as it is stored: it cannot be held back", { todo: "leave out --skip-publish-artifacts; to hold artifacts back, add them: rstuf artifact add --manifest FILE --no-publish" });
  if (flags.dbUri !== undefined) session.note("--db-uri is not needed any more: the import goes through the service.");
  const named = words.length > 0 ? words : [await session.ask.text({ message: "File that lists artifacts", flag: "FILE", check: (text) => (text.trim() === "" ? "name a file" : undefined) })];
  const files = await sourceFiles(named, (word) => session.path(word));
  const api = await session.api();
  await requireBootstrap(session, "finished");

  const isPiped = files.some(({ path }) => path === "-");
  const memory = flags.dryRun === true || flags.key !== undefined || isPiped ? undefined : new BegunImport(session.context, api.server, files);
  const begun = memory === undefined ? undefined : await begin(session, api, memory, files, flags);
  const uploaded = await send(session, api, files, flags.key ?? begun?.key, flags.dryRun === true);
  if (begun !== undefined && uploaded.taskId !== undefined) await memory?.ended(begun, uploaded.taskId);
  await tell(session, api, uploaded, flags);
}

/** Goes on with what was begun, if that is what is meant. */
async function begin(session: Session, api: RestClient, memory: BegunImport, files: readonly SourceFile[], flags: ImportFlags): Promise<Begun> {
  const now = session.context.clock.now();
  const before = flags.restart === true ? undefined : await memory.read();
  if (before?.taskId !== undefined) {
    if (isSame(before, files)) session.note(`This list was submitted before, on ${before.started.slice(0, 10)}, as task ${before.taskId}. It is imported again; what the repository has as the list has it stays as it is.`);
    return memory.begin(files, now);
  }
  const state = before === undefined ? undefined : await stateOf(api, before.key, session.context.interruption());
  if (before === undefined || state === undefined) return memory.begin(files, now);
  const stored = `${count(state.lines, "artifact")} of it ${state.lines === 1 ? "is" : "are"} stored`;
  if (isSame(before, files)) {
    session.note(state.task_id === undefined ? `Goes on with the import begun on ${before.started.slice(0, 10)}: ${stored}.` : "The service has all of it already.");
    return before;
  }
  if (flags.resume !== true && !(await session.ask.confirm({ message: `An import of ${files.map(({ shown }) => shown).join(", ")} was begun, ${stored}, and a file has changed since. Send the rest behind that?`, flag: "--resume or --restart", initial: true }))) return memory.begin(files, now);
  return memory.mended(before, files);
}

async function send(session: Session, api: RestClient, files: readonly SourceFile[], key: string | undefined, dryRun: boolean): Promise<Uploaded> {
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  // Passing over what is stored takes time, and counts for no rate: the clock begins with what is sent.
  let progress: Progress | undefined;
  try {
    return await upload(api, {
      files,
      stdin: session.context.stdin,
      key,
      dryRun,
      signal: session.context.interruption(),
      // How many there are is known when all are read; until then the bytes say about how many.
      onProgress: (artifacts, readBytes) => {
        progress ??= session.progress({ label: dryRun ? "check" : "import", unit: "artifacts", from: artifacts, isGuess: true });
        progress.update(artifacts, total === 0 || readBytes === 0 ? undefined : Math.max(artifacts, Math.round((artifacts * total) / readBytes)));
      },
      onBreak: ({ message, why }) => {
        progress?.clear();
        session.note(`The connection broke (${why ?? message}). Waits for the service; Ctrl-C ends the waiting, and loses nothing.`);
      },
      onBack: (stored) => session.note(`The service is back: goes on behind the ${number(stored)} artifacts that are stored.`),
    });
  } catch (error) {
    progress?.clear();
    if (session.context.interruption().aborted && !dryRun) {
      throw new CliError("interrupted", "interrupted", { why: key === undefined ? "nothing is kept of an import from stdin without --key" : "what arrived is stored", ...(key === undefined ? {} : { todo: "the same command goes on behind it" }), cause: error });
    }
    if (error instanceof RestError && isPassing(error) && !dryRun) throw new RestError(error.code, error.message, { why: error.why, todo: broken(files, key), cause: error });
    throw error;
  } finally {
    progress?.clear();
  }
}

/** What to do when the connection broke for good. */
function broken(files: readonly SourceFile[], key: string | undefined): string {
  if (!files.some(({ path }) => path === "-")) return "the same command goes on behind what is stored, when the service runs again";
  if (key === undefined) return "what came through a pipe cannot be read again, and nothing is kept of it without --key: name a file, or pipe it all again with --key NAME";
  return `what came through a pipe cannot be read again: pipe it all once more with --key ${key}; what is stored is passed over`;
}

async function tell(session: Session, api: RestClient, { lines, invalidPaths, taskId }: Uploaded, flags: ImportFlags): Promise<void> {
  const leftOut = invalidPaths === 0 ? undefined : `${count(invalidPaths, "path")} that no role takes ${invalidPaths === 1 ? "was" : "were"} left out.`;
  if (taskId === undefined) {
    session.say(`Checked ${count(lines, "artifact")}: no fault.`);
    if (leftOut !== undefined) session.say(leftOut.replace(/was|were/, "would be"));
    session.emit({ dryRun: true, lines, invalidPaths });
    return;
  }
  session.say(`Submitted ${count(lines, "artifact")}`);
  session.say(`Publish artifacts task id is ${taskId}`);
  if (leftOut !== undefined) session.note(leftOut);
  const task = flags.wait === true ? await follow(session, api, taskId, { what: "the import", timeout: flags.timeout, far: farOfImport(session) }) : undefined;
  session.emit({ taskId, lines, invalidPaths, ...(task === undefined ? {} : { state: task.state, details: task.result?.details }) });
  if (task !== undefined) session.say("Finished. Every client that refreshes now finds them.");
}
