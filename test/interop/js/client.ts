// tuf-js as a program: refreshes, looks up and downloads, and prints what came of it.
//
//   client.ts --metadata URL --artifacts URL --root FILE --cache DIR [--plain-names] PATH...
//
// The report (one JSON object on stdout) is the one that all client programs here print; see
// clients.ts. A cache that holds a trusted root already is used as it is: a returning client.

import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Updater } from "tuf-js";
import type { ClientReport, Fate } from "../clients.ts";

const text = { type: "string", default: "" } as const;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { metadata: text, artifacts: text, root: text, cache: text, "plain-names": { type: "boolean", default: false } },
});
// A hash that it does not know is refused before the file that it opened for that is open, and by then the file is removed:
// whoever is slow meets an error that nobody listens for (tuf-js 6.0.2).
process.on("uncaughtException", (error: NodeJS.ErrnoException) => {
  if (error.code !== "ENOENT" || !error.path?.endsWith("/tempfile")) throw error;
});
process.stdout.write(JSON.stringify(await run()));

async function run(): Promise<ClientReport> {
  const metadataDir = join(values.cache, "metadata");
  const targetDir = join(values.cache, "downloads");
  for (const folder of [metadataDir, targetDir]) mkdirSync(folder, { recursive: true });
  const root = join(metadataDir, "root.json");
  const returning = existsSync(root);
  if (!returning) copyFileSync(values.root, root);
  const versions: Record<string, number> = {};
  const targets: Record<string, Fate> = {};
  try {
    const updater = new Updater({
      metadataDir,
      metadataBaseUrl: values.metadata,
      targetDir,
      targetBaseUrl: values.artifacts,
      config: { prefixTargetsWithHash: !values["plain-names"] },
    });
    await updater.refresh();
    for (const role of ["root", "timestamp", "snapshot", "targets"]) {
      const envelope = JSON.parse(readFileSync(join(metadataDir, `${role}.json`), "utf8")) as { readonly signed: { readonly version: number } };
      versions[role] = envelope.signed.version;
    }
    for (const path of positionals) targets[path] = await fetch(updater, path);
  } catch (error) {
    return { returning, versions, targets, error: String(error) };
  }
  return { returning, versions, targets };
}

async function fetch(updater: Updater, path: string): Promise<Fate> {
  try {
    const target = await updater.getTargetInfo(path);
    if (target === undefined) return { state: "not-found" };
    const content = readFileSync(await updater.downloadTarget(target));
    return { state: "downloaded", sha256: createHash("sha256").update(content).digest("hex") };
  } catch (error) {
    return { state: "refused", reason: String(error) };
  }
}
