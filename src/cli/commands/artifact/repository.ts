// rstuf artifact repository: the repositories this machine downloads from, kept in ~/.rstuf.yml.

import { Command } from "commander";
import { useSigstore } from "../../../drivers/verifier/sigstore/sigstore.ts";
import { sha256Hex } from "../../../tuf/crypto.ts";
import type { CliContext } from "../../context.ts";
import { CliError } from "../../errors.ts";
import { examplesText } from "../../examples.ts";
import { withConfig } from "../../options.ts";
import { factLines } from "../../output/table.ts";
import { printable } from "../../printable.ts";
import { currentName, repositoryNames, repositoryOf, type Repository } from "../../repositories.ts";
import { openSession, type Session } from "../../session.ts";

interface Flags {
  readonly name?: string;
  readonly root?: string;
  readonly metadataUrl?: string;
  readonly artifactsUrl?: string;
  readonly hashPrefix?: boolean;
  readonly downloadDir?: string;
  readonly sigstoreTrustedRoot?: string;
}

/** What an update may say; the others say how. */
const CHANGES = ["root", "metadataUrl", "artifactsUrl", "hashPrefix", "downloadDir"] as const;
const EXIT_TEXT = "0 done, 1 refused or failed, 2 used wrongly";

export const REPOSITORY_EXAMPLES = {
  add: ["rstuf artifact repository add --name tools --root rstuf-data/trusted/1.root.json --metadata-url http://127.0.0.1:8080/metadata/ --artifacts-url http://127.0.0.1:8080/files/"],
  update: ["rstuf artifact repository update tools --artifacts-url http://127.0.0.1:8080/files/"],
  set: ["rstuf artifact repository set tools"],
  show: ["rstuf artifact repository show", "rstuf artifact repository show tools --json"],
  delete: ["rstuf artifact repository delete tools"],
} as const;

function withPlace(command: Command): Command {
  return withConfig(
    command
      .option("-r, --root <file|url>", "the root to trust; get it by a way you trust")
      .option("-m, --metadata-url <url>", "where the repository's metadata is")
      .option("-a, --artifacts-url <url>", "where the artifacts are")
      .option("-p, --hash-prefix", "artifacts are served under HASH.NAME")
      .option("--no-hash-prefix", "artifacts are served under their names (default)")
      .option("--download-dir <dir>", "where downloads are put when nothing else is said")
      .option("--sigstore-trusted-root <file>", "verify Sigstore keys of that root under this trusted_root.json"),
  );
}

export function repositoryAddCommand(context: CliContext): Command {
  return withPlace(new Command().description("Remembers a repository, and the root it is trusted by. The first one becomes the one that downloads use; one of the same name is replaced.").option("-n, --name <name>", "what to call it here"))
    .addHelpText("after", examplesText([{ commands: REPOSITORY_EXAMPLES.add }], EXIT_TEXT))
    .action(async (flags: Flags, self: Command) => {
      const session = await openSession(context, self);
      const { ask } = session;
      const text = (message: string, flag: string) => ask.text({ message, flag, check: (answer) => (answer.trim() === "" ? "something is needed here" : undefined) });
      const name = flags.name ?? (await text("What shall the repository be called here?", "--name NAME"));
      const metadataUrl = flags.metadataUrl ?? (await text("Where is its metadata?", "--metadata-url URL"));
      const artifactsUrl = flags.artifactsUrl ?? (await text("Where are its artifacts?", "--artifacts-url URL"));
      const root = flags.root ?? (await text("Which root do you trust? A file or a URL, got by a way you trust", "--root FILE"));
      const bytes = await rootAt(session, root, flags);
      put(session, name, { ...flags, metadataUrl, artifactsUrl, hashPrefix: flags.hashPrefix ?? false }, bytes);
      if (currentName(session.config) === undefined) session.config.set(["CURRENT_REPOSITORY"], name);
      await session.config.write();
      tell(session, name, "Added");
    });
}

export function repositoryUpdateCommand(context: CliContext): Command {
  return withPlace(new Command().description("Changes what is said, and leaves the rest as it is.").argument("<repository>", "its name"))
    .addHelpText("after", examplesText([{ title: "After repository add:", commands: REPOSITORY_EXAMPLES.update }], EXIT_TEXT))
    .action(async (name: string, flags: Flags, self: Command) => {
      const session = await openSession(context, self);
      repositoryOf(session.config, name);
      if (CHANGES.every((each) => flags[each] === undefined)) throw new CliError("misused", "nothing to change was said", { todo: "say --root, --metadata-url, --artifacts-url, --hash-prefix or --download-dir" });
      put(session, name, flags, flags.root === undefined ? undefined : await rootAt(session, flags.root, flags));
      await session.config.write();
      tell(session, name, "Changed");
    });
}

export function repositorySetCommand(context: CliContext): Command {
  return withConfig(new Command().description("Downloads use this repository from now on.").argument("<repository>", "its name"))
    .addHelpText("after", examplesText([{ title: "After repository add:", commands: REPOSITORY_EXAMPLES.set }], EXIT_TEXT))
    .action(async (name: string, _flags: Flags, self: Command) => {
      const session = await openSession(context, self);
      repositoryOf(session.config, name);
      session.config.set([session.config.get("CURRENT_REPOSITORY") === undefined && session.config.get("DEFAULT_REPOSITORY") !== undefined ? "DEFAULT_REPOSITORY" : "CURRENT_REPOSITORY"], name);
      await session.config.write();
      session.emit({ current: name });
      session.say(`Downloads use ${printable(name)} from now on.`);
    });
}

export function repositoryShowCommand(context: CliContext): Command {
  return withConfig(new Command().description("Shows one repository, or all. Compare the sha256 of the trusted root with whom you got it from.").argument("[repository]", "its name"))
    .addHelpText("after", examplesText([{ title: "After repository add:", commands: REPOSITORY_EXAMPLES.show }], EXIT_TEXT))
    .action(async (name: string | undefined, _flags: Flags, self: Command) => {
      const session = await openSession(context, self);
      const { config } = session;
      const names = name === undefined ? repositoryNames(config) : [name];
      const repositories = names.map((each) => repositoryOf(config, each));
      const current = currentName(config);
      session.emit(name === undefined ? { current, repositories: repositories.map(facts) } : facts(repositories[0] as Repository));
      if (repositories.length === 0) session.say("There are no configured repositories");
      for (const [index, each] of repositories.entries()) {
        if (index > 0) session.say();
        const { metadataUrl, artifactsUrl, rootSha256, hashPrefix, downloadDir } = facts(each);
        session.say(`${session.style.bold(printable(each.name))}${each.name === current ? " (default)" : ""}`);
        for (const line of factLines(context, [["  metadata", metadataUrl], ["  artifacts", artifactsUrl], ["  root sha256", rootSha256 ?? "none is trusted"], ["  names", hashPrefix ? "HASH.NAME" : undefined], ["  downloads to", downloadDir]])) session.say(line);
      }
    });
}

export function repositoryDeleteCommand(context: CliContext): Command {
  return withConfig(new Command().description("Forgets a repository, and the root it was trusted by.").argument("<repository>", "its name"))
    .addHelpText("after", examplesText([{ title: "After repository add:", commands: REPOSITORY_EXAMPLES.delete }], EXIT_TEXT))
    .action(async (name: string, _flags: Flags, self: Command) => {
      const session = await openSession(context, self);
      const { config } = session;
      const deleted = repositoryOf(config, name);
      config.delete(["REPOSITORIES", name]);
      for (const key of ["CURRENT_REPOSITORY", "DEFAULT_REPOSITORY"]) if (config.get(key) === name) config.delete([key]);
      await config.write();
      session.emit({ deleted: facts(deleted) });
      session.say(`Deleted ${printable(name)}.`);
      if (currentName(config) === undefined && repositoryNames(config).length > 0) session.note("Downloads have no repository now: rstuf artifact repository set NAME");
    });
}

/** A root may have keys that stand for an identity: its own signatures are checked, so they must be known first. */
async function rootAt(session: Session, where: string, { sigstoreTrustedRoot }: Flags): Promise<Buffer> {
  if (sigstoreTrustedRoot !== undefined) await useSigstore(session.path(sigstoreTrustedRoot));
  return (await import("../../trusted-root.ts")).readRoot(session.context, where);
}

function put(session: Session, name: string, flags: Flags, root: Buffer | undefined): void {
  if (!/^[^\p{Cc}\p{Cf}]{1,200}$/u.test(name)) throw new CliError("misused", `${JSON.stringify(name)} is no name for a repository`, { todo: "1 to 200 visible characters" });
  const { config } = session;
  const set = (key: string, value: unknown): void => {
    if (value !== undefined) config.set(["REPOSITORIES", name, key], value);
  };
  const urls = { metadata_url: flags.metadataUrl, artifact_base_url: flags.artifactsUrl };
  for (const [key, url] of Object.entries(urls)) {
    if (url !== undefined && !/^(?:https?|file):\/\/./i.test(url)) throw new CliError("misused", `${JSON.stringify(url)} is no address`, { todo: "write it with http:// or https://" });
    set(key, url);
  }
  set("hash_prefix", flags.hashPrefix);
  set("trusted_root", root?.toString("base64"));
  set("download_dir", flags.downloadDir === undefined ? undefined : session.path(flags.downloadDir));
}

function tell(session: Session, name: string, done: string): void {
  const { config } = session;
  const repository = repositoryOf(config, name);
  const { rootSha256 } = facts(repository);
  session.emit(facts(repository));
  session.say(`${done} ${printable(name)} in ${printable(config.path)}.`);
  if (rootSha256 !== undefined) session.say(`sha256 of the trusted root, to compare: ${rootSha256}`);
  if (currentName(config) === name) session.say("Downloads use it.");
}

function facts(repository: Repository): { name: string; metadataUrl: string | undefined; artifactsUrl: string | undefined; hashPrefix: boolean; rootSha256: string | undefined; downloadDir: string | undefined } {
  const { name, metadataUrl, artifactsUrl, hashPrefix, trustedRoot, downloadDir } = repository;
  return { name, metadataUrl, artifactsUrl, hashPrefix, rootSha256: trustedRoot === undefined ? undefined : sha256Hex(trustedRoot), downloadDir };
}
