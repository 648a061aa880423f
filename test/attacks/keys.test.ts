// Attacks by whoever holds a key: a wrong one, a revoked one, too few, or one of the online
// keys; and what the owner does against it.

import { test } from "node:test";
import { createTestKey, RepositoryBuilder } from "../fakes/repository-builder.ts";
import { ATTACK_NOW, attack } from "./attack.ts";

const PATH = "dir/file.txt";

function published(): RepositoryBuilder {
  const repository = new RepositoryBuilder({ now: ATTACK_NOW, bins: 4 });
  repository.add(PATH, "content");
  repository.publish();
  return repository;
}

for (const role of ["timestamp", "snapshot", "targets", "bin"]) {
  test(`wrong key: ${role}`, attack({ code: "threshold", says: new RegExp(role === "bin" ? "bins-" : role) }, () => {
    const repository = published();
    const name = role === "bin" ? (repository.binOf(PATH) ?? "") : role;
    repository.signers.set(name, [createTestKey()]);
    if (role !== "timestamp" && role !== "snapshot") repository.role(name);
    repository.publish();
    return { repository, path: PATH };
  }));
}

test("wrong key: a root signed by itself alone", attack({ code: "threshold" }, () => {
  const repository = published();
  const mine = createTestKey();
  repository.publishRoot(
    (root) => {
      root.keys[mine.keyid] = mine.key;
      for (const role of Object.values(root.roles)) role.keyids = [mine.keyid];
    },
    [mine],
  );
  return { repository, path: PATH };
}));

test("wrong key: a root signed by the old keys alone", attack({ code: "threshold" }, () => {
  const repository = published();
  const old = repository.signers.get("root") ?? [];
  repository.rotate(["root"]);
  repository.publishRoot(undefined, old);
  return { repository, path: PATH };
}));

test("no signature at all", attack({ code: "threshold" }, () => {
  const repository = published();
  repository.signers.set("timestamp", []);
  repository.publish();
  return { repository, path: PATH };
}));

test("threshold too low: one signature where two are needed", attack({ code: "threshold" }, () => {
  const repository = published();
  const second = createTestKey();
  repository.publishRoot((root) => {
    root.keys[second.keyid] = second.key;
    root.roles["timestamp"] = { keyids: [repository.online.keyid, second.keyid], threshold: 2 };
  });
  repository.publish();
  return { repository, path: PATH };
}));

test("threshold too low: one public key under two keyids counts twice", attack(
  { code: "threshold", tufJs: { differs: "tuf-js counts keyids, not keys, as the specification's other clients do" } },
  () => {
    const repository = published();
    const alias = { ...repository.online, keyid: "0".repeat(64) };
    repository.publishRoot((root) => {
      root.keys[alias.keyid] = alias.key;
      root.roles["timestamp"] = { keyids: [repository.online.keyid, alias.keyid], threshold: 2 };
    });
    repository.signers.set("timestamp", [repository.online, alias]);
    repository.publish();
    return { repository, path: PATH };
  },
));

test("root intermediate missing", attack({ code: "threshold", says: /timestamp/ }, () => {
  const repository = published();
  repository.publishRoot();
  repository.rotate(["timestamp", "snapshot", "targets"]);
  repository.publishRoot();
  repository.publish();
  return { repository, path: PATH, served: new Map([...repository.files].filter(([name]) => name !== "2.root.json")) };
}));

test("root intermediate skipped: 3 in the place of 2", attack({ code: "root-version" }, () => {
  const repository = published();
  repository.publishRoot();
  const third = repository.publishRoot();
  repository.files.set("2.root.json", third);
  return { repository, path: PATH };
}));

test("root rolled back: 1 in the place of 2", attack({ code: "root-version" }, () => {
  const repository = published();
  repository.files.set("2.root.json", repository.files.get("1.root.json") ?? Buffer.alloc(0));
  return { repository, path: PATH };
}));

test("key revoked, then old metadata replayed", attack({ code: "threshold" }, () => {
  const repository = published();
  const old = repository.copyFiles();
  repository.rotate(["timestamp", "snapshot", "targets"]);
  const root = repository.publishRoot();
  return { repository, path: PATH, seen: old, served: new Map([...old, ["2.root.json", root]]) };
}));

test("stolen timestamp key: a newer timestamp names an older snapshot", attack({ code: "snapshot-rollback" }, () => {
  const repository = published();
  const earlier = { ...repository.timestamp.meta };
  repository.add(PATH, "newer content");
  repository.publish();
  const seen = repository.copyFiles();
  Object.assign(repository.timestamp.meta, earlier);
  repository.publishTimestamp();
  return { repository, path: PATH, seen };
}));

test("stolen snapshot key: a newer snapshot lists an older bin", attack({ code: "snapshot-rollback" }, () => {
  const repository = published();
  const bin = repository.binOf(PATH) ?? "";
  const earlier = { ...repository.snapshot.meta[`${bin}.json`], version: repository.roles.get(bin)?.version ?? 0 };
  repository.add(PATH, "newer content");
  repository.publish();
  const seen = repository.copyFiles();
  repository.snapshot.meta[`${bin}.json`] = earlier;
  repository.publishSnapshot();
  repository.publishTimestamp();
  return { repository, path: PATH, seen };
}));

test("vanished role: a newer snapshot leaves a bin out", attack({ code: "snapshot-role-vanished", says: /bins-/ }, () => {
  const repository = published();
  const seen = repository.copyFiles();
  Reflect.deleteProperty(repository.snapshot.meta, `${repository.binOf(PATH) ?? ""}.json`);
  repository.publishSnapshot();
  repository.publishTimestamp();
  return { repository, path: PATH, seen };
}));

/** Whoever held the online keys published versions so high that the owner's would be a rollback. */
function fastForwarded(): { repository: RepositoryBuilder; seen: Map<string, Buffer> } {
  const repository = published();
  const { timestamp, snapshot } = repository;
  const honest = { timestamp: timestamp.version, snapshot: snapshot.version };
  timestamp.version = 900_000;
  snapshot.version = 800_000;
  repository.put("snapshot", snapshot.version, repository.sign("snapshot", snapshot));
  timestamp.meta["snapshot.json"] = { version: snapshot.version };
  repository.files.set("timestamp.json", repository.sign("timestamp", timestamp));
  const seen = repository.copyFiles();
  Object.assign(timestamp, { version: honest.timestamp });
  Object.assign(snapshot, { version: honest.snapshot });
  return { repository, seen };
}

test("fast-forward: without a new key the owner's versions are a rollback", attack({ code: "timestamp-rollback" }, () => {
  const { repository, seen } = fastForwarded();
  repository.publish();
  return { repository, path: PATH, seen };
}));

for (const { roles, tufJs } of [
  { roles: ["timestamp", "snapshot", "targets"] },
  { roles: ["timestamp", "snapshot"] },
  { roles: ["timestamp"] },
  { roles: ["snapshot"], tufJs: { differs: "tuf-js keeps the stored timestamp, whose key still verifies, though TUF 5.3.11 has it deleted" } },
]) {
  test(`fast-forward: after a new key for ${roles.join(", ")} clients recover`, attack({ code: "downloads", ...(tufJs === undefined ? {} : { tufJs }) }, () => {
    const { repository, seen } = fastForwarded();
    repository.rotate(roles);
    repository.publishRoot();
    repository.publish();
    return { repository, path: PATH, seen };
  }));
}
