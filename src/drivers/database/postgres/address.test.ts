import assert from "node:assert/strict";
import { test } from "node:test";

import { clientOptions, describeServer, parseServerUrl } from "./address.ts";

const forms: readonly { readonly url: string; readonly is: ReturnType<typeof parseServerUrl> }[] = [
  { url: "postgresql://rstuf@db.example.org/rstuf", is: { user: "rstuf", hosts: [{ host: "db.example.org", port: 5432 }], database: "rstuf" } },
  { url: "postgres://u%40x@a:6000,[::1]:7000/d%2Fb", is: { user: "u@x", hosts: [{ host: "a", port: 6000 }, { host: "::1", port: 7000 }], database: "d/b" } },
  { url: "postgresql://u@/d?host=%2Frun%2Fpostgresql", is: { user: "u", hosts: [{ host: "/run/postgresql", port: 5432 }], database: "d" } },
  ...["postgresql://u:secret@h/d", "http://u@h/d", "postgresql://h/d", "postgresql://u@h", "postgresql://u@h:99999/d", "postgresql://u@a,,b/d", "postgresql://u@h/d?sslmode=disable", "postgresql://u@h/d%ZZ"]
    .map((url) => ({ url, is: undefined })),
];

for (const { url, is } of forms) {
  test(`${is === undefined ? "refuses" : "reads"} ${url}`, () => { assert.deepEqual(parseServerUrl(url), is); });
}

test("another machine is spoken to encrypted, with its certificate checked, unless clear text is allowed by name", () => {
  const url = "postgresql://u@db.example.org/d";
  assert.deepEqual(clientOptions({ url }, 0).ssl, { rejectUnauthorized: true });
  assert.deepEqual(clientOptions({ url, ca: "PEM" }, 0).ssl, { rejectUnauthorized: true, ca: "PEM" });
  assert.equal(clientOptions({ url, allowUnencrypted: true }, 0).ssl, false);
});

for (const host of ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"]) {
  test(`${host} is this machine, and needs no encryption`, () => { assert.equal(clientOptions({ url: `postgresql://u@${host}/d` }, 0).ssl, false); });
}

test("a name that only begins like this machine's is another machine", () => {
  for (const host of ["localhost.example.org", "127.0.0.1.example.org", "1127.0.0.1"]) assert.notEqual(clientOptions({ url: `postgresql://u@${host}/d` }, 0).ssl, false);
});

test("hosts are tried in turn, and the password stands in no message", () => {
  const address = { url: "postgresql://u@a,b/d", password: "hunter2" };
  assert.deepEqual([0, 1, 2].map((turn) => clientOptions(address, turn).host), ["a", "b", "a"]);
  assert.equal(describeServer(address), "d on a:5432, b:5432 as u");
});
