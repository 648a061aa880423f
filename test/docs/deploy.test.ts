// What is under deploy/, and the Dockerfile: parseable, hardened, and in the program's own words.

import assert from "node:assert/strict";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { environmentName } from "../../src/config/environment.ts";
import { loadConfig } from "../../src/config/load.ts";
import { SETTINGS } from "../../src/config/schema.ts";
import { page, ROOT } from "./pages.ts";

const KNOWN = new Set(["RSTUF_CONFIG", ...[...SETTINGS.keys()].map(environmentName)]);

function assertKnown(text: string, least: number): void {
  const named = [...text.matchAll(/\bRSTUF_[A-Z0-9_]+/g)].map(([name]) => name);
  assert.ok(named.length >= least, "variables were found");
  assert.deepEqual(named.filter((name) => !KNOWN.has(name)), [], "each is one the program reads");
}

interface Service {
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly mem_limit?: string;
  readonly pids_limit?: number;
  readonly cpus?: number;
  readonly networks?: readonly string[];
  readonly secrets?: readonly string[];
  readonly volumes?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

for (const [file, apart, least] of [["deploy/compose.yaml", "service", 3], ["deploy/scaled-out.compose.yaml", "api", 8]] as const) {
  describe(file, () => {
    const text = page(file);
    const compose = parse(text, { merge: true }) as { services: Record<string, Service>; secrets: Record<string, { file: string }>; networks: object; volumes: object };
    const services = Object.entries(compose.services);

    test("sets only what the program reads", () => {
      assertKnown(text, least);
    });

    test("hardens and bounds every service", () => {
      for (const [name, service] of services) {
        assert.deepEqual([service.read_only, service.cap_drop, service.security_opt], [true, ["ALL"], ["no-new-privileges:true"]], name);
        assert.ok(service.mem_limit !== undefined && service.pids_limit !== undefined && service.cpus !== undefined, name);
      }
    });

    test("names only secrets, networks and volumes that it has", () => {
      for (const [name, service] of services) {
        for (const secret of service.secrets ?? []) assert.ok(Object.hasOwn(compose.secrets, secret), `${name}: ${secret}`);
        for (const network of service.networks ?? []) assert.ok(Object.hasOwn(compose.networks, network), `${name}: ${network}`);
        for (const volume of service.volumes ?? []) assert.ok(Object.hasOwn(compose.volumes, volume.split(":", 1)[0]!), `${name}: ${volume}`);
      }
    });

    test("lets whoever faces clients read the metadata alone, apart from the API", () => {
      const web = compose.services["web"]!;
      assert.deepEqual(web.volumes, ["metadata:/srv/packages/metadata:ro"]);
      assert.ok(!(web.networks ?? []).some((network) => (compose.services[apart]?.networks ?? []).includes(network)));
      assert.equal(web.secrets, undefined);
    });
  });
}

describe("deploy/scaled-out.compose.yaml", () => {
  const compose = parse(page("deploy/scaled-out.compose.yaml"), { merge: true }) as { services: Record<string, Service & { readonly deploy?: { readonly replicas: number }; readonly command?: readonly string[] }>; networks: Record<string, { readonly internal?: boolean }> };

  test("runs one API and two workers on one database, which nobody outside reaches", () => {
    const { api, worker, database } = compose.services;
    assert.deepEqual([api?.command, worker?.command, worker?.deploy?.replicas], [["api"], ["worker"], 2]);
    assert.equal(api?.environment?.["RSTUF_DATABASE_URL"], worker?.environment?.["RSTUF_DATABASE_URL"]);
    assert.deepEqual([database?.networks, compose.networks["storage"]], [["storage"], { internal: true }]);
  });

  test("keeps the online key from all but workers, and the metadata from being written by all but workers", () => {
    for (const [name, service] of Object.entries(compose.services)) {
      const volumes = service.volumes ?? [];
      assert.equal(volumes.some((volume) => volume.startsWith("keys:")), name === "worker", name);
      assert.equal(volumes.some((volume) => volume.startsWith("metadata:") && !volume.endsWith(":ro")), name === "worker", name);
    }
  });
});

test("deploy/web.conf serves as docs/integrate/nginx.md says", () => {
  const own = page("deploy/web.conf");
  for (const line of ["etag off;", "if_modified_since off;", 'add_header Cache-Control "no-cache";', 'add_header Cache-Control "no-store" always;', 'location ~ "^/metadata/[1-9][0-9]*\\.[A-Za-z0-9_-]+\\.json$" {']) {
    assert.ok(own.includes(line) && page("docs/integrate/nginx.md").includes(line), line);
  }
});

describe("deploy/helm/rstuf", () => {
  const folder = "deploy/helm/rstuf";
  const templates = globSync(join(ROOT, folder, "templates", "*")).sort().map((file) => readFileSync(file, "utf8"));
  const text = templates.join("\n");
  const values = parse(page(`${folder}/values.yaml`)) as Record<string, unknown>;

  test("sets only what the program reads, and its configuration is one", () => {
    assertKnown(text, 9);
    const config = join(mkdtempSync(join(tmpdir(), "rstuf-helm-")), "rstuf.yaml");
    writeFileSync(config, JSON.stringify(values["config"]));
    const { database, storage } = loadConfig({ configFile: config, environment: {}, cwd: ROOT }).config;
    assert.deepEqual([database.url, storage.kind], ["postgresql://rstuf@db.example.org/rstuf", "s3"]);
    rmSync(dirname(config), { recursive: true });
  });

  test("uses no value that values.yaml lacks, and values.yaml has none that the schema lacks", () => {
    const used = new Set([...text.matchAll(/\$?\.Values((?:\.[A-Za-z]+)+)/g)].map(([, path]) => path!.slice(1)));
    assert.ok(used.size > 30, String(used.size));
    for (const path of used) assert.notEqual(path.split(".").reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], values), undefined, path);
    const schema = JSON.parse(page(`${folder}/values.schema.json`)) as { properties: Record<string, { properties?: object }> };
    assert.deepEqual(Object.keys(values).filter((name) => !Object.hasOwn(schema.properties, name)), []);
    for (const name of ["image", "secrets", "api", "worker"]) assert.deepEqual(Object.keys(values[name] as object).filter((each) => !Object.hasOwn(schema.properties[name]?.properties ?? {}, each)), [], name);
  });

  test("opens and closes every block, and includes only what is defined", () => {
    for (const template of templates) {
      const opened = [...template.matchAll(/\{\{-? *(?:if|with|range|define) /g)].length;
      assert.equal([...template.matchAll(/\{\{-? *end *-?\}\}/g)].length, opened);
    }
    const defined = new Set([...text.matchAll(/define "([^"]+)"/g)].map(([, name]) => name));
    for (const [, name] of text.matchAll(/include "([^"]+)"/g)) assert.ok(defined.has(name), name);
  });

  test("runs every container without rights, and lets only workers see online keys", () => {
    const containers = (template: string): number => [...template.matchAll(/^ +image: \{\{/gm)].length;
    for (const template of templates) assert.equal([...template.matchAll(/include "rstuf\.containerSecurity"/g)].length, containers(template));
    assert.match(text, /readOnlyRootFilesystem: true/);
    assert.deepEqual(templates.filter((template) => template.includes("secrets.keys.name")).map((template) => /args: \[(\w+)\]/.exec(template)?.[1]), ["worker"]);
  });
});

describe("Dockerfile", () => {
  const text = page("Dockerfile");

  test("sets only what the program reads", () => {
    assertKnown(text, 3);
  });

  test("copies what is there, and .dockerignore lets through", () => {
    const let_through = page(".dockerignore").split("\n").filter((line) => line.startsWith("!")).map((line) => line.slice(1));
    const copied = [...text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources]) => sources!.split(" "));
    assert.ok(copied.length > 8);
    for (const source of copied) {
      assert.ok(existsSync(join(ROOT, source)), source);
      assert.ok(let_through.some((path) => source.replace(/^\.\//, "") === path), `${source} is let through`);
    }
  });

  test("ends as a user without rights, with a health check", () => {
    const last = text.slice(text.lastIndexOf("\nFROM "));
    assert.match(last, /^USER 10001:10001$/m);
    assert.match(last, /^HEALTHCHECK .*\n? +CMD \["node"/m);
    assert.match(last, /^ENTRYPOINT \["node", "\/opt\/rstuf\/bin\/rstuf\.js"\]$/m);
  });
});

describe("deploy/systemd/rstuf.service", () => {
  const text = page("deploy/systemd/rstuf.service");

  test("sets only what the program reads", () => {
    assertKnown(text, 1);
  });

  test("runs the program with its own command, without rights, and leaves JavaScript its compiler", () => {
    assert.match(text, /^ExecStart=\/usr\/bin\/node \/opt\/rstuf\/bin\/rstuf\.js serve --config \/etc\/rstuf\/rstuf\.yaml$/m);
    for (const line of ["NoNewPrivileges=true", "ProtectSystem=strict", "CapabilityBoundingSet=", "User=rstuf"]) assert.ok(text.split("\n").includes(line), line);
    assert.ok(!/^MemoryDenyWriteExecute=/m.test(text));
  });
});
