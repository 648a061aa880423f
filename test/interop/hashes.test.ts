// Which client verifies an artifact by which hash alone. Every algorithm here passes the door;
// sha256 or sha512 is what all of them know, and a hash that a client does not know costs it
// that one artifact and no other.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { join } from "node:path";
import { HASH_ALGORITHMS, hashHex, type HashAlgorithm } from "../../src/tuf/crypto.ts";
import { GO_TUF, PYTHON_TUF, TUF_JS, visit, type Client } from "./clients.ts";
import { startService, type Service } from "./service.ts";
import { startWebServer, type WebServer } from "./web-server.ts";

const ALGORITHMS = [...HASH_ALGORITHMS.keys()] as HashAlgorithm[];

/** As of the pinned versions: when a newer one knows more, this fails and tells. */
const KNOWS: readonly { readonly client: Client; readonly knows: (algorithm: HashAlgorithm) => boolean }[] = [
  { client: PYTHON_TUF, knows: () => true },
  { client: GO_TUF, knows: (algorithm) => algorithm === "sha256" || algorithm === "sha512" },
  // Node's names: with a dash, and blake2 at its full length only.
  { client: TUF_JS, knows: (algorithm) => !algorithm.includes("_") && !["blake2b", "blake2b-256", "blake2s"].includes(algorithm) },
];

let service: Service;
let web: WebServer;
const ends = new AsyncDisposableStack();
before(async () => {
  service = ends.use(await startService({ online: "ed25519", root: ["ed25519"], bins: 2 }));
  web = ends.use(await startWebServer(service.metadataFolder));
});
after(() => ends.disposeAsync());

test("artifacts with one hash each, of every algorithm, are published", async () => {
  const artifacts = ALGORITHMS.map((algorithm) => {
    const { path, info } = web.put(algorithm, algorithm);
    return { path, info: { length: info.length, hashes: { [algorithm]: hashHex(algorithm, Buffer.from(algorithm)) } } };
  });
  await service.submit("/api/v1/artifacts/", { artifacts });
});

for (const { client, knows } of KNOWS) {
  test(`${client.name} fetches those whose hash it knows: ${ALGORITHMS.filter(knows).join(", ")}`, async () => {
    const at = { metadata: service.metadata, artifacts: web.artifacts, root: service.root, cache: join(service.folder, client.name), plainNames: true };
    const { error, targets } = await visit(client, at, ALGORITHMS);
    assert.equal(error, undefined);
    const states = Object.fromEntries(ALGORITHMS.map((algorithm) => [algorithm, targets[algorithm]?.state]));
    assert.deepEqual(states, Object.fromEntries(ALGORITHMS.map((algorithm) => [algorithm, knows(algorithm) ? "downloaded" : "refused"])));
  });
}
