// What is asked of the database: repeated while the server is away, for it changes nothing.

import type { Database } from "../../../ports/database.ts";
import { placeText } from "../common/notice-place.ts";
import { findImport, importRemainder } from "./import.ts";
import * as lists from "./lists.ts";
import { lastPlace, noticesAfter } from "./notice-log.ts";
import { adoptedTargets, pendingChanges, pendingImported } from "./pending.ts";
import { openChanges } from "./queue.ts";
import * as reads from "./reads.ts";
import type { Now, Sessions } from "./sessions.ts";
import { sharedResults } from "./share.ts";

export const reading = (db: Sessions, now: () => Now) => ({
  now: async () => now() ?? Number((await db.read((sql) => sql.row("SELECT now_ms() AS now")))?.["now"]),

  // ---- requests
  findImport: (principal, key) => db.read((sql) => findImport(sql, principal, key)),
  getTask: (id) => db.read((sql) => reads.getTask(sql, id)),
  requestsOf: (tasks) => db.read((sql) => reads.requestsOf(sql, tasks)),
  backlog: () => db.read(reads.backlog),
  setting: (name) => db.read((sql) => reads.setting(sql, name)),
  settings: () => db.read(reads.settings),
  envelope: (role, version) => db.read((sql) => reads.envelope(sql, role, version)),
  listed: (role, paths) => db.read((sql) => reads.listed(sql, role, paths)),

  // ---- lease and head
  publisher: () => db.read(reads.publisher),
  head: () => db.read(reads.head),
  committed: (sha256) => db.read((sql) => reads.committed(sql, sha256)),

  // ---- a batch
  openChanges: (limit) => db.moment((sql) => openChanges(sql, limit)),
  readTargets: (base, roles) => db.read((sql) => reads.readTargets(sql, base, roles)),
  openBatches: () => db.read(reads.openBatches),
  taskChanges: (task) => db.read((sql) => reads.taskChanges(sql, task)),
  importRemainder: (task, limit, adoption) => db.moment((sql) => importRemainder(sql, task, limit, adoption)),
  sharedResults: (batch) => db.read((sql) => sharedResults(sql, batch)),

  // ---- what waits for people
  waitingRoles: () => db.read(reads.waitingRoles),
  waitingChanges: (role, limit) => db.read((sql) => reads.waitingChanges(sql, role, limit)),
  eventChanges: (event) => db.read((sql) => reads.eventChanges(sql, event)),
  signingEvents: () => db.moment(reads.signingEvents),
  signingStamp: () => db.read(reads.signingStamp),

  // ---- adoption
  pendingChanges: () => db.read(pendingChanges),
  pendingImported: (range, limit) => db.moment((sql) => pendingImported(sql, range, limit)),
  adoptedTargets: (adoption, places) => db.read((sql) => adoptedTargets(sql, adoption, places)),

  // ---- roles, and what they left behind
  roles: () => db.read(reads.roles),
  role: (name) => db.read((sql) => reads.role(sql, name)),
  rolesExpiringBefore: (beforeMs, limit) => db.read((sql) => reads.rolesExpiringBefore(sql, beforeMs, limit)),
  firstExpiry: () => db.read(reads.firstExpiry),
  dueGarbage: (nowMs, limit) => db.read((sql) => reads.dueGarbage(sql, nowMs, limit)),

  // ---- lists and notices
  artifacts: (range, after, limit) => db.read((sql) => lists.artifacts(sql, range, after, limit)),
  countArtifacts: (role, atMost) => db.read((sql) => lists.countArtifacts(sql, role, atMost)),
  rolesAfter: (after, filter, limit) => db.read((sql) => lists.rolesAfter(sql, after, filter, limit)),
  tasks: (filter, after, limit) => db.read((sql) => lists.tasks(sql, filter, after, limit)),
  notices: (after, limit) => db.moment((sql) => noticesAfter(sql, after, limit)),
  lastNotice: () => db.read(async (sql) => placeText(await lastPlace(sql))),
}) satisfies Partial<Database>;
