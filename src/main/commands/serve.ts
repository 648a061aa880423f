// `rstuf serve`: the service in one process, with SQLite.

import { Command } from "commander";
import type { CliContext } from "../../cli/context.ts";
import type { ServeOptions } from "../serve-options.ts";

export function serveCommand(context: CliContext): Command {
  return new Command()
    .description("Runs the service in one process: REST API, publisher, and the metadata under /metadata/.\nState lies in a SQLite file under the data directory, metadata in a folder beside it\nor in a bucket (storage.kind).\nWithout --trial it waits for a bootstrap request with a root you made.")
    .option("--trial", "make throw-away keys and bootstrap a repository to try things out with")
    .option("--config <file>", "configuration file, YAML")
    .option("--data-dir <dir>", "where the state lies (default: ./rstuf-data)")
    .option("--host <address>", "address to listen on (default: 127.0.0.1)")
    .option("--port <number>", "port to listen on; 0 takes any free one (default: 8080)")
    .option("--key-dir <dir>", "where private online keys lie (default: <data-dir>/keys)")
    .option("--bins <number>", "with --trial: how many bins, 2 to 16384 (default: 256)")
    .option("--allow-unauthenticated-writes-from-the-network", "listen beyond this machine without asking for a token")
    .option("--json", "when ready, say so as one JSON object on stdout")
    .addHelpText("after", `
Examples:
  $ rstuf serve --trial --port 0
  $ rstuf serve --data-dir rstuf-data --port 0

Every other setting: docs/operate/configuration.md
Exit codes: 0 ended when told to, 1 could not start or had to end,
2 used wrongly.`)
    .action(async (options: ServeOptions) => {
      // Loaded when needed: the service's libraries are many, and most commands use none of them.
      const { serve } = await import("../serve.ts");
      context.setExitCode(await serve(context, "serve", options));
    });
}
