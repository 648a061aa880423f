// npm run test:kill -- [--kills 50] [--bins 64] [--senders 8]

import { parseArgs } from "node:util";
import { killAgainAndAgain, type Figures } from "./kill.ts";
import { end, faultsOf, row, tellOutcome } from "./outcome.ts";
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
row("kills", figures.kills);
for (const step of STEPS) row(`  inside: ${step}`, figures.inside[step]);
row("  between publishes", figures.between);
row("paths added, changed, removed", figures.paths);
tellOutcome(figures.outcome, figures.unsound);
row("seconds", Math.round(figures.seconds));
end([...faultsOf(figures.outcome, figures.unsound), ...aim(figures)]);

function aim({ kills, inside, between }: Figures): string[] {
  const hits = kills - between;
  return [
    ...(hits >= kills * INSIDE_AT_LEAST ? [] : [`only ${String(hits)} of ${String(kills)} kills hit a publish`]),
    ...(kills < 50 ? [] : STEPS.filter((step) => inside[step] === 0).map((step) => `no kill hit ${step}`)),
  ];
}
