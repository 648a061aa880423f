// What every storage must do: each sentence of the port as a case.
//
// A case gets a fresh, empty storage and fails by throwing; so the same table accepts the
// right drivers and is shown to refuse the broken ones kept beside it.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { StorageError } from "../../../src/ports/storage.ts";
import type { Storage, StorageToken } from "../../../src/ports/storage.ts";
import type { PowerCut } from "./volatile-disk.ts";

/** One place where a storage can be opened. */
export interface StorageHarness {
  open(): Promise<Storage>;
  /** Takes everything that is not durable, then opens again. A storage without such things just opens again. */
  cutPower(mode: PowerCut): Promise<Storage>;
  end(): Promise<void>;
}

export interface StorageCase {
  readonly name: string;
  run(harness: StorageHarness, storage: Storage): Promise<void>;
}

export function storageContract(name: string, harness: () => Promise<StorageHarness>): void {
  describe(`storage contract: ${name}`, () => {
    for (const storageCase of STORAGE_CASES) test(storageCase.name, () => runCase(storageCase, harness));
  });
}

export async function runCase(storageCase: StorageCase, harness: () => Promise<StorageHarness>): Promise<void> {
  const place = await harness();
  try {
    await storageCase.run(place, await place.open());
  } finally {
    await place.end();
  }
}

const ONE = Buffer.from('{"one":1}');
const TWO = Buffer.from('{"two":2}');
const LARGE = 1024 * 1024;
const yes = (): boolean => true;

const BAD_NAMES = [
  "", ".", "..", "timestamp", "Timestamp.json", "timestamp.json.gz", "root.json", "0.root.json", "01.root.json", "-1.root.json", "1..json",
  "1.ro ot.json", "1.root.json\n", "1.root.json\0", "../1.root.json", "a/1.root.json", "/1.root.json", ".pending", "1.r\u00f6ot.json", `1.${"a".repeat(129)}.json`,
];

export const STORAGE_CASES: readonly StorageCase[] = [
  {
    name: "create: a new name is `created` and holds our bytes at once",
    async run(_, storage) {
      assert.equal(await storage.create("1.root.json", ONE), "created");
      assert.deepEqual(await bytesOf(storage, "1.root.json"), ONE);
    },
  },
  {
    name: "create: a name that exists is never changed",
    async run(_, storage) {
      await storage.create("1.root.json", ONE);
      assert.equal(await storage.create("1.root.json", TWO), "other");
      assert.deepEqual(await bytesOf(storage, "1.root.json"), ONE);
    },
  },
  {
    name: "create: bytes that differ only in length are `other`",
    async run(_, storage) {
      await storage.create("1.root.json", ONE);
      assert.equal(await storage.create("1.root.json", ONE.subarray(0, -1)), "other");
      assert.equal(await storage.create("1.root.json", Buffer.concat([ONE, ONE])), "other");
      assert.deepEqual(await bytesOf(storage, "1.root.json"), ONE);
    },
  },
  {
    name: "create: the same call again is `same`",
    async run(_, storage) {
      await storage.create("1.root.json", ONE);
      assert.equal(await storage.create("1.root.json", ONE), "same");
    },
  },
  ...(["lose", "keep"] as const).flatMap((mode): StorageCase[] => [
    {
      name: `create: what is \`created\` survives a power cut (${mode})`,
      async run(harness, storage) {
        assert.equal(await storage.create("1.root.json", ONE), "created");
        assert.deepEqual(await bytesOf(await harness.cutPower(mode), "1.root.json"), ONE);
      },
    },
    {
      name: `create: what is \`same\` survives a power cut (${mode})`,
      async run(harness, storage) {
        const other = await harness.open();
        const answers = await Promise.all([storage.create("1.root.json", ONE), other.create("1.root.json", ONE)]);
        assert.deepEqual(answers.toSorted(), ["created", "same"]);
        assert.deepEqual(await bytesOf(await harness.cutPower(mode), "1.root.json"), ONE);
      },
    },
    {
      name: `createAll: everything \`created\` or \`same\` survives a power cut (${mode})`,
      async run(harness, storage) {
        const files = manyFiles(150);
        await storage.create("7.bins-7.json", files[6]!.bytes);
        const answers = await storage.createAll(files);
        assert.deepEqual(answers, files.map((_, at) => (at === 6 ? "same" : "created")));
        const after = await harness.cutPower(mode);
        for (const { name, bytes } of files) assert.deepEqual(await bytesOf(after, name), bytes);
      },
    },
    {
      name: `createAll: a few files survive a power cut as well (${mode})`,
      async run(harness, storage) {
        const files = manyFiles(3);
        assert.deepEqual(await storage.createAll(files), ["created", "created", "created"]);
        const after = await harness.cutPower(mode);
        for (const { name, bytes } of files) assert.deepEqual(await bytesOf(after, name), bytes);
      },
    },
    {
      name: `replace: what is \`replaced\` survives a power cut (${mode})`,
      async run(harness, storage) {
        assert.equal(await storage.replace("timestamp.json", ONE, "absent", yes), "replaced");
        const after = await harness.cutPower(mode);
        assert.deepEqual(await bytesOf(after, "timestamp.json"), ONE);
        assert.equal(await after.replace("timestamp.json", TWO, await tokenOf(after, "timestamp.json"), yes), "replaced");
        assert.deepEqual(await bytesOf(await harness.cutPower(mode), "timestamp.json"), TWO);
      },
    },
  ]),
  {
    name: "create: a reader never sees part of a file",
    async run(harness, storage) {
      const bytes = randomBytes(LARGE);
      const reader = await harness.open();
      await whileReading(reader, "1.targets.json", (seen) => seen === undefined || seen.equals(bytes), () => storage.create("1.targets.json", bytes));
    },
  },
  {
    name: "create: two at once with other bytes leave one of them, whole",
    async run(harness, storage) {
      const other = await harness.open();
      const [a, b] = [randomBytes(1000), randomBytes(1000)];
      const answers = await Promise.all([storage.create("1.targets.json", a), other.create("1.targets.json", b)]);
      assert.deepEqual(answers.toSorted(), ["created", "other"]);
      assert.deepEqual(await bytesOf(storage, "1.targets.json"), answers[0] === "created" ? a : b);
    },
  },
  {
    name: "calls on different names are safe at the same time",
    async run(_, storage) {
      const files = manyFiles(100);
      const answers = await Promise.all(files.map(({ name, bytes }) => storage.create(name, bytes)));
      assert.deepEqual(new Set(answers), new Set(["created"]));
      const read = await Promise.all(files.map(({ name }) => bytesOf(storage, name)));
      assert.deepEqual(read, files.map(({ bytes }) => bytes));
    },
  },
  {
    name: "createAll: answers come in the order given, each as create would answer",
    async run(_, storage) {
      await storage.create("2.a.json", ONE);
      await storage.create("3.a.json", ONE);
      const answers = await storage.createAll([
        { name: "1.a.json", bytes: ONE },
        { name: "2.a.json", bytes: ONE },
        { name: "3.a.json", bytes: TWO },
        { name: "4.a.json", bytes: TWO },
      ]);
      assert.deepEqual(answers, ["created", "same", "other", "created"]);
      assert.deepEqual(await bytesOf(storage, "3.a.json"), ONE);
      assert.deepEqual(await bytesOf(storage, "4.a.json"), TWO);
    },
  },
  {
    name: "createAll: a name given twice is created once, in the order given",
    async run(_, storage) {
      const twice = [
        { name: "1.a.json", bytes: ONE },
        { name: "1.a.json", bytes: TWO },
        { name: "1.a.json", bytes: ONE },
      ];
      assert.deepEqual(await storage.createAll(twice), ["created", "other", "same"]);
      assert.deepEqual(await bytesOf(storage, "1.a.json"), ONE);
    },
  },
  {
    name: "createAll: who holds it up holds up nothing else",
    async run(_, storage) {
      const held = Promise.withResolvers<undefined>();
      let asked = 0;
      let over = false;
      const made = storage.createAll(manyFiles(150), async () => {
        asked += 1;
        await held.promise;
      }).finally(() => { over = true; });
      while (asked === 0) await new Promise((resolve) => setImmediate(resolve));
      assert.equal(await storage.create("1.other.json", ONE), "created");
      assert.equal(over, false);
      held.resolve(undefined);
      assert.deepEqual(new Set(await made), new Set(["created"]));
    },
  },
  {
    name: "createAll: nothing asked, nothing done",
    async run(_, storage) {
      assert.deepEqual(await storage.createAll([]), []);
    },
  },
  {
    name: "createAll: more than 10,000 files or 64 MiB is refused before anything is written",
    async run(_, storage) {
      const tooMany = Array.from({ length: 10_001 }, (__, at) => ({ name: `${at + 1}.a.json`, bytes: ONE }));
      await assertCode("too-large", () => storage.createAll(tooMany));
      const half = Buffer.alloc(32 * 1024 * 1024 + 1);
      await assertCode("too-large", () => storage.createAll([{ name: "1.a.json", bytes: half }, { name: "2.a.json", bytes: half }]));
      assert.equal(await storage.read("1.a.json", 100), undefined);
    },
  },
  {
    name: "createAll: one bad name refuses the whole call before anything is written",
    async run(_, storage) {
      await assertCode("bad-name", () => storage.createAll([{ name: "1.a.json", bytes: ONE }, { name: "../2.a.json", bytes: ONE }]));
      assert.equal(await storage.read("1.a.json", 100), undefined);
    },
  },
  {
    name: "read: undefined when there is none",
    async run(_, storage) {
      assert.equal(await storage.read("1.root.json", 100), undefined);
    },
  },
  {
    name: "read: `too-large` over maxBytes, and not at it",
    async run(_, storage) {
      await storage.create("1.root.json", ONE);
      assert.deepEqual((await storage.read("1.root.json", ONE.length))?.bytes, ONE);
      await assertCode("too-large", () => storage.read("1.root.json", ONE.length - 1));
    },
  },
  {
    name: "read: never cached, what another opening wrote is seen",
    async run(harness, storage) {
      const other = await harness.open();
      await storage.replace("timestamp.json", ONE, "absent", yes);
      assert.deepEqual(await bytesOf(other, "timestamp.json"), ONE);
      await storage.replace("timestamp.json", TWO, await tokenOf(storage, "timestamp.json"), yes);
      assert.deepEqual(await bytesOf(other, "timestamp.json"), TWO);
    },
  },
  {
    name: "replace: swaps the bytes while the token holds",
    async run(_, storage) {
      await storage.create("timestamp.json", ONE);
      assert.equal(await storage.replace("timestamp.json", TWO, await tokenOf(storage, "timestamp.json"), yes), "replaced");
      assert.deepEqual(await bytesOf(storage, "timestamp.json"), TWO);
    },
  },
  {
    name: "replace: a stale token is a conflict, and nothing changes",
    async run(_, storage) {
      await storage.create("timestamp.json", ONE);
      const stale = await tokenOf(storage, "timestamp.json");
      await storage.replace("timestamp.json", TWO, stale, yes);
      assert.equal(await storage.replace("timestamp.json", ONE, stale, yes), "conflict");
      assert.deepEqual(await bytesOf(storage, "timestamp.json"), TWO);
    },
  },
  {
    name: "replace: a name that vanished is a conflict, and stays away",
    async run(_, storage) {
      await storage.create("timestamp.json", ONE);
      const token = await tokenOf(storage, "timestamp.json");
      await storage.remove("timestamp.json");
      assert.equal(await storage.replace("timestamp.json", TWO, token, yes), "conflict");
      assert.equal(await storage.read("timestamp.json", 100), undefined);
    },
  },
  {
    name: "replace: `absent` writes only where nothing is",
    async run(_, storage) {
      assert.equal(await storage.replace("timestamp.json", ONE, "absent", yes), "replaced");
      assert.equal(await storage.replace("timestamp.json", TWO, "absent", yes), "conflict");
      assert.deepEqual(await bytesOf(storage, "timestamp.json"), ONE);
    },
  },
  {
    name: "replace: mayWrite is asked before the write, and its no is a conflict",
    async run(_, storage) {
      await storage.create("timestamp.json", ONE);
      let asked = 0;
      const no = (): boolean => {
        asked += 1;
        return false;
      };
      assert.equal(await storage.replace("timestamp.json", TWO, await tokenOf(storage, "timestamp.json"), no), "conflict");
      assert.equal(asked, 1);
      assert.deepEqual(await bytesOf(storage, "timestamp.json"), ONE);
      assert.equal(await storage.replace("1.a.json", TWO, "absent", no), "conflict");
      assert.equal(await storage.read("1.a.json", 100), undefined);
    },
  },
  {
    name: "replace: of two with the same token one wins, the other is a conflict",
    async run(harness, storage) {
      const other = await harness.open();
      await storage.create("timestamp.json", ONE);
      const token = await tokenOf(storage, "timestamp.json");
      const [a, b] = [randomBytes(500), randomBytes(500)];
      const answers = await Promise.all([storage.replace("timestamp.json", a, token, yes), other.replace("timestamp.json", b, token, yes)]);
      assert.deepEqual(answers.toSorted(), ["conflict", "replaced"]);
      assert.deepEqual(await bytesOf(storage, "timestamp.json"), answers[0] === "replaced" ? a : b);
    },
  },
  {
    name: "replace: a reader sees the old bytes or the new ones, whole",
    async run(harness, storage) {
      const [before, after] = [randomBytes(LARGE), randomBytes(LARGE)];
      const reader = await harness.open();
      await storage.create("timestamp.json", before);
      const token = await tokenOf(storage, "timestamp.json");
      const whole = (seen: Buffer | undefined): boolean => seen !== undefined && (seen.equals(before) || seen.equals(after));
      await whileReading(reader, "timestamp.json", whole, () => storage.replace("timestamp.json", after, token, yes));
    },
  },
  {
    name: "remove: the name is gone, its neighbours stay, and it may be created again",
    async run(_, storage) {
      await storage.create("1.a.json", ONE);
      await storage.create("2.a.json", TWO);
      await storage.remove("1.a.json");
      assert.equal(await storage.read("1.a.json", 100), undefined);
      assert.deepEqual(await bytesOf(storage, "2.a.json"), TWO);
      assert.equal(await storage.create("1.a.json", TWO), "created");
    },
  },
  {
    name: "remove: a name that is not there counts as removed",
    async run(_, storage) {
      await storage.remove("1.a.json");
    },
  },
  {
    name: "a name that is no metadata name is `bad-name`, whatever is asked",
    async run(_, storage) {
      for (const name of BAD_NAMES) {
        await assertCode("bad-name", () => storage.create(name, ONE), name);
        await assertCode("bad-name", () => storage.createAll([{ name, bytes: ONE }]), name);
        await assertCode("bad-name", () => storage.read(name, 100), name);
        await assertCode("bad-name", () => storage.replace(name, ONE, "absent", yes), name);
        await assertCode("bad-name", () => storage.remove(name), name);
      }
    },
  },
  {
    name: "prove: passes, more than once, beside other openings, and disturbs nothing",
    async run(harness, storage) {
      await storage.create("1.root.json", ONE);
      const other = await harness.open();
      await Promise.all([storage.prove(), other.prove()]);
      await storage.prove();
      assert.deepEqual(await bytesOf(storage, "1.root.json"), ONE);
    },
  },
  {
    name: "any sequence of calls answers as a plain map would",
    async run(harness) {
      await fc.assert(fc.asyncProperty(fc.array(STEP, { maxLength: 25 }), (steps) => followsTheModel(harness, steps)), { numRuns: 20 });
    },
  },
];

// ---------------------------------------------------------------- the model

const NAMES = ["timestamp.json", "1.a.json", "2.a.json"] as const;
const CONTENTS = ["", "a", "ab", "b".repeat(5000)] as const;
const STEP = fc.record({
  kind: fc.constantFrom("create", "createAll", "replace", "stale", "absent", "remove", "read"),
  name: fc.constantFrom(...NAMES),
  bytes: fc.constantFrom(...CONTENTS).map((text) => Buffer.from(text)),
});

async function followsTheModel(harness: StorageHarness, steps: readonly { kind: string; name: string; bytes: Buffer }[]): Promise<void> {
  const storage = await harness.open();
  for (const name of NAMES) await storage.remove(name);
  const model = new Map<string, Buffer>();
  const stale = new Map<string, { token: StorageToken; bytes: Buffer }>();
  const created = (name: string, bytes: Buffer): string => {
    const present = model.get(name);
    if (present === undefined) model.set(name, bytes);
    return present === undefined ? "created" : present.equals(bytes) ? "same" : "other";
  };
  const replaced = (holds: boolean, name: string, bytes: Buffer): string => {
    if (holds) model.set(name, bytes);
    return holds ? "replaced" : "conflict";
  };

  for (const { kind, name, bytes } of steps) {
    switch (kind) {
      case "create":
        assert.equal(await storage.create(name, bytes), created(name, bytes));
        break;
      case "createAll": {
        const files = NAMES.map((each) => ({ name: each, bytes }));
        assert.deepEqual(await storage.createAll(files), files.map((file) => created(file.name, file.bytes)));
        break;
      }
      case "replace": {
        const present = await storage.read(name, 10_000);
        if (present !== undefined) assert.equal(await storage.replace(name, bytes, present.token, yes), replaced(true, name, bytes));
        break;
      }
      case "stale": {
        const held = stale.get(name);
        if (held === undefined) break;
        // A token stands for bytes: when they are back, it holds again.
        assert.equal(await storage.replace(name, bytes, held.token, yes), replaced(model.get(name)?.equals(held.bytes) === true, name, bytes));
        break;
      }
      case "absent":
        assert.equal(await storage.replace(name, bytes, "absent", yes), replaced(!model.has(name), name, bytes));
        break;
      case "remove":
        await storage.remove(name);
        model.delete(name);
        break;
    }
    const found = await storage.read(name, 10_000);
    assert.deepEqual(found?.bytes, model.get(name));
    if (found !== undefined) stale.set(name, found);
  }
  await storage.close();
}

// ---------------------------------------------------------------- beneath

function manyFiles(count: number): { readonly name: string; readonly bytes: Buffer }[] {
  return Array.from({ length: count }, (_, at) => ({ name: `${at + 1}.bins-${at + 1}.json`, bytes: Buffer.from(`{"bin":${at},"x":"${"x".repeat(at)}"}`) }));
}

async function bytesOf(storage: Storage, name: string): Promise<Buffer | undefined> {
  return (await storage.read(name, 2 * LARGE))?.bytes;
}

async function tokenOf(storage: Storage, name: string): Promise<StorageToken> {
  const found = await storage.read(name, 2 * LARGE);
  assert.ok(found !== undefined, `${name} is there`);
  return found.token;
}

/** Reads over and over until `write` has ended; every reading must be `right`. */
async function whileReading(storage: Storage, name: string, right: (seen: Buffer | undefined) => boolean, write: () => Promise<unknown>): Promise<void> {
  const state = { writing: true };
  const written = write().finally(() => (state.writing = false));
  do {
    assert.ok(right(await bytesOf(storage, name)), "a whole file");
  } while (state.writing);
  await written;
  assert.ok(right(await bytesOf(storage, name)), "a whole file");
}

async function assertCode(code: StorageError["code"], call: () => Promise<unknown>, about = ""): Promise<void> {
  await assert.rejects(call, (error) => error instanceof StorageError && error.code === code, `${code} ${JSON.stringify(about)}`);
}
