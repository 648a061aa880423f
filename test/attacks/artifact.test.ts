// Attacks on the artifact itself: arbitrary software in its place.

import { test } from "node:test";
import { RepositoryBuilder } from "../fakes/repository-builder.ts";
import type { Answer } from "./attack.ts";
import { ATTACK_NOW, attack } from "./attack.ts";

const PATH = "dir/file.txt";
const CONTENT = "the real content";

for (const { name, answer, code, says } of [
  { name: "content changed", answer: Buffer.from("the evil content"), code: "artifact-hash", says: /sha256 is [0-9a-f]{64}, not [0-9a-f]{64}/ },
  { name: "content lengthened", answer: Buffer.from(`${CONTENT}!`), code: "artifact-too-large", says: /more than the 16 bytes/ },
  { name: "content cut short", answer: Buffer.from(CONTENT.slice(0, -1)), code: "artifact-too-short", says: /sent 15 bytes/ },
  { name: "content replaced by nothing", answer: Buffer.alloc(0), code: "artifact-too-short", says: /sent 0 bytes/ },
  { name: "endless data: the artifact", answer: "endless" as const, code: "artifact-too-large", says: /more than the 16 bytes/ },
  { name: "slow retrieval: the artifact stalls", answer: "stalled" as const, code: "too-slow", says: /took longer than/ },
] satisfies readonly { name: string; answer: Answer; code: string; says: RegExp }[]) {
  test(name, attack({ code, says }, () => {
    const repository = new RepositoryBuilder({ now: ATTACK_NOW, bins: 4 });
    repository.add(PATH, CONTENT);
    repository.publish();
    return { repository, path: PATH, artifacts: new Map([[PATH, answer]]) };
  }));
}

test("an artifact nobody lists", attack({ code: "artifact-unknown", says: /not in the repository/ }, () => {
  const repository = new RepositoryBuilder({ now: ATTACK_NOW, bins: 4 });
  repository.add("other", CONTENT);
  repository.publish();
  return { repository, path: PATH, artifacts: new Map([[PATH, Buffer.from(CONTENT)]]) };
}));
