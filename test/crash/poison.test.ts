// Changes that kill whoever presses them, signers that misbehave, more than can be taken.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DatabaseError, type TaskRow } from "../../src/ports/database.ts";
import { SignerError } from "../../src/ports/signer.ts";
import { never } from "../fakes/faults.ts";
import { Actor } from "./actor.ts";
import { emptyCache, visit } from "./clients.ts";
import { isSettled, publishAll, until } from "./at-rest.ts";
import { BOTH_BINS } from "./scenario.ts";
import { World, type WorldOptions } from "./world.ts";

async function repository(options: WorldOptions = {}): Promise<World> {
  const world = new World(options);
  await world.accept(world.bootstrap(2));
  await publishAll(world);
  return world;
}

async function taskOf(world: World, id: string): Promise<TaskRow> {
  const row = await world.inner.getTask(id);
  assert.ok(row);
  return row;
}

const published = (world: World): string[] => [...visit(world.storage, world.root, emptyCache(), world.clock.now())!.targets.keys()].sort();

/** Publishers that die whenever they sign a role that lists one of `poison`, each followed by another, until all is done. Answers how many died. */
async function surviving(world: World, poison: readonly string[]): Promise<number> {
  for (let deaths = 0; ; deaths++) {
    const actor = new Actor(world);
    actor.answer = async (signature, bytes) => {
      if (!poison.some((path) => Buffer.from(bytes).includes(`"${path}":{`))) return signature;
      actor.kill();
      return never();
    };
    actor.start();
    assert.ok(await until(world, async () => actor.dead || (await isSettled(world))), "neither dead nor done");
    if (!actor.dead) {
      await actor.stop();
      return deaths;
    }
    assert.ok(deaths < 40, "poison is not found");
    await world.clock.advance(15_001);
  }
}

describe("a change that kills the publisher", () => {
  test("is found and set aside, its task fails with the reason, and the rest is published", async () => {
    const world = await repository();
    const good = BOTH_BINS.map((path) => world.adds([path]));
    const bad = world.adds(["poison"]);
    for (const request of [...good.slice(0, 3), bad, ...good.slice(3)]) await world.accept(request);
    const deaths = await surviving(world, ["poison"]);
    assert.ok(deaths <= 2 + 3 + 3, `${String(deaths)} deaths for seven changes`);
    assert.deepEqual(published(world), BOTH_BINS);
    const { result } = await taskOf(world, bad.task.id);
    assert.equal(result?.state, "FAILURE");
    assert.match(result.message, /ended the process 3 times/);
    for (const request of good) assert.equal((await taskOf(world, request.task.id)).result?.state, "SUCCESS");
    await world.requireWhole();
  });

  test("is found within a request of many, whose others are published", async () => {
    const world = await repository();
    const paths = Array.from({ length: 40 }, (_, at) => `many/${String(at)}`);
    const request = world.adds([...paths, "poison"]);
    await world.accept(request);
    const deaths = await surviving(world, ["poison"]);
    assert.ok(deaths <= 2 + 6 + 3, `${String(deaths)} deaths`);
    assert.deepEqual(published(world), [...paths].sort());
    const { result } = await taskOf(world, request.task.id);
    assert.equal(result?.state, "FAILURE");
    assert.deepEqual(result.details?.["set_aside"], [{ path: "poison", reason: "publishing it ended the process 3 times" }]);
    await world.requireWhole();
  });

  test("does not hide another one", async () => {
    const world = await repository();
    const requests = [...BOTH_BINS, "poison", "venom"].map((path) => world.adds([path]));
    for (const request of requests) await world.accept(request);
    await surviving(world, ["poison", "venom"]);
    assert.deepEqual(published(world), BOTH_BINS);
    await world.requireWhole();
    assert.equal(world.model.setAside, 2);
  });

  test("does not hold up what comes later", async () => {
    const world = await repository();
    await world.accept(world.adds(["poison"]));
    const dies = async (): Promise<void> => {
      const actor = new Actor(world);
      actor.answer = async (signature, bytes) => {
        if (!Buffer.from(bytes).includes('"poison"')) return signature;
        actor.kill();
        return never();
      };
      actor.start();
      assert.ok(await until(world, () => actor.dead));
      await world.clock.advance(15_001);
    };
    await dies();
    await dies();
    const later = world.adds(["later"]);
    await world.accept(later);
    await surviving(world, ["poison"]);
    assert.equal((await taskOf(world, later.task.id)).result?.state, "SUCCESS");
    await world.requireWhole();
  });
});

describe("a signer that misbehaves", () => {
  const faults: readonly { readonly name: string; readonly halted: string; readonly answer: (world: World) => Actor["answer"] }[] = [
    { name: "does not answer", halted: "unavailable", answer: () => () => { throw new SignerError("unavailable", "no answer"); } },
    { name: "answers no", halted: "refused", answer: () => () => { throw new SignerError("refused", "no"); } },
    { name: "signs with another key", halted: "signature-invalid", answer: (world) => {
      const other = world.signers.addEd25519("fn:other");
      const signer = world.signers.open("fn:other", other);
      return async (_, bytes) => (await signer).sign(bytes);
    } },
    { name: "answers with a stale signature", halted: "signature-invalid", answer: () => {
      let first: string | undefined;
      return (signature) => (first ??= signature.replace(/^../, "00"));
    } },
    { name: "answers with no signature", halted: "signature-invalid", answer: () => () => "" },
  ];
  for (const { name, halted, answer } of faults) {
    test(`${name}: nothing leaves, it is reported, and publishing goes on when it is right again`, async () => {
      const world = await repository();
      const [names, stored] = [world.storage.names(), world.stored];
      const request = world.adds(BOTH_BINS);
      await world.accept(request);
      const actor = new Actor(world);
      actor.answer = answer(world);
      actor.start();
      assert.ok(await until(world, async () => (await world.inner.publisher()).halted !== undefined));
      await world.clock.advance(90_000);
      assert.equal((await world.inner.publisher()).halted?.code, halted);
      assert.equal(world.telemetry.last("halted")?.[0], halted);
      assert.deepEqual(world.storage.names(), names);
      assert.deepEqual(world.stored, stored);
      assert.equal((await taskOf(world, request.task.id)).result, undefined);
      actor.answer = undefined;
      assert.ok(await until(world, () => isSettled(world)));
      await actor.stop();
      await world.requireWhole();
    });
  }

  test("takes a minute for each signature: the lease is kept meanwhile", async () => {
    const world = await repository();
    await world.accept(world.adds(["p"]));
    const actor = new Actor(world);
    actor.answer = async (signature) => {
      await world.clock.sleep(30_000);
      return signature;
    };
    actor.start();
    assert.ok(await until(world, () => isSettled(world)));
    assert.equal(actor.calls.filter((call) => call === "database.takeLease").length, 1);
    assert.equal(actor.calls.filter((call) => call === "database.cut").length, 1);
    await actor.stop();
    await world.requireWhole();
  });
});

describe("more than can be taken", () => {
  const refused = async (world: World, paths: readonly string[]): Promise<string> =>
    world.accept(world.adds(paths)).then(() => "accepted", (error: unknown) => (error instanceof DatabaseError ? error.code : String(error)));

  test("is refused at the bound in changes, and taken again when the publisher caught up", async () => {
    const world = await repository({ limits: { changes: 4, bytes: 1_000_000 } });
    assert.equal(await refused(world, ["a", "b", "c", "d"]), "accepted");
    assert.equal(await refused(world, ["e"]), "backlog-full");
    assert.equal(await refused(world, ["a"]), "backlog-full");
    await publishAll(world);
    assert.equal(await refused(world, ["e"]), "accepted");
    await publishAll(world);
    await world.requireWhole();
  });

  test("is refused at the bound in bytes", async () => {
    const world = await repository({ limits: { changes: 1_000, bytes: 250 } });
    assert.equal(await refused(world, ["a"]), "accepted");
    assert.equal(await refused(world, ["b"]), "accepted");
    assert.equal(await refused(world, ["c"]), "backlog-full");
    await publishAll(world);
    assert.equal(await refused(world, ["c"]), "accepted");
    await publishAll(world);
    await world.requireWhole();
  });

  test("counts what a batch holds until it is committed", async () => {
    const world = await repository({ limits: { changes: 1, bytes: 1_000 } });
    assert.equal(await refused(world, ["a"]), "accepted");
    const actor = new Actor(world);
    actor.fault = (call) => (call.name === "database.commit" ? "paused before" : undefined);
    actor.start();
    assert.ok(await until(world, () => actor.paused));
    assert.equal(await refused(world, ["b"]), "backlog-full");
    actor.fault = () => undefined;
    actor.resume();
    assert.ok(await until(world, () => isSettled(world)));
    assert.equal(await refused(world, ["b"]), "accepted");
    assert.ok(await until(world, () => isSettled(world)));
    await actor.stop();
    await world.requireWhole();
  });
});
