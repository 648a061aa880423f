// Ceremonies, updates and signatures without a service: at a terminal, without one, and by plan.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { runCli, type CliRun, type CliWorld } from "../../../../test/fakes/cli.ts";
import { KEYS, type Person } from "../../../../test/fakes/person.ts";
import { createPublisherStage } from "../../../../test/fakes/publisher-stage.ts";
import { generateKeyPair } from "../../../drivers/signer/file/generate.ts";
import { createFileSigners } from "../../../drivers/signer/file/signers.ts";
import { Publisher } from "../../../publisher/publisher.ts";
import { checkBootstrapRoot } from "../../../roles/bootstrap.ts";
import { canonicalize } from "../../../tuf/canonical.ts";
import { sha256Hex } from "../../../tuf/crypto.ts";
import type { Json } from "../../../tuf/documents.ts";
import { parseEnvelope } from "../../../tuf/parse.ts";
import { DRAFT_FILE } from "../../admin/draft.ts";

const NOW = Date.UTC(2030, 0, 1);
const folder = mkdtempSync(join(tmpdir(), "rstuf-admin-"));
const PASSWORD = "correct horse";

before(() => {
  mkdirSync(join(folder, "keys"), { mode: 0o700 });
  for (const name of ["ann", "bob", "carol", "online", "next"]) {
    const pair = generateKeyPair(name === "bob" ? "ecdsa" : "ed25519");
    writeFileSync(join(folder, "keys", name), pair.privatePem(name === "ann" ? PASSWORD : undefined), { mode: 0o600 });
    writeFileSync(join(folder, "keys", `${name}.pub`), pair.publicPem);
  }
  writeFileSync(join(folder, "password.txt"), `${PASSWORD}\n`);
  writeFileSync(join(folder, "plan.yaml"), "root: { threshold: 2, keys: [keys/ann.pub, { file: keys/bob.pub, name: Bob }] }\nonline: { file: keys/online.pub, uri: \"fn:online\" }\nbins: { number: 16 }\n");
});
after(() => { rmSync(folder, { recursive: true, force: true }); });

const run = (argv: readonly string[], world: Partial<CliWorld> = {}): Promise<CliRun> => runCli(["admin", ...argv], { cwd: folder, now: NOW, ...world });
const talkTo = (argv: readonly string[], talk: (person: Person) => Promise<void>): Promise<CliRun> => run(argv, { talk });
const read = (file: string): { readonly settings: { readonly roles: Record<string, unknown> }; readonly metadata: { readonly root: Json } } => JSON.parse(readFileSync(join(folder, file), "utf8")) as never;
const rootOf = (file: string): ReturnType<typeof parseEnvelope<"root">> => parseEnvelope(Buffer.from(JSON.stringify(read(file).metadata.root)), "root");
const planned = ["ceremony", "--plan", "plan.yaml", "--yes", "--dry-run"];

/** The answers to everything before the online key. */
async function askedUntilOnline(person: Person): Promise<void> {
  for (const role of ["timestamp", "snapshot", "targets"]) await person.answers(`days until expiry for '${role}'`);
  await person.answers("Who signs targets");
  await person.answers("How are artifacts spread");
  await person.answers("days until expiry for 'bins'");
  await person.answers("number of delegated hash bins");
  await person.answers("days until expiry for 'root'");
  await person.answers("'root' threshold");
  await person.answers("What kind of key is it, root key 1");
  await person.answers("File with the public key", "keys/ann.pub");
  await person.answers("Name of this key");
  await person.answers("root keys: ann");
  await person.answers("What kind of key is it, root key 2");
  await person.answers("File with the public key", "keys/bob.pub");
  await person.answers("Name of this key");
  await person.answers("root keys: ann, bob");
}

async function askedOnline(person: Person): Promise<void> {
  await person.answers("File with the public key, the online key", "keys/online.pub");
  await person.answers("Name of this key");
  await person.answers("Where the service finds");
}

describe("a ceremony at a terminal", () => {
  test("every question, a wrong password, and a payload the service takes", async () => {
    const { exitCode, stderr } = await talkTo(["ceremony", "--dry-run", "--out"], async (person) => {
      await askedUntilOnline(person);
      await askedOnline(person);
      await person.answers("Is this what you want to sign?");
      await person.answers("Select a key for signing");
      await person.answers("File with the private key", "keys/ann");
      await person.answers("Password of ann", "wrong");
      await person.sees("That password does not open ann");
      await person.answers("Password of ann", PASSWORD);
      await person.answers("Select a key for signing or continue");
      await person.answers("File with the private key", "keys/bob");
      await person.sees("Metadata is fully signed.");
    });
    assert.equal(exitCode, 0, stderr);
    const { settings } = read("ceremony-payload.json");
    assert.deepEqual(settings.roles, { root: { expiration: 365 }, timestamp: { expiration: 1 }, snapshot: { expiration: 1 }, targets: { expiration: 365 }, bins: { expiration: 7, number_of_delegated_bins: 256 }, delegations: null });
    const { root, complete } = checkBootstrapRoot(Buffer.from(JSON.stringify(read("ceremony-payload.json").metadata.root)), NOW, { allowUnportable: false });
    assert.ok(complete);
    assert.ok(stderr.includes(sha256Hex(root.canonical)), "the hash to compare was shown");
    assert.ok(!stderr.includes(PASSWORD) && !stderr.includes("PRIVATE KEY"));
    assert.ok(!existsSync(join(folder, DRAFT_FILE)));
  });

  test("interrupted halfway it goes on behind the last answer", async () => {
    const first = await talkTo(["ceremony", "--dry-run", "--out", "resumed.json"], async (person) => {
      await askedUntilOnline(person);
      await person.sees("File with the public key, the online key");
      person.types(KEYS.ctrlC);
    });
    assert.equal(first.exitCode, 130);
    assert.ok(!existsSync(join(folder, "resumed.json")));
    const second = await talkTo(["ceremony", "--dry-run", "--out", "resumed.json"], async (person) => {
      await person.answers("Go on with the ceremony that was begun here on 2030-01-01?");
      await askedOnline(person);
      await person.answers("Is this what you want to sign?");
      await person.sees("Select a key for signing");
      person.types(KEYS.ctrlC);
    });
    assert.equal(second.exitCode, 130);
    const third = await talkTo(["ceremony", "--dry-run", "--out", "resumed.json"], async (person) => {
      await person.answers("Go on with the ceremony");
      await person.answers("Is this what you want to sign?");
      await person.answers("Select a key for signing");
      await person.answers("File with the private key", "keys/bob");
      await person.answers("Select a key for signing or continue", KEYS.down);
    });
    assert.equal(third.exitCode, 0, third.stderr);
    assert.equal(rootOf("resumed.json").signatures.length, 1);
    assert.ok(!existsSync(join(folder, DRAFT_FILE)));
  });

  test("who says no has signed nothing", async () => {
    const { exitCode, stderr } = await talkTo(["ceremony", "--plan", "plan.yaml", "--dry-run", "--out", "declined.json"], async (person) => {
      await person.sees("Is this what you want to sign?");
      person.types("n");
    });
    assert.equal(exitCode, 1);
    assert.match(stderr, /declined/);
    assert.ok(!existsSync(join(folder, "declined.json")));
  });
});

describe("a ceremony without a terminal", () => {
  test("by a plan: the keys named sign, the others later", async () => {
    const { exitCode, stdout, stderr } = await run([...planned, "--json", "--out", "planned.json", "--sign-with", "keys/ann", "--password-file", "password.txt"]);
    assert.equal(exitCode, 0, stderr);
    const root = rootOf("planned.json");
    assert.deepEqual(JSON.parse(stdout), { fingerprint: sha256Hex(root.canonical), signatures: 1, complete: false, file: "planned.json" });
    assert.deepEqual(root.signed.roles.root.threshold, 2);
    assert.deepEqual(read("planned.json").settings.roles["bins"], { expiration: 7, number_of_delegated_bins: 16 });
  });

  test("by a plan with bins and custom roles, one of them below another with bins of its own", async () => {
    writeFileSync(join(folder, "both.yaml"), 'root: { threshold: 1, keys: [keys/bob.pub] }\nonline: { file: keys/online.pub }\nbins: { number: 16 }\ndelegations:\n  - { name: project, paths: ["project/*"] }\n  - { name: arm, paths: ["project/arm*"], parent: project, bins: 4, days: 30 }\n');
    const { exitCode, stderr } = await run(["ceremony", "--plan", "both.yaml", "--yes", "--dry-run", "--out", "both.json"]);
    assert.equal(exitCode, 0, stderr);
    const { bins, delegations } = read("both.json").settings.roles as { bins: unknown; delegations: { bins: unknown; roles: Record<string, unknown>[] } };
    assert.equal(bins, null);
    assert.deepEqual(delegations.bins, { number_of_delegated_bins: 16, expiration: 7 });
    assert.deepEqual(delegations.roles.map(({ name, parent, bins: own }) => [name, parent, own]), [["project", undefined, undefined], ["arm", "project", 4]]);
  });

  test("by a plan in which people sign targets: both are signed at once, and the service takes them", async () => {
    writeFileSync(join(folder, "offline.yaml"), "root: { threshold: 1, keys: [keys/bob.pub] }\nonline: { file: keys/online.pub, uri: \"fn:online\" }\ntargets: { threshold: 2, window: 40, keys: [keys/bob.pub, keys/carol.pub, keys/ann.pub] }\nbins: { number: 16, days: 5 }\ndelegations:\n  - { name: project, paths: [\"project/*\"], window: 9 }\n  - { name: arm, paths: [\"project/arm*\"], parent: project, bins: 4, days: 30 }\n");
    const { exitCode, stdout, stderr } = await run(["ceremony", "--plan", "offline.yaml", "--yes", "--dry-run", "--json", "--out", "offline.json", "--sign-with", "keys/bob", "--sign-with", "keys/carol"]);
    assert.equal(exitCode, 0, stderr);
    const { settings, metadata } = read("offline.json") as unknown as { settings: { targets_online_key: boolean }; metadata: { root: Json; targets: Json } };
    assert.equal(settings.targets_online_key, false);
    const [root, targets] = [rootOf("offline.json"), parseEnvelope(Buffer.from(JSON.stringify(metadata.targets)), "targets")];
    assert.deepEqual([root.signatures.length, targets.signatures.length, targets.signed.version], [1, 2, 1]);
    assert.deepEqual(JSON.parse(stdout), { fingerprint: sha256Hex(root.canonical), signatures: 1, complete: true, targets: { fingerprint: sha256Hex(targets.canonical), signatures: 2 }, file: "offline.json" });
    assert.match(stderr, /Targets is signed by 2 of 3 people: bob, carol, ann/);
    const stage = createPublisherStage({ startMs: NOW, root: () => metadata.root as never });
    stage.publisher = new Publisher({ ...stage.deps, signers: createFileSigners({ keyDir: join(folder, "keys"), allow: [], env: () => undefined }) });
    const task = "ab".repeat(16);
    await stage.database.accept({ task: { id: task, kind: "bootstrap", createdMs: NOW, request: {} }, changes: [], held: false, settings: { bootstrap: `pre-${task}`, bootstrap_request: { settings, metadata } }, limits: { changes: 1, bytes: 1 } });
    await stage.publisher.takeOver();
    await stage.settle();
    assert.deepEqual((await stage.task(task)).result?.details, { bootstrap: `Bootstrap finished ${task}` });
    const kept = await stage.database.settings();
    assert.deepEqual([kept["targets_signing_window"], kept["project_signing_window"], kept["bins_expiration"], kept["number_of_delegated_bins"]], [40, 9, 5, 16]);
    assert.deepEqual((await stage.database.rolesAfter(undefined, { kind: "bins" }, 100)).length, 20);
  });

  test("what is missing is named, and nothing is waited for", async () => {
    const asked = await run(["ceremony", "--dry-run", "--out", "none.json"]);
    assert.equal(asked.exitCode, 2);
    assert.match(asked.stderr, /--plan FILE/);
    const unsure = await run(["ceremony", "--plan", "plan.yaml", "--dry-run", "--out", "none.json"]);
    assert.equal(unsure.exitCode, 2);
    assert.match(unsure.stderr, /--yes/);
    const encrypted = await run([...planned, "--out", "none.json", "--sign-with", "keys/ann"]);
    assert.equal(encrypted.exitCode, 2);
    assert.match(encrypted.stderr, /--password-file/);
    assert.ok(!existsSync(join(folder, "none.json")));
  });

  test("a plan's faults are named, all of them", async () => {
    writeFileSync(join(folder, "bad.yaml"), "root: { threshold: 3, keys: [keys/ann.pub, keys/ann.pub, keys/none.pub], color: red }\nonline: { file: keys/ann.pub }\ntargets: { days: 0 }\nbins: { number: 3 }\nwhat: 1\n");
    const { exitCode, stderr } = await run(["ceremony", "--plan", "bad.yaml", "--yes", "--dry-run", "--out", "none.json"]);
    assert.equal(exitCode, 1);
    for (const fault of ["what is unknown", "root.color is unknown", "threshold is 3, and there are 2 keys", "ann is the same key as ann", "keys/none.pub", "targets.days", "bins.number", "online is a root key"]) assert.ok(stderr.includes(fault), `${fault} in\n${stderr}`);
  });

  test("the example plan has every member a plan may have", async () => {
    const { stdout } = await run(["ceremony", "--print-plan"]);
    for (const member of ["root:", "threshold: 2", "keys:", "online:", "uri: fn:online", "timestamp:", "snapshot:", "targets:", "bins:", "number: 256"]) assert.ok(stdout.includes(member), member);
  });

  test("keys that live elsewhere are said to", async () => {
    for (const key of ["hsm:9c", "yubikey:1", "sigstore:ann@example.org", "awskms:1"]) {
      const { exitCode, stderr } = await run([...planned, "--out", "none.json", "--sign-with", key]);
      assert.equal(exitCode, 1);
      assert.match(stderr, /not-here/);
    }
  });
});

describe("signing a file that is passed on", () => {
  const sign = (...argv: string[]): Promise<CliRun> => run(["metadata", "sign", "--in", "round.json", "--add", "--yes", ...argv]);

  test("each adds a signature, checked, once", async () => {
    assert.equal((await run([...planned, "--out", "round.json"])).exitCode, 0);
    assert.equal(rootOf("round.json").signatures.length, 0);
    assert.equal((await sign("--sign-with", "keys/bob")).exitCode, 0);
    const twice = await sign("--sign-with", "keys/bob");
    assert.equal(twice.exitCode, 1);
    assert.match(twice.stderr, /signature-refused/);
    const stranger = await sign("--sign-with", "keys/carol");
    assert.match(stranger.stderr, /key-not-asked/);
    assert.equal((await sign("--sign-with", "keys/ann", "--password-file", "password.txt", "--json")).exitCode, 0);
    assert.ok(checkBootstrapRoot(Buffer.from(JSON.stringify(read("round.json").metadata.root)), NOW, { allowUnportable: false }).complete);
    assert.match((await sign("--sign-with", "keys/bob")).stderr, /already fully signed/);
  });

  test("a public key, another file, and a file that is no document are refused", async () => {
    await run([...planned, "--out", "round.json"]);
    assert.match((await sign("--sign-with", "keys/bob.pub")).stderr, /holds no private key/);
    assert.match((await sign("--sign-with", "keys/none")).stderr, /file-unreadable/);
    writeFileSync(join(folder, "what.json"), '{"metadata":{"root":{"signed":{}}}}');
    assert.match((await run(["metadata", "sign", "--in", "what.json", "--add", "--yes", "--sign-with", "keys/bob"])).stderr, /document-unreadable/);
  });
});

describe("the next root", () => {
  const complete = async (): Promise<void> => {
    assert.equal((await run([...planned, "--out", "first.json", "--sign-with", "keys/ann", "--sign-with", "keys/bob", "--password-file", "password.txt"])).exitCode, 0);
  };
  const update = (...argv: string[]): Promise<CliRun> => run(["metadata", "update", "--in", "first.json", "--dry-run", "--out", "update.json", "--yes", ...argv]);

  test("by options: keys come and go, in words first", async () => {
    await complete();
    const { exitCode, stderr } = await update("--add-key", "keys/carol.pub", "--remove-key", "ann", "--days", "30", "--online-key", "keys/next.pub", "--online-uri", "fn:next", "--sign-with", "keys/bob");
    assert.equal(exitCode, 0, stderr);
    const before = rootOf("first.json");
    const next = rootOf("update.json");
    assert.equal(next.signed.version, 2);
    assert.equal(next.signed.expires, "2030-01-31T00:00:00Z");
    assert.deepEqual(Object.values(next.signed.keys).map((key) => key["x-rstuf-key-name"]).sort(), ["Bob", "carol", "next"]);
    for (const words of ["root: key carol (ed25519, ", "root: key ann (ed25519, ", "timestamp: key next (ed25519, fn:next, ", "expires 2030-01-31T00:00:00Z instead of"]) assert.ok(stderr.includes(words), words);
    assert.notEqual(sha256Hex(canonicalize(before.signed as unknown as Json)), sha256Hex(next.canonical));
  });

  test("what nobody could sign is refused, and what is wanted of one key twice", async () => {
    await complete();
    assert.match((await update("--remove-key", "ann")).stderr, /threshold is 2, and there would be 1 root keys/);
    assert.match((await update("--add-key", "keys/bob.pub")).stderr, /is a root key already/);
    assert.match((await update("--online-key", "keys/bob.pub")).stderr, /root keys stay offline/);
    assert.match((await update("--remove-key", "zoe")).stderr, /root has no key zoe/);
  });

  test("by questions, as the Python CLI asks them", async () => {
    await complete();
    const { exitCode, stderr } = await talkTo(["metadata", "update", "--in", "first.json", "--dry-run", "--out", "update.json"], async (person) => {
      await person.answers("Do you want to change the expiry date?");
      await person.answers("days until expiry for 'root'");
      await person.answers("Do you want to change the threshold?");
      await person.answers("root keys: ann, Bob", KEYS.down);
      await person.answers("What kind of key is it, root key 3");
      await person.answers("File with the public key", "keys/carol.pub");
      await person.answers("Name of this key");
      await person.answers("root keys: ann, Bob, carol");
      await person.answers("Do you want to change the online key?");
      await person.sees("root: key carol");
      await person.answers("Is this what you want to sign?");
      await person.answers("Select a key for signing");
      await person.answers("File with the private key", "keys/bob");
      await person.answers("Select a key for signing or continue", KEYS.down);
    });
    assert.equal(exitCode, 0, stderr);
    assert.equal(rootOf("update.json").signed.roles.root.keyids.length, 3);
  });
});
