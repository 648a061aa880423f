// rstuf admin delegations list: who delegates to whom.

import { Command } from "commander";
import { CATCH_ALL } from "../../../roles/catch-all.ts";
import type { DelegationNode } from "../../../sdk/api-types.ts";
import type { CliContext } from "../../context.ts";
import { examplesText } from "../../examples.ts";
import { withServer } from "../../options.ts";
import { tableLines } from "../../output/table.ts";
import { fromNow, number } from "../../output/words.ts";
import { requireBootstrap } from "../../admin/send.ts";
import { openSession } from "../../session.ts";

export const DELEGATIONS_LIST_EXAMPLES = ["rstuf admin delegations list --api-server http://127.0.0.1:8080"] as const;

interface Row {
  readonly name: string;
  readonly paths: string;
  readonly needs: string;
  readonly keys: string;
  readonly expires: string;
}

export function delegationsListCommand(context: CliContext): Command {
  const command = withServer(new Command())
    .description("Shows who delegates to whom, roles below roles too, in the order in which clients ask them; a role from which a search goes on when it does not list an artifact has a + behind its name.")
    .addHelpText("after", examplesText([{ commands: DELEGATIONS_LIST_EXAMPLES }], "0 shown, 1 refused or failed, 2 used wrongly"));
  return command.action(async () => {
    const session = await openSession(context, command);
    await requireBootstrap(session, "finished");
    const api = await session.api();
    const signal = context.interruption();
    const [tree, keys] = await Promise.all([api.call("GET /api/v1/delegations/", { signal }), api.call("GET /api/v1/keys", { query: { limit: 1000 }, signal })]);
    session.emit(tree);
    if (session.json) return;
    const names = new Map(keys.data.map((key) => [key.keyid, `${key.name ?? key.keyid}${key.online ? " (online)" : ""}`]));
    const rows = rowsOf(tree.delegations ?? [], "", names, context.clock.now());
    if (rows.length === 0) session.say("Nothing is delegated.");
    else {
      for (const line of tableLines(context, [
        { title: "role", text: (row: Row) => row.name },
        { title: "paths", text: (row) => row.paths, cutTo: 12 },
        { title: "needs", text: (row) => row.needs },
        { title: "keys", text: (row) => row.keys, cutTo: 8 },
        { title: "expires", text: (row) => row.expires },
      ], rows)) session.say(line);
    }
  });
}

function rowsOf(nodes: readonly DelegationNode[], indent: string, names: ReadonlyMap<string, string>, nowMs: number): Row[] {
  const keysOf = (keyids: readonly string[] = []): string => keyids.map((keyid) => names.get(keyid) ?? keyid).join(" ");
  return nodes.flatMap((node) => {
    const { bins } = node;
    if (bins !== undefined) {
      return [{ name: `${indent}${bins.prefix ?? ""}-…`, paths: `${number(bins.count ?? 0)} bins`, needs: `1 of ${(bins.keyids ?? []).length}`, keys: keysOf(bins.keyids), expires: bins.first_expires === undefined ? "" : `the first ${fromNow(Date.parse(bins.first_expires), nowMs)}` }];
    }
    const { name = "", paths = [], threshold = 1, keyids = [], terminating, expires } = node;
    const own = {
      name: `${indent}${name}${terminating === false ? " +" : ""}`,
      // Its patterns are many, and together they say this.
      paths: name === CATCH_ALL ? "all others" : paths.join(" "),
      needs: `${threshold} of ${keyids.length}`,
      keys: keysOf(keyids),
      expires: expires === undefined ? "" : fromNow(Date.parse(expires), nowMs),
    };
    return [own, ...rowsOf(node.delegations ?? [], `${indent}  `, names, nowMs)];
  });
}
