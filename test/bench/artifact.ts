// What is published: artifacts as an index of packages has them.

import { createHash } from "node:crypto";

export interface Artifact {
  readonly path: string;
  readonly info: { readonly length: number; readonly hashes: { readonly sha256: string } };
}

/** Paths as an index of packages has them; the same for the same number, whenever it runs. */
export function artifactOf(n: number): Artifact {
  const digest = createHash("sha256").update(`artifact ${String(n)}`).digest("hex");
  const project = `project-${String((n * 7919) % 500_009)}`;
  const path = `packages/${digest.slice(0, 2)}/${digest.slice(2, 4)}/${digest.slice(4, 60)}/${project}-1.${String(n % 17)}.${String(n % 31)}-py3-none-any.whl`;
  return { path, info: { length: 1000 + (n % 5_000_000), hashes: { sha256: digest } } };
}
