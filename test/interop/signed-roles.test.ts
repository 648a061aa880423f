// Other people's clients and roles that people sign: two of three sign what is added, changed, deleted and
// named again. Nothing of such a role is seen before they have.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Key } from "../../src/tuf/documents.ts";
import { createHolder, type Holder } from "../fakes/root-holders.ts";
import { pending } from "./signing.ts";
import { Watched } from "./watched.ts";

/** Every client, fresh and returning, at each stage. */
describe("roles that people sign come, change and go", async () => {
  const ends = new AsyncDisposableStack();
  const watched = await Watched.start(ends);
  const { service } = watched;
  after(() => ends.disposeAsync());

  const people = (["ed25519", "ecdsa", "rsa"] as const).map((type) => createHolder(type));
  const [ann, bob, cem] = people as [Holder, Holder, Holder];
  let keys: Readonly<Record<string, Key>> = Object.fromEntries(people.map(({ keyid, key }) => [keyid, key]));
  const role = (name: string, signers: readonly string[], threshold: number, ...paths: readonly string[]): object =>
    ({ name, terminating: true, keyids: signers, threshold, paths, "x-rstuf-expire-policy": 60 });
  const prod = (...paths: readonly string[]): object => role("Prod", people.map(({ keyid }) => keyid), 2, ...paths);

  /** Those people sign what waits for `name`; what each was told. */
  async function sign(name: string, ...signers: readonly Holder[]): Promise<readonly unknown[]> {
    const said: unknown[] = [];
    for (const holder of signers) {
      said.push((await service.submit("/api/v1/metadata/sign", { role: name, signature: holder.sign(await pending(service, name)) }))["update"]);
    }
    return said;
  }

  before(async () => {
    const { roles } = service.bootstrap.settings as { roles: object };
    const delegations = { keys, roles: [prod("prod/*"), role("default", [], 1, "*", "*/*")] };
    await service.submit("/api/v1/bootstrap/", { settings: { roles: { ...roles, bins: null, delegations } }, metadata: service.bootstrap.metadata });
  });

  test("the repository begins without it", () => watched.add("a", "x/b"));
  watched.everybody("before anybody signed", true);

  test("two of three sign it into being", async () => {
    assert.match(String((await sign("Prod", ann))[0]), /^Prod v[0-9]+ is pending signatures$/);
    assert.deepEqual(await sign("Prod", cem), ["Role Prod signing complete"]);
  });
  watched.everybody("with its first envelope");

  test("an artifact of it waits", () => watched.begin("prod/one"));
  watched.everybody("while it waits");

  test("one signature is not enough", async () => {
    await sign("Prod", bob);
  });
  watched.everybody("after one signature");

  test("two are, and what came meanwhile waits for the next", async () => {
    await watched.begin("prod/two");
    await sign("Prod", ann);
    watched.ended("prod/one");
  });
  watched.everybody("after two signatures");

  test("it is signed as well", async () => {
    await sign("Prod", bob, cem);
    watched.ended("prod/two");
  });
  watched.everybody("after the next version");

  test("a role of the online key comes below it, and takes its artifacts once two have signed", async () => {
    await service.submit("/api/v1/delegations/", { delegations: { keys: {}, roles: [{ ...role("Prod_EU", [], 1, "prod/eu*", "prod/t*"), parent: "Prod" }] } });
    await watched.begin("prod/eu1");
    await sign("Prod", ann, cem);
    watched.ended("prod/eu1");
    await watched.add("prod/eu2");
  });
  watched.everybody("with a role below it");

  test("it goes again, and its artifacts go back", async () => {
    await service.submit("/api/v1/delegations/delete", { delegations: { roles: [{ name: "Prod_EU" }] } });
    await sign("Prod", bob, cem);
  });
  watched.everybody("without it");

  test("its keys change, beside the online key from now on", async () => {
    const { signed } = service.bootstrap.metadata.root;
    const [keyid = ""] = signed.roles.timestamp.keyids;
    keys = { ...keys, [keyid]: signed.keys[keyid]! };
    await service.submit("/api/v1/delegations/", { delegations: { keys, roles: [role("Prod", [keyid, ann.keyid, bob.keyid], 2, "prod/*")] } }, "PUT");
    await sign("Prod", bob);
    await watched.begin("prod/three");
    await sign("Prod", ann);
    watched.ended("prod/three");
  });
  watched.everybody("after the change of its keys");

  test("it is deleted, and its artifacts go to who takes them", async () => {
    await service.submit("/api/v1/delegations/delete", { delegations: { roles: [{ name: "Prod" }] } });
    await watched.add("prod/four");
  });
  watched.everybody("after the deletion");

  test("its name is used again, with other paths, and it is signed", async () => {
    await service.submit("/api/v1/delegations/", { delegations: { keys, roles: [prod("again/*/*")] } });
    await sign("Prod", cem, ann);
    await watched.begin("again/x/y");
    await sign("Prod", cem, bob);
    watched.ended("again/x/y");
  });
  watched.everybody("after its return");
});
