// Why a connection failed, in words: `fetch` says "fetch failed", and hides the reason beneath.

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "no host has this name",
  EAI_AGAIN: "names are not resolved at the moment",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was closed",
  UND_ERR_SOCKET: "the connection was closed",
  UND_ERR_CONNECT_TIMEOUT: "nothing answers there",
  ETIMEDOUT: "nothing answers there",
  EHOSTUNREACH: "there is no way to this host",
  ENETUNREACH: "there is no way to this network",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is signed by itself",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate leads to an authority this machine does not know",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate leads to an authority this machine does not know",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate leads to an authority this machine does not know",
  CERT_HAS_EXPIRED: "its certificate has expired",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host",
  ERR_SSL_WRONG_VERSION_NUMBER: "what listens there speaks no TLS: http:// instead of https://?",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "what listens there speaks no TLS: http:// instead of https://?",
};

/** The system's code of a failed `fetch`. */
export function systemCode(error: unknown): string | undefined {
  for (const each of causes(error)) if ("code" in each && typeof each.code === "string") return each.code;
  return undefined;
}

/** In words; a code that has none, or what the innermost error says, as it stands. */
export function connectionReason(error: unknown): string {
  const code = systemCode(error);
  return code === undefined ? (causes(error).at(-1)?.message ?? String(error)) : (REASONS[code] ?? code);
}

function causes(error: unknown): Error[] {
  const found: Error[] = [];
  for (let each = error; each instanceof Error && found.length < 5; each = each.cause) found.push(each);
  return found;
}
