// npm run test:kill -- [--kills 50] [--bins 64] [--senders 8]

import { parseArgs } from "node:util";
import { killAgainAndAgain, type Figures } from "./kill.ts";
import { STEPS } from "./service.ts";

/** At least this much of the kills is to hit a publish. */
const INSIDE_AT_LEAST = 0.8;

const { values } = parseArgs({ options: { kills: { type: "string", default: "50" }, bins: { type: "string", default: "64" }, senders: { type: "string", default: "8" } } });
const figures = await killAgainAndAgain({
  kills: Number(values.kills),
  bins: Number(values.bins),
  senders: Number(values.senders),
  onKill: (kill, step) => { process.stderr.write(`killed ${String(kill)} of ${values.kills}: ${step ?? "between publishes"}\n`); },
});
print(figures);
const faults = faultsOf(figures);
for (const fault of faults) process.stdout.write(`FAILED: ${fault}\n`);
process.exitCode = faults.length === 0 ? 0 : 1;

function print(all: Figures): void {
  const row = (what: string, value: string | number): void => { process.stdout.write(`${what.padEnd(44)}${String(value)}\n`); };
  row("kills", all.kills);
  for (const step of STEPS) row(`  inside: ${step}`, all.inside[step]);
  row("  between publishes", all.between);
  row("requests accepted", all.accepted);
  row("requests sent again with their key", all.resent);
  row("paths added, changed, removed", all.paths);
  row("lost, or not as accepted", all.lost.length);
  row("tasks without a good end", all.stuck.length);
  row("refreshes of clients", all.refreshes);
  row("refusals of clients", all.refusals.length);
  row("fsck with the database", all.unsound === "" ? "sound" : "not sound");
  row("seconds", Math.round(all.seconds));
}

function faultsOf(all: Figures): string[] {
  const insides = all.kills - all.between;
  const some = (what: string, list: readonly string[]): string[] => (list.length === 0 ? [] : [`${String(list.length)} ${what}: ${list.slice(0, 5).join("; ")}`]);
  return [
    ...some("lost", all.lost), ...some("stuck", all.stuck), ...some("requests refused", all.refusedRequests), ...some("clients refused", all.refusals),
    ...(all.unsound === "" ? [] : [all.unsound]),
    ...(insides >= all.kills * INSIDE_AT_LEAST ? [] : [`only ${String(insides)} of ${String(all.kills)} kills hit a publish`]),
    ...(all.kills < 50 ? [] : STEPS.filter((step) => all.inside[step] === 0).map((step) => `no kill hit ${step}`)),
  ];
}
