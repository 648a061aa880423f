// Writes the golden files anew: node test/golden/generate.ts. Look at the difference before
// it is committed: bytes that change here change for every client.

import { mkdirSync, writeFileSync } from "node:fs";
import { goldenFiles } from "./repository.ts";

const folder = new URL("files/", import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [name, bytes] of goldenFiles()) writeFileSync(new URL(name, folder), bytes);
