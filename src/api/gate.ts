// Who may talk to the service, before anything of the request is looked at: the name it was
// addressed by, the token it carries, the page it came from.

import type { FastifyRequest } from "fastify";
import { sha256Hex } from "../tuf/crypto.ts";
import { HttpRefusal } from "./refusal.ts";
import type { ApiSettings, ApiToken } from "./settings.ts";

/** Probes come by address, from the machine's own supervisor; they tell nothing worth a rebinding. */
const ANY_HOST: ReadonlySet<string> = new Set(["/healthz", "/readyz"]);

/** Scrapes come by address too. A page that was rebound to us says its name, never an address. */
const ANY_ADDRESS: ReadonlySet<string> = new Set(["/metrics"]);
const ADDRESS = /^(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}|\[[0-9a-f:.]+\])$/;

/** A browser page whose DNS name was rebound to us still says its own name. @throws HttpRefusal 421 */
export function checkHost(request: FastifyRequest, settings: ApiSettings): void {
  if (settings.allowedHosts === "any" || ANY_HOST.has(request.routeOptions.url ?? "")) return;
  const host = (request.headers.host ?? "").toLowerCase();
  const name = host.replace(/:[0-9]{1,5}$/, "");
  if (ANY_ADDRESS.has(request.routeOptions.url ?? "") && ADDRESS.test(name)) return;
  const allowed = settings.allowedHosts.some((entry) => entry.toLowerCase() === host || entry.toLowerCase() === name);
  if (!allowed) throw new HttpRefusal(421, "foreign-host", "this service does not answer to that host name; see setting api.allowedHosts");
}

/**
 * The name of who holds the token that the request carries; undefined when none is needed.
 * @throws HttpRefusal 401
 */
export function authenticate(request: FastifyRequest, tokens: readonly ApiToken[] | undefined): string | undefined {
  if (tokens === undefined || !isApi(request)) return undefined;
  const presented = /^Bearer ([A-Za-z0-9._~+/=-]{1,1024})$/i.exec(request.headers.authorization ?? "")?.[1];
  const hash = presented === undefined ? "" : sha256Hex(presented);
  let holder: ApiToken | undefined;
  // All are compared, each to its end: time tells neither which one nor how far it matched.
  for (const token of tokens) if (equalInConstantTime(hash, token.sha256)) holder = token;
  if (holder === undefined) throw new HttpRefusal(401, "unauthorized", "a valid token is required: Authorization: Bearer TOKEN");
  return holder.name ?? holder.sha256.slice(0, 16);
}

function equalInConstantTime(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let index = 0; index < b.length; index++) difference |= (a.charCodeAt(index) || 0) ^ b.charCodeAt(index);
  return difference === 0;
}

const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

export function isWrite(request: FastifyRequest): boolean {
  return !SAFE_METHODS.has(request.method);
}

/** Refuses writes that a foreign web page makes a browser send. @throws HttpRefusal 403 */
export function checkOrigin(request: FastifyRequest, settings: ApiSettings): void {
  if (!isWrite(request)) return;
  const site = request.headers["sec-fetch-site"];
  if (site !== undefined && site !== "same-origin" && site !== "none") throw crossSite();
  const origin = request.headers.origin;
  if (origin === undefined || settings.publicOrigins?.includes(origin) === true) return;
  const scheme = settings.tls === undefined ? "http" : "https";
  if (origin.toLowerCase() !== `${scheme}://${(request.headers.host ?? "").toLowerCase()}`) throw crossSite();
}

/** Made when it is needed: a stack costs more than the rest of the gate. */
const crossSite = (): HttpRefusal => new HttpRefusal(403, "cross-site", "writes from pages of other sites are refused");

/**
 * Whether the contract's API is asked. The matched route decides, for a path may be spelled in
 * many ways (`/%61pi/`); the path only where no route matched.
 */
export function isApi(request: FastifyRequest): boolean {
  return (request.routeOptions.url ?? request.url).startsWith("/api/");
}
