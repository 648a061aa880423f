import { describe, test } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { canonicalize, embed } from "./canonical.ts";
import type { Json } from "./documents.ts";
import { TufError } from "./errors.ts";
import type { TufErrorCode } from "./errors.ts";
import { parseJson, readJson } from "./json.ts";
import type { JsonOptions } from "./json.ts";

const read = (text: string, options?: JsonOptions): Json => parseJson(Buffer.from(text), options);

function refusal(run: () => unknown): TufError {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof TufError, String(error));
    return error;
  }
  assert.fail("accepted");
}

describe("parseJson", () => {
  const accepted: { name: string; text: string; value: Json; options?: JsonOptions }[] = [
    { name: "an indented document", text: ' {\n "b" : [ 1 , -2 , true , false , null ] , "a" : "x" }\r\n\t', value: { b: [1, -2, true, false, null], a: "x" } },
    { name: "the largest and smallest integers", text: "[9007199254740991,-9007199254740991,0]", value: [9007199254740991, -9007199254740991, 0] },
    { name: "escapes, a pair of surrogates among them", text: '["\\u00e9\\ud83d\\ude00\\"\\\\"]', value: ['é😀"\\'] },
    { name: "numbers and braces within strings", text: '{"1.5e3":"{[:,-0 1e400"}', value: { "1.5e3": "{[:,-0 1e400" } },
    { name: "the same name in different objects", text: '{"a":{"a":[{"a":1},{"a":2}]}}', value: { a: { a: [{ a: 1 }, { a: 2 }] } } },
    { name: "the empty name once", text: '{"":1}', value: { "": 1 } },
    { name: "names that only resemble refused ones", text: '{"__proto_":1,"Constructor":2,"toString":3}', value: { __proto_: 1, Constructor: 2, toString: 3 } },
    { name: "64 levels", text: "[".repeat(64) + "]".repeat(64), value: JSON.parse("[".repeat(64) + "]".repeat(64)) as Json },
    { name: "floats, where they are kept", text: "[1.5,1e3,-2.5E-1]", value: [1.5, 1000, -0.25], options: { floats: "keep" } },
    { name: "exactly the allowed size", text: "[1]", value: [1], options: { maxBytes: 3 } },
  ];
  for (const { name, text, value, options } of accepted) {
    test(`reads ${name}`, () => { assert.deepEqual(read(text, options), value); });
  }

  const refused: { name: string; text: string | Uint8Array; code: TufErrorCode; at?: (string | number)[]; options?: JsonOptions }[] = [
    { name: "a member twice", text: '{"x":[0,{"a":1,"b":{},"a":2}]}', code: "json-duplicate", at: ["x", 1, "a"] },
    { name: "a member twice, spelled differently", text: '{"a":1,"\\u0061":1}', code: "json-duplicate", at: ["a"] },
    { name: "__proto__", text: '{"a":{"__proto__":{"x":1}}}', code: "json-member", at: ["a", "__proto__"] },
    { name: "__proto__ twice", text: '{"__proto__":1,"__proto__":2}', code: "json-member", at: ["__proto__"] },
    { name: "__proto__, escaped", text: '{"\\u005f_proto__":1}', code: "json-member", at: ["__proto__"] },
    { name: "constructor", text: '[{"constructor":1}]', code: "json-member", at: [0, "constructor"] },
    { name: "prototype", text: '{"prototype":1}', code: "json-member", at: ["prototype"] },
    { name: "a fraction", text: '{"a":[1,{"length":1.5}]}', code: "json-number", at: ["a", 1, "length"] },
    { name: "1.0", text: '{"version":1.0}', code: "json-number", at: ["version"] },
    { name: "an exponent", text: "[1,1e3]", code: "json-number", at: [1] },
    { name: "1e400", text: '{"a":1e400}', code: "json-number", at: ["a"] },
    { name: "1e400 where floats are kept", text: '{"a":1e400}', code: "json-number", at: ["a"], options: { floats: "keep" } },
    { name: "2^53", text: "[9007199254740992]", code: "json-number", at: [0] },
    { name: "2^53+1, which a double rounds", text: "[9007199254740993]", code: "json-number", at: [0] },
    { name: "9007199254740991.4, which a double rounds to a safe integer", text: "[9007199254740991.4]", code: "json-number", at: [0] },
    { name: "2^53+1 where floats are kept", text: "[9007199254740993]", code: "json-number", at: [0], options: { floats: "keep" } },
    { name: "-0", text: '{"a":-0}', code: "json-number", at: ["a"] },
    { name: "-0.0 where floats are kept", text: "-0.0", code: "json-number", at: [], options: { floats: "keep" } },
    { name: "a byte order mark", text: "\ufeff{}", code: "json-encoding" },
    { name: "bytes that are not UTF-8", text: Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]), code: "json-encoding" },
    { name: "an overlong encoding", text: Buffer.from([0x22, 0xc0, 0xaf, 0x22]), code: "json-encoding" },
    { name: "an encoded surrogate", text: Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), code: "json-encoding" },
    { name: "half a surrogate pair", text: '{"a":["x\\ud800"]}', code: "json-encoding", at: ["a", 0] },
    { name: "half a surrogate pair in upper case, the second half", text: '["\\uDFFF"]', code: "json-encoding", at: [0] },
    { name: "half a surrogate pair in a name", text: '{"\\ud83d":1}', code: "json-encoding" },
    { name: "UTF-16", text: Buffer.from("{}", "utf16le"), code: "json-syntax" },
    { name: "65 levels", text: "[".repeat(65) + "]".repeat(65), code: "json-depth" },
    { name: "more than it may be deep", text: '{"a":[1]}', code: "json-depth", options: { maxDepth: 1 } },
    { name: "a million levels, unclosed", text: "[".repeat(1e6), code: "json-depth" },
    { name: "a million levels of objects", text: '{"a":'.repeat(1e6), code: "json-depth" },
    { name: "more bytes than allowed", text: "[10]", code: "json-size", options: { maxBytes: 3 } },
    { name: "nothing", text: "", code: "json-syntax" },
    { name: "a text cut short", text: '{"a":[1,2', code: "json-syntax" },
    { name: "a string cut short", text: '{"a', code: "json-syntax" },
    { name: "a string cut within an escape", text: '"\\', code: "json-syntax" },
    { name: "a trailing comma", text: "[1,]", code: "json-syntax" },
    { name: "two values", text: "{} {}", code: "json-syntax" },
    { name: "a comment", text: "[1] // one", code: "json-syntax" },
    { name: "NaN", text: "[NaN]", code: "json-syntax" },
    { name: "a leading zero", text: "[01]", code: "json-syntax" },
    { name: "a bare control character in a string", text: '["a\nb"]', code: "json-syntax" },
    { name: "a NUL after the end", text: "{}\0", code: "json-syntax" },
  ];
  for (const { name, text, code, at, options } of refused) {
    test(`refuses ${name}`, () => {
      const error = refusal(() => parseJson(Buffer.from(text as string), options));
      assert.equal(error.code, code, error.message);
      if (at !== undefined) assert.deepEqual(error.at, at);
    });
  }

  test("says where", () => {
    assert.match(refusal(() => read('{"artifacts":[{"info":{"length":1.5}}]}')).message, /^artifacts\.0\.info\.length: /);
    assert.match(refusal(() => read("[1,\n x]")).message, /not JSON/);
  });

  test("never quotes what it read in a syntax error", () => {
    assert.doesNotMatch(refusal(() => read('{"password":hunter2}')).message, /hunter2|password/);
  });

  test("property: reads what JSON.stringify writes of any value with integers", () => {
    const value = fc.letrec<{ any: Json }>((tie) => ({
      any: fc.oneof({ maxDepth: 5 }, fc.constant(null), fc.boolean(), fc.maxSafeInteger().map((n) => n + 0), fc.string({ unit: "binary" }),
        fc.array(tie("any"), { maxLength: 4 }),
        fc.dictionary(fc.string({ unit: "binary" }).filter((name) => name !== "__proto__"), tie("any"), { maxKeys: 4 }).map((o) => ({ ...o }))),
    })).any;
    fc.assert(fc.property(value, fc.constantFrom(undefined, 1, "\t"), (json, indent) => {
      assert.deepEqual(read(JSON.stringify(json, null, indent)), json);
    }), { numRuns: 300 });
  });

  test("property: what is said to be canonical is, byte for byte, and what we write is said to be", () => {
    const plain = fc.constantFrom("a", "b", "c", "ab", "a7", "x/y");
    const odd = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("7", "10", "9", "é", "\u{ffff}", "\u{10000}", '"', "\\", "\n", "\u007f")).filter((one) => !["__proto__", "constructor", "prototype"].includes(one));
    const name = fc.oneof({ arbitrary: plain, weight: 8 }, { arbitrary: odd, weight: 1 });
    const scalar = fc.oneof(fc.constantFrom<Json>(null, true, "/", "\t", '"\\', 0, -1), name);
    const objectOf = (member: fc.Arbitrary<Json>): fc.Arbitrary<Json> => fc.array(fc.tuple(name, member), { maxLength: 3, size: "max" }).map((members) => Object.fromEntries(members));
    const value = objectOf(fc.oneof(scalar, objectOf(scalar), fc.array(scalar, { maxLength: 2 }), objectOf(objectOf(scalar))));
    const spellings = [
      (json: Json): Buffer => Buffer.from(JSON.stringify(json)),
      (json: Json): Buffer => embed(canonicalize(json)),
      (json: Json): Buffer => Buffer.from(JSON.stringify(json).replaceAll("/", "\\/")),
      (json: Json): Buffer => Buffer.from(JSON.stringify(json).replaceAll(",", " ,")),
      (json: Json): Buffer => Buffer.from(JSON.stringify(json).replace(/"([ab])"/g, (_, letter: string) => `"\\u00${letter.charCodeAt(0).toString(16)}"`)),
      // The engine sorts members named like numbers by itself; here they come the other way round.
      (json: Json): Buffer => Buffer.from(written(json)),
    ];
    // Sorted as the engine sorts, and not as clients do.
    assert.equal(readJson(Buffer.from('{"\u{10000}":1,"\u{ffff}":2}')).isCanonical, false);
    let canonical = 0;
    fc.assert(fc.property(value, fc.constantFrom(...spellings), (json, spell) => {
      const bytes = spell(json);
      const read = readJson(bytes);
      const isSo = canonicalize(read.value).equals(bytes);
      if (read.isCanonical) assert.ok(isSo, bytes.toString());
      if (read.isCanonical) canonical += 1;
      if (isSo && !/"[0-9]+":/.test(bytes.toString()) && !/[\u{10000}-\u{10ffff}]/u.test(bytes.toString())) assert.ok(read.isCanonical, bytes.toString());
    }), { numRuns: 500 });
    assert.ok(canonical > 50);
  });

  test("property: any bytes are read or refused with a code, never anything else", () => {
    const fragment = fc.constantFrom("{", "}", "[", "]", ":", ",", '"', "\\", '"a"', '"a":', "1", "-0", "1.5", "1e9", "e", "true", "null", "\\ud800", "__proto__", " ", "\u00e9", "\0");
    fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.array(fragment, { maxLength: 20 }).map((parts) => Buffer.from(parts.join("")))), (bytes) => {
      try {
        parseJson(bytes);
      } catch (error) {
        assert.ok(error instanceof TufError && error.code.startsWith("json-"), String(error));
      }
    }), { numRuns: 1500 });
  });

  test("property: a duplicate member anywhere is found", () => {
    fc.assert(fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 8 }), fc.nat(), fc.nat(7), (names, pick, depth) => {
      const distinct = [...new Set(names)].filter((name) => !["__proto__", "constructor", "prototype"].includes(name));
      fc.pre(distinct.length > 0);
      const members = distinct.map((name) => `${JSON.stringify(name)}:{"n":[0]}`);
      const wrap = (text: string): string => `${'[{"w":'.repeat(depth)}${text}${"}]".repeat(depth)}`;
      read(wrap(`{${members.join(",")}}`));
      const twice = [...members, members[pick % members.length]];
      assert.equal(refusal(() => read(wrap(`{${twice.join(",")}}`))).code, "json-duplicate");
    }), { numRuns: 200 });
  });

  test("reads a request of 20,000 artifacts, and refuses its hostile twins, in linear time", () => {
    const row = (i: number): string => `{"path":"p/${i}","info":{"length":${i},"hashes":{"sha256":"${"0".repeat(64)}"}}}`;
    const rows = Array.from({ length: 20_000 }, (_, i) => row(i)).join(",");
    assert.equal((read(`[${rows}]`) as Json[]).length, 20_000);
    assert.deepEqual(refusal(() => read(`[${rows},{"a":1,"a":1}]`)).at, [20_000, "a"]);
    const members = Array.from({ length: 100_000 }, (_, i) => `"${i}":0`).join(",");
    assert.equal(refusal(() => read(`{${members},"7":0}`)).code, "json-duplicate");
  });
});

/** Members from the last to the first. */
function written(json: Json): string {
  if (Array.isArray(json)) return `[${json.map(written).join(",")}]`;
  if (typeof json !== "object" || json === null) return JSON.stringify(json);
  return `{${Object.entries(json).reverse().map(([name, value]) => `${JSON.stringify(name)}:${written(value)}`).join(",")}}`;
}
