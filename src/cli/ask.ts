// Questions to a person at a terminal. Without one nothing is ever asked: the run ends with the
// name of the option that would have answered. Questions are drawn on stderr, so that stdout
// holds results alone. Ctrl-C at a question ends the command, and leaves the terminal as it was.

import type { CliContext } from "./context.ts";
import { CliError } from "./errors.ts";
import { folded } from "./output/width.ts";

const FRAME_COLUMNS = 6;

interface Question {
  readonly message: string;
  /** What a run without a terminal says instead: `--threshold N`. */
  readonly flag: string;
}

export interface TextQuestion extends Question {
  readonly initial?: string;
  readonly placeholder?: string;
  /** What is wrong with an answer, or undefined. Asked again until it is right. */
  readonly check?: (answer: string) => string | undefined;
}

export interface Choice<T> {
  readonly value: T;
  readonly label: string;
  readonly hint?: string;
}

export interface Ask {
  text(question: TextQuestion): Promise<string>;
  /** Not shown while typed. */
  secret(question: Question & { readonly check?: (answer: string) => string | undefined }): Promise<string>;
  confirm(question: Question & { readonly initial?: boolean }): Promise<boolean>;
  choose<T>(question: Question & { readonly choices: readonly Choice<T>[]; readonly initial?: T }): Promise<T>;
  chooseMany<T>(question: Question & { readonly choices: readonly Choice<T>[]; readonly initial?: readonly T[]; readonly atLeastOne?: boolean }): Promise<T[]>;
  /** Something to read before the next question, in a frame; in a log, plain lines. */
  note(title: string, text: string): Promise<void>;
}

export function createAsk(context: CliContext, options: { readonly never?: boolean } = {}): Ask {
  const canAsk = context.canAsk && options.never !== true;
  const streams = { input: context.stdin, output: context.stderr };
  const clack = (): Promise<typeof import("@clack/prompts")> => import("@clack/prompts");

  const put = async <T>(question: Question, draw: (prompts: typeof import("@clack/prompts")) => Promise<unknown>): Promise<T> => {
    if (!canAsk) throw new CliError("answer-missing", `${question.flag} is missing, and there is no terminal to ask at: ${question.message}`, { todo: `say ${question.flag}` });
    const prompts = await clack();
    const answer = await draw(prompts);
    if (prompts.isCancel(answer)) throw new CliError("interrupted", "interrupted");
    return answer as T;
  };

  return {
    text: ({ initial, placeholder, check, ...question }) =>
      put(question, ({ text }) =>
        text({
          ...streams,
          message: question.message,
          ...(placeholder === undefined ? {} : { placeholder }),
          ...(initial === undefined ? {} : { initialValue: initial }),
          ...(check === undefined ? {} : { validate: (answer) => check(answer ?? "") }),
        }),
      ),
    secret: ({ check, ...question }) => put(question, ({ password }) => password({ ...streams, message: question.message, ...(check === undefined ? {} : { validate: (answer) => check(answer ?? "") }) })),
    confirm: ({ initial, ...question }) => put(question, ({ confirm }) => confirm({ ...streams, message: question.message, initialValue: initial ?? false })),
    // The library's options hold primitives best: positions stand for the values.
    async choose({ choices, initial, ...question }) {
      const at = await put<number>(question, ({ select }) => select<number>({ ...streams, message: question.message, options: numbered(choices), initialValue: Math.max(0, choices.findIndex(({ value }) => value === initial)) }));
      return valueAt(choices, at);
    },
    async chooseMany({ choices, initial, atLeastOne, ...question }) {
      const chosen = (initial ?? []).map((value) => choices.findIndex((choice) => choice.value === value)).filter((at) => at >= 0);
      const ats = await put<number[]>(question, ({ multiselect }) => multiselect<number>({ ...streams, message: question.message, options: numbered(choices), initialValues: chosen, required: atLeastOne === true }));
      return ats.map((at) => valueAt(choices, at));
    },
    async note(title, text) {
      // The library would break a long line without its indent; its frame takes six columns.
      if (canAsk) (await clack()).note(text.split("\n").flatMap((line) => folded(line, context.columns() - FRAME_COLUMNS)).join("\n"), title, streams);
      else context.stderr.write(`${title}\n${text}\n`);
    },
  };
}

function numbered(choices: readonly Choice<unknown>[]): { value: number; label: string; hint?: string }[] {
  return choices.map(({ label, hint }, value) => ({ value, label, ...(hint === undefined ? {} : { hint }) }));
}

function valueAt<T>(choices: readonly Choice<T>[], at: number): T {
  const choice = choices[at];
  if (choice === undefined) throw new Error(`the prompt answered ${at}, which is no choice`);
  return choice.value;
}
