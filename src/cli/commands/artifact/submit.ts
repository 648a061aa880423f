// Artifacts on their way to the service, as many requests as it takes. What was accepted is
// told at once, request by request, so that an interruption leaves nobody guessing.

import type { AddPayload, Artifact, TaskResult, TaskState } from "../../../sdk/api-types.ts";
import type { RestClient } from "../../../sdk/client.ts";
import { RestError } from "../../../sdk/errors.ts";
import { hasEnded, succeeded, type Task } from "../../../sdk/tasks.ts";
import { CliError } from "../../errors.ts";
import { ANSWER_WAIT_SECONDS, untilEnded, type WaitFlags } from "../../follow.ts";
import { count } from "../../output/words.ts";
import { printable } from "../../printable.ts";
import type { Session } from "../../session.ts";

/** Well within the 64 MiB that the service takes by default. */
const MAX_BYTES_A_REQUEST = 16 * 1024 * 1024;

/** Cut by number and by bytes; one batch is held at a time. */
export async function* batches(artifacts: AsyncIterable<Artifact>, most: number): AsyncGenerator<Artifact[]> {
  let batch: Artifact[] = [];
  let bytes = 0;
  for await (const artifact of artifacts) {
    const size = JSON.stringify(artifact).length;
    if (batch.length > 0 && (batch.length >= most || bytes + size > MAX_BYTES_A_REQUEST)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(artifact);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

export interface SubmitFlags extends WaitFlags {
  /** false: held until `artifact publish`. */
  readonly publish: boolean;
}

/** A held artifact's task ends when it is published: nothing to wait for. @throws CliError `misused` */
export function refuseHeldWait(flags: SubmitFlags): void {
  if (flags.wait === true && !flags.publish) throw new CliError("misused", "--wait makes no sense with --no-publish", { why: "the task ends when what is held is published", todo: "say --wait with rstuf artifact publish" });
}

/** Sends one batch, tells its task, and with --wait how it ended. @throws RestError */
export async function submitAdded(session: Session, api: RestClient, artifacts: readonly Artifact[], flags: SubmitFlags): Promise<void> {
  const body: AddPayload = { artifacts, publish_artifacts: flags.publish };
  const { data } = await api.call("POST /api/v1/artifacts/", { body, signal: session.context.interruption(), ...answerWait(flags) }).catch((error: unknown) => {
    throw withPaths(error, artifacts);
  });
  const what = `adding ${artifacts.length === 1 ? (artifacts[0]?.path ?? "") : count(artifacts.length, "artifact")}`;
  tellTask(session, `Submitted ${artifacts.length === 1 ? `1 artifact: ${artifacts[0]?.path ?? ""}` : count(artifacts.length, "artifact")}`, data.task_id);
  const task = await outcome(session, api, data, flags, what);
  session.emit({ taskId: data.task_id, state: task?.state ?? data.state, artifacts, ...(task?.result?.details === undefined ? {} : { details: task.result.details }) });
  if (!flags.publish) session.note("Held: rstuf artifact publish makes it public.");
  if (task === undefined) return;
  const refused = namesIn(task.result, "invalid_paths");
  if (refused.length > 0) throw new RestError("task-failed", `${count(refused.length, "artifact")} of this request could not be published: ${refused.slice(0, 5).join(", ")}${refused.length > 5 ? ", …" : ""}`, { taskId: task.taskId, todo: `rstuf task info ${task.taskId} shows all of it` });
  session.say(`Published: every client that refreshes now finds ${artifacts.length === 1 ? "it" : "them"}.`);
}

/** The words scripts of the Python CLI look for are in the second line. */
export function tellTask(session: Session, line: string, taskId: string): void {
  session.say(printable(line));
  session.say(`RSTUF task ID (use to check its status) is: ${taskId}`);
}

/** How the task ended when --wait asks for it, otherwise undefined. @throws RestError `task-failed` when it failed */
export async function outcome(session: Session, api: RestClient, data: { readonly task_id: string; readonly state?: TaskState; readonly result?: TaskResult }, flags: WaitFlags, what: string): Promise<Task | undefined> {
  if (flags.wait !== true) return undefined;
  const task: Task | undefined = data.state === undefined ? undefined : { taskId: data.task_id, state: data.state, result: data.result };
  return succeeded(task !== undefined && hasEnded(task) ? task : await untilEnded(session, api, data.task_id, flags), what);
}

/** With --wait the answer itself waits. */
export function answerWait(flags: WaitFlags): { readonly waitSeconds?: number } {
  return flags.wait === true ? { waitSeconds: Math.max(1, Math.floor(Math.min(ANSWER_WAIT_SECONDS, flags.timeout ?? ANSWER_WAIT_SECONDS))) } : {};
}

export function namesIn(result: TaskResult | undefined, member: string): string[] {
  const names = result?.details?.[member];
  return Array.isArray(names) ? names.filter((name) => typeof name === "string").map(printable) : [];
}

/** A fault at `artifacts.7.info.length` is told with the path of the seventh. */
function withPaths(error: unknown, artifacts: readonly Artifact[]): unknown {
  if (!(error instanceof RestError) || error.faults.length === 0) return error;
  const faults = error.faults.map(({ at, message }) => {
    const [, index, rest] = /^artifacts\.(\d+)(?:\.(.*))?$/.exec(at) ?? [];
    const path = index === undefined ? undefined : artifacts[Number(index)]?.path;
    return path === undefined ? { at, message } : { at: rest === undefined || rest === "path" ? path : `${path} (${rest})`, message };
  });
  const shown = faults.slice(0, 20).map(({ at, message }) => (at === "" ? message : `${at}: ${message}`));
  if (faults.length > shown.length) shown.push(`and ${faults.length - shown.length} more`);
  const { code, message, todo, status, serverCode } = error;
  return new RestError(code, message, { why: shown.join("\n"), todo: todo ?? "nothing of this request was applied; mend it, or leave those out", ...(status === undefined ? {} : { status }), serverCode, faults, cause: error });
}
