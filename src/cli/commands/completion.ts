// rstuf completion: a script that completes commands and options in a shell. It is written from
// the commands there are, all of them in full, so that it never knows others.

import { Argument, Command } from "commander";
import { completionScript, SHELLS, type Shell } from "../completion/script.ts";
import { wordsOf } from "../completion/words.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../errors.ts";
import { examplesText } from "../examples.ts";
import type { CommandParts } from "../tree.ts";

export const COMPLETION_EXAMPLES = ["rstuf completion bash > ~/.rstuf-completion.bash"] as const;

export function completionCommand(context: CliContext, parts: CommandParts): Command {
  return new Command()
    .description("Prints a script that completes commands, options and their values. bash: add `source ~/.rstuf-completion.bash` to ~/.bashrc. zsh: save it as _rstuf in a folder of $fpath. fish: save it as ~/.config/fish/completions/rstuf.fish. Print it again after an upgrade.")
    .addArgument(new Argument("<shell>", "which shell").choices(SHELLS))
    .addHelpText("after", examplesText([{ commands: COMPLETION_EXAMPLES }], "0 printed, 1 failed, 2 used wrongly"))
    .action(async (shell: Shell, flags: { readonly json?: boolean }) => {
      if (parts.whole === undefined) throw new CliError("not-here", "the commands of this program are not known here");
      const script = completionScript(shell, wordsOf(await parts.whole()));
      context.stdout.write(flags.json === true ? `${JSON.stringify({ shell, script })}\n` : script);
    });
}
