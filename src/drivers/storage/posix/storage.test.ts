// What is the folder driver's own: crashes between any two system calls, failing disks,
// modes, links, left-overs. The port's promises are in test/contract/storage.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { METADATA_NAME, StorageError } from "../../../ports/storage.ts";
import type { Storage } from "../../../ports/storage.ts";
import { temporaryFolder, volatileHarness } from "../../../../test/contract/storage/harnesses.ts";
import type { VolatileHarness } from "../../../../test/contract/storage/harnesses.ts";
import { failure } from "../../../../test/contract/storage/volatile-disk.ts";
import type { Call, PowerCut } from "../../../../test/contract/storage/volatile-disk.ts";
import { openPosixStorage } from "./storage.ts";

const OLD = Buffer.from(`{"old":"${"o".repeat(200)}"}`);
const NEW = Buffer.from(`{"new":"${"n".repeat(300)}"}`);
const OTHER = Buffer.from(`{"other":"${"x".repeat(250)}"}`);
const yes = (): boolean => true;
const code = (expected: StorageError["code"]) => (error: unknown) => error instanceof StorageError && error.code === expected;

async function withPlace(work: (place: VolatileHarness) => Promise<void>, place: VolatileHarness = volatileHarness()): Promise<void> {
  try {
    await work(place);
  } finally {
    await place.end();
  }
}

/** The files of the folder under any name, temporary ones included. */
function present(place: VolatileHarness): Record<string, Buffer> {
  const names = fs.readdirSync(place.directory, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory());
  return Object.fromEntries(names.map((entry) => [join(entry.parentPath, entry.name).slice(place.directory.length + 1), fs.readFileSync(join(entry.parentPath, entry.name))]));
}

// ---------------------------------------------------------------- crashes

interface CrashRow {
  readonly name: string;
  readonly options?: { readonly flushFrom: number };
  /** Prepared and synced before the crash may happen. */
  readonly before?: (storage: Storage) => Promise<unknown>;
  readonly act: (storage: Storage) => Promise<unknown>;
  /** What each name may hold afterwards; undefined = nothing. */
  readonly may: Readonly<Record<string, readonly (Buffer | undefined)[]>>;
  /** What each name must hold when `act` had resolved. */
  readonly done: Readonly<Record<string, Buffer>>;
}

/** As many as are flushed together by default. */
const bulk = Array.from({ length: 64 }, (_, at) => ({ name: `${at + 1}.b.json`, bytes: Buffer.concat([NEW, Buffer.from(String(at))]) }));
const three = bulk.slice(0, 3);
const mayOf = (files: typeof three): CrashRow["may"] => Object.fromEntries(files.map(({ name, bytes }) => [name, [undefined, bytes]]));
const doneOf = (files: typeof three): CrashRow["done"] => Object.fromEntries(files.map(({ name, bytes }) => [name, bytes]));

const CRASH_ROWS: readonly CrashRow[] = [
  {
    name: "create",
    act: (storage) => storage.create("1.a.json", NEW),
    may: { "1.a.json": [undefined, NEW] },
    done: { "1.a.json": NEW },
  },
  {
    name: "create over another's bytes",
    before: (storage) => storage.create("1.a.json", OLD),
    act: (storage) => storage.create("1.a.json", NEW),
    may: { "1.a.json": [OLD] },
    done: { "1.a.json": OLD },
  },
  { name: "createAll, flushed together", options: { flushFrom: 3 }, act: (storage) => storage.createAll(three), may: mayOf(three), done: doneOf(three) },
  { name: "createAll, each synced", act: (storage) => storage.createAll(three), may: mayOf(three), done: doneOf(three) },
  {
    name: "replace",
    before: (storage) => storage.create("timestamp.json", OLD),
    act: async (storage) => storage.replace("timestamp.json", NEW, (await storage.read("timestamp.json", 1000))!.token, yes),
    may: { "timestamp.json": [OLD, NEW] },
    done: { "timestamp.json": NEW },
  },
  {
    name: "replace where nothing is",
    act: (storage) => storage.replace("timestamp.json", NEW, "absent", yes),
    may: { "timestamp.json": [undefined, NEW] },
    done: { "timestamp.json": NEW },
  },
];

async function crash(row: CrashRow, at: number, when: "before" | "after", cut: PowerCut | "killed"): Promise<"crashed" | "done"> {
  const place = volatileHarness(() => ({}), row.options);
  let outcome: "crashed" | "done" = "done";
  await withPlace(async () => {
    const storage = await place.open();
    await row.before?.(storage);
    const reached: Call[] = [];
    place.disk.watch = {
      [when](call: Call) {
        if (call.index !== at) return;
        reached.push(call);
        place.disk.kill();
        throw failure("EIO", "the power is cut");
      },
    };
    const acted = await row.act(storage).then(() => true, () => false);
    place.disk.watch = {};
    const again = cut === "killed" ? await (place.disk.kill(), place.open()) : await place.cutPower(cut);

    const files = present(place);
    const where = `${row.name}, ${when} call ${at}, ${cut}`;
    for (const [name, bytes] of Object.entries(files)) {
      assert.match(name, METADATA_NAME, `${where}: left over`);
      assert.ok(row.may[name]?.some((allowed) => allowed?.equals(bytes) === true), `${where}: ${name} is torn or foreign (${bytes.length} bytes)`);
    }
    for (const [name, allowed] of Object.entries(row.may)) assert.ok(name in files || allowed.includes(undefined), `${where}: ${name} is lost`);
    if (acted) for (const [name, bytes] of Object.entries(row.done)) assert.ok(files[name]?.equals(bytes) === true, `${where}: ${name} was promised`);

    // What the crash left is no obstacle: the same call ends as it should, and for good.
    await row.act(again);
    await place.cutPower("lose");
    for (const [name, bytes] of Object.entries(row.done)) assert.ok(present(place)[name]?.equals(bytes) === true, `${where}: ${name} after the second try`);
    if (reached.length > 0) outcome = "crashed";
  }, place);
  return outcome;
}

describe("a crash between any two system calls leaves no torn file and no left-over", () => {
  for (const row of CRASH_ROWS) {
    for (const cut of ["lose", "keep", "killed"] as const) {
      test(`${row.name} (${cut})`, async () => {
        let points = 0;
        for (const when of ["before", "after"] as const) {
          for (let at = 1; (await crash(row, at, when, cut)) === "crashed"; at += 1) points += 1;
        }
        assert.ok(points >= 10, `${points} crash points`);
      });
    }
  }
});

test("a name that a killed process linked and did not sync is synced before it is `same`", async () => {
  await withPlace(async (place) => {
    const storage = await place.open();
    place.disk.watch = {
      after(call) {
        if (call.name !== "linkNow") return;
        place.disk.kill();
        throw failure("EIO", "killed");
      },
    };
    await assert.rejects(storage.create("1.a.json", NEW));
    assert.equal(await (await place.open()).create("1.a.json", NEW), "same");
    await place.cutPower("lose");
    assert.deepEqual(present(place)["1.a.json"], NEW);
  });
});

test("a name that another process linked and has not synced yet is synced before it is `same`", async () => {
  await withPlace(async (place) => {
    for (const many of [1, 3]) {
      const storage = await place.open();
      const calls = place.disk.calls();
      const slow = await openPosixStorage({ directory: place.directory, calls: { ...calls, fsync: async (fd) => (fs.fstatSync(fd).isFile() ? calls.fsync(fd) : undefined) } });
      const files = three.slice(0, many);
      await slow.createAll(files);
      const answers = many === 1 ? [await storage.create(files[0]!.name, files[0]!.bytes)] : await storage.createAll(files);
      assert.deepEqual(new Set(answers), new Set(["same"]));
      await place.cutPower("lose");
      for (const { name, bytes } of files) assert.deepEqual(present(place)[name], bytes);
      for (const { name } of files) fs.rmSync(join(place.directory, name));
    }
  });
});

test("a replaced name that a killed process did not sync is durable once the folder is open again", async () => {
  await withPlace(async (place) => {
    const storage = await place.open();
    await storage.create("timestamp.json", OLD);
    const { token } = (await storage.read("timestamp.json", 1000))!;
    place.disk.watch = {
      after(call) {
        if (call.name === "renameNow") place.disk.kill();
      },
    };
    await assert.rejects(storage.replace("timestamp.json", NEW, token, yes));
    assert.deepEqual((await (await place.open()).read("timestamp.json", 1000))?.bytes, NEW);
    await place.cutPower("lose");
    assert.deepEqual(present(place)["timestamp.json"], NEW);
  });
});

test("bytes that somebody else left unsynced under the name are synced before it is `same`", async () => {
  await withPlace(async (place) => {
    const storage = await place.open();
    const calls = place.disk.calls();
    const fd = await calls.open(join(place.directory, "1.a.json"), fs.constants.O_CREAT | fs.constants.O_WRONLY, 0o644);
    await calls.write(fd, NEW);
    await calls.close(fd);
    assert.equal(await storage.create("1.a.json", NEW), "same");
    await place.cutPower("keep");
    assert.deepEqual(present(place)["1.a.json"], NEW);
  });
});

// ---------------------------------------------------------------- order

for (const [where, fileSystem, at] of [["a local file system", 0xef53, "Now"], ["another", 0x6969, ""]] as const) {
  const harness = (): VolatileHarness => volatileHarness(() => ({ fileSystemType: async () => fileSystem }));

  test(`create syncs the file, links it, and syncs the folder, in this order, on ${where}`, async () => {
    await withPlace(async (place) => {
      const storage = await place.open();
      await storage.create("1.b.json", OLD);
      place.disk.journal.length = 0;
      await storage.create("1.a.json", NEW);
      const steps = place.disk.journal.map((line) => line.replace(/\.pending\/.*/, "TEMP").replace("metadata/", ""));
      assert.deepEqual(steps, [
        `open${at} TEMP`, `write${at} TEMP`, "fsync TEMP", `close${at} TEMP`, `link${at} 1.a.json`, `unlink${at} TEMP`,
        `open${at} metadata`, "fsync metadata", `close${at} metadata`,
      ]);
    }, harness());
  });

  test(`replace asks mayWrite after everything slow, and renames with nothing in between but the comparison, on ${where}`, async () => {
    await withPlace(async (place) => {
      const storage = await place.open();
      await storage.create("timestamp.json", OLD);
      const { token } = (await storage.read("timestamp.json", 1000))!;
      place.disk.journal.length = 0;
      const asked = (): boolean => (place.disk.journal.push("mayWrite"), true);
      await storage.replace("timestamp.json", NEW, token, asked);
      const names = place.disk.journal.map((line) => line.split(" ")[0]);
      assert.deepEqual(names, [
        `open${at}`, `write${at}`, "fsync", `close${at}`,
        "mayWrite", "openNow", "factsNow", "readNow", "closeNow", "renameNow",
        `open${at}`, "fsync", `close${at}`, `unlink${at}`,
      ]);
    }, harness());
  });
}

test("files created at the same time share the folder's sync", async () => {
  await withPlace(async (place) => {
    const storage = await place.open();
    place.disk.journal.length = 0;
    await Promise.all(bulk.map(({ name, bytes }) => storage.create(name, bytes)));
    const syncs = place.disk.journal.filter((line) => line === "fsync metadata").length;
    assert.ok(syncs >= 1 && syncs <= 32, `${syncs} syncs for 64 files`);
  });
});

test("no more files are open at once than the concurrency allows", async () => {
  let open = 0;
  let most = 0;
  const written = new Set<number>();
  const place = volatileHarness((calls) => ({
    openNow(path, flags, mode) {
      const fd = calls.openNow(path, flags, mode);
      if (path.includes(".pending/")) {
        most = Math.max(most, ++open);
        written.add(fd);
      }
      return fd;
    },
    async fsync(fd) {
      await calls.fsync(fd);
      if (written.delete(fd)) open -= 1;
    },
  }), { concurrency: 4, flushFrom: Infinity });
  await withPlace(async () => {
    const storage = await place.open();
    await Promise.all([storage.createAll(bulk), ...bulk.map(({ name, bytes }) => storage.create(`9${name}`, bytes))]);
    assert.ok(most > 1 && most <= 4, `${most} at once`);
  }, place);
});

// ---------------------------------------------------------------- failing disks

type Change = (storage: Storage) => Promise<unknown>;
const CHANGES: readonly (readonly [string, Change])[] = [
  ["create", (storage) => storage.create("1.a.json", NEW)],
  ["createAll", (storage) => storage.createAll(bulk)],
  ["replace", (storage) => storage.replace("timestamp.json", NEW, "absent", yes)],
];

describe("a disk that refuses is reported, and used again when it has recovered", () => {
  const rows = [
    { errno: "ENOSPC", at: "write", expect: "unavailable" },
    { errno: "EDQUOT", at: "write", expect: "unavailable" },
    { errno: "EACCES", at: "open", expect: "denied" },
    { errno: "EROFS", at: "open", expect: "denied" },
    { errno: "EIO", at: "link", expect: "unavailable" },
  ] as const;
  for (const { errno, at, expect } of rows) {
    for (const [name, change] of CHANGES) {
      test(`${name}: ${errno} from ${at} is \`${expect}\``, async () => {
        await withPlace(async (place) => {
          const storage = await place.open();
          const fails = (call: Call): void => {
            if (call.name === at || call.name === `${at}Now`) throw failure(errno, "as asked");
          };
          place.disk.watch = { before: fails };
          await assert.rejects(change(storage), code(expect));
          place.disk.watch = {};
          for (const file of Object.keys(present(place))) assert.fail(`${file} was left behind`);
          await change(storage);
        });
      });
    }
  }
});

describe("an fsync that fails is fatal for good", () => {
  for (const [name, change] of CHANGES) {
    for (const target of ["file", "folder"] as const) {
      test(`${name}: of the ${target}`, async () => {
        await withPlace(async (place) => {
          const storage = await place.open();
          place.disk.watch = {
            before(call) {
              const ofFolder = call.path === "metadata";
              const flush = call.name === "flushFileSystem" && fs.readdirSync(join(place.directory, ".pending")).length > 0;
              if (call.name === "fsync" && ofFolder === (target === "folder")) throw failure("EIO", "as asked");
              if (target === "file" && flush) throw failure("EIO", "as asked");
            },
          };
          await assert.rejects(change(storage), code("fatal"));
          place.disk.watch = {};
          for (const [, again] of CHANGES) await assert.rejects(again(storage), code("fatal"));
          if (target === "file") for (const file of Object.keys(present(place))) assert.fail(`${file} became visible`);
        });
      });
    }
  }
});

test("where the whole file system cannot be flushed each file is synced", async () => {
  for (const refuse of [async () => "unsupported" as const, async () => Promise.reject(new Error("no -f"))]) {
    const place = volatileHarness(() => ({ flushFileSystem: refuse }));
    await withPlace(async () => {
      await (await place.open()).createAll(bulk);
      await place.cutPower("keep");
      for (const { name, bytes } of bulk) assert.deepEqual(present(place)[name], bytes);
    }, place);
  }
});

test("when the flush that worked is gone later, each file is synced after all", async () => {
  let flushes = 0;
  const place = volatileHarness((calls) => ({ flushFileSystem: async (directory) => (++flushes === 1 ? calls.flushFileSystem(directory) : "unsupported") }));
  await withPlace(async () => {
    await (await place.open()).createAll(bulk);
    assert.equal(flushes, 2);
    await place.cutPower("keep");
    for (const { name, bytes } of bulk) assert.deepEqual(present(place)[name], bytes);
  }, place);
});

test("a file system that is not known to flush is not trusted with it", async () => {
  const nfs = 0x6969;
  let flushes = 0;
  const place = volatileHarness((calls) => ({
    fileSystemType: async () => nfs,
    flushFileSystem: (directory) => ((flushes += 1), calls.flushFileSystem(directory)),
  }));
  await withPlace(async () => {
    await (await place.open()).createAll(bulk);
    assert.equal(flushes, 0);
    await place.cutPower("keep");
    assert.deepEqual(present(place)["64.b.json"], bulk[63]!.bytes);
  }, place);
});

test("too many open files are waited out", async () => {
  await withPlace(async (place) => {
    const storage = await place.open();
    let left = 2;
    place.disk.watch = {
      before(call) {
        if (call.name === "open" && left-- > 0) throw failure("EMFILE", "as asked");
      },
    };
    assert.equal(await storage.create("1.a.json", NEW), "created");
  });
});

test("too many open files after the rename are no conflict", async () => {
  await withPlace(async (place) => {
    const storage = await place.open();
    await storage.create("timestamp.json", OLD);
    const { token } = (await storage.read("timestamp.json", 1000))!;
    let left = 1;
    place.disk.watch = {
      before(call) {
        if (call.name === "open" && call.path === "metadata" && left-- > 0) throw failure("EMFILE", "as asked");
      },
    };
    assert.equal(await storage.replace("timestamp.json", NEW, token, yes), "replaced");
  });
});

// ---------------------------------------------------------------- unclear answers

describe("an unclear answer is settled by looking", () => {
  test("a network file system replays a link that had succeeded: `created`", async () => {
    await withPlace(async (place) => {
      const storage = await place.open();
      place.disk.watch = {
        after(call) {
          if (call.name === "link") throw failure("EEXIST", "replayed");
        },
      };
      assert.equal(await storage.create("1.a.json", NEW), "created");
      assert.deepEqual(present(place), { "1.a.json": NEW });
    });
  });

  test("a link that succeeded and is reported lost: `created`", async () => {
    await withPlace(async (place) => {
      const storage = await place.open();
      place.disk.watch = {
        after(call) {
          if (call.name === "link") throw failure("EIO", "lost");
        },
      };
      assert.equal(await storage.create("1.a.json", NEW), "created");
    });
  });

  test("a rename that succeeded and is reported lost: `replaced`", async () => {
    await withPlace(async (place) => {
      const storage = await place.open();
      await storage.create("timestamp.json", OLD);
      const { token } = (await storage.read("timestamp.json", 1000))!;
      place.disk.watch = {
        after(call) {
          if (call.name === "renameNow") throw failure("EIO", "lost");
        },
      };
      assert.equal(await storage.replace("timestamp.json", NEW, token, yes), "replaced");
      await place.cutPower("lose");
      assert.deepEqual(present(place)["timestamp.json"], NEW);
    });
  });

  test("a rename that failed leaves the old bytes and says so", async () => {
    await withPlace(async (place) => {
      const storage = await place.open();
      await storage.create("timestamp.json", OLD);
      const { token } = (await storage.read("timestamp.json", 1000))!;
      place.disk.watch = {
        before(call) {
          if (call.name === "renameNow") throw failure("EIO", "as asked");
        },
      };
      await assert.rejects(storage.replace("timestamp.json", NEW, token, yes), code("unavailable"));
      assert.deepEqual(present(place), { "timestamp.json": OLD });
    });
  });

  test("a name created between question and link where nothing should be: `conflict`", async () => {
    await withPlace(async (place) => {
      const storage = await place.open();
      place.disk.watch = {
        before(call) {
          if (call.name === "linkNow") fs.writeFileSync(join(place.directory, "timestamp.json"), OTHER);
        },
      };
      assert.equal(await storage.replace("timestamp.json", NEW, "absent", yes), "conflict");
      assert.deepEqual(present(place), { "timestamp.json": OTHER });
    });
  });

  test("a temporary file that another opening cleaned away is written again", async () => {
    for (const [name, change] of CHANGES) {
      await withPlace(async (place) => {
        const storage = await place.open();
        let left = 1;
        place.disk.watch = {
          before(call) {
            if (!["link", "linkNow", "renameNow"].includes(call.name) || left-- <= 0) return;
            for (const file of fs.readdirSync(join(place.directory, ".pending"))) fs.rmSync(join(place.directory, ".pending", file));
          },
        };
        await change(storage);
        await place.cutPower("lose");
        assert.ok(Object.keys(present(place)).length > 0, name);
      });
    }
  });
});

// ---------------------------------------------------------------- the folder

test("a new folder is 0755 and its files 0644 under a tight umask; one that exists keeps its mode", async () => {
  const root = temporaryFolder();
  try {
    const script = `
      process.umask(0o077);
      const { openPosixStorage } = await import(${JSON.stringify(new URL("./storage.ts", import.meta.url).href)});
      const storage = await openPosixStorage({ directory: ${JSON.stringify(join(root, "new", "metadata"))} });
      await storage.create("1.a.json", Buffer.from("a"));
      await storage.createAll([{ name: "2.a.json", bytes: Buffer.from("b") }]);
      await storage.replace("timestamp.json", Buffer.from("c"), "absent", () => true);`;
    execFileSync(process.execPath, ["--input-type=module", "-e", script]);
    const mode = (path: string): string => (fs.statSync(join(root, "new", "metadata", path)).mode & 0o777).toString(8);
    assert.deepEqual([".", "1.a.json", "2.a.json", "timestamp.json"].map(mode), ["755", "644", "644", "644"]);

    fs.mkdirSync(join(root, "old"));
    fs.chmodSync(join(root, "old"), 0o750);
    await (await openPosixStorage({ directory: join(root, "old") })).close();
    assert.equal(fs.statSync(join(root, "old")).mode & 0o777, 0o750);
  } finally {
    fs.rmSync(root, { recursive: true });
  }
});

describe("links and other things under a metadata name", () => {
  const things: readonly (readonly [string, (path: string, secret: string) => void])[] = [
    ["a link to a file", (path, secret) => fs.symlinkSync(secret, path)],
    ["a link to nothing", (path) => fs.symlinkSync("/nonexistent/file", path)],
    ["a folder", (path) => fs.mkdirSync(path)],
    ["a pipe", (path) => execFileSync("mkfifo", [path])],
  ];
  for (const [name, make] of things) {
    test(`${name} is never read, followed or replaced`, async () => {
      await withPlace(async (place) => {
        const storage = await place.open();
        const path = join(place.directory, "timestamp.json");
        const secret = join(place.disk.root, "secret");
        fs.writeFileSync(secret, OLD);
        make(path, secret);
        const { token } = (await storage.create("1.a.json", OLD), (await storage.read("1.a.json", 1000))!);
        await assert.rejects(storage.read("timestamp.json", 1000), code("denied"));
        assert.equal(await storage.create("timestamp.json", OLD), "other");
        assert.equal(await storage.replace("timestamp.json", NEW, token, yes), "conflict");
        assert.equal(await storage.replace("timestamp.json", NEW, "absent", yes), "conflict");
        assert.deepEqual(fs.readFileSync(secret), OLD);
        assert.ok(!fs.lstatSync(path).isFile());
      });
    });
  }
});

test("what a crash left is removed at the next opening, a probe as well; what is no left-over stays", async () => {
  await withPlace(async (place) => {
    const storage = await place.open();
    await storage.create("1.a.json", NEW);
    fs.writeFileSync(join(place.directory, "index.html"), "not ours");
    let left = 4;
    place.disk.watch = {
      after(call) {
        if (call.name === "fsync" && left-- === 1) {
          place.disk.kill();
          throw failure("EIO", "killed");
        }
      },
    };
    await assert.rejects(storage.prove());
    assert.ok(Object.keys(present(place)).some((name) => name.startsWith(".probe-")), "the probe was there");
    await place.open();
    assert.deepEqual(Object.keys(present(place)).toSorted(), ["1.a.json", "index.html"]);
  });
});

describe("prove refuses a folder that", () => {
  test("has no hard links", async () => {
    const place = volatileHarness(() => ({ linkNow: () => { throw failure("EPERM", "no links here"); } }));
    await withPlace(async () => assert.rejects((await place.open()).prove(), code("unsuitable")), place);
  });
  test("overwrites instead of linking", async () => {
    const place = volatileHarness((calls) => ({ linkNow: (from, to) => { calls.renameNow(from, to); } }));
    await withPlace(async () => assert.rejects((await place.open()).prove(), code("unsuitable")), place);
  });
  test("reads back other bytes", async () => {
    const place = volatileHarness(() => ({ read: async () => Buffer.from("zzz") }));
    await withPlace(async () => assert.rejects((await place.open()).prove(), code("unsuitable")), place);
  });
});

test("prove cleans up after itself", async () => {
  await withPlace(async (place) => {
    await (await place.open()).prove();
    assert.deepEqual(present(place), {});
  });
});

test("close waits for what is in flight, and refuses what comes later", async () => {
  await withPlace(async (place) => {
    const storage = await place.open();
    const creating = storage.create("1.a.json", NEW);
    await storage.close();
    assert.deepEqual(present(place), { "1.a.json": NEW });
    assert.equal(await creating, "created");
    await assert.rejects(storage.create("2.a.json", NEW), code("unavailable"));
  });
});

test("a folder that is unmounted is unavailable, and is not made anew", async () => {
  await withPlace(async (place) => {
    const storage = await place.open();
    fs.renameSync(place.directory, `${place.directory}-gone`);
    await assert.rejects(storage.create("1.a.json", NEW), code("unavailable"));
    await assert.rejects(storage.replace("timestamp.json", NEW, "absent", yes), code("unavailable"));
    assert.ok(!fs.existsSync(place.directory));
    fs.renameSync(`${place.directory}-gone`, place.directory);
    assert.equal(await storage.create("1.a.json", NEW), "created");
  });
});
