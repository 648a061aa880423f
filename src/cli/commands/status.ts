// rstuf status: how the repository is, on one screen. Exit 1 when somebody must do something.
//
// It asks what a monitor asks too (/readyz, /metrics), the API for what waits for people, and the
// published metadata for versions. What an installation does not show to whoever asks is left out.

import { Command } from "commander";
import type { RestClient } from "../../sdk/client.ts";
import type { CliContext } from "../context.ts";
import { examplesText } from "../examples.ts";
import { EXIT } from "../exit-codes.ts";
import { withServer } from "../options.ts";
import { factLines, tableLines, type Column } from "../output/table.ts";
import { count, duration, fromNow } from "../output/words.ts";
import { printable } from "../printable.ts";
import { openSession, type Session } from "../session.ts";

export const STATUS_EXAMPLES = ["rstuf status --api-server http://127.0.0.1:8080", "rstuf status --api-server http://127.0.0.1:8080 --json"] as const;

type Band = "fine" | "soon" | "expired";

interface RoleState {
  readonly role: string;
  readonly version: number | undefined;
  readonly expiresInSeconds: number;
  readonly band: Band;
}

interface Status {
  readonly server: string;
  /** none, pre, signing or finished. */
  readonly bootstrap: string;
  readonly ready: boolean | undefined;
  readonly reasons: readonly string[];
  readonly roles: readonly RoleState[];
  /** Roles that wait for signatures of people. */
  readonly waitingForSignatures: readonly string[];
  readonly backlogChanges: number | undefined;
  readonly lastPublishSecondsAgo: number | undefined;
}

export function statusCommand(context: CliContext): Command {
  return withServer(new Command())
    .description("Shows whether the repository is bootstrapped and the service ready, each kind of role with its version and when it expires, what waits for signatures, and what waits to be published.")
    .addHelpText("after", examplesText([{ commands: STATUS_EXAMPLES }], "0 all is well, 1 something is not, or it cannot be told,\n2 used wrongly"))
    .action(async (_flags: object, self: Command) => {
      const session = await openSession(context, self);
      const status = await look(await session.api(), context);
      session.emit(status);
      if (!session.json) show(session, status);
      context.setExitCode(isWell(status) ? EXIT.done : EXIT.failed);
    });
}

/** A repository that nobody has begun is no fault; one that clients will soon refuse is. */
function isWell({ ready, roles }: Status): boolean {
  return ready !== false && roles.every(({ band }) => band !== "expired");
}

async function look(api: RestClient, context: CliContext): Promise<Status> {
  const signal = context.interruption();
  const bootstrap = await api.call("GET /api/v1/bootstrap/", { signal });
  const [ready, metrics, versions] = await Promise.all([api.probe("/readyz", signal), api.probe("/metrics", signal), versionsOf(api, signal)]);
  const settings = bootstrap.data.bootstrap ? (await api.call("GET /api/v1/config/", { signal })).data : {};
  const state = bootstrap.data.state ?? (bootstrap.data.bootstrap ? "finished" : "none");
  const numbers = metrics.status === 200 ? readMetrics(metrics.text) : new Map<string, number>();
  const lastPublish = numbers.get("rstuf_last_publish_timestamp_seconds");
  return {
    server: api.server,
    bootstrap: state,
    ...readinessIn(ready),
    roles: rolesOf(numbers, settings, versions),
    waitingForSignatures: state === "signing" ? await firstOnes(api, signal) : Object.keys(settings).flatMap((name) => (name.endsWith("_signing") && settings[name] !== null ? [name.slice(0, -"_signing".length)] : [])),
    backlogChanges: numbers.get("rstuf_backlog_changes"),
    lastPublishSecondsAgo: lastPublish === undefined || lastPublish === 0 ? undefined : Math.max(0, Math.round(context.clock.now() / 1000 - lastPublish)),
  };
}

/** What must be signed before there is a repository: there are no settings to tell it yet. */
async function firstOnes(api: RestClient, signal: AbortSignal): Promise<string[]> {
  const { data } = await api.call("GET /api/v1/metadata/sign", { signal });
  return Object.keys(recordIn(data?.metadata)).filter((name) => !name.startsWith("trusted_"));
}

function readinessIn({ status, text }: { readonly status: number; readonly text: string }): Pick<Status, "ready" | "reasons"> {
  const answer = jsonIn(text);
  if ((status !== 200 && status !== 503) || typeof answer["ready"] !== "boolean") return { ready: undefined, reasons: [] };
  const reasons = answer["reasons"];
  return { ready: answer["ready"], reasons: Array.isArray(reasons) ? reasons.map(String) : [] };
}

const ORDER = ["root", "timestamp", "snapshot", "targets"];
const DAY_SECONDS = 86_400;
/** Root is renewed by people, who need weeks; all others by the service, well before this share of their life is left. */
const ROOT_SOON_SECONDS = 30 * DAY_SECONDS;
const SOON_SHARE = 0.1;

function rolesOf(numbers: ReadonlyMap<string, number>, settings: Readonly<Record<string, unknown>>, versions: ReadonlyMap<string, number>): RoleState[] {
  const kinds = [...numbers].flatMap(([name, value]) => {
    const kind = /^rstuf_role_expiry_seconds\{kind="([^"]+)"\}$/.exec(name)?.[1];
    return kind === undefined || !Number.isFinite(value) ? [] : [{ kind, value }];
  });
  const place = (kind: string): number => (ORDER.includes(kind) ? ORDER.indexOf(kind) : ORDER.length);
  return kinds
    .sort((a, b) => place(a.kind) - place(b.kind) || (a.kind < b.kind ? -1 : 1))
    .map(({ kind, value }) => {
      const days = settings[`${kind}_expiration`];
      const soon = kind === "root" ? ROOT_SOON_SECONDS : (typeof days === "number" ? days : 1) * DAY_SECONDS * SOON_SHARE;
      return { role: kind, version: kind === "root" ? rootVersion(settings) : versions.get(kind), expiresInSeconds: Math.round(value), band: value <= 0 ? "expired" : value < soon ? "soon" : "fine" };
    });
}

function rootVersion(settings: Readonly<Record<string, unknown>>): number | undefined {
  const version = recordIn(recordIn(settings["trusted_root"])["signed"])["version"];
  return typeof version === "number" ? version : undefined;
}

/** Versions as clients see them, where the service itself serves the metadata. */
async function versionsOf(api: RestClient, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
  const versions = new Map<string, number>();
  const timestamp = recordIn(jsonIn((await api.probe("/metadata/timestamp.json", signal)).text)["signed"]);
  const snapshot = versionIn(recordIn(timestamp["meta"]), "snapshot.json");
  if (typeof timestamp["version"] !== "number" || snapshot === undefined) return versions;
  versions.set("timestamp", timestamp["version"]).set("snapshot", snapshot);
  const signed = recordIn(jsonIn((await api.probe(`/metadata/${snapshot}.snapshot.json`, signal)).text)["signed"]);
  const targets = versionIn(recordIn(signed["meta"]), "targets.json");
  return targets === undefined ? versions : versions.set("targets", targets);
}

function versionIn(meta: Readonly<Record<string, unknown>>, file: string): number | undefined {
  const version = Object.hasOwn(meta, file) ? recordIn(meta[file])["version"] : undefined;
  return typeof version === "number" ? version : undefined;
}

function readMetrics(text: string): ReadonlyMap<string, number> {
  return new Map([...text.matchAll(/^(rstuf_[a-z_]+(?:\{[^}\n]*\})?) (\S+)$/gm)].map(([, name, value]) => [name ?? "", Number(value)]));
}

function jsonIn(text: string): Readonly<Record<string, unknown>> {
  try {
    return recordIn(JSON.parse(text));
  } catch {
    return {};
  }
}

function recordIn(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : {};
}

const BOOTSTRAP: Readonly<Record<string, string>> = {
  none: "not yet: hold a ceremony with rstuf admin ceremony",
  pre: "under way",
  signing: "waits for signatures of the root's key holders",
  finished: "finished",
};

function show(session: Session, status: Status): void {
  const { style, context } = session;
  const ready = status.ready === undefined ? "not told to us" : status.ready ? style.good("yes") : style.bad("NO");
  const waiting = status.waitingForSignatures.map(printable).join(", ");
  const facts = [
    ["service", printable(status.server)],
    ["ready", [ready, ...status.reasons.map(printable)].join("\n")],
    ["bootstrap", printable(BOOTSTRAP[status.bootstrap] ?? status.bootstrap)],
    ["to sign", waiting === "" ? "nothing" : `${style.warn(waiting)}: rstuf admin metadata sign`],
    ["to publish", status.backlogChanges === undefined ? undefined : status.backlogChanges === 0 ? "nothing" : count(status.backlogChanges, "change")],
    ["published", status.lastPublishSecondsAgo === undefined ? undefined : `${duration(status.lastPublishSecondsAgo * 1000)} ago`],
  ] as const;
  for (const line of factLines(context, facts)) session.say(line);
  if (status.roles.length === 0) return;
  const paints = { fine: style.good, soon: style.warn, expired: style.bad };
  const columns: readonly Column<RoleState>[] = [
    { title: "Role", text: ({ role }) => printable(role), cutTo: 12 },
    { title: "Version", text: ({ version }) => (version === undefined ? "" : String(version)), right: true },
    { title: "Expires", text: ({ expiresInSeconds }) => fromNow(expiresInSeconds * 1000, 0) },
    { title: "", text: ({ band }) => (band === "expired" ? "EXPIRED" : band), paint: ({ band }) => paints[band] },
  ];
  session.say();
  for (const line of tableLines(context, columns, status.roles)) session.say(line);
}
