// rstuf admin metadata sign: one more signature for a document that waits, here or offline.

import { Command } from "commander";
import { collectSignatures, review, type SigningFlags } from "../../admin/collect-signatures.ts";
import { askPending, choosePending, readPendingFile, replaced } from "../../admin/find-pending.ts";
import { writeJsonFile } from "../../admin/payload-file.ts";
import { fingerprint, standing, standingLines } from "../../admin/pending.ts";
import { detail, sendAndWait } from "../../admin/send.ts";
import { dryRunOption, outFile, outOption, serverOrDryRun, signingOptions } from "../../admin/shared-options.ts";
import type { CliContext } from "../../context.ts";
import { CliError } from "../../errors.ts";
import { examplesText } from "../../examples.ts";
import { withServer } from "../../options.ts";
import { openSession, type Session } from "../../session.ts";

interface Flags extends SigningFlags {
  readonly in?: string;
  readonly out?: string | true;
  readonly dryRun?: boolean;
  readonly add?: boolean;
  readonly export?: string;
  readonly role?: string;
  readonly trustedRoot?: string;
}

export const SIGN_EXAMPLES = [
  "rstuf admin metadata sign --in ceremony-payload.json --add --sign-with ceremony/bob --yes",
  "rstuf admin metadata sign --export pending.json --api-server http://127.0.0.1:8080",
  "rstuf admin metadata sign --in pending.json --sign-with ceremony/bob --yes --dry-run --out",
] as const;

export function metadataSignCommand(context: CliContext): Command {
  const command = withServer(signingOptions(new Command()))
    .description(
      "Signs a root or a delegated role that waits for signatures. Shows what it says and changes first, checks the signature here, and sends nothing but the signature. Without a network: --export on a connected machine, --in and --out on the one with the key, admin send sign on the connected one again; or --in FILE --add, and pass the file on.",
    )
    .option("--in <file>", "the document: what --export saved, or a payload; - is stdin")
    .addOption(outOption("sign-payload.json"))
    .addOption(dryRunOption())
    .option("--add", "put the signature into the file of --in, and send nothing")
    .option("--export <file>", "save what waits for signatures, and sign nothing")
    .option("--role <name>", "which of several")
    .option("--trusted-root <file>", "the root in force, where --in does not bring it along")
    .addHelpText("after", examplesText([{ commands: SIGN_EXAMPLES }], "0 signed, 1 refused or failed, 2 used wrongly,\n130 interrupted"));
  return command.action(async (flags: Flags) => {
    const session = await openSession(context, command);
    if (flags.export !== undefined) await save(session, flags.export);
    else await sign(session, flags);
  });
}

async function save(session: Session, file: string): Promise<void> {
  await writeJsonFile(session, file, await askPending(session));
  session.note(`Saved what waits for signatures to '${file}'. It holds nothing secret.`);
  session.emit({ file });
}

async function sign(session: Session, flags: Flags): Promise<void> {
  if (flags.add === true && (flags.in === undefined || flags.in === "-")) throw new CliError("misused", "--add puts the signature into a file: name it with --in");
  const out = outFile(flags.out, "sign-payload.json");
  const sends = flags.add !== true && out === undefined && flags.in === undefined ? serverOrDryRun(session, flags.dryRun === true) : flags.add !== true && flags.dryRun !== true && session.hasServer;
  if (!sends && out === undefined && flags.add !== true) throw new CliError("server-missing", "Either '--api-server' admin option/'SERVER' in RSTUF config or '--dry-run' needed or '--in' needed", { todo: "say where the signature goes: --api-server URL, --out FILE, or --in FILE --add" });
  if (out !== undefined && (flags.signWith?.length ?? 0) > 1) throw new CliError("misused", "a sign payload holds one signature: say --sign-with once, or use --add");
  const source = flags.in === undefined ? await askPending(session) : await readPendingFile(session, flags.in);
  const begun = await choosePending(session, source, flags);
  if (standing(begun).complete) throw new CliError("nothing-pending", "Metadata already fully signed.", { todo: "send it, if that was not done yet" });
  await review(session, begun, flags);
  const { pending, added } = flags.signWith === undefined ? await collectSignatures(session, begun, flags, async () => {}, 1) : await collectSignatures(session, begun, flags, async () => {}, 0);
  for (const line of standingLines(pending)) session.note(line);
  const facts = { role: pending.role, version: pending.document.signed.version, fingerprint: fingerprint(pending), keyids: added.map(({ keyid }) => keyid), complete: standing(pending).complete };
  if (flags.add === true && flags.in !== undefined) {
    await writeJsonFile(session, flags.in, replaced(source, pending));
    session.say(`Signed ${pending.role} version ${facts.version}; the signature is in '${flags.in}'.`);
  }
  if (out !== undefined) {
    await writeJsonFile(session, out, { signature: added[0], role: pending.role });
    session.note(`Saved result to '${out}'`);
  }
  if (!sends) {
    session.emit(facts);
    return;
  }
  let state: string | undefined;
  for (const signature of added) {
    const sent = await sendAndWait(session, "Metadata sign", async () => (await session.api()).call("POST /api/v1/metadata/sign", { body: { role: pending.role, signature } }));
    state = detail(sent, "update") ?? detail(sent, "bootstrap");
  }
  session.say("Metadata Signed and sent to the API! 🔑");
  if (state !== undefined) session.say(state);
  session.emit({ ...facts, state });
}
