import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { createWorld, person, type World } from "../../test/delegations/world.ts";
import type { OpenChange, SigningEvent, TaskRow } from "../ports/database.ts";
import { filesOfStorage } from "./files.ts";
import { fsck, type DatabaseView, type Fault } from "./fsck.ts";

const [ANN, BOB] = [person(), person()];

/** `prod` is signed by two, and carries `prod/a` in a new version that waits for them; `prod/b` waits behind it. */
async function signing(): Promise<World> {
  const world = await createWorld();
  const keys = { [ANN.keyid]: ANN.key, [BOB.keyid]: BOB.key };
  await world.bootstrap([{ name: "prod", paths: ["prod/*"], days: 60, keyids: [ANN.keyid, BOB.keyid], threshold: 2 }, { name: "default", paths: ["*"] }], keys);
  for (const one of [ANN, BOB]) {
    const { metadata = {} } = (await world.request("GET", "/api/v1/metadata/sign")).body.data ?? {};
    await world.ended("POST", "/api/v1/metadata/sign", { role: "prod", signature: { keyid: one.keyid, sig: one.sign(metadata["prod"]!.signed as never) } });
  }
  for (const path of ["prod/a", "prod/b"]) {
    await world.request("POST", "/api/v1/artifacts/", { artifacts: [{ path, info: { length: 1, hashes: { sha256: "ab".repeat(32) } } }] });
    await world.stage.settle();
  }
  return world;
}

/** What is found when the database answers so. */
async function found(world: World, answers: Partial<DatabaseView> = {}): Promise<readonly Fault[]> {
  const { database, storage, root, clock } = world.stage;
  const view = new Proxy(database, {
    get: (real, name) => (Reflect.get(answers, name) as unknown) ?? (Reflect.get(real, name) as (...args: unknown[]) => unknown).bind(real),
  });
  return (await fsck({ files: filesOfStorage(storage), root, database: view, now: clock.now() })).faults;
}

const kinds = (faults: readonly Fault[]): readonly string[] => [...new Set(faults.map(({ rule, code }) => `${rule} ${code}`))].sort();

describe("fsck on what people sign", () => {
  let world: World;
  before(async () => {
    world = await signing();
  });

  test("finds nothing wrong while a version waits for them, and changes wait behind it", async () => {
    assert.deepEqual(await found(world), []);
  });

  type Bend = (event: SigningEvent) => SigningEvent | readonly SigningEvent[];
  const events = (bend: Bend) => (world: World): Partial<DatabaseView> => ({ signingEvents: async () => (await world.stage.database.signingEvents()).flatMap(bend) });
  const ended: TaskRow["result"] = { state: "SUCCESS", message: "", lastUpdateMs: 0 };
  const damages: readonly { readonly name: string; readonly answers: (world: World) => Partial<DatabaseView>; readonly finds: readonly string[] }[] = [
    { name: "what they signed last, when the database keeps other bytes", finds: ["46 row"], answers: ({ stage }) => ({ envelope: async (role, version) => (role === "prod" ? { version: 1, bytes: Buffer.from("{}") } : stage.database.envelope(role, version)) }) },
    { name: "what they signed last, when the database keeps nothing", finds: ["46 row"], answers: ({ stage }) => ({ envelope: async (role, version) => (role === "prod" ? undefined : stage.database.envelope(role, version)) }) },
    { name: "a task that ended before what it waits for was signed", finds: ["49 task"], answers: ({ stage }) => ({ getTask: async (id) => { const row = await stage.database.getTask(id); return row && { ...row, result: ended }; } }) },
    { name: "changes whose tasks are unknown", finds: ["49 task"], answers: () => ({ getTask: async () => undefined }) },
    { name: "a document that does not say what it carries", finds: ["49 event"], answers: ({ stage }) => ({ eventChanges: async (event) => (await stage.database.eventChanges(event)).map((change): OpenChange => ({ ...change, fragment: "{}" })) }) },
    { name: "a document that lists what it should remove", finds: ["49 event"], answers: ({ stage }) => ({ eventChanges: async (event) => (await stage.database.eventChanges(event)).map((change): OpenChange => ({ ...change, kind: "remove" })) }) },
    { name: "a version above the counter", finds: ["46 counter"], answers: ({ stage }) => ({ signingEvents: async () => { const { counter } = await stage.database.publisher(); return (await stage.database.signingEvents()).map((event) => ({ ...event, version: counter + 1, document: Buffer.from(event.document.toString().replace(`"version":${event.version}`, `"version":${counter + 1}`)) })); } }) },
    { name: "a document of another version", finds: ["50 event"], answers: events((event) => ({ ...event, version: event.version - 1 })) },
    { name: "a document that cannot be read", finds: ["50 event"], answers: events((event) => ({ ...event, document: Buffer.from("{}") })) },
    { name: "frozen bytes with too few signatures", finds: ["50 event"], answers: events((event) => ({ ...event, state: "frozen", frozen: event.document })) },
    { name: "a frozen event without its bytes", finds: ["50 event"], answers: events((event) => ({ ...event, state: "frozen" })) },
    { name: "frozen bytes that nobody was given to sign", finds: ["50 event"], answers: events((event) => ({ ...event, state: "frozen", frozen: Buffer.from(event.document.toString().replace('"length":1', '"length":2')) })) },
    { name: "two open events of one role", finds: ["50 event"], answers: events((event) => [event, { ...event, id: "f".repeat(32) }]) },
  ];
  for (const { name, answers, finds } of damages) {
    test(`finds ${name}`, async () => {
      assert.deepEqual(kinds(await found(world, answers(world))), finds);
    });
  }

  test("finds a frozen event whose version is published", async () => {
    const [event] = await world.stage.database.signingEvents();
    const { version } = (await world.stage.database.role("prod"))!;
    const bytes = world.stage.storage.peek(`${version}.prod.json`)!;
    const faults = await found(world, { signingEvents: async () => [{ ...event!, version, state: "frozen", document: bytes, frozen: bytes }], eventChanges: async () => [] });
    assert.deepEqual(kinds(faults), ["50 event"]);
    assert.match(faults[0]!.message, /is published/);
  });
});
