import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { TufError } from "./errors.ts";
import { isInBinNameSpace, matchesPattern, parsePattern, parseRoleName, parseTargetPath } from "./paths.ts";

const python = JSON.parse(readFileSync(new URL("vectors/python-tuf.json", import.meta.url), "utf8")) as {
  patterns: { pattern: string; matches: string[] }[];
  patternNames: string[];
};
const tough = JSON.parse(readFileSync(new URL("vectors/tough.json", import.meta.url), "utf8")) as { notComposed: { text: string; composed: string }[] };
const refusal = (run: () => unknown, code: string): string => {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof TufError && error.code === code, String(error));
    return error.message;
  }
  assert.fail("accepted");
};

describe("parseTargetPath", () => {
  for (const path of ["a", "dir/file.tar.gz", ".hidden", "a//b", "a b", "é/😀", "a%20b", "A-Z_~+@,:;&=", "...", "a/..b/c.", "x".repeat(4096), "é".repeat(2048), "[a]{b}!", "*", "a/toString"]) {
    test(`takes ${path.slice(0, 40)}`, () => { assert.equal(parseTargetPath(path), path); });
  }
  const refused: [name: string, path: string, fault: RegExp][] = [
    ["an empty path", "", /empty/],
    ["an absolute path", "/etc/passwd", /absolute/],
    ["..", "..", /segment/],
    ["a climb", "a/../../b", /segment/],
    [".", "a/./b", /segment/],
    ["#", "a#b", /contains #/],
    ["?", "a?b", /contains \?/],
    ["a backslash", "a\\..\\b", /contains \\/],
    ["a NUL", "a\0b", /control/],
    ["a newline", "a\nb", /control/],
    ["DEL", "a\u007f", /control/],
    ["a control character of Latin-1", "a\u0085", /control/],
    ["a trailing /", "dir/", /ends with/],
    ["half a surrogate pair", "a\ud800", /surrogate/],
    ["text not in NFC", "e\u0301", /normalisation/],
    ["4,097 bytes", "x".repeat(4097), /4096/],
    ["4,097 bytes in fewer characters", `${"é".repeat(2048)}x`, /4096/],
    ["a bare %", "100%", /%/],
    ["a % with one digit", "a%2", /%/],
    ["__proto__", "__proto__", /refused/],
    ["constructor", "constructor", /refused/],
    ["a name that every object has", "toString", /every object/],
  ];
  for (const [name, path, fault] of refused) {
    test(`refuses ${name}`, () => { assert.match(refusal(() => parseTargetPath(path), "target-path"), fault); });
  }
  for (const { text, composed } of tough.notComposed) {
    test(`refuses ${JSON.stringify(text)}, which tough would sign as ${composed}`, () => {
      for (const parse of [() => parseTargetPath(`a/${text}`), () => parseTargetPath(text)]) assert.match(refusal(parse, "target-path"), /normalisation/);
      assert.match(refusal(() => parsePattern(`${text}/*`), "path-pattern"), /normalisation/);
      parseTargetPath(composed);
    });
  }
  test("names every fault at once", () => {
    const message = refusal(() => parseTargetPath("/a\\..#?\0/../b/"), "target-path");
    for (const fault of [/absolute/, /ends with/, /segment/, /contains \\/, /contains #/, /contains \?/, /control/]) assert.match(message, fault);
  });
  test("property: what passes is a relative URL path that stays below its base", () => {
    const parts = fc.array(fc.constantFrom("a", "..", ".", "/", "#", "?", "\\", "%", "%2e", "é", ":", "//", " ", "\0"), { maxLength: 8 });
    fc.assert(fc.property(parts, (list) => {
      const path = list.join("");
      try {
        parseTargetPath(path);
      } catch (error) {
        assert.ok(error instanceof TufError && error.code === "target-path");
        return;
      }
      const url = new URL(path.split("/").map(encodeURIComponent).join("/"), "http://h/base/");
      assert.ok(url.pathname.startsWith("/base/") || path.startsWith("//"), path);
      assert.equal(url.hash + url.search, "");
    }), { numRuns: 1000 });
  });
});

describe("parseRoleName", () => {
  for (const name of ["a", "Project_1-x", "-", "0a", "x".repeat(200), "Bins"]) {
    test(`takes ${name.slice(0, 20)}`, () => { assert.equal(parseRoleName(name), name); });
  }
  for (const name of ["", "a.b", "a/b", "..", "a b", "é", "%41", "123", "root", "ROOT", "Timestamp", "snapshot", "targets", "__proto__", "constructor", "x".repeat(201), "a\n", "a\0"]) {
    test(`refuses ${JSON.stringify(name.slice(0, 20))}`, () => { refusal(() => parseRoleName(name), "role-name"); });
  }
});

describe("isInBinNameSpace", () => {
  test("is the prefix and all that begins with it and a dash, in any case", () => {
    for (const name of ["bins", "bins-0", "bins-x", "BINS-0", "Bins"]) assert.equal(isInBinNameSpace("bins", name), true, name);
    for (const name of ["bins0", "bin", "xbins-0"]) assert.equal(isInBinNameSpace("bins", name), false, name);
  });
});

describe("parsePattern", () => {
  for (const pattern of ["a/*", "*", "?", "project/*.tar.gz", "a/*/b?c", "é*"]) {
    test(`takes ${pattern}`, () => { assert.equal(parsePattern(pattern), pattern); });
  }
  for (const pattern of ["", "[ab]", "a]", "{a,b}", "a}", "!a", "a\\*", "+(a)", "@(a)", "?(a)", "*(a)", "!(a)", "#a", "**", "a/**/b", "/a", "a/", "../a", "a\0", "e\u0301", "\ud800", "x".repeat(4097)]) {
    test(`refuses ${JSON.stringify(pattern.slice(0, 20))}`, () => { refusal(() => parsePattern(pattern), "path-pattern"); });
  }
});

/** A matcher that shares nothing with the real one: recursion over code points. */
function naive(pattern: readonly string[], path: readonly string[]): boolean {
  const [p, ...restP] = pattern;
  if (p === undefined) return path.length === 0;
  if (p === "*") return naive(restP, path) || (path.length > 0 && path[0] !== "/" && naive(pattern, path.slice(1)));
  return path.length > 0 && (p === "?" ? path[0] !== "/" : p === path[0]) && naive(restP, path.slice(1));
}

describe("matchesPattern", () => {
  for (const { pattern, matches } of python.patterns) {
    test(`${JSON.stringify(pattern)} matches what it matches in python-tuf`, () => {
      assert.deepEqual(python.patternNames.filter((name) => matchesPattern(pattern, name)), matches);
    });
  }
  test("property: equals a naive matcher", () => {
    const text = (units: string[]): fc.Arbitrary<string[]> => fc.array(fc.constantFrom(...units), { maxLength: 9 });
    fc.assert(fc.property(text(["a", "b", "/", "*", "?", "😀", "."]), text(["a", "b", "/", "😀", ".", "*", "?"]), (pattern, path) => {
      assert.equal(matchesPattern(pattern.join(""), path.join("")), naive(pattern, path));
    }), { numRuns: 4000 });
  });
  test("property: a pattern made from a path by replacing pieces matches it", () => {
    fc.assert(fc.property(fc.array(fc.constantFrom("a", "b", "/", "😀"), { minLength: 1, maxLength: 30 }), fc.infiniteStream(fc.nat(3)), (path, choices) => {
      const pattern = path.map((character) => (character === "/" ? "/" : (["*", "?", character, character] as const)[choices.next().value as number] ?? character));
      assert.equal(matchesPattern(pattern.join(""), path.join("")), true);
    }), { numRuns: 300 });
  });
  test("regular expression characters are literal", () => {
    assert.equal(matchesPattern("a.b", "axb"), false);
    assert.equal(matchesPattern("(a|b)+$", "(a|b)+$"), true);
    assert.equal(matchesPattern("[ab]", "a"), false);
  });
  test("takes no exponential time", () => {
    // Four thousand steps back for each star: a naive matcher never ends.
    assert.equal(matchesPattern(`${"*a".repeat(2000)}b`, "a".repeat(4096)), false);
    assert.equal(matchesPattern(`*${"a".repeat(2000)}b`, "a".repeat(4096)), false);
  });
});
