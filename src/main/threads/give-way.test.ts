import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../../test/fakes/clock.ts";
import type { Question, Reply } from "../../api/read-queue.ts";
import type { Topic } from "../../ports/database.ts";
import { givingWay } from "./give-way.ts";

const question: Question = { path: "/", query: {}, params: {} };
const page: Reply = { status: 200, json: "{}" };

/** Pages that take `tookMs` each, and the hints of a database. */
function reader(tookMs: number, outcome: () => Promise<Reply> = () => Promise.resolve(page)) {
  const clock = createFakeClock(0);
  const listeners = new Map<Topic, () => void>();
  const began: number[] = [];
  const database = { subscribe: (topic: Topic, listener: () => void) => {
    listeners.set(topic, listener);
    return () => { listeners.delete(topic); };
  } };
  const gives = givingWay(async () => {
    began.push(clock.monotonic());
    await clock.sleep(tookMs);
    return await outcome();
  }, database, clock);
  /** One page behind the other, for so long. */
  const readFor = async (ms: number): Promise<readonly number[]> => {
    const from = began.length;
    const over = new AbortController();
    const reading = (async () => { while (!over.signal.aborted) await gives.answering(question).catch(() => undefined); })();
    await clock.advance(ms);
    over.abort();
    const read = began.slice(from);
    await clock.advance(1000);
    await reading;
    return read;
  };
  return { gives, clock, listeners, began, readFor };
}

test("while nobody publishes page follows page", async () => {
  const { readFor } = reader(10);
  assert.deepEqual(await readFor(45), [0, 10, 20, 30, 40]);
});

for (const topic of ["work", "visible"] as const) {
  test(`behind a hint of "${topic}" it reads a quarter of the time, for half a second`, async () => {
    const { listeners, readFor } = reader(10);
    listeners.get(topic)?.();
    const began = await readFor(545);
    assert.deepEqual(began.slice(0, 4), [0, 40, 80, 120]);
    assert.deepEqual(began.slice(-4), [480, 520, 530, 540]);
  });
}

test("two at one time take turns with the rest as one does", async () => {
  const { listeners, clock, gives, began } = reader(10);
  listeners.get("work")?.();
  const both = Promise.all([gives.answering(question), gives.answering(question)].map(async (first) => { await first; await gives.answering(question); }));
  await clock.advance(100);
  await both;
  assert.deepEqual(began, [0, 0, 40, 40]);
});

test("a page that its disk made slow is followed by a tenth of a second, and no more", async () => {
  const { listeners, readFor } = reader(90);
  listeners.get("work")?.();
  assert.deepEqual((await readFor(400)).slice(0, 3), [0, 190, 380]);
});

test("one that fails is followed by a rest as any other", async () => {
  const { listeners, readFor } = reader(10, () => Promise.reject(new Error("ended")));
  listeners.get("work")?.();
  assert.deepEqual(await readFor(85), [0, 40, 80]);
});

test("after its end it hears no hint", () => {
  const { listeners, gives } = reader(10);
  gives.stop();
  assert.equal(listeners.size, 0);
});
