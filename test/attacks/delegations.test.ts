// Attacks by whoever holds the key of one delegated role: he can sign what he likes, for
// the paths he was given and no others.

import { test } from "node:test";
import { createTestKey, RepositoryBuilder } from "../fakes/repository-builder.ts";
import { ATTACK_NOW, attack } from "./attack.ts";

function withDelegation(): RepositoryBuilder {
  const repository = new RepositoryBuilder({ now: ATTACK_NOW });
  repository.delegate("targets", "team", { paths: ["team/*"] });
  return repository;
}

test("delegation out of its paths", attack({ code: "artifact-unknown" }, () => {
  const repository = withDelegation();
  repository.add("core/login", "evil", "team");
  repository.publish();
  return { repository, path: "core/login" };
}));

test("delegation out of its paths: a star does not cross a folder", attack({ code: "artifact-unknown" }, () => {
  const repository = withDelegation();
  repository.add("team/core/login", "evil", "team");
  repository.publish();
  return { repository, path: "team/core/login" };
}));

test("delegation out of its paths: by delegating on", attack({ code: "artifact-unknown" }, () => {
  const repository = withDelegation();
  repository.delegate("team", "accomplice", { paths: ["*/*"] });
  repository.add("core/login", "evil", "accomplice");
  repository.publish();
  return { repository, path: "core/login" };
}));

test("a bin that lists another bin's path", attack({ code: "artifact-unknown" }, () => {
  const repository = new RepositoryBuilder({ now: ATTACK_NOW, bins: 4 });
  const own = repository.binOf("core/login");
  const other = [0, 1, 2, 3].map((index) => repository.binName(index)).find((name) => name !== own);
  repository.add("core/login", "evil", other);
  repository.publish();
  return { repository, path: "core/login" };
}));

test("a role that claims to be of higher priority than it is", attack({ code: "artifact-hash" }, () => {
  const repository = new RepositoryBuilder({ now: ATTACK_NOW });
  repository.delegate("targets", "first", { paths: ["shared/*"] });
  repository.delegate("targets", "second", { paths: ["shared/*"] });
  repository.add("shared/x", "honest", "first");
  repository.add("shared/x", "hacked", "second");
  repository.publish();
  // The server hands out what the second role lists.
  return { repository, path: "shared/x" };
}));

test("a delegation revoked, its file still there", attack({ code: "artifact-unknown" }, () => {
  const repository = withDelegation();
  repository.add("team/x", "content", "team");
  repository.publish();
  const seen = repository.copyFiles();
  repository.role("targets").delegations = { keys: {}, roles: [] };
  repository.publish();
  return { repository, path: "team/x", seen };
}));

test("a delegation whose key was replaced, signed by the old one", attack({ code: "threshold", says: /team/ }, () => {
  const repository = withDelegation();
  repository.add("team/x", "content", "team");
  repository.publish();
  const seen = repository.copyFiles();
  const key = createTestKey();
  const { delegations } = repository.role("targets");
  const team = delegations?.roles?.find(({ name }) => name === "team");
  if (delegations !== undefined && team !== undefined) {
    delegations.keys[key.keyid] = key.key;
    team.keyids = [key.keyid];
  }
  repository.publish();
  return { repository, path: "team/x", seen };
}));

test("a delegated role named like a top-level one", attack({ code: "document-field", says: /top-level/ }, () => {
  const repository = withDelegation();
  repository.delegate("targets", "timestamp", { paths: ["x"] });
  repository.roles.delete("timestamp");
  repository.signers.delete("timestamp");
  repository.publish();
  return { repository, path: "x" };
}));
