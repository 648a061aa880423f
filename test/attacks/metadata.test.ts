// Attacks by whoever answers the client's requests, without any key: he can hold back,
// repeat, cut and mix what was once published.

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

attack("no attack: both clients download, new and returning", { code: "downloads" }, () => {
  const { repository, early } = twoMoments();
  return { repository, path: PATH, seen: early };
});

attack("timestamp rollback", { code: "timestamp-rollback", says: /version/ }, () => {
  const { repository, early } = twoMoments();
  return { repository, path: PATH, seen: repository.copyFiles(), served: early };
});

attack("freeze: an expired timestamp is held back", { code: "timestamp-expired", says: /expired at/ }, () => {
  const repository = new RepositoryBuilder({ now: ATTACK_NOW, bins: 4 });
  repository.add(PATH, "content");
  repository.timestamp.expires = repository.expires(expiredDays);
  repository.publish();
  return { repository, path: PATH };
});

attack("freeze of a returning client: the same timestamp, expired meanwhile", { code: "timestamp-expired" }, () => {
  const repository = new RepositoryBuilder({ now: ATTACK_NOW, bins: 4 });
  repository.add(PATH, "content");
  repository.publish();
  const seen = repository.copyFiles();
  repository.timestamp.expires = repository.expires(expiredDays);
  repository.publishTimestamp();
  return { repository, path: PATH, seen };
});

for (const role of ["snapshot", "targets", "bin"] as const) {
  const code = role === "snapshot" ? "snapshot-expired" : "targets-expired";
  attack(`freeze: an expired ${role} under a fresh timestamp`, { code }, () => {
    const repository = new RepositoryBuilder({ now: ATTACK_NOW, bins: 4 });
    repository.add(PATH, "content");
    const document = role === "snapshot" ? repository.snapshot : repository.role(role === "bin" ? (repository.binOf(PATH) ?? "") : role);
    document.expires = repository.expires(expiredDays);
    repository.publish();
    return { repository, path: PATH };
  });
}

attack("freeze: an expired root", { code: "root-expired" }, () => {
  const repository = new RepositoryBuilder({ now: ATTACK_NOW, bins: 4 });
  repository.add(PATH, "content");
  repository.publish();
  repository.publishRoot((root) => { root.expires = repository.expires(expiredDays); });
  return { repository, path: PATH };
});

attack("mix-and-match: a snapshot of another moment", { code: "snapshot-hash" }, () => {
  const { repository, earlySnapshot } = twoMoments();
  // Of equal length, so that the hash alone can tell.
  repository.put("snapshot", repository.snapshot.version, earlySnapshot);
  return { repository, path: PATH };
});

attack("mix-and-match: a snapshot of another length", { code: "snapshot-length", says: /bytes/ }, () => {
  const { repository, earlySnapshot } = twoMoments();
  repository.put("snapshot", repository.snapshot.version, Buffer.concat([earlySnapshot.subarray(0, -1), Buffer.from("}")]).subarray(0, -1));
  return { repository, path: PATH };
});

attack("mix-and-match: a snapshot of another moment, where timestamp gives no hash", { code: "snapshot-version" }, () => {
  const { repository, earlySnapshot } = twoMoments({ hashes: "none" });
  repository.put("snapshot", repository.snapshot.version, earlySnapshot);
  return { repository, path: PATH };
});

attack("mix-and-match: a bin of another moment", { code: "targets-version", says: /bins-/ }, () => {
  const { repository, bin, earlyBin } = twoMoments();
  repository.put(bin, repository.role(bin).version, earlyBin);
  return { repository, path: PATH };
});

attack("one bin's file in another's place", { code: "targets-version" }, () => {
  const { repository, bin, other } = twoBins();
  repository.put(bin, repository.roles.get(bin)?.version ?? 0, repository.fileOf(other));
  return { repository, path: PATH };
});

attack("one bin's file in another's place, at equal versions, told by hashes in snapshot", { code: "targets-hash" }, () => {
  const { repository, bin, other } = twoBins({ versions: "each", hashes: "all" });
  repository.put(bin, repository.roles.get(bin)?.version ?? 0, repository.fileOf(other));
  return { repository, path: PATH };
});

attack("one bin's file in another's place, at equal versions without hashes, hides an artifact (why versions are unique)", { code: "artifact-unknown" }, () => {
  const { repository, bin, other } = twoBins({ versions: "each" });
  repository.put(bin, repository.roles.get(bin)?.version ?? 0, repository.fileOf(other));
  return { repository, path: PATH };
});

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
  attack(`endless data: ${name}`, { code: "metadata-too-large", says: /more than the \d+ bytes/ }, () => {
    const { repository, bin } = twoMoments();
    const role = name === "bin" ? bin : name;
    const version = role === "snapshot" ? repository.snapshot.version : repository.roles.get(role)?.version;
    return { repository, path: PATH, served: new Map<string, Buffer | "endless">([...repository.files, [version === undefined ? role : `${String(version)}.${role}.json`, "endless"]]) };
  });

  attack(`slow retrieval: ${name} stalls`, { code: "too-slow", says: /took longer than/ }, () => {
    const { repository, bin } = twoMoments();
    const role = name === "bin" ? bin : name;
    const version = role === "snapshot" ? repository.snapshot.version : repository.roles.get(role)?.version;
    return { repository, path: PATH, served: new Map<string, Buffer | "stalled">([...repository.files, [version === undefined ? role : `${String(version)}.${role}.json`, "stalled"]]) };
  });
}

for (const { name, missing, code } of [
  { name: "the timestamp", missing: /^timestamp/, code: "metadata-not-found" },
  { name: "the snapshot", missing: /snapshot/, code: "metadata-not-found" },
  { name: "a bin", missing: /bins-/, code: "metadata-not-found" },
]) {
  attack(`withheld: ${name}`, { code }, () => {
    const { repository } = twoMoments();
    return { repository, path: PATH, served: new Map([...repository.files].filter(([file]) => !missing.test(file))) };
  });
}

attack("a flipped byte in a signed file", { code: "threshold" }, () => {
  const { repository } = twoMoments();
  const bytes = Buffer.from(repository.fileOf("timestamp"));
  const at = bytes.indexOf('"expires"') + 12;
  bytes.write(bytes.toString("latin1", at, at + 1) === "3" ? "2" : "3", at, "latin1");
  repository.files.set("timestamp.json", bytes);
  return { repository, path: PATH };
});

attack("the file of one role under the name of another", { code: "document-type" }, () => {
  const { repository } = twoMoments({ hashes: "none" });
  repository.put("snapshot", repository.snapshot.version, repository.fileOf("targets"));
  return { repository, path: PATH };
});

attack("what is not JSON at all", { code: "json-syntax" }, () => {
  const { repository } = twoMoments();
  repository.files.set("timestamp.json", Buffer.from("<html>welcome to the hotel network</html>"));
  return { repository, path: PATH };
});
