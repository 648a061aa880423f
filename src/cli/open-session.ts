// What one command works with: the settings in force, the service, its output and its questions.

import type { Command } from "commander";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { reasonOf } from "../lib/app-error.ts";
import { RestClient } from "../sdk/client.ts";
import { serverUrl } from "../sdk/server.ts";
import { createAsk, type Ask } from "./ask.ts";
import { ConfigFile } from "./config-file.ts";
import type { CliContext } from "./context.ts";
import { CliError } from "./errors.ts";
import { headersOf, type Headers } from "./headers.ts";
import { sharedFlags, type SharedFlags } from "./options.ts";
import { styleOf, type Style } from "./output/style.ts";
import { Progress, type ProgressOptions } from "./output/progress.ts";
import { tell } from "./output/tell.ts";
import { printable } from "./printable.ts";

export interface Session {
  readonly context: CliContext;
  readonly json: boolean;
  readonly config: ConfigFile;
  readonly ask: Ask;
  /** For what goes to stdout. */
  readonly style: Style;
  /** The service; at a terminal its address is asked for when none is known. @throws CliError `server-missing` */
  api(): Promise<RestClient>;
  /** Whether an address of a service is known, so that a command may do without. */
  readonly hasServer: boolean;
  /** A result for people: a line on stdout. Nothing with --json. */
  say(line?: string): void;
  /** A remark: a line on stderr. Nothing with --json. */
  note(line: string): void;
  /** A result for programs: with --json one object on one line. Nothing without. */
  emit(result: object): void;
  progress(options: ProgressOptions): Progress;
  /** A path on the command line, from where the command was given. */
  path(text: string): string;
}

/** @throws CliError `config-unreadable` */
export async function openSession(context: CliContext, command: Command): Promise<Session> {
  const flags = sharedFlags(command);
  const config = await readConfig(context, flags);
  let address = flags.apiServer ?? context.env("RSTUF_SERVER") ?? context.env("DYNACONF_SERVER") ?? config.text("SERVER");
  const session: Session = {
    context,
    json: flags.json,
    config,
    ask: createAsk(context, { never: flags.json }),
    style: styleOf(context, "stdout"),
    hasServer: address !== undefined,
    async api() {
      address ??= await askForServer(context, session);
      return new RestClient({ server: address, headers: headersFor(context, flags, config, address), userAgent: `rstuf/${context.version}`, timing: timingOf(context), interruption: () => context.interruption() });
    },
    say: (line = "") => {
      if (!flags.json) tell(context, "stdout", line);
    },
    note: (line) => {
      if (!flags.json) tell(context, "stderr", line);
    },
    emit: (result) => {
      if (flags.json) context.stdout.write(`${JSON.stringify(result)}\n`);
    },
    progress: (options) => new Progress(context, { silent: flags.json, ...options }),
    path: (text) => resolve(context.cwd, text),
  };
  if (config.get("HEADERS") !== undefined && (await config.isOpenToOthers())) session.note(`note: ${printable(config.path)} holds headers, and others can read it: chmod 600 ${printable(config.path)}`);
  return session;
}

async function askForServer(context: CliContext, session: Session): Promise<string> {
  const { path } = session.config;
  if (!context.canAsk || session.json) throw new CliError("server-missing", "no service to ask: its address is not known", { todo: `say --api-server https://rstuf.example.org, or write SERVER into ${path}` });
  return session.ask.text({ message: `Address of the service (SERVER in ${path} saves the question)`, flag: "--api-server URL", placeholder: "https://rstuf.example.org", check: faultOfServer });
}

function faultOfServer(text: string): string | undefined {
  try {
    serverUrl(text);
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

async function readConfig(context: CliContext, flags: SharedFlags): Promise<ConfigFile> {
  const path = flags.config === undefined ? join(context.env("HOME") ?? homedir(), ".rstuf.yml") : resolve(context.cwd, flags.config.replace(/^~(?=\/)/, context.env("HOME") ?? homedir()));
  return ConfigFile.read(path);
}

/**
 * From the file, from RSTUF_TOKEN, and from -H, the later ones first. The file's headers belong to
 * the file's SERVER: another service, named on the command line, does not get its tokens.
 */
function headersFor(context: CliContext, flags: SharedFlags, config: ConfigFile, server: string): Headers {
  const own = config.text("SERVER");
  const fromFile = own === undefined || originOf(own) === originOf(server) ? headersOf(config.get("HEADERS"), config.path) : {};
  const token = context.env("RSTUF_TOKEN");
  return { ...fromFile, ...headersOf(context.env("DYNACONF_HEADERS"), "DYNACONF_HEADERS"), ...(token === undefined || token === "" ? {} : { authorization: `Bearer ${token.trim()}` }), ...flags.headers };
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : url;
}

function timingOf(context: CliContext): RestClient["timing"] {
  return { monotonic: () => context.clock.monotonic(), sleep: (ms, signal) => context.clock.sleep(ms, signal), fraction: () => context.fraction() };
}
