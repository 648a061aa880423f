// Web servers and PostgreSQL as Debian has them, unpacked into `.interop/debian/`: nothing is installed on the machine.
//
// Whatever they need that the machine lacks comes along; libraries are found by LD_LIBRARY_PATH.

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unprivileged } from "../servers/postgres.ts";
import { InstallError } from "./install-error.ts";

const PACKAGES = ["nginx", "caddy", "postgresql-15"];
const FOLDER = join(import.meta.dirname, "..", "..", ".interop", "debian");
const ROOT = join(FOLDER, "root");
const TIME_OUT_MS = 8 * 60_000;

export const NGINX = join(ROOT, "usr", "sbin", "nginx");
export const CADDY = join(ROOT, "usr", "bin", "caddy");
const POSTGRES_BIN = join("usr", "lib", "postgresql", "15", "bin");
const environmentOf = (root: string): Readonly<Record<string, string>> => ({ LD_LIBRARY_PATH: globSync(join(root, "usr", "lib", "*-linux-gnu")).join(":") });
/** For each of these programs. */
export const DEBIAN_ENVIRONMENT = environmentOf(ROOT);

/** PostgreSQL, where the user that runs it can reach it: `temporary` when a checkout lies under a folder that only its owner may enter. */
export function debianPostgres(temporary: string): { readonly binaries: string; readonly environment: Readonly<Record<string, string>> } {
  const binaries = join(ROOT, POSTGRES_BIN);
  const { status } = spawnSync(join(binaries, "initdb"), ["--version"], { ...unprivileged(), cwd: "/", env: DEBIAN_ENVIRONMENT });
  if (status === 0) return { binaries, environment: DEBIAN_ENVIRONMENT };
  cpSync(ROOT, temporary, { recursive: true, verbatimSymlinks: true });
  return { binaries: join(temporary, POSTGRES_BIN), environment: environmentOf(temporary) };
}

/** @throws InstallError */
export function installDebian(folder: string, say: (line: string) => void): void {
  const stamp = join(folder, "installed");
  const pins = PACKAGES.join(" ");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === pins && [NGINX, CADDY, join(ROOT, POSTGRES_BIN)].every((path) => existsSync(path))) return;
  say(`unpacking ${PACKAGES.join(", ")} of Debian into .interop/debian`);
  rmSync(folder, { recursive: true, force: true });
  const archives = join(folder, "archives");
  mkdirSync(join(archives, "partial"), { recursive: true });
  mkdirSync(ROOT, { recursive: true });
  const options = ["-o", `Dir::Cache::archives=${archives}`, "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root"];
  const fetch = (): boolean => run("apt-get", ["install", "-qq", "-y", "--download-only", "--reinstall", "--no-install-recommends", ...options, ...PACKAGES]);
  // What is on the machine already comes along too: this must not depend on what somebody installed.
  // Lists of packages may be missing, or name what is not there any more.
  if (!fetch() && !(run("apt-get", ["update", "-qq"]) && fetch())) throw missing("They could not be fetched.");
  for (const file of globSync(join(archives, "*.deb"))) {
    if (!run("dpkg-deb", ["-x", file, ROOT])) throw missing(`${file} could not be unpacked.`);
  }
  for (const path of [NGINX, CADDY, join(ROOT, POSTGRES_BIN)]) if (!existsSync(path)) throw missing(`${path} was not in them.`);
  writeFileSync(stamp, pins);
}

let said = "";

function run(command: string, args: readonly string[]): boolean {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", timeout: TIME_OUT_MS, env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" } });
  said = `${command} ${args.join(" ")}\n${stdout}${stderr}${error?.message ?? ""}`;
  return status === 0;
}

const missing = (what: string): InstallError =>
  new InstallError(`${PACKAGES.join(", ")} are needed from Debian 12, and apt-get gets them. ${what}\n\n${said}`);
