import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openRestServer, type RestAnswer } from "../../test/fakes/rest-server.ts";
import { RestClient } from "./client.ts";
import { RestError } from "./errors.ts";
import { succeeded, waitForTask, waitingFor } from "./tasks.ts";

const state = (name: string, result?: object): RestAnswer => ({ body: { data: { task_id: "t", state: name, result }, message: "Task state." } });
const RUNNING = state("RUNNING");
const SUCCESS = state("SUCCESS", { status: true, message: "Artifact(s) Added" });

function clientOf(server: string): { readonly client: RestClient; readonly slept: number[] } {
  const slept: number[] = [];
  let nowMs = 0;
  const timing = { monotonic: () => nowMs, sleep: async (ms: number) => { slept.push(ms); nowMs += ms; }, fraction: () => 0.5 };
  return { client: new RestClient({ server, userAgent: "t", timing, retries: { attempts: 1, firstDelayMs: 1, maxDelayMs: 1 } }), slept };
}

const codeOf = (work: Promise<unknown>): Promise<string> => work.then(() => "none", (error: unknown) => (error instanceof RestError ? error.code : String(error)));

describe("waitForTask", () => {
  test("asks the service to wait, and answers the task as it ended", async () => {
    await using server = await openRestServer([state("PENDING"), RUNNING, RUNNING, SUCCESS]);
    const { client } = clientOf(server.url);
    const seen: string[] = [];
    const task = await waitForTask(client, "t", { onChange: (each) => seen.push(each.state) });
    assert.equal(task.state, "SUCCESS");
    assert.deepEqual(seen, ["PENDING", "RUNNING", "SUCCESS"]);
    for (const { headers } of server.asked) assert.equal(headers.prefer, "wait=20");
  });

  test("asks less and less often where the service does not wait", async () => {
    await using server = await openRestServer([...Array.from({ length: 12 }, () => RUNNING), SUCCESS]);
    const { client, slept } = clientOf(server.url);
    await waitForTask(client, "t");
    assert.equal(slept.length, 12);
    assert.deepEqual(slept, slept.toSorted((a, b) => a - b));
    assert.equal(slept[0], 200);
    assert.equal(slept.at(-1), 5000);
  });

  test("stops when the time is over, and says that the task goes on", async () => {
    await using server = await openRestServer([RUNNING]);
    const { client, slept } = clientOf(server.url);
    const error = await waitForTask(client, "t", { timeoutMs: 3000 }).catch((thrown: unknown) => thrown as RestError);
    assert.ok(error instanceof RestError);
    assert.equal(error.code, "task-unfinished");
    assert.equal(error.todo, "rstuf task watch t");
    assert.equal(slept.reduce((sum, ms) => sum + ms, 0), 3000);
  });

  test("says that nobody answers, where the time is over before anybody did", async () => {
    await using server = await openRestServer([{ status: 500 }]);
    const error = await waitForTask(clientOf(server.url).client, "t", { timeoutMs: 3000 }).catch((thrown: unknown) => thrown as RestError);
    assert.ok(error instanceof RestError);
    assert.deepEqual([error.code, error.message], ["task-unfinished", "whether task t has ended is not known"]);
    assert.match(error.why ?? "", /does not answer: .*500/);
  });

  test("ends early when a task that waits for people is enough", async () => {
    const waits = state("RUNNING", { message: "Waiting for signatures", details: { waiting_for: ["targets", 7] } });
    await using server = await openRestServer([state("PENDING"), RUNNING, waits]);
    const task = await waitForTask(clientOf(server.url).client, "t", { timeoutMs: 60_000, everySeconds: 2, enough: (each) => waitingFor(each).length > 0 });
    assert.deepEqual([task.state, waitingFor(task)], ["RUNNING", ["targets"]]);
    assert.equal(server.asked.length, 3);
    assert.deepEqual(waitingFor({ taskId: "t", state: "SUCCESS", result: { status: true, message: "", details: { waiting_for: ["prod"] } } }), []);
  });

  test("lasts over a restart of the service, but not over its end", async () => {
    await using server = await openRestServer(["reset", { status: 503 }, SUCCESS]);
    assert.equal((await waitForTask(clientOf(server.url).client, "t")).state, "SUCCESS");
    await using gone = await openRestServer([{ status: 503 }]);
    const { client, slept } = clientOf(gone.url);
    assert.equal(await codeOf(waitForTask(client, "t")), "unavailable");
    assert.ok(slept.reduce((sum, ms) => sum + ms, 0) > 60_000);
  });

  test("does not wait for a service that refuses to tell", async () => {
    await using server = await openRestServer([{ status: 401, body: { detail: "x", code: "token-required" } }]);
    assert.equal(await codeOf(waitForTask(clientOf(server.url).client, "t")), "unauthorized");
    assert.equal(server.asked.length, 1);
  });

  test("ends when interrupted, and names the task", async () => {
    await using server = await openRestServer([RUNNING]);
    const gone = new AbortController();
    const work = waitForTask(clientOf(server.url).client, "t", { signal: gone.signal, onChange: () => gone.abort() });
    assert.equal(await codeOf(work), "interrupted");
  });
});

describe("succeeded", () => {
  test("tells what the service said of a task that failed", () => {
    for (const [name, result, why] of [["ERRORED", { message: "Adding failed", error: "no path", status: false }, "Adding failed: no path"], ["FAILURE", { message: "disk full" }, "disk full"], ["SUCCESS", { status: false }, undefined]] as const) {
      assert.throws(() => succeeded({ taskId: "t", state: name, result }, "adding"), (error) => error instanceof RestError && error.code === "task-failed" && error.why === why && error.taskId === "t");
    }
    assert.equal(succeeded({ taskId: "t", state: "SUCCESS", result: { status: true } }, "adding").state, "SUCCESS");
  });
});
