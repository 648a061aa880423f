// Replays recorded requests against a service and compares what is contract in the answers:
// status, message, shape and values of data and results, and of a 422 type, loc and msg.
//
// A line is covered when it was compared, or stands in a deviation row with its reason.
// A recorded 500 is never right: it needs a row. What a row says is compared as well.

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";

/** What is replayed against. `settle` resolves when every accepted task came to its end. */
export interface ReplayTarget {
  request(method: string, path: string, json: unknown): Promise<{ readonly status: number; readonly body: unknown }>;
  settle(): Promise<void>;
}

export interface Deviation {
  /** Number of the line in its transcript, from 0. */
  readonly line: number;
  readonly reason: string;
  /** Instead of the recorded status. */
  readonly status?: number;
  /** Instead of the recorded answer (or of a poll's data), compared like it. */
  readonly instead?: unknown;
  /** Not sent, nor polled: there is nothing to compare. */
  readonly skip?: true;
  /** Applied to the answer as recorded and as given before they are compared. */
  readonly adjust?: (answer: unknown) => unknown;
}

export interface ReplayReport {
  /** One line per difference; empty when all is as recorded. */
  readonly faults: readonly string[];
  readonly compared: number;
  readonly deviated: number;
}

interface RequestLine {
  readonly request: { readonly method: string; readonly path: string; readonly json: unknown };
  readonly status: number;
  readonly response: unknown;
}

interface PollLine {
  readonly poll: string;
  readonly data: { readonly state: string; readonly result?: unknown };
}

type Line = RequestLine | PollLine;

/** States before the end pass by unseen when the end comes first; only the last poll of a task is compared. */
const ENDS: ReadonlySet<string> = new Set(["SUCCESS", "ERRORED", "FAILURE"]);

export async function replayTranscript(text: string, target: ReplayTarget, deviations: readonly Deviation[]): Promise<ReplayReport> {
  const lines = text.trim().split("\n").map((line) => JSON.parse(line) as Line);
  const ids = new Map<string, string>();
  const faults: string[] = [];
  const used = new Set<Deviation>();
  let compared = 0;
  for (const [number, line] of lines.entries()) {
    const deviation = deviations.find((row) => row.line === number);
    if (deviation !== undefined) used.add(deviation);
    if (deviation?.skip === true) continue;
    const complain = (what: string): void => void faults.push(`line ${number} (${titleOf(line)}): ${what}`);
    if ("request" in line) await replayRequest(line, target, deviation, ids, complain);
    else await replayPoll(line, target, deviation, ids, complain);
    compared += 1;
  }
  for (const row of deviations) if (!used.has(row)) faults.push(`deviation for line ${row.line} matches no line`);
  return { faults, compared, deviated: used.size };
}

type Complain = (what: string) => void;

async function replayRequest(line: RequestLine, target: ReplayTarget, deviation: Deviation | undefined, ids: Map<string, string>, complain: Complain): Promise<void> {
  const { method, path, json } = line.request;
  const { status, body } = await target.request(method, path, json);
  const expectedStatus = deviation?.status ?? line.status;
  if (line.status >= 500 && deviation === undefined) complain(`a recorded ${line.status} needs a deviation row`);
  if (status !== expectedStatus) complain(`status ${status}, expected ${expectedStatus}: ${JSON.stringify(body).slice(0, 300)}`);
  rememberTask(line.response, body, ids);
  compareAnswers(body, line.response, deviation, ids, complain);
}

function rememberTask(recorded: unknown, answered: unknown, ids: Map<string, string>): void {
  const before = taskIdOf(recorded);
  const now = taskIdOf(answered);
  if (before !== undefined && now !== undefined) ids.set(now, before);
}

function taskIdOf(body: unknown): string | undefined {
  const id = (body as { data?: { task_id?: unknown } } | null | undefined)?.data?.task_id;
  return typeof id === "string" ? id : undefined;
}

async function replayPoll(line: PollLine, target: ReplayTarget, deviation: Deviation | undefined, ids: Map<string, string>, complain: Complain): Promise<void> {
  const id = [...ids].find(([, recorded]) => recorded === line.poll)?.[0];
  if (id === undefined) {
    complain("no request before it answered with that task");
    return;
  }
  if (!ENDS.has(line.data.state)) return;
  await target.settle();
  const { body } = await target.request("GET", `/api/v1/task/?task_id=${id}`, null);
  compareAnswers((body as { data?: unknown }).data, line.data, deviation, ids, complain);
}

function compareAnswers(actual: unknown, recorded: unknown, deviation: Deviation | undefined, ids: Map<string, string>, complain: Complain): void {
  const adjust = deviation?.adjust ?? ((answer: unknown) => answer);
  const expected = deviation !== undefined && "instead" in deviation ? deviation.instead : recorded;
  compare(normal(adjust(actual), ids), normal(adjust(expected), ids), complain);
}

/** Sets are compared as sets, faults without their echo of the input, times by their form. */
function normal(value: unknown, ids: ReadonlyMap<string, string>, key = ""): unknown {
  if (typeof value === "string") {
    if (key === "last_update") return TIME.test(value) ? "<time>" : `no time: ${value}`;
    if (key === "task_id" && !ids.has(value) && ![...ids.values()].includes(value)) return /^[0-9a-f]{32}$|^$/.test(value) ? "<task>" : `no id: ${value}`;
    let text = value;
    for (const [now, recorded] of ids) text = text.replaceAll(now, recorded);
    return text;
  }
  if (Array.isArray(value)) {
    const items = value.map((item) => normal(item, ids));
    return UNORDERED.has(key) ? items.sort((a, b) => (String(a) < String(b) ? -1 : 1)) : items;
  }
  if (typeof value !== "object" || value === null) return value;
  const isFault = "loc" in value && "msg" in value;
  const members = Object.entries(value).filter(([name]) => !(isFault && ["input", "ctx", "code"].includes(name)));
  const isRefusal = "detail" in value;
  return Object.fromEntries(members.filter(([name]) => !(isRefusal && name === "code")).map(([name, member]) => [name, normal(member, ids, name)]));
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z$/;

/** In the order in which workers came to them. */
const UNORDERED: ReadonlySet<string> = new Set(["artifact_roles", "updated_roles"]);

function compare(actual: unknown, expected: unknown, complain: Complain): void {
  if (isDeepStrictEqual(actual, expected)) return;
  try {
    assert.deepStrictEqual(actual, expected);
  } catch (error) {
    complain(error instanceof Error ? error.message.slice(0, 3000) : String(error));
  }
}

function titleOf(line: Line): string {
  return "request" in line ? `${line.request.method} ${line.request.path}` : `poll ${line.data.state}`;
}
