// Every row of a repository's state, in one form that each engine reads and writes: how it moves from
// one engine to another, whole.
//
// A cell is null, a number, a text or bytes. `truth` is 0 or 1, `names` a JSON list of texts, whatever an
// engine makes of them. What one engine alone keeps (who holds the lease, what a writer left half done) is
// not in it. A test holds that no column of either engine is forgotten here.

export type Cell = null | number | string | Uint8Array;
export type Kind = "integer" | "text" | "truth" | "names" | "bytes";

export interface Table {
  readonly name: string;
  readonly columns: readonly (readonly [name: string, kind: Kind])[];
  /** Unique. Rows are read in this order: that of the primary key, so that tables grow at their end. */
  readonly order: string;
  /** It always has its one row, which is changed in place. */
  readonly single?: true;
  /** Rows may be as large as a request. */
  readonly large?: true;
}

/** Some rows of one table, in its order. */
export interface RowSlice {
  readonly table: Table;
  readonly rows: readonly (readonly Cell[])[];
}

/** At most so many rows a slice, and about so many bytes. */
export const SLICE_ROWS = 5_000;
export const SLICE_BYTES = 8 * 1024 * 1024;

const KINDS: Readonly<Record<string, Kind>> = { i: "integer", t: "text", b: "truth", n: "names", x: "bytes" };

/** `no:i id:t` is two columns. */
function table(name: string, order: string, columns: string, more: Pick<Table, "single" | "large"> = {}): Table {
  return {
    name, order, ...more,
    columns: columns.trim().split(/\s+/).map((column) => {
      const [of = "", kind = ""] = column.split(":");
      return [of, KINDS[kind] ?? "text"] as const;
    }),
  };
}

/** In the order in which they are written. */
export const TABLES: readonly Table[] = [
  table("setting", "name", "name:t value:t"),
  table("publisher", "id", "id:i lease_number:i seq:i head:t visible:i counter:i pressed_at_ms:i halted_code:t halted_reason:t", { single: true }),
  table("backlog", "id", "id:i changes:i bytes:i next_change:i", { single: true }),
  table("committed", "seq", "seq:i sha256:t timestamp_version:i snapshot_version:i timestamp:x expires_ms:i"),
  table("batch", "no", `no:i id:t base:t state:t seq:i changes:i bytes:i first_version:i roles:n imported:i snapshot_version:i retired_roles:n
    garbage_not_before_ms:i committed_ms:i fold_phase:i fold_cursor:t terms:t`, { large: true }),
  table("batch_share", "batch, no", "batch:i no:i roles:n edits:t claim:i holder:t until_ms:i first_version:i done:b", { large: true }),
  table("batch_result", "batch, role", "batch:i role:t version:i length:i sha256:t expires_ms:i"),
  table("batch_role", "batch, name", "batch:i name:t kind:t parent:t"),
  table("batch_move", "no", "no:i batch:i path:t from_role:t to_role:t fragment:t", { large: true }),
  table("garbage", "name", "name:t role:t version:i not_before_ms:i"),
  table("role", "name", "name:t kind:t parent:t version:i length:i sha256:t expires_ms:i retired:b"),
  table("artifact", "role, path", "role:t path:t fragment:t published_ms:i"),
  table("task", "no", "no:i id:t kind:t created_ms:i request:t held:i first_change:i last_change:i open:i forget:b asleep:b", { large: true }),
  table("result", "task", "task:i batch:i created_ms:i ended_ms:i state:t message:t error:t body:t", { large: true }),
  table("change", "no", `no:i owner:i kind:t role:t path:t fragment:t bytes:i held:b attempts:i attempts_alone:i batch:i outcome:t cut_role:t waits:t event:i
    run:i place:i`),
  table("import", "no", "no:i task:t principal:t key:t writer:t first_change:i max_changes:i lines:i invalid:i changes:i runs:i accepted:b touched_ms:i"),
  table("envelope", "role, version", "role:t version:i bytes:x", { large: true }),
  table("idempotency", "principal, key", "principal:t key:t body_sha256:t task:t created_ms:i"),
  table("signing_event", "no", "no:i id:t role:t kind:t version:i state:t document:x task:t started_ms:i note:t frozen:x reason:t", { large: true }),
  table("signing_signature", "no", "no:i event:i keyid:t identity:t sig:t bundle:t task:t"),
  table("notice", "no", "no:i kind:t at_ms:i about:t batch:i once:t"),
  table("notice_log", "id", "id:i forgotten_no:i forgotten_task:i", { single: true }),
  table("delivery", "receiver", "receiver:t holder:t until_ms:i sent:t"),
];

/** Tables whose numbers are never used again, though their rows go: the last number goes along. */
export const NUMBERED: readonly string[] = ["batch", "batch_move", "task", "import", "signing_event", "signing_signature", "notice"];

/** Not a table of either engine: the last numbers of those. */
export const NUMBERS: Table = table("last number", "name", "name:t last:i");
