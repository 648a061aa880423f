// `rstuf admin advise`: how many bins there should be.

import { Command, InvalidArgumentError } from "commander";
import type { CliContext } from "../../cli/context.ts";
import { examplesText } from "../../cli/examples.ts";
import type { AdviseFlags } from "../admin/advise.ts";

export function adviseCommand(context: CliContext): Command {
  return new Command()
    .description("Reckons what clients fetch for each number of bins, from the artifacts of a data directory (its service may run) or from the numbers given, and names the best.")
    .option("--artifacts <n>", "reckon with so many artifacts, e.g. those of the years to come", countOf("artifacts", 0, 1_000_000_000))
    .option("--target-bytes <n>", "and so many bytes for each in its bin (default: measured, or 200)", countOf("bytes", 1, 100_000))
    .option("--lookups <n>", "artifacts that a client looks up per update", countOf("lookups", 1, 100_000), 10)
    .option("--data-dir <dir>", "the data directory (default: ./rstuf-data)")
    .option("--config <file>", "the service's configuration file, YAML")
    .option("--json", "one JSON object on stdout")
    .addHelpText("after", examplesText([{ commands: ["rstuf admin advise --artifacts 1000000", "rstuf admin advise --artifacts 50000 --lookups 1 --json"] }], "0 advised, 1 failed, 2 used wrongly"))
    .action(async (flags: AdviseFlags) => {
      const { advise } = await import("../admin/advise.ts");
      context.setExitCode(await advise(context, flags));
    });
}

function countOf(what: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (!/^[0-9]+$/.test(text) || count < least || count > most) throw new InvalidArgumentError(`A whole number of ${what} from ${String(least)} to ${String(most)}.`);
    return count;
  };
}
