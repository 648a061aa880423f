// What whoever downloads may do about a refusal of the client.

const TELL = "tell whoever runs the repository";
const ADDRESS = "is the address right? See --metadata-url, or rstuf artifact repository show";
const FORGED = `use nothing of it: somebody, or something in between, sends what the repository did not sign; ${TELL}`;

const TODO: Readonly<Record<string, string>> = {
  "no-trusted-root": "say --root FILE or URL, of a root you got by a way you trust; or --trust-on-first-use",
  "metadata-not-found": ADDRESS,
  "metadata-unavailable": `try again; ${ADDRESS}`,
  "metadata-too-large": FORGED,
  "too-slow": "try again; the same command goes on with what is there",
  "delegations-limit": `${TELL}: clients search no further`,
  "artifact-unknown": "is it spelled as the repository has it, folders included? rstuf artifact list shows what there is",
  "artifact-path": "name it as the repository does",
  "artifact-not-found": `is --artifacts-url right, and are artifacts served under their names (--hash-prefix)? Otherwise ${TELL}`,
  "artifact-unavailable": "try again; is the address right? See --artifacts-url",
  "artifact-too-large": FORGED,
  "artifact-too-short": `try again; if it stays, ${TELL}`,
  "artifact-hash": FORGED,
  "artifact-hash-unknown": "a newer version of this program may know it",
  "root-version": FORGED,
  "key-unsupported": "a newer version of this program may know it; Sigstore keys need --sigstore-trusted-root",
};

/** What is not signed, not in order, or none of TUF at all. */
export function downloadTodo(code: string): string {
  if (code.endsWith("-expired")) return `is the clock of this machine right? Otherwise the repository was not signed anew in time, or something in between shows an old state: ${TELL}`;
  if (code.endsWith("-rollback") || code.endsWith("-vanished")) return `something shows an older state than this machine has seen: try again, and if it stays ${TELL}`;
  if (/^(?:json|document)-/.test(code)) return `what is there is no metadata of TUF: ${ADDRESS}`;
  return TODO[code] ?? FORGED;
}
