import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_LIMITS, type ApiSettings } from "../api/settings.ts";
import { readingSettingsOf } from "./settings.ts";

test("the thread that reads is told no token and no key", () => {
  const settings: ApiSettings = {
    version: "0", allowedHosts: "any", disabledEndpoints: [], limits: DEFAULT_LIMITS, trial: false,
    tokens: [{ sha256: "ab".repeat(32), name: "ann" }], tls: { cert: "certificate", key: "private" },
    refreshAtFraction: 0.5, refreshMarginMs: 7, signingWindows: { defaultMs: 1, rootMs: 2 },
  };
  assert.deepEqual(readingSettingsOf(settings), { limits: DEFAULT_LIMITS, refreshAtFraction: 0.5, refreshMarginMs: 7, signingWindows: { defaultMs: 1, rootMs: 2 } });
});
