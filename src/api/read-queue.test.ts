import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../test/fakes/clock.ts";
import { createMemoryTelemetry } from "../../test/fakes/telemetry.ts";
import { createReadQueue, type Asker, type Question, type Reply } from "./read-queue.ts";

const question = (path: string): Question => ({ path, query: {}, params: {} });
const from = (name: string): Asker => ({ name, isGone: () => false });

/** Answers when it is told to, in the order in which it was asked. */
function slowly() {
  const asked: string[] = [];
  const ends: (() => void)[] = [];
  const answering = ({ path }: Question): Promise<Reply> => {
    asked.push(path);
    return new Promise((resolve, reject) => {
      ends.push(() => { if (path === "fails") reject(new Error("ended")); else resolve({ status: 200, json: path }); });
    });
  };
  /** Ends the one that was asked first, and lets the next begin. */
  const end = async (): Promise<void> => {
    ends.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { asked, answering, end };
}

const untold = () => ({ clock: createFakeClock(0), metrics: createMemoryTelemetry().metrics });

test("so many are under way at one time, and the next begins when one ends", async () => {
  const { asked, answering, end } = slowly();
  const reading = createReadQueue(answering, { atOnce: 2, waiting: 10 }, untold());
  const replies = ["a", "b", "c"].map((path) => reading.ask(question(path), from("one")));
  assert.deepEqual(asked, ["a", "b"]);
  await end();
  assert.deepEqual(asked, ["a", "b", "c"]);
  await end();
  await end();
  assert.deepEqual(await Promise.all(replies), ["a", "b", "c"].map((json) => ({ status: 200, json })));
});

test("beyond the bound one is refused at once, and told when to come again", async () => {
  const { answering, end } = slowly();
  const reading = createReadQueue(answering, { atOnce: 1, waiting: 1 }, untold());
  const replies = ["a", "b"].map((path) => reading.ask(question(path), from("one")));
  await assert.rejects(reading.ask(question("c"), from("two")), { status: 429, code: "reads-busy", retryAfterSeconds: 1 });
  await end();
  const late = reading.ask(question("d"), from("two"));
  await end();
  await end();
  assert.deepEqual(await Promise.all([...replies, late]), ["a", "b", "d"].map((json) => ({ status: 200, json })));
});

test("who asks for much delays another by one", async () => {
  const { asked, answering, end } = slowly();
  const reading = createReadQueue(answering, { atOnce: 1, waiting: 10 }, untold());
  for (const path of ["a1", "a2", "a3", "a4"]) void reading.ask(question(path), from("a"));
  for (const path of ["b1", "b2"]) void reading.ask(question(path), from("b"));
  for (let n = 0; n < 6; n++) await end();
  assert.deepEqual(asked, ["a1", "a2", "b1", "a3", "b2", "a4"]);
});

test("who fills the line gives way to others: nobody else is refused for it, and who has most loses the newest", async () => {
  const { asked, answering, end } = slowly();
  const reading = createReadQueue(answering, { atOnce: 1, waiting: 3 }, untold());
  const crowd = ["a1", "a2", "a3", "a4"].map((path) => reading.ask(question(path), from("a")));
  await assert.rejects(reading.ask(question("a5"), from("a")), { code: "reads-busy" });
  const lost = assert.rejects(crowd.pop() as Promise<Reply>, { status: 429, code: "reads-busy", retryAfterSeconds: 1 });
  void reading.ask(question("b1"), from("b"));
  await lost;
  // Two and one wait: neither has so many that the other, with one more, would not have as many.
  await assert.rejects(reading.ask(question("b2"), from("b")), { code: "reads-busy" });
  for (let n = 0; n < 4; n++) await end();
  assert.deepEqual(asked, ["a1", "a2", "b1", "a3"]);
});

test("how many wait, for how long, and what was refused is told", async () => {
  const { answering, end } = slowly();
  const clock = createFakeClock(0);
  const telemetry = createMemoryTelemetry();
  const reading = createReadQueue(answering, { atOnce: 1, waiting: 2 }, { clock, metrics: telemetry.metrics });
  void reading.ask(question("a"), from("one"));
  void reading.ask(question("b"), from("one"));
  const left = assert.rejects(reading.ask(question("c"), { name: "one", isGone: () => true }), { code: "reads-busy" });
  assert.deepEqual(telemetry.last("reads"), [2, 1]);
  await assert.rejects(reading.ask(question("d"), from("one")), { code: "reads-busy" });
  assert.deepEqual(telemetry.last("readRefused"), ["busy"]);
  await clock.advance(1500);
  await end();
  assert.deepEqual(telemetry.last("readWaited"), [1.5]);
  assert.deepEqual(telemetry.last("reads"), [1, 1]);
  await end();
  await left;
  assert.deepEqual(telemetry.last("readRefused"), ["left"]);
  assert.deepEqual(telemetry.last("reads"), [0, 0]);
});

test("what nobody waits for any more is not done", async () => {
  const { asked, answering, end } = slowly();
  const reading = createReadQueue(answering, { atOnce: 1, waiting: 10 }, untold());
  void reading.ask(question("a"), from("one"));
  const left = reading.ask(question("b"), { name: "one", isGone: () => true });
  void reading.ask(question("c"), from("one"));
  const refused = assert.rejects(left, { code: "reads-busy" });
  await end();
  await refused;
  assert.deepEqual(asked, ["a", "c"]);
});

test("one that fails makes room as any other", async () => {
  const { asked, answering, end } = slowly();
  const reading = createReadQueue(answering, { atOnce: 1, waiting: 10 }, untold());
  const failed = assert.rejects(reading.ask(question("fails"), from("one")), { message: "ended" });
  void reading.ask(question("b"), from("one"));
  await end();
  await failed;
  assert.deepEqual(asked, ["fails", "b"]);
});
