// Receivers that fail, are slow, come late; processes that die and take over.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createFakeClock, createFakeRandom } from "../../test/fakes/clock.ts";
import { createMemoryDatabase } from "../../test/fakes/database.ts";
import { createMemoryTelemetry } from "../../test/fakes/telemetry.ts";
import { WebhookError, type WebhookCall } from "../ports/webhook.ts";
import { runWebhooks, type WebhookSettings } from "./webhooks.ts";

const URL_A = "https://a.test/secret-path";
const SETTINGS: WebhookSettings = { urls: [URL_A], kinds: ["task-finished", "published", "failed", "resumed"] };

function world() {
  const clock = createFakeClock(Date.UTC(2030, 0, 1));
  const database = createMemoryDatabase({ now: () => clock.now() });
  const telemetry = createMemoryTelemetry();
  const calls: WebhookCall[] = [];
  const stops: AbortController[] = [];
  let tasks = 0;
  let seed = 1;
  const answer: { now: (call: WebhookCall) => Promise<void> } = { now: () => Promise.resolve() };
  const start = (settings = SETTINGS): { stop(): Promise<void> } => {
    const stopping = new AbortController();
    stops.push(stopping);
    const sender = { send: (call: WebhookCall): Promise<void> => { calls.push(call); return answer.now(call); } };
    const ended = runWebhooks({ database, clock, random: createFakeRandom(seed++), log: telemetry.log, sender }, settings, stopping.signal);
    return { stop: async () => { stopping.abort(); await ended; } };
  };
  const happen = async (): Promise<void> => {
    tasks += 1;
    await database.accept({
      task: { id: tasks.toString(16).padStart(32, "0"), kind: "update_settings", createdMs: 0, request: {} }, changes: [], held: false,
      result: { state: "SUCCESS", message: "", lastUpdateMs: 0 }, limits: { changes: 1, bytes: 1 },
    });
  };
  const told = (): number[] => calls.map(({ body }) => Number.parseInt((JSON.parse(body) as { task_id?: string }).task_id ?? "0", 16));
  const settle = (ms = 0): Promise<void> => clock.advance(ms).then(() => new Promise((resolve) => setImmediate(() => setImmediate(resolve))));
  const stopAll = (): void => { for (const stop of stops) stop.abort(); };
  return { clock, database, telemetry, calls, answer, start, happen, told, settle, stopAll };
}

describe("webhooks", () => {
  test("tell a new receiver what comes, in order, each with its id and message", async (context) => {
    const w = world();
    context.after(w.stopAll);
    await w.happen();
    w.start();
    await w.settle(1000);
    await w.happen();
    await w.happen();
    await w.settle(1000);
    assert.deepEqual(w.told(), [2, 3]);
    const [first] = w.calls as [WebhookCall];
    assert.deepEqual([first.url, first.event, first.id], [URL_A, "task-finished", "2"]);
    assert.deepEqual(JSON.parse(first.body), { id: "2", event: "task-finished", at: "2030-01-01T00:00:01.000Z", task_id: "2".padStart(32, "0"), task: "update_settings", state: "SUCCESS" });
  });

  test("try three times with growing pauses, then go on with the next", async (context) => {
    const w = world();
    context.after(w.stopAll);
    w.answer.now = (call) => (call.id === "1" ? Promise.reject(new WebhookError("refused", "answered 500")) : Promise.resolve());
    w.start();
    await w.settle(1000);
    await w.happen();
    await w.happen();
    await w.settle(1);
    assert.deepEqual(w.told(), [1]);
    await w.settle(1000);
    assert.deepEqual(w.told(), [1, 1]);
    await w.settle(4900);
    assert.deepEqual(w.told(), [1, 1]);
    await w.settle(200);
    assert.deepEqual(w.told(), [1, 1, 1, 2]);
    assert.ok(w.telemetry.events.some(({ event }) => event === "gave up a webhook after three tries"));
    assert.equal(JSON.stringify(w.telemetry.events).includes("secret-path"), false);
  });

  test("go on after a restart where they were, and repeat what was under way", async (context) => {
    const w = world();
    context.after(w.stopAll);
    w.start();
    await w.settle(1000);
    await w.happen();
    await w.settle(2000);
    w.answer.now = () => new Promise(() => undefined);
    await w.happen();
    await w.settle(10);
    assert.deepEqual(w.told(), [1, 2]);
    w.answer.now = () => Promise.resolve();
    // It dies with the second one under way, and says nothing more.
    w.stopAll();
    w.start();
    await w.happen();
    await w.settle(61_000);
    assert.deepEqual(w.told(), [1, 2, 2, 3]);
  });

  test("of two processes one sends, and the other takes over", async (context) => {
    const w = world();
    context.after(w.stopAll);
    const first = w.start();
    await w.settle(10);
    w.start();
    await w.settle(1000);
    for (let n = 1; n <= 3; n++) await w.happen();
    await w.settle(30_000);
    assert.deepEqual(w.told(), [1, 2, 3]);
    await first.stop();
    await w.happen();
    await w.settle(70_000);
    assert.deepEqual(w.told(), [1, 2, 3, 4]);
  });

  test("go on at once after an orderly end", async (context) => {
    const w = world();
    context.after(w.stopAll);
    const first = w.start();
    await w.settle(1000);
    await first.stop();
    await w.happen();
    await w.settle(1);
    w.start();
    await w.settle(100);
    assert.deepEqual(w.told(), [1]);
  });

  test("tell each receiver by its own pace, and only what it asks for", async (context) => {
    const w = world();
    context.after(w.stopAll);
    w.answer.now = (call) => (call.url === URL_A ? new Promise(() => undefined) : Promise.resolve());
    w.start({ urls: [URL_A, "https://b.test/"], kinds: ["failed"] });
    await w.settle(1000);
    const lease = (await w.database.takeLease("publisher", 1e9))!;
    await w.happen();
    await w.database.halt(lease, { code: "diverged", reason: "r" });
    await w.database.halt(lease, { code: "foreign", reason: "r" });
    await w.settle(2000);
    assert.deepEqual(w.calls.map(({ url, event }) => `${new URL(url).host} ${event}`).sort(), ["a.test failed", "b.test failed", "b.test failed"]);
  });

  test("say that events were missed when the receiver was away for too long", async (context) => {
    const w = world();
    context.after(w.stopAll);
    const first = w.start();
    await w.settle(1000);
    await first.stop();
    for (let n = 0; n < 3; n++) await w.happen();
    const lease = (await w.database.takeLease("publisher", 1e9))!;
    await w.database.forgetBefore(lease, { tasksMs: 0, committedMs: 0, idempotencyMs: 0, noticesMs: 0, mostNotices: 1 }, 9);
    await w.settle(61_000);
    w.start();
    await w.settle(2000);
    assert.deepEqual(w.calls.map(({ event }) => event), ["missed", "task-finished"]);
  });

  test("survive a database that does not answer for a while", async (context) => {
    const w = world();
    context.after(w.stopAll);
    const take = w.database.takeDelivery.bind(w.database);
    Object.assign(w.database, { takeDelivery: () => Promise.reject(new Error("busy")) });
    w.start();
    await w.settle(3000);
    Object.assign(w.database, { takeDelivery: take });
    await w.settle(1000);
    await w.happen();
    await w.settle(1000);
    assert.deepEqual(w.told(), [1]);
  });
});
