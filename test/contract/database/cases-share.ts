// Shares of a batch: pressed by whoever claims them.

import assert from "node:assert/strict";

import type { ClaimedShare, Database, Lease } from "../../../src/ports/database.ts";
import { commitOf, foldAll, hinted, id, lease, pressed, refuses, START, TTL } from "./subject.ts";
import type { Case } from "./subject.ts";

const SHARES = [{ roles: ["bins-0", "bins-1"], edits: "of 0 and 1" }, { roles: ["bins-2"], edits: "of 2 é 🜁" }];
const CLAIM = 5_000;

/** A batch with a role of its own, and two shares. */
async function shareOut(db: Database, held: Lease, batch = id(40)): Promise<{ base: string; first: number; roles: readonly string[] }> {
  const { head: base } = await db.publisher();
  const { firstVersion: first } = await db.cut(held, { id: batch, base, changes: [], roles: ["targets"] });
  await db.stageResults(held, batch, [pressed("targets", first)]);
  await db.shareOut(held, batch, "the terms", SHARES);
  return { base, first, roles: ["targets"] };
}

async function claim(db: Database, holder = "w"): Promise<ClaimedShare> {
  const share = await db.claimShare(holder, CLAIM);
  assert(share, "a share is free");
  return share;
}

const finish = (db: Database, { claim: own, roles, firstVersion }: ClaimedShare): Promise<void> =>
  db.finishShare(own, roles.map((role, i) => pressed(role, firstVersion + i)));

const garbageOf = async (db: Database): Promise<string[]> => (await db.dueGarbage(START + 1e9, 1000)).map(({ name }) => name).sort();

export const shareCases: readonly Case[] = [
  {
    name: "each share is claimed by one at a time, with what it says and with version numbers of its own",
    run: async ({ database, connect }) => {
      const other = await connect();
      const mine = await lease(database);
      assert.equal(await other.claimShare("w", CLAIM), undefined);
      const { base } = await shareOut(database, mine);
      const one = await claim(other);
      const two = await claim(database, "one");
      assert.deepEqual(one, { claim: { batch: id(40), share: 0, number: 1, holder: "w" }, base, terms: "the terms", ...SHARES[0], firstVersion: 4 });
      assert.deepEqual(two, { claim: { batch: id(40), share: 1, number: 1, holder: "one" }, base, terms: "the terms", ...SHARES[1], firstVersion: 6 });
      assert.equal(await other.claimShare("x", CLAIM), undefined);
      assert.equal((await database.publisher()).counter, 6);
    },
  },
  {
    name: "of many who claim at once each gets another share",
    run: async ({ database, connect }) => {
      const mine = await lease(database);
      await database.cut(mine, { id: id(40), base: "", changes: [], roles: [] });
      await database.shareOut(mine, id(40), "", Array.from({ length: 12 }, (_, n) => ({ roles: [`r${n}`], edits: "" })));
      const users = [database, await connect(), await connect()];
      const claims = await Promise.all(Array.from({ length: 15 }, (_, n) => users[n % 3]!.claimShare(`w${n}`, CLAIM)));
      let got = claims.flatMap((share) => (share === undefined ? [] : [share]));
      // Whoever came while all that were left were being claimed may go away empty, and come again.
      for (let more = await database.claimShare("w", CLAIM); more !== undefined; more = await database.claimShare("w", CLAIM)) got = [...got, more];
      assert.equal(got.length, 12);
      assert.equal(new Set(got.map(({ roles }) => roles[0])).size, 12);
      assert.equal(new Set(got.map(({ firstVersion }) => firstVersion)).size, 12);
    },
  },
  {
    name: "results are staged share by share, and all that is staged is read when none is left",
    run: async ({ database, connect }) => {
      const other = await connect();
      const mine = await lease(database);
      const cut = await shareOut(database, mine);
      const [one, two] = [await claim(other), await claim(other, "x")];
      assert.deepEqual(await database.sharedResults(id(40)), { left: 2, results: [] });
      await finish(other, two);
      assert.deepEqual(await database.sharedResults(id(40)), { left: 1, results: [] });
      await finish(other, one);
      const all = [pressed("bins-0", one.firstVersion), pressed("bins-1", one.firstVersion + 1), pressed("bins-2", two.firstVersion), pressed("targets", cut.first)];
      assert.deepEqual(await database.sharedResults(id(40)), { left: 0, results: all });
      const roles = all.map(({ role }) => ({ name: role, kind: role === "targets" ? "targets" as const : "bins" as const, parent: "" }));
      await database.commit(mine, commitOf(id(40), cut, { newRoles: roles }));
      await foldAll(database, mine);
      assert.deepEqual((await Promise.all(all.map(({ role }) => database.role(role)))).map((row) => row?.version), all.map(({ version }) => version));
      await refuses("stale-base", database.sharedResults(id(40)));
      assert.equal(await other.claimShare("w", CLAIM), undefined);
      assert.deepEqual(await garbageOf(database), []);
    },
  },
  {
    name: "nothing is committed while a share is not finished",
    run: async ({ database }) => {
      const mine = await lease(database);
      const cut = await shareOut(database, mine);
      await finish(database, await claim(database));
      await refuses("stale-base", database.commit(mine, commitOf(id(40), cut, { newRoles: [{ name: "targets", kind: "targets", parent: "" }] })));
      assert.equal((await database.publisher()).seq, 0);
    },
  },
  {
    name: "a claim that was not renewed is taken over: the first holder's result is refused, and its names are garbage",
    run: async ({ database, connect, setNow }) => {
      const other = await connect();
      const mine = await lease(database);
      const cut = await shareOut(database, mine);
      const first = await claim(other);
      await finish(database, await claim(database));
      setNow(START + CLAIM);
      assert.equal(await database.claimShare("one", CLAIM), undefined);
      setNow(START + CLAIM + 1);
      const second = await claim(database, "one");
      assert.deepEqual(second.claim, { ...first.claim, number: 2, holder: "one" });
      assert(second.firstVersion > first.firstVersion + 1);
      await refuses("stale-base", finish(other, first));
      await refuses("stale-base", other.renewClaim(first.claim, CLAIM));
      await refuses("stale-base", finish(other, { ...first, claim: { ...second.claim, holder: "w" } }));
      // A holder that claims anew after its own claim lapsed: what it did under the first one is stale all the same.
      await refuses("stale-base", finish(other, { ...first, claim: { ...second.claim, number: 1 } }));
      await other.releaseClaim(first.claim);
      assert.equal(await other.claimShare("w", CLAIM), undefined, "a release of what is another's is nothing");
      await finish(database, second);
      await refuses("stale-base", finish(database, second));
      const { results } = await database.sharedResults(id(40));
      assert.deepEqual(results.slice(0, 2), second.roles.map((role, i) => pressed(role, second.firstVersion + i)));
      await database.commit(mine, commitOf(id(40), cut, { newRoles: results.map(({ role }) => ({ name: role, kind: "bins", parent: "" })) }));
      await foldAll(database, mine);
      assert.deepEqual(await garbageOf(database), first.roles.map((role, i) => `${first.firstVersion + i}.${role}.json`));
    },
  },
  {
    name: "a claim that is renewed is not taken over, one that is released is free at once",
    run: async ({ database, connect, setNow }) => {
      const other = await connect();
      const mine = await lease(database);
      await shareOut(database, mine);
      const one = await claim(other);
      await finish(database, await claim(database));
      setNow(START + CLAIM);
      await other.renewClaim(one.claim, CLAIM);
      setNow(START + 2 * CLAIM);
      assert.equal(await database.claimShare("one", CLAIM), undefined);
      const told = hinted(database, "shares");
      await other.releaseClaim(one.claim);
      await told;
      await refuses("stale-base", finish(other, one));
      assert.equal((await claim(database, "one")).claim.number, 2);
    },
  },
  {
    name: "a dropped batch takes its shares along: results are refused, the names of every claim are garbage",
    run: async ({ database, connect }) => {
      const other = await connect();
      const mine = await lease(database);
      await shareOut(database, mine);
      const [one, two] = [await claim(other), await claim(other)];
      await finish(other, one);
      await database.dropBatch(mine, id(40), false);
      await refuses("stale-base", finish(other, two));
      await refuses("stale-base", other.renewClaim(two.claim, CLAIM));
      await refuses("stale-base", database.sharedResults(id(40)));
      await other.releaseClaim(two.claim);
      assert.equal(await other.claimShare("w", CLAIM), undefined);
      const cut = await shareOut(database, mine, id(41));
      await refuses("stale-base", finish(other, { ...two, claim: { ...two.claim, batch: id(41) } }));
      const again = [await claim(other), await claim(other)];
      for (const share of again) await finish(other, share);
      assert.deepEqual(again.map((share) => share.claim.number), [1, 1]);
      const { results } = await database.sharedResults(id(41));
      await database.commit(mine, commitOf(id(41), cut, { newRoles: results.map(({ role }) => ({ name: role, kind: "bins", parent: "" })) }));
      await foldAll(database, mine);
      assert.deepEqual(await garbageOf(database), ["1.targets.json", "2.snapshot.json", "4.bins-0.json", "5.bins-1.json", "6.bins-2.json"]);
    },
  },
  {
    name: "nobody claims or renews for a publisher whose lease ran out",
    run: async ({ database, connect, setNow }) => {
      const other = await connect();
      const mine = await lease(database);
      await shareOut(database, mine);
      const one = await claim(other);
      setNow(START + TTL + 1);
      assert.equal(await other.claimShare("w", CLAIM), undefined);
      await refuses("stale-base", other.renewClaim(one.claim, CLAIM));
      await database.renewLease(mine, TTL);
      assert.equal((await claim(other, "x")).claim.number, 2, "the claim had run out, too");
    },
  },
  {
    name: "shares are offered under the lease, and of an open batch",
    run: async ({ database, connect, setNow }) => {
      const other = await connect();
      const mine = await lease(database);
      await database.cut(mine, { id: id(40), base: "", changes: [], roles: [] });
      await refuses("stale-base", database.shareOut(mine, id(41), "", SHARES));
      setNow(START + TTL + 1);
      await lease(other, "two");
      await refuses("lease-lost", database.shareOut(mine, id(40), "", SHARES));
      assert.equal(await other.claimShare("w", CLAIM), undefined);
    },
  },
  {
    name: "shares and claims survive reopening",
    run: async (subject) => {
      const mine = await lease(subject.database);
      await shareOut(subject.database, mine);
      const one = await claim(subject.database);
      const again = await subject.reopen();
      assert.equal((await claim(again, "x")).claim.share, 1);
      await finish(again, one);
      assert.equal((await again.sharedResults(id(40))).left, 1);
    },
  },
  {
    name: "offering and finishing are hinted",
    run: async ({ database, connect }) => {
      const other = await connect();
      const mine = await lease(database);
      const offered = hinted(other, "shares");
      await shareOut(database, mine);
      await offered;
      const share = await claim(other);
      const finished = hinted(database, "shares");
      await finish(other, share);
      await finished;
    },
  },
];
