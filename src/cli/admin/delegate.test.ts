// What is said of a change of delegations: done, or accepted and waiting for people, and where to sign.

import assert from "node:assert/strict";
import { test } from "node:test";
import { runCli } from "../../../test/fakes/cli.ts";
import { openRestServer } from "../../../test/fakes/rest-server.ts";

for (const { name, state, details, says } of [
  { name: "done", state: "SUCCESS", details: { delegated_roles: ["eu"], failed_roles: [] }, says: ["Done: eu"] },
  { name: "recorded, and to be signed by those of another role", state: "SUCCESS", details: { delegated_roles: ["eu"], failed_roles: [], waiting_for: ["prod"] }, says: ["Accepted: eu", "It waits for signatures of people: rstuf admin metadata sign --role prod"] },
  { name: "waiting for targets", state: "RUNNING", details: { waiting_for: ["targets"] }, says: ["It waits for signatures of people: rstuf admin metadata sign --role targets"] },
]) {
  test(`a change of delegations that is ${name}`, async () => {
    const task = { data: { task_id: "ab", state, result: { message: state === "RUNNING" ? "Waiting for signatures" : "Metadata Delegation Processed", status: true, task: "metadata_delegation", details } }, message: "Task state." };
    await using server = await openRestServer(({ method, url }) =>
      method === "POST" ? { status: 202, body: { data: { task_id: "ab" }, message: "" } } : url.startsWith("/api/v1/task") ? { body: task } : { body: { data: { bootstrap: true }, message: "" } });
    const { exitCode, stdout, stderr } = await runCli(["admin", "delegations", "new", "--name", "eu", "--parent", "prod", "--path", "prod/eu*", "--api-server", server.url], { cwd: "/nowhere" });
    assert.equal(exitCode, 0, stderr);
    assert.deepEqual(stdout.trim().split("\n"), says);
  });
}
