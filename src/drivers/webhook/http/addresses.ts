// Which addresses a webhook may go to.
//
// Refused is what no receiver has: link-local addresses, among them those where clouds answer
// whoever asks from inside with credentials, and what is no address of one machine. Private
// networks are allowed: receivers live there.

import { BlockList, isIP } from "node:net";

const REFUSED = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8], ["169.254.0.0", 16], ["224.0.0.0", 4], ["240.0.0.0", 4],
  // Metadata services outside of link-local: Alibaba, Oracle.
  ["100.100.100.200", 32], ["192.0.0.192", 32],
] as const) REFUSED.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of [
  ["::", 128], ["fe80::", 10], ["ff00::", 8],
  // Metadata services outside of link-local: AWS, Google.
  ["fd00:ec2::", 32], ["fd20:ce::254", 128],
  // Ways to write an IPv4 address: NAT64, 6to4, Teredo, IPv4-compatible. Who means IPv4 can say so.
  ["64:ff9b::", 96], ["64:ff9b:1::", 48], ["2002::", 16], ["2001::", 32],
] as const) REFUSED.addSubnet(network, prefix, "ipv6");

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

const COMPATIBLE = new BlockList();
COMPATIBLE.addSubnet("::", 96, "ipv6");

/** Whether a webhook may go there; `loopbackOnly` for http, which nobody but this machine may read. */
export function mayBeSentTo(address: string, loopbackOnly: boolean): boolean {
  const plain = address.replace(/%.*$/, "");
  const family = isIP(plain) === 4 ? "ipv4" : isIP(plain) === 6 ? "ipv6" : undefined;
  if (family === undefined || plain !== address) return false;
  const isLoopback = LOOPBACK.check(plain, family);
  if (loopbackOnly || isLoopback) return isLoopback;
  return !REFUSED.check(plain, family) && !(family === "ipv6" && COMPATIBLE.check(plain, family));
}
