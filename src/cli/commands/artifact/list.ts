// rstuf artifact list and info: what the repository lists, as clients see it.

import { Command } from "commander";
import type { ListedArtifact } from "../../../sdk/api-types.ts";
import type { CliContext } from "../../context.ts";
import { CliError } from "../../errors.ts";
import { examplesText } from "../../examples.ts";
import { withServer } from "../../options.ts";
import { factLines, tableLines, type Column } from "../../output/table.ts";
import { fromNow, number } from "../../output/words.ts";
import { tellPages, withLimit, type ListFlags } from "../../pages.ts";
import { printable } from "../../printable.ts";
import { openSession, type Session } from "../../session.ts";

export const ARTIFACT_LIST_EXAMPLES = ["rstuf artifact list app/ --api-server http://127.0.0.1:8080", "rstuf artifact list --role bins-0 --json --api-server http://127.0.0.1:8080"] as const;
export const ARTIFACT_INFO_EXAMPLES = ["rstuf artifact info hello.txt --api-server http://127.0.0.1:8080"] as const;

const LIMIT = 1000;

const COLUMNS: readonly Column<ListedArtifact>[] = [
  { title: "Path", text: ({ path }) => printable(path), cutTo: 16 },
  { title: "Bytes", text: ({ length }) => number(length), right: true },
  { title: "Role", text: ({ role }) => role, cutTo: 8 },
  { title: "sha256", text: ({ hashes }) => hashes["sha256"] ?? Object.entries(hashes).map(([algorithm, hash]) => `${algorithm}:${hash}`).join(" "), cutTo: 8 },
];

export function artifactListCommand(context: CliContext): Command {
  return withServer(withLimit(new Command(), LIMIT, "artifacts"))
    .description("Lists artifacts in the order of their paths: those clients can see. A task's artifacts are listed a moment after it has succeeded. With --json one object a line.")
    .argument("[prefix]", "only paths that begin so")
    .option("--role <name>", "only those this role lists")
    .addHelpText("after", examplesText([{ commands: ARTIFACT_LIST_EXAMPLES }], "0 listed, also when there is none, 1 refused or failed,\n2 used wrongly"))
    .action(async (prefix: string | undefined, flags: ListFlags & { readonly role?: string }, self: Command) => {
      const session = await openSession(context, self);
      const api = await session.api();
      const chosen = { ...(prefix === undefined ? {} : { prefix }), ...(flags.role === undefined ? {} : { role: flags.role }) };
      const told = await tellPages(session, flags, (page) => api.call("GET /api/v1/artifacts/", { query: { ...chosen, ...page }, signal: context.interruption() }), (rows) => tableLines(context, COLUMNS, rows));
      if (told === 0) session.note(prefix === undefined && flags.role === undefined ? "No artifact is listed yet." : "No artifact like that is listed.");
    });
}

export function artifactInfoCommand(context: CliContext): Command {
  return withServer(new Command())
    .description("Shows what the repository says of an artifact: length, hashes, the role that lists it, and since when.")
    .argument("<path...>", "paths in the repository")
    .addHelpText("after", examplesText([{ commands: ARTIFACT_INFO_EXAMPLES }], "0 shown, 1 not listed, refused or failed, 2 used wrongly"))
    .action(async (paths: string[], _flags: object, self: Command) => {
      const session = await openSession(context, self);
      const api = await session.api();
      const missing: string[] = [];
      for (const path of paths) {
        const { data } = await api.call("GET /api/v1/artifacts/", { query: { path }, signal: context.interruption() });
        for (const artifact of data) tell(session, artifact);
        if (data.length === 0) missing.push(path);
      }
      if (missing.length > 0) throw new CliError("artifact-unknown", `the repository does not list ${missing.map((path) => JSON.stringify(path)).join(", ")}`, { why: "it was never added, was deleted, or waits to be published", todo: "rstuf artifact list PREFIX shows what is there; rstuf task list what waits" });
    });
}

function tell(session: Session, artifact: ListedArtifact): void {
  session.emit(artifact);
  if (session.json) return;
  const { path, role, version, length, hashes, custom, published } = artifact;
  const now = session.context.clock.now();
  const lines = factLines(session.context, [
    ["path", printable(path)],
    ["bytes", number(length)],
    ...Object.entries(hashes).map(([algorithm, hash]) => [printable(algorithm), printable(hash)] as const),
    ["role", version === undefined ? role : `${role}, version ${version}`],
    ["published", published === undefined ? undefined : `${published.slice(0, 19)}Z (${fromNow(Date.parse(published), now)})`],
    ["custom", custom === undefined ? undefined : printable(JSON.stringify(custom))],
  ]);
  for (const line of lines) session.say(line);
}
