// `rstuf admin backup | restore | recover | adopt | migrate`: what is done to a data directory, not through a service.

import { Command, InvalidArgumentError } from "commander";
import type { CliContext } from "../../cli/context.ts";
import { examplesText } from "../../cli/examples.ts";
import type { BackupFlags, RestoreFlags } from "../admin/backup.ts";
import type { AdoptFlags } from "../admin/adopt.ts";
import type { MigrateFlags } from "../admin/migrate.ts";
import type { RecoverFlags } from "../admin/recover.ts";

function withPlace(command: Command): Command {
  return command
    .option("--data-dir <dir>", "the data directory (default: ./rstuf-data)")
    .option("--config <file>", "the service's configuration file, YAML")
    .option("--key-dir <dir>", "where private online keys lie (default: <data-dir>/keys)")
    .option("--json", "one JSON object on stdout");
}

export function backupCommand(context: CliContext): Command {
  return withPlace(new Command())
    .argument("<dir>", "a new or empty folder")
    .description("Copies the database and every metadata file it refers to, consistent with each other, also while the service runs and publishes, and checks the copy. Private keys are left out.")
    .option("--with-keys", "also copy private online keys: whoever reads the backup can then sign for you")
    .addHelpText("after", examplesText([{ commands: ["rstuf admin backup rstuf-backup", "rstuf admin backup rstuf-backup-with-keys --with-keys --json"] }], "0 taken and sound, 1 refused, failed or not sound,\n2 used wrongly"))
    .action(async (dir: string, flags: BackupFlags) => {
      const { backup } = await import("../admin/backup.ts");
      context.setExitCode(await backup(context, dir, flags));
    });
}

export function restoreCommand(context: CliContext): Command {
  return withPlace(new Command())
    .argument("<dir>", "a finished backup")
    .description("Makes a data directory from a backup and checks it. What is there already is never overwritten: the target is new or empty.")
    .option("--keep-metadata", "restore the database alone, beside metadata that outlived it")
    .addHelpText("after", examplesText([{ title: "With no service on that data directory:", commands: ["rstuf admin restore rstuf-backup --data-dir rstuf-restored"] }], "0 restored and sound, 1 refused, failed or not sound,\n2 used wrongly"))
    .action(async (dir: string, flags: RestoreFlags) => {
      const { restore } = await import("../admin/backup.ts");
      context.setExitCode(await restore(context, dir, flags));
    });
}

export function recoverCommand(context: CliContext): Command {
  const command = withPlace(new Command())
    .description("With the service, or every worker, stopped. --adopt: the published metadata is newer than the database; reads back what the database lacks, after verifying it. --jump: both went back, and only clients remember; the next publish goes ahead of all they can have seen. Nothing is signed, and nothing published is changed before the service starts.")
    .option("--adopt", "make what is published part of the database again")
    .option("--jump <versions>", "go this many versions ahead, and press every role", wholeNumber)
    .addHelpText("after", examplesText([{ title: "With the service stopped:", commands: ["rstuf admin recover --adopt --data-dir rstuf-data", "rstuf admin recover --jump 1000000 --data-dir rstuf-data --json"] }], "0 done, or nothing to do, 1 refused or failed,\n2 used wrongly"));
  return command.action(async (flags: RecoverFlags) => {
    if (flags.adopt !== true && flags.jump === undefined) command.error("error: say --adopt, --jump VERSIONS, or both", { exitCode: 2 });
    const { recover } = await import("../admin/recover.ts");
    context.setExitCode(await recover(context, flags));
  });
}

export function adoptCommand(context: CliContext): Command {
  return withPlace(new Command())
    .description("Makes a new database for a repository that is published already: in the metadata folder, or the bucket that the configuration names. Everything is read back from the published files and verified as a client would; artifacts come from the documents of bins and delegated roles. The online key must be in the key directory, or allowed by signers.allow. The former service must be stopped for good. Nothing published is changed before this service starts; then versions go on, and returning clients notice nothing.")
    .option("--root <file>", "the first root as you know it; the published one must be the same")
    .addHelpText("after", examplesText([{ title: "With no database there yet, and the former service stopped for good:", commands: ["rstuf admin adopt --data-dir rstuf-adopted --config adopt.yaml --root 1.root.json"] }], "0 taken over, 1 refused or failed, 2 used wrongly"))
    .action(async (flags: AdoptFlags) => {
      const { adoptRepository } = await import("../admin/adopt.ts");
      context.setExitCode(await adoptRepository(context, flags));
    });
}

export function migrateCommand(context: CliContext): Command {
  return withPlace(new Command())
    .requiredOption("--to <file>", "the configuration file, YAML, of the place to move to")
    .description("With the service stopped, copies the published metadata to where the other configuration says, timestamp.json last, and the state from SQLite into PostgreSQL when the other configuration has database.url, all of it or nothing; and looks at the copy. May be repeated, and goes on where it was cut off. Clients notice nothing. Start the service with the new configuration: an old database whose state was moved cannot be started any more.")
    .addHelpText("after", examplesText([{ title: "With the service stopped:", commands: ["rstuf admin migrate --data-dir rstuf-data --to bucket.yaml"] }], "0 moved and sound, 1 refused, failed or not sound,\n2 used wrongly"))
    .action(async (flags: MigrateFlags) => {
      const { migrate } = await import("../admin/migrate.ts");
      context.setExitCode(await migrate(context, flags));
    });
}

/** Versions stay far below 2^53. */
const MOST = 1_000_000_000_000;

function wholeNumber(text: string): number {
  const number = Number(text);
  if (!/^[1-9][0-9]*$/.test(text) || number > MOST) throw new InvalidArgumentError(`A whole number from 1 to ${String(MOST)}.`);
  return number;
}
