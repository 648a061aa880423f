// What a long batch takes of an import, read in pieces.
//
// To read ten thousand changes takes 40 ms, in which this thread hears nobody. So they come in pieces, and as soon as somebody asks for
// something else the batch has what it has.

import { nextTurn } from "../lib/turn.ts";
import type { Database, OpenChange, OpenLimit } from "../ports/database.ts";
import { binIndexOf } from "../tuf/bins.ts";

/** Changes of a piece: some 8 ms, and four bins of an import of ten million; each is looked for in every run of the import. */
const PIECE = 2_000;

/** Up to where an import was read: the hash of its last change, as bins divide it. */
export type ImportPlace = NonNullable<OpenLimit["behind"]>;

export interface Gathered {
  readonly changes: readonly OpenChange[];
  /** Undefined when there is nothing of an import among them. */
  readonly upTo: ImportPlace | undefined;
}

/** About `limit.imported` changes of an import, and what comes with them: as `openChanges`, or fewer, when somebody `isThere` meanwhile. */
export async function gather(
  database: Pick<Database, "openChanges">, limit: OpenLimit & { readonly imported: number }, isThere: () => boolean | Promise<boolean>,
): Promise<Gathered> {
  const open = new Map<number, OpenChange>();
  let left = limit.imported;
  let { bytes, behind } = limit;
  let upTo: ImportPlace | undefined;
  for (;;) {
    const piece = await database.openChanges({ ...limit, bytes, imported: Math.min(left, PIECE), ...(behind === undefined ? {} : { behind }) });
    // Of one that comes twice, the first says whether it is held.
    for (const change of piece) if (!open.has(change.id)) open.set(change.id, change);
    const own = piece.filter(({ imported, held }) => imported === true && !held);
    const [first] = own;
    left -= own.length;
    for (const { path, fragment } of piece) bytes -= path.length + fragment.length;
    if (first === undefined) break;
    upTo = { task: first.task, place: own.reduce((last, { path }) => Math.max(last, binIndexOf(32, path)), 0) };
    if (left <= 0 || bytes <= 0) break;
    await nextTurn();
    if (await isThere()) break;
    behind = upTo;
  }
  return { changes: [...open.values()], upTo };
}
