// Other people's clients while the online key changes beside roles that people sign: one signed by the online key and
// people together, which keeps the old key until they have signed, and one signed by people alone.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Key } from "../../src/tuf/documents.ts";
import { keyidOf } from "../../src/tuf/keys.ts";
import { createHolder, rootOf, signedBy, type Holder } from "../fakes/root-holders.ts";
import { firstRoot, onlineKey, onlineOf, polled, YEAR_MS } from "./roots.ts";
import { pending } from "./signing.ts";
import { Watched } from "./watched.ts";

describe("the online key changes beside a mixed role and an offline one", async () => {
  const ends = new AsyncDisposableStack();
  const watched = await Watched.start(ends);
  const { service } = watched;
  after(() => ends.disposeAsync());

  const holder = createHolder();
  const [ann, bob] = [createHolder("ecdsa"), createHolder("ed25519")];
  const old = onlineOf(service.bootstrap.metadata.root.signed);
  let next: Key;
  const role = (name: string, keyids: readonly string[], threshold: number, ...paths: readonly string[]): object => ({ name, terminating: true, keyids, threshold, paths, "x-rstuf-expire-policy": 60 });

  async function sign(name: string, ...signers: readonly Holder[]): Promise<void> {
    for (const signer of signers) await service.submit("/api/v1/metadata/sign", { role: name, signature: signer.sign(await pending(service, name)) });
  }

  before(async () => {
    const root = await firstRoot(watched, [holder], 1);
    const { roles } = service.bootstrap.settings as { roles: object };
    const keys = { [keyidOf(old)]: old, [ann.keyid]: ann.key, [bob.keyid]: bob.key };
    const delegations = { keys, roles: [role("mixed", [keyidOf(old), ann.keyid, bob.keyid], 2, "mixed/*"), role("offline", [ann.keyid, bob.keyid], 2, "offline/*"), role("default", [], 1, "*", "*/*")] };
    await service.submit("/api/v1/bootstrap/", { settings: { roles: { ...roles, bins: null, delegations } }, metadata: { root: signedBy(root, holder) } });
    await sign("mixed", ann);
    await sign("offline", ann, bob);
    await watched.add("a");
    for (const path of ["mixed/one", "offline/one"]) await watched.begin(path);
    await sign("mixed", bob);
    await sign("offline", bob, ann);
    for (const path of ["mixed/one", "offline/one"]) watched.ended(path);
  });
  watched.everybody("before", true);

  test("the key changes while every client polls", async () => {
    next = await onlineKey(service, "ecdsa");
    const root = rootOf({ version: 2, holders: [holder], threshold: 1, online: next, expiresMs: Date.now() + YEAR_MS });
    const { answer, looks } = await polled(watched, () => service.submit("/api/v1/metadata/", { metadata: { root: signedBy(root, holder) } }));
    assert.deepEqual(answer, { role: "root" });
    assert.ok(looks > 0);
    // The second settle time, and what follows it.
    await polled(watched, () => pending(service, "mixed"));
  });
  watched.everybody("with the new key, while the mixed role keeps the old one");

  test("an artifact of the offline role is signed as ever, one of the mixed role waits", async () => {
    await watched.begin("offline/two");
    await sign("offline", ann, bob);
    watched.ended("offline/two");
    await watched.begin("mixed/two");
  });
  watched.everybody("while it waits");

  test("people sign the new key into the mixed role, and then the artifact", async () => {
    await polled(watched, async () => {
      await sign("mixed", ann);
    });
    await sign("mixed", bob);
    watched.ended("mixed/two");
    await watched.add("b");
  });
  watched.everybody("with the new key in every role");
});
