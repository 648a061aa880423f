// Who signs in worlds, and the roots that they begin with.
//
// All worlds begin with one of these roots and the same keys, so that what was verified once is known to all of them.

import { generateKeyPairSync } from "node:crypto";
import type { Key } from "../../src/tuf/documents.ts";
import { DAY_MS, START } from "../fakes/publisher-stage.ts";
import { createHolder, rootOf, signedBy, type RootPlan } from "../fakes/root-holders.ts";
import { createMemorySigners } from "../fakes/signer.ts";

/** The online key, and the one to come. */
export const [ONLINE, NEXT] = [generateKeyPairSync("ed25519").privateKey, generateKeyPairSync("ed25519").privateKey];
/** They sign roots, one of two. */
export const ROOT_HOLDERS = [createHolder(), createHolder()] as const;
/** They sign delegated roles, and targets where people do; two of them have to. */
export const PEOPLE = [createHolder(), createHolder(), createHolder()] as const;
export const planOfRoot = (version: number, online: Key, more: Partial<RootPlan> = {}): ReturnType<typeof rootOf> =>
  rootOf({ version, holders: ROOT_HOLDERS, threshold: 1, online, expiresMs: START + 3650 * DAY_MS, ...more });
const firstRoot = (more: Partial<RootPlan>): Buffer => Buffer.from(JSON.stringify(signedBy(planOfRoot(1, createMemorySigners().addEd25519("fn:online", ONLINE), more), ROOT_HOLDERS[0])));
export const ROOT = firstRoot({});
export const ROOT_NEAR_ITS_END = firstRoot({ expiresMs: START + 20 * DAY_MS });
export const ROOT_OF_OFFLINE_TARGETS = firstRoot({ targets: { holders: PEOPLE, threshold: 2 } });
