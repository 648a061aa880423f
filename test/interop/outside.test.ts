// Other people's clients and a role that its team signs elsewhere: its first document, the next one, other
// keys, beside bins that change their number and keys of their own.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { generateKeyPair, writePrivatePem } from "../../src/drivers/signer/file/generate.ts";
import type { Json, Key, Signature } from "../../src/tuf/documents.ts";
import { keyFileName, keyidOf } from "../../src/tuf/keys.ts";
import { createHolder, type Holder } from "../fakes/root-holders.ts";
import { Watched } from "./watched.ts";

const DAY_MS = 86_400_000;

describe("a team signs its role elsewhere", async () => {
  const ends = new AsyncDisposableStack();
  const watched = await Watched.start(ends);
  const { service } = watched;
  const [ann, bob, cem] = [createHolder("ed25519"), createHolder("ecdsa"), createHolder("rsa")] as [Holder, Holder, Holder];
  const keys = Object.fromEntries([ann, bob, cem].map(({ keyid, key }) => [keyid, key]));
  after(() => ends.disposeAsync());
  before(() => service.submit("/api/v1/bootstrap/", service.bootstrap));

  const team = (holders: readonly Holder[]): object => ({
    delegations: { keys, roles: [{ name: "team", terminating: true, keyids: holders.map(({ keyid }) => keyid), threshold: 2, paths: ["team/*"], signing: "outside" }] },
  });
  const upload = async (version: number, paths: readonly string[], ...holders: readonly Holder[]): Promise<void> => {
    const targets = Object.fromEntries(watched.serve(...paths).map(({ path, info }) => [path, { length: info.length, hashes: info.hashes }]));
    const expires = `${new Date(Date.now() + 30 * DAY_MS).toISOString().slice(0, 19)}Z`;
    const signed = { _type: "targets", spec_version: "1.0.31", version, expires, targets } as unknown as Json;
    const document = { signatures: holders.map((one): Signature => one.sign(signed as never)), signed };
    await service.submit("/api/v1/delegations/team/metadata", document, "PUT");
    assert.deepEqual(JSON.parse(await readFile(join(service.metadataFolder, `${String(version)}.team.json`), "utf8")), document);
  };

  test("artifacts lie in the bins", () => watched.add("a", "b/c"));
  watched.everybody("before", true);

  test("its first document, in a repository that had bins alone", async () => {
    await service.submit("/api/v1/delegations/", team([ann, bob]));
    await upload(1, ["team/1", "team/gr\u00f6\u00dfe"], ann, bob);
  });
  watched.everybody("with its first document");

  test("the next one, and other artifacts meanwhile", async () => {
    await upload(20_261_126, ["team/1", "team/2"], bob, ann);
    watched.expected.set("team/gr\u00f6\u00dfe", { state: "not-found" });
    await watched.add("d");
  });
  watched.everybody("with the next one");

  test("other keys, with a document that they sign", async () => {
    await service.submit("/api/v1/delegations/", team([bob, cem]), "PUT");
    await upload(20_261_127, ["team/1", "team/2", "team/3"], bob, cem);
  });
  watched.everybody("under other keys");

  test("more bins, then fewer", async () => {
    assert.equal((await service.submit("/api/v1/delegations/bins", { number_of_delegated_bins: 64 }, "PUT"))["number_of_delegated_bins"], 64);
    await watched.add("e");
  });
  watched.everybody("with 64 bins instead of 16");

  test("a key of their own for the bins, and another for a role", async () => {
    const online = async (): Promise<readonly [string, Key]> => {
      const pair = generateKeyPair("ed25519");
      const key: Key = { ...pair.key, "x-rstuf-online-key-uri": `fn:${keyFileName(pair.key)}` };
      await writePrivatePem(join(service.keyDir, keyFileName(pair.key)), pair.privatePem());
      return [keyidOf(key), key];
    };
    const [binsKey, roleKey] = [await online(), await online()];
    await service.submit("/api/v1/delegations/bins", { number_of_delegated_bins: 8, keyids: [binsKey[0]], keys: Object.fromEntries([binsKey]) }, "PUT");
    await service.submit("/api/v1/delegations/", { delegations: { keys: Object.fromEntries([roleKey]), roles: [{ name: "docs", terminating: true, keyids: [roleKey[0]], threshold: 1, paths: ["docs/*"] }] } });
    await watched.add("docs/1", "f");
  });
  watched.everybody("with a key for the bins and one for a role");
});
