// Other people's clients through everything that changes what they trust: signers one after another,
// roots with keys of other kinds, another online key under load, delegations that come, change and go.
//
// Every stage is looked at by a fresh client of each kind, which starts from the first root, and by one
// that has been there in every stage before.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Root } from "../../src/tuf/documents.ts";
import { createHolder, rootOf, signedBy, type Holder, type SignedRoot } from "../fakes/root-holders.ts";
import { firstRoot, onlineKey, onlineOf, polled, YEAR_MS } from "./roots.ts";
import type { Service } from "./service.ts";
import { pending } from "./signing.ts";
import { CLIENTS, Watched } from "./watched.ts";

describe("roots and online keys change", async () => {
  const ends = new AsyncDisposableStack();
  const watched = await Watched.start(ends, { tickMs: 1_000 });
  const { service } = watched;
  let holders = Array.from({ length: 3 }, () => createHolder("ed25519"));
  let online = onlineOf(service.bootstrap.metadata.root.signed);
  let version = 1;
  after(() => ends.disposeAsync());

  test("three people sign the first root, one after another", async () => {
    const root = await firstRoot(watched, holders, 3);
    const [one, two, three] = holders as [Holder, Holder, Holder];
    assert.match(String((await service.submit("/api/v1/bootstrap/", { ...service.bootstrap, metadata: { root: signedBy(root, one) } }))["bootstrap"]), /is pending signature/);
    assert.deepEqual(await service.submit("/api/v1/metadata/sign", { role: "root", signature: two.sign(root) }), { bootstrap: "Root v1 is pending signatures" });
    assert.deepEqual(await service.submit("/api/v1/metadata/sign", { role: "root", signature: three.sign(root) }), { bootstrap: "Bootstrap Finished" });
    await watched.add("a.txt", "b/b.txt");
  });
  watched.everybody("after the bootstrap", true);

  const nextRoot = (next: readonly Holder[], key = online): SignedRoot => {
    version += 1;
    const root = rootOf({ version, holders: next, threshold: 2, online: key, expiresMs: Date.now() + YEAR_MS });
    return signedBy(root, ...new Set([...holders, ...next]));
  };

  for (const type of ["ecdsa", "rsa", "ed25519"] as const) {
    test(`root goes over to ${type} keys, the last of them signing by itself`, async () => {
      const next = Array.from({ length: 2 }, () => createHolder(type));
      const { signatures, signed } = nextRoot(next);
      const pending = await service.submit("/api/v1/metadata/", { metadata: { root: { signatures: signatures.slice(0, -1), signed } } });
      assert.match(String(pending["update"]), /is pending signatures/);
      assert.deepEqual(await service.submit("/api/v1/metadata/sign", { role: "root", signature: signatures.at(-1) }), { update: "Metadata update finished" });
      holders = next;
      await watched.add(`after/${type}.txt`);
    });
    watched.everybody(`after the change to ${type}`);
  }

  for (const type of ["ecdsa", "rsa"] as const) {
    test(`the online key changes to ${type} while artifacts come and every client polls`, async () => {
      online = await onlineKey(service, type);
      let done = false;
      const load = async (): Promise<void> => {
        for (let at = 0; !done || at < 3; at++) await watched.add(`load/${type}/${String(at)}`);
      };
      const changes = polled(watched, () => service.submit("/api/v1/metadata/", { metadata: { root: nextRoot(holders) } })).finally(() => { done = true; });
      const [{ answer, looks }] = await Promise.all([changes, load()]);
      assert.deepEqual(answer, { role: "root" });
      assert.ok(looks >= 2 * CLIENTS.length);
      // The second settle time, and the bins after it.
      while (await rotating(service)) await Promise.all(CLIENTS.flatMap((client) => [watched.glance(client, "fresh"), watched.glance(client, "returning")]));
    });
    watched.everybody(`after the change of the online key to ${type}`);
  }

  test("a root that ends in ten days asks for its next version by itself, and two people sign that", async () => {
    version += 1;
    const short = rootOf({ version, holders, threshold: 2, online, expiresMs: Date.now() + YEAR_MS / 36.5 });
    await service.submit("/api/v1/metadata/", { metadata: { root: signedBy(short, ...holders) } });
    const next = (await pending(service, "root")) as Root;
    assert.equal(next.version, version + 1);
    assert.ok(Date.parse(next.expires) > Date.parse(short.expires));
    const told: unknown[] = [];
    for (const holder of holders) told.push(await service.submit("/api/v1/metadata/sign", { role: "root", signature: holder.sign(next) }));
    assert.deepEqual(told, [{ update: `Root v${String(next.version)} is pending signatures` }, { update: "Metadata update finished" }]);
    await watched.add("after/renewal.txt");
  });
  watched.everybody("after root's own next version");
});

/** Whether targets still delegates to more than one key, or the first change of it is to come. */
async function rotating({ origin }: Service): Promise<boolean> {
  const { data } = (await (await fetch(`${origin}/api/v1/config/`)).json()) as { data: { online_key: { keyid: string }; trusted_targets: { signatures: { keyid: string }[]; signed: { delegations: { keys: object } } } } };
  const keyids = [...Object.keys(data.trusted_targets.signed.delegations.keys), ...data.trusted_targets.signatures.map(({ keyid }) => keyid)];
  return keyids.some((keyid) => keyid !== data.online_key.keyid);
}

describe("delegations come, change and go", async () => {
  const ends = new AsyncDisposableStack();
  const watched = await Watched.start(ends);
  const { service, expected } = watched;
  after(() => ends.disposeAsync());
  const role = (name: string, ...paths: readonly string[]): object => ({ name, terminating: true, keyids: [], threshold: 1, paths, "x-rstuf-expire-policy": 7 });

  before(async () => {
    const holder = createHolder();
    const root = await firstRoot(watched, [holder], 1);
    const { roles } = service.bootstrap.settings as { roles: object };
    const settings = { roles: { ...roles, bins: null, delegations: { keys: {}, roles: [role("docs", "docs/*"), role("My_Apps", "apps/*", "apps/*/*")] } } };
    await service.submit("/api/v1/bootstrap/", { settings, metadata: { root: signedBy(root, holder) } });
  });

  test("artifacts of both roles are published", () => watched.add("docs/a", "apps/x/y"));
  watched.everybody("after the bootstrap", true);

  test("a role is added", async () => {
    await service.submit("/api/v1/delegations/", { delegations: { keys: {}, roles: [role("more", "more/*")] } });
    await watched.add("more/m", "docs/b");
  });
  watched.everybody("after the addition");

  test("a role takes other paths, and its artifacts go to who takes them now", async () => {
    await service.submit("/api/v1/delegations/", { delegations: { keys: {}, roles: [role("docs", "manual/*"), role("more", "more/*", "docs/*")] } }, "PUT");
    await watched.add("manual/c");
  });
  watched.everybody("after the update");

  test("a role is deleted, with what nobody else takes", async () => {
    await service.submit("/api/v1/delegations/delete", { delegations: { roles: [{ name: "more" }] } });
    for (const path of ["more/m", "docs/a", "docs/b"]) expected.set(path, { state: "not-found" });
  });
  watched.everybody("after the deletion");

  test("the name is used again", async () => {
    await service.submit("/api/v1/delegations/", { delegations: { keys: {}, roles: [role("more", "docs/*", "more/*")] } });
    await watched.add("docs/b", "more/n");
  });
  watched.everybody("after its return");
});
