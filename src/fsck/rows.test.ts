import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { databaseViewOf, publishedRows, type PublishedRows } from "../../test/fakes/published-rows.ts";
import { RepositoryBuilder } from "../../test/fakes/repository-builder.ts";
import type { TaskRow } from "../ports/database.ts";
import { fsck } from "./fsck.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");

function build(): { repository: RepositoryBuilder; rows: PublishedRows } {
  const repository = new RepositoryBuilder({ now: NOW, bins: 4 });
  for (let i = 0; i < 20; i += 1) repository.add(`file-${i}.txt`, `content ${i}`);
  repository.publish();
  repository.snapshot.meta["gone.json"] = { version: 1 };
  repository.publishSnapshot();
  repository.publishTimestamp();
  const rows = publishedRows(repository);
  rows.roles.push({ role: "gone", kind: "delegated", parent: "", retired: true, version: 1, length: 0, sha256: "", expiresMs: 0 });
  return { repository, rows };
}

const look = ({ repository, rows }: ReturnType<typeof build>) =>
  fsck({ files: { read: async (name) => repository.files.get(name) }, root: repository.files.get("1.root.json")!, database: databaseViewOf(rows), now: NOW });

const task = (id: string, state?: "SUCCESS"): TaskRow => ({ id, kind: "add_artifacts", createdMs: NOW, request: {}, held: false, waitingFor: [], ...(state && { result: { state, message: "", lastUpdateMs: NOW } }) });

describe("fsck with a database", () => {
  test("finds nothing wrong when rows and documents agree", async () => {
    const built = build();
    built.rows.open = ["t"];
    built.rows.tasks.set("t", task("t"));
    const report = await look(built);
    assert.deepEqual(report.faults, []);
    assert.deepEqual(report.notes, []);
  });

  const damages: readonly { readonly name: string; readonly do: (rows: PublishedRows, repository: RepositoryBuilder) => void; readonly finds: readonly string[]; readonly subject?: string | RegExp }[] = [
    { name: "a timestamp of another history", do: (rows) => rows.committed.clear(), finds: ["42 head"], subject: "timestamp.json" },
    { name: "a timestamp older than the visible head", do: (rows) => rows.committed.set(rows.state.head, 1), finds: ["42 head"], subject: "timestamp.json" },
    { name: "a head that clients do not see", do: (rows) => { rows.state = { ...rows.state, seq: 3 }; }, finds: ["42 visible"] },
    { name: "a visible head that was never committed", do: (rows) => { rows.state = { ...rows.state, seq: 1 }; }, finds: ["42 visible"] },
    { name: "a head whose timestamp has another hash", do: (rows) => { rows.head = { ...rows.head, timestamp: Buffer.from("x") }; }, finds: ["42 head"], subject: "publisher" },
    { name: "a root with other bytes", do: (rows) => rows.roots.set(1, Buffer.from("x")), finds: ["43 root-differs"] },
    { name: "a root that is not in the database", do: (rows) => { const [bytes] = rows.roots.values(); rows.roots = new Map([[0, bytes!]]); }, finds: ["43 root-differs"] },
    { name: "a committed root that was not published", do: (rows) => rows.roots.set(2, Buffer.from("x")), finds: ["43 missing"], subject: "2.root.json" },
    { name: "a version above the counter", do: (rows) => { rows.state = { ...rows.state, counter: 3 }; }, finds: ["46 counter"] },
    { name: "a row of another version than snapshot says", do: (rows) => { rows.roles[1] = { ...rows.roles[1]!, version: 1 }; }, finds: ["46 row"] },
    { name: "a row with another hash than the file", do: (rows) => { rows.roles[1] = { ...rows.roles[1]!, sha256: "00" }; }, finds: ["46 row"] },
    { name: "a row with another expiry", do: (rows) => { rows.roles[1] = { ...rows.roles[1]!, expiresMs: 5 }; }, finds: ["46 row"] },
    { name: "a role without a row", do: (rows) => { rows.roles.splice(1, 1); }, finds: ["46 row"] },
    { name: "a retired role that is delegated to", do: (rows) => { rows.roles[1] = { ...rows.roles[1]!, retired: true }; }, finds: ["46 row"] },
    { name: "a live role that nobody delegates to", do: (rows) => { rows.roles = rows.roles.map((row) => (row.role === "gone" ? { ...row, retired: false } : row)); }, finds: ["46 row"], subject: "gone" },
    { name: "a row that snapshot does not list", do: (rows) => { rows.roles.push({ ...rows.roles[1]!, role: "unheard-of" }); }, finds: ["46 row"], subject: "unheard-of" },
    { name: "other bytes of targets", do: (rows) => { rows.targets = Buffer.from("x"); }, finds: ["46 row"], subject: /targets\.json$/ },
    { name: "a live file among the garbage", do: (rows, repository) => { rows.garbage = [`${repository.roles.get("bins-1")!.version}.bins-1.json`]; }, finds: ["47 garbage"] },
    { name: "the live snapshot among the garbage", do: (rows, repository) => { rows.garbage = [`${repository.snapshot.version}.snapshot.json`]; }, finds: ["47 garbage"] },
    { name: "a root among the garbage", do: (rows) => { rows.garbage = ["1.root.json"]; }, finds: ["47 garbage"] },
    { name: "a published path without a row", do: (rows, repository) => { rows.artifacts.get(repository.binOf("file-0.txt")!)!.shift(); }, finds: ["48 row"] },
    { name: "a row that was not published", do: (rows) => { rows.artifacts.get("bins-0")!.push({ path: "new", fragment: "{}" }); }, finds: ["48 row"], subject: "new" },
    { name: "a row that says something else", do: (rows) => { const of = rows.artifacts.get("bins-0")!; of[0] = { ...of[0]!, fragment: "{}" }; }, finds: ["48 row"] },
    { name: "a task that ended before its change", do: (rows) => { rows.open = ["t"]; rows.tasks.set("t", task("t", "SUCCESS")); }, finds: ["49 task"], subject: "t" },
    { name: "an open change without a task", do: (rows) => { rows.open = ["t"]; }, finds: ["49 task"], subject: "t" },
    { name: "a batch left by a publisher that died", do: (rows) => { rows.batches = [{ id: "b", base: rows.state.head, changes: 1 }]; rows.state = { ...rows.state, lease: { ...rows.state.lease, untilMs: NOW } }; }, finds: ["50 batch"], subject: "b" },
    { name: "a batch on a head that moved", do: (rows) => { rows.batches = [{ id: "b", base: "00", changes: 1 }]; }, finds: ["50 batch"] },
  ];
  for (const damage of damages) {
    test(`finds ${damage.name}`, async () => {
      const built = build();
      damage.do(built.rows, built.repository);
      const { faults } = await look(built);
      assert.deepEqual([...new Set(faults.map(({ rule, code }) => `${rule} ${code}`))].sort(), damage.finds, JSON.stringify(faults.slice(0, 5), null, 1));
      const { subject } = faults[0]!;
      if (typeof damage.subject === "string") assert.equal(subject, damage.subject);
      if (damage.subject instanceof RegExp) assert.match(subject, damage.subject);
    });
  }

  const sharing = (): ReturnType<typeof build> => {
    const built = build();
    built.repository.role("bins-0");
    built.repository.publishRoles();
    const [one, other] = [built.repository.roles.get("bins-0")!, built.repository.roles.get("bins-1")!];
    other.version = one.version;
    built.repository.put("bins-1", one.version, built.repository.sign("bins-1", other));
    built.repository.snapshot.meta["bins-1.json"] = { version: one.version };
    built.repository.publishSnapshot();
    built.repository.publishTimestamp();
    return built;
  };

  test("finds versions that two roles share, though one of them is to be pressed", async () => {
    for (const refreshed of [[], ["bins-0"], ["bins-1"]]) {
      const built = sharing();
      built.rows.refreshed = refreshed;
      built.rows.tasks.set("r", task("r"));
      const { faults } = await look(built);
      assert.ok(faults.some(({ code, subject }) => code === "version-shared" && subject.startsWith("bins-")), refreshed.join());
    }
  });

  test("versions that two roles share which were taken over, and are both to be pressed, are worth a note", async () => {
    const built = sharing();
    built.rows.refreshed = ["bins-0", "bins-1"];
    built.rows.tasks.set("r", task("r"));
    const { faults, notes } = await look(built);
    assert.deepEqual(faults.filter(({ code }) => code === "version-shared"), []);
    assert.match(notes.join(), /share a version[^]*the next publish presses them/);
  });

  test("says that rows were not compared while the last publish is not folded", async () => {
    const built = build();
    built.rows.folded = false;
    const report = await look(built);
    assert.deepEqual(report.faults, []);
    assert.match(report.notes.join(), /rule 48/);
  });
});
