import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { signingLeftMs } from "./refresh.ts";

const DAY_MS = 86_400_000;

describe("signingLeftMs", () => {
  const rows: readonly { readonly name: string; readonly role?: string; readonly lifetime: number; readonly own?: number; readonly root?: number; readonly days: number }[] = [
    { name: "a third of its life", lifetime: 90, days: 30 },
    { name: "the window that is configured, if that is more", lifetime: 30, days: 14 },
    { name: "never more than half of its life", lifetime: 20, days: 10 },
    { name: "its own window, if that is less", lifetime: 90, own: 3, days: 3 },
    { name: "its own window, if that is more", lifetime: 90, own: 40, days: 40 },
    { name: "its own window, up to half of its life", lifetime: 90, own: 80, days: 45 },
    { name: "of root no third", role: "root", lifetime: 365, days: 30 },
    { name: "of root its own", role: "root", lifetime: 365, own: 60, days: 60 },
    { name: "of a root of short life half of it", role: "root", lifetime: 20, days: 10 },
    { name: "of root never, where that is switched off", role: "root", lifetime: 365, own: 60, root: 0, days: 0 },
  ];
  for (const { name, role = "prod", lifetime, own, root = 30, days } of rows) {
    test(name, () => {
      const windows = { defaultMs: 14 * DAY_MS, rootMs: root * DAY_MS, own: new Map(own === undefined ? [] : [[role, own * DAY_MS]]) };
      assert.equal(signingLeftMs({ role, lifetimeMs: lifetime * DAY_MS }, { atRemainingFraction: 1 / 3 }, windows), days * DAY_MS);
    });
  }
});
