import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { artifactUrl, metadataUrl } from "./urls.ts";

describe("artifactUrl", () => {
  for (const { path, url } of [
    { path: "a/b.txt", url: "http://h/f/a/b.txt" },
    { path: "a b/ü", url: "http://h/f/a%20b/%C3%BC" },
    { path: "a%20b", url: "http://h/f/a%20b" },
    { path: "100%", url: "http://h/f/100%25" },
    { path: "a?b#c", url: "http://h/f/a%3Fb%23c" },
    { path: "a\\..\\b", url: "http://h/f/a%5C..%5Cb" },
    { path: "-_.~+@,:;&=$", url: "http://h/f/-_.~+@,:;&=$" },
    { path: "a//b", url: "http://h/f/a//b" },
    { path: "..a/b..", url: "http://h/f/..a/b.." },
  ]) {
    test(JSON.stringify(path), () => {
      assert.equal(artifactUrl("http://h/f", path, undefined), url);
      assert.equal(new URL(url).href, url);
    });
  }

  test("puts the hash before the last segment", () => {
    assert.equal(artifactUrl("http://h/f/", "a/b", "00"), "http://h/f/a/00.b");
  });

  for (const path of ["..", "a/../b", "a/./b", "%2e%2E/b", ".%2e"]) {
    test(`refuses ${path}`, () => {
      assert.throws(() => artifactUrl("http://h/f/", path, undefined), { code: "artifact-path" });
    });
  }
});

test("metadataUrl escapes the role, which the repository chose", () => {
  assert.equal(metadataUrl("http://h/m", "../../x?y", 3), "http://h/m/3...%2F..%2Fx%3Fy.json");
  assert.equal(metadataUrl("http://h/m/", "timestamp", undefined), "http://h/m/timestamp.json");
});
