// The pages agree with the repository: links, alarms, metrics, and nothing that is not ours.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, test } from "node:test";
import { createTelemetry } from "../../src/drivers/telemetry/pino/telemetry.ts";
import { page, ROOT } from "./pages.ts";

/** Every file of the repository: all but what .gitignore leaves out. */
const files = under("");
const markdown = files.filter((file) => file.endsWith(".md"));

describe("links", () => {
  test("there are pages to look at", () => {
    assert.ok(markdown.length > 20);
  });

  for (const file of markdown) {
    test(`every relative link in ${file} resolves`, () => {
      for (const link of linksOf(page(file))) {
        const [path = "", anchor] = link.split("#", 2);
        const target = path === "" ? file : join(dirname(file), path);
        assert.ok(existsSync(resolve(ROOT, target)), `${file}: ${link}`);
        if (anchor !== undefined && target.endsWith(".md")) assert.ok(anchorsOf(page(target)).has(anchor), `${file}: ${link}`);
      }
    });
  }

  test("every page under docs/ is reached from docs/README.md or docs/adr/README.md", () => {
    const linked = new Set(["docs/README.md", "docs/adr/README.md"].flatMap((index) => linksOf(page(index)).map((link) => join(dirname(index), link.split("#")[0]!))));
    const lost = markdown.filter((file) => file.startsWith("docs/") && file !== "docs/README.md" && !linked.has(file));
    assert.deepEqual(lost, []);
  });
});

describe("alarms", () => {
  const alarms = page("docs/operate/alarms.md");

  for (const source of ["src/publisher/errors.ts", "src/ports/signer.ts", "src/ports/storage.ts", "src/ports/database.ts"]) {
    test(`every code of ${source} is explained`, () => {
      const codes = [...page(source).matchAll(/^ \* - `([a-z-]+)`/gm)].map(([, code]) => code!);
      assert.ok(codes.length > 4, "no codes found: did the comment change its form?");
      for (const code of codes) assert.ok(alarms.includes(`\`${code}\``) || alarms.includes(`### ${code}\n`), code);
    });
  }
});

describe("monitoring", () => {
  test("names every metric of ours, and no other", async () => {
    const text = await createTelemetry({ level: "silent", processMetrics: false }).metricsText();
    const there = new Set([...text.matchAll(/^# TYPE (rstuf_[a-z_]+)/gm)].map(([, name]) => name!));
    const told = new Set([...page("docs/operate/monitoring.md").matchAll(/`(rstuf_[a-z_]+)/g)].map(([, name]) => name!));
    assert.deepEqual([...told].sort(), [...there].sort());
  });
});

describe("the repository speaks of itself alone", () => {
  // Put together here, so that this file does not hold them.
  const machinePaths = new RegExp(`(?:^|[\\s"'\`(=])/(?:${["work", "root", "home"].join("|")})/`, "m");
  const registries = new RegExp([["registry", "npmjs", "org"], ["registry", "yarnpkg", "com"], ["npm", "pkg", "github", "com"], ["files", "pythonhosted", "org"], ["pypi", "org/simple"], ["proxy", "golang", "org"], ["docker", "io/"]].map((parts) => parts.join("\\.")).join("|"));

  for (const [name, pattern] of [["a path of somebody's machine", machinePaths], ["a registry's host name", registries]] as const) {
    test(`no file names ${name}`, () => {
      const found = files.filter((file) => pattern.test(readFileSync(join(ROOT, file), "latin1")));
      assert.deepEqual(found, []);
    });
  }

  test("nothing links out of the repository by a relative path", () => {
    const out = markdown.flatMap((file) => linksOf(page(file)).filter((link) => !resolve(ROOT, dirname(file), link.split("#")[0]!).startsWith(ROOT)).map((link) => `${file}: ${link}`));
    assert.deepEqual(out, []);
  });
});

function under(folder: string): string[] {
  const ignored = new Set([".git", "node_modules", ...page(".gitignore").split("\n").map((line) => line.replaceAll("/", "")).filter((line) => line !== "")]);
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (ignored.has(entry.name)) return [];
    return entry.isDirectory() ? under(path) : entry.isFile() ? [path] : [];
  });
}

/** Relative link targets of a page, code left out. */
function linksOf(text: string): string[] {
  const prose = text.replaceAll(/^```[^]*?^```$/gm, "").replaceAll(/`[^`\n]*`/g, "");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!).filter((link) => !/^[a-z]+:/.test(link));
}

/** The anchors that headings get. */
function anchorsOf(text: string): ReadonlySet<string> {
  const prose = text.replaceAll(/^```[^]*?^```$/gm, "");
  return new Set([...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading!.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")));
}
