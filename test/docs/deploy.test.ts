// What is under deploy/, and the Dockerfile: parseable, hardened, and in the program's own words.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { environmentName } from "../../src/config/environment.ts";
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
  readonly networks?: readonly string[];
  readonly secrets?: readonly string[];
  readonly volumes?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

describe("deploy/compose.yaml", () => {
  const text = page("deploy/compose.yaml");
  const compose = parse(text) as { services: Record<string, Service>; secrets: Record<string, { file: string }>; networks: object; volumes: object };
  const services = Object.entries(compose.services);

  test("sets only what the program reads", () => {
    assertKnown(text, 3);
  });

  test("hardens and bounds every service", () => {
    for (const [name, service] of services) {
      assert.deepEqual([service.read_only, service.cap_drop, service.security_opt], [true, ["ALL"], ["no-new-privileges:true"]], name);
      assert.ok(service.mem_limit !== undefined && service.pids_limit !== undefined, name);
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
    const { web, service } = compose.services as { web: Service; service: Service };
    assert.deepEqual(web.volumes, ["metadata:/srv/packages/metadata:ro"]);
    assert.ok(!(web.networks ?? []).some((network) => (service.networks ?? []).includes(network)));
    assert.equal(web.secrets, undefined);
  });

  test("serves as docs/integrate/nginx.md says", () => {
    const own = page("deploy/web.conf");
    for (const line of ["etag off;", "if_modified_since off;", 'add_header Cache-Control "no-cache";', 'add_header Cache-Control "no-store" always;', 'location ~ "^/metadata/[1-9][0-9]*\\.[A-Za-z0-9_-]+\\.json$" {']) {
      assert.ok(own.includes(line) && page("docs/integrate/nginx.md").includes(line), line);
    }
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
