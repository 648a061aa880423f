// Requests that change who may sign: sent, awaited, and told in the words scripts know.

import type { TaskResult } from "../../sdk/api-types.ts";
import { RestError } from "../../sdk/errors.ts";
import { succeeded, waitForTask, waitingFor, type Task } from "../../sdk/tasks.ts";
import { CliError } from "../errors.ts";
import type { Session } from "../session.ts";

type Accepted = { readonly data: { readonly task_id: string } };

const DEFAULT_WAIT_MS = 300_000;
/** People may take days: that a task waits for them is seen soon. */
export const ASK_SECONDS = 2;

export interface Sent {
  readonly taskId: string;
  readonly result: TaskResult | undefined;
  /** Roles whose people have to sign first; the task goes on then. */
  readonly waitsFor: readonly string[];
}

/**
 * Sends, tells the task, and waits for its end, or until it waits for people, and says so.
 * @param what as the line says it: `Bootstrap`
 * @throws RestError when it is refused, fails, or does not end in time
 */
export async function sendAndWait(session: Session, what: string, send: () => Promise<Accepted>, timeoutMs = DEFAULT_WAIT_MS): Promise<Sent> {
  const { data } = await send();
  session.note(`${what} status: ACCEPTED (${data.task_id})`);
  const task = await waitForTask(await session.api(), data.task_id, {
    timeoutMs,
    signal: session.context.interruption(),
    everySeconds: ASK_SECONDS,
    enough: (task) => waitingFor(task).length > 0,
    onChange: ({ state }) => { session.note(`${what} status: ${state}`); },
  });
  const waitsFor = waitingFor(task);
  tellWaiting(session, waitsFor);
  return { taskId: data.task_id, result: waitsFor.length > 0 ? task.result : succeeded(task, what, todoOf(task)).result, waitsFor };
}

/** Where the service's words name a request of its API, the command that makes it. */
function todoOf({ result }: Task): string | undefined {
  const reason = result?.error ?? "";
  if (reason.includes("waits for signatures already")) return "sign it with rstuf admin metadata sign, or give it up with rstuf admin metadata stop-sign, and do this again";
  if (reason.includes("a change of online keys is under way")) return "wait some minutes; rstuf admin delegations list shows which key signs bins by now";
  return undefined;
}

export function tellWaiting(session: Session, roles: readonly string[]): void {
  if (roles.length > 0) session.say(`It waits for signatures of people: ${roles.map((role) => `rstuf admin metadata sign --role ${role}`).join(", ")}`);
}

/** What the task says of how far it is, e.g. `Root v2 is pending signatures`. */
export function detail(sent: Sent, name: string): string | undefined {
  const value = (sent.result?.details)?.[name];
  return typeof value === "string" ? value : undefined;
}

/** @throws CliError `bootstrap-done` | `bootstrap-missing` when the repository is not where this needs it */
export async function requireBootstrap(session: Session, wanted: "open" | "finished"): Promise<void> {
  const client = await session.api();
  const { data, message } = await client.call("GET /api/v1/bootstrap/", {});
  const { server } = client;
  if (wanted === "open" && (data.bootstrap || data.state !== undefined)) {
    throw new CliError("bootstrap-done", `${server} has a repository already`, { why: `${message} State: ${data.state ?? "finished"}`, todo: data.state === "signing" ? "its root waits for signatures: rstuf admin metadata sign; or stop it: rstuf admin metadata stop-sign" : "change its root with rstuf admin metadata update" });
  }
  if (wanted === "finished" && !data.bootstrap) throw new CliError("bootstrap-missing", `${server} has no repository yet`, { ...(data.state === undefined ? {} : { why: `its bootstrap is ${data.state}` }), todo: data.state === "signing" ? "its root waits for signatures: rstuf admin metadata sign" : "hold a ceremony first: rstuf admin ceremony" });
}

/** The metadata this service keeps, as it says itself. */
export async function trustedDocument(session: Session, name: "trusted_root" | "trusted_targets"): Promise<unknown> {
  const { data } = await (await session.api()).call("GET /api/v1/config/", {});
  const document = data[name];
  if (document === undefined || document === null) throw new RestError("answer-unexpected", `the service's settings hold no ${name}`, { todo: "is it bootstrapped? rstuf status shows" });
  return document;
}
