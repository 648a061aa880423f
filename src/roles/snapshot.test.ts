import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { canonicalize } from "../tuf/canonical.ts";
import { SPEC_VERSION } from "../tuf/parse.ts";
import { SnapshotBook, type SnapshotEntry } from "./snapshot.ts";

const EXPIRES = "2030-01-01T00:00:00Z";
const entry = (role: string, version: number): SnapshotEntry => ({ role, version, length: version * 10, sha256: "cd".repeat(32), bin: role.startsWith("bins-") });

function naive(entries: ReadonlyMap<string, SnapshotEntry>, version: number): Buffer {
  const meta = Object.fromEntries([...entries.values()].map((one) => [
    `${one.role}.json`,
    one.bin ? { version: one.version } : { version: one.version, length: one.length, hashes: { sha256: one.sha256 } },
  ]));
  return canonicalize({ _type: "snapshot", spec_version: SPEC_VERSION, version, expires: EXPIRES, meta });
}

describe("SnapshotBook", () => {
  test("patched again and again, it presses the bytes that canonical JSON of the whole has", () => {
    const role = fc.constantFrom("targets", "bins-0", "bins-1", "bins-2", "team-a", "Zed");
    fc.assert(fc.property(fc.array(fc.array(role, { maxLength: 4 }), { maxLength: 6 }), (batches) => {
      const book = new SnapshotBook([entry("targets", 1)], "delegated");
      const all = new Map([["targets", entry("targets", 1)]]);
      let version = 1;
      for (const batch of batches) {
        const changed = [...new Set(batch)].map((name) => entry(name, ++version));
        for (const one of changed) all.set(one.role, one);
        assert.deepEqual(book.press({ version: ++version, expires: EXPIRES }, changed), naive(all, version));
        book.adopt(changed);
        assert.deepEqual(book.press({ version, expires: EXPIRES }, []), naive(all, version));
      }
    }));
  });

  test("presses the same bytes when it is larger than one block, at every edge of one", () => {
    const all = new Map<string, SnapshotEntry>(Array.from({ length: 400 }, (_, i) => [`bins-${i.toString(16).padStart(3, "0")}`, 1] as const).map(([role, version]) => [role, entry(role, version)]));
    const book = new SnapshotBook(all.values(), "delegated");
    assert.deepEqual(book.press({ version: 2, expires: EXPIRES }, []), naive(all, 2));
    for (const [version, places] of [[3, [0, 127, 128]], [4, [255, 256, 399]], [50, [128, 129]], [51, []]] as const) {
      const changed = places.map((at) => entry(`bins-${at.toString(16).padStart(3, "0")}`, version));
      for (const one of changed) all.set(one.role, one);
      assert.deepEqual(book.press({ version: version + 1, expires: EXPIRES }, changed), naive(all, version + 1));
      book.adopt(changed);
    }
    const more = [entry("bins-0005", 60), entry("zed", 61), entry("bins-000", 62)];
    for (const one of more) all.set(one.role, one);
    assert.deepEqual(book.press({ version: 70, expires: EXPIRES }, more), naive(all, 70));
    book.adopt(more);
    assert.deepEqual(book.press({ version: 71, expires: EXPIRES }, []), naive(all, 71));
  });

  test("pressing leaves the book as it was", () => {
    const book = new SnapshotBook([entry("targets", 1)], "delegated");
    const before = book.press({ version: 2, expires: EXPIRES }, []);
    book.press({ version: 2, expires: EXPIRES }, [entry("targets", 5), entry("bins-0", 6)]);
    assert.deepEqual(book.press({ version: 2, expires: EXPIRES }, []), before);
  });

  test("never lowers a version", () => {
    const book = new SnapshotBook([entry("targets", 5)], "delegated");
    assert.throws(() => book.press({ version: 6, expires: EXPIRES }, [entry("targets", 4)]), /lower/);
    assert.throws(() => { book.adopt([entry("targets", 4)]); }, /lower/);
  });

  test("states length and hash of bins when asked to", () => {
    const book = new SnapshotBook([entry("bins-0", 3)], "all");
    assert.match(book.press({ version: 4, expires: EXPIRES }, []).toString(), /"bins-0.json":\{"hashes"/);
  });
});
