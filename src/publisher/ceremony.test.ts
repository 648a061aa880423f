import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OperationError } from "../operations/errors.ts";
import { getSigning } from "../operations/get-signing.ts";
import { SignerError } from "../ports/signer.ts";
import { TrustedSet } from "../tuf/trusted-set.ts";
import { createHolder, signedBy } from "../../test/fakes/root-holders.ts";
import { DAY_MS, START } from "../../test/fakes/publisher-stage.ts";
import { createRotationStage, type RotationStage, type RotationStageOptions } from "../../test/fakes/rotation-stage.ts";

async function bootstrapped(options: RotationStageOptions = {}): Promise<RotationStage> {
  const stage = createRotationStage(options);
  await stage.bootstrap(4);
  assert.equal(await stage.database.setting("bootstrap").then((value) => typeof value === "string" && !value.includes("-")), true);
  return stage;
}

/** The newest root a client gets to. */
function newestRoot(stage: RotationStage): TrustedSet {
  const trusted = new TrustedSet(stage.storage.peek("1.root.json")!, { now: stage.clock.now() });
  for (let version = 2; stage.storage.peek(`${String(version)}.root.json`) !== undefined; version++) trusted.updateRoot(stage.storage.peek(`${String(version)}.root.json`)!);
  trusted.updateTimestamp(stage.storage.peek("timestamp.json")!);
  return trusted;
}

const version = (stage: RotationStage): number => newestRoot(stage).root.signed.version;

describe("a bootstrap whose root lacks signatures", () => {
  const waiting = async (): Promise<{ stage: RotationStage; task: string }> => {
    const stage = createRotationStage({ people: 3, threshold: 3, firstSigners: 1 });
    return { stage, task: await stage.bootstrap(4) };
  };

  test("waits, shows the root raw, and is done when the last of three has signed", async () => {
    const { stage, task } = await waiting();
    assert.deepEqual((await stage.ended(task)).details, { bootstrap: "Root v1 is pending signature" });
    assert.equal(await stage.database.setting("bootstrap"), `signing-${task}`);
    const shown = await getSigning(stage.operations);
    assert.deepEqual(shown, { root: JSON.parse(stage.root.toString()) as object });

    const root = stage.plan(1);
    const second = await stage.sign(stage.holders[1]!.sign(root));
    await stage.settle();
    assert.deepEqual((await stage.ended(second)).details, { bootstrap: "Root v1 is pending signatures" });
    assert.deepEqual(stage.storage.names(), []);
    const third = await stage.sign(stage.holders[2]!.sign(root));
    assert.equal((await stage.task(third)).result, undefined);
    await stage.settle();
    assert.deepEqual((await stage.ended(third)).details, { bootstrap: "Bootstrap Finished" });
    assert.equal(await stage.database.setting("bootstrap"), task);
    assert.equal(newestRoot(stage).root.signatures.length, 3);
    assert.deepEqual(await stage.database.signingEvents(), []);
  });

  test("two who sign in the same instant finish it", async () => {
    const { stage } = await waiting();
    const root = stage.plan(1);
    const tasks = await Promise.all(stage.holders.slice(1).map((holder) => stage.sign(holder.sign(root))));
    await stage.settle();
    const details = await Promise.all(tasks.map(async (task) => (await stage.ended(task)).details));
    assert.deepEqual(details.map((detail) => detail?.["bootstrap"]), ["Root v1 is pending signatures", "Bootstrap Finished"]);
    assert.equal(version(stage), 1);
  });

  test("can be stopped, and begun again", async () => {
    const { stage } = await waiting();
    const signed = await stage.sign(stage.holders[1]!.sign(stage.plan(1)));
    const stopped = await stage.ended(await stage.stop());
    assert.equal(stopped.message, "Deletion of root metadata successful, signing process stopped");
    assert.deepEqual(stopped.details, { bootstrap: "Bootstrap process has been stopped" });
    assert.equal(await stage.database.setting("bootstrap"), null);
    await stage.settle();
    assert.equal((await stage.ended(signed)).error, "No signatures pending for root");
    assert.deepEqual(await stage.database.signingEvents(), []);
    await assert.rejects(stage.stop(), (error) => error instanceof OperationError && error.code === "not-signing");
  });

  test("whose online key does not answer when the last of them has signed waits for it, and goes on", async () => {
    const { stage } = await waiting();
    const root = stage.plan(1);
    await stage.sign(stage.holders[1]!.sign(root));
    stage.signers.beforeSign = () => { throw new SignerError("unavailable", "no answer"); };
    const last = await stage.sign(stage.holders[2]!.sign(root));
    await stage.settle().catch(() => undefined);
    assert.deepEqual([stage.storage.names(), (await stage.database.signingEvents()).length], [[], 1]);
    stage.signers.beforeSign = undefined;
    await stage.clock.advance(stage.deps.policy.refresh.tickMs + 1);
    await stage.settle();
    assert.deepEqual((await stage.ended(last)).details, { bootstrap: "Bootstrap Finished" });
    assert.equal(version(stage), 1);
  });

  test("whose storage is taken says so to the last signer, and goes on when it is free", async () => {
    const { stage } = await waiting();
    const root = stage.plan(1);
    await stage.sign(stage.holders[1]!.sign(root));
    await stage.storage.create("timestamp.json", Buffer.from("other"));
    const last = await stage.sign(stage.holders[2]!.sign(root));
    await stage.settle();
    assert.match((await stage.ended(last)).error ?? "", /already holds timestamp.json/);
    stage.storage.tamper("timestamp.json", undefined);
    await stage.settle();
    assert.equal(version(stage), 1);
  });
});

describe("a signature is refused, and nothing changes,", () => {
  const refusals = [
    ["that is not hexadecimal", (stage: RotationStage) => ({ keyid: stage.holders[1]!.keyid, sig: "xyz" }), /hexadecimal/],
    ["by an unknown key", (stage: RotationStage) => createHolder().sign(stage.plan(1)), /may not sign/],
    ["over other bytes", (stage: RotationStage) => stage.holders[1]!.sign(stage.plan(2)), /not over the bytes/],
    ["by a key that signed before", (stage: RotationStage) => stage.holders[0]!.sign(stage.plan(1)), /has signed/],
  ] as const;
  for (const [name, make, reason] of refusals) {
    test(name, async () => {
      const stage = createRotationStage({ people: 3, threshold: 3, firstSigners: 1 });
      await stage.bootstrap(4);
      const before = await stage.database.signingEvents();
      const result = await stage.ended(await stage.sign(make(stage)));
      assert.deepEqual([result.state, result.message, result.error], ["ERRORED", "Signature Failed", "Invalid signature"]);
      assert.match(String(result.details?.["reason"]), reason);
      assert.deepEqual(await stage.database.signingEvents(), before);
    });
  }

  test("for a role that waits for none, or spelled otherwise", async () => {
    const stage = createRotationStage({ people: 2, threshold: 2, firstSigners: 1 });
    await stage.bootstrap(4);
    const result = await stage.ended(await stage.sign(stage.holders[1]!.sign(stage.plan(1)), "ROOT"));
    assert.equal(result.error, "No signatures pending for ROOT");
  });
});

describe("a root update", () => {
  test("with all signatures is published, and settings follow", async () => {
    const stage = await bootstrapped();
    const people = [createHolder("ecdsa"), createHolder("rsa"), createHolder()];
    const root = stage.plan(2, { holders: people, threshold: 2 });
    const task = await stage.update(signedBy(root, stage.holders[0]!, people[0]!, people[1]!));
    await stage.settleAll();
    assert.deepEqual(await stage.ended(task).then(({ state, message, details }) => [state, message, details]), ["SUCCESS", "Metadata Update Processed", { role: "root" }]);
    assert.equal(version(stage), 2);
    const settings = await stage.database.settings();
    assert.deepEqual([settings["root_threshold"], settings["root_num_keys"]], [2, 3]);
    assert.deepEqual((settings["trusted_root"] as unknown as { signed: unknown }).signed, JSON.parse(JSON.stringify(root)));
    const added = await stage.add(["a"]);
    await stage.settle();
    assert.equal((await stage.ended(added)).state, "SUCCESS");
  });

  test("without them waits for old and new keys, one after another", async () => {
    const stage = await bootstrapped({ people: 3, threshold: 2 });
    const people = [createHolder(), createHolder()];
    const root = stage.plan(2, { holders: people, threshold: 2 });
    const task = await stage.update(signedBy(root, people[0]!));
    await stage.settleAll();
    assert.deepEqual((await stage.ended(task)).details, { role: "root", update: "Root v2 is pending signatures" });
    const shown = await getSigning(stage.operations);
    assert.deepEqual(Object.keys(shown), ["root", "trusted_root"]);
    for (const holder of [stage.holders[2]!, people[1]!]) {
      const signed = await stage.sign(holder.sign(root));
      await stage.settleAll();
      assert.deepEqual((await stage.ended(signed)).details, { update: "Root v2 is pending signatures" });
      assert.equal(version(stage), 1);
    }
    const last = await stage.sign(stage.holders[0]!.sign(root));
    await stage.settleAll();
    assert.deepEqual((await stage.ended(last)).details, { update: "Metadata update finished" });
    assert.equal(version(stage), 2);
    assert.deepEqual(await getSigning(stage.operations), {});
  });

  test("that waits is superseded only after it was stopped", async () => {
    const stage = await bootstrapped({ people: 2, threshold: 2 });
    await stage.update(signedBy(stage.plan(2), stage.holders[0]!));
    await stage.settleAll();
    const other = signedBy(stage.plan(2, { expiresMs: START + 100 * DAY_MS }), ...stage.holders);
    assert.match((await stage.ended(await stage.update(other))).error ?? "", /waits for signatures already/);
    await stage.stop();
    const task = await stage.update(other);
    await stage.settleAll();
    assert.deepEqual((await stage.ended(task)).details, { role: "root" });
    assert.equal(version(stage), 2);
  });

  const refusals: readonly (readonly [string, (stage: RotationStage) => Promise<string>, RegExp])[] = [
    ["of version N+2", (stage) => stage.update(signedBy(stage.plan(3), stage.holders[0]!)), /Expected root version 2 instead got version 3/],
    ["of the version in force", (stage) => stage.update(signedBy(stage.plan(1), stage.holders[0]!)), /Expected root version 2 instead got version 1/],
    ["of another spec version", (stage) => stage.update(resigned(stage, { spec_version: "2.0.0" })), /spec_version|2\.0\.0/],
    ["with a threshold over the number of keys", (stage) => stage.update(signedBy(stage.plan(2, { threshold: 3 }), stage.holders[0]!)), /threshold 3 and 2 distinct keys/],
    ["with a threshold of zero", (stage) => stage.update(signedBy(stage.plan(2, { threshold: 0 }), stage.holders[0]!)), /threshold/],
    ["that expired", (stage) => stage.update(signedBy(stage.plan(2, { expiresMs: START - 1000 }), stage.holders[0]!)), /expired/],
    ["with the online key among root keys", (stage) => stage.update(withOnlineRootKey(stage)), /uses a root key/],
    ["without consistent snapshots", (stage) => stage.update(resigned(stage, { consistent_snapshot: false })), /consistent_snapshot/],
    ["with a signature over other bytes", (stage) => stage.update({ signed: stage.plan(2), signatures: [stage.holders[0]!.sign(stage.plan(3))] }), /not over the bytes/],
    ["signed by somebody unknown", (stage) => stage.update(signedBy(stage.plan(2), stage.holders[0]!, createHolder())), /may not sign/],
    ["that nobody signed", (stage) => stage.update(signedBy(stage.plan(2))), /at least one valid signature/],
    ["signed twice by one key", (stage) => stage.update(signedBy(stage.plan(2), stage.holders[0]!, stage.holders[0]!)), /twice|has signed/],
    ["with a sigstore key", (stage) => stage.update(signedBy(stage.plan(2, { holders: [...stage.holders, { ...createHolder(), key: { keytype: "sigstore-oidc", scheme: "Fulcio", keyval: { public: "", identity: "a@b.c", issuer: "https://x" } } }] }), stage.holders[0]!)), /sigstore/],
    ["whose online key has no signer", (stage) => stage.update(signedBy(stage.plan(2, { online: { ...createHolder().key, "x-rstuf-online-key-uri": "fn:nobody" } }), stage.holders[0]!)), /fn:nobody/],
  ];
  for (const [name, act, reason] of refusals) {
    test(`${name} is refused with the reason, and nothing changes`, async () => {
      const stage = await bootstrapped();
      const names = stage.storage.names();
      const settings = await stage.database.settings();
      const task = await act(stage);
      await stage.settleAll();
      const result = await stage.ended(task);
      assert.deepEqual([result.state, result.message], ["ERRORED", "Metadata Update Failed"]);
      assert.match(result.error ?? "", reason);
      assert.deepEqual(stage.storage.names(), names);
      assert.deepEqual(await stage.database.settings(), settings);
      await stage.settle();
      assert.deepEqual(await stage.database.signingEvents(), []);
    });
  }

  test("over 512,000 bytes is refused at the door", async () => {
    const stage = await bootstrapped();
    const root = { ...stage.plan(2), "x-rstuf-padding": "a".repeat(512_000) };
    await assert.rejects(stage.update(signedBy(root, stage.holders[0]!)), (error) => error instanceof OperationError && error.code === "request-invalid");
  });

  test("whose name in storage holds other bytes halts, loudly", async () => {
    const stage = await bootstrapped();
    stage.storage.tamper("2.root.json", Buffer.from("somebody else's"));
    await stage.update(signedBy(stage.plan(2), stage.holders[0]!));
    await assert.rejects(stage.settleAll(), { code: "foreign" });
    assert.equal(stage.storage.peek("2.root.json")!.toString(), "somebody else's");
  });
});

function resigned(stage: RotationStage, members: object) {
  return signedBy({ ...stage.plan(2), ...members }, stage.holders[0]!);
}

function withOnlineRootKey(stage: RotationStage) {
  const root = stage.plan(2);
  return signedBy({ ...root, roles: { ...root.roles, root: { keyids: [...root.roles.root.keyids, ...root.roles.timestamp.keyids], threshold: 1 } } }, stage.holders[0]!);
}

