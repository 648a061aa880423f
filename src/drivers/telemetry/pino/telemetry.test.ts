import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, test } from "node:test";
import { StorageError } from "../../../ports/storage.ts";
import { createTelemetry } from "./telemetry.ts";
import type { PinoTelemetry, TelemetryOptions } from "./telemetry.ts";

function collect(options: Partial<TelemetryOptions> = {}): PinoTelemetry & { readonly lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  return { ...createTelemetry({ level: "info", processMetrics: false, destination, ...options }), lines };
}

describe("log", () => {
  test("writes one JSON object a line: level, time, fields, event", () => {
    const { log, lines } = collect({ base: { role: "worker" } });
    log.info({ batch: "b1", durationMs: 12 }, "published batch");
    const { time, ...rest } = lines[0]!;
    assert.deepEqual(rest, { level: "info", role: "worker", batch: "b1", durationMs: 12, event: "published batch" });
    assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  test("leaves out what is below its level", () => {
    const { log, lines } = collect({ level: "warn" });
    for (const level of ["debug", "info", "warn", "error"] as const) log[level]({}, level);
    assert.deepEqual(lines.map((line) => line["event"]), ["warn", "error"]);
  });

  test("prints errors with code, stack and cause", () => {
    const { log, lines } = collect();
    log.error({ error: new StorageError("unavailable", "cannot create", { cause: new Error("ENOSPC") }) }, "failed to put");
    const error = lines[0]!["error"] as Record<string, string>;
    assert.equal(error["code"], "unavailable");
    assert.match(error["message"]!, /^cannot create/);
    assert.match(error["stack"]!, /ENOSPC/);
  });

  test("never prints a member that is named like a secret", () => {
    const { log, lines } = collect();
    for (const name of ["password", "passphrase", "secret", "token", "authorization", "privateKey", "pem"]) {
      log.info({ [name]: "xyzzy", request: { [name]: "xyzzy" } }, "received");
    }
    assert.equal(lines.length, 7);
    assert.ok(!JSON.stringify(lines).includes("xyzzy"));
  });

  test("never throws, whatever the fields", () => {
    const { log, lines } = collect();
    const circle: Record<string, unknown> = {};
    circle["circle"] = circle;
    for (const value of [circle, 10n, Symbol("s"), () => 1, new Map(), undefined, NaN]) log.info({ value }, "tried");
    log.info({ get value() { throw new Error("no"); } }, "tried");
    const torn = createTelemetry({ level: "info", processMetrics: false, destination: { write: () => { throw new Error("full"); } } });
    torn.log.info({}, "tried");
    assert.ok(lines.length >= 6);
  });

  test("goes to stderr, and the last line before the end is there", () => {
    const script = `
      const { createTelemetry } = await import(${JSON.stringify(new URL("./telemetry.ts", import.meta.url).href)});
      const { log } = createTelemetry({ level: "info" });
      for (let n = 1; n <= 2000; n += 1) log.info({ n }, "counted");
      process.exit(0);`;
    const output = execFileSync("/bin/sh", ["-c", 'exec "$0" --input-type=module -e "$1" 2>&1 >/dev/null', process.execPath, script], { encoding: "utf8" });
    const lines = output.trim().split("\n");
    assert.equal(lines.length, 2000);
    assert.equal((JSON.parse(lines.at(-1)!) as { n: number }).n, 2000);
  });
});

describe("metrics", () => {
  async function samples(telemetry: PinoTelemetry): Promise<Record<string, number>> {
    const lines = (await telemetry.metricsText()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    return Object.fromEntries(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]));
  }

  test("every one is exposed under its name", async () => {
    const telemetry = collect();
    const { metrics } = telemetry;
    metrics.expirySeconds("root", 1_000);
    metrics.expirySeconds("timestamp", -5);
    metrics.backlog(3, 400);
    metrics.publishSeconds(0.3, 4, 10);
    metrics.publishSeconds(0.1, 2, 5);
    metrics.lastPublish(1_700_000_000);
    metrics.error("signer", "refused");
    metrics.error("signer", "refused");
    metrics.error("storage", "unavailable");
    metrics.leading(true);
    metrics.halted("foreign");
    metrics.setAside(2);
    const found = await samples(telemetry);
    const expected: Record<string, number> = {
      'rstuf_role_expiry_seconds{kind="root"}': 1_000,
      'rstuf_role_expiry_seconds{kind="timestamp"}': -5,
      rstuf_backlog_changes: 3,
      rstuf_backlog_bytes: 400,
      rstuf_publish_duration_seconds_count: 2,
      rstuf_publish_duration_seconds_sum: 0.4,
      'rstuf_publish_duration_seconds_bucket{le="0.1"}': 1,
      rstuf_published_roles_total: 6,
      rstuf_published_changes_total: 15,
      rstuf_last_publish_timestamp_seconds: 1_700_000_000,
      'rstuf_errors_total{source="signer",code="refused"}': 2,
      'rstuf_errors_total{source="storage",code="unavailable"}': 1,
      rstuf_publisher_leading: 1,
      'rstuf_publisher_halted{code="foreign"}': 1,
      rstuf_changes_set_aside_total: 2,
    };
    for (const [name, value] of Object.entries(expected)) assert.equal(found[name], value, name);
  });

  test("a halt that is over leaves no sample, and a new reason replaces the old", async () => {
    const telemetry = collect();
    telemetry.metrics.halted("foreign");
    telemetry.metrics.halted("clock");
    const during = Object.keys(await samples(telemetry)).filter((name) => name.startsWith("rstuf_publisher_halted"));
    assert.deepEqual(during, ['rstuf_publisher_halted{code="clock"}']);
    telemetry.metrics.halted(undefined);
    assert.ok(!Object.keys(await samples(telemetry)).some((name) => name.startsWith("rstuf_publisher_halted")));
  });

  test("the time to expiry runs down between two measurements", async () => {
    let now = 5_000;
    const telemetry = collect({ clock: { monotonic: () => now } });
    telemetry.metrics.expirySeconds("bins", 100);
    now += 30_000;
    assert.equal((await samples(telemetry))['rstuf_role_expiry_seconds{kind="bins"}'], 70);
  });

  test("never throws, and a value that is no number changes nothing", async () => {
    const telemetry = collect();
    telemetry.metrics.backlog("many" as unknown as number, 1);
    telemetry.metrics.setAside(-1);
    telemetry.metrics.publishSeconds(NaN, 1, 1);
    assert.equal((await samples(telemetry))["rstuf_changes_set_aside_total"], 0);
  });

  test("the process' own metrics are there, and two telemetries do not share a registry", async () => {
    const [one, two] = [createTelemetry({ level: "silent" }), createTelemetry({ level: "silent" })];
    one.metrics.setAside(1);
    assert.ok("process_resident_memory_bytes" in (await samples(one)));
    assert.equal((await samples(two))["rstuf_changes_set_aside_total"], 0);
    assert.match(one.metricsContentType, /^text\/plain/);
  });
});
