// Under which address a file is asked for.

import { ClientError } from "./errors.ts";

export function withSlash(url: string): string {
  return url.endsWith("/") ? url : `${url}/`;
}

/** TUF 6.2.1: `VERSION.ROLE.json`; without a version for timestamp, and where snapshots are not consistent. */
export function metadataUrl(base: string, role: string, version: number | undefined): string {
  const prefix = version === undefined ? "" : `${String(version)}.`;
  return `${withSlash(base)}${prefix}${encodeURIComponent(role)}.json`;
}

/**
 * The address of an artifact. A target path is a path-relative URL (TUF 4.5), so a percent
 * sign that begins an escape stays; all that a URL cannot hold is escaped. The hash stands
 * before the last segment, as all clients put it.
 * @throws ClientError `artifact-path` for segments that a URL would resolve away
 */
export function artifactUrl(base: string, path: string, hash: string | undefined): string {
  const segments = path.split("/");
  for (const segment of segments) {
    const plain = segment.replaceAll(/%2e/gi, ".");
    if (plain === "." || plain === "..") throw new ClientError("artifact-path", `${JSON.stringify(path)} has a segment ${JSON.stringify(segment)}, which no server can be asked for`);
  }
  const last = segments.length - 1;
  const named = segments.map((segment, index) => escapeSegment(index === last && hash !== undefined ? `${hash}.${segment}` : segment));
  return `${withSlash(base)}${named.join("/")}`;
}

/** Keeps `%41`, escapes a bare `%` and everything that may not stand in a path segment. */
function escapeSegment(segment: string): string {
  return segment
    .split(/(%[0-9A-Fa-f]{2})/)
    .map((part, index) => (index % 2 === 1 ? part : encodeURIComponent(part.toWellFormed()).replaceAll(/%(?:40|3A|2C|3B|26|3D|2B|24)/g, decodeURIComponent)))
    .join("");
}
