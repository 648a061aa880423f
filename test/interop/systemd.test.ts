// deploy/systemd/rstuf.service: no systemd runs here, so its command is run as it stands, in its environment, on folders of ours.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startProgram } from "../demo/running-service.ts";

const PROGRAM = "/usr/bin/node /opt/rstuf/bin/rstuf.js ";

const folder = mkdtempSync(join(tmpdir(), "rstuf-systemd-"));
after(() => { rmSync(folder, { recursive: true, force: true }); });

test("its command starts a service, in the folders it is given, that ends in order", async () => {
  const unit = readFileSync(join(import.meta.dirname, "../../deploy/systemd/rstuf.service"), "utf8");
  const here = (text: string): string => text.replaceAll("/etc/rstuf", join(folder, "etc")).replaceAll("/var/lib/rstuf", join(folder, "lib"));
  const all = (name: string): string[] => [...unit.matchAll(new RegExp(`^${name}=(.*)$`, "gm"))].map(([, value = ""]) => here(value));
  const [command = ""] = all("ExecStart");
  assert.ok(command.startsWith(PROGRAM), command);
  for (const name of ["etc", "lib"]) mkdirSync(join(folder, name));
  writeFileSync(join(folder, "etc", "rstuf.yaml"), "server:\n  port: 0\n");
  const environment = Object.fromEntries(all("Environment").map((line) => line.split("=", 2) as [string, string]));
  const service = await startProgram(command.slice(PROGRAM.length).split(" "), environment);
  assert.equal((await fetch(`${service.origin}/readyz`)).status, 200);
  assert.ok(readFileSync(join(folder, "lib", "rstuf.db")).length > 0);
  assert.equal(await service.stop("SIGTERM"), 0);
});
