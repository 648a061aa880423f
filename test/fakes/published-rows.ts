// The database of a service that published what a RepositoryBuilder holds: the part that
// fsck reads, each answer a plain value that a test may bend.

import { DatabaseError, type CommittedHead, type OpenChange, type PublisherState, type SigningEvent, type RoleRow, type Target, type TaskRow } from "../../src/ports/database.ts";
import type { DatabaseView } from "../../src/fsck/fsck.ts";
import { canonicalString } from "../../src/tuf/canonical.ts";
import { sha256Hex } from "../../src/tuf/crypto.ts";
import type { Json } from "../../src/tuf/documents.ts";
import type { RepositoryBuilder } from "./repository-builder.ts";

export interface PublishedRows {
  state: PublisherState;
  committed: Map<string, number>;
  head: CommittedHead;
  roots: Map<number, Buffer>;
  targets: Buffer;
  roles: RoleRow[];
  artifacts: Map<string, Target[]>;
  garbage: string[];
  open: string[];
  /** Roles of which a new version was asked for. */
  refreshed: string[];
  tasks: Map<string, TaskRow>;
  batches: { id: string; base: string; changes: number }[];
  folded: boolean;
  /** What people sign, and the changes each carries, by its id. */
  events: SigningEvent[];
  carried: Map<string, OpenChange[]>;
  waiting: Map<string, OpenChange[]>;
  /** What people signed last, by role. */
  kept: Map<string, Buffer>;
  now: number;
}

export function publishedRows(repository: RepositoryBuilder): PublishedRows {
  const { now } = repository.options;
  const timestamp = repository.fileOf("timestamp");
  const hash = sha256Hex(timestamp);
  const expiresMs = Date.parse(repository.timestamp.expires);
  const row = (role: string, kind: RoleRow["kind"], version: number, bytes: Buffer): RoleRow => ({ role, kind, parent: kind === "bins" ? "targets" : "", retired: false, version, length: bytes.length, sha256: sha256Hex(bytes), expiresMs });
  const rows: PublishedRows = {
    state: { lease: { number: 1, holder: "h", untilMs: now + 1000 }, seq: 2, head: hash, visible: 2, counter: repository.timestamp.version, pressedAtMs: now },
    committed: new Map([[hash, 2]]),
    head: { seq: 2, sha256: hash, timestampVersion: repository.timestamp.version, snapshotVersion: repository.snapshot.version, timestamp, expiresMs },
    roots: new Map([[1, repository.files.get("1.root.json")!]]),
    targets: repository.fileOf("targets"),
    roles: [...repository.roles].map(([name, { version }]) => row(name, name === "targets" ? "targets" : "bins", version, repository.fileOf(name))),
    artifacts: new Map([...repository.roles].map(([name, { targets }]) => [name, Object.entries(targets).map(([path, target]) => ({ path, fragment: canonicalString(target as unknown as Json) }))])),
    garbage: [],
    open: [],
    refreshed: [],
    tasks: new Map(),
    batches: [],
    folded: true,
    events: [],
    carried: new Map(),
    waiting: new Map(),
    kept: new Map(),
    now,
  };
  rows.roles.push(row("snapshot", "snapshot", repository.snapshot.version, repository.fileOf("snapshot")));
  return rows;
}

export function databaseViewOf(rows: PublishedRows): DatabaseView {
  return {
    publisher: async () => rows.state,
    head: async () => rows.head,
    committed: async (sha256) => {
      const seq = rows.committed.get(sha256);
      return seq === undefined ? undefined : { seq };
    },
    envelope: async (role, version) => {
      if (role === "targets") return { version: 0, bytes: rows.targets };
      const kept = rows.kept.get(role);
      if (role !== "root") return kept && { version: 0, bytes: kept };
      const last = version ?? Math.max(...rows.roots.keys());
      const bytes = rows.roots.get(last);
      return bytes && { version: last, bytes };
    },
    roles: async () => rows.roles,
    readTargets: async (base, roles) => {
      if (!rows.folded || base !== rows.state.head) throw new DatabaseError("stale-base", "not folded");
      return new Map(roles.map((role) => [role, rows.artifacts.get(role) ?? []]));
    },
    dueGarbage: async () => rows.garbage.map((name) => ({ name, role: "", version: 0 })),
    openChanges: async () => {
      const more = { attempts: 0, attemptsAlone: 0, held: false };
      return [
        ...rows.open.map((task, id) => ({ ...more, id, task, kind: "add" as const, role: "bins-0", path: "p", fragment: "{}" })),
        ...rows.refreshed.map((role, at) => ({ ...more, id: rows.open.length + at, task: "r", kind: "refresh" as const, role, path: "", fragment: "" })),
      ];
    },
    getTask: async (id) => rows.tasks.get(id),
    openBatches: async () => rows.batches,
    signingEvents: async () => rows.events,
    eventChanges: async (event) => rows.carried.get(event) ?? [],
    waitingRoles: async () => [...rows.waiting.keys()],
    waitingChanges: async (role) => rows.waiting.get(role) ?? [],
    now: async () => rows.now,
  };
}
