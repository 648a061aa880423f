// The shell that flushes: what it answers, and that nothing of it stays.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { Flusher } from "./flush.ts";

const NOWHERE = "/nonexistent/folder";

/** The shells of this process, by what they were started with. */
const shells = (): readonly number[] => readdirSync("/proc").filter((pid) => /^\d+$/.test(pid)).filter((pid) => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("while IFS= read -r directory") && new RegExp(`^PPid:\\s+${String(process.pid)}$`, "m").test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}).map(Number);

test("answers come in the order of the questions, a failure to whom it belongs", async () => {
  const flusher = new Flusher();
  const answers = await Promise.allSettled([tmpdir(), NOWHERE, tmpdir(), "/a\nb"].map((directory) => flusher.flush(directory)));
  assert.deepEqual(answers.map((answer) => (answer.status === "fulfilled" ? answer.value : "failed")), ["flushed", "failed", "flushed", "unsupported"]);
  await flusher.flush("/tmp; exit 0").then(() => assert.fail("a folder is no command"), () => undefined);
});

test("a shell that somebody ends has flushed nothing; the next to ask has a new one", async () => {
  const flusher = new Flusher();
  const before = shells();
  await flusher.flush(tmpdir());
  const [own = 0] = shells().filter((pid) => !before.includes(pid));
  const asked = Array.from({ length: 50 }, () => flusher.flush(tmpdir()));
  process.kill(own, "SIGKILL");
  assert.ok((await Promise.all(asked)).includes("unsupported"));
  assert.equal(await flusher.flush(tmpdir()), "flushed");
});

test("without coreutils it is not supported, and an idle shell keeps no process alive", () => {
  const script = `
    const { Flusher } = await import(${JSON.stringify(new URL("./flush.ts", import.meta.url).href)});
    process.stdout.write(await new Flusher().flush(${JSON.stringify(tmpdir())}));`;
  const said = (env: NodeJS.ProcessEnv): string => execFileSync(process.execPath, ["--input-type=module", "-e", script], { env, encoding: "utf8", timeout: 60_000 });
  assert.equal(said({ ...process.env, PATH: "/nonexistent" }), "unsupported");
  assert.equal(said(process.env), "flushed");
});
