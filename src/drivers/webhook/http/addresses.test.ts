import assert from "node:assert/strict";
import { test } from "node:test";
import { mayBeSentTo } from "./addresses.ts";

for (const { address, https, http } of [
  { address: "93.184.216.34", https: true, http: false },
  { address: "10.1.2.3", https: true, http: false },
  { address: "192.168.0.1", https: true, http: false },
  { address: "2606:4700::1111", https: true, http: false },
  { address: "fd12:3456::1", https: true, http: false },
  { address: "127.0.0.1", https: true, http: true },
  { address: "127.8.8.8", https: true, http: true },
  { address: "::1", https: true, http: true },
  { address: "169.254.169.254", https: false, http: false },
  { address: "169.254.0.1", https: false, http: false },
  { address: "::ffff:169.254.169.254", https: false, http: false },
  { address: "::ffff:a9fe:a9fe", https: false, http: false },
  { address: "64:ff9b::a9fe:a9fe", https: false, http: false },
  { address: "2002:a9fe:a9fe::1", https: false, http: false },
  { address: "::169.254.169.254", https: false, http: false },
  { address: "fe80::1", https: false, http: false },
  { address: "febf::1", https: false, http: false },
  { address: "fe80::1%eth0", https: false, http: false },
  { address: "fd00:ec2::254", https: false, http: false },
  { address: "fd20:ce::254", https: false, http: false },
  { address: "100.100.100.200", https: false, http: false },
  { address: "192.0.0.192", https: false, http: false },
  { address: "0.0.0.0", https: false, http: false },
  { address: "::", https: false, http: false },
  { address: "224.0.0.1", https: false, http: false },
  { address: "ff02::1", https: false, http: false },
  { address: "255.255.255.255", https: false, http: false },
  { address: "not an address", https: false, http: false },
]) {
  test(`${address}: ${https ? (http ? "https and http" : "https alone") : "never"}`, () => {
    assert.deepEqual([mayBeSentTo(address, false), mayBeSentTo(address, true)], [https, http]);
  });
}
