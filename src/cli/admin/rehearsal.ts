// A ceremony with throw-away keys and a throw-away repository: the same questions, the same
// commands, a real service on this machine, and nothing left of it afterwards.

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { generateKeyPair, writePrivatePem } from "../../drivers/signer/file/generate.ts";
import { RestClient } from "../../sdk/client.ts";
import { CliError } from "../errors.ts";
import type { Session } from "../session.ts";
import type { CommandParts } from "../tree.ts";
import type { WrittenKey, WrittenPlan } from "./plan.ts";

const NAMES = ["ann", "bob", "carol"];

/** @param plan the one to rehearse; its keys are replaced by others of the same names */
export async function rehearse(session: Session, parts: CommandParts, hold: (rehearsal: Session, plan: unknown) => Promise<void>, plan: unknown): Promise<void> {
  if (parts.rehearse === undefined) throw new CliError("not-here", "this build of the program cannot start a service to rehearse with");
  const folder = await mkdtemp(join(tmpdir(), "rstuf-rehearsal-"));
  const keyDir = join(folder, "service", "keys");
  try {
    await mkdir(keyDir, { recursive: true, mode: 0o700 });
    const written = plan as WrittenPlan | undefined;
    const rootNames = written?.root?.keys?.map(nameOf) ?? NAMES;
    const targetsNames = written?.targets?.keys?.map(nameOf);
    const names = [...new Set([...rootNames, ...(targetsNames ?? [])])];
    for (const name of names) await makeKey(folder, fileOf(name));
    await makeKey(keyDir, "online");
    session.note(`This is a rehearsal: its keys and its repository are thrown away at the end.\nPublic keys: ${names.map((name) => `${fileOf(name)}.pub`).join(", ")}; online: service/keys/online.pub (fn:online).\nPrivate keys: ${names.map(fileOf).join(", ")}, without a password.`);
    await using service = await parts.rehearse(join(folder, "service"));
    const server = service.origin;
    const rehearsal: Session = {
      ...session,
      hasServer: true,
      api: async () => new RestClient({ server, userAgent: `rstuf/${session.context.version}`, timing: { monotonic: () => session.context.clock.monotonic(), sleep: (ms, signal) => session.context.clock.sleep(ms, signal), fraction: () => session.context.fraction() } }),
      path: (text) => join(folder, text),
    };
    await hold(rehearsal, written === undefined ? undefined : { ...written, root: { ...written.root, keys: namedIn(rootNames) }, ...(targetsNames === undefined ? {} : { targets: { ...written.targets, keys: namedIn(targetsNames) } }), online: { file: "service/keys/online.pub", name: "online", uri: "fn:online" } });
    session.say("That was the rehearsal. Nothing of it was kept.");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const namedIn = (names: readonly string[]): WrittenKey[] => names.map((name) => ({ file: `${fileOf(name)}.pub`, name }));

/** By the name in the plan, or that of the file. */
function nameOf(key: WrittenKey): string {
  const { file, name } = typeof key === "string" ? { file: key, name: undefined } : key;
  return name ?? basename(file).replace(/\.[a-z]+$/, "");
}

const fileOf = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");

async function makeKey(folder: string, name: string): Promise<void> {
  const pair = generateKeyPair("ed25519");
  await writePrivatePem(join(folder, name), pair.privatePem());
  await writeFile(join(folder, `${name}.pub`), pair.publicPem, { flag: "wx" });
}
