// What a long batch takes of an import, read in pieces.
//
// To read ten thousand changes takes 40 ms, in which this thread hears nobody. So they come in pieces, and as soon as somebody asks for
// something else the batch has what it has.

import { nextTurn } from "../lib/turn.ts";
import type { Database, OpenChange, OpenLimit } from "../ports/database.ts";
import { binIndexOf } from "../tuf/bins.ts";

/** Changes of a piece: some 8 ms, and four bins of an import of ten million; each is looked for in every run of the import. */
const PIECE = 2_000;

/** About `limit.imported` changes of an import, and what comes with them: as `openChanges`, or fewer, when somebody `isThere` meanwhile. */
export async function gather(database: Pick<Database, "openChanges">, limit: OpenLimit & { readonly imported: number }, isThere: () => boolean): Promise<readonly OpenChange[]> {
  const open = new Map<number, OpenChange>();
  let left = limit.imported;
  let { bytes } = limit;
  let behind: OpenLimit["behind"];
  for (;;) {
    const piece = await database.openChanges({ ...limit, bytes, imported: Math.min(left, PIECE), ...(behind === undefined ? {} : { behind }) });
    // Of one that comes twice, the first says whether it is held.
    for (const change of piece) if (!open.has(change.id)) open.set(change.id, change);
    const own = piece.filter(({ imported, held }) => imported === true && !held);
    const [first] = own;
    left -= own.length;
    for (const { path, fragment } of piece) bytes -= path.length + fragment.length;
    if (first === undefined || left <= 0 || bytes <= 0) break;
    await nextTurn();
    if (isThere()) break;
    behind = { task: first.task, place: own.reduce((last, { path }) => Math.max(last, binIndexOf(32, path)), 0) };
  }
  return [...open.values()];
}
