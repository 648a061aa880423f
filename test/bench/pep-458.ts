// What readers pay, beside the table of PEP 458 ("Metadata Scalability", tables 2 and 3, of 7 November 2019:
// https://peps.python.org/pep-0458/#metadata-scalability; read in python/peps, peps/pep-0458.rst).
//
// The PEP reckons, it does not measure: a path has 256 bytes, a hash 128 (SHA2-512), an entry of snapshot is its version
// number of 6 bytes, without the name; root, timestamp and top-level targets are left out. A look-up is two files of bins,
// for the simple index is a target, too. Ours are the files themselves.

import type { ReaderCost, Size } from "./reader.ts";

export const PEP_458 = {
  artifacts: 2_273_539,
  bins: 16_384,
  download: 2_184_393,
  bin: 54_349,
  snapshot: 98_304,
  /** Who delegates to the bins: every new user reads it. */
  delegations: 1_310_720,
} as const;

/** `ours`: of as many artifacts and bins, with `delegations` of top-level targets. */
export function besidePep458({ snapshot, bin }: ReaderCost, delegations: Size): string {
  const pep = PEP_458;
  const rows: readonly (readonly [string, number, (form: keyof Size) => number])[] = [
    ["one bin", pep.bin, (form) => bin[form]],
    ["snapshot", pep.snapshot, (form) => snapshot[form]],
    ["who delegates to the bins (PEP: `bins`; here: top-level targets, by TAP 15)", pep.delegations, (form) => delegations[form]],
    ["returning user, two bins, same snapshot", 2 * pep.bin, (form) => 2 * bin[form]],
    ["returning user, two bins, another snapshot", 2 * pep.bin + pep.snapshot, (form) => 2 * bin[form] + snapshot[form]],
    ["new user", 2 * pep.bin + pep.snapshot + pep.delegations, (form) => 2 * bin[form] + snapshot[form] + delegations[form]],
  ];
  const bytes = (value: number): string => `${Math.round(value).toLocaleString("en")} (${(100 * value / pep.download).toFixed(value < pep.download / 100 ? 2 : 0)} %)`;
  return `### Beside PEP 458

Its own table ([Metadata Scalability](https://peps.python.org/pep-0458/#metadata-scalability), tables 2 and 3, 2019) for ${pep.artifacts.toLocaleString("en")} artifacts and ${pep.bins.toLocaleString("en")} bins, and the files this service writes for as
many: bytes, and what part they are of the average download of ${pep.download.toLocaleString("en")}. The PEP reckons with paths of 256 bytes and SHA2-512, and with
a snapshot of version numbers without names, which has no form in TUF; its \`bins\` lists every prefix, which TAP 15 says in one line.

| | PEP 458 | here | here, gzip | here, zstd |
|---|---|---|---|---|
${rows.map(([name, theirs, ours]) => `| ${name} | ${bytes(theirs)} | ${bytes(ours("plain"))} | ${bytes(ours("gzip"))} | ${bytes(ours("zstd"))} |`).join("\n")}
`;
}
