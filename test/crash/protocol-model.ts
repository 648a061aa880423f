// The publish protocol, small enough to try everything.
//
// Two publishers take one step at a time, in any order; each may stop anywhere for as long as it
// likes, die, and go on late. The database may once go back to one of its last three states
// (restored from a backup, promoted from a replica that lagged). Heads are (version, identity),
// storage holds one head and a count of its writes, which is what a token stands for.
//
// What must hold in every state that can be reached: the stored timestamp never goes down, and
// never changes at an equal version. Designs with a rule left out must fail, or the rule is idle.

export type Design =
  /** The rules of docs/design/publishing.md. */
  | "rules"
  /** Without a fence (1 - 3), the order of reads (14), tokens and adoption (17): who leads writes the head it remembers. */
  | "naive"
  /** Overwrites whatever does not look newer, instead of what this history committed before (14, 17). */
  | "overwrites-older"
  /** Replaces without the token of what it read (6). */
  | "without-token"
  /** Halts on a timestamp of another history instead of adopting it: safe, too. */
  | "halts-diverged";

type Head = readonly [version: number, identity: number];

interface PublisherState {
  /** idle: does not lead; lead: may commit; read: about to read storage; known: knows what storage holds; write: about to replace. */
  readonly at: "idle" | "lead" | "read" | "known" | "write";
  readonly number: number;
  readonly holder: number;
  /** The head it is going to write, or works on. */
  readonly mine: Head;
  readonly saw: Head;
  readonly token: number;
}

interface DatabaseState {
  readonly head: Head;
  readonly number: number;
  readonly holder: number;
  readonly committed: readonly Head[];
}

interface State {
  readonly database: DatabaseState;
  readonly history: readonly DatabaseState[];
  readonly stored: Head;
  readonly writes: number;
  readonly publishers: readonly [PublisherState, PublisherState];
  readonly nextIdentity: number;
  readonly nextHolder: number;
  readonly wentBack: boolean;
}

type Step = readonly [label: string, next: State];

const FIRST: Head = [1, 0];
const IDLE: PublisherState = { at: "idle", number: 0, holder: 0, mine: FIRST, saw: FIRST, token: 0 };
const START: State = {
  database: { head: FIRST, number: 0, holder: 0, committed: [FIRST] },
  history: [],
  stored: FIRST,
  writes: 0,
  publishers: [IDLE, IDLE],
  nextIdentity: 2,
  nextHolder: 1,
  wentBack: false,
};

const same = (a: Head, b: Head): boolean => a[0] === b[0] && a[1] === b[1];
const show = ([version, identity]: Head): string => `${String(version)}.${String(identity)}`;

export interface Explored {
  readonly states: number;
  /** The shortest way to a state that must not be, one label a step. */
  readonly violation: readonly string[] | undefined;
}

/** Everything that can be reached in `depth` steps, breadth first. */
export function explore(design: Design, depth: number, maxVersion = 4): Explored {
  const seen = new Set<string>([keyOf(START)]);
  let layer: { readonly state: State; readonly path: Path | undefined }[] = [{ state: START, path: undefined }];
  for (let step = 0; step < depth && layer.length > 0; step++) {
    const next: typeof layer = [];
    for (const { state, path } of layer) {
      for (const [label, reached] of stepsOf(state, design, maxVersion)) {
        const way: Path = { label, before: path };
        if (!same(state.stored, reached.stored) && reached.stored[0] <= state.stored[0]) return { states: seen.size, violation: labels(way) };
        const key = keyOf(reached);
        if (seen.has(key)) continue;
        seen.add(key);
        next.push({ state: reached, path: way });
      }
    }
    layer = next;
  }
  return { states: seen.size, violation: undefined };
}

interface Path {
  readonly label: string;
  readonly before: Path | undefined;
}

function labels(path: Path | undefined): string[] {
  const all: string[] = [];
  for (let at = path; at !== undefined; at = at.before) all.unshift(at.label);
  return all;
}

function* stepsOf(state: State, design: Design, maxVersion: number): Generator<Step> {
  if (!state.wentBack) {
    for (const database of state.history) yield [`the database goes back to ${show(database.head)}`, { ...state, database, history: [], wentBack: true }];
  }
  for (const who of [0, 1] as const) {
    const name = `P${String(who + 1)}`;
    const me = state.publishers[who];
    const become = (after: PublisherState, more: Partial<State> = {}): State => ({ ...state, ...more, publishers: who === 0 ? [after, state.publishers[1]] : [state.publishers[0], after] });
    if (me.at === "idle") {
      const database = { ...state.database, number: state.database.number + 1, holder: state.nextHolder };
      const leads = { ...IDLE, at: "read" as const, number: database.number, holder: database.holder };
      yield [`${name} takes lease ${String(database.number)}`, become(leads, { ...committing(state, database), nextHolder: state.nextHolder + 1 })];
      continue;
    }
    yield [`${name} dies`, become(IDLE)];
    if (design === "naive") yield* naive(state, me, name, maxVersion, become);
    else yield* byTheRules(state, me, name, design, maxVersion, become);
  }
}

type Become = (after: PublisherState, more?: Partial<State>) => State;

const committing = (state: State, database: DatabaseState): Pick<State, "database" | "history"> => ({ database, history: [...state.history, state.database].slice(-3) });

function write(state: State, head: Head): Pick<State, "stored" | "writes"> {
  return { stored: head, writes: state.writes + 1 };
}

function commit(state: State, me: PublisherState): { readonly head: Head; readonly more: Partial<State> } {
  const head: Head = [me.mine[0] + 1, state.nextIdentity];
  const database = { ...state.database, head, committed: [...state.database.committed, head] };
  return { head, more: { ...committing(state, database), nextIdentity: state.nextIdentity + 1 } };
}

/** Reads the head, writes it if storage differs, and writes what it committed from memory. */
function* naive(state: State, me: PublisherState, name: string, maxVersion: number, become: Become): Generator<Step> {
  const { head, number } = state.database;
  if (me.at === "read") yield [`${name} reads head ${show(head)}`, become({ ...me, at: "write", mine: head })];
  if (me.at === "write") yield [`${name} writes ${show(me.mine)}`, become({ ...me, at: "lead" }, same(state.stored, me.mine) ? {} : write(state, me.mine))];
  if (me.at === "lead" && same(head, me.mine) && number === me.number && me.mine[0] < maxVersion) {
    const { head: next, more } = commit(state, me);
    yield [`${name} commits ${show(next)}`, become({ ...me, at: "write", mine: next }, more)];
  }
}

function* byTheRules(state: State, me: PublisherState, name: string, design: Design, maxVersion: number, become: Become): Generator<Step> {
  const { head, number, holder, committed } = state.database;
  const leads = number === me.number && holder === me.holder;
  switch (me.at) {
    case "read":
      yield [`${name} reads storage: ${show(state.stored)}`, become({ ...me, at: "known", saw: state.stored, token: state.writes })];
      return;
    case "known": {
      const now: PublisherState = { ...me, mine: head };
      if (same(now.mine, now.saw)) {
        yield [`${name} finds ${show(now.saw)} visible`, become({ ...now, at: "lead" })];
        return;
      }
      const ancestor = committed.some((known) => same(known, now.saw)) && now.saw[0] < now.mine[0];
      if (design === "overwrites-older" ? now.saw[0] <= now.mine[0] : ancestor) {
        yield [`${name} will replace ${show(now.saw)} by ${show(now.mine)}`, become({ ...now, at: "write" })];
      } else if (design !== "halts-diverged" && leads) {
        const database = { ...state.database, head: now.saw, committed: [...committed, now.saw] };
        yield [`${name} adopts ${show(now.saw)}`, become({ ...now, at: "read" }, committing(state, database))];
      }
      return;
    }
    case "write":
      if (design === "without-token" || state.writes === me.token) yield [`${name} replaces by ${show(me.mine)}`, become({ ...me, at: "read" }, write(state, me.mine))];
      else yield [`${name} meets a conflict`, become({ ...me, at: "read" })];
      return;
    case "lead":
      if (same(head, me.mine) && leads && me.mine[0] < maxVersion) {
        const { head: next, more } = commit(state, me);
        yield [`${name} commits ${show(next)}`, become({ ...me, at: "read" }, more)];
      }
      return;
    case "idle":
  }
}

/** Equal for states from which the same can happen: identities and holders count only as equal or not, numbers as they are. */
function keyOf(state: State): string {
  const identities = new Map<number, number>();
  const holders = new Map<number, number>();
  const canonical = (names: Map<number, number>, name: number): number => {
    let known = names.get(name);
    if (known === undefined) names.set(name, (known = names.size));
    return known;
  };
  const head = ([version, identity]: Head): string => `${String(version)}.${String(canonical(identities, identity))}`;
  const database = (one: DatabaseState): string => `${head(one.head)},${String(one.number)},${String(canonical(holders, one.holder))},${[...one.committed].map(head).sort().join(" ")}`;
  const publisher = (one: PublisherState): string => (one.at === "idle" ? "-" : `${one.at},${String(one.number)},${String(canonical(holders, one.holder))},${head(one.mine)},${head(one.saw)},${one.token === state.writes ? "t" : "f"}`);
  return [database(state.database), state.history.map(database).join(";"), head(state.stored), ...state.publishers.map(publisher), state.wentBack ? "b" : ""].join("|");
}
