// Other people's clients where people sign top-level targets: from the bootstrap on, through a change of delegations and
// another online key, and back to the online key.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { generateKeyPair, writePrivatePem } from "../../src/drivers/signer/file/generate.ts";
import type { Key, Root } from "../../src/tuf/documents.ts";
import { keyFileName } from "../../src/tuf/keys.ts";
import { createHolder, rootOf, signedBy, type Holder, type RootPlan } from "../fakes/root-holders.ts";
import { Watched } from "./watched.ts";

const YEAR_MS = 365 * 86_400_000;
const role = (name: string, paths: readonly string[]): object => ({ name, terminating: true, keyids: [], threshold: 1, paths, "x-rstuf-expire-policy": 7 });

describe("targets that people sign", async () => {
  const ends = new AsyncDisposableStack();
  const watched = await Watched.start(ends);
  const { service } = watched;
  after(() => ends.disposeAsync());
  const holder = createHolder();
  const people = [createHolder("ed25519"), createHolder("ecdsa"), createHolder("rsa")];
  let online = onlineOf(service.bootstrap.metadata.root.signed);
  const root = (version: number, more: Partial<RootPlan> = {}): Root =>
    rootOf({ version, holders: [holder], threshold: 1, online, expiresMs: Date.now() + YEAR_MS, targets: { holders: people, threshold: 2 }, ...more });

  /** Two of them sign what waits. */
  async function sign(...signers: readonly Holder[]): Promise<void> {
    for (const one of signers) {
      const answer = (await (await fetch(`${service.origin}/api/v1/metadata/sign`)).json()) as { data?: { metadata: { targets?: { signed: unknown } } } };
      const signed = answer.data?.metadata.targets?.signed;
      assert.ok(signed, "targets waits for signatures");
      await service.submit("/api/v1/metadata/sign", { role: "targets", signature: one.sign(signed) });
    }
  }

  test("two of three sign the first one", async () => {
    const first = signedBy(root(1), holder);
    await writeFile(service.root, JSON.stringify(first));
    const { settings } = service.bootstrap as unknown as { settings: object };
    const begun = await service.submit("/api/v1/bootstrap/", { settings: { ...settings, targets_online_key: false }, metadata: { root: first } });
    assert.match(String(begun["bootstrap"]), /^targets v\d+ is pending signature$/);
    await sign(people[0]!, people[2]!);
    await watched.add("a.txt", "one/b.txt");
  });
  watched.everybody("after the bootstrap", true);

  test("a role is delegated, and takes its artifact", async () => {
    const response = await fetch(`${service.origin}/api/v1/delegations/`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ delegations: { keys: {}, roles: [role("one", ["one/*"])] } }) });
    assert.equal(response.status, 202);
    const { data } = (await response.json()) as { data: { task_id: string } };
    await watched.add("meanwhile.txt");
    await sign(people[0]!, people[1]!);
    const task = (await (await fetch(`${service.origin}/api/v1/task/?task_id=${data.task_id}&wait=30`)).json()) as { data: { state: string } };
    assert.equal(task.data.state, "SUCCESS");
    await watched.add("one/c.txt");
  });
  watched.everybody("with a role");

  test("the online key changes; the bins and the role follow when targets is signed", async () => {
    const pair = generateKeyPair("ecdsa");
    await writePrivatePem(join(service.keyDir, keyFileName(pair.key)), pair.privatePem());
    online = { ...pair.key, "x-rstuf-online-key-uri": `fn:${keyFileName(pair.key)}` };
    await service.submit("/api/v1/metadata/", { metadata: { root: signedBy(root(2), holder) } });
    await watched.add("between.txt");
  });
  watched.everybody("with another key for snapshot");

  test("targets names it", async () => {
    await untilWaiting();
    await sign(people[1]!, people[2]!);
    await watched.add("after.txt", "one/d.txt");
  });
  watched.everybody("with another key for all");

  test("and goes back to the online key, signed once more by two", async () => {
    const update = service.submit("/api/v1/metadata/", { metadata: { root: signedBy(root(3, { targets: undefined as never }), holder) } });
    await untilWaiting();
    await sign(people[0]!, people[1]!);
    await update;
    await service.submit("/api/v1/delegations/", { delegations: { keys: {}, roles: [role("two", ["two/*"])] } });
    await watched.add("two/e.txt");
  });
  watched.everybody("online again");

  /** A change of online keys takes its settle times. */
  async function untilWaiting(): Promise<void> {
    for (;;) {
      const { data } = (await (await fetch(`${service.origin}/api/v1/signing-events?state=open`)).json()) as { data: readonly { role: string }[] };
      if (data.some((event) => event.role === "targets")) return;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
});

const onlineOf = ({ keys, roles }: Root): Key => keys[roles.timestamp.keyids[0]!]!;
