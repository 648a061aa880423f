// Event streams over a real connection: order, resuming, bounds, an orderly end.

import assert from "node:assert/strict";
import { get, type ClientRequest, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test, type TestContext } from "node:test";
import { createTestApi, type TestApi, type TestApiOptions } from "./fixture.ts";

interface Told {
  readonly id?: string;
  readonly event?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

class Reader {
  readonly response: IncomingMessage;
  readonly #request: ClientRequest;
  readonly told: Told[] = [];
  comments = 0;
  ended = false;
  #rest = "";
  #wake: () => void = () => undefined;

  constructor(request: ClientRequest, response: IncomingMessage, listens: boolean) {
    this.#request = request;
    this.response = response;
    response.setEncoding("utf8");
    if (listens) response.on("data", (text: string) => { this.#take(text); });
    response.on("close", () => {
      this.ended = true;
      this.#wake();
    });
    response.on("error", () => undefined);
  }

  #take(text: string): void {
    const blocks = (this.#rest + text).split("\n\n");
    this.#rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]));
      if ("" in fields) this.comments += 1;
      else {
        const { id, event, data } = fields;
        this.told.push({ ...(id === undefined ? {} : { id }), ...(event === undefined ? {} : { event }), ...(data === undefined ? {} : { data: JSON.parse(data) as NonNullable<Told["data"]> }) });
      }
    }
    this.#wake();
  }

  /** Events so far, once there are that many. */
  async events(count: number): Promise<readonly Told[]> {
    await this.until(() => this.named().length >= count || this.ended);
    return this.named();
  }

  named(): readonly Told[] {
    return this.told.filter(({ event }) => event !== undefined);
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => { this.#wake = resolve; });
  }

  /** The id a browser would resume with. */
  get lastId(): string {
    return this.told.findLast(({ id }) => id !== undefined)?.id ?? "";
  }

  close(): void {
    this.#request.destroy();
  }
}

interface Server extends TestApi {
  follow(query?: string, headers?: Record<string, string>, listens?: boolean): Promise<Reader>;
  /** A task that ends at once. */
  happen(): Promise<void>;
}

async function serve(context: TestContext, options: TestApiOptions = {}): Promise<Server> {
  const api = await createTestApi(options);
  await api.app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = api.app.server.address() as AddressInfo;
  const readers: Reader[] = [];
  context.after(async () => {
    for (const reader of readers) reader.close();
    await api.app.close();
  });
  let tasks = 0;
  return {
    ...api,
    follow: (query = "", headers = {}, listens = true) => new Promise((resolve, reject) => {
      const request = get({ host: "127.0.0.1", port, path: `/api/v1/events${query}`, headers, agent: false }, (response) => {
        const reader = new Reader(request, response, listens);
        readers.push(reader);
        resolve(reader);
      });
      request.once("error", reject);
    }),
    async happen() {
      tasks += 1;
      await api.database.accept({
        task: { id: tasks.toString(16).padStart(32, "0"), kind: "update_settings", createdMs: 0, request: {} }, changes: [], held: false,
        result: { state: "SUCCESS", message: "", lastUpdateMs: 0 }, limits: { changes: 1, bytes: 1 },
      });
    },
  };
}

const ids = (told: readonly Told[]): unknown[] => told.map(({ data }) => Number.parseInt(String(data?.["task_id"]), 16));

describe("GET /api/v1/events", () => {
  test("tells what happens from now on, with an id and what it is about", async (context) => {
    const api = await serve(context, { given: "published" });
    const reader = await api.follow();
    assert.equal(reader.response.statusCode, 200);
    assert.equal(reader.response.headers["content-type"], "text/event-stream");
    assert.equal(reader.response.headers["cache-control"], "no-store");
    assert.equal(reader.response.headers["x-content-type-options"], "nosniff");
    await reader.until(() => reader.told.length > 0);
    await api.happen();
    const [first] = await reader.events(1);
    assert.match(String(first?.id), /^[0-9.]+$/);
    assert.equal(first?.event, "task-finished");
    assert.deepEqual(first.data, { id: first.id, event: "task-finished", at: "2026-11-22T18:00:00.250Z", task_id: "1".padStart(32, "0"), task: "update_settings", state: "SUCCESS" });
  });

  test("resumes after the id it is given, as header or in the query, and from the beginning", async (context) => {
    const api = await serve(context, { given: "fresh" });
    for (let n = 0; n < 3; n++) await api.happen();
    const all = await (await api.follow("?after=0")).events(3);
    assert.deepEqual(ids(all), [1, 2, 3]);
    const resumed = await api.follow("?after=0", { "last-event-id": String(all[0]?.id) });
    assert.deepEqual(await resumed.events(2), all.slice(1));
    assert.deepEqual(await (await api.follow(`?after=${String(all[1]?.id)}`)).events(1), all.slice(2));
  });

  test("a stream that is cut off and resumed again and again tells each event once", async (context) => {
    const api = await serve(context, { given: "fresh" });
    const seen: Told[] = [];
    let place = "0";
    for (let n = 0; n < 5; n++) {
      await api.happen();
      await api.happen();
      const reader = await api.follow("", { "last-event-id": place });
      seen.push(...(await reader.events(2)));
      place = reader.lastId;
      reader.close();
    }
    assert.deepEqual(ids(seen), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test("a client that was cut off before anything happened resumes from where it came", async (context) => {
    const api = await serve(context, { given: "fresh" });
    await api.happen();
    const reader = await api.follow();
    await reader.until(() => reader.told.length > 0);
    const place = reader.lastId;
    reader.close();
    await api.happen();
    assert.deepEqual(ids(await (await api.follow("", { "last-event-id": place })).events(1)), [2]);
  });

  test("tells only the events that are asked for, and resumes behind the others too", async (context) => {
    const api = await serve(context, { given: "published" });
    const reader = await api.follow("?after=0&events=published,failed");
    const [first] = await reader.events(1);
    assert.equal(first?.event, "published");
    await reader.until(() => reader.told.length >= 3);
    assert.equal(reader.lastId, await api.database.lastNotice());
    assert.equal(reader.named().length, 1);
    const wrong = await api.follow("?events=published,nothing");
    assert.equal(wrong.response.statusCode, 422);
  });

  test("says that some were missed when they are forgotten", async (context) => {
    const api = await serve(context, { given: "fresh" });
    for (let n = 0; n < 3; n++) await api.happen();
    const lease = await api.database.takeLease("publisher", 1000);
    await api.database.forgetBefore(lease!, { tasksMs: 0, committedMs: 0, idempotencyMs: 0, noticesMs: 0, mostNotices: 1 }, 9);
    const told = await (await api.follow("?after=1")).events(2);
    assert.deepEqual(told.map(({ event }) => event), ["missed", "task-finished"]);
    assert.equal(told[0]?.id, undefined);
    const lost = await (await api.follow("?after=99999")).events(1);
    assert.deepEqual(lost.map(({ event }) => event), ["missed"]);
  });

  test("keeps a quiet stream open with a comment", async (context) => {
    const api = await serve(context, { given: "fresh" });
    const reader = await api.follow();
    await reader.until(() => reader.told.length > 0);
    await api.clock.whenSleeping();
    for (let second = 0; second < 16; second++) {
      await api.clock.advance(1000);
      await api.clock.whenSleeping();
    }
    await reader.until(() => reader.comments > 0);
    assert.equal(reader.comments, 1);
    assert.equal(reader.ended, false);
  });

  test("so many streams at most; one that ends makes room", async (context) => {
    const api = await serve(context, { given: "fresh", limits: { streams: 2 } });
    const [one] = [await api.follow(), await api.follow()];
    const refused = await api.follow();
    assert.equal(refused.response.statusCode, 503);
    assert.equal(refused.response.headers["retry-after"], "10");
    await refused.until(() => refused.ended);
    one.close();
    for (let tries = 0; tries < 100; tries++) {
      const again = await api.follow();
      if (again.response.statusCode === 200) return;
      await again.until(() => again.ended);
    }
    assert.fail("no room was made");
  });

  test("a client that takes nothing is cut off, and costs a bounded amount until then", async (context) => {
    const api = await serve(context, { given: "fresh" });
    const lease = await api.database.takeLease("publisher", 3_600_000_000);
    const about = { role: "x".repeat(50_000), version: 1 };
    for (let n = 0; n < 1000; n++) await api.database.post(lease!, [{ kind: "role-expiring", about, once: String(n) }]);
    let reads = 0;
    const notices = api.database.notices.bind(api.database);
    Object.assign(api.database, { notices: (...args: Parameters<typeof notices>) => {
      reads += 1;
      return notices(...args);
    } });
    const reader = await api.follow("?after=0", {}, false);
    const waits = api.clock.whenSleeping();
    await waits;
    assert.ok(reads <= 3, `${String(reads)} pages were read for a client that takes none`);
    await api.clock.advance(10_001);
    reader.response.resume();
    await reader.until(() => reader.ended);
    assert.ok(reads <= 3);
  });

  test("streams end when the service does, and it does not wait for them", async (context) => {
    const api = await serve(context, { given: "fresh" });
    const readers = [await api.follow(), await api.follow()];
    for (const reader of readers) await reader.until(() => reader.told.length > 0);
    await api.app.close();
    for (const reader of readers) await reader.until(() => reader.ended);
  });
});
