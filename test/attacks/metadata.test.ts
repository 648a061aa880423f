// Attacks by whoever answers the client's requests, without any key: he can hold back,
// repeat, cut and mix what was once published.

import { test } from "node:test";
import { RepositoryBuilder } from "../fakes/repository-builder.ts";
import type { BuilderOptions } from "../fakes/repository-builder.ts";
import { ATTACK_NOW, attack } from "./attack.ts";

const PATH = "dir/file.txt";

/** Two moments of one repository: `early` is what was published before the artifact changed. */
function twoMoments(options: Partial<BuilderOptions> = {}) {
  const repository = new RepositoryBuilder({ now: ATTACK_NOW, bins: 4, ...options });
  repository.add(PATH, "old content");
  repository.publish();
  const early = repository.copyFiles();
  const earlySnapshot = repository.fileOf("snapshot");
  const bin = repository.binOf(PATH) ?? "";
  const earlyBin = repository.fileOf(bin);
  repository.add(PATH, "new content");
  repository.publish();
  return { repository, early, earlySnapshot, bin, earlyBin };
}

const expiredDays = -1;

test("no attack: both clients download, new and returning", attack({ code: "downloads" }, () => {
  const { repository, early } = twoMoments();
  return { repository, path: PATH, seen: early };
}));

test("timestamp rollback", attack({ code: "timestamp-rollback", says: /version/ }, () => {
  const { repository, early } = twoMoments();
  return { repository, path: PATH, seen: repository.copyFiles(), served: early };
}));

test("freeze: an expired timestamp is held back", attack({ code: "timestamp-expired", says: /expired at/ }, () => {
  const repository = new RepositoryBuilder({ now: ATTACK_NOW, bins: 4 });
  repository.add(PATH, "content");
  repository.timestamp.expires = repository.expires(expiredDays);
  repository.publish();
  return { repository, path: PATH };
}));

test("freeze of a returning client: the same timestamp, expired meanwhile", attack({ code: "timestamp-expired" }, () => {
  const repository = new RepositoryBuilder({ now: ATTACK_NOW, bins: 4 });
  repository.add(PATH, "content");
  repository.publish();
  const seen = repository.copyFiles();
  repository.timestamp.expires = repository.expires(expiredDays);
  repository.publishTimestamp();
  return { repository, path: PATH, seen };
}));

for (const role of ["snapshot", "targets", "bin"] as const) {
  const code = role === "snapshot" ? "snapshot-expired" : "targets-expired";
  test(`freeze: an expired ${role} under a fresh timestamp`, attack({ code }, () => {
    const repository = new RepositoryBuilder({ now: ATTACK_NOW, bins: 4 });
    repository.add(PATH, "content");
    const document = role === "snapshot" ? repository.snapshot : repository.role(role === "bin" ? (repository.binOf(PATH) ?? "") : role);
    document.expires = repository.expires(expiredDays);
    repository.publish();
    return { repository, path: PATH };
  }));
}

test("freeze: an expired root", attack({ code: "root-expired" }, () => {
  const repository = new RepositoryBuilder({ now: ATTACK_NOW, bins: 4 });
  repository.add(PATH, "content");
  repository.publish();
  repository.publishRoot((root) => { root.expires = repository.expires(expiredDays); });
  return { repository, path: PATH };
}));

test("mix-and-match: a snapshot of another moment", attack({ code: "snapshot-hash" }, () => {
  const { repository, earlySnapshot } = twoMoments();
  // Of equal length, so that the hash alone can tell.
  repository.put("snapshot", repository.snapshot.version, earlySnapshot);
  return { repository, path: PATH };
}));

test("mix-and-match: a snapshot of another length", attack({ code: "snapshot-length", says: /bytes/ }, () => {
  const { repository, earlySnapshot } = twoMoments();
  repository.put("snapshot", repository.snapshot.version, Buffer.concat([earlySnapshot.subarray(0, -1), Buffer.from("}")]).subarray(0, -1));
  return { repository, path: PATH };
}));

test("mix-and-match: a snapshot of another moment, where timestamp gives no hash", attack({ code: "snapshot-version" }, () => {
  const { repository, earlySnapshot } = twoMoments({ hashes: "none" });
  repository.put("snapshot", repository.snapshot.version, earlySnapshot);
  return { repository, path: PATH };
}));

test("mix-and-match: a bin of another moment", attack({ code: "targets-version", says: /bins-/ }, () => {
  const { repository, bin, earlyBin } = twoMoments();
  repository.put(bin, repository.role(bin).version, earlyBin);
  return { repository, path: PATH };
}));

test("one bin's file in another's place", attack({ code: "targets-version" }, () => {
  const { repository, bin, other } = twoBins();
  repository.put(bin, repository.roles.get(bin)?.version ?? 0, repository.fileOf(other));
  return { repository, path: PATH };
}));

test("one bin's file in another's place, at equal versions, told by hashes in snapshot", attack({ code: "targets-hash" }, () => {
  const { repository, bin, other } = twoBins({ versions: "each", hashes: "all" });
  repository.put(bin, repository.roles.get(bin)?.version ?? 0, repository.fileOf(other));
  return { repository, path: PATH };
}));

test("one bin's file in another's place, at equal versions without hashes, hides an artifact (why versions are unique)", attack({ code: "artifact-unknown" }, () => {
  const { repository, bin, other } = twoBins({ versions: "each" });
  repository.put(bin, repository.roles.get(bin)?.version ?? 0, repository.fileOf(other));
  return { repository, path: PATH };
}));

function twoBins(options: Partial<BuilderOptions> = {}) {
  // Both hold one artifact, so that their files are of one length.
  const repository = new RepositoryBuilder({ now: ATTACK_NOW, bins: 4, ...options });
  repository.add(PATH, "content");
  const bin = repository.binOf(PATH) ?? "";
  let other = bin;
  for (let index = 0; other === bin; index += 1) {
    const path = `dir/fil${String(index % 10)}.txt`;
    other = repository.binOf(path) ?? "";
    if (other !== bin) repository.add(path, "content");
  }
  repository.publish();
  return { repository, bin, other };
}

for (const name of ["2.root.json", "timestamp.json", "snapshot", "targets", "bin"]) {
  test(`endless data: ${name}`, attack({ code: "metadata-too-large", says: /more than the \d+ bytes/ }, () => {
    const { repository, bin } = twoMoments();
    const role = name === "bin" ? bin : name;
    const version = role === "snapshot" ? repository.snapshot.version : repository.roles.get(role)?.version;
    return { repository, path: PATH, served: new Map<string, Buffer | "endless">([...repository.files, [version === undefined ? role : `${String(version)}.${role}.json`, "endless"]]) };
  }));

  test(`slow retrieval: ${name} stalls`, attack({ code: "too-slow", says: /took longer than/ }, () => {
    const { repository, bin } = twoMoments();
    const role = name === "bin" ? bin : name;
    const version = role === "snapshot" ? repository.snapshot.version : repository.roles.get(role)?.version;
    return { repository, path: PATH, served: new Map<string, Buffer | "stalled">([...repository.files, [version === undefined ? role : `${String(version)}.${role}.json`, "stalled"]]) };
  }));
}

for (const { name, missing, code } of [
  { name: "the timestamp", missing: /^timestamp/, code: "metadata-not-found" },
  { name: "the snapshot", missing: /snapshot/, code: "metadata-not-found" },
  { name: "a bin", missing: /bins-/, code: "metadata-not-found" },
]) {
  test(`withheld: ${name}`, attack({ code }, () => {
    const { repository } = twoMoments();
    return { repository, path: PATH, served: new Map([...repository.files].filter(([file]) => !missing.test(file))) };
  }));
}

test("a flipped byte in a signed file", attack({ code: "threshold" }, () => {
  const { repository } = twoMoments();
  const bytes = Buffer.from(repository.fileOf("timestamp"));
  const at = bytes.indexOf('"expires"') + 12;
  bytes.write(bytes.toString("latin1", at, at + 1) === "3" ? "2" : "3", at, "latin1");
  repository.files.set("timestamp.json", bytes);
  return { repository, path: PATH };
}));

test("the file of one role under the name of another", attack({ code: "document-type" }, () => {
  const { repository } = twoMoments({ hashes: "none" });
  repository.put("snapshot", repository.snapshot.version, repository.fileOf("targets"));
  return { repository, path: PATH };
}));

test("what is not JSON at all", attack({ code: "json-syntax" }, () => {
  const { repository } = twoMoments();
  repository.files.set("timestamp.json", Buffer.from("<html>welcome to the hotel network</html>"));
  return { repository, path: PATH };
}));
