// Writes docs/operate/configuration.md from src/config/schema.ts.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { configurationPage } from "../src/config/page.ts";

const page = join(dirname(import.meta.dirname), "docs", "operate", "configuration.md");
mkdirSync(dirname(page), { recursive: true });
writeFileSync(page, configurationPage());
