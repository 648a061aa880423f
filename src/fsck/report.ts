// What fsck found. A fault is one broken promise about one subject.

/**
 * What is wrong. Codes are API: stable, never reused.
 *
 * - `missing`           a file that something refers to is not there
 * - `unreadable`        a file could not be read, so nothing is known about it
 * - `malformed`         bytes that are not the metadata document they should be
 * - `length`, `hash`, `version`  a file is not the one its parent describes
 * - `signature`         too few of the delegator's keys signed
 * - `expired`           past its time
 * - `too-large`         more than a client reads
 * - `root-differs`      another root than the trusted one, or than the database's
 * - `root-chain`        a root that does not follow from the one before, or lies past the end
 * - `not-consistent`    a root without consistent snapshots
 * - `name`              a name no file of ours can have
 * - `not-in-snapshot`   a delegated role that snapshot does not list
 * - `version-shared`    two roles of equal version could be served in each other's place
 * - `misplaced`         a path in a role where no client's search finds it
 * - `shadowed`          a path that an earlier role has too
 * - `unfindable`        a path behind more delegations than a client walks
 * - `target`            a target no client can download
 * - `head`, `visible`   published timestamp, committed head and visible head do not agree
 * - `counter`           a version above the last one allocated
 * - `row`               database and documents disagree
 * - `garbage`           a live file is marked for deletion
 * - `task`              a task that ended although one of its changes is open
 * - `batch`             a batch nobody works on, still open
 * - `event`             a signing event that is over, or does not say what it carries
 */
export type FaultCode =
  | "missing" | "unreadable" | "malformed" | "length" | "hash" | "version" | "signature" | "expired" | "too-large"
  | "root-differs" | "root-chain" | "not-consistent" | "name" | "not-in-snapshot" | "version-shared"
  | "misplaced" | "shadowed" | "unfindable" | "target"
  | "head" | "visible" | "counter" | "row" | "garbage" | "task" | "batch" | "event";

export interface Fault {
  /** The rule's number in docs/design/publishing.md. */
  readonly rule: number;
  readonly code: FaultCode;
  /** A file, a path, a task: what to look at. */
  readonly subject: string;
  readonly message: string;
}

export interface Report {
  readonly faults: readonly Fault[];
  /** What could not be looked at, and why. */
  readonly notes: readonly string[];
  readonly roots: number;
  /** Targets roles: targets, delegated ones, bins. */
  readonly roles: number;
  readonly paths: number;
  readonly bytes: number;
}

/** Collects faults; one that repeats thousandfold is cut after `MOST_ALIKE` and counted. */
export class Findings {
  readonly faults: Fault[] = [];
  readonly notes: string[] = [];
  readonly #alike = new Map<string, number>();

  add(rule: number, code: FaultCode, subject: string, message: string): void {
    const kind = `${rule} ${code}`;
    const count = (this.#alike.get(kind) ?? 0) + 1;
    this.#alike.set(kind, count);
    if (count <= MOST_ALIKE) this.faults.push({ rule, code, subject, message });
  }

  /** The faults, and a note for each kind that was cut. */
  end(): { readonly faults: readonly Fault[]; readonly notes: readonly string[] } {
    for (const [kind, count] of this.#alike) {
      if (count > MOST_ALIKE) this.notes.push(`${count - MOST_ALIKE} more faults of rule ${kind} are not listed`);
    }
    return { faults: this.faults, notes: this.notes };
  }
}

const MOST_ALIKE = 1000;
