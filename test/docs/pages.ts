// The pages of this repository, their code blocks, and a plain shell to run those in.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { delimiter, join } from "node:path";

export const ROOT = join(import.meta.dirname, "..", "..");

export function page(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** The fenced blocks of `language` in a page, in order. */
export function blocks(path: string, language: string): readonly string[] {
  return [...page(path).matchAll(/^```(\w*)\n([^]*?)^```$/gm)].filter(([, name]) => name === language).map(([, , text]) => text!);
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `script` as it stands in a POSIX shell, with the machine's own Node, not npm's, in PATH. */
export async function sh(script: string, options: { readonly cwd?: string; readonly environment?: Readonly<Record<string, string>> } = {}): Promise<Ended> {
  const child = spawn("sh", ["-c", script], { cwd: options.cwd ?? ROOT, env: { ...plainEnvironment(), ...options.environment }, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => { stdout += chunk.toString(); });
  child.stderr.on("data", (chunk: Buffer) => { stderr += chunk.toString(); });
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => { resolve({ code, stdout, stderr }); });
  });
}

function plainEnvironment(): Record<string, string | undefined> {
  const path = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => !folder.includes("node_modules"));
  const ours = Object.entries(process.env).filter(([name]) => !name.startsWith("npm_") && !name.startsWith("NODE_") && !name.startsWith("RSTUF_"));
  return { ...Object.fromEntries(ours), PATH: path.join(delimiter) };
}
