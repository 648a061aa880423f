// `verifyThreshold` for whoever has the same files looked at again and again: what it answered once it answers again.
//
// The verdict is a function of keys, threshold, signatures and bytes; all of them, whole, are what it is remembered by.

import { sha256Hex } from "../../src/tuf/crypto.ts";
import { verifyThreshold, type Verdict } from "../../src/tuf/threshold.ts";

const MOST = 50_000;
const verdicts = new Map<string, Verdict>();

export const rememberedVerdict: typeof verifyThreshold = (delegator, parsed) => {
  const { keyids, threshold } = delegator.role;
  const keys = keyids.map((keyid) => delegator.keys[keyid]);
  const question = JSON.stringify([sha256Hex(parsed.canonical), parsed.signatures, keyids, threshold, keys]);
  let verdict = verdicts.get(question);
  if (verdict === undefined) {
    if (verdicts.size >= MOST) verdicts.clear();
    verdict = verifyThreshold(delegator, parsed);
    verdicts.set(question, verdict);
  }
  return verdict;
};
