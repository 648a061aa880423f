import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { canonicalize, envelopeBytes } from "./canonical.ts";
import { sha256Hex } from "./crypto.ts";
import type { Json, JsonObject } from "./documents.ts";
import { TufError } from "./errors.ts";
import { checkEnvelope, formatExpires, parseEnvelope, parseExpires, parseSigned } from "./parse.ts";
import { goldenFiles } from "../../test/golden/repository.ts";

const vectors = ["python-tuf.json", "go-tuf.json"].map(
  (name) => JSON.parse(readFileSync(new URL(`vectors/${name}`, import.meta.url), "utf8")) as { origin: string; files: Record<string, string>; fileCanonicalSha256?: Record<string, string> },
);

const golden = goldenFiles();
const fresh = (name: string): Record<string, unknown> => JSON.parse((golden.get(name) as Buffer).toString()) as Record<string, unknown>;

/** The golden document with the member at `path` replaced, or removed where `value` is undefined. */
function changed(name: string, path: readonly (string | number)[], value: unknown): Buffer {
  const document = fresh(name);
  let parent = document as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) parent = parent[step] as Record<string | number, unknown>;
  const last = path.at(-1) as string | number;
  if (value === undefined) Reflect.deleteProperty(parent, last);
  else parent[last] = value;
  return Buffer.from(JSON.stringify(document));
}

const code = (wanted: string) => (error: unknown): boolean => error instanceof TufError && error.code === wanted;

describe("parseEnvelope", () => {
  for (const { origin, files, fileCanonicalSha256 } of vectors) {
    for (const [name, text] of Object.entries(files)) {
      test(`reads ${name} of ${origin.split(",")[0]}, unknown members and all`, () => {
        const parsed = parseEnvelope(Buffer.from(text));
        assert.deepEqual(parsed.envelope, JSON.parse(text));
        if (fileCanonicalSha256 !== undefined) assert.equal(sha256Hex(parsed.canonical), fileCanonicalSha256[name]);
        assert.equal(parsed.canonical, parsed.canonical, "made once");
      });
    }
  }

  const some = fc.jsonValue().filter((value) => !/[.e]|-0|null|__proto__|prototype|constructor/.test(JSON.stringify(value)) && numbersIn(value).every(Number.isSafeInteger));
  const integers = some.map((value) => JSON.parse(JSON.stringify(value), (_, v: unknown) => (typeof v === "number" ? Math.trunc(v) : v)) as Json);
  for (const name of ["1.root.json", "timestamp.json", "7.snapshot.json", "5.targets.json", "6.classic.json", "3.bins-0.json"]) {
    test(`property: parse and write ${name} with unknown members anywhere is the identity`, () => {
      fc.assert(fc.property(integers, fc.infiniteStream(fc.nat(3)), (value, choices) => {
        // An unknown member in every object but those whose members are names.
        const named = ["keys", "roles", "meta", "targets", "hashes"];
        const grown = JSON.parse((golden.get(name) as Buffer).toString(), (key, member: unknown) =>
          typeof member === "object" && member !== null && !Array.isArray(member) && !named.includes(key) && choices.next().value === 0
            ? { ...member, "x-unknown": value } : member) as JsonObject;
        const { signed, signatures, envelope, canonical } = parseEnvelope(Buffer.from(JSON.stringify(grown, null, 2)));
        assert.deepEqual(envelope, grown);
        const again = parseEnvelope(envelopeBytes(canonical, signatures));
        assert.deepEqual(again.signed, signed);
        assert.ok(again.canonical.equals(canonical));
        assert.ok(canonicalize(grown["signed"] as Json).equals(canonical));
      }), { numRuns: 40 });
    });
  }

  const accepted: [name: string, file: string, path: (string | number)[], value: unknown][] = [
    ["no signatures", "1.root.json", ["signatures"], []],
    ["an empty and a foreign signature", "1.root.json", ["signatures"], [{ keyid: "a", sig: "" }, { keyid: "zz", sig: "AB", extra: 1 }]],
    ["a key of unknown type", "1.root.json", ["signed", "keys", "future"], { keytype: "sigstore-oidc", scheme: "Fulcio", keyval: { identity: "a", issuer: "b" } }],
    ["a fifth role in root", "1.root.json", ["signed", "roles", "mirrors"], { keyids: [], threshold: 1 }],
    ["a role without keys", "1.root.json", ["signed", "roles", "snapshot", "keyids"], ["gone"]],
    ["spec_version 1.0", "1.root.json", ["signed", "spec_version"], "1.0"],
    ["spec_version 1.1.0", "1.root.json", ["signed", "spec_version"], "1.1.0"],
    ["a snapshot that lists root", "7.snapshot.json", ["signed", "meta", "root.json"], { version: 1 }],
    ["a snapshot with the version alone", "timestamp.json", ["signed", "meta", "snapshot.json"], { version: 1 }],
    ["an empty list of roles", "6.classic.json", ["signed", "delegations", "roles"], []],
    ["upper-case hash prefixes", "6.classic.json", ["signed", "delegations", "roles", 1, "path_hash_prefixes"], ["AB"]],
  ];
  for (const [name, file, path, value] of accepted) {
    test(`takes ${name}`, () => { parseEnvelope(changed(file, path, value)); });
  }

  const role = { keyids: ["k"], threshold: 1 };
  const delegated = { name: "p", ...role, terminating: false, paths: ["a"] };
  const refused: [name: string, file: string, path: (string | number)[], value: unknown, code?: string][] = [
    ["no signatures member", "1.root.json", ["signatures"], undefined],
    ["signatures that are no list", "1.root.json", ["signatures"], {}],
    ["a signature without keyid", "1.root.json", ["signatures"], [{ sig: "00" }]],
    ["a signature that is no text", "1.root.json", ["signatures"], [{ keyid: "a", sig: 1 }]],
    ["a keyid twice in the signatures", "1.root.json", ["signatures"], [{ keyid: "a", sig: "" }, { keyid: "a", sig: "00" }]],
    ["no signed member", "1.root.json", ["signed"], undefined],
    ["signed that is a list", "1.root.json", ["signed"], []],
    ["an unknown type", "1.root.json", ["signed", "_type"], "mirrors", "document-type"],
    ["a type named as every object's member", "1.root.json", ["signed", "_type"], "toString", "document-type"],
    ["another type than expected", "timestamp.json", ["signed", "version"], 1, "document-type"],
    ["version 0", "1.root.json", ["signed", "version"], 0],
    ["a version that is text", "1.root.json", ["signed", "version"], "1"],
    ["spec_version 2.0.0", "1.root.json", ["signed", "spec_version"], "2.0.0", "document-spec-version"],
    ["spec_version 1.0.0-rc1", "1.root.json", ["signed", "spec_version"], "1.0.0-rc1", "document-spec-version"],
    ["spec_version 1", "1.root.json", ["signed", "spec_version"], "1", "document-spec-version"],
    ["expires with a fraction", "1.root.json", ["signed", "expires"], "2030-01-01T00:00:00.000Z", "document-expires"],
    ["no consistent_snapshot", "1.root.json", ["signed", "consistent_snapshot"], undefined],
    ["keys that are a list", "1.root.json", ["signed", "keys"], []],
    ["a key without keyval", "1.root.json", ["signed", "keys", "x"], { keytype: "a", scheme: "b" }],
    ["root without the timestamp role", "1.root.json", ["signed", "roles", "timestamp"], undefined],
    ["threshold 0", "1.root.json", ["signed", "roles", "root", "threshold"], 0],
    ["a keyid twice in a role", "1.root.json", ["signed", "roles", "root", "keyids"], ["a", "a"]],
    ["a timestamp without snapshot.json", "timestamp.json", ["signed", "meta"], {}],
    ["a negative length", "timestamp.json", ["signed", "meta", "snapshot.json", "length"], -1],
    ["empty hashes", "timestamp.json", ["signed", "meta", "snapshot.json", "hashes"], {}],
    ["a hash that is no text", "timestamp.json", ["signed", "meta", "snapshot.json", "hashes"], { sha256: 1 }],
    ["version 0 in snapshot", "7.snapshot.json", ["signed", "meta", "bins-0.json", "version"], 0],
    ["a target without length", "3.bins-0.json", ["signed", "targets", "x"], { hashes: { sha256: "00" } }],
    ["a target without hashes", "3.bins-0.json", ["signed", "targets", "x"], { length: 1 }],
    ["custom that is null", "3.bins-0.json", ["signed", "targets", "x"], { length: 1, hashes: { sha256: "00" }, custom: null }],
    ["delegations that are null", "5.targets.json", ["signed", "delegations"], null],
    ["roles and succinct_roles", "5.targets.json", ["signed", "delegations", "roles"], []],
    ["neither roles nor succinct_roles", "5.targets.json", ["signed", "delegations", "succinct_roles"], undefined],
    ["bit_length 0", "5.targets.json", ["signed", "delegations", "succinct_roles", "bit_length"], 0],
    ["bit_length 33", "5.targets.json", ["signed", "delegations", "succinct_roles", "bit_length"], 33],
    ["a delegated role without terminating", "6.classic.json", ["signed", "delegations", "roles", 0, "terminating"], undefined],
    ["a delegated role without paths", "6.classic.json", ["signed", "delegations", "roles", 0, "paths"], undefined],
    ["a delegated role with paths and prefixes", "6.classic.json", ["signed", "delegations", "roles", 0, "path_hash_prefixes"], ["a"]],
    ["a delegated role twice", "6.classic.json", ["signed", "delegations", "roles"], [delegated, delegated]],
    ["a delegated role named snapshot", "6.classic.json", ["signed", "delegations", "roles", 0, "name"], "snapshot"],
    ["a delegated role without a name", "6.classic.json", ["signed", "delegations", "roles", 0, "name"], ""],
  ];
  for (const [name, file, path, value, wanted = "document-field"] of refused) {
    test(`refuses ${name}`, () => {
      const type = wanted === "document-type" ? "root" : undefined;
      assert.throws(() => parseEnvelope(changed(file, path, value), type), code(wanted));
    });
  }
  test("says where", () => {
    assert.throws(() => parseEnvelope(changed("7.snapshot.json", ["signed", "meta", "bins-1.json", "version"], "x")),
      (error: unknown) => error instanceof TufError && error.at?.join("|") === "signed|meta|bins-1.json|version" && error.message.startsWith("signed.meta.bins-1.json.version "));
  });

  test("property: hostile documents are read or refused with a code, never anything else", () => {
    const names = [...golden.keys()].filter((name) => name !== "names.json");
    fc.assert(fc.property(fc.constantFrom(...names), fc.nat(), fc.oneof(fc.constant(undefined), fc.jsonValue({ maxDepth: 2 })), (name, pick, value) => {
      const paths: (string | number)[][] = [];
      const walk = (node: unknown, path: (string | number)[]): void => {
        if (path.length > 0) paths.push(path);
        if (typeof node === "object" && node !== null) for (const [key, child] of Object.entries(node)) walk(child, [...path, Array.isArray(node) ? Number(key) : key]);
      };
      walk(fresh(name), []);
      const path = paths[pick % paths.length] as (string | number)[];
      try {
        assert.ok(parseEnvelope(changed(name, path, value)).canonical.length > 0);
      } catch (error) {
        assert.ok(error instanceof TufError && /^(json|document)-/.test(error.code), String(error));
      }
    }), { numRuns: 1000 });
  });

  test("reads a snapshot of 16,384 bins", () => {
    const document = fresh("7.snapshot.json") as { signed: { meta: Record<string, unknown> } };
    for (let i = 0; i < 16_384; i++) document.signed.meta[`bins-${i.toString(16).padStart(4, "0")}.json`] = { version: i + 1 };
    const bytes = Buffer.from(JSON.stringify(document));
    const { signed, canonical } = parseEnvelope(bytes, "snapshot");
    assert.equal(Object.keys(signed.meta).length, 16_387);
    assert.ok(canonical.length > 500_000);
  });
});

describe("parseSigned", () => {
  test("reads canonical bytes with bare control characters", () => {
    const { signed, canonical } = parseEnvelope(golden.get("1.root.json") as Buffer, "root");
    assert.ok(canonical.includes(0x0a), "the root holds a bare newline");
    assert.deepEqual(parseSigned(canonical, "root"), signed);
  });
  test("reads indented JSON too", () => {
    const { signed } = parseEnvelope(golden.get("1.root.json") as Buffer, "root");
    assert.deepEqual(parseSigned(Buffer.from(JSON.stringify(signed, null, 2)), "root"), signed);
  });
  test("refuses another type", () => {
    assert.throws(() => parseSigned(parseEnvelope(golden.get("timestamp.json") as Buffer).canonical, "root"), code("document-type"));
  });
});

describe("checkEnvelope", () => {
  test("returns the very value it was given", () => {
    const value = fresh("1.root.json") as Json;
    assert.equal(checkEnvelope(value, "root"), value);
  });
});

describe("expires", () => {
  test("property: formatted and parsed is the same second", () => {
    fc.assert(fc.property(fc.date({ min: new Date(0), max: new Date("9999-12-31T23:59:59Z"), noInvalidDate: true }), (date) => {
      assert.equal(parseExpires(formatExpires(date.getTime())), Math.floor(date.getTime() / 1000) * 1000);
    }), { numRuns: 300 });
  });
  for (const text of ["", "2030-01-01", "2030-01-01T00:00:00", "2030-01-01T00:00:00z", "2030-01-01t00:00:00Z", "2030-01-01 00:00:00Z", "2030-01-01T00:00:00.000Z", "2030-01-01T00:00:00.123456Z",
    "2030-01-01T00:00:00+00:00", "2030-02-30T00:00:00Z", "2030-13-01T00:00:00Z", "2030-01-01T24:00:00Z", "2030-01-01T23:59:60Z", "2030-1-1T0:0:0Z", "+002030-01-01T00:00:00Z", " 2030-01-01T00:00:00Z", "2030-01-01T00:00:00Z\n", "٢030-01-01T00:00:00Z"]) {
    test(`refuses ${JSON.stringify(text)}`, () => { assert.throws(() => parseExpires(text), code("document-expires")); });
  }
});

/** Every number in a JSON value, at any depth. */
function numbersIn(value: unknown): number[] {
  if (typeof value === "number") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(numbersIn) : [];
}
