// A root that was published, and that the database lost: no timestamp tells of it (rule 15).

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { Client } from "../../src/main/client.ts";
import type { Storage } from "../../src/ports/storage.ts";
import { PublisherError } from "../../src/publisher/errors.ts";
import { publicKeyIdentity } from "../../src/tuf/keys.ts";
import { parseEnvelope } from "../../src/tuf/parse.ts";
import { withCalls, World } from "./world.ts";

let world: World;
let returning: Client;

/** What somebody submits, with so many of its signatures. */
async function submit(root: Buffer, signatures: "signed" | "unsigned" = "signed", compromised = false): Promise<string> {
  const { signed, signatures: all } = parseEnvelope(root, "root");
  const id = world.random.hex(16);
  await world.database.accept({
    task: { id, kind: "metadata_update", createdMs: world.clock.now(), request: {} }, changes: [], held: false, limits: { changes: 1e9, bytes: 1e12 },
    event: { start: {
      id: world.random.hex(16), role: "root", kind: "root", version: signed.version, document: root, task: id, startedMs: world.clock.now(), ...(compromised ? { note: { compromised } } : {}),
      signatures: signatures === "unsigned" ? [] : all.map(({ keyid, sig }) => ({ keyid, sig, identity: publicKeyIdentity(signed.keys[keyid]!) })),
    } },
  });
  return id;
}

/** The database as it was before `lost`, over storage as it is after. */
async function losing(lost: () => Promise<void>): Promise<void> {
  world.backUpDatabase("before.db");
  await lost();
  await returning.refresh();
  await world.close();
  world.restoreDatabase("before.db");
  await world.open();
}

const published = async (root: Buffer): Promise<void> => {
  await submit(root);
  await world.settle();
};
/** As validly signed as the one that was published. */
const another = (version: number): Buffer => world.rootOf(version, undefined, undefined, 4000);
const rootVersion = async (): Promise<number | undefined> => (await world.database.envelope("root"))?.version;

async function goesOn(version: number): Promise<void> {
  await world.add(["after"]);
  await world.settle();
  assert.deepEqual(await world.seen(returning, ["early", "after"]), ["early", "after"]);
  assert.deepEqual(await world.seen(await world.client(), ["early", "after"]), ["early", "after"]);
  assert.equal(await rootVersion(), version);
  assert.equal((await world.database.publisher()).halted, undefined);
  assert.deepEqual(await world.database.setting("trusted_root"), JSON.parse((await world.database.envelope("root"))!.bytes.toString()));
  await world.requireSound();
}

describe("a root that the database lost", () => {
  beforeEach(async () => {
    world = new World();
    await world.open();
    await world.bootstrap(2);
    await world.add(["early"]);
    await world.settle();
    returning = await world.client();
    await returning.refresh();
  });
  afterEach(() => world.remove());

  test("it is taken over, and the root submitted next follows it", async () => {
    await losing(() => published(world.rootOf(2)));
    await world.lead();
    assert.equal(await rootVersion(), 2);
    await published(world.rootOf(3));
    await goesOn(3);
  });

  test("several are taken over, in order", async () => {
    await losing(async () => {
      await published(world.rootOf(2));
      await published(world.rootOf(3));
    });
    await world.lead();
    await goesOn(3);
  });

  test("another one of its number, submitted before anybody noticed, is given up, and its signer is told why", async () => {
    await losing(() => published(world.rootOf(2)));
    const other = await submit(another(2));
    await world.lead();
    const { result } = await world.task(other);
    assert.equal(result?.state, "ERRORED");
    assert.match(result.error ?? "", /root version 2 is published/);
    assert.deepEqual(await world.database.signingEvents(), []);
    await goesOn(2);
  });

  test("one that waits for signatures here, and was published with them, is done", async () => {
    const root = world.rootOf(2);
    const task = await submit(root, "unsigned");
    await world.settle();
    await losing(async () => {
      const [event] = await world.database.signingEvents();
      const [signature] = parseEnvelope(root, "root").signatures;
      const identity = publicKeyIdentity(parseEnvelope(root, "root").signed.keys[signature!.keyid]!);
      await world.database.accept({
        task: { id: world.random.hex(16), kind: "sign_metadata", createdMs: world.clock.now(), request: {} }, changes: [], held: false, limits: { changes: 1e9, bytes: 1e12 },
        event: { sign: { event: event!.id, signature: { keyid: signature!.keyid, sig: signature!.sig, identity } } },
      });
      await world.settle();
    });
    await world.lead();
    assert.equal((await world.task(task)).result?.state, "SUCCESS");
    assert.deepEqual(await world.database.signingEvents(), []);
    await goesOn(2);
  });

  test("one of a recovery, shown before its timestamp was, is carried to its end", async () => {
    const next = world.signers.addEd25519("fn:next");
    world.backUpDatabase("before.db");
    await world.close();
    const dies = (storage: Storage): Storage => withCalls(storage, { replace: () => Promise.reject(new Error("killed")) });
    await world.open(dies);
    await world.lead();
    await submit(world.rootOf(2, undefined, next), "signed", true);
    await assert.rejects(world.settle(), /killed/);
    await assert.rejects(returning.refresh(), "clients fail closed between root and timestamp");
    await world.close();
    world.restoreDatabase("before.db");
    await world.open();
    await world.lead();
    await goesOn(2);
  });

  test("a publisher that leads on, on a database that lost it, never signs its number again", async () => {
    // As if the loss came now: the file is there, and this process has not looked.
    writeFileSync(join(world.metadata, "2.root.json"), world.rootOf(2));
    const other = await submit(another(2));
    await assert.rejects(world.settle(), /root version 2 lies in storage already/);
    await world.settle();
    assert.match((await world.task(other)).result?.error ?? "", /root version 2 is published/);
    await goesOn(2);
  });

  test("a file in its place that our root did not sign is foreign", async () => {
    writeFileSync(join(world.metadata, "2.root.json"), world.rootOf(2, generateKeyPairSync("ed25519").privateKey));
    await assert.rejects(world.lead(), (error) => error instanceof PublisherError && error.code === "foreign");
    assert.equal(await rootVersion(), 1);
  });
});
