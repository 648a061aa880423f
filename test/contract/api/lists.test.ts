// The read API: pages, filters, refusals, and what each list says.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { NESTED, settingOf } from "../../../src/roles/below.ts";
import type { Targets } from "../../../src/tuf/documents.ts";
import { ALICE, createTestApi, HEADERS, NOW, ONLINE, type TestApi, type TestApiOptions } from "./fixture.ts";

interface Page {
  readonly data: readonly Record<string, unknown>[];
  readonly next?: string;
}

async function get(api: TestApi, url: string) {
  return await api.app.inject({ url, headers: HEADERS });
}

async function page(api: TestApi, url: string): Promise<Page> {
  const response = await get(api, url);
  assert.equal(response.statusCode, 200, response.body);
  return response.json<Page>();
}

/** Every page, one entry each. */
async function oneByOne(api: TestApi, url: string): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = [];
  for (let cursor = ""; ;) {
    const { data, next } = await page(api, `${url}${url.includes("?") ? "&" : "?"}limit=1${cursor === "" ? "" : `&cursor=${cursor}`}`);
    found.push(...data);
    assert.ok(found.length < 100);
    if (next === undefined) return found;
    cursor = next;
  }
}

const key = (digit: string, name: string | undefined, uri: string | undefined) => ({
  keytype: "ed25519", scheme: "ed25519", keyval: { public: digit.repeat(64) }, ...(name === undefined ? {} : { "x-rstuf-key-name": name }), ...(uri === undefined ? {} : { "x-rstuf-online-key-uri": uri }),
});

/** Two custom roles, one signed by people, one by both. */
const CUSTOM: NonNullable<Targets["delegations"]> = {
  keys: { [ONLINE]: key("0", undefined, "fn:online"), bob: key("c", "Bob", undefined) },
  roles: [
    { name: "nightly", keyids: ["bob"], threshold: 1, terminating: true, paths: ["nightly/*"] },
    { name: "stable", keyids: [ONLINE, "bob"], threshold: 2, terminating: false, paths: ["stable/*", "lts/*"] },
  ],
};

const published = (options: TestApiOptions = {}) => createTestApi({ given: "published", ...options });

describe("every list", () => {
  const lists = ["/api/v1/artifacts", "/api/v1/roles", "/api/v1/keys", "/api/v1/tasks", "/api/v1/roots", "/api/v1/artifacts/?role=bins-0", "/api/v1/roles?kind=bins", "/api/v1/tasks?state=ended"];
  for (const url of lists) {
    test(`${url} is the same in pages of one as in one page`, async () => {
      const api = await published();
      const whole = await page(api, url);
      assert.ok(whole.data.length > 0);
      assert.equal(whole.next, undefined);
      assert.deepEqual(await oneByOne(api, url), whole.data);
    });
  }

  for (const { name, query, code } of [
    { name: "a limit of nothing", query: "limit=0", code: "request-invalid" },
    { name: "a limit too large", query: "limit=100001", code: "request-invalid" },
    { name: "a cursor of another list", query: `cursor=${Buffer.from("[{}]").toString("base64url")}`, code: "cursor-invalid" },
    { name: "a cursor that is none", query: "cursor=%00%ff", code: "cursor-invalid" },
    { name: "an empty cursor", query: "cursor=", code: "cursor-invalid" },
    { name: "a cursor of megabytes, cut", query: `cursor=${"A".repeat(10_000)}`, code: "cursor-invalid" },
  ]) {
    test(`refuses ${name} with problem+json that says what to do`, async () => {
      const api = await published();
      for (const list of ["artifacts", "roles", "keys", "tasks", "roots"]) {
        const response = await get(api, `/api/v1/${list}?${query}`);
        assert.equal(response.statusCode, 422, list);
        assert.match(String(response.headers["content-type"]), /^application\/problem\+json/);
        const problem = response.json<{ code: string; status: number; detail: string; errors: { loc: unknown }[] }>();
        assert.equal(problem.code, code);
        assert.equal(problem.status, 422);
        assert.deepEqual(problem.errors[0]?.loc, ["query", query.split("=", 1)[0]]);
        assert.ok(response.body.length < 2000);
      }
    });
  }

  test("needs a token where the API needs one, and says so as problem+json", async () => {
    const api = await published({ settings: { tokens: [{ sha256: "00".repeat(32) }] } });
    const response = await get(api, "/api/v1/artifacts");
    assert.equal(response.statusCode, 401);
    assert.equal(response.json<{ code: string }>().code, "unauthorized");
    assert.match(String(response.headers["content-type"]), /^application\/problem\+json/);
  });

  test("can be switched off, with the rest of its path or alone", async () => {
    const api = await published({ settings: { disabledEndpoints: ["GET /api/v1/artifacts/", "/api/v1/roles"] } });
    for (const url of ["/api/v1/artifacts", "/api/v1/roles", "/api/v1/roles/root"]) assert.notEqual((await get(api, url)).statusCode, 200, url);
    assert.equal((await get(api, "/api/v1/keys")).statusCode, 200);
  });
});

describe("artifacts", () => {
  test("are found by path, prefix and role, together too", async () => {
    const api = await published();
    const paths = async (query: string): Promise<unknown[]> => (await page(api, `/api/v1/artifacts?${query}`)).data.map(({ path }) => path);
    assert.deepEqual(await paths(""), ["app/1.0.tar.gz", "app/1.1.tar.gz"]);
    assert.deepEqual(await paths("path=app/1.1.tar.gz"), ["app/1.1.tar.gz"]);
    assert.deepEqual(await paths("path=app/1.1.tar"), []);
    assert.deepEqual(await paths("path="), []);
    assert.deepEqual(await paths("prefix=app/1.1"), ["app/1.1.tar.gz"]);
    assert.deepEqual(await paths("prefix="), ["app/1.0.tar.gz", "app/1.1.tar.gz"]);
    assert.deepEqual(await paths("prefix=app/2"), []);
    assert.deepEqual(await paths("role=bins-3"), ["app/1.1.tar.gz"]);
    assert.deepEqual(await paths("role=bins-3&prefix=app/1.0"), []);
    assert.deepEqual(await paths("path=app/1.0.tar.gz&prefix=doc/"), []);
    assert.deepEqual(await paths("prefix=%F4%8F%BF%BF"), []);
  });
});

describe("roles", () => {
  const states = async (api: TestApi): Promise<Record<string, unknown>> => Object.fromEntries((await page(api, "/api/v1/roles")).data.map(({ name, state }) => [String(name), state] as const));
  const DAY = 86_400_000;

  test("are fresh, then due, then late, then expired; filters follow", async () => {
    const api = await published();
    const fresh = await states(api);
    assert.deepEqual(Object.keys(fresh), ["bins-0", "bins-1", "bins-2", "bins-3", "root", "snapshot", "targets", "timestamp"]);
    assert.deepEqual(new Set(Object.values(fresh)), new Set(["fresh"]));
    await api.clock.advance(DAY * (2 / 3) + 1000);
    assert.deepEqual([(await states(api))["timestamp"], (await states(api))["bins-0"]], ["due", "fresh"]);
    await api.clock.advance(DAY / 6 + 1000);
    assert.equal((await states(api))["timestamp"], "late");
    assert.deepEqual((await page(api, "/api/v1/roles?state=late")).data.map(({ name }) => name), ["snapshot", "timestamp"]);
    await api.clock.advance(DAY / 6);
    assert.equal((await states(api))["timestamp"], "expired");
    assert.deepEqual((await page(api, "/api/v1/roles?state=expired&kind=snapshot")).data.map(({ name }) => name), ["snapshot"]);
    assert.deepEqual((await page(api, "/api/v1/roles?state=fresh")).data.map(({ name }) => name), ["bins-0", "bins-1", "bins-2", "bins-3", "root", "targets"]);
    assert.deepEqual((await oneByOne(api, "/api/v1/roles?state=fresh")).length, 6);
  });

  test("follow the configured moment of refresh", async () => {
    const api = await published({ settings: { refreshAtFraction: 0.9 } });
    await api.clock.advance(DAY * 0.2);
    assert.equal((await states(api))["timestamp"], "due");
  });

  test("say who signs: the service, people, or both", async () => {
    const api = await published({ delegations: CUSTOM });
    const { data } = await page(api, "/api/v1/roles");
    const signing = Object.fromEntries(data.map((role) => [String(role["name"]), [role["delegated_by"], role["signing"], role["threshold"]]] as const));
    assert.deepEqual([signing["nightly"], signing["stable"], signing["root"], signing["targets"]], [
      ["targets", "offline", 1], ["targets", "mixed", 2], ["root", "offline", 1], ["root", "online", 1],
    ]);
  });

  test("one by one say how many artifacts they list, and root is among them", async () => {
    const api = await published();
    const bin = (await get(api, "/api/v1/roles/bins-0")).json<Record<string, unknown>>();
    assert.deepEqual([bin["artifacts"], bin["lifetime_seconds"], bin["sha256"], bin["delegated_by"]], [{ count: 1, more: false }, 7 * 86_400, "cd".repeat(32), "targets"]);
    const root = (await get(api, "/api/v1/roles/root")).json<Record<string, unknown>>();
    assert.deepEqual([root["version"], root["keyids"], root["signing"], root["expires"]], [1, [ALICE], "offline", "2027-11-22T18:29:01Z"]);
    for (const name of ["Root", "bins-4", "..%2fx", "%00", "x".repeat(5000)]) {
      const response = await get(api, `/api/v1/roles/${name}`);
      assert.equal(response.statusCode, 404, name.slice(0, 20));
      assert.ok(response.body.length < 1000);
    }
  });
});

describe("delegations", () => {
  test("are a tree in the order of the search", async () => {
    const api = await published({ delegations: CUSTOM });
    const tree = (await get(api, "/api/v1/delegations")).json<{ name: string; delegations: Record<string, unknown>[] }>();
    assert.equal(tree.name, "targets");
    assert.deepEqual(tree.delegations.map(({ name, paths, terminating, signing, delegations }) => [name, paths, terminating, signing, delegations]), [
      ["nightly", ["nightly/*"], true, "offline", []],
      ["stable", ["stable/*", "lts/*"], false, "mixed", []],
    ]);
  });

  test("of other delegators hang below them, bins too", async () => {
    const api = await published({ delegations: CUSTOM });
    const below = { stable: { keys: CUSTOM.keys, succinct_roles: { keyids: ["bob"], threshold: 1, bit_length: 3, name_prefix: "stable-bins" } } };
    await api.end("00000000000000000000000000000e43", { state: "SUCCESS", message: "" }, { [NESTED]: settingOf(new Map(Object.entries(below)), "1") as never });
    const tree = (await get(api, "/api/v1/delegations")).json<{ delegations: { name: string; delegations: { bins?: Record<string, unknown> }[] }[] }>();
    const bins = tree.delegations.find(({ name }) => name === "stable")?.delegations[0]?.bins;
    assert.deepEqual([bins?.["prefix"], bins?.["count"], bins?.["signing"], bins?.["style"]], ["stable-bins", 8, "offline", "succinct"]);
  });
});

describe("keys", () => {
  test("name their roles, and hold nothing that is not public", async () => {
    const api = await published({ delegations: CUSTOM });
    const { data } = await page(api, "/api/v1/keys");
    assert.deepEqual(data.map(({ keyid, name, online, roles }) => [keyid, name, online, roles]), [
      [ONLINE, undefined, true, ["timestamp", "snapshot", "targets", "stable"]],
      [ALICE, "Alice", false, ["root"]],
      ["bob", "Bob", false, ["nightly", "stable"]],
    ]);
    assert.equal(JSON.stringify(data).includes("fn:online"), false);
  });
});

describe("tasks", () => {
  test("are filtered by what they do, by state and by time", async () => {
    const api = await published();
    await api.clock.advance(60_000);
    const payload = { artifacts: [{ path: "new", info: { length: 1, hashes: { sha256: "ab".repeat(32) } } }], publish_artifacts: false };
    const held = (await api.app.inject({ method: "POST", url: "/api/v1/artifacts/", headers: HEADERS, payload })).json<{ data: { task_id: string } }>().data.task_id;
    const ids = async (query: string): Promise<unknown[]> => (await page(api, `/api/v1/tasks?${query}`)).data.map((task) => String(task["task_id"]).replace(/^0{29}/, ""));
    assert.deepEqual(await ids(""), [held, "e44", "e43"]);
    assert.deepEqual(await ids("state=RUNNING"), [held]);
    assert.deepEqual(await ids("state=PENDING"), []);
    assert.deepEqual(await ids("state=open"), [held]);
    assert.deepEqual(await ids("state=ended"), ["e44", "e43"]);
    assert.deepEqual(await ids("task=add_artifacts"), [held, "e43"]);
    assert.deepEqual(await ids("task=add_artifacts&state=SUCCESS"), ["e43"]);
    assert.deepEqual(await ids("state=FAILURE"), []);
    assert.deepEqual(await ids(`created_from=${new Date(NOW + 1).toISOString()}`), [held]);
    assert.deepEqual(await ids("created_before=2026-11-22T19:00:01%2B01:00"), ["e44", "e43"]);
    assert.equal((await page(api, "/api/v1/tasks?state=open")).data[0]?.["held"], true);
    for (const query of ["state=DONE", "task=nothing", "created_before=2026", "created_from=2026-13-45T00:00:00Z"]) {
      const response = await get(api, `/api/v1/tasks?${query}`);
      assert.equal(response.statusCode, 422, query);
      assert.equal(response.json<{ code: string }>().code, "request-invalid");
    }
  });

  test("GET /api/v1/task/ stays as the contract has it", async () => {
    const api = await published();
    const response = await get(api, "/api/v1/task/?task_id=00000000000000000000000000000e43");
    assert.deepEqual(response.json(), {
      data: {
        task_id: "00000000000000000000000000000e43",
        state: "SUCCESS",
        result: { message: "Artifact(s) Added", status: true, task: "add_artifacts", last_update: "2026-11-22T18:00:00.250000Z" },
      },
      message: "Task state.",
    });
  });
});
