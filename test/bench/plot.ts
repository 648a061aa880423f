// Plots as SVG: median and p95 over a factor, budget and limit beside them; readable in a browser and on paper.

import type { Figure } from "./figures.ts";

export interface Plot {
  readonly file: string;
  readonly title: string;
  readonly svg: string;
}

const SIZE = { width: 680, height: 380, left: 80, right: 24, top: 44, bottom: 62 };
const LINES = { median: "#1f5fa8", p95: "#c0562b", limit: "#4a8f4a", budget: "#888888" } as const;

/** One for each row that was measured at two places of a factor or more. What names no factor was measured at `bins`. */
export function plotsOf(figures: readonly Figure[], mode: string, bins: (place: string) => number): readonly Plot[] {
  const ofBins = new Set(figures.filter(({ factor }) => factor === "bins").map(({ place, row }) => `${place}: ${row}`));
  const placed = figures.map((one) => (one.factor === undefined && ofBins.has(`${one.place}: ${one.row}`) ? { ...one, factor: "bins", x: bins(one.place) } : one));
  const groups = Map.groupBy(placed.filter(({ factor }) => factor !== undefined), ({ place, row, factor }) => `${place}: ${row}, by ${factor ?? ""}`);
  return [...groups].filter(([, own]) => new Set(own.map(({ x }) => x)).size > 1)
    .map(([title, own]) => ({ file: `${mode}-${title.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.svg`, title, svg: plot(title, own) }));
}

function plot(title: string, figures: readonly Figure[]): string {
  const points = figures.toSorted((a, b) => (a.x ?? 0) - (b.x ?? 0));
  const [first] = points;
  const xs = points.map(({ x = 0 }) => x);
  // Over a wide range by powers of ten, with zero a step to the left of the first; else evenly.
  const least = Math.min(...xs.filter((x) => x > 0));
  const wide = Math.max(...xs) / least > 20;
  const across = (x: number): number => (wide ? Math.log10(x > 0 ? x : least / 10) : x);
  const values = points.flatMap(({ median, p95, limit, budget }) => [median, p95, limit, budget].filter((value) => value !== undefined && value > 0) as number[]);
  const deep = Math.max(...values) / Math.min(...values) > 20;
  const up = (value: number): number => (deep ? Math.log10(value) : value);
  const y0 = deep ? Math.floor(Math.log10(Math.min(...values))) : 0;
  const top = niceAbove(Math.max(...values));
  const y1 = deep ? Math.ceil(Math.log10(Math.max(...values))) : top;
  const [x0, x1] = [across(Math.min(...xs)), across(Math.max(...xs))];
  const atX = (x: number): number => SIZE.left + ((across(x) - x0) / (x1 - x0 || 1)) * (SIZE.width - SIZE.left - SIZE.right);
  const atY = (value: number): number => SIZE.height - SIZE.bottom - ((up(value) - y0) / (y1 - y0 || 1)) * (SIZE.height - SIZE.top - SIZE.bottom);
  const levels = deep ? Array.from({ length: y1 - y0 + 1 }, (_, i) => 10 ** (y0 + i)) : Array.from({ length: 6 }, (_, i) => (top * i) / 5);
  const rules = levels.map((value) =>
    `<line x1="${String(SIZE.left)}" x2="${String(SIZE.width - SIZE.right)}" y1="${atY(value).toFixed(1)}" y2="${atY(value).toFixed(1)}" stroke="#e2e2e2"/>`
    + `<text x="${String(SIZE.left - 8)}" y="${(atY(value) + 4).toFixed(1)}" text-anchor="end">${value.toLocaleString("en", { maximumSignificantDigits: 3 })} ${first?.unit ?? ""}</text>`);
  const marks = xs.map((x) => `<text x="${atX(x).toFixed(1)}" y="${String(SIZE.height - SIZE.bottom + 18)}" text-anchor="middle">${x.toLocaleString("en", { notation: "compact" })}</text>`);
  const drawn = (Object.keys(LINES) as (keyof typeof LINES)[]).filter((name) => points.some((one) => one[name] !== undefined));
  const line = (name: keyof typeof LINES): string => {
    const there = points.filter((one) => (one[name] ?? 0) > 0);
    const path = there.map((one) => `${atX(one.x ?? 0).toFixed(1)},${atY(one[name] ?? 0).toFixed(1)}`);
    const dots = name === "median" || name === "p95" ? path.map((at) => `<circle cx="${at.split(",")[0] ?? ""}" cy="${at.split(",")[1] ?? ""}" r="3" fill="${LINES[name]}"/>`).join("") : "";
    return `<polyline fill="none" stroke="${LINES[name]}" stroke-width="2"${name === "median" ? "" : ' stroke-dasharray="6 4"'} points="${path.join(" ")}"/>${dots}`;
  };
  const legend = drawn.map((name, at) => `<text x="${String(SIZE.left + at * 90)}" y="${String(SIZE.height - 12)}" fill="${LINES[name]}">${name === "median" ? "—" : "- -"} ${name}</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${String(SIZE.width)} ${String(SIZE.height)}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/><text x="${String(SIZE.left)}" y="24" font-size="14">${title.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</text>
${rules.join("\n")}
${marks.join("\n")}
${drawn.map(line).join("\n")}
${legend.join("")}
<text x="${String(SIZE.width - SIZE.right)}" y="${String(SIZE.height - 12)}" text-anchor="end">${first?.factor ?? ""}</text>
</svg>
`;
}

/** The next of 1, 2, 2.5 and 5 times a power of ten. */
function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 2.5, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}
