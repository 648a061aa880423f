import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { keyidOf } from "../tuf/keys.ts";
import { verifyThreshold } from "../tuf/threshold.ts";
import { createMemorySigners } from "../../test/fakes/signer.ts";
import { Sealer, type RoleAuthority } from "./seal.ts";

function sealerOf() {
  const memory = createMemorySigners();
  const key = memory.addEd25519("fn:online");
  const opened: string[] = [];
  const places = new Set(["fn:online"]);
  // As a key read from a file: whoever has it open has it, whatever becomes of the file.
  const signers = {
    open: async (uri: string, as: typeof key) => {
      if (!places.has(uri)) throw new Error(`${uri} is gone`);
      opened.push(uri);
      return await memory.open(uri, as);
    },
  };
  const authority: RoleAuthority = { keys: { [keyidOf(key)]: key }, role: { keyids: [keyidOf(key)], threshold: 1 } };
  return { sealer: new Sealer({ signers, verify: verifyThreshold }), authority, opened, places };
}

describe("signers", () => {
  test("are opened once for all that they sign", async () => {
    const { sealer, authority, opened } = sealerOf();
    for (const text of ["a", "b"]) await sealer.seal("timestamp", Buffer.from(text), authority);
    assert.deepEqual(opened, ["fn:online"]);
  });

  test("are opened anew to prove a key: what is gone from its place is not proved from memory", async () => {
    const { sealer, authority, places } = sealerOf();
    await sealer.prove("timestamp", authority);
    places.clear();
    await assert.rejects(sealer.prove("timestamp", authority), /is gone/);
  });

  test("are forgotten when keys changed", async () => {
    const { sealer, authority, opened } = sealerOf();
    await sealer.seal("timestamp", Buffer.from("a"), authority);
    sealer.forget();
    await sealer.seal("timestamp", Buffer.from("b"), authority);
    assert.equal(opened.length, 2);
  });
});
