import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { DEFAULT_LIMITS } from "../../api/settings.ts";
import { createLog } from "../../drivers/telemetry/pino/log.ts";
import { openDatabase } from "../database.ts";
import { createReading } from "./reading-link.ts";

/** The priorities of this process's threads by their names, from Linux's own table. */
function threads(): ReadonlyMap<string, number> {
  return new Map(readdirSync("/proc/self/task").map((task) => {
    const stat = readFileSync(`/proc/self/task/${task}/stat`, "utf8");
    const end = stat.lastIndexOf(")");
    return [stat.slice(stat.indexOf("(") + 1, end), Number(stat.slice(end + 2).split(" ")[16])];
  }));
}

test("the reading thread answers as the routes do, begins again after its end, and leaves nobody waiting", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "rstuf-reading-"));
  const opened = await openDatabase({ kind: "sqlite", file: join(folder, "rstuf.db") }, () => undefined);
  const log = createLog({ level: "silent" });
  const settings = { limits: DEFAULT_LIMITS, refreshAtFraction: undefined, refreshMarginMs: undefined };
  const reading = createReading(opened, { sigstoreTrustedRoot: undefined, settings }, log);
  t.after(async () => {
    await reading.stop();
    await opened.database.close();
    await rm(folder, { recursive: true, force: true });
  });
  const tasks = { path: "/api/v1/tasks", query: {}, params: {} };
  assert.deepEqual(await reading.answering(tasks), { status: 200, json: '{"data":[]}' });

  if (process.platform === "linux") {
    const nice = threads();
    assert.equal(nice.get("reading"), Math.min(19, (nice.get("database") ?? 0) + 5), "it stands back behind the others");
  }

  const early = await reading.answering({ path: "/api/v1/artifacts/", query: {}, params: {} });
  assert.ok("problem" in early);
  assert.deepEqual([early.problem.status, early.problem.code], [404, "bootstrap-required"]);

  await opened.database.accept({ task: { id: "0".repeat(32), kind: "publish_artifacts", createdMs: 1, request: {} }, changes: [], held: false, limits: DEFAULT_LIMITS.backlog });
  const one = await reading.answering(tasks);
  assert.ok("json" in one && one.json.includes("0".repeat(32)), "what was written before it was asked is seen");

  const underWay = assert.rejects(reading.answering(tasks), { code: "unavailable" });
  await reading.stop();
  await underWay;
  assert.ok("json" in await reading.answering(tasks));
});
