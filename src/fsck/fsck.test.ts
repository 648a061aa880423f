import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createMemoryFetcher } from "../../test/fakes/fetcher.ts";
import { createTestKey, DAY_MS, RepositoryBuilder, type BuilderOptions } from "../../test/fakes/repository-builder.ts";
import { FetchError } from "../ports/fetcher.ts";
import { filesByUrl, type PublishedFiles } from "./files.ts";
import { fsck, type Report } from "./fsck.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");

function build(options: Partial<BuilderOptions> = {}): RepositoryBuilder {
  const repository = new RepositoryBuilder({ now: NOW, bins: 4, ...options });
  for (let i = 0; i < 20; i += 1) repository.add(`file-${i}.txt`, `content ${i}`);
  repository.publish();
  return repository;
}

const filesOf = (repository: RepositoryBuilder): PublishedFiles => ({ read: async (name) => repository.files.get(name) });

function look(repository: RepositoryBuilder, options: { now?: number; root?: Uint8Array; files?: PublishedFiles } = {}): Promise<Report> {
  const root = options.root ?? repository.files.get("1.root.json")!;
  return fsck({ files: options.files ?? filesOf(repository), root, now: options.now ?? NOW });
}

const codes = (report: Report): string[] => [...new Set(report.faults.map(({ rule, code }) => `${rule} ${code}`))].sort();

describe("fsck finds nothing wrong", () => {
  const sound: readonly { readonly name: string; readonly options: Partial<BuilderOptions> }[] = [
    { name: "with succinct bins", options: {} },
    { name: "with classic bins", options: { binStyle: "classic", bins: 8 } },
    { name: "without bins", options: { bins: 0 } },
    { name: "with every hash in snapshot", options: { hashes: "all" } },
    { name: "with no length or hash at all", options: { hashes: "none" } },
    { name: "with ecdsa", options: { keytype: "ecdsa" } },
    { name: "with rsa", options: { keytype: "rsa" } },
  ];
  for (const { name, options } of sound) {
    test(name, async () => {
      const report = await look(build(options));
      assert.deepEqual(report.faults, []);
      assert.equal(report.paths, 20);
    });
  }

  test("after root changed twice, whichever root was trusted", async () => {
    const repository = build();
    repository.publishRoot();
    repository.rotate(["timestamp", "snapshot", "targets"]);
    repository.publishRoot();
    repository.publish();
    for (const trusted of [1, 2, 3]) {
      const report = await look(repository, { root: repository.files.get(`${trusted}.root.json`)! });
      assert.deepEqual(report.faults, []);
      assert.equal(report.roots, 3);
    }
  });

  test("with nested delegations, each path in the first role a search reaches", async () => {
    const repository = build({ bins: 0 });
    repository.delegate("targets", "outer", { paths: ["a/*"] });
    repository.delegate("outer", "inner", { paths: ["a/x*"] });
    repository.delegate("targets", "rest", { paths: ["a/*"] });
    repository.add("a/1", "1", "outer");
    repository.add("a/x1", "2", "inner");
    repository.add("a/y1", "3", "rest");
    repository.publish();
    assert.deepEqual((await look(repository)).faults, []);
  });

  test("with a role in snapshot that nobody delegates to any more", async () => {
    const repository = build();
    repository.snapshot.meta["gone.json"] = { version: 3 };
    repository.publishSnapshot();
    repository.publishTimestamp();
    assert.deepEqual((await look(repository)).faults, []);
  });

  test("and says so over http too", async () => {
    const repository = build();
    const web = createMemoryFetcher([...repository.files].map(([name, bytes]) => [`https://example.org/metadata/${name}`, bytes]));
    for (const base of ["https://example.org/metadata", "https://example.org/metadata/"]) {
      assert.deepEqual((await look(repository, { files: filesByUrl(web, base) })).faults, []);
    }
  });
});

interface Damage {
  readonly name: string;
  readonly options?: Partial<BuilderOptions>;
  readonly do: (repository: RepositoryBuilder) => void;
  readonly finds: readonly string[];
  readonly subject?: string | RegExp;
}

const bent = (bytes: Buffer, from: string, to: string): Buffer => {
  const text = bytes.toString();
  assert.ok(text.includes(from), from);
  return Buffer.from(text.replace(from, to));
};
const fileOf = (repository: RepositoryBuilder, role: string): string => {
  const version = role === "snapshot" ? repository.snapshot.version : repository.roles.get(role)!.version;
  return `${version}.${role}.json`;
};
const binWith = (repository: RepositoryBuilder, path = "file-0.txt"): string => repository.binOf(path)!;

const DAMAGES: readonly Damage[] = [
  { name: "the timestamp is gone", do: (r) => r.files.delete("timestamp.json"), finds: ["44 missing"], subject: "timestamp.json" },
  { name: "the timestamp is no JSON", do: (r) => r.files.set("timestamp.json", Buffer.from("{")), finds: ["44 malformed"] },
  { name: "the timestamp is another document", do: (r) => r.files.set("timestamp.json", r.fileOf("snapshot")), finds: ["44 malformed"] },
  { name: "the timestamp was changed", do: (r) => r.files.set("timestamp.json", bent(r.fileOf("timestamp"), '"2026-01-31', '"2027-01-31')), finds: ["44 signature"] },
  { name: "the timestamp is longer than clients read", do: (r) => { Object.assign(r.timestamp, { note: "x".repeat(20_000) }); r.publishTimestamp(); }, finds: ["51 too-large"] },
  { name: "the timestamp expired", do: (r) => { r.timestamp.expires = r.expires(-1); r.publishTimestamp(); }, finds: ["44 expired"] },
  { name: "the timestamp is an old one", options: { hashes: "none" }, do: (r) => { const old = r.fileOf("timestamp"); r.role("targets"); r.publish(); r.files.delete("6.snapshot.json"); r.files.set("timestamp.json", old); }, finds: ["44 missing"] },
  { name: "the snapshot is gone", do: (r) => r.files.delete(fileOf(r, "snapshot")), finds: ["44 missing"] },
  { name: "the snapshot has other bytes", do: (r) => r.files.set(fileOf(r, "snapshot"), Buffer.concat([r.fileOf("snapshot"), Buffer.from("\n")])), finds: ["44 hash", "44 length"] },
  { name: "the snapshot is signed by another key", options: { hashes: "none" }, do: (r) => r.files.set(fileOf(r, "snapshot"), r.sign("snapshot", r.snapshot, [createTestKey()])), finds: ["44 signature"] },
  { name: "the snapshot expired", do: (r) => { r.snapshot.expires = r.expires(-1); r.publishSnapshot(); r.publishTimestamp(); }, finds: ["44 expired"] },
  { name: "the snapshot forgot targets", do: (r) => { delete r.snapshot.meta["targets.json"]; r.publishSnapshot(); r.publishTimestamp(); }, finds: ["45 not-in-snapshot"] },
  { name: "the snapshot forgot a bin", do: (r) => { delete r.snapshot.meta["bins-2.json"]; r.publishSnapshot(); r.publishTimestamp(); }, finds: ["45 not-in-snapshot"], subject: "bins-2" },
  { name: "targets is gone", do: (r) => r.files.delete(fileOf(r, "targets")), finds: ["45 missing"] },
  { name: "targets was changed", do: (r) => r.files.set(fileOf(r, "targets"), bent(r.fileOf("targets"), '"2026-01-31', '"2027-01-31')), finds: ["44 signature"] },
  { name: "a bin is gone", do: (r) => r.files.delete(fileOf(r, "bins-3")), finds: ["45 missing"], subject: /\.bins-3\.json$/ },
  { name: "one byte of a bin was changed", do: (r) => r.files.set(fileOf(r, binWith(r)), bent(r.fileOf(binWith(r)), '"length":9', '"length":8')), finds: ["45 signature"] },
  { name: "a bin was replaced by another bin", do: (r) => r.files.set(fileOf(r, "bins-1"), r.fileOf("bins-2")), finds: ["45 version", "48 misplaced"] },
  { name: "a bin was replaced by an older version of it", do: (r) => { const old = r.fileOf("bins-1"); r.role("bins-1"); r.publish(); r.files.set(fileOf(r, "bins-1"), old); }, finds: ["45 version"] },
  { name: "a bin was replaced by another of equal version", options: { versions: "each" }, do: (r) => r.files.set(fileOf(r, "bins-1"), r.fileOf("bins-2")), finds: ["48 misplaced"] },
  { name: "a bin has another hash than snapshot states", options: { hashes: "all" }, do: (r) => r.files.set(fileOf(r, "bins-1"), Buffer.from(r.fileOf("bins-1").toString().replace("{", " {").slice(0, -1) + "}")), finds: ["45 hash", "45 length"] },
  { name: "a bin expired", do: (r) => { r.role("bins-0").expires = r.expires(-1); r.publish(); }, finds: ["45 expired"], subject: /\.bins-0\.json$/ },
  { name: "a bin has an endless file's size", do: (r) => r.files.set(fileOf(r, "bins-0"), Buffer.alloc(6_000_000, " ")), finds: ["45 malformed", "51 too-large"] },
  { name: "root 1 is another one", do: (r) => { const other = build(); r.files.set("1.root.json", other.files.get("1.root.json")!); }, finds: ["43 root-differs"] },
  { name: "root 1 is gone", do: (r) => r.files.delete("1.root.json"), finds: ["43 missing"] },
  { name: "a root in between is gone", do: (r) => { r.publishRoot(); r.publishRoot(); r.files.delete("2.root.json"); }, finds: ["43 root-chain"] },
  { name: "a root is not signed by the one before", do: (r) => { const key = createTestKey(); r.publishRoot((root) => { root.keys[key.keyid] = key.key; root.roles["root"]!.keyids = [key.keyid]; }, [key]); }, finds: ["43 root-chain", "43 signature"], subject: "2.root.json" },
  { name: "a root is not signed by its own keys", do: (r) => { const key = createTestKey(); r.publishRoot((root) => { root.keys[key.keyid] = key.key; root.roles["root"]!.keyids = [key.keyid]; }, r.signers.get("root")); }, finds: ["43 root-chain", "43 signature"] },
  { name: "a root says another version than its name", do: (r) => { r.root.version = 2; r.publishRoot(); r.files.set("2.root.json", r.files.get("3.root.json")!); r.files.delete("3.root.json"); }, finds: ["43 root-chain", "43 version"] },
  { name: "the last root expired", do: (r) => r.publishRoot((root) => { root.expires = r.expires(-1); }), finds: ["43 expired"], subject: "2.root.json" },
  { name: "there are more roots than a client walks", do: (r) => { for (let i = 0; i < 256; i += 1) r.publishRoot(); }, finds: ["51 too-large"], subject: "257.root.json" },
  { name: "a path lies in the wrong bin", do: (r) => { r.add("file-0.txt", "content 0", r.binName((Number(binWith(r).slice(5)) + 1) % 4)); r.publish(); }, finds: ["48 misplaced"], subject: '"file-0.txt"' },
  { name: "a path lies in targets and in a bin", do: (r) => { r.add("file-0.txt", "content 0", "targets"); r.publish(); }, finds: ["48 shadowed"], subject: '"file-0.txt"' },
  { name: "a path is one that no door accepts", do: (r) => { r.add("../evil", "x"); r.publish(); }, finds: ["48 target"] },
  { name: "a target has no hash that clients know", do: (r) => { r.role(binWith(r)).targets["file-0.txt"]!.hashes = { md4: "00" }; r.publish(); }, finds: ["48 target"] },
  {
    name: "a path lies behind a terminating role",
    options: { bins: 0 },
    do: (r) => { r.delegate("targets", "first", { paths: ["a/*"], terminating: true }); r.delegate("targets", "second", { paths: ["a/*"] }); r.add("a/1", "1", "second"); r.publish(); },
    finds: ["48 misplaced"],
  },
  {
    name: "a path lies in two roles",
    options: { bins: 0 },
    do: (r) => { r.delegate("targets", "first", { paths: ["a/*"] }); r.delegate("targets", "second", { paths: ["a/*"] }); for (const role of ["first", "second"]) r.add("a/1", "1", role); r.publish(); },
    finds: ["48 shadowed"],
  },
  {
    name: "a path lies in a role whose patterns do not match it",
    options: { bins: 0 },
    do: (r) => { r.delegate("targets", "first", { paths: ["a/*"] }); r.add("b/1", "1", "first"); r.publish(); },
    finds: ["48 misplaced"],
  },
  {
    name: "a path lies behind more roles than a client visits",
    options: { bins: 0 },
    do: (r) => { for (let i = 0; i < 33; i += 1) r.delegate("targets", `role-${i}`, { paths: ["a/*"] }); r.add("a/1", "1", "role-32"); r.publish(); },
    finds: ["51 unfindable"],
  },
  {
    name: "targets delegates to more bins than there can be",
    do: (r) => { r.role("targets").delegations!.succinct_roles!.bit_length = 31; r.publish(); },
    finds: ["51 too-large"],
  },
];

describe("fsck finds that", () => {
  for (const damage of DAMAGES) {
    test(damage.name, async () => {
      const repository = build(damage.options);
      const trusted = repository.files.get("1.root.json")!;
      damage.do(repository);
      const report = await look(repository, { root: trusted });
      assert.deepEqual(codes(report), damage.finds, JSON.stringify(report.faults.slice(0, 5), null, 1));
      const { subject } = report.faults[0]!;
      if (typeof damage.subject === "string") assert.equal(subject, damage.subject);
      if (damage.subject instanceof RegExp) assert.match(subject, damage.subject);
    });
  }

  test("everything expired, a month later", async () => {
    assert.deepEqual(codes(await look(build(), { now: NOW + 31 * DAY_MS })), ["43 expired", "44 expired", "45 expired"]);
  });

  test("the trusted root is no root", async () => {
    assert.deepEqual(codes(await look(build(), { root: Buffer.from("{}") })), ["43 malformed"]);
  });

  test("the next root cannot be asked for, because the server answers 403 instead of 404", async () => {
    const repository = build();
    const files: PublishedFiles = {
      read: async (name) => {
        const bytes = repository.files.get(name);
        if (bytes === undefined) throw new FetchError("denied", `${name}: 403`);
        return bytes;
      },
    };
    const report = await look(repository, { files });
    assert.deepEqual(codes(report), ["43 unreadable"]);
    assert.equal(report.faults[0]?.subject, "2.root.json");
  });

  test("a file does not end", async () => {
    const repository = build();
    const web = createMemoryFetcher([...repository.files].map(([name, bytes]) => [`https://example.org/${name}`, bytes]));
    web.web.set("https://example.org/timestamp.json", (function* () { for (;;) yield Buffer.alloc(1 << 20); })());
    assert.deepEqual(codes(await look(repository, { files: filesByUrl(web, "https://example.org") })), ["51 too-large"]);
  });

  test("every one of many faults, not just the first", async () => {
    const repository = build();
    repository.files.delete(fileOf(repository, "bins-0"));
    repository.files.delete(fileOf(repository, "bins-1"));
    repository.role("bins-2").expires = repository.expires(-1);
    repository.publish();
    assert.equal((await look(repository)).faults.length, 3);
  });
});

test("versions that roles share are worth a note, not a fault, in a repository that is not ours", async () => {
  const report = await look(build({ versions: "each" }));
  assert.deepEqual(report.faults, []);
  assert.match(report.notes.join(), /share a version/);
});

test("progress reaches the number of roles", async () => {
  const repository = build();
  const seen: (readonly [number, number])[] = [];
  await fsck({ files: filesOf(repository), root: repository.files.get("1.root.json")!, now: NOW, onProgress: (done, known) => seen.push([done, known]) });
  assert.deepEqual(seen.at(-1), [5, 5]);
});
