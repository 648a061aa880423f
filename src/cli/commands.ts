// The tree of commands. A new command is a line here and a file under commands/.

import type { CommandNode } from "./tree.ts";

export interface MoreCommands {
  readonly commands?: readonly CommandNode[];
  readonly adminCommands?: readonly CommandNode[];
}

export function commandTree(more: MoreCommands): CommandNode[] {
  return [
    ...(more.commands ?? []),
    { name: "download", summary: "download artifacts, each verified", load: async () => (await import("./commands/download.ts")).downloadCommand },
    { name: "fsck", summary: "check a published repository", load: async () => (await import("./commands/fsck.ts")).fsckCommand },
    {
      name: "key",
      summary: "make and look at signing keys",
      description: "Keys that sign metadata.",
      commands: [
        { name: "generate", summary: "make a key pair", load: async () => (await import("./commands/key.ts")).keyGenerateCommand },
        { name: "info", summary: "say what TUF calls a key", load: async () => (await import("./commands/key.ts")).keyInfoCommand },
      ],
    },
    ...(more.adminCommands === undefined
      ? []
      : [
          {
            name: "admin",
            summary: "back up, restore and recover a data directory",
            description: "What the people do who run a repository, and those who hold its keys.",
            commands: [
              ...more.adminCommands,
              { name: "resize-bins", summary: "change the number of bins of a running service", load: async () => (await import("./commands/resize-bins.ts")).resizeBinsCommand },
            ],
          },
        ]),
  ];
}
