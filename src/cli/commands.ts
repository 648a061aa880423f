// The tree of commands. A new command is a line here and a file under commands/.

import type { CommandNode } from "./tree.ts";

export interface MoreCommands {
  readonly commands?: readonly CommandNode[];
  readonly adminCommands?: readonly CommandNode[];
}

export function commandTree(more: MoreCommands): CommandNode[] {
  return [
    ...(more.commands ?? []),
    {
      name: "artifact",
      summary: "tell the repository about artifacts; download them",
      description: "Artifacts: what the repository knows of files, and the files themselves, verified.",
      commands: [
        { name: "add", summary: "tell the repository about files", load: async () => (await import("./commands/artifact/add.ts")).artifactAddCommand },
        { name: "delete", summary: "take artifacts out of the repository", load: async () => (await import("./commands/artifact/delete.ts")).artifactDeleteCommand },
        { name: "list", summary: "list what the repository lists", load: async () => (await import("./commands/artifact/list.ts")).artifactListCommand },
        { name: "info", summary: "show what the repository says of an artifact", load: async () => (await import("./commands/artifact/list.ts")).artifactInfoCommand },
        { name: "publish", summary: "make public what was held back", load: async () => (await import("./commands/artifact/publish.ts")).artifactPublishCommand },
        { name: "download", summary: "download artifacts, each verified", load: async () => (await import("./commands/artifact/download.ts")).downloadCommand },
        {
          name: "repository",
          summary: "the repositories this machine downloads from",
          description: "The repositories this machine downloads from, and the roots they are trusted by.",
          commands: [
            { name: "add", summary: "remember a repository", load: async () => (await import("./commands/artifact/repository.ts")).repositoryAddCommand },
            { name: "update", summary: "change what is known of one", load: async () => (await import("./commands/artifact/repository.ts")).repositoryUpdateCommand },
            { name: "set", summary: "choose the one that downloads use", load: async () => (await import("./commands/artifact/repository.ts")).repositorySetCommand },
            { name: "show", summary: "show one, or all", load: async () => (await import("./commands/artifact/repository.ts")).repositoryShowCommand },
            { name: "delete", summary: "forget a repository", load: async () => (await import("./commands/artifact/repository.ts")).repositoryDeleteCommand },
          ],
        },
      ],
    },
    { name: "status", summary: "how the repository is, on one screen", load: async () => (await import("./commands/status.ts")).statusCommand },
    {
      name: "task",
      summary: "see what became of a request",
      description: "Tasks: what became of what was asked of the service.",
      commands: [
        { name: "info", summary: "show a task", load: async () => (await import("./commands/task/info.ts")).taskInfoCommand },
        { name: "list", summary: "list tasks, newest first", load: async () => (await import("./commands/task/list.ts")).taskListCommand },
        { name: "watch", summary: "tell each state of a task until it has ended", load: async () => (await import("./commands/task/info.ts")).taskWatchCommand },
      ],
    },
    { name: "download", summary: "the same as artifact download", load: async () => (await import("./commands/artifact/download.ts")).downloadCommand },
    { name: "fsck", summary: "check a published repository", load: async () => (await import("./commands/fsck.ts")).fsckCommand },
    {
      name: "key",
      summary: "make and look at signing keys",
      description: "Keys that sign metadata.",
      commands: [
        { name: "generate", summary: "make a key pair", load: async () => (await import("./commands/key/generate.ts")).keyGenerateCommand },
        { name: "info", summary: "say what TUF calls a key", load: async () => (await import("./commands/key/info.ts")).keyInfoCommand },
        { name: "convert", summary: "write a key in another form", load: async () => (await import("./commands/key/convert.ts")).keyConvertCommand },
      ],
    },
    { name: "completion", summary: "complete commands in bash, zsh or fish", load: async () => (await import("./commands/completion.ts")).completionCommand },
    adminGroup(more.adminCommands ?? []),
  ];
}

/** What the people do who run a repository, and those who hold its keys. */
function adminGroup(more: readonly CommandNode[]): CommandNode {
  return {
    name: "admin",
    summary: "hold ceremonies, change root, delegate; back up and recover",
    description: "What the people do who run a repository, and those who hold its keys.",
    commands: [
      { name: "ceremony", summary: "make the first root and start the repository", load: async () => (await import("./commands/admin/ceremony.ts")).ceremonyCommand },
      {
        name: "metadata",
        summary: "change root, sign what waits",
        description: "Documents that people sign.",
        commands: [
          { name: "update", summary: "make the next root", load: async () => (await import("./commands/admin/metadata-update.ts")).metadataUpdateCommand },
          { name: "sign", summary: "sign what waits for signatures", load: async () => (await import("./commands/admin/metadata-sign.ts")).metadataSignCommand },
          { name: "stop-sign", summary: "give up what waits for signatures", load: async () => (await import("./commands/admin/metadata-stop-sign.ts")).metadataStopSignCommand },
          { name: "online", summary: "new versions of what the online key signs", load: async () => (await import("./commands/admin/metadata-online.ts")).metadataOnlineCommand },
        ],
      },
      {
        name: "delegations",
        summary: "custom roles: new, update, delete, upload, list",
        description: "Roles with patterns and keys of their own.",
        commands: [
          { name: "new", summary: "delegate to new roles", load: async () => (await import("./commands/admin/delegations.ts")).delegationsNewCommand },
          { name: "update", summary: "change a role", load: async () => (await import("./commands/admin/delegations.ts")).delegationsUpdateCommand },
          { name: "delete", summary: "take roles away", load: async () => (await import("./commands/admin/delegations.ts")).delegationsDeleteCommand },
          { name: "upload", summary: "the next version of a role that is signed elsewhere", load: async () => (await import("./commands/admin/delegations-upload.ts")).delegationsUploadCommand },
          { name: "list", summary: "show them in order", load: async () => (await import("./commands/admin/delegations-list.ts")).delegationsListCommand },
        ],
      },
      {
        name: "send",
        summary: "upload what was made offline",
        description: "Uploads what was made on a machine without a network.",
        commands: (["bootstrap", "sign", "update", "delegations"] as const).map((kind) => ({ name: kind, summary: SEND_SUMMARIES[kind], load: async () => (await import("./commands/admin/send.ts")).sendCommand(kind) })),
      },
      {
        name: "config",
        summary: "settings of the repository: get, set",
        description: "The repository's settings.",
        commands: [
          { name: "get", summary: "show the settings", load: async () => (await import("./commands/admin/config.ts")).configGetCommand },
          { name: "set", summary: "set how long roles live", load: async () => (await import("./commands/admin/config.ts")).configSetCommand },
        ],
      },
      { name: "import-artifacts", summary: "bring in millions of artifacts", load: async () => (await import("./commands/admin/import-artifacts.ts")).importArtifactsCommand },
      { name: "status", summary: "the same as rstuf status", load: async () => (await import("./commands/status.ts")).statusCommand },
      ...more,
      { name: "resize-bins", summary: "change the number of bins of a running service", load: async () => (await import("./commands/resize-bins.ts")).resizeBinsCommand },
    ],
  };
}

const SEND_SUMMARIES = { bootstrap: "start a repository", sign: "add a signature", update: "send a new root", delegations: "add delegations" } as const;
