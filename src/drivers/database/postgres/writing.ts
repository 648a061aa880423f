// What is written beside acceptance: by who leads, under its fence; by who presses a share, under its claim; by who delivers notices.
//
// None of it is repeated: whoever is told that a commit is unclear recovers by reading.

import type { Database } from "../../../ports/database.ts";
import { endings, pressingChanges, settingsOf } from "../common/stored.ts";
import { incoming } from "./accept.ts";
import { adopt, stageAdopted, stageEnded } from "./adopt.ts";
import { commit, cut, dropBatch, rebase, stageMoves, stageResults, stageTaskResults, undoCuts } from "./batch.ts";
import { endEvent, forgetEvent, freezeEvent } from "./event-end.ts";
import { fold } from "./fold.ts";
import { allocateVersions, fence, halt, markVisible, nudge, releaseLease, renewLease, takeLease } from "./lease.ts";
import { keepDelivery, post, takeDelivery } from "./notice.ts";
import type { Now, Sessions } from "./sessions.ts";
import * as shares from "./share.ts";
import { endTasks, forgetBefore, forgetGarbage } from "./task.ts";
import { resumeWaiting, setWaiting } from "./waiting.ts";

export function writing(db: Sessions, now: () => Now) {
  /** Under way. */
  let cuts = 0;
  return {
    // ---- lease
    takeLease: async (holder, ttlMs) => {
      const lease = await db.transaction((sql) => takeLease(sql, holder, ttlMs, now()));
      // Of a publisher that died while it was cutting.
      if (lease) await undoCuts(db, lease, now);
      return lease;
    },
    renewLease: (lease, ttlMs) => db.transaction((sql) => renewLease(sql, lease, ttlMs, now())),
    releaseLease: (lease) => db.transaction((sql) => releaseLease(sql, lease)),
    halt: (lease, halted) => db.transaction((sql) => halt(sql, lease, halted, now())),

    // ---- a batch, in order
    cut: (lease, batch, rest) => {
      cuts += 1;
      return cut(db, lease, batch, rest, now).finally(() => { cuts -= 1; });
    },
    rebase: (lease, batch, base) => db.transaction((sql) => rebase(sql, lease, batch, base, now())),
    allocate: (lease, count, above) => db.transaction(async (sql) => {
      await fence(sql, lease, now());
      return allocateVersions(sql, count, above);
    }),
    stageResults: (lease, batch, results) => stageResults(db, lease, batch, results, now),
    stageMoves: (lease, batch, moves) => stageMoves(db, lease, batch, moves, now),
    stageTaskResults: async (lease, batch, results) => stageTaskResults(db, lease, batch, endings(results), now),
    commit: (lease, order) => db.transaction((sql) => commit(sql, lease, { ...order, settings: settingsOf(order.settings) }, now())),
    markVisible: (lease, seq) => db.transaction((sql) => markVisible(sql, lease, seq, now())),
    fold: (lease, limit) => fold(db, lease, limit, () => cuts > 0, now),
    dropBatch: (lease, batch, died) => dropBatch(db, lease, batch, died, now),
    endTasks: (lease, results, settings, events = []) => db.transaction((sql) => endTasks(sql, lease, endings(results), settingsOf(settings), events, now())),

    // ---- shares of a batch
    shareOut: (lease, batch, terms, offered) => shares.shareOut(db, lease, batch, terms, offered, now),
    claimShare: (holder, ttlMs) => shares.claimShare(db, holder, ttlMs, now),
    renewClaim: (claim, ttlMs) => db.transaction((sql) => shares.renewClaim(sql, claim, ttlMs, now())),
    releaseClaim: (claim) => db.transaction((sql) => shares.releaseClaim(sql, claim)),
    finishShare: (claim, results) => db.transaction((sql) => shares.finishShare(sql, claim, results)),

    // ---- what waits for people
    setWaiting: (lease, changes) => setWaiting(db, lease, changes, now),
    resumeWaiting: (lease, role) => resumeWaiting(db, lease, role, now),
    freezeEvent: (lease, event, frozen) => db.transaction((sql) => freezeEvent(sql, lease, event, frozen, now())),
    endEvent: (lease, event, { envelopes, settings, results }) =>
      db.transaction((sql) => endEvent(sql, lease, event, { envelopes, settings: settingsOf(settings), results: endings(results) }, now())),
    forgetEvent: (lease, event) => forgetEvent(db, lease, event, now),

    // ---- adoption
    stageAdopted: (lease, adoption, role, targets) => stageAdopted(db, lease, adoption, role, targets, now),
    stageEnded: (lease, adoption, changes) => stageEnded(db, lease, adoption, changes, now),
    adopt: async (lease, { press, results, settings, ...rest }) => {
      const again = press && incoming({ task: press.task, changes: pressingChanges(press) });
      return db.transaction((sql) => adopt(sql, lease, { ...rest, results: endings(results), settings: settingsOf(settings), press: again }, now()));
    },

    // ---- retention
    forgetGarbage: (lease, names) => db.transaction((sql) => forgetGarbage(sql, lease, names, now())),
    forgetBefore: (lease, limits, limit) => db.transaction((sql) => forgetBefore(sql, lease, limits, limit, now())),

    // ---- notices
    post: (lease, notices) => db.transaction(async (sql) => {
      await fence(sql, lease, now());
      await post(sql, notices, now());
      await nudge(sql, "visible");
    }),
    takeDelivery: (receiver, holder, ttlMs) => db.transaction((sql) => takeDelivery(sql, receiver, holder, ttlMs, now())),
    keepDelivery: (receiver, holder, sent) => db.transaction((sql) => keepDelivery(sql, receiver, holder, sent)),
  } satisfies Partial<Database>;
}
