// Completion scripts. Each walks the words before the cursor to the command they name, and offers
// what that command takes. Nothing is run while completing: all words are in the script.

import type { CommandWords, OptionWords, Value } from "./words.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

export function completionScript(shell: Shell, all: readonly CommandWords[]): string {
  return { bash, zsh, fish }[shell](all);
}

const keyOf = ({ path }: CommandWords): string => path.join(" ");
/** For every shell here: nothing within is expanded. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const namesOf = (options: readonly OptionWords[]): string[] => options.flatMap(({ names }) => names);
const valued = (all: readonly CommandWords[]): string[] => [...new Set(all.flatMap(({ options }) => namesOf(options.filter(({ value, canStandAlone }) => value !== undefined && !canStandAlone))))];

/** Also zsh's way of finding the command: the same words lead to it. */
function walk(all: readonly CommandWords[], words: string): string {
  return `  local command="" word skip=""
  for word in ${words}; do
    if [[ -n $skip ]]; then skip=""; continue; fi
    case "$word" in
      ${valued(all).join("|")}) skip=1; continue ;;
      -*) continue ;;
    esac
    case "\${command:+$command }$word" in
${wrappedNames(all.filter(({ path }) => path.length > 0).map((each) => quoted(keyOf(each))))}) command="\${command:+$command }$word" ;;
    esac
  done
`;
}

function wrappedNames(names: readonly string[]): string {
  return names.map((name) => `      ${name}`).join("|\\\n");
}

function bash(all: readonly CommandWords[]): string {
  const cases = all.map((each) => {
    const words = [...each.commands.map(({ name }) => name), ...(Array.isArray(each.argument) ? (each.argument as string[]) : [])];
    const files = each.argument === "file" ? "file" : each.argument === "folder" ? "folder" : "";
    return `    ${quoted(keyOf(each))}) words=${quoted(words.join(" "))} options=${quoted(namesOf(each.options).join(" "))} kind=${quoted(files)} ;;\n`;
  });
  return `# rstuf completion for bash. Written by: rstuf completion bash
_rstuf() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} words="" options="" kind=""
  COMPREPLY=()
${walk(all, '"${COMP_WORDS[@]:1:COMP_CWORD-1}"')}  case "$command:$prev" in
${valueCases(all, (value) => (value === "file" ? 'kind=file' : value === "folder" ? "kind=folder" : value === "other" ? "kind=none" : `kind=none words=${quoted(value.join(" "))}`))}  esac
  if [[ -z $kind ]]; then
    case "$command" in
${cases.join("")}    esac
    if [[ $cur == -* ]]; then words=$options kind=""; fi
  fi
  if [[ -n $words ]]; then COMPREPLY=( $(compgen -W "$words" -- "$cur") ); fi
  local IFS=$'\n'
  case "$kind" in
    file) compopt -o filenames 2>/dev/null; COMPREPLY+=( $(compgen -f -- "$cur") ) ;;
    folder) compopt -o filenames 2>/dev/null; COMPREPLY+=( $(compgen -d -- "$cur") ) ;;
  esac
}
complete -F _rstuf rstuf
`;
}

/** \`command:option\`) what its value is. */
function valueCases(all: readonly CommandWords[], told: (value: Value) => string): string {
  return all.flatMap((each) => each.options.flatMap(({ names, value }) => (value === undefined ? [] : [`    ${names.map((name) => quoted(`${keyOf(each)}:${name}`)).join("|")}) ${told(value)} ;;\n`]))).join("");
}

function zsh(all: readonly CommandWords[]): string {
  const described = (items: readonly { readonly name: string; readonly says: string }[]): string => items.map(({ name, says }) => quoted(`${name}:${says.replaceAll(":", " -")}`)).join(" ");
  const cases = all.map((each) => {
    const argument = each.argument === "file" ? "_files" : each.argument === "folder" ? "_files -/" : Array.isArray(each.argument) ? `compadd -- ${each.argument.join(" ")}` : ":";
    return `    ${quoted(keyOf(each))})
      commands=(${described(each.commands)})
      options=(${described(each.options.flatMap(({ names, says }) => names.map((name) => ({ name, says }))))})
      argument=${quoted(argument)} ;;\n`;
  });
  return `#compdef rstuf
# rstuf completion for zsh. Written by: rstuf completion zsh
_rstuf() {
  local argument=":" cur=\${words[CURRENT]} prev=\${words[CURRENT-1]}
  local -a commands options
${walk(all, '"${(@)words[2,CURRENT-1]}"')}  case "$command:$prev" in
${valueCases(all, (value) => `${value === "file" ? "_files" : value === "folder" ? "_files -/" : value === "other" ? "_message value" : `compadd -- ${value.join(" ")}`}; return`)}  esac
  case "$command" in
${cases.join("")}  esac
  if [[ $cur == -* ]]; then
    _describe -o option options
  else
    if (( \${#commands} )); then _describe command commands; fi
    eval "$argument"
  fi
}
if [[ "\${funcstack[1]}" == _rstuf ]]; then _rstuf "$@"; else compdef _rstuf rstuf; fi
`;
}

function fish(all: readonly CommandWords[]): string {
  const lines = all.flatMap((each) => {
    const when = `-n ${quoted(`test (__rstuf_command) = ${JSON.stringify(keyOf(each))}`)}`;
    return [
      ...each.commands.map(({ name, says }) => `complete -c rstuf -f ${when} -a ${quoted(name)} -d ${quoted(says)}`),
      ...(Array.isArray(each.argument) ? [`complete -c rstuf -f ${when} -a ${quoted(each.argument.join(" "))}`] : each.argument === "file" || each.argument === "folder" ? [`complete -c rstuf -F ${when}`] : [`complete -c rstuf -f ${when}`]),
      ...each.options.map(({ names, says, value }) => `complete -c rstuf ${when} ${names.map((name) => (name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`)).join(" ")}${value === undefined ? "" : value === "file" || value === "folder" ? " -r -F" : value === "other" ? " -x" : ` -x -a ${quoted(value.join(" "))}`} -d ${quoted(says)}`),
    ];
  });
  return `# rstuf completion for fish. Written by: rstuf completion fish
function __rstuf_command
    set -l command ""
    set -l skip ""
    for word in (commandline -opc)[2..-1]
        if test -n "$skip"
            set skip ""
            continue
        end
        switch $word
            case ${valued(all).map(quoted).join(" ")}
                set skip 1
                continue
            case '-*'
                continue
        end
        set -l next (string trim -- "$command $word")
        switch $next
            case ${all.filter(({ path }) => path.length > 0).map((each) => quoted(keyOf(each))).join(" ")}
                set command $next
        end
    end
    echo $command
end
${lines.join("\n")}
`;
}
