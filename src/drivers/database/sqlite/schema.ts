// The tables, as numbered migrations: forward only, never edited once released.
//
// Units: *_ms are milliseconds. Texts compare by their UTF-8 bytes (collation BINARY).
// Settings, requests, results, names of roles in a plan are JSON.

export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

  -- One row: lease and head together, so that no one writes with one of them stale (rules 1, 2).
  CREATE TABLE publisher (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    lease_number INTEGER NOT NULL, lease_holder TEXT NOT NULL, lease_until_ms INTEGER NOT NULL, lease_ttl_ms INTEGER NOT NULL,
    seq INTEGER NOT NULL, head TEXT NOT NULL, visible INTEGER NOT NULL, counter INTEGER NOT NULL,
    pressed_at_ms INTEGER NOT NULL, halted_code TEXT, halted_reason TEXT
  ) STRICT;
  INSERT INTO publisher VALUES (1, 0, '', 0, 0, 0, '', 0, 0, 0, NULL, NULL);

  -- One row: what is pending, and the next change's number.
  CREATE TABLE backlog (
    id INTEGER PRIMARY KEY CHECK (id = 1), changes INTEGER NOT NULL, bytes INTEGER NOT NULL, next_change INTEGER NOT NULL
  ) STRICT;
  INSERT INTO backlog VALUES (1, 0, 0, 1);

  CREATE TABLE committed (
    seq INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, timestamp_version INTEGER NOT NULL, snapshot_version INTEGER NOT NULL,
    timestamp BLOB NOT NULL, expires_ms INTEGER NOT NULL
  ) STRICT;

  -- cutting -> open -> committed; a dropped batch's row goes. fold_phase and fold_cursor say how far
  -- a committed one is folded; NULL: not committed, or done.
  CREATE TABLE batch (
    no INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, base TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('cutting', 'open', 'committed')), seq INTEGER,
    changes INTEGER NOT NULL, bytes INTEGER NOT NULL, first_version INTEGER NOT NULL, roles TEXT,
    snapshot_version INTEGER, new_roles TEXT, garbage_not_before_ms INTEGER, fold_phase INTEGER, fold_cursor TEXT
  ) STRICT;
  CREATE INDEX batch_unfolded ON batch (seq) WHERE fold_phase IS NOT NULL;
  CREATE INDEX batch_open ON batch (no) WHERE state <> 'committed';

  CREATE TABLE batch_result (
    batch INTEGER NOT NULL, role TEXT NOT NULL, version INTEGER NOT NULL, length INTEGER NOT NULL, sha256 TEXT NOT NULL,
    expires_ms INTEGER NOT NULL, PRIMARY KEY (batch, role)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE garbage (
    name TEXT PRIMARY KEY, role TEXT NOT NULL, version INTEGER NOT NULL, not_before_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX garbage_not_before ON garbage (not_before_ms);

  CREATE TABLE role (
    name TEXT PRIMARY KEY, kind TEXT NOT NULL, parent TEXT NOT NULL, version INTEGER NOT NULL, length INTEGER NOT NULL,
    sha256 TEXT NOT NULL, expires_ms INTEGER NOT NULL, retired INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX role_expires ON role (expires_ms) WHERE retired = 0;
  CREATE INDEX role_kind_expires ON role (kind, expires_ms) WHERE retired = 0;

  CREATE TABLE artifact (role TEXT NOT NULL, path TEXT NOT NULL, fragment TEXT NOT NULL, PRIMARY KEY (role, path)) STRICT, WITHOUT ROWID;

  -- no: the order of acceptance. Its changes are numbered first_change to last_change.
  -- held: 0 publishable, 1 held, 2 ended (its unbound changes are out of the queue).
  -- open: changes whose end is not folded yet. forget: fold may delete its changes.
  CREATE TABLE task (
    no INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, created_ms INTEGER NOT NULL, request TEXT NOT NULL,
    held INTEGER NOT NULL, first_change INTEGER, last_change INTEGER, open INTEGER NOT NULL, forget INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX task_change ON task (first_change) WHERE first_change IS NOT NULL;
  CREATE INDEX task_open ON task (held, no) WHERE open > 0;
  CREATE INDEX task_forget ON task (no) WHERE forget = 1;

  -- batch: the result counts once that one is committed and visible; NULL: at once.
  CREATE TABLE result (task INTEGER PRIMARY KEY, batch INTEGER, ended_ms INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
  CREATE INDEX result_batch ON result (batch) WHERE batch IS NOT NULL;
  CREATE INDEX result_ended ON result (ended_ms);

  -- Open while batch is NULL and its task has not ended. held: as accepted.
  CREATE TABLE change (
    no INTEGER PRIMARY KEY, kind TEXT NOT NULL, role TEXT NOT NULL, path TEXT NOT NULL, fragment TEXT NOT NULL, bytes INTEGER NOT NULL,
    held INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, attempts_alone INTEGER NOT NULL DEFAULT 0,
    batch INTEGER, outcome TEXT, cut_role TEXT
  ) STRICT;
  CREATE INDEX change_batch ON change (batch) WHERE batch IS NOT NULL;
  CREATE INDEX change_held ON change (path) WHERE held = 1;

  -- Changes written ahead of the task that will own them.
  CREATE TABLE staging (no INTEGER PRIMARY KEY AUTOINCREMENT, first_change INTEGER NOT NULL, last_change INTEGER NOT NULL) STRICT;

  CREATE TABLE envelope (role TEXT NOT NULL, version INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (role, version)) STRICT;

  CREATE TABLE idempotency (
    principal TEXT NOT NULL, key TEXT NOT NULL, body_sha256 TEXT NOT NULL, task TEXT NOT NULL, created_ms INTEGER NOT NULL,
    PRIMARY KEY (principal, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX idempotency_created ON idempotency (created_ms);
  `,
  `
  -- Targets read back from storage, for an adoption that is under way.
  CREATE TABLE adopted (
    adoption TEXT NOT NULL, role TEXT NOT NULL, path TEXT NOT NULL, fragment TEXT NOT NULL, PRIMARY KEY (adoption, role, path)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Artifacts that another role lists, or none (to_role NULL), once the batch is folded; and the roles it retires, JSON.
  CREATE TABLE batch_move (
    no INTEGER PRIMARY KEY AUTOINCREMENT, batch INTEGER NOT NULL, path TEXT NOT NULL, from_role TEXT NOT NULL, to_role TEXT
  ) STRICT;
  CREATE INDEX batch_move_batch ON batch_move (batch, no);
  ALTER TABLE batch ADD COLUMN retired_roles TEXT;
  `,
  `
  -- Documents that wait for signatures of people. One per role at a time; a cancelled one goes when its tasks are answered.
  CREATE TABLE signing_event (
    no INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, role TEXT NOT NULL, kind TEXT NOT NULL, version INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'frozen', 'cancelled')), document BLOB NOT NULL, task TEXT NOT NULL, started_ms INTEGER NOT NULL,
    note TEXT, frozen BLOB
  ) STRICT;
  CREATE UNIQUE INDEX signing_event_role ON signing_event (role) WHERE state <> 'cancelled';
  -- identity: of the public key, so that it signs once under however many keyids.
  CREATE TABLE signing_signature (
    no INTEGER PRIMARY KEY AUTOINCREMENT, event INTEGER NOT NULL, keyid TEXT NOT NULL, identity TEXT NOT NULL, sig TEXT NOT NULL, task TEXT,
    UNIQUE (event, keyid), UNIQUE (event, identity)
  ) STRICT;
  `,
  `
  -- A recovery from a compromise may stand beside a root that is frozen and not shown yet.
  DROP INDEX signing_event_role;
  CREATE UNIQUE INDEX signing_event_role ON signing_event (role) WHERE state = 'open';
  `,
  `
  -- waits: the role that people have to sign first; such a change is not in the queue. event: the one that carries it.
  ALTER TABLE change ADD COLUMN waits TEXT;
  ALTER TABLE change ADD COLUMN event INTEGER;
  CREATE INDEX change_waits ON change (waits, no) WHERE waits IS NOT NULL AND event IS NULL;
  CREATE INDEX change_event ON change (event, no) WHERE event IS NOT NULL;
  -- asleep: all of its open changes wait, so that the queue need not look at them.
  ALTER TABLE task ADD COLUMN asleep INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE signing_event ADD COLUMN reason TEXT;
  `,
  `
  -- Lists. published_ms: when its batch was committed; NULL: before this was kept.
  ALTER TABLE artifact ADD COLUMN published_ms INTEGER;
  CREATE INDEX artifact_path ON artifact (path);
  ALTER TABLE batch ADD COLUMN committed_ms INTEGER;
  CREATE INDEX batch_seq ON batch (seq) WHERE seq IS NOT NULL;
  CREATE INDEX task_created ON task (created_ms);
  CREATE INDEX task_kind ON task (kind, created_ms);
  -- What a list shows stands before the body, which may be megabytes long. created_ms: as of its task. message, error: cut.
  CREATE TABLE listed_result (
    task INTEGER PRIMARY KEY, batch INTEGER, created_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL, state TEXT NOT NULL, message TEXT NOT NULL, error TEXT,
    body TEXT NOT NULL
  ) STRICT;
  INSERT INTO listed_result SELECT r.task, r.batch, t.created_ms, r.ended_ms, r.body ->> '$.state', substr(r.body ->> '$.message', 1, 300), substr(r.body ->> '$.error', 1, 300), r.body
    FROM result r JOIN task t ON t.no = r.task;
  DROP TABLE result;
  ALTER TABLE listed_result RENAME TO result;
  CREATE INDEX result_batch ON result (batch) WHERE batch IS NOT NULL;
  CREATE INDEX result_ended ON result (ended_ms);
  CREATE INDEX result_state ON result (state, created_ms);

  -- What subscribers are told. One with a batch stands for itself and for the end of every task whose result counts with
  -- that batch, so that showing a head writes one row, however many tasks end. once: nobody else may say it.
  CREATE TABLE notice (
    no INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, at_ms INTEGER NOT NULL, about TEXT NOT NULL, batch INTEGER, once TEXT
  ) STRICT;
  CREATE UNIQUE INDEX notice_once ON notice (once) WHERE once IS NOT NULL;
  -- One row: the place of the last one that is forgotten.
  CREATE TABLE notice_log (id INTEGER PRIMARY KEY CHECK (id = 1), forgotten_no INTEGER NOT NULL, forgotten_task INTEGER NOT NULL) STRICT;
  INSERT INTO notice_log VALUES (1, 0, 0);
  -- Who sends notices to whom, and how far that is.
  CREATE TABLE delivery (receiver TEXT PRIMARY KEY, holder TEXT NOT NULL, until_ms INTEGER NOT NULL, sent TEXT NOT NULL) STRICT, WITHOUT ROWID;
  `,
  `
  -- What a Sigstore signature is verified with, JSON.
  ALTER TABLE signing_signature ADD COLUMN bundle TEXT;
  `,
  `
  -- Uploads that become a task when they are complete. Their changes are numbered from first_change on; they lie in runs,
  -- numbered no * 2^20 and on, each sorted by place (the hash that bins divide). writer: who may add; '' once accepted.
  CREATE TABLE import (
    no INTEGER PRIMARY KEY AUTOINCREMENT, task TEXT NOT NULL UNIQUE, principal TEXT NOT NULL, key TEXT NOT NULL, writer TEXT NOT NULL,
    first_change INTEGER NOT NULL, max_changes INTEGER NOT NULL, lines INTEGER NOT NULL, invalid INTEGER NOT NULL, changes INTEGER NOT NULL,
    runs INTEGER NOT NULL, accepted INTEGER NOT NULL, touched_ms INTEGER NOT NULL, UNIQUE (principal, key)
  ) STRICT;
  CREATE INDEX import_touched ON import (touched_ms);
  -- NULL: of no import. A task whose held is 3 is one: its changes are taken by run and place, those in a batch, or that wait for people, are not in this index.
  ALTER TABLE change ADD COLUMN run INTEGER;
  ALTER TABLE change ADD COLUMN place INTEGER;
  CREATE INDEX change_place ON change (run, place) WHERE run IS NOT NULL AND batch IS NULL AND waits IS NULL;
  -- Of its changes, those of imports, which are not in the backlog; bytes are without theirs.
  ALTER TABLE batch ADD COLUMN imported INTEGER NOT NULL DEFAULT 0;
  `,
  `
  -- Shares of a large batch, pressed by whoever claims them. terms: what holds for all of them. roles: JSON.
  -- claim: counts the claims, 0: none so far. until_ms: how long the last one holds, 0: it does not. first_version: its names.
  ALTER TABLE batch ADD COLUMN terms TEXT;
  CREATE TABLE batch_share (
    batch INTEGER NOT NULL, no INTEGER NOT NULL, roles TEXT NOT NULL, claim INTEGER NOT NULL DEFAULT 0, holder TEXT NOT NULL DEFAULT '',
    until_ms INTEGER NOT NULL DEFAULT 0, first_version INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0, edits TEXT NOT NULL, PRIMARY KEY (batch, no)
  ) STRICT;
  `,
  `
  -- Artifacts in the order of their paths, in strands, which a list merges. One by one they come into strand 0; many at a
  -- time into the last one, until it is long: a row in a short strand lies beside its neighbours of the same transaction, in one
  -- of a million it has a page of its own (36 microseconds of CPU and four kilobytes of log, against 12 and less than one).
  ALTER TABLE artifact ADD COLUMN strand INTEGER NOT NULL DEFAULT 0;
  DROP INDEX artifact_path;
  CREATE INDEX artifact_strand ON artifact (strand, path);
  -- One row: the last strand, and how long it is.
  CREATE TABLE last_strand (id INTEGER PRIMARY KEY CHECK (id = 1), strand INTEGER NOT NULL, length INTEGER NOT NULL) STRICT;
  INSERT INTO last_strand VALUES (1, 1, 0);
  `,
  `
  -- By place, too, so that a slice of a fold writes neighbours: of a batch with 20,000 changes of an import, in the order of
  -- their numbers, each slice would touch the pages of every bin there is.
  DROP INDEX change_batch;
  CREATE INDEX change_batch ON change (batch, place) WHERE batch IS NOT NULL;
  `,
  `
  -- fragment: what the artifact says from now on; NULL: as it is.
  ALTER TABLE batch_move ADD COLUMN fragment TEXT;
  `,
  `
  -- Pending changes that end with an adoption that is under way.
  CREATE TABLE adopted_change (
    adoption TEXT NOT NULL, no INTEGER NOT NULL, task TEXT NOT NULL, outcome TEXT NOT NULL, role TEXT NOT NULL, PRIMARY KEY (adoption, no)
  ) STRICT, WITHOUT ROWID;
  -- Of imports, those that wait for people: the others are found by run.
  CREATE INDEX change_waits_place ON change (place) WHERE run IS NOT NULL AND waits IS NOT NULL;
  `,
];
