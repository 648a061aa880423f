// Adds and removes without end, each sent again with its Idempotency-Key until it was accepted.

import { createHash, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

export interface Sent {
  readonly task: string;
  readonly resends: number;
}

/** What one sender did: it alone touches its paths, one request after the other. */
export interface Sender {
  readonly sent: readonly Sent[];
  /** Path to the length it was last accepted with; undefined: removed. */
  readonly expected: ReadonlyMap<string, number | undefined>;
  readonly refused: readonly string[];
}

/** `origin` answers where the service is now, or undefined while it is down. */
export async function send(name: string, origin: () => string | undefined, signal: AbortSignal): Promise<Sender> {
  const sent: Sent[] = [];
  const refused: string[] = [];
  const expected = new Map<string, number | undefined>();
  for (let turn = 1; !signal.aborted; turn++) {
    const there = [...expected].filter(([, length]) => length !== undefined).map(([path]) => path);
    const removes = there.length > 20 && turn % 3 === 0;
    const paths = removes
      ? there.slice(0, 4)
      : Array.from({ length: 8 }, (_, n) => (n === 0 ? there[0] : undefined) ?? `${name}/${String(turn)}-${String(n)}`);
    const body = removes
      ? { artifacts: paths }
      : { artifacts: paths.map((path) => ({ path, info: { length: turn, hashes: { sha256: createHash("sha256").update(`${path} ${String(turn)}`).digest("hex") } } })) };
    const accepted = await submit(origin, removes ? "/api/v1/artifacts/delete" : "/api/v1/artifacts/", JSON.stringify(body), signal);
    if (accepted === undefined) break;
    if ("refused" in accepted) {
      refused.push(accepted.refused);
      continue;
    }
    sent.push(accepted);
    for (const path of paths) expected.set(path, removes ? undefined : turn);
  }
  return { sent, expected, refused };
}

async function submit(origin: () => string | undefined, path: string, body: string, signal: AbortSignal): Promise<Sent | { readonly refused: string } | undefined> {
  const key = randomBytes(16).toString("hex");
  // What was sent once is settled, whatever the signal says: it may have been accepted.
  for (let resends = 0; ; ) {
    const at = origin();
    if (at === undefined) {
      if (signal.aborted && resends === 0) return undefined;
      await sleep(20);
      continue;
    }
    try {
      const answer = await fetch(`${at}${path}`, { method: "POST", headers: { "content-type": "application/json", "idempotency-key": key }, body });
      const text = await answer.text();
      if (answer.status === 202) return { task: (JSON.parse(text) as { data: { task_id: string } }).data.task_id, resends };
      if (answer.status < 500 && answer.status !== 429) return { refused: `${String(answer.status)} ${text}` };
    } catch {
      // No answer: it may have been accepted.
    }
    resends++;
    await sleep(20);
  }
}

/** The state and message of a task. */
export async function taskState(origin: string, task: string): Promise<{ readonly state: string; readonly text: string }> {
  const answer = await fetch(`${origin}/api/v1/task/?task_id=${task}`);
  const text = await answer.text();
  const { data } = JSON.parse(text) as { data: { state: string } };
  return { state: data.state, text };
}

/** Resolves when the task is SUCCESS. @throws when it is not, within a while */
export async function succeeds(origin: string, task: string): Promise<void> {
  let seen = await taskState(origin, task);
  for (let tries = 0; seen.state !== "SUCCESS" && tries < 300; tries++) {
    await sleep(50);
    seen = await taskState(origin, task);
  }
  if (seen.state !== "SUCCESS") throw new Error(`task ${task} did not succeed: ${seen.text}`);
}
