// The REST side as existing integrations use it: plain requests, a task polled to its end,
// and messages compared word by word.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { join } from "node:path";
import { outputOf } from "./clients.ts";
import { PYTHON } from "./install.ts";
import { startUnbootstrapped } from "./service.ts";

interface Step {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: unknown;
  /** false: does not wait for the task. */
  readonly follow?: boolean;
}
interface Seen {
  readonly status: number;
  readonly message: string | null;
  readonly states: readonly string[];
  readonly data?: Record<string, unknown>;
  readonly detail?: unknown;
  readonly result?: { readonly message: string; readonly status: boolean; readonly task: string; readonly details?: Record<string, unknown>; readonly error?: string };
}

let service: Awaited<ReturnType<typeof startUnbootstrapped>>;
const ends = new AsyncDisposableStack();
before(async () => {
  service = ends.use(await startUnbootstrapped({ online: "ed25519", root: ["ed25519"], bins: 4 }));
});
after(() => ends.disposeAsync());

const artifact = (path: string, length: number | string): object => ({ path, info: { length, hashes: { sha256: "ab".repeat(32) } } });

test("nothing is accepted before the bootstrap", async () => {
  const [state, add] = await send([{ method: "GET", path: "/api/v1/bootstrap/" }, { method: "POST", path: "/api/v1/artifacts/", body: { artifacts: [artifact("a", 1)] } }]);
  assert.deepEqual([state?.status, state?.message, state?.data], [200, "System available for bootstrap.", { bootstrap: false }]);
  assert.deepEqual([add?.status, add?.detail], [404, { message: "Task not accepted.", error: "It requires bootstrap finished. State: None" }]);
});

test("a bootstrap is followed to its end, and is the only one", async () => {
  const [first, second] = await send([
    { method: "POST", path: "/api/v1/bootstrap/", body: service.bootstrap },
    { method: "POST", path: "/api/v1/bootstrap/", body: service.bootstrap },
  ]);
  assert.deepEqual([first?.status, first?.message, last(first)], [202, "Bootstrap accepted.", "SUCCESS"]);
  assert.deepEqual([first?.result?.status, first?.result?.task, first?.result?.message], [true, "bootstrap", "Bootstrap Processed"]);
  assert.deepEqual(first?.result?.details, { bootstrap: `Bootstrap finished ${taskOf(first)}` });
  assert.deepEqual([second?.status, second?.detail], [404, { error: "System already has a Metadata. State: finished" }]);
});

test("artifacts are added, held, published and removed in the words that clients compare", async () => {
  // Both forms of a path, and a length in quotes, as integrations send them.
  const [add, held, publish, remove, refresh] = await send([
    { method: "POST", path: "/api/v1/artifacts", body: { artifacts: [artifact("a", 630), artifact("b", "630")], add_task_id_to_custom: true } },
    { method: "POST", path: "/api/v1/artifacts/", body: { artifacts: [artifact("c", 1)], publish_artifacts: false }, follow: false },
    { method: "POST", path: "/api/v1/artifacts/publish/" },
    { method: "POST", path: "/api/v1/artifacts/delete", body: { artifacts: ["a", "no-such"] } },
    { method: "POST", path: "/api/v1/metadata/online", body: { roles: ["snapshot", "timestamp"] } },
  ]);
  assert.deepEqual([add?.status, add?.message, add?.data?.["artifacts"], last(add)], [202, "New Artifact(s) successfully submitted.", ["a", "b"], "SUCCESS"]);
  assert.deepEqual([add?.result?.status, add?.result?.task, add?.result?.message, add?.result?.details?.["added_artifacts"], add?.result?.details?.["invalid_paths"]], [true, "add_artifacts", "Artifact(s) Added", ["a", "b"], []]);
  assert.deepEqual([held?.status, held?.message], [202, "New Artifact(s) successfully submitted. Publishing will be skipped."]);
  const [published] = await send([{ method: "GET", path: `/api/v1/task/?task_id=${taskOf(held)}` }]);
  assert.deepEqual([published?.status, published?.message, published?.data?.["state"]], [200, "Task state.", "SUCCESS"]);
  assert.deepEqual([publish?.status, publish?.message, publish?.data?.["artifacts"], last(publish), publish?.result?.task, publish?.result?.message], [202, "Publish artifacts successfully submitted.", [], "SUCCESS", "publish_artifacts", "Publish Artifacts Processed"]);
  assert.deepEqual([remove?.status, remove?.message, last(remove), remove?.result?.task, remove?.result?.message], [202, "Remove Artifact(s) successfully submitted.", "SUCCESS", "remove_artifacts", "Artifact(s) removed"]);
  assert.deepEqual(remove?.result?.details, { deleted_artifacts: ["a"], not_found_artifacts: ["no-such"] });
  assert.deepEqual([refresh?.status, refresh?.message, last(refresh), refresh?.result?.message], [202, "Force online metadata update accepted.", "SUCCESS", "Force new online metadata update succeeded"]);
  assert.deepEqual(refresh?.result?.details, { updated_roles: ["snapshot", "timestamp"] });
});

test("a bad request is refused in the contract's shape", async () => {
  const [bad] = await send([{ method: "POST", path: "/api/v1/artifacts/", body: { artifacts: [{ path: "a", info: { hashes: {} } }] } }]);
  assert.equal(bad?.status, 422);
  const [fault] = bad.detail as { readonly type: string; readonly loc: readonly unknown[]; readonly msg: string }[];
  assert.deepEqual([fault?.type, fault?.loc, fault?.msg], ["missing", ["body", "artifacts", 0, "info", "length"], "Field required"]);
});

const STATES = ["PENDING", "RECEIVED", "PRE_RUN", "STARTED", "RUNNING", "SUCCESS", "FAILURE", "ERRORED"];

function taskOf(seen: Seen | undefined): string {
  return String(seen?.data?.["task_id"]);
}

function last(seen: Seen | undefined): string | undefined {
  for (const state of seen?.states ?? []) assert.ok(STATES.includes(state), state);
  return seen?.states.at(-1);
}

async function send(steps: readonly Step[]): Promise<readonly Seen[]> {
  const script = join(import.meta.dirname, "python", "rest_client.py");
  return JSON.parse(await outputOf([PYTHON, script, service.origin], { input: JSON.stringify(steps) })) as readonly Seen[];
}
