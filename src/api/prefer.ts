// How long a client asks us to wait: `Prefer: wait=N` (RFC 7240) or `?wait=N`, 1 - 60 s.

const MAX_WAIT_SECONDS = 60;

/** Seconds that `Prefer` asks for, cut at 60; undefined when it asks for nothing we know. */
export function preferredWait(header: string | readonly string[] | undefined): number | undefined {
  const text = typeof header === "string" ? header : (header ?? []).join(",");
  for (const preference of text.slice(0, 1000).split(",")) {
    const [name, value] = (preference.split(";", 1)[0] ?? "").split("=", 2);
    if (name?.trim().toLowerCase() !== "wait") continue;
    const seconds = (value ?? "").trim().replace(/^"(.*)"$/, "$1");
    if (!/^[0-9]{1,9}$/.test(seconds) || Number(seconds) < 1) return undefined;
    return Math.min(Number(seconds), MAX_WAIT_SECONDS);
  }
  return undefined;
}
