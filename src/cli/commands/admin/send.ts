// rstuf admin send: uploads what was made on a machine without a network.

import { Command } from "commander";
import type { BootstrapPayload, MetadataDelegationsPayload, MetadataPostPayload, MetadataSignPostPayload } from "../../../sdk/api-types.ts";
import { detail, requireBootstrap, sendAndWait, type Sent } from "../../admin/send.ts";
import type { CliContext } from "../../context.ts";
import { CliError } from "../../errors.ts";
import { examplesText } from "../../examples.ts";
import { withServer } from "../../options.ts";
import { openSession, type Session } from "../../session.ts";

const SERVER = "--api-server http://127.0.0.1:8080";
export const SEND_EXAMPLES = {
  bootstrap: `rstuf admin send bootstrap ceremony-payload.json ${SERVER}`,
  sign: `rstuf admin send sign sign-payload.json ${SERVER}`,
  update: `rstuf admin send update update-payload.json ${SERVER}`,
  delegations: `rstuf admin send delegations delegations-new.json ${SERVER}`,
} as const;

const EXIT_TEXT = "0 accepted and carried out, 1 refused or failed, 2 used wrongly";
const NEEDED = "Needed '--api-server' admin option or 'SERVER' in RSTUF config";

interface Kind {
  readonly argument: string;
  readonly description: string;
  /** Members without which the file is another one. */
  readonly members: readonly string[];
  readonly send: (session: Session, payload: never) => Promise<Sent>;
  readonly done: string;
  /** In place of `done`, where the outcome has parts. */
  readonly tell?: (session: Session, sent: Sent, payload: never) => Promise<void>;
}

const waitMs = (payload: { readonly timeout?: number | null }): number => Math.max(1, payload.timeout ?? 300) * 1000;

const KINDS = {
  bootstrap: {
    argument: "bootstrap_payload",
    description: "Starts a repository with a root that was made by a ceremony.",
    members: ["settings", "metadata"],
    async send(session: Session, payload: BootstrapPayload) {
      await requireBootstrap(session, "open");
      return sendAndWait(session, "Bootstrap", async () => (await session.api()).call("POST /api/v1/bootstrap/", { body: payload }), waitMs(payload));
    },
    done: "Bootstrap completed. 🔐 🎉",
  },
  sign: {
    argument: "sign_payload",
    description: "Adds a signature that was made with: rstuf admin metadata sign --out",
    members: ["role", "signature"],
    send: (session: Session, payload: MetadataSignPostPayload) => sendAndWait(session, "Metadata sign", async () => (await session.api()).call("POST /api/v1/metadata/sign", { body: payload })),
    done: "Metadata Signed! 🔑",
  },
  update: {
    argument: "metadata_update_payload",
    description: "Sends a new root that was made with: rstuf admin metadata update --out",
    members: ["metadata"],
    send: (session: Session, payload: MetadataPostPayload) => sendAndWait(session, "Metadata update", async () => (await session.api()).call("POST /api/v1/metadata/", { body: payload })),
    done: "Root metadata update completed. 🔐 🎉",
  },
  delegations: {
    argument: "delegations_payload",
    description: "Adds delegations that were made with: rstuf admin delegations new --out",
    members: ["delegations"],
    send: (session: Session, payload: MetadataDelegationsPayload) => sendAndWait(session, "Delegation add", async () => (await session.api()).call("POST /api/v1/delegations/", { body: payload })),
    done: "Delegations added.",
    async tell(session: Session, sent: Sent, { delegations }: MetadataDelegationsPayload) {
      const { tellOutcome } = await import("../../admin/delegate.ts");
      tellOutcome(session, sent, delegations.keys as Parameters<typeof tellOutcome>[2]);
    },
  },
} as const satisfies Record<string, Kind>;

/** One of the commands under `admin send`. */
export function sendCommand(kind: keyof typeof KINDS): (context: CliContext) => Command {
  const { argument, description, members, done, ...rest }: Kind = KINDS[kind];
  const tell = rest.tell as ((session: Session, sent: Sent, payload: unknown) => Promise<void>) | undefined;
  const send = rest.send as (session: Session, payload: unknown) => Promise<Sent>;
  return (context) => {
    const command = withServer(new Command()).description(description).argument(`<${argument}>`, "the file; - is stdin").addHelpText("after", examplesText([{ commands: [SEND_EXAMPLES[kind]] }], EXIT_TEXT));
    return command.action(async (file: string) => {
      const session = await openSession(context, command);
      if (!session.hasServer) throw new CliError("server-missing", NEEDED, { todo: `say --api-server https://rstuf.example.org, or write SERVER into ${session.config.path}` });
      const { readJsonFile } = await import("../../admin/payload-file.ts");
      const payload = await readJsonFile(session, file);
      const missing = members.filter((name) => typeof payload !== "object" || payload === null || !(name in payload));
      if (missing.length > 0) throw new CliError("document-unreadable", `${file} is no such payload`, { why: `it lacks: ${missing.join(", ")}`, todo: "is it the right file for this command?" });
      const sent = await send(session, payload);
      if (tell !== undefined) return tell(session, sent, payload);
      const state = detail(sent, "bootstrap") ?? detail(sent, "update");
      if (state !== undefined) session.say(state);
      session.say(state?.includes("pending") === true ? "Whoever is missing signs with: rstuf admin metadata sign" : done);
      session.emit({ taskId: sent.taskId, state, details: sent.result?.details });
    });
  };
}
