// Paths and custom members at the edge of what is accepted: whatever passes the door, every
// client reads, and what one client would read differently is set aside alone.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { join } from "node:path";
import { GO_TUF, PYTHON_TUF, TUF_JS, visit, type Fate } from "./clients.ts";
import { startService, type Service } from "./service.ts";
import { startWebServer, type WebServer } from "./web-server.ts";

const PATHS = [
  "10", "9", "01", "-1", "null", "a/toString", "a//b", "...", "dir/...", ".hidden", "'quote\"s'", "a*b", "[x]{y}", "$(x)`y`", "a^b", "!a", "<a>|b",
  "no\u00a0break", "line\u2028separator", "zero\u200djoiner", "bom\ufeff", "n/\u{1f600}", "n/\u{10ffff}", `long/${"n".repeat(150)}`,
];
const CUSTOMS: readonly object[] = [
  {},
  { text: "line\nbreak\ttab\u0001\u007f \"quoted\" back\\slash \u2028\u2029" },
  { numbers: [9007199254740991, -9007199254740991, 0], booleans: [true, false] },
  { 10: "ten", 9: "nine", "": "empty", toString: "a word", "line\nbreak": 1 },
  { nested: { lists: [[[{ empty: [] }]]] }, "\u{1f600}": "\u{10ffff}" },
];

let service: Service;
let web: WebServer;
const ends = new AsyncDisposableStack();
const expected = new Map<string, Fate>();
before(async () => {
  service = ends.use(await startService({ online: "ed25519", root: ["ed25519"], bins: 2 }));
  web = ends.use(await startWebServer(service.metadataFolder));
});
after(() => ends.disposeAsync());

test("odd but legal paths and custom members are published", async () => {
  const artifacts = [...PATHS, ...CUSTOMS.map((_, at) => `custom/${String(at)}`)].map((path, at) => {
    const custom = CUSTOMS[at - PATHS.length];
    return web.put(path, `content of ${path}`, custom === undefined ? {} : { custom });
  });
  await service.add(artifacts);
  for (const { path, info } of artifacts) expected.set(path, { state: "downloaded", sha256: info.hashes.sha256 });
});

test("of paths that clients sort differently, the later one is set aside and harms nobody", async () => {
  // U+FF5E comes before U+1F600 in UTF-8 and after it in UTF-16. Of many such names some meet in one bin.
  const names = Array.from({ length: 2 }, (_, at) => `n/\uff5e${String(at)}`);
  let aside = 0;
  for (const path of names) {
    const artifact = web.put(path, path);
    const ended = await service.add([artifact]).then(() => true, () => false);
    expected.set(path, ended ? { state: "downloaded", sha256: artifact.info.hashes.sha256 } : { state: "not-found" });
    aside += ended ? 0 : 1;
  }
  assert.ok(aside > 0, "one was set aside");
});

for (const client of [PYTHON_TUF, GO_TUF, TUF_JS]) {
  test(`${client.name} fetches every one of them`, async () => {
    const at = { metadata: service.metadata, artifacts: web.artifacts, root: service.root, cache: join(service.folder, client.name) };
    const { error, targets } = await visit(client, at, [...expected.keys()]);
    assert.deepEqual({ error, targets }, { error: undefined, targets: Object.fromEntries(expected) });
  });
}
