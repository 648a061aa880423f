// Signs a document that waits for signatures of people: shows it, signs it, checks the signature, and passes it on.

import { collectSignatures, review, type SigningFlags } from "./collect-signatures.ts";
import { askPending, choosePending, readPendingFile, replaced } from "./find-pending.ts";
import { writeJsonFile } from "./payload-file.ts";
import { fingerprint, standing, standingLines } from "./pending.ts";
import { detail, sendAndWait } from "./send.ts";
import { outFile, serverOrDryRun } from "./shared-options.ts";
import { CliError } from "../errors.ts";
import type { Session } from "../session.ts";

export interface SignFlags extends SigningFlags {
  readonly in?: string;
  readonly out?: string | true;
  readonly dryRun?: boolean;
  readonly add?: boolean;
  readonly export?: string;
  readonly role?: string;
  readonly trustedRoot?: string;
}

export async function exportPending(session: Session, file: string): Promise<void> {
  await writeJsonFile(session, file, await askPending(session));
  session.note(`Saved what waits for signatures to '${file}'. It holds nothing secret.`);
  session.emit({ file });
}

export async function signPending(session: Session, flags: SignFlags): Promise<void> {
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
