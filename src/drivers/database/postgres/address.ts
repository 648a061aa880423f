// Where the server is, and how one speaks to it: encrypted and its certificate checked, unless it is this machine.

import { readFileSync } from "node:fs";
import type { ClientConfig } from "pg";

export interface ServerAddress {
  /** `postgresql://user@host:port,host:port/database`; a socket's folder as `?host=`. */
  readonly url: string;
  readonly password?: string | undefined;
  /** Certificates of the authorities its certificate may be of, PEM; the system's when undefined. */
  readonly ca?: string | undefined;
  /** To speak in clear text to another machine. */
  readonly allowUnencrypted?: boolean | undefined;
}

/** With the certificates of `caFile`, when there is one, in place of `ca`. */
export function serverOf(options: ServerAddress & { readonly caFile?: string | undefined }): ServerAddress {
  return { ...options, ca: options.caFile === undefined ? options.ca : readFileSync(options.caFile, "utf8") };
}

export interface ServerName {
  readonly user: string;
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly database: string;
}

const DEFAULT_PORT = 5432;
const URL_FORM = /^postgres(?:ql)?:\/\/(?<user>[^@/?#:]+)@(?<hosts>[^/?#@]*)\/(?<database>[^/?#]+)(?:\?host=(?<socket>[^&#]+))?$/;

/** Undefined when it is not of the form. */
export function parseServerUrl(url: string): ServerName | undefined {
  const { user, hosts, database, socket } = URL_FORM.exec(url)?.groups ?? {};
  if (user === undefined || hosts === undefined || database === undefined) return undefined;
  try {
    const list = socket === undefined
      ? hosts.split(",").map((one) => {
        const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?$/.exec(one);
        return { host: match?.[1] ?? match?.[2] ?? "", port: Number(match?.[3] ?? DEFAULT_PORT) };
      })
      : hosts === "" ? [{ host: decodeURIComponent(socket), port: DEFAULT_PORT }] : [];
    if (list.length === 0 || list.some(({ host, port }) => host === "" || port > 65_535)) return undefined;
    return { user: decodeURIComponent(user), hosts: list, database: decodeURIComponent(database) };
  } catch {
    return undefined;
  }
}

export function clientOptions(address: ServerAddress, turn: number): ClientConfig {
  const { user, hosts, database } = known(address);
  const server = hosts[turn % hosts.length] ?? { host: "", port: DEFAULT_PORT };
  const plain = isHere(server.host) || address.allowUnencrypted === true;
  return {
    user, database, ...server, application_name: "rstuf",
    // A function, so that pg reads no password file of the system's user.
    password: () => address.password ?? "",
    ssl: plain ? false : { rejectUnauthorized: true, ...(address.ca === undefined ? {} : { ca: address.ca }) },
  };
}

/** For messages: no password is in it. */
export function describeServer(address: ServerAddress): string {
  const { user, hosts, database } = known(address);
  return `${database} on ${hosts.map(({ host, port }) => `${host}:${port}`).join(", ")} as ${user}`;
}

/** This machine: loopback, or the folder of a socket. */
function isHere(host: string): boolean {
  return host.startsWith("/") || host === "localhost" || host === "::1" || /^127(?:\.[0-9]{1,3}){3}$/.test(host);
}

function known({ url }: ServerAddress): ServerName {
  const name = parseServerUrl(url);
  if (name === undefined) throw new Error("the database's URL is not of the form postgresql://user@host:port/database");
  return name;
}
