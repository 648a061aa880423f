import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { TufError } from "../tuf/errors.ts";
import { parseJson } from "../tuf/json.ts";
import { parseLargeJson } from "./large-json.ts";

const OPTIONS = { maxDepth: 16, floats: "keep" } as const;

type Outcome = { readonly value: unknown } | { readonly code: string };

async function inPieces(text: string, pieceBytes: number): Promise<Outcome> {
  return outcome(() => parseLargeJson(Buffer.from(text), { ...OPTIONS, pieceBytes }));
}

async function outcome(read: () => unknown): Promise<Outcome> {
  try {
    return { value: await read() };
  } catch (error) {
    assert.ok(error instanceof TufError, String(error));
    return { code: error.code };
  }
}

describe("parseLargeJson", () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  const body = fc.dictionary(fc.string({ maxLength: 4 }), fc.oneof(value, fc.array(value, { maxLength: 12 })), { maxKeys: 4 });

  test("reads what parseJson reads, in pieces of any size", async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(body, value), fc.integer({ min: 0, max: 40 }), async (document, pieceBytes) => {
        const text = JSON.stringify(document);
        const whole = await outcome(() => parseJson(Buffer.from(text), OPTIONS));
        assert.deepEqual(await inPieces(text, pieceBytes), whole);
      }),
      { numRuns: 500 },
    );
  });

  test("refuses damaged text whenever parseJson does", async () => {
    await fc.assert(
      fc.asyncProperty(body, fc.nat(), fc.constantFrom(",", "[", "]", "{", "}", '"', ":", "\\", "1", ""), fc.integer({ min: 0, max: 20 }), async (document, where, damage, pieceBytes) => {
        const text = JSON.stringify(document);
        const at = where % (text.length + 1);
        const damaged = text.slice(0, at) + damage + text.slice(at + (damage === "" ? 1 : 0));
        const whole = await outcome(() => parseJson(Buffer.from(damaged), OPTIONS));
        const pieces = await inPieces(damaged, pieceBytes);
        if ("value" in whole) assert.deepEqual(pieces, whole);
        else assert.ok("code" in pieces, `accepted ${damaged}`);
      }),
      { numRuns: 1000 },
    );
  });

  const REFUSED = [
    { name: "a comma at the end", text: '{"a":[1,2,3,]}', code: "json-syntax" },
    { name: "a comma at the beginning", text: '{"a":[,1,2,3]}', code: "json-syntax" },
    { name: "two commas", text: '{"a":[1,,2]}', code: "json-syntax" },
    { name: "the list twice", text: '{"a":[1,2],"a":[1,2]}', code: "json-duplicate" },
    { name: "a duplicate in an item", text: '{"a":[1,2,{"b":1,"b":2}]}', code: "json-duplicate" },
    { name: "a list closed by a brace", text: '{"a":[1,2,3}', code: "json-syntax" },
    { name: "an item as deep as may be, and one", text: `{"a":[1,2,${"[".repeat(15)}${"]".repeat(15)}]}`, code: "json-depth" },
    { name: "a refused member", text: '{"__proto__":[1,2,3]}', code: "json-member" },
  ] as const;
  for (const { name, text, code } of REFUSED) {
    test(`refuses ${name}`, async () => {
      assert.deepEqual(await inPieces(text, 0), { code });
    });
  }

  test("says where in the whole list an item is wrong", async () => {
    await assert.rejects(parseLargeJson(Buffer.from('{"a":[1,2,3,{"b":[-0]}]}'), { ...OPTIONS, pieceBytes: 2 }), (error: unknown) => {
      assert.ok(error instanceof TufError);
      assert.deepEqual(error.at, ["a", 3, "b", 0]);
      return true;
    });
  });

  test("gives others their turn", async () => {
    const text = JSON.stringify({ a: Array.from({ length: 1000 }, (_, index) => index) });
    let turns = 0;
    let reading = true;
    const count = (): void => {
      turns += 1;
      if (reading) setImmediate(count);
    };
    setImmediate(count);
    await parseLargeJson(Buffer.from(text), { ...OPTIONS, pieceBytes: 100 });
    reading = false;
    assert.ok(turns > 10, `${turns} turns`);
  });
});
