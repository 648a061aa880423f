import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createTestContext } from "../../test/fakes/cli.ts";
import { createPerson, KEYS, type Person } from "../../test/fakes/person.ts";
import { createAsk, type Ask } from "./ask.ts";
import { CliError } from "./errors.ts";

async function ask<T>(put: (ask: Ask) => Promise<T>, talk: (person: Person) => Promise<void>): Promise<{ readonly answer: T; readonly stdout: string; readonly seen: string }> {
  const person = createPerson({ columns: 80 });
  const { context, stdout } = createTestContext({ cwd: "/" , talk }, person);
  const [answer] = await Promise.all([put(createAsk(context)).finally(() => person.leave()), talk(person)]);
  return { answer, stdout: stdout(), seen: person.seen() };
}

const CHOICES = [{ value: { n: 1 }, label: "one" }, { value: { n: 2 }, label: "two", hint: "more" }, { value: { n: 3 }, label: "three" }];
const is = (code: CliError["code"]) => (error: unknown): boolean => error instanceof CliError && error.code === code;

describe("questions", () => {
  test("a text, asked again until it is right; on stderr alone", async () => {
    const { answer, stdout } = await ask(
      (a) => a.text({ message: "Threshold", flag: "--threshold", initial: "", check: (text) => (/^[1-9]$/.test(text) ? undefined : "a number from 1 to 9") }),
      async (person) => {
        await person.answers("Threshold", "x");
        await person.sees("a number from 1 to 9");
        person.types(KEYS.backspace, "2", KEYS.enter);
      },
    );
    assert.equal(answer, "2");
    assert.equal(stdout, "");
  });

  test("a secret is never on the screen", async () => {
    const { answer, seen } = await ask((a) => a.secret({ message: "Password", flag: "--password-file" }), (person) => person.answers("Password", "swordfish"));
    assert.equal(answer, "swordfish");
    assert.ok(!seen.includes("swordfish") && !seen.includes("s w o"));
  });

  test("one of several, and many of several, by value", async () => {
    const one = await ask((a) => a.choose({ message: "Which", flag: "--which", choices: CHOICES, initial: CHOICES[1]!.value }), (person) => person.answers("Which", KEYS.down));
    assert.equal(one.answer, CHOICES[2]!.value);
    const many = await ask((a) => a.chooseMany({ message: "Which", flag: "--which", choices: CHOICES, initial: [CHOICES[0]!.value] }), (person) => person.answers("Which", KEYS.down, KEYS.space));
    assert.deepEqual(many.answer, [{ n: 1 }, { n: 2 }]);
  });

  test("yes or no, with no as what Enter means", async () => {
    assert.equal((await ask((a) => a.confirm({ message: "Sure?", flag: "--yes" }), (person) => person.answers("Sure?"))).answer, false);
    assert.equal((await ask((a) => a.confirm({ message: "Sure?", flag: "--yes" }), async (person) => { await person.sees("Sure?"); person.types("y"); })).answer, true);
  });

  test("Ctrl-C ends the command", async () => {
    await assert.rejects(ask((a) => a.text({ message: "Name", flag: "--name" }), async (person) => { await person.sees("Name"); person.types(KEYS.ctrlC); }), is("interrupted"));
  });

  test("without a terminal nothing is asked: the missing option is named", async () => {
    const { context, stderr } = createTestContext({ cwd: "/" });
    const never = createAsk(context);
    for (const put of [() => never.text({ message: "m", flag: "--name" }), () => never.secret({ message: "m", flag: "--name" }), () => never.confirm({ message: "m", flag: "--name" }), () => never.choose({ message: "m", flag: "--name", choices: CHOICES }), () => never.chooseMany({ message: "m", flag: "--name", choices: CHOICES })]) {
      await assert.rejects(put, (error) => is("answer-missing")(error) && (error as CliError).message.includes("--name"));
    }
    assert.equal(stderr(), "");
  });

  test("programs are not asked, though somebody sits there", async () => {
    const person = createPerson({ columns: 80 });
    const { context } = createTestContext({ cwd: "/" }, person);
    await assert.rejects(createAsk(context, { never: true }).text({ message: "m", flag: "--name" }), is("answer-missing"));
  });
});
