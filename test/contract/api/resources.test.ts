// What each resource answers, beside what the recorded transcripts show.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DatabaseError, type Database } from "../../../src/ports/database.ts";
import { StorageError } from "../../../src/ports/storage.ts";
import { BOOTSTRAP_ID, createTestApi, HEADERS, type TestApi } from "./fixture.ts";

const HASH = "ab".repeat(32);
const artifact = (path: string, custom?: object) => ({ path, info: { length: 1, hashes: { sha256: HASH }, ...(custom === undefined ? {} : { custom }) } });

interface Task {
  readonly data: { readonly task_id: string; readonly state: string; readonly result?: Record<string, unknown> };
}

async function call(api: TestApi, line: string, payload?: object, headers: Record<string, string> = {}) {
  const [method, url] = line.split(" ") as ["GET", string];
  return await api.app.inject({ method, url, headers: { ...HEADERS, ...headers }, ...(payload === undefined ? {} : { payload }) });
}

/** The database, with some of its methods replaced. */
function overriding(database: Database, methods: Partial<Database>): Database {
  return new Proxy(database, {
    get(target, name) {
      const value: unknown = Reflect.get(Object.hasOwn(methods, name) ? methods : target, name);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

async function taskOf(api: TestApi, id: string): Promise<Task["data"]> {
  return (await call(api, `GET /api/v1/task/?task_id=${id}`)).json<Task>().data;
}

describe("paths", () => {
  test("are served with and without their trailing slash, and nothing is redirected", async () => {
    const api = await createTestApi();
    for (const line of ["GET /api/v1/bootstrap", "GET /api/v1/bootstrap/", "GET /api/v1/config", "GET /api/v1/task?task_id=1", "GET /api/v1/metadata/sign/", "GET /api/v1/metadata/sign"]) {
      assert.equal((await call(api, line)).statusCode, 200, line);
    }
  });

  test("nobody knows are 404, in the shape of the place", async () => {
    const api = await createTestApi();
    assert.deepEqual((await call(api, "GET /api/v1/nothing")).json(), { detail: "Not Found", code: "not-found" });
    const elsewhere = await call(api, "GET /nothing");
    assert.equal(elsewhere.statusCode, 404);
    assert.match(String(elsewhere.headers["content-type"]), /^application\/problem\+json/);
    assert.equal(elsewhere.json<{ code: string }>().code, "not-found");
  });

  test("with another method are 405 and say which ones there are", async () => {
    const api = await createTestApi();
    const allow = async (line: string) => {
      const response = await call(api, line);
      return [response.statusCode, response.headers.allow];
    };
    assert.deepEqual(await allow("DELETE /api/v1/bootstrap/"), [405, "GET, HEAD, POST"]);
    assert.deepEqual(await allow("OPTIONS /api/v1/artifacts"), [405, "GET, HEAD, POST"]);
    assert.deepEqual(await allow("PUT /api/v1/artifacts/"), [405, "GET, HEAD, POST"]);
    assert.deepEqual(await allow("PUT /metadata/timestamp.json"), [405, "GET, HEAD"]);
    assert.deepEqual((await call(api, "PATCH /api/v1/config/")).json(), { detail: "Method Not Allowed", code: "method-not-allowed" });
  });
});

describe("before bootstrap", () => {
  const rows = [
    { line: "POST /api/v1/artifacts/", payload: { artifacts: [] }, message: "Task not accepted.", error: "It requires bootstrap finished. State: None" },
    { line: "POST /api/v1/artifacts/delete", payload: { artifacts: [] }, message: "Task not accepted.", error: "It requires bootstrap finished. State: None" },
    { line: "GET /api/v1/config/", message: "No Repository Settings/Config found.", error: "It requires bootstrap. State: None" },
    { line: "PUT /api/v1/config/", payload: { settings: { expiration: {} } }, message: "No Repository Settings/Config found.", error: "It requires bootstrap. State: None" },
    { line: "POST /api/v1/metadata/online", payload: { roles: [] }, message: "Task not accepted.", error: "Requires bootstrap finished. State: None" },
    { line: "GET /api/v1/metadata/sign", message: "No metadata pending signing available", error: "Requires bootstrap started. State: None" },
  ];
  for (const { line, payload, message, error } of rows) {
    test(`${line} is 404 in the contract's words`, async () => {
      const response = await call(await createTestApi({ given: "fresh" }), line, payload);
      assert.equal(response.statusCode, 404);
      assert.deepEqual(response.json(), { detail: { message, error }, code: "bootstrap-required" });
    });
  }

  test("publishing is accepted, and ends at once", async () => {
    const api = await createTestApi({ given: "fresh" });
    const { data } = (await call(api, "POST /api/v1/artifacts/publish/")).json<Task>();
    const task = await taskOf(api, data.task_id);
    assert.deepEqual([task.state, task.result?.["details"]], ["SUCCESS", { artifact_roles: null }]);
  });
});

describe("POST /api/v1/bootstrap/", () => {
  const roles = { root: { expiration: "365" }, targets: { expiration: 365 }, snapshot: { expiration: 1 }, timestamp: { expiration: 1 } };
  const root = { signatures: [{ keyid: "a", sig: "b" }], signed: { _type: "root", "x-acme-note": { deep: [1, "2"] } } };
  const payload = { settings: { roles: { ...roles, bins: { expiration: 1, number_of_delegated_bins: 4 }, delegations: null } }, metadata: { root }, timeout: 300 };

  test("keeps the request for the publisher, numbers mended and the root raw", async () => {
    const api = await createTestApi({ given: "fresh" });
    const { data } = (await call(api, "POST /api/v1/bootstrap/", payload)).json<Task>();
    assert.equal(await api.database.setting("bootstrap"), `pre-${data.task_id}`);
    const kept = (await api.database.setting("bootstrap_request")) as { settings: { roles: { root: object } }; metadata: object };
    assert.deepEqual(kept.metadata, { root });
    assert.deepEqual({ ...kept.settings.roles.root }, { expiration: 365 });
    assert.equal((await taskOf(api, data.task_id)).state, "PENDING");
  });

  test("by two at one time is accepted once", async () => {
    const api = await createTestApi({ given: "fresh" });
    const answers = await Promise.all([call(api, "POST /api/v1/bootstrap/", payload), call(api, "POST /api/v1/bootstrap/", payload)]);
    assert.deepEqual(answers.map(({ statusCode }) => statusCode).sort(), [202, 404]);
    const refused = answers.find(({ statusCode }) => statusCode === 404);
    assert.deepEqual(refused?.json(), { detail: { error: "System already has a Metadata. State: pre" }, code: "bootstrap-locked" });
  });

  test("again with the same Idempotency-Key gets the same task, though the system is locked by it", async () => {
    const api = await createTestApi({ given: "fresh" });
    const first = await call(api, "POST /api/v1/bootstrap/", payload, { "idempotency-key": "one" });
    const second = await call(api, "POST /api/v1/bootstrap/", payload, { "idempotency-key": "one" });
    assert.equal(second.statusCode, 202);
    assert.equal(second.json<Task>().data.task_id, first.json<Task>().data.task_id);
    assert.equal((await call(api, "POST /api/v1/bootstrap/", payload, { "idempotency-key": "two" })).statusCode, 404);
  });

  for (const [stored, data, message] of [
    ["pre-1", { bootstrap: false, state: "pre", id: "1" }, "System LOCKED for bootstrap."],
    ["signing-1", { bootstrap: false, state: "signing", id: "1" }, "System LOCKED for bootstrap."],
    ["1", { bootstrap: true, state: "finished", id: "1" }, "System LOCKED for bootstrap."],
    ["a-b-c", { bootstrap: false, state: "unknown" }, "System available for bootstrap."],
    [null, { bootstrap: false }, "System available for bootstrap."],
  ] as const) {
    test(`state ${String(stored)} is shown, and accepts or refuses accordingly`, async () => {
      const api = await createTestApi({ given: "fresh" });
      const { data: begun } = (await call(api, "POST /api/v1/artifacts/publish/")).json<Task>();
      await api.end(begun.task_id, { state: "SUCCESS", message: "" }, { bootstrap: stored });
      assert.deepEqual((await call(api, "GET /api/v1/bootstrap/")).json(), { data, message });
      const expected = message.includes("LOCKED") ? 404 : 202;
      assert.equal((await call(api, "POST /api/v1/bootstrap/", payload)).statusCode, expected);
    });
  }
});

describe("adding artifacts", () => {
  test("puts each under the role a client would search, with its canonical fragment", async () => {
    const api = await createTestApi();
    await call(api, "POST /api/v1/artifacts/", { artifacts: [artifact("b", { z: 1, a: "x" }), artifact("a")] });
    const open = await api.database.openChanges({ changes: 10, bytes: 1000 });
    assert.deepEqual(
      open.map(({ kind, role, path, fragment }) => [kind, role, path, fragment]),
      [
        ["add", "bins-0", "b", `{"custom":{"a":"x","z":1},"hashes":{"sha256":"${HASH}"},"length":1}`],
        ["add", "bins-3", "a", `{"hashes":{"sha256":"${HASH}"},"length":1}`],
      ],
    );
  });

  test("with add_task_id_to_custom adds the id unless the artifact has one of its own", async () => {
    const api = await createTestApi();
    const payload = { artifacts: [artifact("a"), artifact("b", { added_by_task_id: "mine" })], add_task_id_to_custom: true };
    const { data } = (await call(api, "POST /api/v1/artifacts/", payload)).json<Task>();
    const open = await api.database.openChanges({ changes: 10, bytes: 1000 });
    assert.deepEqual(
      open.map(({ fragment }) => (JSON.parse(fragment) as { custom: unknown }).custom),
      [{ added_by_task_id: data.task_id }, { added_by_task_id: "mine" }],
    );
  });

  test("held is said in message and task, and a publish request releases it", async () => {
    const api = await createTestApi();
    const response = await call(api, "POST /api/v1/artifacts/", { artifacts: [artifact("a")], publish_artifacts: false });
    const body = response.json<Task & { message: string }>();
    assert.equal(body.message, "New Artifact(s) successfully submitted. Publishing will be skipped.");
    const held = await taskOf(api, body.data.task_id);
    assert.deepEqual([held.state, held.result?.["message"]], ["RUNNING", "Held until published"]);
    await call(api, "POST /api/v1/artifacts/publish/");
    const released = await taskOf(api, body.data.task_id);
    assert.deepEqual([released.state, released.result?.["message"]], ["RUNNING", "Publishing"]);
    assert.deepEqual(released.result?.["details"], { published_roles: [], roles_to_publish: "['bins-3']" });
  });

  test("that no role takes ends at once, and lists them", async () => {
    const role = { name: "docs", keyids: [], threshold: 1, terminating: true, paths: ["docs/*"] };
    const api = await createTestApi({ delegations: { keys: {}, roles: [role] } });
    const all = (await call(api, "POST /api/v1/artifacts/", { artifacts: [artifact("x")] })).json<Task>();
    assert.deepEqual((await taskOf(api, all.data.task_id)).result?.["details"], { added_artifacts: [], invalid_paths: ["x"], artifact_roles: [] });
    const some = (await call(api, "POST /api/v1/artifacts/", { artifacts: [artifact("x"), artifact("docs/a")] })).json<Task>();
    assert.equal((await taskOf(api, some.data.task_id)).state, "RUNNING");
    assert.deepEqual((await api.database.getTask(some.data.task_id))?.request.invalidPaths, ["x"]);
  });

  test("over the backlog is 429 and not applied", async () => {
    const api = await createTestApi({ limits: { backlog: { changes: 1, bytes: 10_000 } } });
    assert.equal((await call(api, "POST /api/v1/artifacts/", { artifacts: [artifact("a")], publish_artifacts: false })).statusCode, 202);
    const refused = await call(api, "POST /api/v1/artifacts/", { artifacts: [artifact("b")] });
    assert.equal(refused.statusCode, 429);
    assert.ok(Number(refused.headers["retry-after"]) > 0);
    assert.equal((await api.database.backlog()).changes, 1);
    // What empties the backlog still passes.
    assert.equal((await call(api, "POST /api/v1/artifacts/publish/")).statusCode, 202);
  });
});

describe("Idempotency-Key", () => {
  const payload = { artifacts: [artifact("a")] };
  const again = { "idempotency-key": "build-17" };

  test("with the same body gets the same task, and nothing is applied twice", async () => {
    const api = await createTestApi();
    const first = await call(api, "POST /api/v1/artifacts/", payload, again);
    await api.clock.advance(5000);
    const second = await call(api, "POST /api/v1/artifacts", payload, again);
    assert.deepEqual(second.json(), first.json());
    assert.equal((await api.database.backlog()).changes, 1);
  });

  test("with another body is 422", async () => {
    const api = await createTestApi();
    await call(api, "POST /api/v1/artifacts/", payload, again);
    const refused = await call(api, "POST /api/v1/artifacts/", { artifacts: [artifact("b")] }, again);
    assert.equal(refused.statusCode, 422);
    assert.equal(refused.json<{ code: string }>().code, "idempotency-key-reused");
    assert.equal((await api.database.backlog()).changes, 1);
  });

  test("belongs to its endpoint", async () => {
    const api = await createTestApi();
    const first = await call(api, "POST /api/v1/artifacts/delete", { artifacts: ["a"] }, again);
    const second = await call(api, "POST /api/v1/artifacts/", { artifacts: [] }, again);
    assert.deepEqual([first.statusCode, second.statusCode], [202, 202]);
  });

  for (const key of ["", "a b", "x".repeat(256), "\u00e9"]) {
    test(`${JSON.stringify(key.slice(0, 10))} is refused`, async () => {
      const response = await call(await createTestApi(), "POST /api/v1/artifacts/", payload, { "idempotency-key": key });
      assert.equal(response.statusCode, 422);
      assert.deepEqual(response.json<{ detail: { loc: string[] }[] }>().detail[0]!.loc, ["header", "idempotency-key"]);
    });
  }
});

describe("waiting for a task", () => {
  const payload = { artifacts: [artifact("a")] };

  test("answers when it ended, with state and result beside the ordinary body", async () => {
    const api = await createTestApi();
    const waiting = call(api, "POST /api/v1/artifacts/", payload, { prefer: "respond-async, wait=30" });
    await api.clock.whenSleeping(2);
    const [open] = await api.database.openChanges({ changes: 1, bytes: 1000 });
    await api.end(open!.task, { state: "SUCCESS", message: "Artifact(s) Added", details: { added_artifacts: ["a"] } });
    const response = await waiting;
    assert.equal(response.statusCode, 202);
    assert.equal(response.headers["preference-applied"], "wait=30");
    const { data } = response.json<Task & { data: { artifacts: string[] } }>();
    assert.deepEqual(data.artifacts, ["a"]);
    assert.equal(data.state, "SUCCESS");
    assert.deepEqual({ ...data.result, last_update: "" }, {
      message: "Artifact(s) Added", status: true, task: "add_artifacts", last_update: "", details: { added_artifacts: ["a"] },
    });
  });

  test("answers with what is known when the time is over", async () => {
    const api = await createTestApi();
    const waiting = call(api, "POST /api/v1/artifacts/?wait=2", payload);
    await api.clock.whenSleeping(2);
    await api.clock.advance(2000);
    assert.equal((await waiting).json<Task>().data.state, "RUNNING");
  });

  test("notices an end whose hint was lost within a second", async () => {
    const api = await createTestApi();
    const silent = await createTestApi({ deps: { database: overriding(api.database, { subscribe: () => () => undefined }), clock: api.clock } });
    const waiting = call(silent, "POST /api/v1/artifacts/?wait=60", payload);
    await api.clock.whenSleeping(2);
    const [open] = await api.database.openChanges({ changes: 1, bytes: 1000 });
    await api.end(open!.task, { state: "FAILURE", message: "no" });
    await api.clock.advance(1000);
    assert.equal((await waiting).json<Task>().data.state, "FAILURE");
  });

  test("works when asking for a task, also for one that ended long ago", async () => {
    const api = await createTestApi();
    const { data } = (await call(api, "POST /api/v1/artifacts/", payload)).json<Task>();
    const waiting = call(api, `GET /api/v1/task/?task_id=${data.task_id}&wait=10`);
    await api.clock.whenSleeping(2);
    await api.end(data.task_id, { state: "SUCCESS", message: "done" });
    assert.equal((await waiting).json<Task>().data.state, "SUCCESS");
    assert.equal((await call(api, `GET /api/v1/task/?task_id=${data.task_id}`, undefined, { prefer: "wait=10" })).json<Task>().data.state, "SUCCESS");
  });

  test("is for so many; further ones are answered at once, without Preference-Applied", async () => {
    const api = await createTestApi({ limits: { waiters: 1 } });
    const first = call(api, "POST /api/v1/artifacts/?wait=2", payload);
    await api.clock.whenSleeping(2);
    const second = await call(api, "POST /api/v1/artifacts/?wait=2", { artifacts: [artifact("b")] });
    assert.equal(second.headers["preference-applied"], undefined);
    assert.equal(second.json<Task>().data.state, undefined);
    await api.clock.advance(2000);
    await first;
  });

  test("ends quickly when the service stops", async () => {
    const api = await createTestApi();
    const waiting = call(api, "POST /api/v1/artifacts/?wait=60", payload);
    await api.clock.whenSleeping(2);
    await api.app.close();
    assert.equal((await waiting).json<Task>().data.state, "RUNNING");
  });

  for (const wait of ["0", "61", "x", "1.5"]) {
    test(`?wait=${wait} is 422, and nothing is applied`, async () => {
      const api = await createTestApi();
      const response = await call(api, `POST /api/v1/artifacts/?wait=${wait}`, payload);
      assert.equal(response.statusCode, 422);
      assert.deepEqual(response.json<{ detail: { loc: string[] }[] }>().detail[0]!.loc, ["query", "wait"]);
      assert.equal((await api.database.backlog()).changes, 0);
    });
  }

  for (const prefer of ["wait", "wait=0", "wait=abc", "wait=-1", "return=minimal"]) {
    test(`Prefer: ${prefer} is a preference we cannot honour: answered at once`, async () => {
      const response = await call(await createTestApi(), "POST /api/v1/artifacts/", payload, { prefer });
      assert.equal(response.statusCode, 202);
      assert.equal(response.headers["preference-applied"], undefined);
    });
  }
});

describe("tasks", () => {
  test("of the publish step derive from the request's own", async () => {
    const api = await createTestApi();
    const { data } = (await call(api, "POST /api/v1/artifacts/", { artifacts: [artifact("a")] })).json<Task>();
    const sub = `publish_artifacts-${data.task_id}`;
    assert.deepEqual(await taskOf(api, sub), { task_id: sub, state: "STARTED", result: {} });
    await api.end(data.task_id, { state: "SUCCESS", message: "Artifact(s) Added" });
    const ended = await taskOf(api, sub);
    assert.deepEqual([ended.state, ended.result?.["task"], ended.result?.["details"]], ["SUCCESS", "publish_artifacts", { artifact_roles: ["bins-3"] }]);
    assert.equal((await taskOf(api, "publish_artifacts-nothing")).state, "PENDING");
  });

  test("that are none are PENDING, whatever stands for an id", async () => {
    const api = await createTestApi();
    for (const id of ["x", "%00", "a".repeat(5000), "../..", "bump_online_roles", BOOTSTRAP_ID]) {
      const response = await call(api, `GET /api/v1/task/?task_id=${id}`);
      assert.equal(response.statusCode, 200);
      assert.equal(response.json<Task>().data.state, "PENDING");
    }
  });
});

describe("GET /api/v1/metadata/sign", () => {
  test("shows the pending root of a bootstrap, raw, and no trusted root yet", async () => {
    const api = await createTestApi({ given: "fresh" });
    const { data } = (await call(api, "POST /api/v1/artifacts/publish/")).json<Task>();
    const root = { signatures: [], signed: { _type: "root", version: 1, "x-a-b": { z: 1, a: 2 } } };
    await api.end(data.task_id, { state: "SUCCESS", message: "" }, { bootstrap: "signing-1" });
    const start = { id: data.task_id, role: "root", kind: "bootstrap", version: 1, document: Buffer.from(JSON.stringify(root)), signatures: [], task: data.task_id, startedMs: 0 } as const;
    const task = { id: BOOTSTRAP_ID, kind: "bootstrap", createdMs: 0, request: {} } as const;
    await api.database.accept({ task, changes: [], held: false, event: { start }, limits: { changes: 1, bytes: 1 } });
    assert.deepEqual((await call(api, "GET /api/v1/metadata/sign/")).json(), { data: { metadata: { root } }, message: "Metadata role(s) pending signing" });
  });
});

describe("POST /api/v1/metadata/online", () => {
  test("asks for each role once, in the contract's order", async () => {
    const api = await createTestApi();
    await call(api, "POST /api/v1/metadata/online", { roles: ["bins", "timestamp", "bins", "root", "snapshot"] });
    const open = await api.database.openChanges({ changes: 10, bytes: 1000 });
    assert.deepEqual(open.map(({ kind, role }) => [kind, role]), [["refresh", "snapshot"], ["refresh", "timestamp"], ["refresh", "bins"]]);
  });

  test("for root alone has nothing to do, and says so", async () => {
    const api = await createTestApi();
    const { data } = (await call(api, "POST /api/v1/metadata/online", { roles: ["root"] })).json<Task>();
    const task = await taskOf(api, data.task_id);
    assert.deepEqual([task.state, task.result?.["details"]], ["SUCCESS", { updated_roles: [] }]);
  });

  test("for targets that is signed offline is refused in the contract's words", async () => {
    const api = await createTestApi();
    const { data } = (await call(api, "POST /api/v1/artifacts/publish/")).json<Task>();
    await api.end(data.task_id, { state: "SUCCESS", message: "" }, { targets_online_key: false });
    const refused = await call(api, "POST /api/v1/metadata/online", { roles: ["targets"] });
    assert.equal(refused.statusCode, 404);
    assert.equal(refused.json<{ detail: { error: string } }>().detail.error, "Targets is an offline role - use other endpoint to update");
  });
});

describe("GET /api/v1/config/", () => {
  test("shows settings as they are, and not the service's own notes", async () => {
    const api = await createTestApi();
    await call(api, "PUT /api/v1/config/", { settings: { expiration: { bins: "9" } } });
    const { data } = (await call(api, "GET /api/v1/config/")).json<{ data: Record<string, unknown> }>();
    assert.equal(data["bins_expiration"], 9);
    assert.equal(data["bootstrap"], BOOTSTRAP_ID);
    assert.equal("bootstrap_request" in data, false);
    assert.equal((data["trusted_targets"] as { signed: { _type: string } }).signed._type, "targets");
  });
});

describe("/metadata/", () => {
  test("serves a versioned file for ever, and 304 to who has it", async () => {
    const api = await createTestApi();
    api.metadata.set("1.root.json", Buffer.from('{"a":1}'));
    const response = await call(api, "GET /metadata/1.root.json");
    assert.equal(response.body, '{"a":1}');
    assert.equal(response.headers["cache-control"], "public, max-age=31536000, immutable");
    assert.equal(response.headers["content-type"], "application/json");
    const etag = String(response.headers.etag);
    for (const header of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
      const again = await call(api, "GET /metadata/1.root.json", undefined, { "if-none-match": header });
      assert.deepEqual([again.statusCode, again.body], [304, ""]);
    }
    assert.equal((await call(api, "GET /metadata/1.root.json", undefined, { "if-none-match": '"x"' })).statusCode, 200);
  });

  test("serves the timestamp uncached, as it is at that moment", async () => {
    const api = await createTestApi();
    for (const text of ["{}", '{"b":2}']) {
      api.metadata.set("timestamp.json", Buffer.from(text));
      const response = await call(api, "GET /metadata/timestamp.json");
      assert.deepEqual([response.body, response.headers["cache-control"], response.headers.etag], [text, "no-cache", undefined]);
    }
  });

  test("is the same below a doubled slash, as some clients join addresses", async () => {
    const api = await createTestApi();
    api.metadata.set("1.root.json", Buffer.from("{}"));
    for (const [path, status] of [["/metadata//1.root.json", 200], ["/metadata//2.root.json", 404], ["/metadata///1.root.json", 404], ["//metadata/1.root.json", 404]] as const) {
      assert.equal((await api.app.inject({ url: path, headers: HEADERS })).statusCode, status, path);
    }
  });

  test("answers HEAD without the body", async () => {
    const api = await createTestApi();
    api.metadata.set("1.root.json", Buffer.from('{"a":1}'));
    const response = await call(api, "HEAD /metadata/1.root.json");
    assert.deepEqual([response.statusCode, response.body, response.headers["content-length"]], [200, "", "7"]);
  });

  const names = ["", "2.root.json", "root.json", "0.root.json", "01.root.json", "timestamp.json.gz", ".timestamp.json", "..%2f..%2fetc%2fpasswd", "1.root.json%00", "1.a%2fb.json", "rstuf.db", "1.r\u00f6ot.json", "keys"];
  for (const name of names) {
    test(`${JSON.stringify(name)} is 404, and no cache keeps that`, async () => {
      const api = await createTestApi();
      // Even if the folder holds it: only metadata names reach the storage.
      if (name !== "2.root.json") api.metadata.set(decodeURIComponent(name), Buffer.from("private"));
      const response = await call(api, `GET /metadata/${encodeURI(name).replaceAll("%25", "%")}`);
      assert.equal(response.statusCode, 404);
      assert.equal(response.headers["cache-control"], "no-store");
      assert.doesNotMatch(response.body, /ENOENT|\/etc/);
    });
  }

  test("is 503, uncached, when the storage does not answer", async () => {
    const read = () => Promise.reject(new StorageError("unavailable", "disk 7 is on fire"));
    const api = await createTestApi({ deps: { metadata: { read } } });
    const response = await call(api, "GET /metadata/timestamp.json");
    assert.deepEqual([response.statusCode, response.headers["cache-control"]], [503, "no-store"]);
    assert.doesNotMatch(response.body, /disk 7/);
    assert.deepEqual(api.telemetry.last("error"), ["storage", "unavailable"]);
  });
});

describe("when the database does not answer", () => {
  for (const code of ["unavailable", "unclear"] as const) {
    test(`${code}: 503 with Retry-After, and no detail of ours`, async () => {
      const { database } = await createTestApi();
      const broken = overriding(database, { accept: () => Promise.reject(new DatabaseError(code, "table t is locked by 7")) });
      const api = await createTestApi({ deps: { database: broken } });
      const response = await call(api, "POST /api/v1/artifacts/", { artifacts: [artifact("a")] });
      assert.equal(response.statusCode, 503);
      assert.ok(Number(response.headers["retry-after"]) > 0);
      assert.doesNotMatch(response.body, /table t/);
      assert.deepEqual(api.telemetry.last("error"), ["database", code]);
    });
  }

  test("an error nobody foresaw is a 500 that says nothing, and is logged", async () => {
    const { database } = await createTestApi();
    const broken = overriding(database, { setting: () => Promise.reject(new Error("secret internals")) });
    const api = await createTestApi({ deps: { database: broken } });
    const response = await call(api, "GET /api/v1/bootstrap/");
    assert.deepEqual([response.statusCode, response.json()], [500, { detail: "Internal Server Error", code: "internal" }]);
    assert.equal(api.telemetry.named("failed request").length, 1);
  });
});

describe("probes and pages", () => {
  test("/readyz is 503 with the reasons while it is not", async () => {
    const api = await createTestApi({ deps: { readiness: () => Promise.resolve({ ready: false, reasons: ["timestamp expires in 3 minutes"] }) } });
    const response = await call(api, "GET /readyz");
    assert.deepEqual([response.statusCode, response.json()], [503, { ready: false, reasons: ["timestamp expires in 3 minutes"] }]);
  });

  test("/metrics is Prometheus text", async () => {
    const response = await call(await createTestApi(), "GET /metrics");
    assert.match(String(response.headers["content-type"]), /^text\/plain; version=0\.0\.4/);
    assert.equal(response.body, "rstuf_up 1\n");
  });

  test("the documentation page loads nothing from elsewhere", async () => {
    const api = await createTestApi();
    const page = await call(api, "GET /");
    assert.equal(page.statusCode, 200);
    assert.match(page.body, /Repository Service for TUF API/);
    assert.doesNotMatch(page.body, /(?:src|href)="(?:https?:)?\/\//);
    const policy = String(page.headers["content-security-policy"]);
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /script-src 'self'(;|$)/);
    assert.doesNotMatch(policy, /https?:/);
    for (const [, path] of page.body.matchAll(/(?:src|href)="\.(\/[^"]+)"/g)) assert.equal((await call(api, `GET ${path!}`)).statusCode, 200, path);
    assert.match((await call(api, "GET /static/swagger-initializer.js")).body, /openapi\.json/);
  });
});
