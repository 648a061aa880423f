// Every command that needs more than the CLI may import, and what others of them need from here.

import type { CliContext } from "../../cli/context.ts";
import type { ProgramParts } from "../../cli/program.ts";
import type { CommandNode } from "../../cli/tree.ts";

const commands: readonly CommandNode[] = [
  { name: "serve", summary: "run the service: API, publisher and metadata on one port", load: async () => (await import("./serve.ts")).serveCommand },
  { name: "api", summary: "run the REST API alone, one of many, on PostgreSQL", load: async () => (await import("./scaled-out.ts")).apiCommand },
  { name: "worker", summary: "run the publisher alone, one of many, on PostgreSQL", load: async () => (await import("./scaled-out.ts")).workerCommand },
];

const adminCommands: readonly CommandNode[] = [
  { name: "backup", summary: "copy database and metadata, while the service runs or not", load: async () => (await import("./admin.ts")).backupCommand },
  { name: "restore", summary: "make a data directory from a backup", load: async () => (await import("./admin.ts")).restoreCommand },
  { name: "recover", summary: "go on after the database went back in time", load: async () => (await import("./admin.ts")).recoverCommand },
  { name: "advise", summary: "how many bins the repository is best cut into", load: async () => (await import("./advise.ts")).adviseCommand },
  { name: "adopt", summary: "take over a published repository, such as one of the Python implementation", load: async () => (await import("./admin.ts")).adoptCommand },
  { name: "migrate", summary: "move the metadata to a folder or bucket, the state to PostgreSQL", load: async () => (await import("./admin.ts")).migrateCommand },
];

export function programParts(context: Pick<CliContext, "cwd">): ProgramParts {
  return {
    commands,
    adminCommands,
    rehearse: async (dataDir) => (await import("../rehearsal.ts")).startRehearsal(dataDir),
    openService: async (place) => (await import("../admin/open-service.ts")).openService(context, place),
  };
}
