// Bad input: each is refused with a 4xx that names field and rule, and nothing is applied.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createTestApi, HEADERS, type TestApi } from "./fixture.ts";

const SHA256 = "ab".repeat(32);
const INFO = `{"length":1,"hashes":{"sha256":"${SHA256}"}}`;

interface Row {
  readonly name: string;
  /** The body as sent. */
  readonly body: string | Buffer;
  readonly loc: readonly (string | number)[];
  readonly says: RegExp;
  readonly code?: string;
}

const PATH_ROWS = ([
  ["empty", "", /empty/],
  ["absolute", "/etc/passwd", /begins with|absolute/],
  ["with a .. segment", "a/../b", /\.\. segment/],
  ["with a . segment", "a/./b", /\. or/],
  ["with #", "a#b", /#/],
  ["with ?", "a?b", /\?/],
  ["with a backslash", "a\\b", /\\/],
  ["with a NUL", "a\0b", /control|NUL/],
  ["with a line feed", "a\nb", /control/],
  ["with a lone surrogate", "a\ud800b", /surrogate/],
  ["not NFC", "e\u0301", /normali[sz]ation form C|NFC/],
  ["over 4,096 bytes", "a/".repeat(2048) + "b", /4096|4,096/],
  ["over 4,096 bytes in UTF-8 only", "\u00e9".repeat(2049), /4096|4,096/],
  ["with a trailing slash", "a/", /empty segment|ends|slash/],
] as const).map(([name, path, says]) => ({ name: `a path ${name}`, path, says }));

const withPath = (path: string): string => `{"artifacts":[{"path":${JSON.stringify(path)},"info":${INFO}}]}`;
const withInfo = (info: string): string => `{"artifacts":[{"path":"a","info":${info}}]}`;
const withLength = (length: string): string => withInfo(`{"length":${length},"hashes":{"sha256":"${SHA256}"}}`);
const withHashes = (hashes: string): string => withInfo(`{"length":1,"hashes":${hashes}}`);
const withCustom = (custom: string): string => withInfo(`{"length":1,"hashes":{"sha256":"${SHA256}"},"custom":${custom}}`);
const INFO_LOC = ["body", "artifacts", 0, "info"] as const;

const ROWS: readonly Row[] = [
  ...PATH_ROWS.map(({ name, path, says }): Row => {
    // Half a surrogate pair cannot stand in JSON text; it can only be escaped.
    return { name, body: withPath(path), loc: ["body", "artifacts", 0, "path"], says };
  }),
  { name: "a negative length", body: withLength("-1"), loc: [...INFO_LOC, "length"], says: /greater than or equal to 0/ },
  { name: "a fractional length", body: withLength("630.5"), loc: [...INFO_LOC, "length"], says: /fractional/ },
  { name: "a length of 2^53", body: withLength("9007199254740992"), loc: [...INFO_LOC, "length"], says: /number|less than/ },
  { name: "a length of 2^53+1", body: withLength("9007199254740993"), loc: [...INFO_LOC, "length"], says: /number|less than/ },
  { name: "a length of 2^53 as a string", body: withLength('"9007199254740992"'), loc: [...INFO_LOC, "length"], says: /less than or equal/ },
  { name: "a length of 1e400", body: withLength("1e400"), loc: [...INFO_LOC, "length"], says: /number/ },
  { name: "a length of -0", body: withLength("-0"), loc: [...INFO_LOC, "length"], says: /-0|number/ },
  { name: "a length of null", body: withLength("null"), loc: [...INFO_LOC, "length"], says: /valid integer/ },
  { name: "a length in hexadecimal", body: withLength('"0x10"'), loc: [...INFO_LOC, "length"], says: /unable to parse/ },
  { name: "a length with an exponent in a string", body: withLength('"1e3"'), loc: [...INFO_LOC, "length"], says: /unable to parse/ },
  { name: "no hashes", body: withHashes("{}"), loc: [...INFO_LOC, "hashes"], says: /empty/ },
  { name: "no hash of a known algorithm", body: withHashes(`{"md5":"${"ab".repeat(16)}"}`), loc: [...INFO_LOC, "hashes"], says: /no known algorithm/ },
  { name: "a hash of the wrong length", body: withHashes('{"sha256":"abcd"}'), loc: [...INFO_LOC, "hashes", "sha256"], says: /4 hex digits, sha256 has 64/ },
  { name: "a hash that is not hex", body: withHashes(`{"sha256":"${"zz".repeat(32)}"}`), loc: [...INFO_LOC, "hashes", "sha256"], says: /hex/ },
  { name: "a hash in upper case", body: withHashes(`{"sha256":"${SHA256.toUpperCase()}"}`), loc: [...INFO_LOC, "hashes", "sha256"], says: /lower-case/ },
  { name: "a hash that is a number", body: withHashes('{"sha256":12}'), loc: [...INFO_LOC, "hashes", "sha256"], says: /valid string/ },
  { name: "custom with a fraction", body: withCustom('{"a":1.5}'), loc: [...INFO_LOC, "custom"], says: /integer/ },
  { name: "custom with null", body: withCustom('{"a":[null]}'), loc: [...INFO_LOC, "custom"], says: /null/ },
  { name: "custom over its size", body: withCustom(`{"a":"${"x".repeat(16_384)}"}`), loc: [...INFO_LOC, "custom"], says: /16384/ },
  { name: "custom that is a list", body: withCustom("[]"), loc: [...INFO_LOC, "custom"], says: /dictionary/ },
  { name: "a member __proto__", body: withCustom('{"__proto__":{"a":1}}'), loc: [...INFO_LOC, "custom", "__proto__"], says: /__proto__/, code: "json-member" },
  { name: "a member constructor", body: '{"constructor":{"prototype":{"a":1}},"artifacts":[]}', loc: ["body", "constructor"], says: /constructor/, code: "json-member" },
  { name: "a member __proto__ written with escapes", body: '{"\\u005f_proto__":1,"artifacts":[]}', loc: ["body", "__proto__"], says: /__proto__/, code: "json-member" },
  { name: "a duplicate member", body: '{"artifacts":[],"artifacts":[]}', loc: ["body", "artifacts"], says: /twice/, code: "json-duplicate" },
  { name: "a duplicate member deep inside", body: withCustom('{"a":{"b":1,"b":2}}'), loc: [...INFO_LOC, "custom", "a", "b"], says: /twice/, code: "json-duplicate" },
  { name: "1e400 in custom", body: withCustom('{"a":1e400}'), loc: [...INFO_LOC, "custom", "a"], says: /number/, code: "json-number" },
  { name: "-0 in custom", body: withCustom('{"a":-0}'), loc: [...INFO_LOC, "custom", "a"], says: /-0|number/, code: "json-number" },
  { name: "two equal paths", body: `{"artifacts":[{"path":"a","info":${INFO}},{"path":"b","info":${INFO}},{"path":"a","info":${INFO}}]}`, loc: ["body", "artifacts", 2, "path"], says: /twice/ },
  { name: "100,001 artifacts", body: `{"artifacts":[${Array.from({ length: 100_001 }, () => 0).join(",")}]}`, loc: ["body", "artifacts"], says: /at most 100000 items/ },
  { name: "JSON 10,000 deep", body: withCustom("[".repeat(10_000) + "]".repeat(10_000)), loc: ["body"], says: /deep|levels|64/, code: "json-depth" },
  { name: "JSON cut short", body: '{"artifacts":[{"pa', loc: ["body"], says: /too early|not JSON/, code: "json-syntax" },
  { name: "a byte order mark", body: Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(withPath("a"))]), loc: ["body"], says: /byte order mark/, code: "json-encoding" },
  { name: "bytes that are not UTF-8", body: Buffer.concat([Buffer.from('{"artifacts":["'), Buffer.from([0xff, 0xfe]), Buffer.from('"]}')]), loc: ["body"], says: /UTF-8/, code: "json-encoding" },
  { name: "NaN", body: withLength("NaN"), loc: ["body"], says: /not JSON/, code: "json-syntax" },
  { name: "a body that is a list", body: "[]", loc: ["body"], says: /valid dictionary or object/ },
  { name: "a body that is a string", body: '"x"', loc: ["body"], says: /valid dictionary or object/ },
  { name: "no body", body: "", loc: ["body"], says: /Field required/ },
  { name: "artifacts missing", body: "{}", loc: ["body", "artifacts"], says: /Field required/ },
  { name: "artifacts null", body: '{"artifacts":null}', loc: ["body", "artifacts"], says: /valid list/ },
  { name: "a path that is a number", body: `{"artifacts":[{"path":5,"info":${INFO}}]}`, loc: ["body", "artifacts", 0, "path"], says: /valid string/ },
  { name: "publish_artifacts: maybe", body: '{"artifacts":[],"publish_artifacts":"maybe"}', loc: ["body", "publish_artifacts"], says: /boolean/ },
];

interface Refusal {
  readonly detail: readonly { loc: readonly (string | number)[]; msg: string; ctx?: { error?: unknown } }[];
  readonly code: string;
}

async function post(api: TestApi, url: string, body: string | Buffer) {
  return await api.app.inject({ method: "POST", url, headers: { ...HEADERS, "content-type": "application/json" }, payload: body });
}

describe("POST /api/v1/artifacts/ refuses", async () => {
  const api = await createTestApi();
  for (const row of ROWS) {
    test(row.name, async () => {
      const response = await post(api, "/api/v1/artifacts/", row.body);
      assert.equal(response.statusCode, 422, response.body.slice(0, 300));
      const { detail, code } = response.json<Refusal>();
      assert.ok(response.body.length < 20_000, "a refusal is short, whatever was sent");
      const first = detail[0]!;
      assert.deepEqual([...first.loc], [...row.loc]);
      assert.match(`${first.msg} ${JSON.stringify(first.ctx ?? {})}`, row.says);
      assert.equal(code, row.code ?? code);
      assert.deepEqual(await api.database.backlog(), { changes: 0, bytes: 0 });
    });
  }
});

describe("a refusal", () => {
  test("names every fault of the request, and nothing of it is applied", async () => {
    const api = await createTestApi();
    const body = `{"artifacts":[{"path":"good","info":${INFO}},{"path":"../x","info":{"length":1,"hashes":{}}},{"path":"a#","info":${INFO}}]}`;
    const response = await post(api, "/api/v1/artifacts/", body);
    assert.deepEqual(response.json<Refusal>().detail.map(({ loc }) => loc.slice(2).join(".")), ["1.path", "1.info.hashes", "2.path"]);
    assert.deepEqual(await api.database.backlog(), { changes: 0, bytes: 0 });
  });

  test("of a hundred thousand faults lists the first hundred", async () => {
    const api = await createTestApi();
    const response = await post(api, "/api/v1/artifacts/", `{"artifacts":[${Array.from({ length: 100_000 }, () => "{}").join(",")}]}`);
    assert.equal(response.statusCode, 422);
    assert.equal(response.json<Refusal>().detail.length, 100);
  });

  test("disturbs no request beside it", async () => {
    const api = await createTestApi();
    const good = await post(api, "/api/v1/artifacts/", withPath("good"));
    await Promise.all(ROWS.filter(({ body }) => body.length < 100_000).map(({ body }) => post(api, "/api/v1/artifacts/", body)));
    assert.equal(good.statusCode, 202);
    assert.equal((await api.database.backlog()).changes, 1);
  });

  test("does not change what every object inherits", async () => {
    const api = await createTestApi();
    await post(api, "/api/v1/artifacts/", withCustom('{"__proto__":{"polluted":true}}'));
    assert.equal(({} as { polluted?: unknown }).polluted, undefined);
  });
});

describe("what is odd but right is accepted", async () => {
  const api = await createTestApi();
  const rows = [
    ["a length of zero", withLength("0")],
    ["a length of 2^53-1", withLength("9007199254740991")],
    ["a length as a string, as integrations send it", withLength('"630"')],
    ["a length of 630.0", withLength("630.0")],
    ["a length of true", withLength("true")],
    ["an unknown algorithm beside a known one", withHashes(`{"sha256":"${SHA256}","md5":"${"ab".repeat(16)}"}`)],
    ["every known algorithm", withHashes(`{"sha224":"${"a".repeat(56)}","sha3-512":"${"a".repeat(128)}","blake2b-256":"${"a".repeat(64)}","blake2s-256":"${"a".repeat(64)}"}`)],
    ["custom null", withCustom("null")],
    ["custom just within its size", withCustom(`{"a":"${"x".repeat(16_376)}"}`)],
    ["a path of 4,096 bytes", withPath("a".repeat(4096))],
    ["a path with spaces and umlauts", withPath("a b/\u00fc+%41.txt")],
    ["members nobody knows", `{"artifacts":[],"x":1}`],
    ["publish_artifacts: yes", '{"artifacts":[],"publish_artifacts":"yes"}'],
  ] as const;
  for (const [name, body] of rows) {
    test(name, async () => {
      const response = await post(api, "/api/v1/artifacts/", body);
      assert.equal(response.statusCode, 202, response.body.slice(0, 300));
    });
  }
});

describe("POST /api/v1/bootstrap/ refuses", () => {
  const roles = { root: { expiration: 365 }, targets: { expiration: 365 }, snapshot: { expiration: 1 }, timestamp: { expiration: 1 } };
  const bins = { expiration: 1, number_of_delegated_bins: 4 };
  const withSigned = (signed: unknown): unknown => ({ settings: { roles: { ...roles, bins } }, metadata: { root: { signatures: [], signed } } });
  const key = { keytype: "ed25519", scheme: "ed25519", keyval: { public: "00".repeat(32) } };
  const rows = [
    { name: "a private key in keyval", body: withSigned({ keys: { a: { ...key, keyval: { ...key.keyval, private: "secret-seed" } } } }), at: "metadata.root.signed.keys.a.keyval" },
    { name: "a private key as PEM", body: withSigned({ keys: { a: { ...key, keyval: { public: "-----BEGIN PRIVATE KEY-----\nsecret-seed" } } } }), at: "metadata.root.signed.keys.a.keyval" },
    { name: "257 keys", body: withSigned({ keys: Object.fromEntries(Array.from({ length: 257 }, (_, index) => [`k${index}`, key])) }), at: "metadata.root.signed.keys" },
    { name: "65 signatures", body: { settings: { roles: { ...roles, bins } }, metadata: { root: { signatures: Array.from({ length: 65 }, () => ({})), signed: {} } } }, at: "metadata.root.signatures" },
    { name: "a root larger than clients read", body: withSigned({ keys: {}, "x-a-b": "x".repeat(600_000) }), at: "metadata.root" },
    { name: "a lifetime of a thousand years", body: { settings: { roles: { ...roles, bins: { ...bins, expiration: 365_000 } } }, metadata: {} }, at: "settings.roles.bins.expiration" },
  ];
  for (const { name, body, at } of rows) {
    test(name, async () => {
      const api = await createTestApi({ given: "fresh" });
      const response = await post(api, "/api/v1/bootstrap/", JSON.stringify(body));
      assert.equal(response.statusCode, 422, response.body.slice(0, 300));
      assert.equal(response.json<Refusal>().detail[0]!.loc.slice(1).join("."), at);
      assert.doesNotMatch(response.body, /secret-seed/);
      assert.doesNotMatch(JSON.stringify(api.telemetry.events), /secret-seed/);
      assert.equal(await api.database.setting("bootstrap"), undefined);
    });
  }
});
