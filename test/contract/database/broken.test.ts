// Drivers broken on purpose: the contract must see each.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { DatabaseError } from "../../../src/ports/database.ts";
import type { Accepted, AcceptRequest, Claim, Database, Lease, NewBatch, OpenChange, TaskRow } from "../../../src/ports/database.ts";
import type { MemoryDatabase } from "../../fakes/database.ts";
import { failuresOf } from "./contract.ts";
import { openMemory } from "./memory.ts";
import type { Subject } from "./subject.ts";

/** `database` with some methods replaced. */
function withMethods(database: MemoryDatabase, methods: Partial<Database>): Database {
  return new Proxy<Database>(database, {
    get: (_, name) => {
      const member: unknown = Reflect.get(name in methods ? methods : database, name);
      return typeof member === "function" ? member.bind(name in methods ? methods : database) as unknown : member;
    },
  });
}

/** Every fenced method called with whatever lease is current. */
function unfenced(database: MemoryDatabase): Database {
  return new Proxy<Database>(database, {
    get: (_, name) => {
      const member: unknown = Reflect.get(database, name);
      if (typeof member !== "function" || name === "subscribe") return typeof member === "function" ? member.bind(database) as unknown : member;
      return async (first: unknown, ...rest: unknown[]): Promise<unknown> => {
        const isLease = typeof first === "object" && first !== null && "holder" in first;
        return Reflect.apply(member, database, [isLease ? (await database.publisher()).lease : first, ...rest]) as unknown;
      };
    },
  });
}

function acceptsLater(database: MemoryDatabase): Database {
  return withMethods(database, {
    accept: async (request: AcceptRequest): Promise<Accepted> => {
      setTimeout(() => { database.accept(request).catch(() => {}); }, 5);
      return { outcome: "accepted" };
    },
  });
}

function failsTheWholeGroup(database: MemoryDatabase): Database {
  let group: { request: AcceptRequest; resolve: (answer: Accepted) => void; reject: (error: unknown) => void }[] = [];
  return withMethods(database, {
    accept: (request) => new Promise((resolve, reject) => {
      group.push({ request, resolve, reject });
      if (group.length > 1) return;
      setImmediate(() => {
        const members = group;
        group = [];
        const bad = members.find((member) => member.request.expectBootstrap?.was === "no such");
        for (const member of members) {
          if (bad) member.reject(new DatabaseError("busy-bootstrap", "one of the group is bad"));
          else database.accept(member.request).then(member.resolve, member.reject);
        }
      });
    }),
  });
}

/** Hands the versions of a dropped batch out again. */
function reusesVersions(database: MemoryDatabase): Database {
  let dropped = 0;
  const sizes = new Map<string, number>();
  return withMethods(database, {
    cut: async (lease: Lease, batch: NewBatch) => {
      sizes.set(batch.id, batch.roles.length + 2);
      return { firstVersion: (await database.cut(lease, batch)).firstVersion - dropped };
    },
    dropBatch: async (lease, batch, died) => {
      await database.dropBatch(lease, batch, died);
      dropped += sizes.get(batch) ?? 0;
    },
  });
}

/** Goes on offering what a batch has taken. */
function offersTwice(database: MemoryDatabase): Database {
  const seen = new Map<number, OpenChange>();
  return withMethods(database, {
    openChanges: async (limit) => {
      for (const change of await database.openChanges(limit)) seen.set(change.id, change);
      return [...seen.values()];
    },
  });
}

/** Tells a staged result as soon as it is staged. */
function showsEarly(database: MemoryDatabase): Database {
  const staged = new Map<string, TaskRow["result"]>();
  return withMethods(database, {
    stageTaskResults: async (lease, batch, results) => {
      await database.stageTaskResults(lease, batch, results);
      for (const { task, result } of results) staged.set(task, result);
    },
    getTask: async (id) => {
      const task = await database.getTask(id);
      const result = task?.result ?? staged.get(id);
      return task && (result ? { ...task, result } : task);
    },
  });
}

/** Commits on whatever head there is. */
function ignoresTheBase(database: MemoryDatabase): Database {
  return withMethods(database, {
    cut: async (lease, batch) => database.cut(lease, { ...batch, base: (await database.publisher()).head }),
  });
}

function ignoresTheBody(database: MemoryDatabase): Database {
  return withMethods(database, {
    accept: (request) => database.accept(request.idempotency ? { ...request, idempotency: { ...request.idempotency, bodySha256: "" } } : request),
  });
}

/** Offers released changes behind everything accepted before the release. */
function ordersByRelease(database: MemoryDatabase): Database {
  const held = new Set<number>();
  return withMethods(database, {
    openChanges: async (limit) => {
      const changes = await database.openChanges({ changes: 1e9, bytes: 1e12 });
      for (const change of changes) if (change.held) held.add(change.id);
      const rank = (change: OpenChange): number => change.fragment === "old" || held.has(change.id) ? 1 : 0;
      return [...changes].sort((a, b) => rank(a) - rank(b)).slice(0, limit.changes);
    },
  });
}

function forgetsAttempts(database: MemoryDatabase): Database {
  return withMethods(database, { dropBatch: (lease, batch) => database.dropBatch(lease, batch, false) });
}

function reportsFoldedTooEarly(database: MemoryDatabase): Database {
  return withMethods(database, {
    fold: async (lease, limit) => { await database.fold(lease, limit); return { remaining: false }; },
  });
}

function forgetsMoves(database: MemoryDatabase): Database {
  return withMethods(database, { stageMoves: (lease, batch) => database.stageMoves(lease, batch, []) });
}

/** Offers for deletion what the head still names. */
function offersLiveNames(database: MemoryDatabase): Database {
  return withMethods(database, {
    dueGarbage: async (nowMs, limit) => [
      ...await database.dueGarbage(nowMs, limit),
      ...(await database.roles()).map(({ role, version }) => ({ name: `${version}.${role}.json`, role, version })),
    ],
  });
}

/** Counts how many were listed, instead of remembering where. */
function pagesByNumber(database: MemoryDatabase): Database {
  let listed = 0;
  return withMethods(database, {
    artifacts: async (range, after, limit) => {
      if (after === undefined) listed = 0;
      const page = (await database.artifacts(range, undefined, 1e9)).slice(listed, listed + limit);
      listed += page.length;
      return page;
    },
  });
}

/** Tells of heads when they are committed, though no client sees them yet, and not of their tasks. */
function tellsEarly(database: MemoryDatabase): Database {
  return withMethods(database, {
    commit: async (lease, commit) => {
      const { seq } = await database.commit(lease, commit);
      await database.markVisible(lease, seq);
      return { seq };
    },
  });
}

function tellsAgain(database: MemoryDatabase): Database {
  let times = 0;
  return withMethods(database, { post: (lease, notices) => database.post(lease, notices.map((notice) => ({ ...notice, once: `${notice.once} ${String(times++)}` }))) });
}

function missesSilently(database: MemoryDatabase): Database {
  return withMethods(database, { notices: async (after, limit) => ({ ...await database.notices(after, limit), missed: false }) });
}

/** Whoever finishes or renews a share is believed to have claimed it last. */
function believesTheSlow(): (database: MemoryDatabase) => Database {
  const last = new Map<string, Claim>();
  const current = (claim: Claim): Claim => last.get(`${claim.batch} ${claim.share}`) ?? claim;
  return (database) => withMethods(database, {
    claimShare: async (holder, ttlMs) => {
      const share = await database.claimShare(holder, ttlMs);
      if (share) last.set(`${share.claim.batch} ${share.claim.share}`, share.claim);
      return share;
    },
    finishShare: (claim, results) => database.finishShare(current(claim), results),
  });
}

/** Whoever takes a share over gets the names of who had it before. */
function claimsWithOldNames(): (database: MemoryDatabase) => Database {
  const first = new Map<string, number>();
  return (database) => withMethods(database, {
    claimShare: async (holder, ttlMs) => {
      const share = await database.claimShare(holder, ttlMs);
      if (!share) return undefined;
      const key = `${share.claim.batch} ${share.claim.share}`;
      if (!first.has(key)) first.set(key, share.firstVersion);
      return { ...share, firstVersion: first.get(key) ?? 0 };
    },
  });
}

/** Keeps nothing: reopening finds an empty database. */
async function openVolatile(): Promise<Subject> {
  const first = await openMemory();
  const later: Subject[] = [];
  return {
    ...first,
    reopen: async () => {
      await first.close();
      const fresh = await openMemory();
      later.push(fresh);
      return fresh.database;
    },
    close: async () => {
      for (const subject of [first, ...later]) await subject.close();
    },
  };
}

const TAKEN_OVER = "a claim that was not renewed is taken over: the first holder's result is refused, and its names are garbage";

const broken: readonly { readonly name: string; readonly open: () => Promise<Subject>; readonly fails: string }[] = [
  { name: "answers before the request is stored", open: () => openMemory(acceptsLater), fails: "an accepted task is there, whole, for every user, when accept resolves" },
  { name: "forgets to check the lease", open: () => openMemory(unfenced), fails: "commit throws lease-lost to a publisher that was taken over, and changes nothing" },
  { name: "hands versions out again", open: () => openMemory(reusesVersions), fails: "no version is handed out twice: not after a drop, not to another publisher, not after reopening" },
  { name: "offers open changes twice", open: () => openMemory(offersTwice), fails: "a cut binds its changes and allocates a version for each role, snapshot and timestamp" },
  { name: "shows results before they are visible", open: () => openMemory(showsEarly), fails: "a staged task result counts once its batch is committed and visible, not before" },
  { name: "cuts on whatever head there is", open: () => openMemory(ignoresTheBase), fails: "a cut on a head that moved, or of a change no longer open or of another task, is refused and changes nothing" },
  { name: "fails a whole group for one bad request", open: () => openMemory(failsTheWholeGroup), fails: "of concurrent requests a bad one fails alone" },
  { name: "does not compare bodies of one Idempotency-Key", open: () => openMemory(ignoresTheBody), fails: "the same Idempotency-Key with another body is refused; of another principal it is another key" },
  { name: "orders by release", open: () => openMemory(ordersByRelease), fails: "released changes stand where they were accepted, not where they were released" },
  { name: "forgets attempts", open: () => openMemory(forgetsAttempts), fails: "a dropped batch gives its changes back, counting the attempt, and alone if it was alone" },
  { name: "reports an unfinished fold as finished", open: () => openMemory(reportsFoldedTooEarly), fails: "fold goes in slices, may be cut off between any two, and repeating it changes nothing" },
  { name: "forgets moves", open: () => openMemory(forgetsMoves), fails: "a commit moves artifacts, brings roles and retires others, which keep their last version" },
  { name: "lets live names be deleted", open: () => openMemory(offersLiveNames), fails: "the names a head leaves behind may go from the stated moment on; the current ones, root and timestamp never" },
  { name: "pages by number", open: () => openMemory(pagesByNumber), fails: "what stays is listed once though artifacts come and go between the pages" },
  { name: "tells of what no client sees", open: () => openMemory(tellsEarly), fails: "a task's end is told when its result counts: at once, or after the head that shows it, once" },
  { name: "tells again what was posted", open: () => openMemory(tellsAgain), fails: "what is posted is told once, as it was first" },
  { name: "forgets notices silently", open: () => openMemory(missesSilently), fails: "the oldest are forgotten by age, and beyond a number; who asks for them hears that some are missed" },
  { name: "believes whoever had a share before", open: () => openMemory(believesTheSlow()), fails: TAKEN_OVER },
  { name: "gives two claims of a share the same names", open: () => openMemory(claimsWithOldNames()), fails: TAKEN_OVER },
  { name: "keeps nothing", open: openVolatile, fails: "reopening keeps everything" },
];

describe("the database contract sees a driver that", () => {
  test("is right", async () => assert.deepEqual(await failuresOf(() => openMemory()), []));
  for (const { name, open, fails } of broken) {
    test(name, async () => {
      const failures = await failuresOf(open, 200);
      assert(failures.includes(fails), `failing: ${failures.join("; ")}`);
    });
  }
});
