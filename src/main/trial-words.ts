// What a trial repository prints when it is up: where things are, what not to do, what to paste.

import { join, relative, resolve } from "node:path";

export interface TrialFacts {
  readonly origin: string;
  readonly dataDir: string;
  readonly metadataDir: string;
  readonly filesDir: string;
  readonly trustedRoot: string;
  readonly rootKeyFile: string | undefined;
  readonly bins: number;
  readonly cwd: string;
  /** How the program is called from `cwd`. */
  readonly program: string;
}

/** Each command stands on lines that begin with `$ `, as one would type it. */
export function trialWords(facts: TrialFacts): string {
  const { origin, program } = facts;
  const files = shown(facts.cwd, facts.filesDir);
  const root = shown(facts.cwd, facts.trustedRoot);
  const file = `${files}/hello.txt`;
  const json = `{"artifacts":[{"path":"hello.txt","info":{"length":'"$(wc -c < ${file} | tr -d ' ')"',"hashes":{"sha256":"'"$(sha256sum < ${file} | cut -c1-64)"'"}}}]}`;
  return `
A trial repository is up, with ${String(facts.bins)} bins.

  API and its documentation  ${origin}/
  Metadata                   ${origin}/metadata/   (${facts.metadataDir.includes("://") ? facts.metadataDir : shown(facts.cwd, facts.metadataDir)})
  Files to try it with       ${origin}/files/      (${files})
  Trusted root               ${root}
  Health, alarms             ${origin}/healthz  ${origin}/readyz  ${origin}/metrics

WARNING  For trying out only. ${facts.rootKeyFile === undefined ? "" : `The root key lies on this disk, unencrypted:
         ${shown(facts.cwd, facts.rootKeyFile)}
         `}Whoever reads it can sign for you, for ever. A real repository has root keys
         that are made and kept offline by several people, and starts with
         "rstuf serve" and a bootstrap request: see README.md, "Real life".

Try it. Put a file where it is served from, and tell the repository about it:

  $ echo 'hello, TUF' > ${file}
  $ curl -sS -X POST '${origin}/api/v1/artifacts/?wait=30' -H 'content-type: application/json' -d '${json}' | tee ${files}/.task.json

See its task:

  $ curl -sS "${origin}/api/v1/task/?task_id=$(grep -o '"task_id":"[0-9a-f]*"' ${files}/.task.json | cut -d'"' -f4)"

Download it, verified from the trusted root:

  $ ${program} download hello.txt --root ${root} --metadata-url ${origin}/metadata/ --artifacts-url ${origin}/files/ -P ${shown(facts.cwd, join(facts.dataDir, "downloads"))}

`;
}

/** Relative to where the reader stands when that is shorter; quoted if a shell would split it. */
function shown(cwd: string, path: string): string {
  const near = relative(cwd, resolve(path));
  const text = near === "" ? "." : near.startsWith("..") ? resolve(path) : near;
  return /^[A-Za-z0-9._/@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
