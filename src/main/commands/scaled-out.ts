// `rstuf api` and `rstuf worker`: the service in many processes, on one PostgreSQL.

import { Command } from "commander";
import type { CliContext } from "../../cli/context.ts";
import type { ServeOptions } from "../serve-options.ts";
import type { Part } from "../service.ts";

export function apiCommand(context: CliContext): Command {
  return startsPart(context, "api", new Command()
    .description("Runs the REST API, and the metadata under /metadata/, on the PostgreSQL that database.url names.\nRequests are accepted whether or not a worker runs; a worker publishes them.")
    .option("--host <address>", "address to listen on (default: 127.0.0.1)")
    .option("--port <number>", "port to listen on; 0 takes any free one (default: 8080)")
    .option("--allow-unauthenticated-writes-from-the-network", "listen beyond this machine without asking for a token"), "rstuf api --config postgres.yaml --port 0");
}

export function workerCommand(context: CliContext): Command {
  return startsPart(context, "worker", new Command()
    .description("Publishes what was accepted, on the PostgreSQL that database.url names. Of several workers one\nleads, and the others help it with large batches; when it dies another goes on within twenty seconds.")
    .option("--key-dir <dir>", "where private online keys lie (default: <data-dir>/keys)")
    .option("--listen <host:port>", "where to answer /healthz, /readyz and /metrics (default: nowhere)"), "rstuf worker --config postgres.yaml --listen 127.0.0.1:0");
}

function startsPart(context: CliContext, part: Part, command: Command, example: string): Command {
  return command
    .option("--config <file>", "configuration file, YAML")
    .option("--data-dir <dir>", "where keys and the trusted root lie (default: ./rstuf-data)")
    .option("--json", "when ready, say so as one JSON object on stdout")
    .addHelpText("after", `
Examples:
  With database.url in postgres.yaml:
  $ ${example}

Every other setting: docs/operate/configuration.md
Exit codes: 0 ended when told to, 1 could not start or had to end,
2 used wrongly.`)
    .action(async (options: ServeOptions) => {
      const { serve } = await import("../serve.ts");
      context.setExitCode(await serve(context, part, options));
    });
}
