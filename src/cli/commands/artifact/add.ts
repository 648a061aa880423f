// rstuf artifact add: tell the repository about files. They are measured here; only their paths,
// lengths and hashes are sent.

import { Command, InvalidArgumentError, Option } from "commander";
import { HASH_ALGORITHMS, isHashAlgorithm, type HashAlgorithm } from "../../../tuf/crypto.ts";
import type { CliContext } from "../../context.ts";
import { examplesText } from "../../examples.ts";
import { withWait } from "../../follow.ts";
import { withServer } from "../../options.ts";
import { openSession } from "../../session.ts";
import type { AddFlags } from "./add-files.ts";

export const ARTIFACT_ADD_EXAMPLES = [
  "rstuf artifact add hello.txt --api-server http://127.0.0.1:8080 --wait",
  "rstuf artifact add dist --prefix app/1.0 --hash blake2b-256 --api-server http://127.0.0.1:8080 --wait",
  "rstuf artifact add --manifest artifacts.ndjson --api-server http://127.0.0.1:8080 --json",
] as const;

export function artifactAddCommand(context: CliContext): Command {
  const command = new Command()
    .description(
      "Tells the repository about files: their paths, lengths and hashes. The files themselves stay where they are; upload them first. " +
        "A folder stands for all files in it, each under its path below that folder. " +
        "One request holds up to --batch artifacts and becomes visible at one moment.",
    )
    .argument("[file...]", "files, folders, or patterns in quotes")
    .option("--prefix <path>", "what comes before each path in the repository")
    .option("-p, --path <path>", "the same, by the name of older scripts")
    .option("--manifest <file>", "one artifact a line: JSON, or path;size;hash-type;hash; - is stdin")
    .addOption(new Option("--exclude <pattern>", "leave out files of this name or path; may be repeated").argParser<string[]>((text, before) => [...before, text]).default([], "none"))
    .addOption(new Option("--hash <algorithm>", `beside sha256; may be repeated (${[...HASH_ALGORITHMS.keys()].filter((name) => name !== "sha256").join(", ")})`).argParser<HashAlgorithm[]>(algorithm).default([], "none"))
    .addOption(new Option("--custom <json>", "an object that clients see beside each artifact").argParser(objectOf))
    .option("--no-publish", "hold back until `rstuf artifact publish`")
    .addOption(new Option("--batch <number>", "artifacts in one request").argParser(batchSize).default(DEFAULT_ARTIFACTS_A_REQUEST))
    .option("--dry-run", "show what would be sent, and send nothing");
  return withServer(withWait(command))
    .addHelpText("after", examplesText([{ commands: ARTIFACT_ADD_EXAMPLES }], "0 accepted, with --wait published, 1 refused or failed,\n2 used wrongly, 3 not ended in time"))
    .action(async (words: string[], flags: AddFlags, self: Command) => {
      const [session, { add, guided }] = await Promise.all([openSession(context, self), import("./add-files.ts")]);
      if (words.length > 0 || flags.manifest !== undefined) await add(session, words, flags);
      else await guided(session, flags);
    });
}

/** Well within what the service takes by default: 100,000 artifacts and 64 MiB. */
const MAX_ARTIFACTS_A_REQUEST = 100_000;
const DEFAULT_ARTIFACTS_A_REQUEST = 10_000;

function algorithm(text: string, before: readonly HashAlgorithm[]): HashAlgorithm[] {
  if (!isHashAlgorithm(text)) throw new InvalidArgumentError(`One of ${[...HASH_ALGORITHMS.keys()].join(", ")}.`);
  return [...before, text];
}

function objectOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  } catch {
    // Told below.
  }
  throw new InvalidArgumentError("A JSON object.");
}

function batchSize(text: string): number {
  const size = Number(text);
  if (!/^[0-9]{1,6}$/.test(text) || size < 1 || size > MAX_ARTIFACTS_A_REQUEST) throw new InvalidArgumentError(`A number from 1 to ${MAX_ARTIFACTS_A_REQUEST}.`);
  return size;
}
