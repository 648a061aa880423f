import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runCli } from "../../../test/fakes/cli.ts";
import { openRestServer, type RestAnswer } from "../../../test/fakes/rest-server.ts";

const NOW = Date.UTC(2030, 0, 1);
const METRICS = `# HELP x y\nrstuf_role_expiry_seconds{kind="timestamp"} 80000\nrstuf_role_expiry_seconds{kind="root"} 864000\nrstuf_backlog_changes 3\nrstuf_last_publish_timestamp_seconds ${NOW / 1000 - 60}\n`;

async function status(answers: Readonly<Record<string, RestAnswer>>, ...argv: string[]) {
  const all: Readonly<Record<string, RestAnswer>> = {
    "/api/v1/bootstrap/": { body: { data: { bootstrap: true, state: "finished" }, message: "" } },
    "/api/v1/config/": { body: { data: { timestamp_expiration: 1, root_signing: { signed: {} }, x_signing: null, trusted_root: { signed: { version: 4 } } }, message: "" } },
    "/readyz": { body: { ready: true } },
    "/metrics": { body: METRICS },
    "/metadata/timestamp.json": { body: { signed: { version: 9, meta: { "snapshot.json": { version: 8 } } } } },
    "/metadata/8.snapshot.json": { body: { signed: { meta: { "targets.json": { version: 2 } } } } },
    ...answers,
  };
  await using server = await openRestServer(({ url }) => all[url] ?? { status: 404 });
  return await runCli(["status", "--api-server", server.url, ...argv], { cwd: "/nowhere", now: NOW });
}

describe("rstuf status", () => {
  test("tells versions, expiry in words and bands, what waits for signatures and for a publish", async () => {
    const { stdout, exitCode } = await status({});
    assert.match(stdout, /^to sign {5}root: rstuf admin metadata sign$/m);
    assert.match(stdout, /^to publish {2}3 changes$/m);
    assert.match(stdout, /^root +4 {2}in 10 days +soon$/m);
    assert.match(stdout, /^timestamp +9 {2}in 22 hours +fine$/m);
    assert.equal(exitCode, 0);
  });

  test("is exit 1 when the service is not ready, with its reasons, and when a role has expired", async () => {
    const unready = await status({ "/readyz": { status: 503, body: { ready: false, reasons: ["publishing is halted"] } } });
    assert.match(unready.stdout, /^ready {7}NO\n {12}publishing is halted$/m);
    const expired = await status({ "/metrics": { body: 'rstuf_role_expiry_seconds{kind="timestamp"} -5\n' } });
    assert.match(expired.stdout, /5 seconds ago {2}EXPIRED/);
    assert.deepEqual([unready.exitCode, expired.exitCode], [1, 1]);
  });

  test("before there is a repository, says who is waited for", async () => {
    const { stdout, exitCode } = await status({ "/api/v1/bootstrap/": { body: { data: { bootstrap: false, state: "signing" }, message: "" } }, "/api/v1/metadata/sign": { body: { data: { metadata: { root: {}, targets: {}, trusted_root: {} } }, message: "" } } });
    assert.match(stdout, /^bootstrap {3}waits for signatures.*\nto sign {5}root, targets: rstuf admin metadata sign$/m);
    assert.equal(exitCode, 0);
  });

  test("leaves out what is not shown to it, and says that nobody has begun", async () => {
    const { stdout, exitCode } = await status({ "/api/v1/bootstrap/": { body: { data: { bootstrap: false }, message: "" } }, "/metrics": { status: 401 }, "/readyz": { status: 404 }, "/metadata/timestamp.json": { status: 404 } });
    assert.match(stdout, /ready +not told to us\nbootstrap +not yet: hold a ceremony/);
    assert.equal(exitCode, 0);
  });

  test("--json is one object", async () => {
    const { roles, waitingForSignatures } = JSON.parse((await status({}, "--json")).stdout) as { roles: { role: string; version: number; band: string }[]; waitingForSignatures: string[] };
    assert.deepEqual(roles.map(({ role, version, band }) => [role, version, band]), [["root", 4, "soon"], ["timestamp", 9, "fine"]]);
    assert.deepEqual(waitingForSignatures, ["root"]);
  });
});
