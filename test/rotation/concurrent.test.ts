// Two people sign in the same instant, through two connections to one SQLite file: nothing is lost.

import assert from "node:assert/strict";
import { test } from "node:test";
import { signMetadata } from "../../src/operations/sign-metadata.ts";
import { createOwners } from "../../src/operations/owners.ts";
import type { OperationDeps } from "../../src/operations/deps.ts";
import { DEFAULT_LIMITS } from "../../src/api/settings.ts";
import type { Database } from "../../src/ports/database.ts";
import { openSqliteSubject } from "../contract/database/sqlite.ts";
import { createFakeClock, createFakeRandom } from "../fakes/clock.ts";
import { createHolder, rootOf, signedBy } from "../fakes/root-holders.ts";

const ROUNDS = 500;

test(`${String(ROUNDS)} rounds of two signers at once lose no signature`, { timeout: 120_000 }, async () => {
  const subject = await openSqliteSubject();
  try {
    const { database } = subject;
    const held = await database.takeLease("publisher", 1e9);
    assert(held);
    const random = createFakeRandom(7);
    const clock = createFakeClock(0);
    const depsOn = (user: Database): OperationDeps => ({ database: user, clock, random, owners: createOwners(user), limits: DEFAULT_LIMITS });
    const users = [depsOn(await subject.connect()), depsOn(await subject.connect())];
    const holders = [createHolder(), createHolder()];
    const root = rootOf({ version: 1, holders, threshold: 2, online: { ...createHolder().key, "x-rstuf-online-key-uri": "fn:a" }, expiresMs: 1e12 });
    const document = Buffer.from(JSON.stringify(signedBy(root)));
    const signatures = holders.map((holder) => holder.sign(root));
    const limits = { changes: 1, bytes: 1 };
    for (let round = 0; round < ROUNDS; round++) {
      const id = random.hex(16);
      const start = { id, role: "root", kind: "bootstrap", version: 1, document, signatures: [], task: id, startedMs: 0 } as const;
      await database.accept({ task: { id, kind: "bootstrap", createdMs: 0, request: {} }, changes: [], held: false, settings: { bootstrap: "signing-1" }, event: { start }, limits });
      await Promise.all(signatures.map((signature, i) => signMetadata(users[i]!, { role: "root", signature })));
      const [event] = await database.signingEvents();
      assert.deepEqual(event?.signatures.map(({ keyid }) => keyid).sort(), holders.map(({ keyid }) => keyid).sort(), `round ${String(round)}`);
      await database.freezeEvent(held, id, { bytes: document, signatures: 2 });
      await database.endEvent(held, id, { envelopes: [], results: [] });
    }
  } finally {
    await subject.close();
  }
});
