// Options that many commands share, and what of them is in force: the one nearest to the end
// of the command line. `rstuf --api-server X task info ID` and `rstuf task info ID --api-server X`
// are the same.

import { Command, Option } from "commander";
import { parseHeaders, type Headers } from "./headers.ts";

export const CONNECTION = "Connection:";
export const COMMON = "Common options:";

/** What the shared options said. */
export interface SharedFlags {
  /** Undefined: the default file. */
  readonly config: string | undefined;
  readonly json: boolean;
  readonly apiServer: string | undefined;
  readonly headers: Headers;
}

/** For commands that ask the service. */
export function withServer(command: Command): Command {
  return withConfig(command.addOption(apiServerOption()).addOption(headersOption()));
}

/** For commands that need the configuration file alone. */
export function withConfig(command: Command): Command {
  return command.addOption(new Option("-c, --config <file>", "settings of this program (default: ~/.rstuf.yml)").helpGroup(CONNECTION));
}

/** Given to every command, unless it has an option of that name itself. */
export function addCommonOptions(command: Command): void {
  const add = (option: Option): void => {
    if (!command.options.some(({ long }) => long === option.long)) command.addOption(option.helpGroup(COMMON));
  };
  add(new Option("--json", "one JSON object on stdout"));
  add(new Option("--debug", "with an error, show where it came from"));
}

/** Also taken before the name of a command, where they need not be told again. */
export function addToGroup(command: Command, options: { readonly shown: boolean }): void {
  withServer(command.enablePositionalOptions());
  addCommonOptions(command);
  if (!options.shown) for (const option of command.options) option.hideHelp();
}

/** Of those options, the ones that take a value; for finding a command's name among the words. */
export const VALUE_OPTIONS: ReadonlySet<string> = new Set(["-c", "--config", "--api-server", "-H", "--headers"]);

function apiServerOption(): Option {
  return new Option("--api-server <url>", "the service (default: SERVER in the configuration file)").helpGroup(CONNECTION);
}

function headersOption(): Option {
  return new Option("-H, --headers <headers>", '"NAME: VALUE" to send along; may be repeated').helpGroup(CONNECTION).argParser<Headers>((text, before) => ({ ...(before as Headers | undefined), ...parseHeaders(text) }));
}

export function sharedFlags(command: Command): SharedFlags {
  const chain: Command[] = [];
  for (let each: Command | null = command; each !== null; each = each.parent) chain.push(each);
  const values = chain.map((each) => each.opts<{ config?: string; json?: boolean; apiServer?: string; headers?: Headers }>());
  return {
    config: values.find(({ config }) => config !== undefined)?.config,
    json: values.some(({ json }) => json === true),
    apiServer: values.find(({ apiServer }) => apiServer !== undefined)?.apiServer,
    headers: Object.assign({}, ...values.map(({ headers }) => headers ?? {}).reverse()) as Headers,
  };
}
