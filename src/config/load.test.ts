import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import { inspect } from "node:util";
import { environmentName } from "./environment.ts";
import { ConfigError, loadConfig, printable, type ConfigInput } from "./load.ts";
import { configurationPage } from "./page.ts";
import { SETTINGS } from "./schema.ts";

const folder = mkdtempSync(join(tmpdir(), "rstuf-config-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const load = (input: Partial<ConfigInput>) => loadConfig({ environment: {}, cwd: folder, ...input });
const yaml = (text: string): string => {
  const path = join(folder, `${Math.random().toString(36).slice(2)}.yml`);
  writeFileSync(path, text);
  return path;
};
const written = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const faultsOf = (input: Partial<ConfigInput>): ConfigError => {
  try {
    load(input);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error;
  }
  return assert.fail("the configuration was accepted");
};

describe("loadConfig", () => {
  test("needs nothing, and its folders lie in the data directory", () => {
    const { config, warnings } = load({});
    assert.equal(config.server.host, "127.0.0.1");
    assert.equal(config.server.port, 8080);
    assert.equal(config.dataDir, join(folder, "rstuf-data"));
    assert.equal(config.keyDir, join(folder, "rstuf-data", "keys"));
    assert.equal(config.metadata.directory, join(folder, "rstuf-data", "metadata"));
    assert.equal(config.api.maxBodyBytes, 64 * 1024 * 1024);
    assert.deepEqual(config.signers.allow, []);
    assert.deepEqual(warnings, []);
  });

  test("follows a data directory that was moved", () => {
    const { config } = load({ flags: { dataDir: "elsewhere" } });
    assert.equal(config.keyDir, join(folder, "elsewhere", "keys"));
  });

  test("takes the flag before the variable, the variable before the file, the file before the default", () => {
    const configFile = yaml("server: { port: 1 }\npublisher: { tickMs: 1000 }\nlog: { level: warn }\n");
    const environment = { RSTUF_SERVER_PORT: "2", RSTUF_PUBLISHER_TICK_MS: "2000" };
    const { config } = load({ configFile, environment, flags: { "server.port": "3" } });
    assert.deepEqual([config.server.port, config.publisher.tickMs, config.log.level], [3, 2000, "warn"]);
  });

  test("reads the file that RSTUF_CONFIG names, and paths in it from its folder", () => {
    mkdirSync(join(folder, "etc"), { recursive: true });
    const configFile = join(folder, "etc", "rstuf.yml");
    writeFileSync(configFile, "dataDir: state\n");
    assert.equal(load({ environment: { RSTUF_CONFIG: configFile } }).config.dataDir, join(folder, "etc", "state"));
  });

  test("is frozen all the way", () => {
    const { config } = load({ configFile: yaml("signers: { allow: ['file:/k'] }") });
    assert.ok(Object.isFrozen(config) && Object.isFrozen(config.server) && Object.isFrozen(config.signers.allow));
  });

  test("counts an empty variable as not set", () => {
    assert.equal(load({ environment: { RSTUF_SERVER_PORT: "" } }).config.server.port, 8080);
  });

  test("reads lists from the environment with commas between", () => {
    const environment = { RSTUF_SIGNERS_ALLOW: "file:/run/a.pem, env:RSTUF_KEY_ONE" };
    assert.deepEqual(load({ environment }).config.signers.allow, ["file:/run/a.pem", "env:RSTUF_KEY_ONE"]);
  });

  test("reads an address with an IPv6 host", () => {
    assert.deepEqual(load({ flags: { "metadata.listen": "[::1]:81" } }).config.metadata.listen, { host: "::1", port: 81 });
  });

  test("lists every fault at once, with its key and where it came from", () => {
    const configFile = yaml("server:\n  port: eighty\nsnapshot:\n  hashes: some\npublisher:\n  minIntervallMs: 3\ntls: 5\n");
    const error = faultsOf({ configFile, environment: { RSTUF_API_MAX_BODY_BYTES: "64MiB" }, flags: { "trial.bins": "1" } });
    assert.deepEqual(
      error.faults.map(({ key, source }) => [key, source]).sort(),
      [
        ["api.maxBodyBytes", "RSTUF_API_MAX_BODY_BYTES"],
        ["publisher.minIntervallMs", `${configFile}:6`],
        ["server.port", `${configFile}:2`],
        ["snapshot.hashes", `${configFile}:4`],
        ["tls", `${configFile}:7`],
        ["trial.bins", "--bins"],
      ].sort(),
    );
    assert.match(error.message, /whole number of bytes, 1024 to 1073741824/);
    assert.match(error.message, /^The configuration has 6 faults:/);
  });

  test("suggests a key whose name differs in case or group only", () => {
    const error = faultsOf({ configFile: yaml("server: { HOST: 127.0.0.1 }\ntickMs: 5\n") });
    assert.match(error.message, /did you mean server\.host\?/);
    assert.match(error.message, /did you mean publisher\.tickMs\?/);
  });

  const wrong: readonly { readonly name: string; readonly text: string; readonly says: RegExp }[] = [
    { name: "is no YAML", text: "a: [1", says: /is not YAML/ },
    { name: "sets a key twice", text: "keyDir: a\nkeyDir: b\n", says: /is not YAML/ },
    { name: "holds a list", text: "- 1\n", says: /./ },
    { name: "holds a word", text: "hello", says: /should hold keys/ },
  ];
  for (const { name, text, says } of wrong) {
    test(`refuses a file that ${name}`, () => assert.match(faultsOf({ configFile: yaml(text) }).message, says));
  }

  test("accepts an empty file", () => assert.equal(load({ configFile: yaml("# nothing\n") }).config.server.port, 8080));

  test("refuses a file that is not there", () => {
    const error = faultsOf({ configFile: "nowhere.yml" });
    assert.deepEqual(error.faults.map(({ key, source }) => [key, source]), [[join(folder, "nowhere.yml"), "--config"]]);
  });
});

describe("contradictions", () => {
  const tokens = written("tokens.yml", "tokens: []\n");
  const cases: readonly { readonly name: string; readonly flags: Record<string, string | boolean>; readonly keys: string }[] = [
    { name: "a network address without tokens", flags: { "server.host": "0.0.0.0" }, keys: "server.host, api.tokensFile" },
    { name: "a host name, which may resolve to anything", flags: { "server.host": "localhost.example" }, keys: "server.host, api.tokensFile" },
    { name: "tokens and a flag that says none are needed", flags: { "api.tokensFile": tokens, "api.allowUnauthenticatedWritesFromTheNetwork": true }, keys: "api.tokensFile, api.allowUnauthenticatedWritesFromTheNetwork" },
    { name: "a certificate without its key", flags: { "tls.cert": tokens }, keys: "tls.cert, tls.key" },
    { name: "keys among the published files", flags: { keyDir: "m/keys", "metadata.directory": "m" }, keys: "keyDir, metadata.directory" },
    { name: "a database among the published files", flags: { "metadata.directory": ".", keyDir: "../k" }, keys: "dataDir, metadata.directory" },
    { name: "two listeners on one address", flags: { "metadata.listen": "127.0.0.1:8080" }, keys: "metadata.listen, server.port" },
    { name: "a request larger than the backlog", flags: { "publisher.maxBacklogChanges": "10" }, keys: "api.maxArtifactsPerRequest, publisher.maxBacklogChanges" },
    { name: "headers slower than the request", flags: { "api.requestTimeoutMs": "5000" }, keys: "api.headersTimeoutMs, api.requestTimeoutMs" },
    { name: "a password given twice", flags: { "signers.password": "x", "signers.passwordFile": tokens }, keys: "signers.password, signers.passwordFile" },
  ];
  for (const { name, flags, keys } of cases) {
    test(`refuses ${name}`, () => assert.deepEqual(faultsOf({ flags }).faults.map(({ key }) => key), [keys]));
  }

  for (const host of ["127.0.0.1", "127.1.2.3", "::1", "localhost"]) {
    test(`needs no tokens on ${host}`, () => assert.equal(load({ flags: { "server.host": host } }).config.server.host, host));
  }

  test("a network address is accepted with tokens, or with the frank flag", () => {
    load({ flags: { "server.host": "0.0.0.0", "api.tokensFile": tokens } });
    load({ flags: { "server.host": "0.0.0.0", "api.allowUnauthenticatedWritesFromTheNetwork": true } });
    // One file may serve APIs and workers: a worker listens at no such address.
    load({ flags: { "server.host": "0.0.0.0" }, purpose: "no-api" });
  });
});

describe("secrets", () => {
  test("come from a variable, or from the file that …_FILE names", () => {
    const path = written("password", "hunter2\nmore\n");
    assert.equal(load({ environment: { RSTUF_SIGNERS_PASSWORD: "hunter1" } }).config.signers.password?.reveal(), "hunter1");
    assert.equal(load({ environment: { RSTUF_SIGNERS_PASSWORD_FILE: path } }).config.signers.password?.reveal(), "hunter2");
  });

  test("are never printed, whatever prints them", () => {
    const { config } = load({ environment: { RSTUF_SIGNERS_PASSWORD: "hunter2" } });
    const texts = [JSON.stringify(config), inspect(config, { depth: 9 }), String(config.signers.password), JSON.stringify(printable(config))];
    for (const text of texts) assert.ok(!text.includes("hunter2"), text);
    assert.equal(printable(config)["signers.password"]?.toString(), "[secret]");
  });

  test("are not in a fault either", () => {
    assert.ok(!faultsOf({ environment: { RSTUF_SIGNERS_PASSWORD: "two\nlines" } }).message.includes("two"));
  });

  test("each have a sibling key for a file", () => {
    const secrets = [...SETTINGS].filter(([, setting]) => setting.secret).map(([key]) => key);
    assert.ok(secrets.length > 0);
    for (const key of secrets) assert.ok(SETTINGS.has(`${key}File`), key);
  });
});

describe("names of the Python implementation", () => {
  test("are read with one warning each that gives the new name", () => {
    const environment = { RSTUF_ONLINE_KEY_DIR: "k", RSTUF_LOCAL_STORAGE_BACKEND_PATH: "m", RSTUF_DISABLE_ENDPOINTS: "/api/v1/bootstrap/:{'POST'}/api/v1/artifacts/publish/" };
    const { config, warnings } = load({ environment });
    assert.equal(config.keyDir, join(folder, "k"));
    assert.equal(config.metadata.directory, join(folder, "m"));
    assert.deepEqual(config.api.disabledEndpoints, ["/api/v1/bootstrap/", "POST /api/v1/artifacts/publish/"]);
    assert.equal(warnings.length, 3);
    assert.ok(warnings.some((warning) => warning.includes("RSTUF_KEY_DIR (keyDir)")));
  });

  test("stand back behind the new name", () => {
    const { config, warnings } = load({ environment: { RSTUF_ONLINE_KEY_DIR: "old", RSTUF_KEY_DIR: "new" } });
    assert.equal(config.keyDir, join(folder, "new"));
    assert.equal(warnings.length, 1);
  });

  test("for broker, Redis and SQL only warn", () => {
    const { warnings } = load({ environment: { RSTUF_BROKER_SERVER: "redis://r", RSTUF_REDIS_SERVER: "redis://r", RSTUF_DB_PASSWORD: "hunter2" } });
    assert.equal(warnings.length, 3);
    assert.ok(!warnings.join().includes("hunter2"));
  });

  test("for a bucket are carried over", () => {
    const environment = { RSTUF_STORAGE_BACKEND: "AWSS3", RSTUF_AWS_STORAGE_BUCKET: "b1c", RSTUF_AWS_ACCESS_KEY_ID: "id", RSTUF_AWS_SECRET_ACCESS_KEY: "hunter2", RSTUF_AWS_S3_OBJECT_ACL: "public-read" };
    const { config, warnings } = load({ environment });
    assert.deepEqual([config.storage.kind, config.storage.bucket, config.storage.acl, config.storage.secretAccessKey?.reveal()], ["s3", "b1c", "public-read", "hunter2"]);
    assert.equal(warnings.length, 5);
    assert.ok(!JSON.stringify([warnings, printable(config)]).includes("hunter2"));
    assert.equal(load({ environment: { RSTUF_STORAGE_BACKEND: "LocalStorage" } }).config.storage.kind, "folder");
  });

  test("for a storage there never was end the start", () => {
    assert.deepEqual(faultsOf({ environment: { RSTUF_STORAGE_BACKEND: "Tape" } }).faults.map(({ key }) => key), ["storage.kind"]);
  });

  test("log levels may be spelled as in Python", () => {
    assert.equal(load({ environment: { RSTUF_LOG_LEVEL: "WARNING" } }).config.log.level, "warn");
  });

  test("a variable that names no key is reported, one that holds a key is not", () => {
    const { warnings } = load({ environment: { RSTUF_PUBLISER_TICK_MS: "1", RSTUF_KEY_ONLINE: "-----BEGIN" } });
    assert.deepEqual(warnings, ["RSTUF_PUBLISER_TICK_MS names no configuration key; it is ignored."]);
  });
});

describe("a bucket", () => {
  const keysOf = (environment: Record<string, string>): readonly string[] => faultsOf({ environment }).faults.map(({ key }) => key);

  test("needs a name, and a key both its halves", () => {
    assert.deepEqual(keysOf({ RSTUF_STORAGE_KIND: "s3" }), ["storage.kind, storage.bucket"]);
    assert.deepEqual(keysOf({ RSTUF_STORAGE_KIND: "s3", RSTUF_STORAGE_BUCKET: "b1c", RSTUF_STORAGE_ACCESS_KEY_ID: "id" }), ["storage.accessKeyId, storage.secretAccessKey"]);
  });

  test("is not said in silence beside a folder, nor a folder beside it", () => {
    assert.deepEqual(keysOf({ RSTUF_STORAGE_BUCKET: "b1c" }), ["storage.kind, storage.bucket"]);
    assert.deepEqual(keysOf({ RSTUF_STORAGE_KIND: "s3", RSTUF_STORAGE_BUCKET: "b1c", RSTUF_METADATA_DIRECTORY: "m" }), ["storage.kind, metadata.directory"]);
  });

  test("of one kind is not given what only another reads", () => {
    assert.deepEqual(keysOf({ RSTUF_STORAGE_KIND: "gcs", RSTUF_STORAGE_BUCKET: "b1c", RSTUF_STORAGE_REGION: "eu" }), ["storage.kind, storage.region"]);
    assert.deepEqual(keysOf({ RSTUF_STORAGE_KIND: "azure", RSTUF_STORAGE_BUCKET: "b1c" }), ["storage.kind, storage.account"]);
  });

  test("has no credentials in its address, and takes its secret from a file", () => {
    assert.deepEqual(keysOf({ RSTUF_STORAGE_KIND: "s3", RSTUF_STORAGE_BUCKET: "b1c", RSTUF_STORAGE_ENDPOINT: "https://id:secret@s3.example.org" }), ["storage.endpoint"]);
    const file = join(folder, "secret-access-key");
    writeFileSync(file, "hunter2\n");
    const { config } = load({ environment: { RSTUF_STORAGE_KIND: "s3", RSTUF_STORAGE_BUCKET: "b1c", RSTUF_STORAGE_ACCESS_KEY_ID: "id", RSTUF_STORAGE_SECRET_ACCESS_KEY_FILE: file, RSTUF_STORAGE_ENDPOINT: "http://127.0.0.1:9000/" } });
    assert.equal(config.storage.secretAccessKey?.reveal(), "hunter2");
    assert.equal(config.storage.endpoint, "http://127.0.0.1:9000");
  });
});

describe("the table of keys", () => {
  test("gives each key a variable of its own", () => {
    assert.equal(environmentName("publisher.minIntervalMs"), "RSTUF_PUBLISHER_MIN_INTERVAL_MS");
    assert.equal(new Set([...SETTINGS.keys()].map(environmentName)).size, SETTINGS.size);
  });

  test("holds defaults that its own readers accept", () => {
    for (const [key, setting] of SETTINGS) {
      if (setting.value === undefined || setting.value === "") continue;
      assert.deepEqual(setting.read(setting.value, folder) === setting.value || key === "dataDir" || Array.isArray(setting.value), true, key);
    }
  });

  test("names the unit of a time or a size in the key", () => {
    for (const [key, setting] of SETTINGS) {
      if (setting.form.includes("milliseconds")) assert.match(key, /Ms$/);
      if (setting.form.includes("of bytes")) assert.match(key, /Bytes$/);
    }
  });

  test("is what the documentation says", () => {
    const page = join(dirname(dirname(import.meta.dirname)), "docs", "operate", "configuration.md");
    assert.equal(readFileSync(page, "utf8"), configurationPage(), "run: node tools/configuration-page.ts");
  });
});
